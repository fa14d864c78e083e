"""One test of "all groups are equal": chi-squared for shares, else permutations of rows or samples among the groups."""

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy.stats import chi2

from kerascb_metrics.insight.group_cells import cells_of_rows, cells_of_samples, depend, scores_of_cells
from kerascb_metrics.insight.groups import Groups
from kerascb_metrics.insight.intervals import SHARES, Basis
from kerascb_metrics.insight.known_scores import KnownScore
from kerascb_metrics.insight.labelled_pass import LabelledPass
from kerascb_metrics.score.averaged import Masses

SEED, PERMUTATIONS = 20170516, 999
_MOST_DEALT, _TWO = 100_000, 2
_MOST_DRAWN = 1 << 22  # cells of all draws that are in memory at a time


def equality_test(
    known: KnownScore, index: int, cells: Masses, given: LabelledPass, groups: Groups, basis: Basis
) -> tuple[float, str]:
    """Return how often equal groups would differ as much, and the test."""
    if len(groups.names) < 2:
        return math.nan, "there is a single group"
    if given.rows.weight is None and not depend(given, known):
        shares = _shares(known, index, cells)
        if shares is not None:
            pvalue = _chi_squared(*shares)
            if math.isnan(pvalue):
                return pvalue, "fewer than two groups have this score"
            return pvalue, "chi-squared test of shares"
        if given.rows.kind != "multilabel" and cells.shape[2] == _TWO:
            return _permuted_cells(known, index, cells, basis.zero_division), "permutation of rows"
    if given.rows.samples > _MOST_DEALT:
        return math.nan, f"no test: {given.rows.samples:,} samples are too many to deal out again and again"
    if depend(given, known):
        return _permuted_samples(known, index, cells, given, groups, basis.zero_division), "permutation of samples"
    return _permuted_rows(known, index, cells, given, groups, basis.zero_division), "permutation of rows"


def _shares(known: KnownScore, index: int, cells: Masses) -> tuple[Masses, Masses] | None:
    """Return of each group the rows that count and those among which they are, for a score that is such a share."""
    if known.base == "accuracy":
        right = cells[:, 0].sum(axis=1)
        return right, right + cells[:, 1].sum(axis=1)
    if known.average != "binary" or known.base not in SHARES:
        return None
    table = dict(zip(((1, 1), (0, 1), (1, 0), (0, 0)), cells[:, :, index].T, strict=True))
    part, whole = SHARES[known.base]
    return sum((table[cell] for cell in part), np.zeros(len(cells))), sum(
        (table[cell] for cell in whole), np.zeros(len(cells))
    )


def _chi_squared(part: Masses, whole: Masses) -> float:
    """Pearson's test with the pooled share."""
    part, whole = part[whole > 0], whole[whole > 0]
    if len(whole) < 2:
        return math.nan
    pooled = part.sum() / whole.sum()
    if pooled in (0.0, 1.0):
        return 1.0
    statistic = float((whole * (part / whole - pooled) ** 2).sum() / (pooled * (1 - pooled)))
    return float(chi2.sf(statistic, len(whole) - 1))


def _permuted_cells(known: KnownScore, index: int, cells: Masses, zero_division: float) -> float:
    """Draw rows of two classes for each group: which cells they fall into is hypergeometric."""
    own, rng = cells[:, :, 1].astype(np.int64), np.random.default_rng(SEED)  # tp, fp, fn and tn of class 1

    def drawn(count: int) -> Masses:
        left, found = np.tile(own.sum(axis=0), (count, 1)), np.empty((count, len(own), 4, 2))
        for group, size in enumerate(own.sum(axis=1)):
            taken = _dealt(left, size, rng)
            left = left - taken
            found[:, group, :, 1] = taken
        found[..., 0] = found[..., [3, 2, 1, 0], 1]
        return found

    return _share_above(cells, drawn, known, index, zero_division)


def _dealt(left: npt.NDArray[np.int64], size: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Draw so many of the rows that are left, (draws, 4) by cell, in each draw."""
    taken, wanted, others = np.empty_like(left), np.full(len(left), size), left.sum(axis=1)
    for cell in range(left.shape[1] - 1):
        others = others - left[:, cell]
        taken[:, cell] = rng.hypergeometric(left[:, cell], others, wanted)
        wanted = wanted - taken[:, cell]
    taken[:, -1] = wanted
    return taken


def _permuted_samples(
    known: KnownScore, index: int, cells: Masses, given: LabelledPass, groups: Groups, zero_division: float
) -> float:
    """Deal the samples out among the groups, again and again."""
    of_samples, rng = cells_of_samples(given), np.random.default_rng(SEED)
    order = np.argsort(groups.of_samples, kind="stable")
    starts = np.searchsorted(groups.of_samples[order], np.arange(len(groups.names)))

    def drawn(count: int) -> Masses:
        dealt = (of_samples[rng.permutation(len(of_samples))] for _ in range(count))
        return np.stack([np.add.reduceat(own, starts, axis=0) for own in dealt])

    return _share_above(cells, drawn, known, index, zero_division)


def _permuted_rows(
    known: KnownScore, index: int, cells: Masses, given: LabelledPass, groups: Groups, zero_division: float
) -> float:
    """Deal the rows of several classes, or with weights, out among the groups, again and again."""
    rng = np.random.default_rng(SEED)

    def drawn(count: int) -> Masses:
        dealt = (rng.permutation(groups.numbers) for _ in range(count))
        return np.stack([cells_of_rows(given, numbers, len(groups.names)) for numbers in dealt])

    return _share_above(cells, drawn, known, index, zero_division)


def _share_above(
    cells: Masses, drawn: Callable[[int], Masses], known: KnownScore, index: int, zero_division: float
) -> float:
    """Return the share of draws whose groups differ by as much as the groups at hand.

    Args:
        cells: (G, 4, C) of the groups at hand.
        drawn: called with a number of draws, returns (draws, G, 4, C).
        known: the score.
        index: as in `scores_of_cells`.
        zero_division: as in scikit-learn.
    """
    pooled = scores_of_cells(cells.sum(axis=0)[None], known, index, zero_division)[0]

    def spread_of(own: Masses) -> Masses:
        values = scores_of_cells(own.reshape(-1, *own.shape[-2:]), known, index, zero_division).reshape(own.shape[:-2])
        rows = own[..., :, 0].sum(axis=-1)
        return np.asarray(np.nansum(rows * (values - pooled) ** 2, axis=-1))

    # Sums in another order may differ in the last digits.
    least, above, left = spread_of(cells) * (1 - 1e-9), 0, PERMUTATIONS
    while left:
        count = min(left, max(1, _MOST_DRAWN // cells.size))
        above += int(np.count_nonzero(spread_of(drawn(count)) >= least))
        left -= count
    return (1 + above) / (1 + PERMUTATIONS)
