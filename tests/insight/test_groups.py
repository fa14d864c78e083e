"""Scores of groups: equal to scikit-learn's on the rows of each group, with one test of all; refusals."""

from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from fairlearn.metrics import MetricFrame
from scipy.stats import binomtest, chi2_contingency
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
    y_true, p, groups = rows(200, 2)
    scores = Metrics(["auc", "neg_brier_score"], task="binary").score(y_true, p)
    for name, function in {"auc": sk.roc_auc_score, "neg_brier_score": lambda y, q: -sk.brier_score_loss(y, q)}.items():
        found = scores.by_group(groups, name)
        for group in found:
            expected = function(y_true[groups == group], p[groups == group])
            assert found[group] == pytest.approx(expected, abs=1e-12)
        assert found.method == "permutation of rows"
        assert 0 < found.pvalue <= 1
        low, high = found.confidence_interval["a"]
        assert low < found["a"] < high or (name != "auc" and np.isnan(low))


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
    positive = (groups == "b") & (y_true == 1)
    expected = binomtest(int((p[positive] > 0.5).sum()), int(positive.sum())).proportion_ci(1 - 0.1 / 3, "exact")
    assert tuple(found.confidence_interval["b"]) == pytest.approx(tuple(expected), abs=1e-12)
    f1 = Metrics("f1", task="binary").score(y_true, p).by_group(groups, "f1", confidence_level=0.9)
    own = groups == "b"
    hits, tried = ((y_true[own] == 1) & (p[own] > 0.5)).sum(), ((y_true[own] == 1) | (p[own] > 0.5)).sum()
    ends = binomtest(int(hits), int(tried)).proportion_ci(1 - 0.1 / 3, "exact")
    assert tuple(f1.confidence_interval["b"]) == pytest.approx([2 * end / (1 + end) for end in ends], abs=1e-12)


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


def test_the_table_says_why_a_group_has_no_interval():
    y_true, p, groups = rows()
    groups, y_true = groups.astype(object), y_true.copy()
    for row in range(7):  # one row each, so that no group has both classes
        groups[row] = f"z{row}"
    y_true[:7] = 0
    found = Metrics(["auc", "recall"], task="binary").score(y_true, p)
    table = str(found.by_group(groups, "auc"))
    *_, why, summary = table.splitlines()
    assert why == "no interval for z0; z1; z2; z3; z4 and 2 more: the group has no row, or rows of one class only"
    assert table.count("unknown") == 7
    assert "nan to nan" not in table
    assert "no interval" not in str(found.by_group(rows()[2], "auc"))
    assert summary.startswith("all rows ")


def test_a_test_that_fewer_than_two_groups_allow_is_not_named():
    y_true, p = np.array([0, 1, 1, 0, 0, 0]), np.array([0.1, 0.9, 0.2, 0.1, 0.2, 0.3])
    found = Metrics("recall", task="binary").score(y_true, p).by_group([0, 0, 0, 1, 1, 1], "recall")
    assert np.isnan(found.pvalue)
    assert found.method == "fewer than two groups have this score"


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


def test_a_large_difference_of_areas_is_found_and_too_many_rows_have_no_test():
    y_true, p, groups = rows(200, 2)
    p = np.where(groups == "a", 1 - p, p)
    found = Metrics("auc", task="binary").score(y_true, p).by_group(groups, "auc")
    assert found.pvalue == 0.001  # no permutation differs as much
    many, q, sites = rows(20_001, 2)
    found = Metrics("auc", task="binary").score(many, q).by_group(sites, "auc")
    assert found.method == "no test: 20,001 rows are too many to score them again and again"


LABEL_SCORES = {"f1": sk.f1_score, "precision": sk.precision_score, "recall": sk.recall_score, "iou": sk.jaccard_score}


@pytest.mark.parametrize("average", ["macro", "micro", "weighted"])
@pytest.mark.parametrize("name", LABEL_SCORES)
def test_every_score_of_labels(name, average):
    rng = np.random.default_rng(2)
    y_true = (rng.random((300, 3)) < 0.4).astype(int)
    p, groups = np.clip(0.4 * y_true + 0.6 * rng.random((300, 3)), 0, 1), rng.choice(["a", "b"], 300)
    scores = Metrics(name, task="multilabel", average=average).score(y_true, p)
    found = scores.by_group(groups, name)
    for group in "ab":
        own = groups == group
        expected = LABEL_SCORES[name](y_true[own], p[own] > 0.5, average=average, zero_division=0)
        assert found[group] == pytest.approx(expected, abs=1e-12)
    assert found.overall == pytest.approx(scores[name], abs=1e-12)
    one = Metrics(name, task="multilabel", per_class=True).score(y_true, p).by_group(groups, f"{name}_1")
    expected = LABEL_SCORES[name](y_true[groups == "a", 1], p[groups == "a", 1] > 0.5)
    assert one["a"] == pytest.approx(expected, abs=1e-12)
    low, high = one.confidence_interval["a"]
    assert low < expected < high


