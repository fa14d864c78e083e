"""The rows of a pass that are at hand afterwards: as they came, as labels, and as the tally that scores are made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from kerascb_metrics.exceptions import naming_output
from kerascb_metrics.insight.thresholds import labelled_by
from kerascb_metrics.interpret.advice import read_rows
from kerascb_metrics.interpret.join import Rows
from kerascb_metrics.interpret.losses import LossReading
from kerascb_metrics.pipeline.row_frame import all_rows, hardest_rows, surest_mistakes
from kerascb_metrics.predictions import Predictions
from kerascb_metrics.score.plan import OutputPlan
from kerascb_metrics.score.score import Score
from kerascb_metrics.score.scoring import Scoring
from kerascb_metrics.tally.chosen import ChosenThreshold
from kerascb_metrics.tally.exact import ExactTally


@dataclass(frozen=True, eq=False)
class RowReading:
    """How the rows of an output are read; what holds the rows need not hold them as they were read.

    Attributes:
        task: the settled task.
        loss: what the compiled loss tells about the output.
        use_sample_weight: whether weights count.
        chosen: the threshold that a score chose for the rows, or None.
        mean_probability: None, or the mean over epochs of the probability of each target, see `MeanProbability`.
    """

    task: Any
    loss: LossReading
    use_sample_weight: bool
    chosen: ChosenThreshold | None = None
    mean_probability: np.ndarray | None = None

    def tally(self, rows: Rows) -> ExactTally:
        """Read the rows again, and label them as they were labelled."""
        rows = rows if self.use_sample_weight else rows.unweighted()
        tally = ExactTally(read_rows(self.task, rows, self.loss), rows=rows)
        return tally if self.chosen is None else labelled_by(tally, self.chosen)

    def labels(self, rows: Rows) -> np.ndarray:
        """Return the label of each position, see `Predictions.labels`."""
        tally = self.tally(rows)
        if tally.kind == "regression":
            raise AttributeError("a regression has no labels: its predictions are the outputs themselves, `y_pred`.")
        _refuse_unreadable(tally, "labels")
        labels = tally.labels[1]
        kept, present = tally.labeled.kept, tally.labeled.present
        shape = rows.y_pred.shape if tally.kind == "multilabel" else _shape_of_positions(rows, tally)
        if kept is None and present is None:
            return labels.reshape(shape)
        kept = np.ones(len(labels), bool) if kept is None else kept
        spread, hidden = (
            np.zeros((len(kept), *labels.shape[1:]), labels.dtype),
            np.ones((len(kept), *labels.shape[1:]), bool),
        )
        spread[kept], hidden[kept] = labels, False if present is None else ~present
        return np.ma.MaskedArray(spread.reshape(shape), hidden.reshape(shape))

    def frame(self, rows: Rows, groups: object) -> Any:
        """Return all rows as a frame, see `Predictions.to_frame`."""
        return all_rows(self._with_losses(rows), groups, self.mean_probability)

    def hardest(self, rows: Rows, n: int, groups: object) -> Any:
        """Return the rows of the highest loss, see `Predictions.hardest`."""
        return hardest_rows(self._with_losses(rows), n, groups, self.mean_probability)

    def confident_mistakes(self, rows: Rows, n: int, groups: object) -> Any:
        """Return the surest mistakes, see `Predictions.confident_mistakes`."""
        return surest_mistakes(self._with_losses(rows), n, groups, self.mean_probability)

    def _with_losses(self, rows: Rows) -> ExactTally:
        tally = self.tally(rows)
        _refuse_unreadable(tally, "losses")
        return tally


def _refuse_unreadable(tally: ExactTally, wanted: str) -> None:
    if tally.unreadable:
        raise ValueError(f"no {wanted}: {tally.unreadable}.")


def _shape_of_positions(rows: Rows, tally: ExactTally) -> tuple[int, ...]:
    shape = rows.y_pred.shape
    positions = len(tally) if tally.labeled.kept is None else len(tally.labeled.kept)
    has_axis = len(shape) > 1 and (shape[-1] == 1 or rows.y_pred.size > positions)
    return shape[:-1] if has_axis else shape


@dataclass(frozen=True, eq=False)
class RowsAtHand:
    """The rows of one pass.

    Attributes:
        predictions: output → its `Predictions`; the key None stands for the only output.
        plans: output → its `OutputPlan`, of the outputs that were scored.
        readings: output → its `RowReading`.
    """

    rows: Mapping[str | None, Predictions]
    plans: Mapping[str | None, OutputPlan]
    readings: Mapping[str | None, RowReading]

    @property
    def predictions(self) -> Predictions | dict[str, Predictions]:
        """The `Predictions`, by output where there are several."""
        several = {name: own for name, own in self.rows.items() if name is not None}
        return self.rows.get(None, several)

    def tally(self, output: str | None) -> ExactTally:
        """Return the tally of an output, read again.

        Raises:
            ValueError: if there is no such output.
        """
        if output not in self.readings:
            known = ", ".join(repr(name) for name in self.readings if name is not None)
            if not known:
                raise ValueError(f"there is a single output, without a name: leave output={output!r} out.")
            raise ValueError(f"output must be one of {known}; received {output!r}.")
        with naming_output(output):
            return self.readings[output].tally(self.rows[output])

    def score(self, output: str | None, name: str) -> Score | None:
        """Return a score of an output by its name; None if no such score returned one number for it."""
        plan = self.plans.get(output)
        scores = [] if plan is None else plan.scoring.for_kind(plan.task.kind)
        return next((score for score in scores if score.name == name), None)

    def scoring(self, output: str | None) -> Scoring:
        """Return the `Scoring` of an output that `tally` knows."""
        return self.plans[output].scoring
