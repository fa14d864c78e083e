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
    """Adds up the placements of both classes and their squares, in rows, from the lowest score.

    All sums are of doubled placements, so that ties half are integers too. Blocks and single groups are added up in
    Python's integers: exact, and a block costs three products of the places of its ones.

    Args:
        ones: the rows of one class.
        zeros: the rows of the other.

    Attributes:
        wins: twice the number of (zero, one) pairs in order, ties half.
    """

    def __init__(self, ones: int, zeros: int) -> None:
        self._ones, self._zeros = ones, zeros
        self._ones_before = self._zeros_before = 0
        self.wins: int | float = 0
        self._squares_of_ones: int | float = 0
        self._squares_of_zeros: int | float = 0

    def add_groups(self, zeros: npt.NDArray[np.integer], ones: npt.NDArray[np.integer]) -> None:
        """Add groups of equal scores, rising. The squares are floats, and rounded.

        Args:
            zeros: (K,) the zeros of each group.
            ones: (K,) the ones of each group.
        """
        zeros_of, ones_of = zeros.astype(np.float64), ones.astype(np.float64)
        below = 2 * (self._zeros_before + np.cumsum(zeros_of)) - zeros_of
        above = 2 * (self._ones - self._ones_before - np.cumsum(ones_of)) + ones_of
        self.wins += float(ones_of @ below)
        self._squares_of_ones += float(ones_of @ below**2)
        self._squares_of_zeros += float(zeros_of @ above**2)
        self._zeros_before += int(zeros.sum())
        self._ones_before += int(ones.sum())

    def add_group(self, zeros: int, ones: int) -> None:
        """Add a group of equal scores, which may be as long as the data."""
        below = 2 * self._zeros_before + zeros
        above = 2 * (self._ones - self._ones_before) - ones
        self.wins += ones * below
        self._squares_of_ones += ones * below**2
        self._squares_of_zeros += zeros * above**2
        self._zeros_before += zeros
        self._ones_before += ones

    def add_block(self, where: npt.NDArray[np.int64], length: int, ties: "Ties") -> None:
        """Add sorted rows, of which those that are tied with a row of the other class are few.

        Args:
            where: the places of the ones, rising.
            length: the number of rows, so small that the squares of the places can be added up in 64 bits.
            ties: the groups of equal scores that have rows of both classes; in each the zeros stand first.
        """
        # The k-th one stands above l = where[k] − k zeros of the block, and below `above` − k ones of all rows.
        count, above = len(where), self._ones - self._ones_before
        numbers = np.arange(count)
        sum_k, sum_kk = count * (count - 1) // 2, (count - 1) * count * (2 * count - 1) // 6
        sum_wk = int(where @ numbers)
        sum_l, sum_ll, sum_lk = int(where.sum()) - sum_k, int(where @ where) - 2 * sum_wk + sum_kk, sum_wk - sum_kk
        before = self._zeros_before
        self.wins += 2 * (count * before + sum_l)
        self._squares_of_ones += 4 * (count * before**2 + 2 * before * sum_l + sum_ll)
        # A zero stands below above − k ones, k those before it. Added up by parts, over the ones instead of the zeros.
        last = (length - count) * (above - count) ** 2
        self._squares_of_zeros += 4 * ((2 * above - 1) * sum_l - 2 * sum_lk + last)
        if len(ties.first):
            self._count_half(ties, where[ties.first] - ties.first, above)
        self._zeros_before += length - count
        self._ones_before += count

    def _count_half(self, ties: "Ties", below: npt.NDArray[np.int64], above: int) -> None:
        """Take back the half of each tied pair, which was counted as a win. `below` is within the block."""
        pairs = ties.zeros * ties.ones
        of_all = int(pairs.sum())
        self.wins -= of_all
        self._squares_of_ones += int(pairs @ ties.zeros) - 4 * (self._zeros_before * of_all + int(pairs @ below))
        self._squares_of_zeros += int(pairs @ ties.ones) - 4 * (above * of_all - int(pairs @ ties.first))

    def spread(self) -> Spread | None:
        """Return the `Spread`; None where a class has fewer than two rows."""
        ones, zeros = self._ones, self._zeros
        if min(ones, zeros) < 2:
            return None
        # n times the sum of squares, less the square of the sum: never below 0, but for the rounding of floats.
        of_ones = max(ones * self._squares_of_ones - self.wins**2, 0) / (4 * (ones * zeros) ** 2 * (ones - 1))
        of_zeros = max(zeros * self._squares_of_zeros - self.wins**2, 0) / (4 * (ones * zeros) ** 2 * (zeros - 1))
        variance = of_ones + of_zeros
        below = of_ones**2 / (ones - 1) + of_zeros**2 / (zeros - 1)
        return Spread(variance, variance**2 / below if below > 0 else np.inf)
