"""Where rankings and curves turn: groups at the end of a block, the highest rows, columns past a tile."""

import itertools

import numpy as np
import pytest
from sklearn import metrics

from kerascb_metrics import Multilabel, _blocks
from kerascb_metrics.tally import ranking
from kerascb_metrics.tally.delong import Placements, Ties
from kerascb_metrics.tally.ranking import rank, rank_columns
from tests.support.arrays import assert_same, assessed


def many_rows(share, n=100_000):
    """Rows without ties, a share of them positive."""
    rng = np.random.default_rng(8)
    return rng.random(n) < share, rng.permutation(n).astype("float32") / n


@pytest.mark.parametrize("how", ["packed", "inverted", "looked up", "weighed"])
def test_blocks_of_any_size_never_cut_a_group(how, monkeypatch):
    rng = np.random.default_rng(12)
    y_score = (rng.integers(-20, 60, 200) / 64).astype("float32")  # two or three rows a score, of either sign
    positive = rng.random(200) < (0.7 if how == "inverted" else 0.3)
    weight = rng.uniform(0.1, 2, 200) if how == "weighed" else None
    monkeypatch.setattr(ranking, "_RARE", 1 if how == "looked up" else 0)
    expected = metrics.roc_auc_score(positive, y_score, sample_weight=weight)
    precision = metrics.average_precision_score(positive, y_score, sample_weight=weight)
    fpr, tpr, _ = metrics.roc_curve(positive, y_score, sample_weight=weight, drop_intermediate=False)
    for block in range(1, 40):
        monkeypatch.setattr(_blocks, "BLOCK", block)
        found = rank(positive, y_score, weight, precision=True)
        assert_same(found.auc, expected)
        assert_same(found.average_precision, precision)
        assert_same(found.curve.fpr, fpr)
        assert_same(found.curve.tpr, tpr)


