"""Weighted rows of one class in the order of their scores."""

import numpy as np

from kerascb_metrics import blocks as cut
from kerascb_metrics.curves import Curve, Points


class Weighed:
    """Rows with weights, added up in float64.

    Args:
        positive: (N,) bool; both values with some weight.
        y_score: (N,) float32 or float64, finite.
        sample_weight: (N,) float64.
    """

    def __init__(self, positive, y_score, sample_weight):
        self._order = _rising(y_score)
        self._scores = y_score[self._order]
        self._positive, self._weight = positive, sample_weight
        self._positives = (sample_weight * positive).sum()
        self._negatives = (sample_weight * ~positive).sum()

    def auc_and_curve(self, most):
        """As `Packed.auc_and_curve`, in float64."""
        n, positives = len(self._order), int(np.count_nonzero(self._positive))
        points, ones, wins = Points(n, min(positives, n - positives), most), 0, 0.0
        for rows, ends, tps, fps in self._sums():
            tp, fp = np.diff(tps), np.diff(fps)
            wins += float(tp @ (fps[:-1] + fp / 2))
            # A group with rows of the rarer class counts as one of its rows.
            where = ends[(tp if 2 * positives <= n else fp) > 0]
            wanted = points.wanted(rows, int(ends[-1]) + 1, ones, where)
            ones += len(where)
            kept = np.unique(np.searchsorted(ends, wanted))
            points.add(self._scores[rows + ends[kept]], tps[kept], fps[kept])
        thresholds, tp_before, fp_before = points.found()
        curve = Curve.rising(thresholds, self._positives - tp_before, self._negatives - fp_before)
        return wins / (self._positives * self._negatives), curve

    def average_precision(self):
        """As `Packed.average_precision`, in float64."""
        total = 0.0
        for _, _, tps, fps in self._sums():
            tp = np.diff(tps)
            tps, fps = (self._positives - tps[:-1])[tp > 0], (self._negatives - fps[:-1])[tp > 0]
            total += float((tp[tp > 0] * tps / (tps + fps)).sum())
        return total / self._positives

    def _sums(self):
        """Add up the weights of positives and negatives, from the lowest score to the highest.

        Yields, a block at a time: the rows before it, the last place of each group of equal scores, and the weight of
        all positives, and of all negatives, before the block and up to each of these places.
        """
        tps = fps = np.zeros(1)
        for start, stop in self._blocks():
            rows, scores = self._order[start:stop], self._scores[start:stop]
            ends = np.append(np.flatnonzero(scores[1:] != scores[:-1]), len(scores) - 1)
            weight, positive = self._weight[rows], self._positive[rows]
            bounds = np.append(0, ends + 1)
            tps = np.cumsum(np.append(tps[-1], weight * positive))[bounds]
            fps = np.cumsum(np.append(fps[-1], weight * ~positive))[bounds]
            yield start, ends, tps, fps

    def _blocks(self):
        """Cut the rows into blocks, never within a group of equal scores."""
        start, n = 0, len(self._order)
        while start < n:
            stop = min(start + cut.BLOCK, n)
            if stop < n:
                stop = int(np.searchsorted(self._scores, self._scores[stop]))
            if stop <= start:
                stop = int(np.searchsorted(self._scores, self._scores[start], side="right"))
            yield start, stop
            start = stop


def _rising(y_score):
    """The order of the rows by score: score and row number in one integer are sorted faster than by `argsort`."""
    if y_score.dtype != np.float32 or len(y_score) > np.iinfo(np.uint32).max:
        return np.argsort(y_score)
    bits = (y_score + np.float32(0)).view(np.uint32)  # the sum folds −0.0 onto 0.0
    sign = np.uint32(1 << 31)
    keys = np.where(bits & sign, ~bits, bits | sign).astype(np.uint64)  # rising as the scores do, of either sign
    keys <<= np.uint64(32)
    keys |= np.arange(len(keys), dtype=np.uint64)
    keys.sort()
    keys &= np.uint64(np.iinfo(np.uint32).max)
    return keys.view(np.int64)