@pytest.mark.parametrize("name", ["f1", "precision", "recall", "iou"])
def test_rows_of_weight_zero_stay_as_in_scikit_learn(name):
    """In group a all rows of class 2 have no weight: the class is there, and its score is 0/0."""
    rng = np.random.default_rng(0)
    y_true, p, groups = rng.integers(0, 3, 200), rng.dirichlet(np.ones(3), 200), rng.choice(["a", "b"], 200)
    weight = np.where((groups == "a") & (y_true == 2), 0.0, rng.uniform(0.5, 2, 200))
    found = Metrics(name).score(y_true, p, weight).by_group(groups, name)
    for group in "ab":
        own = groups == group
        labels = y_true[own], p[own].argmax(1)
        expected = LABEL_SCORES[name](*labels, sample_weight=weight[own], average="macro", zero_division=0)
        assert found[group] == pytest.approx(expected, abs=1e-12)


def test_groups_without_a_row_or_any_weight_have_no_score():
    y_true, p, groups = rows(300, 3)
    weight = np.where(groups == "b", 0.0, 1.0)
    for name in ("f1", "recall", "kappa", "mcc", "accuracy"):
        found = Metrics(name, task="binary", zero_division=1.0).score(y_true, p, weight).by_group(groups, name)
        assert np.isnan(found["b"])
        assert found.group_min == min(found["a"], found["c"])
    mask = (groups != "b")[:, None] & np.ones((300, 2), bool)
    two = np.stack([y_true, y_true], axis=1), np.stack([p, p], axis=1)[..., None]
    masked = Metrics("f1", task="binary").score(*two, mask=mask).by_group(groups, "f1")
    assert masked.n["b"] == 0
    assert np.isnan(masked["b"])


def test_where_fewer_than_two_groups_have_the_score_nothing_is_tested():
    scores = Metrics("auc", task="binary").score([0] * 10 + [1] * 10, np.linspace(0, 1, 20))
    found = scores.by_group(["n"] * 10 + ["p"] * 10, "auc")
    assert np.isnan([found.pvalue, found.group_min, found.group_max, found.difference, found.ratio]).all()
    assert found.method == "fewer than two groups have this score"
    assert "nan" in str(found)


def test_a_score_that_raises_on_a_group_says_so():
    def picky(y_true, y_pred):
        if len(y_true) < 250:
            raise RuntimeError("too few for me")
        return 1.0

    y_true, p, groups = rows(300, 3)
    scores = Metrics(picky, task="binary").score(y_true, p)
    with pytest.raises(RuntimeError, match="too few for me"):
        scores.by_group(groups, "picky")


def test_names_with_dollars_are_drawn_as_they_are():
    y_true, p, groups = rows(300, 2)
    names = np.where(groups == "a", "$_$", "$10 to $20")
    display = Metrics("f1", task="binary").score(y_true, p).plot_groups("f1", names)
    display.figure_.canvas.draw()
    plt.close(display.figure_)


def test_numbers_of_a_regression():
    rng = np.random.default_rng(0)
    y_true, y_pred, groups = rng.normal(size=90), rng.normal(size=90), np.arange(90) % 3
    found = Metrics(["r2", "mae"]).score(y_true, y_pred).by_group(groups, "mae")
    for group in range(3):
        own = groups == group
        assert found[group] == pytest.approx(sk.mean_absolute_error(y_true[own], y_pred[own]), abs=1e-12)
    assert (found.group_min, found.group_max) == (min(found.values()), max(found.values()))


