"""The `OutputPlan` of each output that is scored, settled by the first rows of a fit."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from kerascb_metrics.collect.model_facts import ModelFacts
from kerascb_metrics.exceptions import naming_output
from kerascb_metrics.interpret.losses import LossReading
from kerascb_metrics.interpret.outputs import Outputs
from kerascb_metrics.pipeline.settling import (
    are_not_of_the_loss,
    describe,
    looks_like_one_class,
    padding_is_scored,
    refuse_element_weights,
    settle_task,
)
from kerascb_metrics.predictions import Predictions
from kerascb_metrics.score.plan import OutputPlan, Plan
from kerascb_metrics.score.scoring import Scoring
from kerascb_metrics.tally import streaming
from kerascb_metrics.tally.folds import FOLDS
from kerascb_metrics.tally.streaming import tables_of

Rows = Mapping[str | None, Predictions]


class OutputPlans(Mapping[str | None, OutputPlan]):
    """A mapping from each output that was settled to its `OutputPlan`; empty before the first rows of the fit.

    Args:
        plan: the `Plan`.
        use_sample_weight: whether weights count.
        describe_output: called with (output, sentence) for each output, to say how it is read.
        warn: called with (topic, sentence).
    """

    def __init__(
        self,
        plan: Plan,
        use_sample_weight: bool,
        describe_output: Callable[[str | None, str], None],
        warn: Callable[[object, str], None],
    ) -> None:
        self._plan, self._use_sample_weight = plan, use_sample_weight
        self._describe_output, self._warn = describe_output, warn
        self._settled: dict[str | None, OutputPlan] = {}

    def __getitem__(self, output: str | None) -> OutputPlan:
        return self._settled[output]

    def __iter__(self) -> Iterator[str | None]:
        return iter(self._settled)

    def __len__(self) -> int:
        return len(self._settled)

    def settle(self, rows: Rows, outputs: Outputs, facts: ModelFacts) -> dict[str | None, OutputPlan]:
        """Return the plan of each output that is scored; one that has none yet is settled by these rows.

        Args:
            rows: output → its rows.
            outputs: the model's `Outputs`.
            facts: the `ModelFacts`.

        Raises:
            DataError: for rows that cannot be read.
            ValueError: for a score that is not defined for the task.
        """
        for output in rows:
            scoring = self._plan.scoring_of(output, outputs.names)
            if scoring is not None and output not in self._settled:
                loss = outputs.loss_of(output)
                self._settled[output] = self._of_rows(output, rows[output], scoring, loss, facts)
        return {output: self._settled[output] for output in rows if output in self._settled}

    def _of_rows(
        self, output: str | None, rows: Predictions, scoring: Scoring, loss: LossReading, facts: ModelFacts
    ) -> OutputPlan:
        rows, told = rows if self._use_sample_weight else rows.unweighted(), self._plan.task_of(output)
        with naming_output(output):
            task = settle_task(told, rows, loss, scoring)
            if facts.is_fit_pass:
                refuse_element_weights(rows, loss)
        self._doubt("one class", output, looks_like_one_class(told, task, rows, loss))
        if facts.is_fit_pass:  # so Keras computes the loss of these targets
            self._doubt("targets", output, are_not_of_the_loss(task, rows, loss))
        padding = padding_is_scored(task, rows, loss, facts.masking_layer)
        self._describe_output(output, f"{describe(task, rows, loss)}.{padding}")
        return OutputPlan(scoring, task, loss)

    def _doubt(self, topic: str, output: str | None, doubt: str) -> None:
        if doubt:
            self._warn((topic, output), f"output {output!r}: {doubt}" if output else doubt)


def labels_suffice(task: Any, scoring: Scoring) -> bool:
    """Return whether the scores of an output need nothing but the labels of its rows."""
    return not (scoring.ranks(task.kind) or scoring.chooses or scoring.needing_rows(task.kind))


def why_rows_are_kept(plan: Plan, plans: Mapping[str | None, OutputPlan], rows: Rows, means: bool) -> str:
    """Return why the rows of a pass are kept, though they are many; "" if counts are enough.

    Args:
        plan: the `Plan`.
        plans: the `OutputPlan` of each output that is scored.
        rows: output → some rows of the pass.
        means: whether the mean probability of each row is kept.
    """
    return _needs_rows(plan, plans, means) or _has_many_classes(plans, rows)


def _needs_rows(plan: Plan, plans: Mapping[str | None, OutputPlan], means: bool) -> str:
    names = [name for own in plans.values() for name in own.scoring.needing_rows(own.task.kind)]
    names += ["slices with a chosen threshold"] * any(plan.slices and own.scoring.chooses for own in plans.values())
    names += ["mean_probability"] * means
    return f"they are needed for {', '.join(names)}" if names else ""


def _has_many_classes(plans: Mapping[str | None, OutputPlan], rows: Rows) -> str:
    """The tables of all classes may take a good part of the memory of the rows."""
    tables = sum(
        tables_of(own.task.kind, rows[output].columns) * (1 + FOLDS if own.scoring.chooses else 1)
        for output, own in plans.items()
        if own.scoring.ranks(own.task.kind) or own.scoring.chooses
    )
    kept = sum(own.y_pred.nbytes + own.y_true.nbytes for own in rows.values())
    many = tables * streaming.TABLE_BYTES > kept // 4
    return f"the counts of {tables} classes take {tables * streaming.TABLE_BYTES >> 20} MiB" if many else ""
