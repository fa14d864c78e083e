"""Ranking scores from counts in bins: the interval in which the exact value lies, and the curve.

Rows of different bins are in a known order. Within a bin only the number of rows per class is known, so the bounds use
the worst and the best order. The rows of a bin that holds a single value are tied, and their order is not open.
"""

import numpy as np

from kerascb_metrics._blocks import BLOCK
from kerascb_metrics.interpret.weights import exponent_of, is_ordinary
from kerascb_metrics.tally.bins import BINS, Binning
from kerascb_metrics.tally.curve import Curve
from kerascb_metrics.tally.delong import Placements
from kerascb_metrics.tally.ranking import POINTS, Ranking

# How many rows are counted at a time: more than there are cells to add up.
_ROWS = 4 * BLOCK
# Up to this many rows are added one by one, because adding up all cells would take longer.
_FEW = BINS // 4


def count_in_bins(
    positive: np.ndarray,
    scores: np.ndarray,
    binning: Binning,
    sample_weight: np.ndarray | None = None,
    into: np.ndarray | None = None,
) -> np.ndarray:
    """Count the rows of a class, and the others, in each bin.

    Args:
        positive: (N,) bool.
        scores: (N,) float32 or float64, finite.
        binning: the `Binning`.
        sample_weight: None, or (N,) float64.
        into: counts to add to, in place.

    Returns:
        (2, 2^16): the others, then the class; int64, or float64 sums of weights.
    """
    if into is None:
        into = np.zeros((2, BINS), np.int64 if sample_weight is None else np.float64)
    table = into.reshape(-1)
    for start in range(0, len(scores), _ROWS):
        block = slice(start, start + _ROWS)
        cells = positive[block].astype(np.intp)  # arithmetic: looking the cells up takes far longer
        cells *= BINS
        cells += binning.bins_of(scores[block])
        weight = None if sample_weight is None else sample_weight[block]
        if len(cells) < _FEW:
            np.add.at(table, cells, 1 if weight is None else weight)
        else:
            table += np.bincount(cells, weight, 2 * BINS)
    return into


def bounds_of(
    table: np.ndarray, binning: Binning, *, inverted: bool = False, precision: bool = False, most: int = POINTS
) -> tuple[Ranking, Ranking]:
    """Return the lowest and the highest `Ranking` that rows in these bins can have.

    Without weights the areas are ratios of integers, divided once. Sums of weights are rounded as sums of floats are.

    Args:
        table: (2, 2^16) as `count_in_bins` returns it, both rows with something in them.
        binning: the `Binning`.
        inverted: whether low scores belong to the class; the scores are then inverted.
        precision: whether average precision is wanted too.
        most: about how many points of the curve are kept.
    """
    used = np.flatnonzero(table.any(axis=0))
    others, ones, single, lowest = table[0, used], table[1, used], binning.single[used], binning.lowest[used]
    if inverted:
        others, ones, single, lowest = others[::-1], ones[::-1], single[::-1], -binning.highest[used][::-1]
    if table.dtype == np.int64:
        single = single | (others + ones == 1)
    curve, spread = _curve(lowest, ones, others, most), None
    if table.dtype == np.int64:
        placements = Placements(int(ones.sum()), int(others.sum()))
        placements.add_groups(others, ones)  # as if the rows of a bin were tied
        spread = placements.spread()
    ones, others, apart = _in_units(ones, others)
    mixed = others if apart == 0 else _ldexp(others, apart)
    lowest_auc, highest_auc = _areas(ones, others, single)
    worst: float | None = None
    best: float | None = None
    if precision:
        worst, best = _average_precisions(ones[::-1], mixed[::-1], single[::-1])
    return Ranking(lowest_auc, worst, curve, spread), Ranking(highest_auc, best, curve, spread)


