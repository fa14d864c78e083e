"""The ROC and precision-recall curves of one class, as counts at some of its thresholds."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Curve:
    """How many rows of a class, and how many others, score at or above each threshold: exact points, not all of them.

    Both curves, and the counts at any threshold kept, come from these three arrays.

    Attributes:
        thresholds: (K,) float64, falling; the first is inf, the last the lowest score. On the scale of the outputs.
        tps: (K,) rows of the class that score at or above the threshold: int64, or float64 sums of their weights.
        fps: (K,) the same of the other rows.

    >>> curve = Curve(np.array([np.inf, 0.8, 0.3]), np.array([0, 1, 2]), np.array([0, 0, 2]))
    >>> curve.tpr.tolist(), curve.fpr.tolist(), curve.precision.tolist()
    ([0.0, 0.5, 1.0], [0.0, 0.0, 1.0], [1.0, 1.0, 0.5])
    """

    thresholds: np.ndarray
    tps: np.ndarray
    fps: np.ndarray

    @property
    def positives(self):
        """The rows of the class, or their weight."""
        return self.tps[-1]

    @property
    def negatives(self):
        """The other rows, or their weight."""
        return self.fps[-1]

    @property
    def tpr(self):
        """True positive rate, which is recall, at each threshold."""
        return self.tps / self.positives

    @property
    def fpr(self):
        """False positive rate at each threshold."""
        return self.fps / self.negatives

    @property
    def precision(self):
        """Precision at each threshold; 1 where nothing is predicted, as in `precision_recall_curve`."""
        predicted = self.tps + self.fps
        return np.divide(self.tps, predicted, out=np.ones(len(predicted)), where=predicted > 0)


def curve(y_true, y_score, sample_weight=None, points=1000):
    """Return the `Curve` of one class, thinned to about as many points."""
    order = np.argsort(-y_score.astype(np.float64), kind="stable")
    ranked = y_score[order].astype(np.float64)
    last = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
    kept = last[np.unique(np.linspace(0, len(last) - 1, min(points, len(last))).astype(int))]
    weight = np.ones(len(ranked), np.int64) if sample_weight is None else sample_weight[order]
    positive = y_true[order].astype(bool)
    tps, fps = np.cumsum(weight * positive)[kept], np.cumsum(weight * ~positive)[kept]
    return Curve(np.append(np.inf, ranked[kept]), np.append(0, tps), np.append(0, fps))
