"""Precision, recall and F1 from the counts, by scikit-learn's formulas in its order of operations: the same bits.

scikit-learn's own function checks its arguments and finds the classes each time: 1 ms, where the sums over a count
table take microseconds.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn import metrics

from kerascb_metrics.interpret.weights import for_sums
from kerascb_metrics.score.score import Value, rows_of
from kerascb_metrics.tally.tally import Tally

# Where each function's result is in the results of this module.
RATIOS = {metrics.precision_score: 0, metrics.recall_score: 1, metrics.f1_score: 2}

Three = tuple[Value, Value, Value]


@dataclass(frozen=True, eq=False)
class _Masses:
    """The weight of the rows of some classes, float64 arrays (C,)."""

    hit: np.ndarray
    predicted: np.ndarray
    true: np.ndarray

    @classmethod
    def of_cells(cls, y_true: np.ndarray, y_pred: np.ndarray, weight: np.ndarray, n_classes: int) -> "_Masses":
        """Add up the cells of a table of classes, as `Counts` has them."""
        hits = y_true == y_pred
        hit = np.bincount(y_true[hits], weight[hits], n_classes)
        predicted, true = np.bincount(y_pred, weight, n_classes), np.bincount(y_true, weight, n_classes)
        return cls(hit, hit + (predicted - hit), hit + (true - hit))  # the detour is scikit-learn's, and may round

    @classmethod
    def of_labels(cls, tables: np.ndarray) -> "_Masses":
        """Add up the tables of labels."""
        (_, fp), (fn, hit) = tables.astype(np.float64).transpose(1, 2, 0)
        return cls(hit, hit + (hit + fp - hit), hit + (hit + fn - hit))

    def of_classes(self, classes: Any) -> "_Masses":
        """Return those of some classes."""
        return _Masses(self.hit[classes], self.predicted[classes], self.true[classes])

    def pooled(self) -> "_Masses":
        """Return the sums over classes, as arrays of one value."""
        return _Masses(*(mass.sum(keepdims=True) for mass in (self.hit, self.predicted, self.true)))


def precision_recall_f1(
    tally: Tally, *, average: str | None, zero_division: float, classes: tuple[int, ...] | None = None
) -> Three:
    """Return the results of `sklearn.metrics.precision_recall_fscore_support`, computed once for each set of options.

    Args:
        tally: of classes or labels. A single label is, as in scikit-learn, a binary task: class 1 has the label.
        average: as in scikit-learn. "binary" is the value of the one class in `classes`; "samples" takes the rows.
        zero_division: 0, 1 or nan.
        classes: the indices of the classes that count; None: those that occur, by the order of their labels.
    """
    key = ("precision_recall_f1", average, str(zero_division), classes)
    if key not in tally.memo:
        if average == "samples":
            tally.memo[key] = _of_samples(tally, zero_division)
        else:
            tally.memo[key] = _averaged(_masses(tally, classes), average, zero_division)
    found: Three = tally.memo[key]
    return found


def is_single_label(tally: Tally) -> bool:
    """Return whether a tally is of one label, which is a binary task to scikit-learn."""
    return tally.kind == "multilabel" and len(tally.classes) == 1


def _masses(tally: Tally, classes: tuple[int, ...] | None) -> _Masses:
    if is_single_label(tally):
        y_true, y_pred, weight = tally.cells
        masses = _Masses.of_cells(y_true, y_pred, for_sums(weight), 2)
        chosen: Any = np.union1d(y_true, y_pred)
    elif tally.kind == "multilabel":
        masses, chosen = _Masses.of_labels(for_sums(tally.label_tables)), slice(None)
    else:
        counts = tally.counts
        masses = _Masses.of_cells(counts.y_true, counts.y_pred, for_sums(counts.weight), len(tally.classes))
        chosen = tally.occurring
    return masses.of_classes(chosen if classes is None else list(classes))


def _averaged(masses: _Masses, average: str | None, zero_division: float) -> Three:
    if average == "micro":
        masses = masses.pooled()
    precision = _divided(masses.hit, masses.predicted, zero_division)
    recall = _divided(masses.hit, masses.true, zero_division)
    f1 = _divided(2.0 * masses.hit, masses.true + masses.predicted, zero_division)
    if average is None:
        return precision, recall, f1
    weights = masses.true if average == "weighted" else None
    return _mean(precision, weights), _mean(recall, weights), _mean(f1, weights)


def _divided(numerator: np.ndarray, denominator: np.ndarray, zero_division: float) -> np.ndarray:
    shares = np.full(len(numerator), zero_division)
    np.divide(numerator, denominator, out=shares, where=denominator != 0)
    return shares


def _mean(values: np.ndarray, weights: np.ndarray | None) -> float:
    """Return the mean of the values that are not nan; weights that are all 0 count as equal."""
    if weights is None and len(values) == 1:
        return float(values[0])
    known = ~np.isnan(values)
    if not known.any():
        return float("nan")
    if weights is None:
        return float(np.nanmean(values))
    values, weights = values[known], weights[known]
    return float(np.average(values, weights=weights if weights.any() else None))


def _of_samples(tally: Tally, zero_division: float) -> Three:
    """Let scikit-learn average over the rows of labels."""
    exact = rows_of(tally)
    weight = None if exact.sample_weight is None else for_sums(exact.sample_weight)
    options: Any = {"average": "samples", "sample_weight": weight, "zero_division": zero_division}
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(*exact.labels, **options)
    return precision, recall, f1