@pytest.mark.parametrize("how", ["packed", "looked up", "weighed"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_both_zeros_are_one_score(how, dtype, monkeypatch):
    monkeypatch.setattr(ranking, "_RARE", 1 if how == "looked up" else 0)
    positive = np.array([False, True, True, False, True, False])
    y_score = np.array([0.0, -0.0, 0.0, -0.0, 1.0, -1.0], dtype)
    found = rank(positive, y_score, np.ones(6) if how == "weighed" else None, precision=True)
    assert_same(found.auc, metrics.roc_auc_score(positive, y_score))
    assert_same(found.average_precision, metrics.average_precision_score(positive, y_score))
    assert found.curve.thresholds.tolist() == [np.inf, 1, 0, -1]


@pytest.mark.parametrize("how", ["packed", "inverted", "weighed"])
def test_blocks_in_which_no_point_is_wanted(how, monkeypatch):
    """As in many rows, or a short last block: the curve has fewer points than there are blocks."""
    rng = np.random.default_rng(13)
    y_score = (rng.integers(-40, 60, 300) / 64).astype("float32")
    positive = rng.random(300) < (0.7 if how == "inverted" else 0.3)
    weight = rng.uniform(0.1, 2, 300) if how == "weighed" else None
    monkeypatch.setattr(ranking, "_RARE", 0)
    fpr, tpr, thresholds = metrics.roc_curve(positive, y_score, sample_weight=weight, drop_intermediate=False)
    for block in range(1, 40):
        monkeypatch.setattr(_blocks, "BLOCK", block)
        found = rank(positive, y_score, weight, most=4)
        assert_same(found.auc, metrics.roc_auc_score(positive, y_score, sample_weight=weight))
        assert found.average_precision is None
        assert len(found.curve.thresholds) < 300 / 4
        kept = np.isin(thresholds, found.curve.thresholds)
        assert_same(found.curve.fpr, fpr[kept])
        assert_same(found.curve.tpr, tpr[kept])


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("share", [0.5, 0.002], ids=["packed", "looked up"])
@pytest.mark.parametrize(("rows", "block"), [(100_000, 1 << 16), (1 << 17, 1 << 12)])  # of the second, blocks end there
def test_a_thinned_curve_closes_up_towards_the_top(rows, block, share, weighted, monkeypatch):
    monkeypatch.setattr(_blocks, "BLOCK", block)
    positive, y_score = many_rows(share, rows)
    curve = rank(positive, y_score, np.ones(rows) if weighted else None).curve
    assert set(2 ** np.arange(17)) <= set((curve.tps + curve.fps).astype(int))


@pytest.mark.parametrize("how", ["packed", "looked up", "weighed"])
@pytest.mark.parametrize("share", [0.5, 0.1, 0.9, 0.002])
def test_steps_between_points_are_bounded_also_from_block_to_block(share, how, monkeypatch):
    monkeypatch.setattr(_blocks, "BLOCK", 777)
    monkeypatch.setattr(ranking, "_RARE", 1 if how == "looked up" else 0)
    positive, y_score = many_rows(share, 20_000)
    curve = rank(positive, y_score, np.ones(20_000) if how == "weighed" else None, most=200).curve
    assert len(curve.thresholds) <= 200
    assert np.diff(curve.tps + curve.fps).max() <= 2 * 20_000 / 200
    scarce = curve.tps if how == "looked up" or curve.positives < curve.negatives else curve.fps
    assert np.diff(scarce).max() <= max(1, -(-5 * scarce[-1] // (2 * 200)))


def test_the_precision_of_a_curve_is_that_of_scikit_learn():
    rng = np.random.default_rng(9)
    positive, y_score = rng.random(60) < 0.4, rng.integers(0, 20, 60).astype("float32") / 20
    curve = rank(positive, y_score).curve
    precision, recall, _ = metrics.precision_recall_curve(positive, y_score)
    assert_same(curve.precision[::-1], precision)
    assert_same(curve.tpr[::-1], recall)


def test_a_column_larger_than_a_tile_is_ranked_by_itself(monkeypatch):
    rng = np.random.default_rng(10)
    y_true, y_score = rng.integers(0, 3, 50), rng.random((50, 3))
    monkeypatch.setattr(ranking, "_TILE", 1)
    found = rank_columns(lambda some: [y_true == index for index in some], y_score, np.arange(3))
    assert {index: one.auc for index, one in found.items()} == {
        index: rank(y_true == index, y_score[:, index].copy()).auc for index in range(3)
    }


@pytest.mark.parametrize("average", ["macro", None])
def test_the_label_that_every_row_has_is_named(average):
    y_true, y_score = np.array([[0, 1], [1, 1], [1, 1]]), np.array([[0.1, 0.2], [0.6, 0.4], [0.3, 0.3]])
    found = assessed(Multilabel(), y_true, y_score, "auc", average=average)
    if average is None:
        assert found.undefined == {"auc": "every row has the label 1"}
    else:
        assert found.left_out == {"auc": "averages over 1 of 2 labels: every row has '1'"}


def test_the_auc_a_sample_weighs_the_samples():
    rng = np.random.default_rng(11)
    y_true, y_score, weight = rng.integers(0, 2, (50, 4)), rng.random((50, 4)), rng.random(50)
    y_true[:, :2] = [0, 1]
    found = assessed(Multilabel(), y_true, y_score, "auc", average="samples", sample_weight=weight)
    assert_same(found.values["auc"], metrics.roc_auc_score(y_true, y_score, average="samples", sample_weight=weight))


# How much an area varies: parts of the rows may come in each of three forms.


def as_groups(placements, positive, scores):
    counts = [np.unique(scores[which], return_counts=True) for which in (~positive, positive)]
    groups = np.unique(scores)
    zeros, ones = np.zeros((2, len(groups)), int)
    for found, (values, count) in zip((zeros, ones), counts, strict=True):
        found[np.searchsorted(groups, values)] = count
    placements.add_groups(zeros, ones)


def as_single_groups(placements, positive, scores):
    for score in np.unique(scores):
        placements.add_group(int((~positive[scores == score]).sum()), int(positive[scores == score].sum()))


def as_a_block(placements, positive, scores):
    order = np.lexsort([positive, scores])
    where = np.flatnonzero(positive[order])
    mixed = [score for score in np.unique(scores) if 0 < positive[scores == score].mean() < 1]
    first = np.searchsorted(scores[order][where], mixed)
    counts = [np.array([(own & (scores == score)).sum() for score in mixed], int) for own in (~positive, positive)]
    placements.add_block(where, len(scores), Ties(first, *counts))


FORMS = [as_groups, as_single_groups, as_a_block]


@pytest.mark.parametrize("forms", list(itertools.product(FORMS, repeat=3)))
def test_the_variance_is_that_over_all_pairs_in_whichever_form_the_rows_come(forms):
    rng = np.random.default_rng(14)
    scores = np.sort(rng.integers(0, 30, 90))
    positive = rng.random(90) < 0.2 + scores / 60
    placements = Placements(int(positive.sum()), int((~positive).sum()))
    for form, low in zip(forms, (0, 10, 20), strict=True):
        own = (scores >= low) & (scores < low + 10)
        form(placements, positive[own], scores[own])
    wins = np.sign(scores[positive][:, None] - scores[~positive]) / 2 + 0.5
    variance = wins.mean(axis=1).var(ddof=1) / positive.sum() + wins.mean(axis=0).var(ddof=1) / (~positive).sum()
    assert placements.wins == 2 * wins.sum()
    assert placements.spread().variance == pytest.approx(variance, rel=1e-12)


@pytest.mark.parametrize(
    ("zeros", "ones", "variance"),
    [([1, 3], [2], None), ([1], [2, 3], None), ([1, 3], [2, 4], 0.125), ([1, 3], [3, 3], 0.0625), ([1, 2], [3, 4], 0)],
)
@pytest.mark.parametrize("rare", [0, 1], ids=["packed", "looked up"])
def test_the_variance_of_two_rows_of_each_class(zeros, ones, variance, rare, monkeypatch):
    monkeypatch.setattr(ranking, "_RARE", rare)
    scores, positive = np.array([*zeros, *ones], "float32"), np.repeat([False, True], [len(zeros), len(ones)])
    found = rank(positive, scores).spread
    assert (found and found.variance) == variance
    if variance == 0:
        assert found.degrees == np.inf


def test_millions_of_rows_in_order_have_no_variance_at_all():
    """Floats, whose sums are rounded, would leave some."""
    placements, none = Placements(70_001, 10_000_019), np.empty(0, np.int64)
    placements.add_group(10_000_019, 0)
    for length in (35_001, 35_000):
        placements.add_block(np.arange(length), length, Ties(none, none, none))
    assert placements.spread().variance == 0
