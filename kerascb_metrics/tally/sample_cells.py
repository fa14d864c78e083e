"""The four cells of each class, or label, in each sample: what tells how much a score varies between samples."""

from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from kerascb_metrics.interpret.weights import FOUR_FACTORS, is_ordinary, tamed
from kerascb_metrics.tally.exact import ExactTally

Floats = npt.NDArray[np.float64]
# More samples than this, or than fit into so many bytes, are joined into groups.
_MOST_SAMPLES, _MOST_BYTES = 10_000, 64 << 20
# With more rows than this, each number is counted by itself.
_MANY_ROWS = 1 << 10
# With more cells than this, confusion matrices are not counted whole.
_DENSE_CELLS = 1 << 22


def cells_of_samples(tally: ExactTally, numbers: npt.NDArray[np.integer]) -> Floats:
    """Count the rows of each sample, or of groups of samples where there are very many.

    Args:
        tally: of classes or labels.
        numbers: (N,) the number of the sample of each row, from 0.

    Returns:
        (S, 4, C): tp, fp, fn, tn.
    """
    there = _rows_of_each(numbers) > 0  # a sample may have lost all of its rows
    numbers, samples = numbers if there.all() else (np.cumsum(there) - 1)[numbers], int(there.sum())
    most = _most(len(tally.classes))
    if samples > most:
        numbers, samples = numbers * most // samples, most
    weight = None if tally.sample_weight is None else tamed(tally.sample_weight, FOUR_FACTORS)
    return cells_by_number(
        tally.y_true, tally.y_pred, numbers, samples, len(tally.classes), weight, tally.labeled.present
    )


def _rows_of_each(numbers: npt.NDArray[np.integer]) -> npt.NDArray[np.integer]:
    """Return how many rows have each number, as `np.bincount` does; of long runs in a fifth of the time."""
    if len(numbers) > _MANY_ROWS and _are_rising(numbers):
        count = int(numbers[-1]) + 1
        if len(numbers) > _MANY_ROWS * count:
            return np.diff(np.searchsorted(numbers, np.arange(count + 1)))
    return np.bincount(numbers)


def _are_rising(numbers: npt.NDArray[np.integer]) -> bool:
    return bool((numbers[1:] >= numbers[:-1]).all())


class SampleCells:
    """Adds up the cells of the samples of a pass, part by part; the labels of its rows must be known."""

    def __init__(self) -> None:
        self._parts: list[Floats] = []
        self._possible = True

    def add(self, part: ExactTally) -> None:
        """Add the samples of a part of the pass."""
        depend = part.of_positions or (part.kind == "multilabel" and len(part.classes) > 1)
        # Weights of no ordinary size would be scaled, in each part in another way.
        self._possible &= depend and (part.sample_weight is None or is_ordinary(part.sample_weight))
        if self._possible and not part.undefined:
            self._parts.append(cells_of_samples(part, part.numbers_of_samples))
            if sum(map(len, self._parts)) > 2 * _most(len(part.classes)):
                self._parts = [joined(np.concatenate(self._parts))]

    def cells(self) -> Floats | None:
        """Return the cells of all samples so far, (S, 4, C); None where rows do not depend on each other."""
        return joined(np.concatenate(self._parts)) if self._possible and self._parts else None


def joined(cells: Floats) -> Floats:
    """Return the cells with neighbouring samples joined, until there are few enough."""
    while len(cells) > _most(cells.shape[2]):
        even = len(cells) // 2 * 2
        pairs = cells[:even:2] + cells[1:even:2]
        cells = np.concatenate([pairs, cells[even:]])
    return cells


