"""Confidence intervals: each method against its reference, what has none and why, samples and groups, files."""

import json
import pickle
from functools import cache

import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import binomtest
from sklearn import metrics as sk

from kerascb_metrics import Binary, Metrics, ScoreHistory
from kerascb_metrics.insight.areas import of_roc_auc
from kerascb_metrics.insight.shares import exact, wilson
from kerascb_metrics.scores import Scores
from kerascb_metrics.tally.delong import Spread
from kerascb_metrics.tally.ranking import rank


def binary(count=400, share=0.3, seed=0):
    rng = np.random.default_rng(seed)
    y_true = (rng.random(count) < share).astype(int)
    return y_true, expit(rng.normal(size=count) + 1.5 * y_true - 1)


def drawn(shape, seed=1):
    return np.random.default_rng(seed).random(shape)


# Shares of rows.


@pytest.mark.parametrize("level", [0.5, 0.95, 0.99])
@pytest.mark.parametrize(("part", "whole"), [(0, 7), (7, 7), (3, 10), (412, 1000), (1, 100_000)])
def test_shares_are_those_of_scipy(part, whole, level):
    reference = binomtest(part, whole).proportion_ci(level, method="wilson")
    assert wilson(part, whole, level) == pytest.approx((reference.low, reference.high), abs=1e-12)


def test_which_rows_each_score_is_a_share_of():
    y_true, p = binary()
    tn, fp, fn, tp = sk.confusion_matrix(y_true, p > 0.5).ravel()
    scores = Metrics(["accuracy", "precision", "recall", "specificity", "iou", "f1"], task="binary").score(y_true, p)
    shares = {
        "accuracy": (tp + tn, 400),
        "precision": (tp, tp + fp),
        "recall": (tp, tp + fn),
        "specificity": (tn, tn + fp),
        "iou": (tp, tp + fp + fn),
    }
    for name, (part, whole) in shares.items():
        reference = binomtest(int(part), int(whole)).proportion_ci(method="wilson")
        assert scores.confidence_interval(name) == pytest.approx((reference.low, reference.high), abs=1e-12)
    low, high = binomtest(int(tp), int(tp + fp + fn)).proportion_ci(method="wilson")
    expected = 2 * low / (1 + low), 2 * high / (1 + high)
    assert scores.confidence_interval("f1") == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("pos_label", [0, 1])
def test_of_the_positive_class_and_of_each_class(pos_label):
    y_true, p = binary()
    own = sk.confusion_matrix(y_true == pos_label, (p > 0.5) == pos_label)
    reference = binomtest(int(own[1, 1]), int(own[1].sum())).proportion_ci(method="wilson")
    scores = Metrics(task=Binary(pos_label=pos_label), per_class=True).score(y_true, p)
    for name in ("recall", f"recall_{pos_label}"):
        assert scores.confidence_interval(name) == pytest.approx((reference.low, reference.high), abs=1e-12)
    other = sk.confusion_matrix(y_true == 1 - pos_label, (p > 0.5) == 1 - pos_label)
    low, high = binomtest(int(other[1, 1]), int(other[1].sum())).proportion_ci(method="wilson")
    assert scores.confidence_interval(f"recall_{1 - pos_label}") == pytest.approx((low, high), abs=1e-12)


def test_of_a_class_among_several_and_of_a_label():
    rng = np.random.default_rng(0)
    y_true, p = rng.integers(0, 3, 500), rng.dirichlet(np.ones(3), 500)
    scores = Metrics(per_class=True).score(y_true, p)
    hits = int(((p.argmax(1) == 2) & (y_true == 2)).sum())
    reference = binomtest(hits, int((y_true == 2).sum())).proportion_ci(method="wilson")
    assert scores.confidence_interval("recall_2") == pytest.approx((reference.low, reference.high), abs=1e-12)
    labels, outputs = (rng.random((500, 3)) < 0.4).astype(int), rng.random((500, 3))
    scores = Metrics(["recall", "auc"], task="multilabel", per_class=True).score(labels, outputs)
    hits = int(((outputs[:, 1] > 0.5) & (labels[:, 1] == 1)).sum())
    reference = binomtest(hits, int(labels[:, 1].sum())).proportion_ci(method="wilson")
    assert scores.confidence_interval("recall_1") == pytest.approx((reference.low, reference.high), abs=1e-12)
    assert scores.confidence_interval("auc_1").low < scores["auc_1"] < scores.confidence_interval("auc_1").high


