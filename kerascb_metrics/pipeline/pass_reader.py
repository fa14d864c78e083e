"""Collect → interpret → tally: captured batches as the `Tally` of each output.

Rows that are kept are read when the pass has ended. Others are read part by part, as they come, and counted.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from keras import tree

from kerascb_metrics.collect import row_store
from kerascb_metrics.collect.label_rule import LabelRule
from kerascb_metrics.collect.model_facts import ModelFacts
from kerascb_metrics.collect.processes import captures_own_rows, is_multi_process
from kerascb_metrics.collect.row_store import RowConsumer
from kerascb_metrics.exceptions import DataError, naming_output
from kerascb_metrics.insight.binned_thresholds import with_chosen_threshold_of_bins
from kerascb_metrics.insight.labelled_pass import LabelledPass
from kerascb_metrics.insight.thresholds import objective_of, with_chosen_threshold
from kerascb_metrics.interpret.advice import read_rows
from kerascb_metrics.interpret.join import Batch
from kerascb_metrics.interpret.labeled_rows import LabeledRows
from kerascb_metrics.interpret.outputs import Outputs
from kerascb_metrics.pipeline.counted_output import CountedOutput
from kerascb_metrics.pipeline.label_rules import LabelRules, are_labelled
from kerascb_metrics.pipeline.last_axis import LastAxes, known_columns
from kerascb_metrics.pipeline.mean_probability import MeanProbability
from kerascb_metrics.pipeline.output_plans import OutputPlans, labels_suffice, why_rows_are_kept
from kerascb_metrics.pipeline.rows_at_hand import RowReading, RowsAtHand
from kerascb_metrics.pipeline.trial import Trial, refuse_untargeted
from kerascb_metrics.predictions import Predictions
from kerascb_metrics.score.plan import OutputPlan, Plan
from kerascb_metrics.score.scoring import Scoring
from kerascb_metrics.tally.across_processes import merged, refuse_if_any
from kerascb_metrics.tally.exact import ExactTally
from kerascb_metrics.tally.sliced import SlicedCounts
from kerascb_metrics.tally.streaming import StreamingTally
from kerascb_metrics.tally.tally import Tally

Captured = row_store.Batch  # the arrays of all outputs; a `Batch` has those of one
Rows = dict[str | None, Predictions]


@dataclass(frozen=True)
class Reading:
    """One output of a pass, ready to be scored.

    Attributes:
        tally: its `Tally`.
        scoring: its `Scoring`.
        shapes: the shapes of its targets and outputs, in words.
        sliced: what was counted of the groups of `slices`, where rows are not kept.
    """

    tally: Tally
    scoring: Scoring
    shapes: str
    sliced: SlicedCounts | None = None


class Reader(RowConsumer):
    """Reads the passes of one fit.

    Args:
        plan, use_sample_weight, describe_output, warn: as in `OutputPlans`.
        mean_probability: whether to keep, for each row, the mean over the passes of the probability of its target.

    Attributes:
        rows_at_hand: the `RowsAtHand` of the last pass; None where its rows are not kept.
        right: output → which rows of the last pass were right, where its rows are only counted; None: not kept.
    """

    def __init__(
        self,
        plan: Plan,
        use_sample_weight: bool,
        describe_output: Callable[[str | None, str], None],
        warn: Callable[[object, str], None],
        mean_probability: bool = False,
    ) -> None:
        self.memory = plan.memory
        self.rows_at_hand: RowsAtHand | None = None
        self.right: dict[str | None, LabelledPass | None] = {}
        self._plan, self._use_sample_weight = plan, use_sample_weight
        self._warn = warn
        self._plans = OutputPlans(plan, use_sample_weight, describe_output, warn)
        self._certain: dict[str | None, Any] = {}  # the tasks that were known before any pass has ended
        self._labels = LabelRules()
        self._exceeded = False  # whether the rows of a pass took more than memory="auto" keeps
        self._last_axes = LastAxes()
        self._means = MeanProbability(warn) if mean_probability else None
        self.begin(0, ModelFacts())

    def begin(self, epoch: int, facts: ModelFacts) -> None:
        """Begin a pass.

        Args:
            epoch: counted from 0.
            facts: the `ModelFacts` of the model that makes the pass.
        """
        self._epoch, self._facts = epoch, facts
        self._outputs: Outputs | None = None  # known from the first batch on
        self._counted: dict[str | None, CountedOutput] = {}
        self._rules_of: dict[Any, list[LabelRule | None]] = {}  # by what is known of a batch
        self._why_kept = ""
        self._warning: str | None = None
        self._error: Exception | None = None

    def end(self) -> None:
        """End a pass: release the counts and what belongs to the model."""
        self.begin(self._epoch, ModelFacts())

    def __getstate__(self) -> dict[str, Any]:
        """A copy, or a pickle, holds no unfinished pass, and so no part of the model."""
        copy = object.__new__(type(self))
        vars(copy).update(vars(self))
        copy.end()
        return vars(copy)

    @property
    def wants_first(self) -> bool:
        """Whether this is the first pass of the fit: its first batch is read at once."""
        return not self._plans

    def check(self, batches: Sequence[Captured]) -> None:
        """Read the first batch of the fit for a trial, so that what cannot be scored is not found after the pass."""
        try:
            parts = self._parts_of(batches)
            assert self._outputs is not None
            facts = self._facts
            trial = Trial(self._plan, self._outputs, facts.structure, self._use_sample_weight, facts.is_fit_pass)
            self._certain = trial.check(parts)
        except Exception:
            self.end()
            raise

    # Labels made on the device, where nothing needs the outputs.

    @property
    def counts_only(self) -> bool:
        """Whether no row of the pass is kept: with "auto", once they were too many, if labels suffice."""
        if self.memory != "auto" or not self._exceeded or is_multi_process():
            return self.memory == "bounded"
        return all(labels_suffice(plan.task, plan.scoring) for plan in self._plans.values())

    def label_rules(self, outputs: Any) -> Sequence[LabelRule | None]:
        """Return how each output of a batch becomes labels on the device, as far as tasks are known."""
        if self._error is not None or not (self._plans or self._certain):
            return ()
        leaves = tree.flatten(outputs)
        kind = (len(self._plans), *((tuple(leaf.shape), leaf.dtype) for leaf in leaves))
        if kind not in self._rules_of:
            keys = self._outputs_of({"y_pred": outputs}).keys
            fits = len(leaves) == len(keys)  # if not, reading the rows will raise it
            pairs = zip(keys, leaves, strict=True) if fits else ()
            self._rules_of[kind] = [self._label_rule(output, leaf) for output, leaf in pairs]
        return self._rules_of[kind]

    def _label_rule(self, output: str | None, tensor: Any) -> LabelRule | None:
        assert self._outputs is not None
        scoring = self._plan.scoring_of(output, self.output_names)
        task = self._plans[output].task if output in self._plans else self._certain.get(output)
        if task is None or scoring is None or not labels_suffice(task, scoring):
            return None
        axes = self._outputs.axes_of(output, self._facts.structure)
        return self._labels.of(output, task, self._outputs.loss_of(output), tensor, axes)

    # As a `RowConsumer`. An error waits for the end of the pass, and so does a warning, which may be an error.

    def counts_suffice(self, batches: Sequence[Captured]) -> bool:
        """Tell whether counts are enough for every score, and take less memory."""
        try:
            rows = self._rows_of(batches, counted=True)
            means = self._means is not None
            self._why_kept = why_rows_are_kept(self._plan, self._plans_of(rows), rows, means)
        except Exception as error:
            self._error = error
        return not self._why_kept

    def notify_kept(self, kept: bool) -> None:
        """Note whether the rows are kept, for the warning at the end of the pass."""
        self._exceeded = not kept
        begun = f"epoch {self._epoch}: the validation rows take more than memory='auto' keeps"
        if not kept:
            self._warning = (
                f"{begun}, so only counts were kept. Label scores stay exact; ROC AUC and average precision are the "
                "midpoints of the intervals in `history.bounds`; there are no `predictions`. Pass memory='exact' to "
                "keep the rows, or memory='bounded' to keep counts without this warning."
            )
        elif self._why_kept:
            self._warning = f"{begun}, but were kept: {self._why_kept}."

    def inspect(self, batches: Sequence[Captured]) -> None:
        """Settle the tasks, so that all processes agree."""
        try:
            self._plans_of(self._rows_of(batches, counted=True))
        except Exception as error:
            self._error = error

    def consume(self, batches: Sequence[Captured]) -> None:
        """Count some rows of the pass."""
        if self._error is not None:
            return
        try:
            for _, alike in groupby(batches, key=are_labelled):
                self._count(list(alike))
        except Exception as error:
            self._error = error

    def _count(self, batches: Sequence[Captured]) -> None:
        rows = self._rows_of(batches, counted=True)
        for output, plan in self._plans_of(rows).items():
            if output not in self._counted:
                self._counted[output] = CountedOutput(plan, self._plan.slices)
            own = self._weighed(rows[output])
            self._counted[output].add(self._labeled(output, own), own.y_pred.dtype.name, own)

    # When the pass has ended.

    @property
    def predictions(self) -> Predictions | dict[str, Predictions] | None:
        """The last pass's `Predictions`, by output where there are several; None where its rows are not kept."""
        return None if self.rows_at_hand is None else self.rows_at_hand.predictions

    def read(self, batches: Sequence[Captured], complete: bool = True) -> dict[str | None, Reading]:
        """Return output → `Reading` of the pass; the key None stands for the only output.

        Args:
            batches: those that were kept.
            complete: whether the pass saw all of its data.
        """
        if self._warning is not None:
            self._warn("memory", self._warning)
        in_parts = self.memory == "bounded" or (captures_own_rows() and self._exceeded)
        shared = in_parts and is_multi_process()
        tallies = self._tallies()
        if shared:
            refuse_if_any(self._error, tallies)
            tallies = {name: merged(tally) for name, tally in tallies.items()}
        elif self._error is not None:
            raise self._error
        return self._read_counts(tallies) if tallies else self._read_rows(batches, complete)

    def _tallies(self) -> dict[str | None, StreamingTally]:
        """Return output → what was counted. An error is noted: other processes must learn of it before it raises."""
        try:
            return {} if self._error is not None else {name: own.tally() for name, own in self._counted.items()}
        except DataError as error:
            self._error = error
            return {}

    def _read_rows(self, batches: Sequence[Captured], complete: bool) -> dict[str | None, Reading]:
        rows, plans = self._rows_of(batches), {}
        found, readings = {}, {}
        for name, plan in self._plans_of(rows).items():
            own, plans[name] = rows[name], plan
            labeled, precision = self._labeled(name, own), plan.scoring.averages_precision
            tally = ExactTally(labeled, precision=precision, rows=self._weighed(own))
            if labeled.labeling.chosen_by is not None:
                tally = with_chosen_threshold(tally, objective_of(plan.scoring, labeled.labeling))
            shapes = f"targets {own.y_true.shape} and outputs {own.y_pred.shape}"
            found[name] = Reading(tally, plan.scoring, shapes)
            means = self._means.add(name, tally) if self._means is not None and complete else None
            readings[name] = RowReading(plan.task, plan.loss, self._use_sample_weight, tally.chosen, means)
            rows[name] = replace(own, _reading=readings[name])
        if self._means is not None and complete:
            self._means.refuse_none()
        self.rows_at_hand = RowsAtHand(rows, plans, readings)
        return found

    def _read_counts(self, tallies: Mapping[str | None, StreamingTally]) -> dict[str | None, Reading]:
        self.rows_at_hand = None
        found = {}
        self.right = {name: own.labelled() for name, own in self._counted.items()}
        for name, tally in tallies.items():
            scoring = self._plans[name].scoring
            if tally.folds:
                tally = with_chosen_threshold_of_bins(tally, objective_of(scoring, tally.labeling))
            shapes = f"{len(tally)} rows, of which counts were kept"
            found[name] = Reading(tally, scoring, shapes, self._counted[name].sliced)
        return found

    # Rows of each output.

    def _rows_of(self, batches: Sequence[Captured], counted: bool = False) -> Rows:
        rows = {name: self._joined(name, own, counted) for name, own in self._parts_of(batches).items()}
        assert self._outputs is not None
        labelled = dict(zip(self._outputs.keys, are_labelled(batches[0]), strict=False))
        return {
            name: replace(own, _labelled=self._labels.labelled_by(name)) if labelled.get(name) else own
            for name, own in rows.items()
        }

    def _parts_of(self, batches: Sequence[Captured]) -> dict[str | None, list[Batch]]:
        if not batches:
            raise DataError(
                "Metrics: the validation pass had no batch, so there is nothing to score. Check that it has data."
            )
        outputs = self._outputs_of(batches[0])
        parts = outputs.split([self._labels.unpacked(batch, outputs.keys) for batch in batches], self._plan.only)
        if not self._plans:
            refuse_untargeted(self._plan, outputs, parts)
            for output, own in parts.items():
                outputs.refuse_axis(output, own[0]["y_pred"].ndim)
            self._plan.check_scores(outputs, parts)
        return parts

    def _outputs_of(self, batch: Captured) -> Outputs:
        if self._outputs is None:
            self._outputs = Outputs.of(batch["y_pred"], self._facts.loss, self._facts.layer_names)
            self._plan.check_names(self._outputs)
        return self._outputs

    def _joined(self, output: str | None, batches: list[Batch], counted: bool) -> Predictions:
        assert self._outputs is not None
        axes = self._outputs.axes_of(output, self._facts.structure)
        loss = self._outputs.loss_of(output)
        has_columns = known_columns(axes, self._plan.task_of(output), loss, batches)
        if has_columns is None and counted:
            has_columns = self._last_axes.may_hold_columns(output, batches)
        return Predictions.join(batches, has_columns)

    # How they are read.

    def _plans_of(self, rows: Rows) -> dict[str | None, OutputPlan]:
        assert self._outputs is not None
        return self._plans.settle(rows, self._outputs, self._facts)

    def _labeled(self, output: str | None, rows: Predictions) -> LabeledRows:
        assert self._outputs is not None
        with naming_output(output):
            return read_rows(self._plans[output].task, self._weighed(rows), self._outputs.loss_of(output))

    def _weighed(self, rows: Predictions) -> Predictions:
        return rows if self._use_sample_weight else rows.unweighted()

    @property
    def output_names(self) -> tuple[str, ...]:
        """The names of the model's outputs where there are several, once a batch is here."""
        return () if self._outputs is None else self._outputs.names
