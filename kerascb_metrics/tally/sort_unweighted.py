"""Rows of one class in the order of their scores, from one plain sort.

The bits of a non-negative float have the same order as the float. So score and label are packed into one unsigned
integer, score first, and one plain sort of these integers replaces the usual argsort, gathers and thresholds. The label
marks the class with fewer rows, so that fewer rows have to be visited after the sort.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from kerascb_metrics import _blocks as cut
from kerascb_metrics._blocks import blocks
from kerascb_metrics.tally.curve import Curve, Points
from kerascb_metrics.tally.delong import Placements, Spread, Ties

_BITS: dict[np.dtype, Any] = {np.dtype(np.float32): np.uint32, np.dtype(np.float64): np.uint64}


class Packed:
    """Rows without weights, counted in integers: exact however many they are.

    Args:
        positive: (N,) bool, both values present.
        y_score: (N,) float32 or float64, finite.
    """

    def __init__(self, positive: np.ndarray, y_score: np.ndarray) -> None:
        self._n, self._positives = len(positive), int(np.count_nonzero(positive))
        self._turned = 2 * self._positives > self._n  # the label marks the negatives
        self._ones = self._n - self._positives if self._turned else self._positives
        self._runs = _runs(y_score, positive, self._turned)

    def auc_and_curve(self, most: int) -> tuple[float, Spread | None, Curve]:
        """Return the area under the ROC curve, correctly rounded, its `Spread`, and about `most` points of a curve."""
        rows = ones = 0
        points, placements = Points(self._n, self._ones, most), Placements(self._ones, self._n - self._ones)
        for run in self._runs:
            for block in _whole_groups(run.keys):
                where, count = _look_at(block, placements)
                starts = _starts_of(block, points.wanted(rows, len(block), ones, where))
                points.add(run.scores(block[starts]), rows + starts, ones + np.searchsorted(where, starts))
                rows, ones = rows + len(block), ones + count
        pairs = 2 * self._ones * (self._n - self._ones)
        area = (pairs - placements.wins if self._turned else placements.wins) / pairs
        return area, placements.spread(), self._curve(*points.found())

    def average_precision(self) -> float:
        """Return the sum over thresholds of the step in recall times the precision."""
        total, rows, before = 0.0, 0, 0
        for run in self._runs:
            for block in _whole_groups(run.keys):
                starts, own_before, own = _starts_of_own(block, own=0 if self._turned else 1)
                precision = (self._positives - before - own_before) / (self._n - rows - starts)
                total += float(precision.sum()) if len(starts) == own else own * float(precision[0])
                rows, before = rows + len(block), before + own
        return total / self._positives

    def _curve(self, thresholds: np.ndarray, rows: np.ndarray, ones: np.ndarray) -> Curve:
        """The curve, from the rows and ones that stand before each threshold, rising."""
        at_or_above, ones = self._n - rows, self._ones - ones
        tps, fps = (at_or_above - ones, ones) if self._turned else (ones, at_or_above - ones)
        return Curve.rising(thresholds, tps, fps)


class LookedUp:
    """Rows of which few are positive: the scores are sorted plainly, and the positives looked up among them."""

    def __init__(self, positive: np.ndarray, y_score: np.ndarray) -> None:
        self._sorted, self._own = np.sort(y_score), np.sort(y_score[positive])

    def auc_and_curve(self, most: int) -> tuple[float, Spread | None, Curve]:
        """As `Packed.auc_and_curve`."""
        n, positives = len(self._sorted), len(self._own)
        below, up_to = (np.searchsorted(self._sorted, self._own, side) for side in ("left", "right"))
        # Counted against all rows; the pairs of positives among themselves come to half of their square.
        wins = int(below.sum()) + int(up_to.sum()) - positives**2
        wanted = Points(n, positives, most).wanted(0, n, 0, below)
        thresholds = np.unique(self._sorted[wanted])
        rows = n - np.searchsorted(self._sorted, thresholds)
        tps = positives - np.searchsorted(self._own, thresholds)
        area = wins / (2 * positives * (n - positives))
        return area, self._spread(below, up_to), Curve.rising(thresholds, tps, rows - tps)

    def _spread(self, below: np.ndarray, up_to: np.ndarray) -> Spread | None:
        """Return the spread, from the number of rows below each positive, and up to it."""
        n, positives = len(self._sorted), len(self._own)
        first = np.flatnonzero(np.diff(below, prepend=-1))  # of each group of equal positives
        ones = np.diff(first, append=positives)
        tied = up_to[first] - below[first] - ones
        between = below[first] - np.append(0, up_to[first][:-1])  # the zeros between a group and the one before it
        zeros = np.append(np.column_stack([between, tied]).ravel(), n - up_to[-1])
        placements = Placements(positives, n - positives)
        placements.add_groups(zeros, np.append(np.column_stack([np.zeros_like(ones), ones]).ravel(), 0))
        return placements.spread()

    def average_precision(self) -> float:
        """As `Packed.average_precision`."""
        scores, before, of_group = np.unique(self._own, return_index=True, return_counts=True)
        precision = (len(self._own) - before) / (len(self._sorted) - np.searchsorted(self._sorted, scores))
        return float((of_group * precision).sum()) / len(self._own)


class _Run:
    """Sorted keys of scores of one sign: rising as the scores do, the label in the lowest bit."""

    def __init__(
        self, y_score: np.ndarray, positive: np.ndarray, inverted: bool, below_zero: bool, room: np.ndarray
    ) -> None:
        self._below_zero, bits = below_zero, _BITS[y_score.dtype]
        self._top = bits(np.iinfo(bits).max >> 1)
        self.keys = room.view(bits)  # may be where the scores are
        self._pack(y_score, positive, inverted)
        self.keys.sort()

    def scores(self, keys: np.ndarray) -> np.ndarray:
        """The scores that keys were made of."""
        magnitude = keys >> 1
        scores = (self._top - magnitude if self._below_zero else magnitude).view(f"f{keys.itemsize}")
        return -scores if self._below_zero else scores

    def _pack(self, y_score: np.ndarray, positive: np.ndarray, inverted: bool) -> None:
        magnitudes = self.keys.view(y_score.dtype)
        for block in blocks(y_score):
            np.abs(y_score[block], out=magnitudes[block])  # −0.0 becomes 0.0; the sign bit is free, and shifts out
            keys = self.keys[block]
            if self._below_zero:
                np.subtract(self._top, keys, out=keys)
            np.left_shift(keys, 1, out=keys)
            np.bitwise_or(keys, positive[block] != inverted, out=keys)


def _runs(y_score: np.ndarray, positive: np.ndarray, inverted: bool) -> list[_Run]:
    """Runs from the lowest scores to the highest; those below zero are in reverse by size, so they run apart."""
    if y_score.dtype not in _BITS:
        raise ValueError(f"y_score must be float32 or float64; received {y_score.dtype}.")
    y_score = _narrowed(y_score)
    if y_score.min() >= 0:
        return [_Run(y_score, positive, inverted, False, room=np.empty_like(y_score))]
    below = y_score < 0
    sides = []
    for below_zero in (True, False):
        if below.any():
            picked = _picked(y_score, below)
            sides.append(_Run(picked, _picked(positive, below), inverted, below_zero, room=picked))
        np.logical_not(below, out=below)
    return sides


def _picked(values: np.ndarray, which: np.ndarray) -> np.ndarray:
    """Return `values[which]`, by indices and block by block: five times as fast if the signs are random."""
    picked, count = np.empty(np.count_nonzero(which), values.dtype), 0
    for block in blocks(values):
        places = np.flatnonzero(which[block])
        np.take(values[block], places, out=picked[count : count + len(places)], mode="clip")
        count += len(places)
    return picked


def _narrowed(y_score: np.ndarray) -> np.ndarray:
    """Float32 where it holds every score exactly: half the bytes to sort."""
    if y_score.dtype == np.float32:
        return y_score
    narrow = np.empty(len(y_score), np.float32)
    for block in blocks(y_score):
        with np.errstate(over="ignore"):  # what overflows comes back as inf, unequal to what it was
            narrow[block] = y_score[block]
        if not np.array_equal(narrow[block], y_score[block]):
            return y_score
    return narrow


def _whole_groups(keys: np.ndarray) -> Iterator[np.ndarray]:
    """Cut sorted keys into blocks, never within a group of equal scores; a group that fills a block stands alone."""
    start = 0
    while start < len(keys):
        stop = min(start + cut.BLOCK, len(keys))
        if stop < len(keys):
            stop = start + int(np.searchsorted(keys[start : stop + 1], _as_zero(keys[stop])))
        if stop == start:
            stop = start + int(np.searchsorted(keys[start:], _as_one(keys[start]), side="right"))
        yield keys[start:stop]
        start = stop


def _look_at(block: np.ndarray, placements: Placements) -> tuple[np.ndarray, int]:
    """Add a block to the placements; return the places of its ones, and their number.

    For a single group, which may be as long as the data, no places are returned: no threshold lies between them.
    """
    if _is_one_group(block):
        zeros = int(np.searchsorted(block, _as_one(block[0])))
        ones = len(block) - zeros
        placements.add_group(zeros, ones)
        return np.empty(0, np.int64), ones
    where = np.flatnonzero((block & 1) != 0)  # six times as fast as without the comparison
    placements.add_block(where, len(block), _ties(block, where))
    return where, len(where)


def _ties(block: np.ndarray, where: np.ndarray) -> Ties:
    # Where a one follows a zero of the same score: the keys differ only in the bit of the label.
    follows = np.zeros(len(block), bool)
    np.equal(block[1:] ^ block[:-1], 1, out=follows[1:])
    first = np.flatnonzero(follows[where])
    if not len(first):
        return Ties(first, first, first)
    last_zeros = where[first] - 1
    key, end = block[last_zeros], len(block) - 1
    # Most groups are just these two.
    more = (block[last_zeros - 1] == key) & (last_zeros > 0)
    more |= (block[np.minimum(last_zeros + 2, end)] == _as_one(key)) & (last_zeros + 2 <= end)
    zeros, ones = np.ones((2, len(first)), np.int64)
    last_zeros, key = last_zeros[more], key[more]
    zeros[more] = last_zeros + 1 - np.searchsorted(block, key)
    ones[more] = np.searchsorted(block, _as_one(key), side="right") - last_zeros - 1
    return Ties(first, zeros, ones)


def _starts_of_own(block: np.ndarray, own: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Return for each row labelled `own` the start of its group and the rows of that label before it; and their count.

    For a single group these are the same for all rows, and are returned once.
    """
    if _is_one_group(block):
        ones = len(block) - int(np.searchsorted(block, _as_one(block[0])))
        return np.zeros(1, np.int64), np.zeros(1, np.int64), ones if own else len(block) - ones
    places = np.flatnonzero((block & 1) == own)
    # Before the first row stands the last one, whose score is another: the block is not one group.
    starts, before = places.copy(), np.arange(len(places))
    tied = np.flatnonzero(_as_zero(block[places - 1]) == _as_zero(block[places]))
    starts[tied] = np.searchsorted(block, _as_zero(block[places[tied]]))
    before[tied] = np.searchsorted(places, starts[tied])
    return starts, before, len(places)


def _starts_of(block: np.ndarray, places: np.ndarray) -> np.ndarray:
    """The starts of the groups that some places of a block belong to."""
    starts = np.sort(np.searchsorted(block, _as_zero(block[places])))
    ends = np.concatenate([[-1], starts])
    found: np.ndarray = starts[ends[1:] != ends[:-1]]  # as np.unique, which takes several times as long
    return found


def _is_one_group(block: np.ndarray) -> bool:
    return bool(_as_one(block[0]) >= block[-1])


def _as_one(keys: Any) -> Any:
    """The keys of the same scores, labelled one."""
    return keys | keys.dtype.type(1)


def _as_zero(keys: Any) -> Any:
    return keys & ~keys.dtype.type(1)