def test_micro_of_classes_is_the_share_of_right_rows():
    rng = np.random.default_rng(0)
    y_true, p = rng.integers(0, 3, 300), rng.dirichlet(np.ones(3), 300)
    reference = binomtest(int((p.argmax(1) == y_true).sum()), 300).proportion_ci(method="wilson")
    for name in ("f1", "precision", "recall", "f1_micro"):
        found = Metrics(name, average="micro").score(y_true, p).confidence_interval(name)
        assert found == pytest.approx((reference.low, reference.high), abs=1e-12)


def test_weights_are_worth_what_the_design_effect_says():
    y_true, p = binary()
    equal = Metrics(["recall", "f1", "accuracy", "kappa"]).score(y_true, p, np.full(400, 7.0))
    counted = Metrics(["recall", "f1", "accuracy", "kappa"]).score(y_true, p)
    for name in counted:
        expected = counted.confidence_interval(name)
        assert equal.confidence_interval(name) == pytest.approx(expected, abs=1e-9)
    weights = drawn(400) * 2
    scores = Metrics("recall").score(y_true, p, weights)
    own = weights[y_true == 1]
    rows = own.sum() ** 2 / (own**2).sum()
    reference = wilson(scores["recall"] * rows, rows, 0.95)
    assert scores.confidence_interval("recall") == pytest.approx(reference, abs=1e-12)


# Areas.


@pytest.mark.parametrize("decimals", [1, 2, 9])
@pytest.mark.parametrize("share", [0.01, 0.2, 0.8])
@pytest.mark.parametrize("count", [50, 3000])
def test_the_variance_of_the_area_is_delongs_over_all_pairs(count, share, decimals):
    rng = np.random.default_rng(0)
    positive = rng.random(count) < share
    positive[:3], positive[3:6] = True, False
    scores = np.round(rng.normal(size=count) + 1.5 * positive, decimals)
    wins = np.sign(scores[positive][:, None] - scores[~positive]) / 2 + 0.5
    of_ones = wins.mean(axis=1).var(ddof=1) / positive.sum()
    of_zeros = wins.mean(axis=0).var(ddof=1) / (~positive).sum()
    for dtype in ("float32", "float64"):
        found = rank(positive, scores.astype(dtype)).spread
        assert found.variance == pytest.approx(of_ones + of_zeros, rel=1e-11)
        below = of_ones**2 / (positive.sum() - 1) + of_zeros**2 / ((~positive).sum() - 1)
        assert found.degrees == pytest.approx((of_ones + of_zeros) ** 2 / below, rel=1e-6)


@pytest.mark.parametrize("decimals", [1, 2, 9])  # many ties, some, none
@pytest.mark.parametrize("label", [0, 1])
def test_the_variance_does_not_depend_on_the_blocks(monkeypatch, decimals, label):
    y_true, p = binary(5000)
    p = np.round(p, decimals).astype("float32")
    whole = rank(y_true == label, p).spread
    for block in (64, 1000):
        monkeypatch.setattr("kerascb_metrics._blocks.BLOCK", block)
        assert rank(y_true == label, p).spread == whole  # sums of integers


@pytest.mark.parametrize("area", [0.0, 0.5, 0.93, 1.0])
@pytest.mark.parametrize(("positives", "negatives"), [(5, 1000), (40, 60), (600, 600)])
def test_areas_have_finite_ends_within_0_and_1(area, positives, negatives):
    variance = area * (1 - area) / positives
    low, high = of_roc_auc(area, positives, negatives, Spread(variance, 10.0), 0.95)
    assert 0 <= low <= area <= high <= 1
    assert low < high


def test_extreme_results_have_finite_intervals():
    y_true = np.repeat([0, 1], [60, 40])
    perfect = Metrics(["panel", "accuracy", "average_precision"]).score(y_true, np.where(y_true == 1, 0.9, 0.1))
    none = Metrics(["f1", "recall", "kappa", "auc", "accuracy"]).score(y_true, 0.1 + drawn(100) / 10)
    for scores in (perfect, none):
        for name in set(scores) - {"confusion"}:
            low, high = scores.confidence_interval(name)
            assert -1 <= low <= scores[name] <= high <= 1, name
            assert low < high


# Without an interval.


