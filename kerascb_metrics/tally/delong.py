"""How much the area under a ROC curve varies between samples of rows (DeLong, DeLong and Clarke-Pearson 1988).

A positive row's placement is the share of negatives below it, ties half; a negative's the share of positives above it.
Both have the area as their mean, and the area's variance is that of the two means.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Spread:
    """How much an area varies.

    Attributes:
        variance: of the area.
        degrees: of freedom of that variance, by Satterthwaite's formula; inf where it is 0.
    """

    variance: float
    degrees: float


@dataclass(frozen=True, eq=False)
class Ties:
    """The groups of equal scores, within some sorted rows, that have rows of both classes.

    Attributes:
        first: (K,) which of the ones is the first of each group.
        zeros: (K,) its zeros.
        ones: (K,) its ones.
    """

    first: npt.NDArray[np.integer]
    zeros: npt.NDArray[np.integer]
    ones: npt.NDArray[np.integer]


class Placements:
    """Adds up the placements of both classes, in rows, block by block from the lowest score.

    Args:
        ones: the rows of one class.
        zeros: the rows of the other.
    """

    def __init__(self, ones: int, zeros: int) -> None:
        self._ones, self._zeros = ones, zeros
        self._ones_before = self._zeros_before = 0
        self._wins = self._squares_of_ones = self._squares_of_zeros = 0.0

    def add(self, zeros: npt.NDArray[np.integer], ones: npt.NDArray[np.integer]) -> None:
        """Add groups of equal scores, rising.

        Args:
            zeros: (K,) the zeros of each group.
            ones: (K,) the ones of each group.
        """
        zeros_of, ones_of = zeros.astype(np.float64), ones.astype(np.float64)
        below = self._zeros_before + np.cumsum(zeros_of) - zeros_of / 2
        above = self._ones - self._ones_before - np.cumsum(ones_of) + ones_of / 2
        self._wins += float(ones_of @ below)
        self._squares_of_ones += float(ones_of @ below**2)
        self._squares_of_zeros += float(zeros_of @ above**2)
        self._zeros_before += int(zeros.sum())
        self._ones_before += int(ones.sum())

    def add_block(self, where: npt.NDArray[np.integer], length: int, ties: "Ties") -> None:
        """Add sorted rows, of which those that are tied with a row of the other class are few.

        Args:
            where: the places of the ones, rising.
            length: the number of rows.
            ties: the groups of equal scores that have rows of both classes; in each the zeros stand first.
        """
        count = len(where)
        below = (where - np.arange(count) + self._zeros_before).astype(np.float64)
        above = (self._ones - self._ones_before - np.arange(count + 1)).astype(np.float64)
        ends = np.concatenate([[-1], where, [length]])
        zeros = (ends[1:] - ends[:-1] - 1).astype(np.float64)  # those before each one, and the last
        self._wins += float(below.sum())
        self._squares_of_ones += _dot(below, below)
        self._squares_of_zeros += _dot(zeros, above**2)
        if len(ties.zeros):
            self._count_half(ties, below[ties.first], above[ties.first])
        self._zeros_before += length - count
        self._ones_before += count

    def _count_half(self, ties: "Ties", below: npt.NDArray[np.float64], above: npt.NDArray[np.float64]) -> None:
        """Take back the half of each tied pair, which was counted as a win."""
        zeros, ones = ties.zeros / 2, ties.ones / 2
        self._wins -= 2 * float(ones @ zeros)
        self._squares_of_ones += 2 * float(ones @ ((below - zeros) ** 2 - below**2))
        self._squares_of_zeros += 2 * float(zeros @ ((above - ones) ** 2 - above**2))

    def spread(self) -> Spread | None:
        """Return the `Spread`; None where a class has fewer than two rows."""
        ones, zeros = self._ones, self._zeros
        if min(ones, zeros) < 2:
            return None
        area = self._wins / ones / zeros
        of_ones = max(self._squares_of_ones / zeros / zeros - ones * area**2, 0.0) / (ones - 1) / ones
        of_zeros = max(self._squares_of_zeros / ones / ones - zeros * area**2, 0.0) / (zeros - 1) / zeros
        variance = of_ones + of_zeros
        below = of_ones**2 / (ones - 1) + of_zeros**2 / (zeros - 1)
        return Spread(variance, variance**2 / below if below > 0 else np.inf)


def _dot(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> float:
    """Return the sum of the products. BLAS would use threads for it, which wait for each other where cores are busy."""
    return float(np.einsum("i,i", one, other))
