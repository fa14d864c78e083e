"""Which values a bin holds: the ends of all bins follow each other, and what stands alone has a bin of its own."""

import numpy as np
import pytest

from kerascb_metrics.interpret.validation import SLACK
from kerascb_metrics.tally.bins import BINS, binning_of

REAL_ENDS, PROBABILITY_ENDS = (-np.inf, np.inf), (0, np.float32(1 + SLACK))


@pytest.mark.parametrize(
    ("scale", "dtype", "ends"),
    [
        ("probability", "float32", PROBABILITY_ENDS),
        ("logit", "float32", REAL_ENDS),
        ("logit", "float64", REAL_ENDS),
    ],
)
def test_the_ends_of_all_bins_leave_no_float32_out_and_hold_none_twice(scale, dtype, ends):
    binning = binning_of(scale, dtype)
    used = np.flatnonzero(~np.isnan(binning.lowest))
    assert np.array_equal(used, np.flatnonzero(~np.isnan(binning.highest)))
    assert binning.lowest.dtype == binning.highest.dtype == np.float64
    lowest, highest = (values[used].astype("float32") for values in (binning.lowest, binning.highest))
    assert np.array_equal(binning.bins_of(lowest), used)
    assert np.array_equal(binning.bins_of(highest), used)
    assert np.array_equal(np.nextafter(highest, np.float32(np.inf))[:-1], lowest[1:])
    assert (lowest[0], highest[-1]) == ends


def test_probabilities_in_float64_have_the_bins_of_their_distance_from_the_nearer_end():
    binning = binning_of("probability", "float64")
    lower = np.flatnonzero(binning.highest < 0.5)
    for values in (binning.lowest[lower], binning.highest[lower]):
        assert np.array_equal(binning.bins_of(values), lower)
        exact = values >= 2.0**-24  # whose distance from 1 float64 holds
        assert np.array_equal(binning.bins_of(1 - values[exact]), BINS - 2 - lower[exact])
    assert np.array_equal((1 - binning.highest)[lower], binning.lowest[BINS - 2 - lower])
    assert np.array_equal((1 - binning.lowest)[lower], binning.highest[BINS - 2 - lower])
    assert (binning.lowest[-1], binning.highest[-1]) == (np.nextafter(np.float32(1), np.float32(2)), 1 + SLACK)


@pytest.mark.parametrize(
    ("scale", "dtype", "values", "alone"),
    [
        ("probability", "float32", [0, 1e-45, 0.5 - 2**-25, 0.5, 1 - 2**-24, 1, 1 + 2**-23], [0, 1]),
        ("probability", "float64", [0, 5e-324, 0.5 - 2**-25, 0.5, 1 - 2**-53, 1, 1 + 2**-52], [0, 1]),
        ("logit", "float32", [-3e38, -1e-45, 0, 1e-45, 3e38], [0]),
        ("logit", "float64", [-1e300, -5e-324, 0, 5e-324, 1e300], [0]),
    ],
)
def test_values_next_to_the_ends_and_the_middle_are_told_apart(scale, dtype, values, alone):
    binning = binning_of(scale, dtype)
    bins = binning.bins_of(np.array(values, dtype))
    assert (np.diff(bins.astype(int)) > 0).all()
    assert np.array_equal(binning.bins_of(-np.zeros(1, dtype)), binning.bins_of(np.zeros(1, dtype)))
    for value in alone:
        assert binning.single[bins[values.index(value)]]
        assert binning.lowest[bins[values.index(value)]] == value


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_each_value_of_half_precision_has_a_bin_that_holds_no_other(dtype):
    binning, bits = binning_of("logit", dtype), np.arange(BINS, dtype=np.uint16)
    half = bits.view("float16") if dtype == "float16" else (bits.astype("uint32") << 16).view("float32")
    values = half[np.isfinite(half)].astype("float32")
    bins = binning.bins_of(values)
    assert len(np.unique(bins)) == len(values) - 1  # 0 and -0 share one
    assert np.array_equal(np.argsort(bins, kind="stable"), np.argsort(values, kind="stable"))
    assert np.array_equal(binning.lowest[bins], values)
    assert np.array_equal(binning.highest[bins], values)
    assert binning.single[bins].all()
    assert np.count_nonzero(np.isnan(binning.lowest)) == BINS - len(values)


@pytest.mark.parametrize(
    ("scale", "counts"),
    [
        ("probability", {-2: 4096, -3: 4096, -4: 2048, -5: 2048, -6: 1024, -18: 1024, -19: 256, -24: 256, -25: 32}),
        ("logit", {126: 32, 8: 32, 7: 256, 6: 256, 5: 1024, 4: 2048, 3: 4096, 1: 4096, 0: 2048, -1: 1024, -2: 1024}),
        ("logit", {-3: 256, -12: 256, -13: 32, -100: 32}),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_bins_are_closest_where_scores_lie(scale, counts, dtype):
    """So many bins lie between a power of two and the next."""
    binning = binning_of(scale, dtype)
    for power, count in counts.items():
        ends = binning.bins_of(np.array([2.0**power, 2.0 ** (power + 1) * (1 - 2.0**-24)], dtype))
        assert int(ends[1]) - int(ends[0]) == count
