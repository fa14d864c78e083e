"""The four cells of each class, or label, in each sample: what tells how much a score varies between samples."""

import numpy as np
import numpy.typing as npt

from kerascb_metrics.interpret.weights import FOUR_FACTORS, is_ordinary, tamed
from kerascb_metrics.tally.exact import ExactTally

Floats = npt.NDArray[np.float64]
# More samples than this, or than fit into so many bytes, are joined into groups.
_MOST_SAMPLES, _MOST_BYTES = 10_000, 64 << 20


def cells_of_samples(tally: ExactTally, numbers: npt.NDArray[np.integer]) -> Floats:
    """Count the rows of each sample, or of groups of samples where there are very many.

    Args:
        tally: of classes or labels.
        numbers: (N,) the number of the sample of each row, from 0.

    Returns:
        (S, 4, C): tp, fp, fn, tn.
    """
    there = np.bincount(numbers) > 0  # a sample may have lost all of its rows
    numbers, samples = (np.cumsum(there) - 1)[numbers], int(there.sum())
    most = _most(len(tally.classes))
    if samples > most:
        numbers, samples = numbers * most // samples, most
    weight = None if tally.sample_weight is None else tamed(tally.sample_weight, FOUR_FACTORS)
    if not samples:
        return np.zeros((0, 4, len(tally.classes)))
    counted = _of_labels if tally.kind == "multilabel" else _of_classes
    return counted(tally, numbers, samples, weight)


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


def _of_classes(tally: ExactTally, numbers: npt.NDArray[np.integer], samples: int, weight: Floats | None) -> Floats:
    classes = len(tally.classes)
    y_true, y_pred = tally.y_true.astype(np.intp), tally.y_pred.astype(np.intp)
    right = y_true == y_pred

    def counted(of: npt.NDArray[np.intp], weights: Floats | None) -> Floats:
        places = numbers * classes + of
        return np.bincount(places, weights, samples * classes).reshape(samples, classes).astype(np.float64)

    true, predicted = counted(y_true, weight), counted(y_pred, weight)
    tp = counted(y_true, right.astype(np.float64) if weight is None else weight * right)
    rows = true.sum(axis=1, keepdims=True)
    return np.stack([tp, predicted - tp, true - tp, rows - true - predicted + tp], axis=1)


def _of_labels(tally: ExactTally, numbers: npt.NDArray[np.integer], samples: int, weight: Floats | None) -> Floats:
    order = None if (np.diff(numbers) >= 0).all() else np.argsort(numbers, kind="stable")
    starts = np.searchsorted(numbers if order is None else numbers[order], np.arange(samples))
    present = tally.labeled.present
    weight = None if weight is None else weight.reshape(len(weight), -1)
    longest = int(np.diff(starts, append=len(numbers)).max())

    def counted(which: npt.NDArray[np.bool_]) -> Floats:
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