FRAMES = {
    "binary": ("binary", lambda rng: ((rng.random(300) < 0.4).astype(int), rng.random(300)), {}),
    "macro": (
        "multiclass",
        lambda rng: (rng.integers(0, 4, 300), rng.dirichlet(np.ones(4), 300)),
        {"average": "macro"},
    ),
    "micro": (
        "multiclass",
        lambda rng: (rng.integers(0, 4, 300), rng.dirichlet(np.ones(4), 300)),
        {"average": "micro"},
    ),
}


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("case", FRAMES)
def test_everything_is_what_fairlearn_finds(case, weighted):
    """Also in a group that lacks a class, and for combinations of two columns."""
    task, make, options = FRAMES[case]
    rng = np.random.default_rng(8)
    y_true, y_pred = make(rng)
    labels = (y_pred > 0.5).astype(int) if task == "binary" else y_pred.argmax(axis=1)
    frame = pd.DataFrame({"site": rng.choice(["Bern", "Graz", "Ulm"], 300), "old": rng.random(300) < 0.5})
    y_true[(frame["site"] == "Ulm") & (y_true == 2)] = 1
    weight = rng.uniform(0.5, 2, 300) if weighted else None
    names = ["f1", "precision", "recall", "accuracy", "kappa", "balanced_accuracy", "mcc"]
    scores = Metrics(names, task=task, average=options.get("average", "auto")).score(y_true, y_pred, weight)
    for name in names:
        own = {**options, "zero_division": 0} if name in ("f1", "precision", "recall") else {}
        function = partial(FUNCTIONS[name], **own)
        function.__name__ = name
        for features in (frame["site"], frame):
            expected = MetricFrame(
                metrics=function,
                y_true=y_true,
                y_pred=labels,
                sensitive_features=features,
                sample_params=None if weight is None else {"sample_weight": weight},
            )
            found = scores.by_group(features, name)
            assert dict(found) == pytest.approx(expected.by_group.to_dict(), abs=1e-12)
            assert found.overall == pytest.approx(expected.overall, abs=1e-12)
            assert found.group_min == pytest.approx(expected.group_min(), abs=1e-12)
            assert found.group_max == pytest.approx(expected.group_max(), abs=1e-12)
            assert found.difference == pytest.approx(expected.difference(), abs=1e-12)
            if found.group_min > 0:
                assert found.ratio == pytest.approx(expected.ratio(), abs=1e-12)
        assert list(found) == sorted(found)


def test_the_plot_has_a_point_and_an_interval_per_group():
    y_true, p, groups = rows()
    scores = Metrics("f1", task="binary").score(y_true, p)
    display = scores.plot_groups("f1", groups)
    found = scores.by_group(groups, "f1")
    points = [line.get_xdata()[0] for line in display.ax_.lines if line.get_marker() == "o"]
    assert points == sorted(found.values())
    assert [tick.get_text() for tick in display.ax_.get_yticklabels()] == [
        f"{group}  ({found.n[group]})" for group in sorted(found, key=found.get)
    ]
    assert display.ax_.get_title() == f"all equal: p = {found.pvalue:.2g}"
    plt.close(display.figure_)
    with pytest.raises(ValueError, match="at most 60"):
        scores.plot_groups("f1", np.arange(600))
    plt.close("all")
    with pytest.raises(ValueError, match=r"pass groups=.*this result has no slices"):
        scores.plot_groups("f1")


def test_the_report_has_a_table_per_score():
    y_true, p, groups = rows()
    scores = Metrics(["f1", "auc", "confusion"], task="binary").score(y_true, p)
    tables = scores.report(by=groups).split("\n\n")
    assert tables == [str(scores.by_group(groups, name)) for name in ("f1", "auc")]
    with pytest.raises(ValueError, match="a report of groups is text"):
        scores.report(by=groups, output_dict=True)
    with pytest.raises(ValueError, match="one value per sample"):
        scores.report(by=groups[1:])


@pytest.mark.simulation
@pytest.mark.parametrize(("count", "size", "recall"), [(20, 20, 0.97), (50, 10, 0.95), (200, 3, 0.98), (5, 200, 0.8)])
def test_all_intervals_together_hold_as_often_as_they_say(count, size, recall):
    rng, held = np.random.default_rng(1), 0
    metrics = Metrics("recall", task="binary")
    groups = np.append(np.repeat(np.arange(count), size), 0)
    y_true = np.append(np.ones(count * size, int), 0)
    for _ in range(200):
        p = np.where(rng.random(len(y_true)) < recall, 0.9, 0.1)
        found = metrics.score(y_true, p).by_group(groups, "recall")
        held += all(low <= recall <= high for low, high in found.confidence_interval.values())
    assert held / 200 >= 0.93


@pytest.mark.simulation
def test_equal_groups_are_rarely_told_apart():
    rejected = {"recall": [], "f1": [], "kappa": []}
    metrics = Metrics(list(rejected), task="binary", verbose=False)
    for seed in range(400):
        y_true, p, groups = rows(400, 4, seed)
        scores = metrics.score(y_true, p)
        for name, own in rejected.items():
            own.append(scores.by_group(groups, name).pvalue < 0.05)
    assert all(np.mean(own) <= 0.08 for own in rejected.values())
