"""`memory="bounded"`: the bins, and the interval that holds the exact value."""

import itertools
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn import metrics as sk

from kerascb_metrics import DataError
from kerascb_metrics.collect.batches import Batches
from kerascb_metrics.collect.model_facts import ModelFacts
from kerascb_metrics.pipeline.fit_recorder import Recorder
from kerascb_metrics.score.plan import Plan
from kerascb_metrics.tally.bin_bounds import bounds_of, count_in_bins
from kerascb_metrics.tally.bins import BINS, binning_of
from kerascb_metrics.tally.ranking import rank
from tests.support.arrays import assert_same

N = 1_000_000
SCALES = ("probability", "logit")


def bounds(positive, scores, scale="probability", dtype=None, sample_weight=None, **options):
    """The lowest and the highest ranking of some rows, by way of the bins."""
    binning = binning_of(scale, dtype or scores.dtype.name)
    table = count_in_bins(positive, scores, binning, sample_weight)
    assert table.sum() == pytest.approx(len(scores) if sample_weight is None else sample_weight.sum())
    return bounds_of(table, binning, precision=True, **options)


def as_half(scores, dtype):
    """Scores rounded to half precision, as float32."""
    if dtype == "float16":
        return scores.astype(np.float16).astype(np.float32)
    return (scores.astype(np.float32).view(np.uint32) & np.uint32(0xFFFF0000)).view(np.float32)


EDGES = {
    "probability": [0.0, 1.0, 0.5, np.nextafter(0.5, 0), 1e-45, 1e-38, 1 - 2**-24, 2**-24, 1 + 1e-6, 0.25, 1e-300],
    "logit": [0.0, -0.0, 1.0, -1.0, 1e-45, -1e-45, 1e-38, 3e38, -3e38, 88.7, -103.9, 1e300, -1e300, 16.0, -0.25],
}


@st.composite
def rows(draw):
    """`(scale, positive, scores)` with both classes: reals, edges, ties and near ties."""
    scale, dtype = draw(st.sampled_from(SCALES)), draw(st.sampled_from(["float32", "float64"]))
    low, high = (0.0, 1.0) if scale == "probability" else (-200.0, 200.0)
    near = st.integers(0, 40).map(lambda step: 0.3 + step * 2.0**-22)
    value = st.floats(low, high) | st.sampled_from(EDGES[scale]) | near
    scores = np.array(draw(st.lists(value, min_size=2, max_size=60)))
    if dtype == "float32":
        scores = np.clip(scores, -3.4e38, 3.4e38).astype("float32")
    positive = draw(hnp.arrays(bool, len(scores)))
    positive[:2] = [True, False]
    return scale, positive, scores


def check_interval(case, inverted):
    scale, positive, scores = case
    lowest, highest = bounds(positive, scores, scale, inverted=False)
    if inverted:
        binning = binning_of(scale, scores.dtype.name)
        table = count_in_bins(~positive, scores, binning)
        lowest, highest = bounds_of(table, binning, precision=True, inverted=True)
        positive, scores = ~positive, -scores
    exact = rank(positive, scores, precision=True)
    assert 0 <= lowest.auc <= exact.auc <= highest.auc <= 1
    assert exact.auc == pytest.approx(sk.roc_auc_score(positive, scores), abs=1e-12)
    assert lowest.average_precision - 1e-12 <= exact.average_precision <= highest.average_precision + 1e-12


@settings(max_examples=200)
@given(rows(), st.booleans())
def test_the_interval_holds_the_exact_value(case, inverted):
    check_interval(case, inverted)


@pytest.mark.simulation
@settings(max_examples=1000)
@given(rows(), st.booleans())
def test_the_interval_holds_the_exact_value_in_a_thousand_cases(case, inverted):
    check_interval(case, inverted)


