"""The threshold of a binary task, or of each label: the best one, and what it is worth on rows that did not choose it.

The best threshold of some rows has a higher score on the same rows than on others. So the samples are cut into five
folds; each fold is labelled by the threshold that the other four choose, and the counts of all five are scored once.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kerascb_metrics._blocks import blocks
from kerascb_metrics.insight.objective import Objective
from kerascb_metrics.insight.search import best_threshold_of
from kerascb_metrics.insight.sorted_rows import Folds
from kerascb_metrics.interpret.labeled_rows import Labeling
from kerascb_metrics.interpret.thresholds import compared_in, cuts_of
from kerascb_metrics.interpret.weights import FOUR_FACTORS, tamed
from kerascb_metrics.score.score import Options
from kerascb_metrics.score.scoring import Scoring
from kerascb_metrics.tally.chosen import ChosenThreshold
from kerascb_metrics.tally.exact import ExactTally
from kerascb_metrics.tally.folds import FOLDS

# The targets, outputs, weights and folds of two classes, and above which number a row is positive by default.
_Column = tuple[np.ndarray, np.ndarray, np.ndarray | None, npt.NDArray[np.uint8], Any]


class BestThreshold(NamedTuple):
    """A threshold, and what it is worth; of a multilabel task arrays with one value per label.

    Attributes:
        threshold: rows above it are positive; in the unit of `Binary(threshold=…)`. nan: none is allowed, or there is
            nothing to choose by.
        value: the score, or the cost per row, on the same rows.
        cross_fitted: the same, each fifth of the samples labelled by the threshold that the other four choose: what to
            expect of new rows. nan if `at_least` allows none to some four fifths.
    """

    threshold: float | npt.NDArray[np.float64]
    value: float | npt.NDArray[np.float64]
    cross_fitted: float | npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Fitted:
    """The best threshold of two classes.

    Attributes:
        threshold: that of all rows; nan where there is none.
        cuts: (folds,) above which number a row of each fold is positive, by the other four folds; where they have no
            positive row, the default one. nan if `at_least` allows none to them.
        value: the score of all rows with `threshold`; nan where there is none.
        cross_fitted: the score of all rows, each fold with its own of `cuts`; nan if one of these is.
    """

    threshold: float
    cuts: npt.NDArray[np.floating]
    value: float
    cross_fitted: float


def best_threshold(tally: ExactTally, objective: Objective) -> BestThreshold:
    """Return the best threshold of rows; of labels one for each.

    Args:
        tally: of a binary or multilabel task, with its rows.
        objective: what is best.
    """
    if tally.undefined:
        gone = np.full(1 if tally.kind == "binary" else len(tally.classes), np.nan)
        columns = [gone] * 3
    else:
        found = _fitted_columns(tally, objective, tally.folds)
        columns = [np.array([getattr(own, name) for own in found]) for name in ("threshold", "value", "cross_fitted")]
    return BestThreshold(*(float(own[0]) if tally.kind == "binary" else own for own in columns))


def with_chosen_threshold(tally: ExactTally, objective: Objective) -> ExactTally:
    """Return the rows of a tally labelled by the thresholds that a score chooses, each fold by the other four.

    Args:
        tally: of a binary or multilabel task, with its rows.
        objective: what is best, without `at_least`.
    """
    if tally.undefined:
        return replace(tally, chosen=_nothing_chosen(tally), memo={})
    found = _fitted_columns(tally, objective, tally.folds)
    chosen = ChosenThreshold(np.array([own.threshold for own in found]), np.stack([own.cuts for own in found], axis=1))
    return labelled_by(tally, chosen)


def labelled_by(tally: ExactTally, chosen: ChosenThreshold) -> ExactTally:
    """Return the rows of a tally labelled by thresholds that were chosen for them before."""
    cuts, folds = chosen.cuts[:, 0] if tally.kind == "binary" else chosen.cuts, tally.folds
    labels = np.empty(tally.outputs.shape, bool)
    for block in blocks(tally.outputs):
        np.greater(tally.outputs[block], cuts[folds[block]], out=labels[block])
    return replace(tally, chosen=chosen, given_labels=labels, memo={})


def objective_of(scoring: Scoring, labeling: Labeling) -> Objective:
    """Return what the threshold of a task is chosen for: the score that it names, with the average of the panel.

    Args:
        scoring: the `Scoring` of the output.
        labeling: of a binary or multilabel task; each label is a binary task of its own.
    """
    return Objective.of(labeling.chosen_by, **options_of(scoring, labeling))


def options_of(scoring: Scoring, labeling: Labeling) -> dict[str, Any]:
    """Return the options of an `Objective` that the scores and the task give."""
    is_binary = labeling.kind == "binary"
    average = Options(scoring.average).average_for("binary") if is_binary else "binary"
    return {
        "average": average or "binary",
        "pos_index": labeling.pos_index if is_binary else 1,
        "zero_division": float(scoring.zero_division),
    }


def fitted(rows: Folds, objective: Objective, labeling: Labeling, default: npt.ArrayLike) -> Fitted:
    """Choose the threshold of two classes: by all rows, and for each fold by the others.

    Args:
        rows: in five folds.
        objective: what is best.
        labeling: what the outputs are.
        default: above which number a row is positive where there is nothing to choose by.
    """
    dtype = next(iter(rows.parts)).scores.dtype
    cuts = np.empty(FOLDS, dtype)
    for fold in range(FOLDS):
        others = rows.without(fold)
        threshold = _best_of(others, objective, labeling)
        can_choose = threshold == threshold or (objective.at_least and others.totals()[objective.pos_index] > 0)
        cuts[fold] = cuts_of(threshold, labeling.scale, dtype) if can_choose else default
    threshold = _best_of(rows, objective, labeling)
    value = _value_of(rows, objective, [cuts_of(threshold, labeling.scale, dtype)] * FOLDS)
    return Fitted(threshold, cuts, value, _value_of(rows, objective, cuts))


def _best_of(rows: Folds, objective: Objective, labeling: Labeling) -> float:
    if rows.totals()[objective.pos_index] <= 0:
        return float("nan")
    best = best_threshold_of(rows, objective, labeling.scale)
    return float("nan") if best is None else best.threshold


def _value_of(rows: Folds, objective: Objective, cuts: npt.ArrayLike) -> float:
    """Return the score of all rows, each fold labelled by its own threshold: the counts are added, then scored once."""
    own_cuts = np.asarray(cuts)
    if np.isnan(own_cuts).any():
        return float("nan")
    above = np.array([rows.only(fold).above(own_cuts[fold : fold + 1]) for fold in range(FOLDS)])
    fp, tp = above.sum(axis=0)
    return objective.value(rows.tables(fp, tp))


def _fitted_columns(tally: ExactTally, objective: Objective, folds: npt.NDArray[np.uint8]) -> list[Fitted]:
    found = []
    for y_true, outputs, weight, own_folds, default in _columns(tally, folds):
        scores = outputs.astype(compared_in(outputs), copy=False)
        weight = None if weight is None else tamed(weight, FOUR_FACTORS)
        found.append(fitted(Folds.of(y_true, scores, own_folds, weight), objective, tally.labeling, default))
    return found


def _columns(tally: ExactTally, folds: npt.NDArray[np.uint8]) -> Iterator[_Column]:
    """Yield the targets, outputs, weights and folds of a binary task, or of each label, and its default."""
    labeled = tally.labeled
    if tally.kind == "binary":
        yield labeled.y_true, labeled.outputs, labeled.sample_weight, folds, tally.threshold
        return
    defaults = np.broadcast_to(np.asarray(tally.threshold), len(tally.classes))
    for index, default in enumerate(defaults):
        own = labeled.column(index)
        own_folds = folds if labeled.present is None else folds[labeled.present[:, index]]
        yield own.y_true, own.outputs, own.sample_weight, own_folds, default


def _nothing_chosen(tally: ExactTally) -> ChosenThreshold:
    """What is chosen where the rows cannot be scored: nothing, and all folds have the default threshold."""
    cuts = np.atleast_1d(np.asarray(tally.threshold, compared_in(tally.outputs)))
    cuts = np.broadcast_to(cuts, 1 if tally.kind == "binary" else len(tally.classes))
    return ChosenThreshold(np.full(len(cuts), np.nan), np.tile(cuts, (FOLDS, 1)))
