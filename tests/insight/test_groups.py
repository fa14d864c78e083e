"""Scores of groups: equal to scikit-learn's on the rows of each group, with one test of all; refusals."""

import numpy as np
import pytest
from scipy.stats import chi2_contingency
from sklearn import metrics as sk

from kerascb_metrics import Metrics, Multilabel
from kerascb_metrics.exceptions import MissingRowsError
from kerascb_metrics.scores import Scores

FUNCTIONS = {
    "f1": sk.f1_score,
    "precision": sk.precision_score,
    "recall": sk.recall_score,
    "accuracy": sk.accuracy_score,
    "kappa": sk.cohen_kappa_score,
    "mcc": sk.matthews_corrcoef,
    "balanced_accuracy": sk.balanced_accuracy_score,
    "iou": sk.jaccard_score,
}


def rows(count=600, groups=3, seed=0):
    rng = np.random.default_rng(seed)
    y_true = (rng.random(count) < 0.3).astype(int)
    p = np.clip(0.3 * y_true + 0.7 * rng.random(count), 0, 1)
    return y_true, p, rng.choice(list("abcdefgh")[:groups], count)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_each_group_has_scikit_learns_score_of_its_rows(name):
    y_true, p, groups = rows()
    found = Metrics([name], task="binary").score(y_true, p).by_group(groups, name)
    expected = {
        group: FUNCTIONS[name](y_true[groups == group], p[groups == group] > 0.5)
        for group in np.unique(groups).tolist()
    }
    assert dict(found) == pytest.approx(expected, abs=1e-12)
    assert found.n == {group: int((groups == group).sum()) for group in expected}
    assert found.overall == pytest.approx(FUNCTIONS[name](y_true, p > 0.5), abs=1e-12)
    assert (found.group_min, found.group_max) == pytest.approx((min(expected.values()), max(expected.values())))
    assert found.difference == pytest.approx(found.group_max - found.group_min)
    assert found.ratio == pytest.approx(found.group_min / found.group_max)
    assert 0 < found.pvalue <= 1
    for group, (low, high) in found.confidence_interval.items():
        assert low < found[group] < high


@pytest.mark.parametrize("average", ["macro", "weighted"])
def test_classes_weights_and_labels(average):
    rng = np.random.default_rng(0)
    y_true, p, groups = rng.integers(0, 4, 500), rng.dirichlet(np.ones(4), 500), rng.integers(0, 3, 500)
    weight = rng.random(500)
    plain = Metrics("f1", average=average).score(y_true, p).by_group(groups, "f1")
    weighted = Metrics("f1", average=average).score(y_true, p, weight).by_group(groups, "f1")
    for group in range(3):
        own = groups == group
        labels = y_true[own], p[own].argmax(axis=1)
        assert plain[group] == pytest.approx(sk.f1_score(*labels, average=average), abs=1e-12)
        expected = sk.f1_score(*labels, average=average, sample_weight=weight[own])
        assert weighted[group] == pytest.approx(expected, abs=1e-12)
    y_labels = np.where(rng.random((500, 3)) < 0.1, -1, rng.random((500, 3)) < 0.4)
    found = Metrics("recall", task=Multilabel(ignore_class=-1)).score(y_labels, p[:, :3]).by_group(groups, "recall")
    for group in range(3):
        own = groups == group
        recalls = [
            sk.recall_score(y_labels[own & (y_labels[:, i] >= 0), i], p[own & (y_labels[:, i] >= 0), i] > 0.5)
            for i in range(3)
        ]
        assert found[group] == pytest.approx(np.mean(recalls), abs=1e-12)
    assert found.method == "permutation of samples"


def test_areas_and_any_other_score_of_rows():
    y_true, p, groups = rows()
    scores = Metrics(["auc", "neg_log_loss"], task="binary").score(y_true, p)
    for name, function in {"auc": sk.roc_auc_score, "neg_log_loss": lambda y, q: -sk.log_loss(y, q)}.items():
        found = scores.by_group(groups, name)
        for group in found:
            expected = function(y_true[groups == group], p[groups == group])
            assert found[group] == pytest.approx(expected, abs=1e-12)
        assert np.isnan(found.pvalue)
    low, high = scores.by_group(groups, "auc").confidence_interval["a"]
    assert low < scores.by_group(groups, "auc")["a"] < high


