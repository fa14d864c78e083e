"""Interpret: captured batches as the `Evidence` of each output, by tasks that are settled once a fit.

Rows that are kept are read when the pass has ended. Others are read part by part, as they come, and counted.
"""

from dataclasses import dataclass
from typing import Any

from kerascb_metrics.collect.model_facts import ModelFacts
from kerascb_metrics.collect.processes import is_multi_process
from kerascb_metrics.collect.row_store import RowConsumer
from kerascb_metrics.exceptions import DataError, naming_output
from kerascb_metrics.interpret.infer_task import infer_task
from kerascb_metrics.interpret.outputs import Outputs
from kerascb_metrics.predictions import Predictions
from kerascb_metrics.score.score import Scoring
from kerascb_metrics.tally import streaming
from kerascb_metrics.tally.across_processes import merged, refuse_if_any
from kerascb_metrics.tally.exact import Evidence

# Families of losses whose outputs have one column per class.
_OF_COLUMNS = ("categorical", "categorical_hinge", "crossentropy")


@dataclass(frozen=True)
class Reading:
    """What one output of a pass says, and what is asked of it.

    Attributes:
        evidence: the `Evidence`.
        scoring: the `Scoring`.
        shapes: of its targets and outputs, in words.
    """

    evidence: Evidence
    scoring: Scoring
    shapes: str


