"""Weighted rows of one class in the order of their scores."""

from collections.abc import Iterator

import numpy as np

from kerascb_metrics import _blocks as cut
from kerascb_metrics.interpret.weights import exponent_of, is_ordinary
from kerascb_metrics.tally.curve import Curve, Points

# How many values are added one by one.
_SUMMED = 256
_HALF, _ROW, _SIGN = np.uint64(32), np.uint64(2**32 - 1), np.uint32(2**31)


class Weighed:
    """Rows with weights, added up in float64.

    Args:
        positive: (N,) bool; both values with some weight.
        y_score: (N,) float32 or float64, finite.
        sample_weight: (N,) float64.
    """

    def __init__(self, positive: np.ndarray, y_score: np.ndarray, sample_weight: np.ndarray) -> None:
        self._keys = _sorted_keys(y_score)
        self._y_score, self._positive, self._weight = y_score, positive, sample_weight
        self._units = 0, 0  # the powers of two that the weights of positives and of negatives are counted in
        if not is_ordinary(sample_weight):
            self._count_in_units()

    def auc_and_curve(self, most: int) -> tuple[float, None, Curve]:
        """As `Packed.auc_and_curve`, in float64; weighted areas have no spread."""
        n, positives = len(self._keys), int(np.count_nonzero(self._positive))
        points, ones, wins = Points(n, min(positives, n - positives), most, falling=True), 0, 0.0
        for rows, ends, tps, fps in self._sums():
            tp, fp = np.diff(tps), np.diff(fps)
            wins += float((fp * (tps[:-1] + tp / 2)).sum())  # not by BLAS, whose last bit depends on the machine
            # A group with rows of the rarer class counts as one of its rows.
            where = ends[(tp if 2 * positives <= n else fp) > 0]
            kept = np.unique(np.searchsorted(ends, points.wanted(rows, int(ends[-1]) + 1, ones, where)))
            points.add(
                self._y_score[_rows(self._keys[rows + ends[kept]])], *self._in_ones(tps[kept + 1], fps[kept + 1])
            )
            ones += len(where)
        # Rounding must not make the area larger than 1.
        return min(wins / (tps[-1] * fps[-1]), 1.0), None, Curve.falling(*points.found())

    def average_precision(self) -> float:
        """As `Packed.average_precision`, in float64."""
        total = 0.0
        for _, _, tps, fps in self._sums():
            tp = np.diff(tps)
            at_or_above, mixed = tps[1:][tp > 0], self._in_units_of_positives(fps[1:][tp > 0])
            total += float((tp[tp > 0] * at_or_above / (at_or_above + mixed)).sum())
        return float(min(total / tps[-1], 1.0))

    def _count_in_units(self) -> None:
        """Scale the weights of positives, and those of negatives, until the largest of each is about 1.

        Areas are ratios to both sums, so each may have a unit of its own, however far apart they are.
        """
        self._units = exponent_of(self._weight[self._positive]), exponent_of(self._weight[~self._positive])
        self._weight = np.ldexp(self._weight, np.where(self._positive, -self._units[0], -self._units[1]))

    def _in_ones(self, tps: np.ndarray, fps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Sums of weights as they were given, for the curve."""
        if self._units == (0, 0):
            return tps, fps
        with np.errstate(over="ignore"):  # of columns pooled, whose curve nobody asks for
            return np.ldexp(tps, self._units[0]), np.ldexp(fps, self._units[1])

    def _in_units_of_positives(self, fps: np.ndarray) -> np.ndarray:
        if self._units[0] == self._units[1]:
            return fps
        with np.errstate(over="ignore"):  # infinitely more: a precision of 0
            scaled: np.ndarray = np.ldexp(fps, self._units[1] - self._units[0])
            return scaled

    def _sums(self) -> Iterator[tuple[int, np.ndarray, np.ndarray, np.ndarray]]:
        """Add up the weights of positives and negatives, from the highest score to the lowest.

        Yields, a block at a time: the rows before it, the last place of each group of equal scores, and the weight of
        all positives, and of all negatives, before the block and up to each of these places.
        """
        tps = fps = np.zeros(1)
        for start, stop in self._blocks():
            keys = self._keys[start:stop]
            ends = np.append(np.flatnonzero((keys[:-1] ^ keys[1:]) > _ROW), len(keys) - 1)
            weight, positive = self._weight[_rows(keys)], self._positive[_rows(keys)]
            bounds = np.append(0, ends + 1)
            tps = running_sum(np.append(tps[-1], weight * positive))[bounds]
            fps = running_sum(np.append(fps[-1], weight * ~positive))[bounds]
            yield start, ends, tps, fps

    def _blocks(self) -> Iterator[tuple[int, int]]:
        """Cut the rows into blocks, never within a group of equal scores."""
        start, n = 0, len(self._keys)
        while start < n:
            stop = min(start + cut.BLOCK, n)
            if stop < n:
                stop = int(np.searchsorted(self._keys, self._keys[stop] & ~_ROW))
            if stop <= start:
                stop = int(np.searchsorted(self._keys, self._keys[start] | _ROW, side="right"))
            yield start, stop
            start = stop


def running_sum(values: np.ndarray) -> np.ndarray:
    """Return `np.cumsum` of (N,) float64, computed in rows of 256, so that rounding errors do not add up.

    >>> running_sum(np.array([1.0, 2.0, 3.0]))
    array([1., 3., 6.])
    """
    rows = -(-len(values) // _SUMMED)
    sums = np.zeros((rows, _SUMMED))
    sums.reshape(-1)[: len(values)] = values
    np.cumsum(sums, axis=1, out=sums)
    sums[1:] += np.cumsum(sums[:-1, -1])[:, None]
    return sums.reshape(-1)[: len(values)]


def _sorted_keys(y_score: np.ndarray) -> np.ndarray:
    """Score and row number in one integer, the score in the upper half, highest first: faster than `argsort`."""
    if len(y_score) > int(_ROW):
        raise ValueError(f"at most {int(_ROW)} weighted rows can be ranked at once; received {len(y_score)}.")
    keys = np.empty(len(y_score), np.uint64)
    places = y_score if y_score.dtype == np.float32 else _dense_ranks(y_score)
    for block in cut.blocks(keys):
        np.left_shift(~_rising(places[block]), _HALF, out=keys[block], dtype=np.uint64)
        keys[block] |= np.arange(block.start, block.stop, dtype=np.uint64)
    keys.sort()
    return keys


def _rising(places: np.ndarray) -> np.ndarray:
    """Integers of 32 bits that order as the scores do: of floats their bits, flipped below zero."""
    if places.dtype == np.uint32:
        return places
    bits = (places + np.float32(0)).view(np.uint32)  # the sum folds −0.0 onto 0.0
    return np.where(bits & _SIGN, ~bits, bits | _SIGN)


def _dense_ranks(y_score: np.ndarray) -> np.ndarray:
    """The place of each score among the distinct ones: 64 bits leave no room for the row."""
    return np.unique(y_score, return_inverse=True)[1].astype(np.uint32)


def _rows(keys: np.ndarray) -> np.ndarray:
    return (keys & _ROW).view(np.int64)