def _most(classes: int) -> int:
    return max(2, min(_MOST_SAMPLES, _MOST_BYTES // (32 * classes)))


def cells_by_number(
    y_true: np.ndarray,
    y_pred: np.ndarray,
    numbers: npt.NDArray[np.integer],
    count: int,
    classes: int,
    weight: Floats | None = None,
    present: npt.NDArray[np.bool_] | None = None,
) -> Floats:
    """Count rows by a number that each of them has, such as that of its sample or group.

    Args:
        y_true: (N,) class indices; of labels (N, L) bool.
        y_pred: in the same form.
        numbers: (N,) from 0 to count − 1.
        count: how many numbers there are.
        classes: how many classes or labels there are.
        weight: None, or (N,); of elements (N, L).
        present: None, or (N, L) bool: which elements count.

    Returns:
        (count, 4, C): tp, fp, fn, tn.
    """
    if y_true.ndim == 2:
        return _of_labels(y_true, y_pred, numbers, count, weight, present)
    if count * classes**2 <= _DENSE_CELLS:
        return cells_of_tables(tables_by_number(y_true, y_pred, numbers, count, classes, weight))
    true, predicted, own = (array.astype(np.intp) for array in (y_true, y_pred, numbers))
    right = true == predicted

    def counted(of: npt.NDArray[np.intp], weights: Floats | None) -> Floats:
        return np.bincount(own * classes + of, weights, count * classes).reshape(count, classes).astype(np.float64)

    all_true, all_predicted = counted(true, weight), counted(predicted, weight)
    tp = counted(true, right.astype(np.float64) if weight is None else weight * right)
    rows = all_true.sum(axis=1, keepdims=True)
    return np.stack([tp, all_predicted - tp, all_true - tp, rows - all_true - all_predicted + tp], axis=1)


def tables_by_number(
    y_true: np.ndarray,
    y_pred: np.ndarray,
    numbers: npt.NDArray[np.integer],
    count: int,
    classes: int,
    weight: Floats | None = None,
) -> npt.NDArray[Any]:
    """Return the confusion matrix of the rows of each number, (count, C, C), rows true; arguments as `cells_by_number`.

    int64 counts, or float64 sums of weights.
    """
    cells = count * classes**2
    if weight is None and len(numbers) > _MANY_ROWS * count and _are_rising(numbers):
        return _tables_of_runs(y_true, y_pred, np.searchsorted(numbers, np.arange(count + 1)), classes)
    # Bytes are a quarter of the work where they suffice.
    dtype = np.dtype(np.uint8 if cells <= 256 else np.intp)
    places = numbers.astype(dtype)
    for own in (y_true, y_pred):
        places = places * dtype.type(classes) + own.astype(dtype)
    return np.bincount(places, weight, cells).reshape(count, classes, classes)


def _tables_of_runs(
    y_true: np.ndarray, y_pred: np.ndarray, starts: npt.NDArray[np.integer], classes: int
) -> npt.NDArray[Any]:
    """Return the same for numbers whose rows follow each other, from the first row of each: a fifth of the time."""
    dtype = np.min_scalar_type(classes**2)
    pairs = y_true.astype(dtype) * dtype.type(classes) + y_pred.astype(dtype)
    tables = [np.bincount(pairs[own:end], minlength=classes**2) for own, end in pairwise(starts)]
    return np.stack(tables).reshape(-1, classes, classes)


def cells_of_tables(tables: npt.NDArray[Any]) -> Floats:
    """Return the cells of each class, (count, 4, C), of confusion matrices (count, C, C)."""
    tables = tables.astype(np.float64)
    tp = np.diagonal(tables, axis1=1, axis2=2)
    off = tables * (1 - np.eye(tables.shape[1]))
    fp, fn, rows = off.sum(axis=1), off.sum(axis=2), tables.sum(axis=(1, 2))[:, None]
    return np.stack([tp, fp, fn, rows - tp - fp - fn], axis=1)


def _of_labels(
    y_true: np.ndarray,
    y_pred: np.ndarray,
    numbers: npt.NDArray[np.integer],
    count: int,
    weight: Floats | None,
    present: npt.NDArray[np.bool_] | None,
) -> Floats:
    order = None if (np.diff(numbers) >= 0).all() else np.argsort(numbers, kind="stable")
    ordered = numbers if order is None else numbers[order]
    there = np.unique(ordered)  # sums of parts without a row would be those of the next row
    starts = np.searchsorted(ordered, there)
    weight = None if weight is None else weight.reshape(len(weight), -1)
    longest = int(np.diff(starts, append=len(numbers)).max(initial=0))

    def counted(which: npt.NDArray[np.bool_]) -> Floats:
        values = which if weight is None else np.where(which, weight, 0.0)
        values = values if order is None else values[order]
        found = np.zeros((count, values.shape[1]))
        if len(starts) and weight is None:  # sums of bytes are four times as fast
            dtype = np.dtype(np.uint8 if longest < 256 else np.int32)
            found[there] = np.add.reduceat(values.view(np.uint8), starts, axis=0, dtype=dtype)
        elif len(starts):
            found[there] = np.add.reduceat(values, starts, axis=0)
        return found

    everywhere = np.ones(y_true.shape, bool) if present is None else present
    labelled, predicted = y_true & everywhere, y_pred & everywhere
    tp, true, positive, rows = map(counted, (labelled & predicted, labelled, predicted, everywhere))
    return np.stack([tp, positive - tp, true - tp, rows - true - positive + tp], axis=1)
