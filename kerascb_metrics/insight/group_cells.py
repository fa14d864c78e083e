"""The four cells of each class in groups of rows, and the scores that they give."""

import math

import numpy as np
import numpy.typing as npt

from kerascb_metrics.insight.known_scores import KnownScore
from kerascb_metrics.insight.labelled_pass import LabelledPass
from kerascb_metrics.insight.table_scores import OF_CLASSES, table_score
from kerascb_metrics.interpret.weights import FOUR_FACTORS, tamed
from kerascb_metrics.score.averaged import Cells, Masses
from kerascb_metrics.tally.sample_cells import cells_by_number


def cells_of_rows(given: LabelledPass, numbers: npt.NDArray[np.integer], count: int) -> Masses:
    """Return the cells of the rows of each number, (count, 4, C): tp, fp, fn, tn; `numbers` are those of the rows."""
    rows = given.rows
    weight = None if rows.weight is None else tamed(rows.weight, FOUR_FACTORS)
    return cells_by_number(rows.y_true, given.y_pred, numbers, count, len(rows.class_names), weight, rows.present)


def classes_there(given: LabelledPass, numbers: npt.NDArray[np.integer], count: int) -> npt.NDArray[np.bool_] | None:
    """Return which classes occur in the rows of each number, (count, C), also in rows of weight zero.

    None: those that have some weight.
    """
    rows = given.rows
    if rows.weight is None or rows.weight.all():
        return None
    cells = cells_by_number(rows.y_true, given.y_pred, numbers, count, len(rows.class_names), None, rows.present)
    return np.asarray(cells[:, :3].any(axis=1))  # true, predicted, or both


def scores_of_cells(
    cells: Masses, known: KnownScore, index: int, zero_division: float, there: npt.NDArray[np.bool_] | None = None
) -> Masses:
    """Return the score of groups, (G,), as scikit-learn has it where it is 0/0.

    Args:
        cells: (G, 4, C).
        known: the score.
        index: the class of a score of a single class.
        zero_division: as in scikit-learn.
        there: (G, C) which classes occur, see `classes_there`.
    """
    tp, fp, fn, tn = cells.transpose(1, 2, 0)
    occurs = None if there is None else there.T
    values = table_score(known.base, Cells(tp, fp, fn, tn), known.average, index, zero_division, occurs)
    by_zero = zero_division if known.base in OF_CLASSES else math.nan
    return np.where(np.isnan(values), by_zero, values)


def depend(given: LabelledPass, known: KnownScore) -> bool:
    """Return whether rows, or labels of a row, depend on each other, so that samples have to be compared."""
    labels = given.rows.kind == "multilabel" and known.index is None and len(given.rows.class_names) > 1
    return given.rows.of_positions or labels


def cells_of_samples(given: LabelledPass) -> Masses:
    """Return the cells of each sample, (samples, 4, C)."""
    rows = given.rows
    return cells_of_rows(given, np.arange(len(rows)) if rows.numbers is None else rows.numbers, rows.samples)