def _in_units(ones: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """Scale sums of weights of no ordinary size, those of the class and of the others each until they are about 1.

    Returns both, and the power of two by which the unit of the others is larger.
    """
    if is_ordinary(ones) and is_ordinary(others):
        return ones, others, 0
    units = exponent_of(ones), exponent_of(others)
    return np.ldexp(ones, -units[0]), np.ldexp(others, -units[1]), units[1] - units[0]


def _ldexp(sums: np.ndarray, power: int) -> np.ndarray:
    """Return sums in another unit, limited to a value beyond which the precision is 0 anyway."""
    with np.errstate(over="ignore"):
        scaled: np.ndarray = np.minimum(np.ldexp(sums, power), 2.0**900)
        return scaled


def _areas(ones: np.ndarray, others: np.ndarray, single: np.ndarray) -> tuple[float, float]:
    """Bounds of the area: the pairs within a bin all lost, all won; those that are tied, half."""
    if ones.dtype == np.int64 and int(ones.sum()) * int(others.sum()) >= 2**61:
        ones, others = ones.astype(object), others.astype(object)  # Python's integers: the pairs pass int64
    below = _before(others)
    inside = ones * others
    tied, unknown = inside[single].sum(), inside[~single].sum()
    won, pairs = 2 * (ones * below).sum() + tied, 2 * ones.sum() * others.sum()
    if ones.dtype == np.float64:
        return min(won / pairs, 1.0), min((won + 2 * unknown) / pairs, 1.0)
    return int(won) / int(pairs), int(won + 2 * unknown) / int(pairs)


def _average_precisions(ones: np.ndarray, others: np.ndarray, single: np.ndarray) -> tuple[float, float]:
    """Bounds of the average precision, from the highest bin down.

    At best, all of the class in a bin are tied above the others. At worst they come after all of these and one by one:
    the k-th of them then has the precision (t + k) / (t + k + f), and the sum of f / (s + k) over k is at most
    f · ln((s + n + ½) / (s + ½)); weights may be as small as they like, which leaves out the halves.
    """
    counted = ones.dtype == np.int64
    ones, others = ones.astype(np.float64), others.astype(np.float64)
    above, others_above = _before(ones), _before(others)
    tied = ones * (above + ones) / np.maximum(above + ones + others_above + others, np.finfo(float).tiny)
    best = ones * (above + ones) / np.maximum(above + ones + others_above, np.finfo(float).tiny)
    passed = others_above + others
    before = above + passed + (0.5 if counted else 0.0)
    spread = np.log1p(np.divide(ones, before, out=np.zeros(len(ones)), where=before > 0))
    worst = ones - passed * spread
    low, high = np.where(single, tied, np.minimum(worst, tied)).sum(), np.where(single, tied, best).sum()
    return low / ones.sum(), min(high / ones.sum(), 1.0)


def _before(counts: np.ndarray) -> np.ndarray:
    """Return the sum before each entry. It is added up, not subtracted, because weights may differ by powers of ten."""
    before = np.zeros_like(counts)
    np.cumsum(counts[:-1], out=before[1:])
    return before


def _curve(lowest: np.ndarray, ones: np.ndarray, others: np.ndarray, most: int) -> Curve:
    """The curve at the lowest score of some bins: exact there, where float32 holds the scores."""
    rows_above, ones_above = np.cumsum((ones + others)[::-1]), np.cumsum(ones[::-1])
    others_above = np.cumsum(others[::-1])  # not the difference: weights may be many powers of ten apart
    places = np.unique(np.concatenate([_even(rows_above, most // 3), _even(ones_above, most // 3), _steps(rows_above)]))
    thresholds, tps = lowest[::-1][places], ones_above[places]
    return Curve.falling(thresholds, tps, others_above[places])


def _even(risen: np.ndarray, points: int) -> np.ndarray:
    """Places where a count that rises has gone up by even steps, its end among them."""
    return np.searchsorted(risen, np.linspace(0, risen[-1], points + 1)[1:] * (1 - 1e-12))


def _steps(risen: np.ndarray) -> np.ndarray:
    """Places closer and closer towards the top, where precision moves most."""
    return np.unique(np.minimum(np.geomspace(1, len(risen), 300).astype(np.intp), len(risen)) - 1)
