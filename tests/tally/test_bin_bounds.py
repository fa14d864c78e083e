"""What counts in bins become: areas as exact ratios, intervals within 0 and 1, and the points of the curve."""

from fractions import Fraction

import numpy as np
import pytest

from kerascb_metrics.tally.bin_bounds import bounds_of, count_in_bins
from kerascb_metrics.tally.bins import BINS, binning_of


def bounds(table, **options):
    return bounds_of(table, binning_of("probability", "float32"), **options)


def table_of(others, ones, first=1000):
    """Counts in consecutive bins, each of which holds several values."""
    both = np.array([others, ones])
    table = np.zeros((2, BINS), both.dtype)
    table[:, first : first + both.shape[1]] = both
    return table


@pytest.mark.parametrize("bits", [20, 29, 30, 31, 40])
def test_areas_are_the_floats_nearest_to_the_exact_ratios(bits):
    """Also where the pairs pass 53 bits, and 64."""
    rng = np.random.default_rng(bits)
    for _ in range(20):
        others, ones = rng.integers(2**bits // 8, 2**bits, (2, 9))
        lowest, highest = bounds(table_of(others, ones))
        others, ones = others.tolist(), ones.tolist()
        pairs = sum(ones) * sum(others)
        won = sum(one * sum(others[:place]) for place, one in enumerate(ones))
        inside = sum(one * other for one, other in zip(ones, others, strict=True))
        assert (lowest.auc, highest.auc) == (float(Fraction(won, pairs)), float(Fraction(won + inside, pairs)))


def test_average_precision_is_only_computed_if_it_is_asked_for():
    table = table_of([3, 1], [1, 2])
    assert [own.average_precision for own in bounds(table)] == [None, None]
    assert None not in [own.average_precision for own in bounds(table, precision=True)]


def test_rounded_sums_of_weights_leave_no_score_above_one():
    rng, others = np.random.default_rng(0), np.arange(40) < 20
    for _ in range(50):
        weights = rng.random((2, 40)) * 10.0 ** rng.integers(-9, 9, (2, 40))
        table = table_of(weights[0] * others, weights[1] * ~others)  # all in order
        for found in bounds(table, precision=True):
            assert found.auc <= 1
            assert found.average_precision <= 1


def steps_of(above, points):
    """Where numbers that rise reach each of even steps to the last of them."""
    return {
        next(at for at, own in enumerate(above) if own * points >= step * above[-1]) for step in range(1, points + 1)
    }


@pytest.mark.parametrize("inverted", [False, True])
@pytest.mark.parametrize("most", [30, 100])
@pytest.mark.parametrize("used", [40, 2000])
def test_a_curve_has_points_at_even_steps_of_rows_and_of_the_class_and_closer_ones_towards_the_top(
    used, most, inverted
):
    rng = np.random.default_rng(used)
    others, ones = rng.integers(1, 6, used), rng.integers(0, 4, used) * (rng.random(used) < 0.3)
    lowest, highest = bounds(table_of(others, ones), inverted=inverted, most=most)
    binning, bins = binning_of("probability", "float32"), slice(1000, 1000 + used)
    edges = binning.lowest[bins]
    if inverted:
        others, ones, edges = others[::-1], ones[::-1], -binning.highest[bins][::-1]
    tps, fps = np.cumsum(ones[::-1]), np.cumsum(others[::-1])
    at_top = {int(used ** (step / 299)) - 1 for step in range(300)}
    places = sorted(steps_of(tps + fps, most // 3) | steps_of(tps, most // 3) | at_top)
    assert lowest.curve is highest.curve
    assert lowest.curve.thresholds.tolist() == [np.inf, *edges[::-1][places]]
    assert lowest.curve.tps.tolist() == [0, *tps[places]]
    assert lowest.curve.fps.tolist() == [0, *fps[places]]


@pytest.mark.parametrize("inverted", [False, True])
@pytest.mark.parametrize("scale", ["probability", "logit"])
def test_the_points_of_a_curve_are_exact_beside_the_ends_and_the_middle(scale, inverted):
    some = np.array([0, 0.25, 0.5, 0.75, 1], "float32")
    scores = np.concatenate([some, *(np.nextafter(some, np.float32(end)) for end in (0, 1))]).repeat(2)
    positive, binning = np.arange(30) % 2 == 0, binning_of(scale, "float32")
    curve = bounds_of(count_in_bins(positive, scores, binning), binning, inverted=inverted)[0].curve
    for threshold, tps, fps in zip(curve.thresholds, curve.tps, curve.fps, strict=True):
        above = (-scores if inverted else scores) >= threshold
        assert (tps, fps) == ((above & positive).sum(), (above & ~positive).sum())