class Reader(RowConsumer):
    """Reads the passes of one fit.

    Args:
        plan: the `Plan`.
        use_sample_weight: whether weights count.
        tell: called with (output, sentence) for each output, to say how it is read.
        say: called with (topic, sentence) for a warning.

    Attributes:
        predictions: the last pass's `Predictions`, by output where there are several; None where its rows are not kept.
    """

    def __init__(self, plan, use_sample_weight, tell, say):
        self.memory = plan.memory
        self.predictions: Any = None
        self._plan, self._use_sample_weight, self._tell, self._say = plan, use_sample_weight, tell, say
        self._tasks: dict = {}
        self._last_axes: dict = {}  # output → the length of its last axis, or None where that is no axis of columns
        self.begin(0, ModelFacts())

    def begin(self, epoch: int, facts: ModelFacts) -> None:
        """Begin a pass.

        Args:
            epoch: counted from 0.
            facts: the `ModelFacts` of the model that makes the pass.
        """
        self._epoch, self._facts = epoch, facts
        self._outputs: Any = None  # known once a batch is here
        self._counted: dict = {}
        self._why_kept = ""
        self._to_say: str | None = None
        self._error: Exception | None = None

    def end(self):
        """End a pass: let go of what was counted, and of what is the model's."""
        self.begin(self._epoch, ModelFacts())

    def __getstate__(self):
        """A copy, or a pickle, has nothing of a pass that did not end, and so nothing of the model either."""
        copy = object.__new__(type(self))
        vars(copy).update(vars(self))
        copy.end()
        return vars(copy)

    # As a `RowConsumer`. An error waits for the end of the pass, and so does a warning, which may be one.

    def counts_suffice(self, batches):
        """Tell whether counts are enough for every score, and take less memory."""
        try:
            rows = self._rows_of(batches, counted=True)
            self._why_kept = self._needs_rows(rows) or self._has_many_classes(rows)
        except Exception as error:
            self._error = error
        return not self._why_kept

    def notify_kept(self, kept):
        """Keep in mind what to say of it."""
        begun = f"epoch {self._epoch + 1}: the rows of the validation pass take more than memory='auto' keeps"
        if not kept:
            self._to_say = (
                f"{begun}, so only counts were kept. Label scores stay exact; ROC AUC and average precision are the "
                "middle of the intervals in `history.bounds`; `predictions` is None. memory='exact' keeps the rows, "
                "memory='bounded' never does, and says nothing."
            )
        elif self._why_kept:
            self._to_say = f"{begun}, and were kept all the same: {self._why_kept}."

    def inspect(self, batches):
        """Settle the tasks, so that all processes do it alike."""
        try:
            self._scorings(self._rows_of(batches, counted=True))
        except Exception as error:
            self._error = error

    def consume(self, batches):
        """Count some rows of the pass."""
        if self._error is not None:
            return
        try:
            rows = self._rows_of(batches, counted=True)
            for output, scoring in self._scorings(rows).items():
                counts = self._counted.setdefault(output, streaming.Counting(bool(scoring.ranked)))
                counts.add(self._evidence(output, rows[output]), rows[output].y_pred.dtype.name)
        except Exception as error:
            self._error = error

    # When the pass has ended.

    def read(self, batches):
        """Return output → `Reading` of the pass; None → that of an only output.

        Args:
            batches: those that were kept.
        """
        if self._to_say is not None:
            self._say("memory", self._to_say)
        shared = self.memory == "bounded" and is_multi_process()
        if shared:
            refuse_if_any(self._error)
        elif self._error is not None:
            raise self._error
        return self._read_counts(shared) if self._counted else self._read_rows(batches)

    def _read_rows(self, batches):
        rows = self._rows_of(batches)
        self.predictions = rows.get(None, rows)
        return {
            name: Reading(
                self._evidence(name, rows[name]),
                scoring,
                f"targets {rows[name].y_true.shape} and outputs {rows[name].y_pred.shape}",
            )
            for name, scoring in self._scorings(rows).items()
        }

    def _read_counts(self, shared):
        self.predictions = None
        found = {}
        for name, counts in self._counted.items():
            evidence = merged(counts.evidence()) if shared else counts.evidence()
            scoring = self._plan.scoring_of(name, self.output_names)
            found[name] = Reading(evidence, scoring, f"{evidence.rows} rows, of which counts were kept")
        return found

    def _rows_of(self, batches, counted=False):
        if not batches:
            raise DataError("Metrics: the validation pass ran no batch, so there is nothing to score.")
        if self._outputs is None:
            facts = self._facts
            self._outputs = Outputs.of(batches[0]["y_pred"], facts.loss, facts.layer_names)
            self._plan.check_names(self._outputs)
        parts = self._outputs.split(batches, self._plan.only)
        if not self._tasks:
            self._refuse_untargeted(parts)
            for output, own in parts.items():
                self._outputs.refuse_axis(output, own[0]["y_pred"].ndim)
            self._plan.check_scores(self._outputs, parts)
        return {name: self._joined(name, own, counted) for name, own in parts.items()}

    def _joined(self, output, batches, counted):
        has_columns = self._known_columns(output, batches)
        if has_columns is None and counted:
            has_columns = self._has_columns(output, batches)
        return Predictions.join(batches, has_columns)

    def _known_columns(self, output: str | None, batches: list) -> bool | None:
        """Tell whether the model says that an output's last axis is one of columns; None where it does not say.

        An axis of unknown length is one of positions, unless the task, the loss or the targets want columns. A known
        one does not say it where the number of rows is known too: a Sequential model that is built by its first batch
        takes all of that batch's shape for its own.
        """
        lengths = {batch["y_pred"].shape[1:][-1:] for batch in batches}
        axes = self._outputs.axes_of(output, self._facts.structure)
        if axes is None or len(axes) < 2:
            return None
        if axes[-1] is not None:
            return True if axes[0] is None and lengths == {(axes[-1],)} else None
        task, family = self._plan.task_of(output), self._outputs.loss_of(output).family
        wants_columns = getattr(task, "kind", None) in ("multiclass", "multilabel") or family in _OF_COLUMNS
        # One target for several outputs of a row: they are columns, whatever the loss is.
        shared = any(0 < batch["y_true"].size < batch["y_pred"].size for batch in batches)
        return None if wants_columns or shared else False

    def _refuse_untargeted(self, parts):
        """An output whose scores were asked for by its name must have targets."""
        missing = [name for name in self._plan.asked_by_output(self.output_names) if name not in parts]
        if missing:
            raise DataError(
                f"Metrics: scoring= asks for scores of the output {', '.join(map(repr, missing))}, which has no "
                "targets in the validation data. Add them, or leave it out of scoring=."
            )

    def _has_columns(self, output, batches):
        """Tell whether the last axis of an output may be one of columns; for all parts, which are read one by one.

        Of sequences (B, T) of different T it is none, and each position is a row. A part of one T does not show that.
        """
        lengths = {batch["y_pred"].shape[1:][-1:] for batch in batches}
        own = None if len(lengths) > 1 else lengths.pop()
        known = self._last_axes.setdefault(output, own)
        if known not in (None, own):
            raise DataError(
                f"Metrics: the outputs' last axis is {known[0] if known else 1} long in some validation batches and "
                "not in others, so they cannot be counted part by part. Pad them, or pass memory='exact'."
            )
        return known is not None

    def _has_many_classes(self, rows):
        """Say so where the tables of all classes would take a good part of what the rows take."""
        tables = sum(
            streaming.tables_of(self._tasks[output].kind, rows[output].columns)
            for output, scoring in self._scorings(rows).items()
            if scoring.ranked
        )
        kept = sum(own.y_pred.nbytes + own.y_true.nbytes for own in rows.values())
        many = tables * streaming.TABLE_BYTES > kept // 4
        return f"the counts of {tables} classes take {tables * streaming.TABLE_BYTES >> 20} MiB" if many else ""

    def _scorings(self, rows):
        """The `Scoring` of each output that is scored, its task settled."""
        found = {name: self._plan.scoring_of(name, self.output_names) for name in rows}
        found = {name: scoring for name, scoring in found.items() if scoring is not None}
        for name in found.keys() - self._tasks.keys():
            self._tasks[name] = self._settled(name, rows[name], found[name])
        return found

    def _needs_rows(self, rows):
        scorings = self._scorings(rows)
        names = [name for output, own in scorings.items() for name in own.needing_rows(self._tasks[output].kind)]
        return f"{', '.join(names)} cannot do without them" if names else ""

    def _settled(self, output, rows, scoring):
        loss = self._outputs.loss_of(output)
        with naming_output(output):
            task = settle_task(self._plan.task_of(output), rows, loss, scoring)
        self._tell(output, f"{describe(task, rows, loss)}.")
        return task

    def _evidence(self, output, rows):
        rows = rows if self._use_sample_weight else rows.unweighted()
        with naming_output(output):
            return self._tasks[output].read(rows, self._outputs.loss_of(output))

    @property
    def output_names(self) -> tuple[str, ...]:
        """The names of the model's outputs where there are several, once a batch is here."""
        return () if self._outputs is None else self._outputs.names


def settle_task(task, rows, loss, scoring):
    """Return the task of a pass, inferred where it is "auto", and checked against the scores asked for."""
    settled = infer_task(rows, loss) if task == "auto" else task
    scoring.check(settled.kind, loss.name)
    return settled


def describe(task, rows, loss):
    """Say in one sentence how the outputs are read.

    >>> import numpy as np
    >>> from kerascb_metrics import Binary
    >>> from kerascb_metrics.interpret.losses import read_loss
    >>> rows = Predictions(np.array([0, 1]), np.array([[0.2], [0.9]]))
    >>> describe(Binary(), rows, read_loss("binary_crossentropy"))
    'binary task (loss binary_crossentropy, output (None, 1)), positive when probability > 0.5'
    """
    shape = (None, *rows.y_pred.shape[1:])
    return f"{task.kind} task (loss {loss.name}, output {shape}), {task.describe(loss)}"