def test_where_nothing_can_be_said_it_is_nan_and_says_why():
    y_true, p = binary(60)
    few = Metrics("auc").score([0] * 50 + [1] * 4, drawn(54))
    cases = {
        "the rarer class has 4 rows": few.confidence_interval("auc"),
        "weighted rows": Metrics("auc").score(y_true, p, drawn(60)).confidence_interval("auc"),
        "an average of ROC AUC over classes": Metrics("auc")
        .score(np.arange(90) % 3, np.random.default_rng(0).dirichlet(np.ones(3), 90))
        .confidence_interval("auc"),
        "a class has 4 rows": Metrics("f1", average="macro")
        .score([0] * 50 + [1] * 40 + [2] * 4, np.random.default_rng(0).dirichlet(np.ones(3), 94))
        .confidence_interval("f1"),
    }
    for reason, found in cases.items():
        assert np.isnan(found).all()
        assert reason in found.reason
    assert repr(few.confidence_interval("auc")).startswith("ConfidenceInterval(low=nan, high=nan, reason='the rarer")


@pytest.mark.parametrize("interval", [wilson, exact])
def test_a_share_of_no_row_is_unknown(interval):
    found = interval(0, 0, 0.95)
    assert np.isnan(list(found)).all()
    assert "0/0" in found.reason


def test_a_single_sample_cannot_be_resampled():
    metrics = Metrics({"mean": lambda y_true, y_pred: np.mean(y_true == y_pred)}, task="binary")
    scores = metrics.score([0, 1, 1], [0.2, 0.7, 0.4])
    found = scores.confidence_interval("mean", groups=["one", "one", "one"])
    assert np.isnan(list(found)).all()
    assert "single sample" in found.reason


def test_undefined_scores_and_thresholds_have_none():
    y_true, p = binary(60)
    with pytest.warns(UserWarning, match="undefined"):
        scores = Metrics(["precision"], zero_division=np.nan, task="binary").score(y_true, p * 0)
    assert scores.confidence_interval("precision").reason == "the score is undefined"
    named = Metrics({"threshold_cost": "f1"}, task="binary").score(y_true, p)
    assert named.confidence_interval("threshold_cost").method == "bootstrap of rows"
    chosen = Metrics(task=Binary(threshold="f1")).score(y_true, p)
    assert "no score" in chosen.confidence_interval("threshold").reason


def test_a_function_of_the_users_is_not_taken_for_the_score_of_that_name():
    y_true, p = binary(60)

    def f1(y_true, y_pred):
        return 0.123

    scores = Metrics({"f1": f1}, task="binary").score(y_true, p)
    assert scores.confidence_interval("f1") == (0.123, 0.123)
    assert scores.confidence_interval("f1").method == "bootstrap of rows"


def test_what_is_wrong_raises():
    y_true, p = binary(60)
    scores = Metrics(task="binary").score(y_true, p)
    with pytest.raises(KeyError, match="no score 'f3'"):
        scores.confidence_interval("f3")
    with pytest.raises(ValueError, match="several values"):
        scores.confidence_interval("confusion")
    for level in (0, 1, 95, -0.5, True):
        with pytest.raises(ValueError, match="between 0 and 1"):
            scores.confidence_interval("f1", level)
    for groups in (np.arange(59), np.zeros((60, 2, 2))):
        with pytest.raises(ValueError, match=r"one value per sample, so the shape \(60,\)"):
            scores.confidence_interval("f1", groups=groups)


# Any other score: a bootstrap of rows.


def test_any_score_of_rows_at_hand_has_a_bootstrap(tmp_path):
    rng = np.random.default_rng(0)
    y_true = rng.normal(size=200)
    scores = Metrics("mae", task="regression").score(y_true, y_true + rng.normal(size=200))
    low, high = scores.confidence_interval("mae")
    errors = np.abs(scores.predictions.y_true - scores.predictions.y_pred)
    half = 1.96 * errors.std(ddof=1) / np.sqrt(200)
    assert (low, high) == pytest.approx((scores["mae"] - half, scores["mae"] + half), abs=0.15 * half)
    assert scores.confidence_interval("mae") == (low, high)  # seeded
    scores.save(tmp_path / "scores.json")
    found = Scores.load(tmp_path / "scores.json").confidence_interval("mae")
    assert "rows are not at hand" in found.reason


# Rows that depend on each other.


