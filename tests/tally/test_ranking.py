"""AUC, average precision and curves from one sort, against scikit-learn and against exact rationals."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn import metrics

from kerascb_metrics import _blocks
from kerascb_metrics.tally import ranking
from kerascb_metrics.tally.ranking import auc_of_pairs, auc_of_rows, points_each, rank, rank_columns

# Ties, denormals, both zeros, and what saturates.
TIES = [-2.5, -1.0, -1e-40, -0.0, 0.0, 1e-40, 0.1, 0.5, 1.0, 3.0]


def exact(positive, y_score):
    """Every pair, as a rational."""
    own, others = y_score[positive], y_score[~positive]
    doubled = sum(2 * int(p > n) + int(p == n) for p in own for n in others)
    return Fraction(doubled, 2 * len(own) * len(others))


@st.composite
def problems(draw, dtype):
    """A few rows of both classes, in a dtype, with ties."""
    if dtype == np.float16:  # read as float32; any bits but those of inf and nan
        dtype, anything = np.float32, st.integers(0, 0x7BFF).map(lambda bits: float(np.uint16(bits).view(np.float16)))
    else:
        anything = st.floats(width=np.dtype(dtype).itemsize * 8, allow_nan=False, allow_infinity=False)
    n = draw(st.integers(2, 40))
    y_score = draw(arrays(dtype, n, elements=st.sampled_from(TIES).map(dtype) | anything))
    positive = draw(arrays(bool, n))
    positive[:2] = [False, True]
    return positive, y_score


def of_kind(kind, n=1000):
    """Many rows, with scores of a kind."""
    rng = np.random.default_rng(0)
    positive = rng.random(n) < 0.4
    z = rng.normal(size=n) + positive
    return positive, {
        "probabilities": (1 / (1 + np.exp(-z))).astype("float32"),
        "logits": z.astype("float32"),
        "all below zero": (-np.abs(z) - 1).astype("float32"),
        "half precision": z.astype("float16").astype("float32"),
        "saturated": np.clip(z, 0, 1).astype("float32"),
        "one value": np.full(n, 0.5, "float32"),
        "float64": z,
    }[kind]


KINDS = ["probabilities", "logits", "all below zero", "half precision", "saturated", "one value", "float64"]


def assert_as_scikit_learn(positive, y_score, weight=None):
    found = rank(positive, y_score, weight, precision=True)
    assert found.auc == pytest.approx(metrics.roc_auc_score(positive, y_score, sample_weight=weight), abs=1e-12)
    precision = metrics.average_precision_score(positive, y_score, sample_weight=weight)
    assert found.average_precision == pytest.approx(precision, abs=1e-12)
    return found


def assert_points_are_exact(curve, positive, y_score, weight=None):
    """Each point is what is counted at its threshold, and the curve goes from end to end."""
    weight = np.ones(len(positive)) if weight is None else weight
    assert curve.thresholds[0] == np.inf
    assert curve.thresholds[-1] == y_score.min()
    assert (np.diff(curve.thresholds) < 0).all()
    for threshold, tp, fp in zip(curve.thresholds, curve.tps, curve.fps, strict=True):
        assert tp == pytest.approx(weight[positive & (y_score >= threshold)].sum(), abs=1e-9)
        assert fp == pytest.approx(weight[~positive & (y_score >= threshold)].sum(), abs=1e-9)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@given(data=st.data())
def test_any_scores(dtype, data):
    positive, y_score = data.draw(problems(dtype))
    found = assert_as_scikit_learn(positive, y_score)
    assert abs(Fraction(found.auc) - exact(positive, y_score)) <= Fraction(1, 10**15)
    assert_points_are_exact(found.curve, positive, y_score)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(data=st.data())
def test_any_weights(dtype, data):
    positive, y_score = data.draw(problems(dtype))
    weight = data.draw(arrays(np.float64, len(positive), elements=st.sampled_from([0.0, 0.25, 1.0, 3.0])))
    weight[:2] = [0.5, 2.0]
    found = assert_as_scikit_learn(positive, y_score, weight)
    assert_points_are_exact(found.curve, positive, y_score, weight)


@pytest.mark.parametrize("inverted", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_many_rows_over_several_blocks(kind, weighted, inverted, monkeypatch):
    monkeypatch.setattr(_blocks, "BLOCK", 64)
    positive, y_score = of_kind(kind)
    positive = ~positive if inverted else positive
    weight = np.random.default_rng(1).uniform(0, 2, len(positive)) if weighted else None
    found = assert_as_scikit_learn(positive, y_score, weight)
    assert_points_are_exact(found.curve, positive, y_score, weight)


@pytest.mark.parametrize("kind", KINDS)
def test_a_rare_class_is_looked_up_to_the_same_result(kind, monkeypatch):
    _, y_score = of_kind(kind, 2000)
    positive = np.zeros(2000, bool)
    positive[::300] = True
    looked_up = assert_as_scikit_learn(positive, y_score)
    assert_points_are_exact(looked_up.curve, positive, y_score)
    monkeypatch.setattr(ranking, "_RARE", 0)
    packed = rank(positive, y_score, precision=True)
    assert packed.auc == looked_up.auc
    assert packed.average_precision == pytest.approx(looked_up.average_precision, abs=1e-12)


@pytest.mark.parametrize("share", [0.5, 0.02, 0.98])
@pytest.mark.parametrize("weighted", [False, True])
def test_a_thinned_curve_is_bounded_and_has_no_gaps(share, weighted):
    rng = np.random.default_rng(3)
    positive = rng.random(100_000) < share
    y_score = (rng.normal(size=100_000) + positive).astype("float32")
    curve = rank(positive, y_score, np.ones(100_000) if weighted else None).curve
    assert len(curve.thresholds) <= 1000
    assert np.diff(curve.tpr).max() < 0.01
    assert np.diff(curve.fpr).max() < 0.01
    fpr, tpr, thresholds = metrics.roc_curve(positive, y_score, drop_intermediate=False)
    places = np.searchsorted(-thresholds, -curve.thresholds)
    np.testing.assert_array_equal(thresholds[places], curve.thresholds)
    np.testing.assert_allclose(curve.tpr, tpr[places], atol=1e-12)
    np.testing.assert_allclose(curve.fpr, fpr[places], atol=1e-12)


def test_more_pairs_than_int32_holds():
    positive = np.arange(200_000) % 2 == 1
    y_score = np.linspace(0, 1, 200_000, dtype="float32") ** 2
    assert_as_scikit_learn(positive, y_score)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_never_packed(bad):
    with pytest.raises(ValueError, match="NaN or infinite"):
        rank(np.array([False, True, True]), np.array([0.1, bad, 0.3], "float32"))


def test_another_dtype_is_refused():
    with pytest.raises(ValueError, match="received int64"):
        rank(np.array([False, True]), np.array([1, 2]))


def test_the_scores_are_left_as_they_were():
    for kind in KINDS:
        positive, y_score = of_kind(kind)
        before = y_score.copy()
        rank(positive, y_score)
        np.testing.assert_array_equal(y_score, before)


@pytest.mark.parametrize("weighted", [False, True])
def test_columns_in_tiles_are_each_columns_own(weighted, monkeypatch):
    rng = np.random.default_rng(4)
    y_true, y_score = rng.integers(0, 5, 300), rng.dirichlet(np.ones(5), 300).astype("float32")
    weight = rng.random(300) if weighted else None
    monkeypatch.setattr(ranking, "_TILE", 2 * 300 * 4)
    some = np.array([0, 2, 3])
    for precision in (True, False):
        options = {"precision": precision, "sample_weight": weight}
        found = rank_columns(lambda some: [y_true == index for index in some], y_score, some, **options)
        own = {index: rank(y_true == index, y_score[:, index].copy(), **options) for index in some}
        assert {index: (one.auc, one.average_precision) for index, one in found.items()} == {
            index: (one.auc, one.average_precision) for index, one in own.items()
        }
        assert all((one.average_precision is not None) == precision for one in found.values())


@pytest.mark.parametrize(("curves", "most"), [(0, 1000), (1, 1000), (20, 1000), (30, 666), (400, 50), (10_000, 50)])
def test_many_curves_share_the_points_of_an_epoch(curves, most):
    assert points_each(curves) == most
    y_true, y_score = np.arange(4_000) % 2 == 1, np.random.default_rng(0).random((4_000, min(curves, 30)))
    found = rank_columns(lambda some: [y_true] * len(some), y_score, range(min(curves, 30)))
    assert all(len(one.curve.thresholds) <= points_each(len(found)) + 12 for one in found.values())


@pytest.mark.parametrize("average", ["macro", "weighted"])
def test_one_class_against_one(average):
    rng = np.random.default_rng(5)
    y_true, y_score = rng.choice(4, 200, p=[0.5, 0.3, 0.15, 0.05]), rng.dirichlet(np.ones(4), 200)
    theirs = metrics.roc_auc_score(y_true, y_score, multi_class="ovo", average=average)
    assert auc_of_pairs(y_true, y_score, weighted=average == "weighted") == pytest.approx(theirs, abs=1e-12)


@pytest.mark.parametrize("weighted", [False, True])
def test_each_rows_labels(weighted):
    rng = np.random.default_rng(6)
    y_true, y_score = rng.integers(0, 2, (50, 6)), rng.integers(0, 4, (50, 6)) / 4
    y_true[:, :2] = [0, 1]
    weight = rng.random(50) if weighted else None
    theirs = metrics.roc_auc_score(y_true, y_score, average="samples", sample_weight=weight)
    assert auc_of_rows(y_true, y_score, weight) == pytest.approx(theirs, abs=1e-12)


@pytest.mark.parametrize("decades", [0, 3, 12])
def test_weighted_sums_stay_within_their_totals(decades):
    rng = np.random.default_rng(7)
    positive, weight = np.arange(20_000) % 2 == 1, 10.0 ** rng.uniform(-decades, decades, 20_000)
    found = rank(positive, (positive + rng.random(20_000)).astype("float32"), weight, precision=True)
    assert found.auc <= 1
    assert found.average_precision <= 1
    for sums in (found.curve.tps, found.curve.fps):
        assert sums[0] == 0
        assert (np.diff(sums) >= 0).all()
    assert found.curve.precision.max() <= 1


def test_rounding_makes_no_ranking_better_than_perfect():
    for seed in range(30):
        rng = np.random.default_rng(seed)
        positive, weight = np.arange(300) % 2 == 1, rng.random(300)
        found = rank(positive, (positive + rng.random(300)).astype("float32"), weight, precision=True)
        assert 1 - 1e-12 < found.auc <= 1
        assert 1 - 1e-12 < found.average_precision <= 1
