"""Rows that depend on each other: the counts of each sample, and how much a score varies between samples.

The pixels of an image, the tokens of a sentence and the labels of a row are no independent rows: an interval that takes
them for such covers the truth in a fifth of the cases. Samples are independent. So each sample is counted by itself,
and the score is linearized: its variance is that of the sum of the samples' shares in it (the delta method).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kerascb_metrics.insight.table_scores import table_score
from kerascb_metrics.interpret.weights import FOUR_FACTORS, tamed
from kerascb_metrics.score.averaged import Cells, Masses
from kerascb_metrics.tally.delong import Spread
from kerascb_metrics.tally.exact import ExactTally

# More samples than this, or than fit into so many bytes, are joined into as many groups.
_MOST_SAMPLES, _MOST_BYTES = 10_000, 64 << 20
# How far a count is moved to see how the score follows, as a share of it.
_STEP = 1e-3
_AT_ONCE = 1 << 22


@dataclass(frozen=True, eq=False)
class SampleTables:
    """The four cells of each class, or label, in each sample.

    Attributes:
        cells: (S, 4, C) float64: tp, fp, fn, tn.
    """

    cells: Masses

    @classmethod
    def of(cls, tally: ExactTally, numbers: npt.NDArray[np.integer]) -> "SampleTables":
        """Count the rows of each sample.

        Args:
            tally: of classes or labels.
            numbers: (N,) the number of the sample of each row, from 0.
        """
        classes = len(tally.classes)
        there = np.bincount(numbers) > 0  # a sample may have lost all of its rows
        numbers, samples = (np.cumsum(there) - 1)[numbers], int(there.sum())
        most = max(2, min(_MOST_SAMPLES, _MOST_BYTES // (32 * classes)))
        if samples > most:
            numbers, samples = numbers * most // samples, most
        if tally.kind == "multilabel":
            return cls(_of_labels(tally, numbers, samples))
        return cls(_of_classes(tally, numbers, samples))

    def spread(self, name: str, average: str, pos_index: int, zero_division: float) -> Spread | None:
        """Return how much a score varies; None for a single sample.

        Args:
            name: the score, see `table_score`.
            average: as in `table_score`.
            pos_index: the class, for "binary".
            zero_division: as in `table_score`.
        """
        samples = len(self.cells)
        if samples < 2:
            return None
        slopes = slopes_of(self.cells.sum(axis=0), name, average, pos_index, zero_division)
        shares = self.cells.reshape(samples, -1) @ slopes.ravel()
        return Spread(float(samples * np.var(shares, ddof=1)), samples - 1.0)


def slopes_of(total: Masses, name: str, average: str, pos_index: int, zero_division: float) -> Masses:
    """Return the derivative of a score by each of (4, C) counts: tp, fp, fn and tn of each class.

    Args:
        total: (4, C).
        name: the score, see `table_score`.
        average: as in `table_score`.
        pos_index: the class, for "binary".
        zero_division: as in `table_score`.
    """
    flat = total.ravel()
    steps = _STEP * np.maximum(flat, 1.0)
    backward = np.where(flat > steps, steps, 0.0)
    found = np.empty(len(flat))
    at_once = max(1, _AT_ONCE // len(flat))
    for start in range(0, len(flat), at_once):
        own = np.arange(start, min(start + at_once, len(flat)))
        ends = []
        for moved in (steps, -backward):
            tables = np.repeat(flat[:, None], len(own), axis=1)
            tables[own, np.arange(len(own))] += moved[own]
            tp, fp, fn, tn = tables.reshape(4, total.shape[1], len(own))
            ends.append(table_score(name, Cells(tp, fp, fn, tn), average, pos_index, zero_division))
        found[own] = (ends[0] - ends[1]) / (steps + backward)[own]
    return np.nan_to_num(found).reshape(total.shape)


def _of_classes(tally: ExactTally, numbers: npt.NDArray[np.integer], samples: int) -> Masses:
    classes, weight = len(tally.classes), _weight(tally)
    y_true, y_pred = tally.y_true.astype(np.intp), tally.y_pred.astype(np.intp)
    right = y_true == y_pred

    def counted(of: npt.NDArray[np.intp], weights: Masses | None) -> Masses:
        places = numbers * classes + of
        return np.bincount(places, weights, samples * classes).reshape(samples, classes).astype(np.float64)

    true, predicted = counted(y_true, weight), counted(y_pred, weight)
    tp = counted(y_true, right.astype(np.float64) if weight is None else weight * right)
    rows = true.sum(axis=1, keepdims=True)
    return np.stack([tp, predicted - tp, true - tp, rows - true - predicted + tp], axis=1)


def _weight(tally: ExactTally) -> Masses | None:
    return None if tally.sample_weight is None else tamed(tally.sample_weight, FOUR_FACTORS)


def _of_labels(tally: ExactTally, numbers: npt.NDArray[np.integer], samples: int) -> Masses:
    order = None if (np.diff(numbers) >= 0).all() else np.argsort(numbers, kind="stable")
    starts = np.searchsorted(numbers if order is None else numbers[order], np.arange(samples))
    present, weight = tally.labeled.present, _weight(tally)
    weight = None if weight is None else weight.reshape(len(weight), -1)
    longest = int(np.diff(starts, append=len(numbers)).max())

    def counted(which: npt.NDArray[np.bool_]) -> Masses:
        values = which if weight is None else np.where(which, weight, 0.0)
        values = values if order is None else values[order]
        if weight is None:  # sums of bytes are four times as fast
            values, dtype = values.view(np.uint8), np.dtype(np.uint8 if longest < 256 else np.int32)
            return np.add.reduceat(values, starts, axis=0, dtype=dtype).astype(np.float64)
        return np.add.reduceat(values, starts, axis=0)

    everywhere = np.ones(tally.y_true.shape, bool) if present is None else present
    predicted = tally.y_pred & everywhere
    tp, true, positive, rows = map(counted, (tally.y_true & predicted, tally.y_true, predicted, everywhere))
    return np.stack([tp, positive - tp, true - tp, rows - true - positive + tp], axis=1)
