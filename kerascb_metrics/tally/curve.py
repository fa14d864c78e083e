"""The ROC and precision-recall curves of one class, as counts at some of its thresholds."""

from dataclasses import dataclass
from typing import Any

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
    def positives(self) -> Any:
        """The rows of the class, or their weight."""
        return self.tps[-1]

    @property
    def negatives(self) -> Any:
        """The other rows, or their weight."""
        return self.fps[-1]

    @property
    def tpr(self) -> np.ndarray:
        """True positive rate, which is recall, at each threshold."""
        rate: np.ndarray = self.tps / self.positives
        return rate

    @property
    def fpr(self) -> np.ndarray:
        """False positive rate at each threshold."""
        rate: np.ndarray = self.fps / self.negatives
        return rate

    @property
    def precision(self) -> np.ndarray:
        """Precision at each threshold; 1 where nothing is predicted, as in `precision_recall_curve`."""
        predicted = self.tps + self.fps
        share: np.ndarray = np.divide(self.tps, predicted, out=np.ones(len(predicted)), where=predicted > 0)
        return share

    @classmethod
    def rising(cls, thresholds: np.ndarray, tps: np.ndarray, fps: np.ndarray) -> "Curve":
        """Make a curve of thresholds from the lowest, where every row scores at or above, to the highest."""
        return cls.falling(thresholds[::-1], tps[::-1], fps[::-1])

    @classmethod
    def falling(cls, thresholds: np.ndarray, tps: np.ndarray, fps: np.ndarray) -> "Curve":
        """Make a curve of thresholds from the highest to the lowest, where every row scores at or above."""
        with_inf = np.concatenate([[np.inf], thresholds.astype(np.float64)])
        return cls(with_inf, np.concatenate([[0], tps]), np.concatenate([[0], fps]))


class Points:
    """Selects the points of a curve to keep, in one pass over the sorted rows.

    Evenly spaced by rows and by the rows of the rarer class, so that neither axis has gaps; and closer and closer
    towards the top, where precision moves most.

    Args:
        n: rows.
        ones: rows of the rarer class.
        most: about how many points.
        falling: whether the highest scores come first.
    """

    def __init__(self, n: int, ones: int, most: int, falling: bool = False) -> None:
        self._by_rows, self._by_ones = max(1, -(-2 * n // most)), max(1, -(-5 * ones // (2 * most)))
        powers = 2 ** np.arange(n.bit_length())
        # The last row stands for the end of the curve, whichever end that is.
        self._top = np.append(powers - 1, n - 1) if falling else n - powers
        self._found: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []

    def wanted(self, rows: int, length: int, ones: int, where: np.ndarray) -> np.ndarray:
        """Return places in a block at which points are wanted.

        Args:
            rows: rows before the block.
            length: rows in it.
            ones: ones before the block.
            where: the places of the ones in it.
        """
        top = self._top[(self._top >= rows) & (self._top < rows + length)] - rows
        return np.concatenate(
            [
                np.arange(-rows % self._by_rows, length, self._by_rows),
                where[-ones % self._by_ones :: self._by_ones],
                top,
            ]
        )

    def add(self, thresholds: np.ndarray, rows: np.ndarray, ones: np.ndarray) -> None:
        """Keep points: their thresholds, and the rows and ones before them."""
        self._found.append((thresholds, rows, ones))

    def found(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return all points: thresholds, rows before, ones before."""
        thresholds, rows, ones = (np.concatenate(column) for column in zip(*self._found, strict=True))
        return thresholds, rows, ones
