"""Scores of many confusion matrices at a time, from the four cells of each class."""

from collections.abc import Callable
from functools import partial

import numpy as np
import numpy.typing as npt

from kerascb_metrics.score.averaged import RATIOS, Cells, Masses, Ratio, f_beta


def table_score(
    name: str,
    tables: Cells,
    average: str,
    pos_index: int = 1,
    zero_division: float = 0.0,
    there: npt.NDArray[np.bool_] | None = None,
) -> Masses:
    """Return a score of K confusion matrices, (K,); nan where it is 0/0.

    Args:
        name: one of `OF_CLASSES` or `OF_TABLES`.
        tables: the cells of each class against the others, arrays (C, K).
        average: how a score of classes is averaged: "binary", "macro", "weighted" or "micro".
        pos_index: the positive class, for "binary".
        zero_division: the value of a class whose score is 0/0, within an average over classes.
        there: (C, K) which classes occur, for "macro"; None: those that have some weight.

    >>> tables = Cells(*np.array([[[3.0], [2.0]], [[1.0], [0.0]], [[0.0], [1.0]], [[2.0], [3.0]]]))
    >>> table_score("recall", tables, "binary").round(3).tolist()
    [0.667]
    """
    if name in OF_TABLES:
        return OF_TABLES[name](tables)
    ratio = OF_CLASSES[name]
    if average == "micro":
        pooled = Cells(*(cell.sum(axis=0) for cell in (tables.tp, tables.fp, tables.fn, tables.tn)))
        return divided(*ratio(pooled))
    of_classes: Masses = divided(*ratio(tables))
    if average == "binary":
        return np.asarray(of_classes[pos_index])
    of_classes = np.where(np.isnan(of_classes), zero_division, of_classes)
    rows = tables.tp + tables.fn
    occurs = rows + tables.fp > 0 if there is None else there
    counted = rows if average == "weighted" else occurs.astype(np.float64)
    known = np.where(np.isnan(of_classes), 0.0, counted)
    summed: Masses = (known * np.nan_to_num(of_classes)).sum(axis=0)
    return divided(summed, known.sum(axis=0))


def divided(numerator: Masses, denominator: Masses) -> Masses:
    """Return the ratio; nan where the denominator is 0."""
    nothing = np.full(np.broadcast_shapes(np.shape(numerator), np.shape(denominator)), np.nan)
    shares: Masses = np.divide(numerator, denominator, out=nothing, where=denominator > 0)
    return shares


def _precision(cells: Cells) -> tuple[Masses, Masses]:
    return cells.tp, cells.tp + cells.fp


def _recall(cells: Cells) -> tuple[Masses, Masses]:
    return cells.tp, cells.tp + cells.fn


def _accuracy(tables: Cells) -> Masses:
    right = tables.tp.sum(axis=0)
    return divided(right, right + tables.fp.sum(axis=0))


def _balanced_accuracy(tables: Cells) -> Masses:
    recalls = divided(*_recall(tables))
    there = ~np.isnan(recalls)
    return divided(np.nan_to_num(recalls).sum(axis=0), there.sum(axis=0).astype(np.float64))


def _margins(tables: Cells) -> tuple[Masses, Masses, Masses, Masses]:
    """Return for each table its rows, those that are right, and those true and predicted of each class."""
    true, predicted = tables.tp + tables.fn, tables.tp + tables.fp
    return true.sum(axis=0), tables.tp.sum(axis=0), true, predicted


def _kappa(tables: Cells) -> Masses:
    total, right, true, predicted = _margins(tables)
    # By sums of what is not on the diagonal, which do not cancel.
    by_chance = (true * (total - predicted)).sum(axis=0)
    return 1.0 - divided((total - right) * total, by_chance)


def _mcc(tables: Cells) -> Masses:
    total, right, true, predicted = _margins(tables)
    cover = right * total - (true * predicted).sum(axis=0)
    root = np.sqrt((true * (total - true)).sum(axis=0)) * np.sqrt((predicted * (total - predicted)).sum(axis=0))
    found: Masses = np.divide(cover, root, out=np.zeros_like(cover), where=root > 0)
    return found


# Called with cells, return numerators and denominators per class.
OF_CLASSES: dict[str, Ratio] = {**RATIOS, "f1": partial(f_beta, beta=1.0), "precision": _precision, "recall": _recall}
# Called with cells, return one value per table.
OF_TABLES: dict[str, Callable[[Cells], Masses]] = {
    "accuracy": _accuracy,
    "balanced_accuracy": _balanced_accuracy,
    "kappa": _kappa,
    # The weights of grades make no difference between two classes.
    "kappa_linear": _kappa,
    "kappa_quadratic": _kappa,
    "mcc": _mcc,
}