def clustered(samples=60, positions=50, seed=0):
    """Pixels of images that differ: a model is good on some images, and bad on others."""
    rng = np.random.default_rng(seed)
    quality = rng.normal(1.5, 1.0, (samples, 1))
    y_true = (rng.random((samples, positions)) < 0.4).astype(int)
    return y_true, expit(rng.normal(size=y_true.shape) + quality * (y_true - 0.5))


def test_positions_are_compared_by_sample():
    y_true, p = clustered()
    scores = Metrics(["accuracy", "f1", "kappa", "auc"], task="binary").score(y_true, p)
    right = ((p > 0.5) == y_true).mean(axis=1)
    half = 2.0010 * right.std(ddof=1) / np.sqrt(60)  # Student's t of 59 degrees
    expected = (right.mean() - half, right.mean() + half)
    assert scores.confidence_interval("accuracy") == pytest.approx(expected, abs=1e-5)
    assert scores.confidence_interval("accuracy").method == "delta method over samples"
    assert "positions" in scores.confidence_interval("auc").reason
    rng, tables = (
        np.random.default_rng(0),
        np.stack([sk.confusion_matrix(*own) for own in zip(y_true, p > 0.5, strict=True)]),
    )
    for name in ("f1", "kappa"):
        resampled = []
        for _ in range(2000):
            (tn, fp), (fn, tp) = tables[rng.integers(0, 60, 60)].sum(axis=0)
            by_chance = ((tp + fn) * (tn + fn) + (tn + fp) * (tp + fp)) if name == "kappa" else 0
            total = tn + fp + fn + tp
            resampled.append(1 - (fp + fn) * total / by_chance if name == "kappa" else 2 * tp / (2 * tp + fp + fn))
        low, high = scores.confidence_interval(name)
        assert high - low == pytest.approx(2 * 2.001 * np.std(resampled), rel=0.06)


@pytest.mark.parametrize("task", ["binary", "multilabel"])
@pytest.mark.parametrize("most", [10_000, 8])
def test_samples_of_counts_alone_are_compared_too(task, most, monkeypatch):
    """Counted batch by batch; with a small limit neighbouring samples are joined, which hardly changes the interval."""
    import keras

    monkeypatch.setattr("kerascb_metrics.tally.sample_cells._MOST_SAMPLES", most)
    y_true, p = clustered(64, 10)
    y_true, p = (y_true[..., None], p[..., None]) if task == "binary" else (y_true, p)
    model = keras.Sequential([keras.Input(p.shape[1:]), keras.layers.Activation("linear")])
    found = {}
    for memory in ("exact", "bounded"):
        metrics = Metrics(["accuracy", "f1"][task == "multilabel" :], task=task, memory=memory, verbose=False)
        scores = metrics.evaluate(model, p, y_true, batch_size=16)
        found[memory] = scores.confidence_interval("f1")
    assert found["bounded"].method == "delta method over samples"
    if most > 64:
        assert found["bounded"] == pytest.approx(found["exact"], abs=1e-12)
    else:
        assert np.ptp(found["bounded"]) == pytest.approx(np.ptp(found["exact"]), rel=0.6)


def test_a_chosen_threshold_of_counts_claims_nothing():
    import keras

    y_true, p = clustered()
    model = keras.Sequential([keras.Input((50, 1)), keras.layers.Activation("linear")])
    metrics = Metrics("f1", task=Binary(threshold="f1"), memory="bounded", verbose=False)
    scores = metrics.evaluate(model, p[..., None], y_true[..., None])
    assert "positions of a sample depend on each other" in scores.confidence_interval("f1").reason


def test_labels_of_a_row_depend_on_each_other():
    rng = np.random.default_rng(0)
    common = rng.normal(size=(400, 1))
    y_true = (rng.random((400, 4)) < 0.4).astype(int)
    p = expit(rng.normal(size=(400, 4)) + (1 + common) * (y_true - 0.5))
    scores = Metrics(["f1", "recall"], task="multilabel", average="micro").score(y_true, p)
    tables = np.stack([((p > 0.5) & (y_true == 1)).sum(1), (p > 0.5).sum(1), y_true.sum(1)], axis=1)
    resampled = []
    for _ in range(2000):
        hits, predicted, true = tables[rng.integers(0, 400, 400)].sum(axis=0)
        resampled.append(2 * hits / (predicted + true))
    low, high = scores.confidence_interval("f1")
    assert high - low == pytest.approx(2 * 1.966 * np.std(resampled), rel=0.06)