def test_shares_are_tested_by_pearsons_chi_squared():
    y_true, p, groups = rows()
    found = Metrics("recall", task="binary").score(y_true, p).by_group(groups, "recall")
    positive = y_true == 1
    table = [[((p > 0.5) == hit)[positive & (groups == group)].sum() for group in found] for hit in (True, False)]
    assert found.pvalue == pytest.approx(chi2_contingency(table, correction=False).pvalue, abs=1e-12)
    assert found.method == "chi-squared test of shares"


def test_intervals_allow_for_the_number_of_groups():
    y_true, p, groups = rows()
    scores = Metrics("recall", task="binary").score(y_true, p)
    found = scores.by_group(groups, "recall", confidence_level=0.9)
    alone = Metrics("recall", task="binary").score(y_true[groups == "b"], p[groups == "b"])
    assert found.confidence_interval["b"] == pytest.approx(alone.confidence_interval("recall", 1 - 0.1 / 3), abs=1e-9)


def test_positions_belong_to_the_group_of_their_sample():
    rng = np.random.default_rng(0)
    y_true = (rng.random((60, 9)) < 0.4).astype(int)
    p = np.clip(0.3 * y_true + 0.7 * rng.random((60, 9)), 0, 1)
    sites = np.arange(60) % 3
    found = Metrics("f1", task="binary").score(y_true, p).by_group(sites, "f1")
    for site in range(3):
        own = sites == site
        expected = sk.f1_score(y_true[own].ravel(), p[own].ravel() > 0.5)
        assert found[site] == pytest.approx(expected, abs=1e-12)
        assert found.confidence_interval[site].method == "delta method over samples"
    assert found.n == {0: 180, 1: 180, 2: 180}


def test_small_groups_and_many_groups():
    y_true, p, _ = rows(1000)
    single = Metrics("accuracy", task="binary").score(y_true, p).by_group(np.arange(1000), "accuracy")
    assert len(single) == 1000
    low, high = single.confidence_interval[0]
    assert (low, high) != (single[0], single[0])
    assert high - low > 0.5  # of one row nearly nothing is known
    one = Metrics("f1", task="binary").score(y_true, p).by_group(np.zeros(1000), "f1")
    assert np.isnan(one.pvalue)
    assert one.method == "there is a single group"


def test_it_prints_a_table():
    y_true, p, groups = rows()
    lines = str(Metrics("f1", task="binary").score(y_true, p).by_group(groups, "f1")).splitlines()
    assert lines[0].split() == ["group", "rows", "f1", "95", "%", "interval"]
    assert [line.split()[0] for line in lines[1:4]] == ["a", "b", "c"]
    assert "all equal: p = " in lines[4]


def test_what_is_wrong_raises(tmp_path):
    y_true, p, groups = rows()
    scores = Metrics(["f1", "confusion"], task="binary", per_class=True).score(y_true, p)
    with pytest.raises(ValueError, match=r"one value per sample, so the shape \(600,\)"):
        scores.by_group(groups[:-1], "f1")
    for missing in (None, np.nan):
        holed = np.array(groups, object)
        holed[3] = missing
        with pytest.raises(ValueError, match="1 samples have None or nan for a group"):
            scores.by_group(holed, "f1")
    with pytest.raises(KeyError, match="no score 'f3'"):
        scores.by_group(groups, "f3")
    with pytest.raises(ValueError, match="several values"):
        scores.by_group(groups, "confusion")
    with pytest.raises(KeyError, match="no group 'z'; there are: 'a', 'b', 'c'"):
        scores.by_group(groups, "f1")["z"]
    scores.save(tmp_path / "scores.json")
    with pytest.raises(MissingRowsError, match="groups need the rows"):
        Scores.load(tmp_path / "scores.json").by_group(groups, "f1")


@pytest.mark.slow
def test_equal_groups_are_rarely_told_apart():
    rejected = {"recall": [], "f1": [], "kappa": []}
    metrics = Metrics(list(rejected), task="binary", verbose=False)
    for seed in range(400):
        y_true, p, groups = rows(400, 4, seed)
        scores = metrics.score(y_true, p)
        for name, own in rejected.items():
            own.append(scores.by_group(groups, name).pvalue < 0.05)
    assert all(np.mean(own) <= 0.08 for own in rejected.values())