@settings(max_examples=200)
@given(rows(), st.randoms(use_true_random=False))
def test_the_interval_holds_the_exact_value_of_weighted_rows(case, random):
    scale, positive, scores = case
    weight = np.array([random.choice([0.0, 0.1, 1.0, 3.0]) for _ in scores])
    weight[:2] = 1
    lowest, highest = bounds(positive, scores, scale, sample_weight=weight)
    exact = rank(positive, scores, weight, precision=True)
    assert lowest.auc - 1e-12 <= exact.auc <= highest.auc + 1e-12
    assert lowest.average_precision - 1e-12 <= exact.average_precision <= highest.average_precision + 1e-12


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@settings(max_examples=100)
@given(case=rows())
def test_half_precision_has_no_width(dtype, case):
    scale, positive, scores = case
    with np.errstate(over="ignore"):
        scores = as_half(np.clip(scores, -6e4, 6e4), dtype)
    lowest, highest = bounds(positive, scores, scale, dtype)
    exact = rank(positive, scores, precision=True)
    assert lowest.auc == highest.auc == exact.auc
    assert lowest.average_precision == highest.average_precision
    assert lowest.average_precision == pytest.approx(exact.average_precision, abs=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
@pytest.mark.parametrize("scale", SCALES)
def test_bins_are_in_the_order_of_the_scores(scale, dtype):
    rng = np.random.default_rng(0)
    scores = rng.normal(size=200_000) * rng.choice([1e-30, 1e-5, 1, 30], 200_000)
    scores = 1 / (1 + np.exp(-scores)) if scale == "probability" else scores
    edges = np.clip(EDGES[scale], -3e38, 3e38)
    scores = np.sort(as_half(scores, dtype) if "16" in dtype else np.append(scores, edges).astype(dtype))
    binning = binning_of(scale, dtype)
    bins = binning.bins_of(scores)
    assert bins.dtype == np.uint16
    assert (np.diff(bins.astype(int)) >= 0).all()
    if dtype != "float64":  # whose values are rounded to float32 on the way
        assert (binning.lowest[bins] <= scores).all()
        assert (scores <= binning.highest[bins]).all()
    for bin_ in np.unique(bins[binning.single[bins]]):
        assert len(np.unique(scores[bins == bin_])) == 1


def sigmoid(z):
    return (1 / (1 + np.exp(-z.astype("float64")))).astype("float32")


def calibrated(rng):
    scores = rng.random(N, dtype="float32")
    return rng.random(N) < scores, scores


def separated(rng):
    positive = rng.random(N) < 0.3
    return positive, sigmoid(rng.normal(size=N) + 4 * (positive - 0.5))


def saturated(rng):
    positive = rng.random(N) < 0.5
    return positive, sigmoid(10 * rng.normal(size=N) + 8 * (positive - 0.5))


@pytest.mark.parametrize("distribution", [calibrated, separated, saturated])
def test_a_million_rows_leave_a_narrow_interval(distribution):
    positive, scores = distribution(np.random.default_rng(0))
    lowest, highest = bounds(positive, scores)
    exact = rank(positive, scores, precision=True)
    assert lowest.auc <= exact.auc <= highest.auc
    assert highest.auc - lowest.auc <= 1e-4  # the promise is 2e-4
    assert abs((lowest.auc + highest.auc) / 2 - exact.auc) < 1e-6
    assert highest.average_precision - lowest.average_precision <= 2e-4


def test_pairs_pass_64_bits_unharmed():
    """More rows than any test can make: their counts alone."""
    table = np.zeros((2, BINS), np.int64)
    table[0, [10, 30]] = [6 * 10**9, 2 * 10**9]
    table[1, [20, 30]] = [5 * 10**9, 10**9]
    lowest, highest = bounds_of(table, binning_of("probability", "float32"))
    pairs = 8 * 6  # in units of 10^18
    assert (lowest.auc, highest.auc) == ((6 * 5 + 6) / pairs, (6 * 5 + 6 + 2) / pairs)


@pytest.mark.parametrize("inverted", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_curve_has_exact_points(weighted, inverted):
    rng = np.random.default_rng(0)
    positive = rng.random(50_000) < 0.3
    scores = sigmoid(rng.normal(size=50_000) + 2 * (positive - 0.5))
    weight = rng.integers(1, 5, 50_000) / 4 if weighted else None
    table = count_in_bins(positive, scores, binning_of("probability", "float32"), weight)
    curve = bounds_of(table, binning_of("probability", "float32"), inverted=inverted)[0].curve
    if inverted:
        scores = -scores
    assert 300 < len(curve.thresholds) <= 1100
    assert curve.thresholds[0] == np.inf
    assert (np.diff(curve.tpr) < 2 * 3 / 1000).all()
    assert (np.diff(curve.tps + curve.fps) / (curve.tps + curve.fps)[-1] < 2 * 3 / 1000).all()
    weight = np.ones(50_000) if weight is None else weight
    for place in range(1, len(curve.thresholds), 25):
        above = scores >= curve.thresholds[place]
        assert (curve.tps[place], curve.fps[place]) == (weight[above & positive].sum(), weight[above & ~positive].sum())
    assert (curve.tps[-1], curve.fps[-1]) == (weight[positive].sum(), weight[~positive].sum())


@pytest.mark.parametrize("inverted", [False, True])
@pytest.mark.parametrize("scale", SCALES)
def test_the_area_varies_as_if_the_rows_of_a_bin_were_tied(scale, inverted):
    rng = np.random.default_rng(1)
    positive = rng.random(3_000) < 0.3
    scores = (rng.normal(size=3_000) + positive).astype("float32")
    scores = sigmoid(scores) if scale == "probability" else scores
    binning = binning_of(scale, "float32")
    found = bounds_of(count_in_bins(positive, scores, binning), binning, inverted=inverted)
    bins = binning.bins_of(scores).astype("float32")
    assert len(np.unique(bins)) < len(np.unique(scores))
    expected = rank(positive, -bins if inverted else bins).spread
    for own in found:
        assert own.spread.variance == pytest.approx(expected.variance, rel=1e-9)
        assert own.spread.degrees == pytest.approx(expected.degrees, rel=1e-6)
    weighted = count_in_bins(positive, scores, binning, np.ones(3_000))
    assert bounds_of(weighted, binning)[0].spread is None


def weak_orders(count):
    """Every order of some rows, with and without ties: the step that each stands on."""
    orders = itertools.product(range(count), repeat=count)
    return [order for order in orders if set(order) == set(range(max(order) + 1))]


# The rows of each bin: 1 of the class, 0 another. `tied`: the first bin is that of exact 0.
@pytest.mark.parametrize(
    ("rows", "tied"),
    [
        ([[1, 0]], False),
        ([[0, 1, 1], [1, 0]], False),
        ([[0, 0], [1, 1], [0, 1]], False),
        ([[0, 0, 1], [1, 0, 1]], True),
        ([[1], [0, 0, 1], [0], [1]], False),
    ],
)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("inverted", [False, True])
def test_the_interval_goes_from_the_worst_order_of_the_rows_of_each_bin_to_the_best(rows, tied, weighted, inverted):
    places = np.concatenate([np.full(len(own), place) for place, own in enumerate(rows)])
    positive, sign = np.concatenate(rows) == (0 if inverted else 1), -1 if inverted else 1
    weight = np.random.default_rng(0).integers(1, 5, len(places)) / 4 if weighted else None
    binning, areas, precisions = binning_of("probability", "float32"), [], []
    lowest = np.array([0.0 if tied else 0.1, 0.3, 0.4, 0.6], "float32")[places]
    orders = [weak_orders(len(own)) for own in rows]
    for order in itertools.product(*([(0,) * len(rows[0])] if tied else orders[0], *orders[1:])):
        scores = lowest + np.concatenate(order).astype("float32") * np.float32(2**-23)
        assert np.array_equal(np.diff(binning.bins_of(scores)) > 0, np.diff(places) > 0)
        areas.append(sk.roc_auc_score(positive, sign * scores, sample_weight=weight))
        precisions.append(sk.average_precision_score(positive, sign * scores, sample_weight=weight))
    worst, best = bounds_of(
        count_in_bins(positive, scores, binning, weight), binning, inverted=inverted, precision=True
    )
    assert_same([worst.auc, best.auc], [min(areas), max(areas)])
    assert_same(best.average_precision, max(precisions))
    # Of weights only the sums are known: they may be those of many more rows.
    assert min(precisions) - (0.25 if weighted else 0.05) < worst.average_precision <= min(precisions) + 1e-12


def scored(batches, scoring=None, memory="bounded", loss="binary_crossentropy", **options):
    """The history of one pass over batches, without a model."""
    recorder = Recorder(Plan(scoring, memory=memory, **options), True, "raise", lambda sentence: None)
    recorder.begin(0, ModelFacts(loss))
    arrived = Batches(consumers=[recorder.reader])
    for y_true, y_pred in batches:
        arrived.add([{"y_true": y_true, "y_pred": y_pred, "sample_weight": None, "mask": None}])
    recorder.record(lambda: _Ended(arrived.finish()))
    return recorder.history


class _Ended:
    complete = True

    def __init__(self, batches):
        self.batches = batches


def peak_of(rows):
    """Bytes at most while so many rows come by, in batches of a million that are not counted."""
    rng = np.random.default_rng(0)
    batch = rng.integers(0, 2, N).astype("float32"), rng.random((N, 1), dtype="float32")
    tracemalloc.start()
    history = scored(batch for _ in range(rows // N))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert history["confusion"][0].sum() == rows
    return peak


def test_memory_does_not_grow_with_the_rows():
    scored([(np.array([0, 1]), np.array([0.1, 0.9]))])  # what is made once
    peaks = {rows: peak_of(rows) for rows in (N, 10 * N, 100 * N)}
    assert abs(peaks[100 * N] - peaks[10 * N]) < 1 << 20
    assert peaks[100 * N] < peaks[N] + (64 << 20) < 160 << 20


def test_classes_that_come_in_order_are_told_apart():
    """A part with one class of a binary task alone does not know the other's label."""
    y = np.repeat([1, -1], 10 * N)
    p = np.linspace(1, 0, len(y), dtype="float32") * 0.4 + 0.5 * (y == 1).astype("float32")
    history = scored((y[at : at + N], p[at : at + N]) for at in range(0, len(y), N))
    assert history["confusion"][0].tolist() == [[10 * N, 0], [0, 10 * N]]
    assert history["auc"] == [1.0]


def test_arrays_of_any_batch_size_count_the_same():
    rng = np.random.default_rng(0)
    y, p = rng.integers(0, 4, 50_000), rng.dirichlet(np.ones(4), 50_000)
    kwargs = {"loss": "sparse_categorical_crossentropy", "scoring": ["f1", "auc", "kappa", "confusion"]}
    whole = scored([(y, p)], **kwargs)
    for size in (1, 999):
        some = slice(0, 5000 if size == 1 else len(y))
        parts = [(y[some][at : at + size], p[some][at : at + size]) for at in range(0, len(y[some]), size)]
        parted, reference = scored(parts, **kwargs), scored([(y[some], p[some])], memory="exact", **kwargs)
        for name in ("f1", "kappa", "confusion"):
            assert_same(parted[name][0], reference[name][0], 0)
        low, high = parted.bounds["auc"][0]
        assert low <= reference["auc"][0] <= high
    assert whole.bounds == parted.bounds


@pytest.mark.parametrize("largest", [1e6, 1e12, 1e16])
def test_weights_of_many_sizes(largest):
    """Three rows above, then a bin of one row of each: what stands above it must not be lost beside what it holds."""
    scores = np.array([0.9, 0.9, 0.9, 0.3, np.nextafter(np.float32(0.3), 0)], "float32")
    positive, weight = np.array([False, False, False, True, False]), np.array([0.3, 0.3, 0.3, 0.3, largest])
    lowest, highest = bounds(positive, scores, sample_weight=weight)
    exact = rank(positive, scores, weight, precision=True)
    assert lowest.average_precision - 1e-12 <= exact.average_precision <= highest.average_precision + 1e-12
    assert lowest.auc - 1e-12 <= exact.auc <= highest.auc + 1e-12


def test_parts_of_different_dtype_are_refused():
    y, p = np.array([0.0, 1.0]), np.array([0.1, 0.9])
    batches = [(np.tile(y, 2**20), np.tile(p, 2**20).astype(dtype)) for dtype in ("float16", "float32")]
    with pytest.raises(DataError, match="the outputs have different dtypes"):
        scored(batches)


def test_lengths_that_differ_too_late_are_refused():
    """Sequences of one length look like outputs of as many columns, until another length comes."""
    batches = [(np.tile([0.0, 1.0], (2**20, 1)), np.full((2**20, 2), 0.4, "float32"))] * 2
    batches += [(np.tile([0.0, 1.0, 1.0], (2**20, 1)), np.full((2**20, 3), 0.4, "float32"))] * 2
    with pytest.raises(DataError, match=r"last axis has length 2 in some.*not in others.*memory='exact'"):
        scored(batches, task="multilabel", scoring="f1")