def test_groups_of_samples_and_of_positions():
    y_true, p = clustered()
    flat = Metrics(["accuracy", "neg_log_loss"], task="binary").score(y_true.ravel(), p.ravel())
    images = Metrics("accuracy", task="binary").score(y_true, p)
    groups = np.repeat(np.array([f"image {i}" for i in range(60)]), 50)
    expected = images.confidence_interval("accuracy")
    assert flat.confidence_interval("accuracy", groups=groups) == pytest.approx(expected, abs=1e-12)
    shuffled = np.random.default_rng(0).permutation(3000)
    mixed = Metrics("accuracy", task="binary").score(y_true.ravel()[shuffled], p.ravel()[shuffled])
    assert mixed.confidence_interval("accuracy", groups=groups[shuffled]) == pytest.approx(expected, abs=1e-12)
    low, high = flat.confidence_interval("neg_log_loss", groups=groups)
    narrow = flat.confidence_interval("neg_log_loss")
    assert high - low > 1.5 * (narrow.high - narrow.low)


# Epochs and files.


@cache
def run(memory="auto"):
    import keras

    y_true, p = binary(200)
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")])
    model.compile(keras.optimizers.SGD(0.0), "binary_crossentropy")
    metrics = Metrics(verbose=False, memory=memory)
    data = p.astype("float32")[:, None]
    model.fit(data[:8], y_true[:8], validation_data=(data, y_true), epochs=3, verbose=0, callbacks=[metrics])
    return metrics


@pytest.mark.parametrize("memory", ["exact", "bounded"])
def test_every_epoch_has_its_interval_also_from_a_file(tmp_path, memory):
    metrics = run(memory)
    history = metrics.history
    metrics.history.save(tmp_path / "run.json")
    again = ScoreHistory.load(tmp_path / "run.json")
    for name in ("f1", "precision", "recall", "kappa", "auc"):
        found = history.confidence_interval(name)
        assert len(found) == 3
        assert all(low < value < high for (low, high), value in zip(found, history[name], strict=True))
        assert again.confidence_interval(name) == found
    assert pickle.loads(pickle.dumps(found)) == found
    assert json.dumps(found[0]) == json.dumps(list(found[0]))
    with pytest.raises(KeyError):
        history.confidence_interval("f3")


def test_weights_and_positions_come_back_from_a_file(tmp_path):
    y_true, p = binary(200)
    images, outputs = clustered()
    for name, scores in {
        "weighted": Metrics(["f1", "kappa"]).score(y_true, p, drawn(200)),
        "positions": Metrics(["f1", "kappa", "auc"], task="binary").score(images, outputs),
    }.items():
        scores.save(tmp_path / f"{name}.json")
        again = Scores.load(tmp_path / f"{name}.json")
        for own in scores:
            expected = scores.confidence_interval(own)
            np.testing.assert_array_equal(again.confidence_interval(own), expected)
            assert again.confidence_interval(own).reason == expected.reason


def test_bands_are_drawn_around_the_lines():
    plt = pytest.importorskip("matplotlib.pyplot")
    plt.switch_backend("Agg")
    history = run().history
    display = history.plot(["f1", "auc"], confidence_level=0.9)
    for name in ("f1", "auc"):
        np.testing.assert_array_equal(display.bands[name], history.confidence_interval(name, 0.9))
    assert len(display.ax_.collections) == 2
    assert history.plot("f1").bands == {}
    with pytest.raises(ValueError, match="between 0 and 1"):
        history.plot("f1", confidence_level=95)
    plt.close("all")


def test_the_report_has_them_on_request():
    y_true, p = binary()
    scores = Metrics(task="binary").score(y_true, p, None)
    text = scores.report(confidence_level=0.9)
    assert text.startswith(scores.report())
    low, high = scores.confidence_interval("recall", 0.9)
    assert "90 % confidence intervals" in text
    assert f"recall  {scores['recall']:.4f}  {low:.4f} to {high:.4f}" in text
    weighted = Metrics(task="binary").score(y_true, p, drawn(400)).report(confidence_level=0.95)
    assert "unknown: no method for ROC AUC of weighted rows" in weighted
    with pytest.raises(ValueError, match="between 0 and 1"):
        scores.report(confidence_level=95)
