"""`Binary(threshold="f1")`, `Multilabel(threshold="f1")`: each row is labelled by what other rows choose."""

import warnings

import keras
import numpy as np
import pytest
from sklearn import metrics as sk

from kerascb_metrics import Binary, Metrics, Multilabel, Regression, ScoreHistory
from kerascb_metrics.exceptions import UndefinedScoreWarning
from kerascb_metrics.tally.folds import FOLDS, folds_of
from tests.support.models import shared_echo_model


def rows(count=70, prevalence=(0.2,), seed=0):
    """Outputs (count, labels) float32, and targets that they predict fairly well."""
    rng = np.random.default_rng(seed)
    y = (rng.random((count, len(prevalence))) < prevalence).astype("float32")
    z = rng.normal(size=y.shape) + 1.5 * y - 1.5
    return (1 / (1 + np.exp(-z))).astype("float32"), y


def fitted(x, y, task, *, weights=None, epochs=2, **options):
    metrics = Metrics(task=task, verbose=False, **options)
    data = (x, y) if weights is None else (x, y, weights)
    own = {"validation_batch_size": 64, "epochs": epochs, "verbose": 0, "callbacks": [metrics]}
    history = shared_echo_model(x.shape[1]).fit(x[:4], y[:4], validation_data=data, **own)
    return metrics, history.history


def best_cut(y, p, score, weights=None):
    """The threshold of float32 that scikit-learn finds best: of equal ones that with most rows right, the highest."""
    found = []
    for cut in np.unique(np.append(p, 0)):
        labels, (above,) = p > cut, [np.append(p[p > cut], 1.0)]
        half = np.float32(0.5)  # NumPy 1.26 divides a float32 by a Python number in float64
        middle = np.float32(cut) * half + np.float32(above.min()) * half
        right = np.average(labels == y, weights=weights)
        found.append((score(y, labels, sample_weight=weights), right, middle if cut <= middle < above.min() else cut))
    return max(found)[2]


def labelled(y, p, score, folds, weights=None):
    """The labels of each row by the best threshold of the other four fifths."""
    labels = np.zeros(len(y), int)
    for fold in range(FOLDS):
        others, own = folds != fold, folds == fold
        cut = best_cut(y[others], p[others], score, None if weights is None else weights[others])
        labels[own] = p[own] > cut
    return labels


SCORES = {
    "f1": sk.f1_score,
    "accuracy": sk.accuracy_score,
    "mcc": sk.matthews_corrcoef,
}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
@pytest.mark.parametrize("weighted", [False, True], ids=["counted", "weighted"])
@pytest.mark.parametrize("name", SCORES)
def test_every_row_is_labelled_by_the_threshold_of_the_others(name, weighted):
    p, y = rows()
    weights = np.random.default_rng(1).uniform(0.1, 2, len(y)).astype("float32").astype(float) if weighted else None
    metrics, logs = fitted(p, y, Binary(threshold=name), weights=weights)
    flat, outputs = y[:, 0].astype(int), p[:, 0]
    expected = labelled(flat, outputs, SCORES[name], folds_of(np.arange(len(y))), weights)
    np.testing.assert_array_equal(metrics.predictions.labels, expected)
    own = {"sample_weight": weights}
    assert logs["val_f1"] == pytest.approx([sk.f1_score(flat, expected, **own)] * 2, abs=1e-12)
    assert logs["val_kappa"] == pytest.approx([sk.cohen_kappa_score(flat, expected, **own)] * 2, abs=1e-12)
    np.testing.assert_allclose(metrics.confusion[-1], sk.confusion_matrix(flat, expected, **own), rtol=1e-12)
    assert logs["val_auc"] == pytest.approx([sk.roc_auc_score(flat, outputs, **own)] * 2, abs=1e-12)
    assert logs["val_threshold"] == [best_cut(flat, outputs, SCORES[name], weights)] * 2
    assert metrics.history["threshold"] == logs["val_threshold"]


def test_reports_scorers_and_files_follow_the_labels(tmp_path):
    p, y = rows()
    metrics, _ = fitted(p, y, Binary(threshold="f1"), scoring=["panel", "accuracy", "balanced_accuracy"])
    flat, labels = y[:, 0].astype(int), metrics.predictions.labels
    scores = metrics.history.at("last")
    assert scores["accuracy"] == pytest.approx(sk.accuracy_score(flat, labels), abs=1e-12)
    assert scores["balanced_accuracy"] == pytest.approx(sk.balanced_accuracy_score(flat, labels), abs=1e-12)
    assert scores.report() == sk.classification_report(flat, labels)
    metrics.history.save(tmp_path / "run.json")
    again = ScoreHistory.load(tmp_path / "run.json")
    assert again.report() == scores.report()
    assert again["threshold"] == metrics.history["threshold"]
    assert scores.best_threshold("f1").threshold == metrics.history["threshold"][-1]
    assert scores.best_threshold("f1").cross_fitted == pytest.approx(scores["f1"], abs=1e-12)


def test_each_label_has_its_own_threshold():
    p, y = rows(prevalence=(0.1, 0.5, 0.3))
    metrics, logs = fitted(p, y, Multilabel(threshold="f1", class_names=["a", "b", "c"]))
    folds = folds_of(np.arange(len(y)))
    expected = np.stack([labelled(y[:, i].astype(int), p[:, i], sk.f1_score, folds) for i in range(3)], axis=1)
    np.testing.assert_array_equal(metrics.predictions.labels, expected)
    assert logs["val_f1"][-1] == pytest.approx(sk.f1_score(y.astype(int), expected, average="macro"), abs=1e-12)
    for index, label in enumerate("abc"):
        assert logs[f"val_threshold_{label}"][-1] == best_cut(y[:, index].astype(int), p[:, index], sk.f1_score)
    assert "val_threshold" not in logs


@pytest.mark.parametrize("average", ["macro", "weighted"])
def test_the_threshold_is_chosen_with_the_average_of_the_panel(average):
    p, y = rows()
    metrics, logs = fitted(p, y, Binary(threshold="f1"), average=average)
    flat = y[:, 0].astype(int)

    def score(true, labels, sample_weight=None):
        return sk.f1_score(true, labels, average=average)

    expected = labelled(flat, p[:, 0], score, folds_of(np.arange(len(y))))
    np.testing.assert_array_equal(metrics.predictions.labels, expected)
    assert logs["val_f1"][-1] == pytest.approx(score(flat, expected), abs=1e-12)


def test_with_several_outputs_the_name_begins_with_that_of_the_output():
    x = keras.Input((2,))
    model = keras.Model(
        x, {"a": keras.layers.Dense(1, "sigmoid", name="a")(x), "b": keras.layers.Dense(1, name="b")(x)}
    )
    model.compile("sgd", {"a": "binary_crossentropy", "b": "mse"})
    p, y = rows(prevalence=(0.3, 0.3))
    targets = {"a": y[:, :1], "b": p[:, :1]}
    metrics = Metrics(task={"a": Binary(threshold="f1")}, verbose=False)
    own = {"validation_data": (p, targets), "verbose": 0, "callbacks": [metrics]}
    logs = model.fit(p[:8], {name: own[:8] for name, own in targets.items()}, **own).history
    assert 0 <= logs["val_a_threshold"][0] < 1
    assert not any(key.startswith("val_b_threshold") for key in logs)
    scores = metrics.history.at("last")
    assert scores.best_threshold("f1", output="a").threshold == logs["val_a_threshold"][0]
    with pytest.raises(ValueError, match="a regression task has no threshold"):
        scores.best_threshold("f1", output="b")
    with pytest.raises(ValueError, match="output must be one of 'a', 'b'"):
        scores.best_threshold("f1")


def test_counts_suffice(tmp_path):
    """Thresholds lie between bins; where few rows share a bin, the labels are those of the rows."""
    for prevalence, task in (((0.2,), Binary), ((0.2, 0.4), Multilabel)):
        p, y = rows(prevalence=prevalence)
        exact, _ = fitted(p, y, task(threshold="f1"))
        bounded, _ = fitted(p, y, task(threshold="f1"), memory="bounded")
        np.testing.assert_array_equal(bounded.confusion[-1], exact.confusion[-1])
        assert bounded.f1s == exact.f1s
        np.testing.assert_allclose(bounded.history["threshold"], exact.history["threshold"], rtol=1e-3)
        with pytest.raises(ValueError, match=r"memory='exact'"):
            bounded.history.at("last").best_threshold("f1")


@pytest.mark.parametrize("memory", ["exact", "bounded"])
def test_a_threshold_below_outputs_of_one_half_has_them_above_it(memory):
    """Half of the probabilities' bins end below 0.5, the others begin there."""
    y = np.random.default_rng(0).integers(0, 2, (60, 1)).astype("float32")
    p = np.where(y == 1, np.float32(0.5), np.nextafter(np.float32(0.5), np.float32(0)))
    _, logs = fitted(p, y, Binary(threshold="f1"), memory=memory)
    assert logs["val_f1"][-1] == 1
    np.testing.assert_array_equal(p > np.float32(logs["val_threshold"][-1]), y == 1)


def test_counts_of_weighted_rows_suffice():
    p, y = rows()
    weights = np.random.default_rng(1).uniform(0.1, 2, len(y))
    exact, _ = fitted(p, y, Binary(threshold="f1"), weights=weights)
    bounded, _ = fitted(p, y, Binary(threshold="f1"), weights=weights, memory="bounded")
    np.testing.assert_allclose(bounded.confusion[-1], exact.confusion[-1], rtol=1e-12)


@pytest.mark.parametrize("memory", ["exact", "bounded"])
def test_a_fold_without_positive_rows_among_the_others_has_the_default(memory):
    """The only positive row is in one fold: the other four have none to choose by, so that fold is labelled by 0.5."""
    p, y = rows(100)
    y[:] = 0
    y[7] = 1
    folds = folds_of(np.arange(100))
    own = folds == folds[7]
    expected = p[:, 0] > 0.5
    for fold in set(range(FOLDS)) - {folds[7]}:
        expected[folds == fold] = p[folds == fold, 0] > best_cut(y[folds != fold, 0], p[folds != fold, 0], sk.f1_score)
    metrics, _ = fitted(p, y, Binary(threshold="f1"), memory=memory)
    np.testing.assert_array_equal(metrics.confusion[-1], sk.confusion_matrix(y[:, 0], expected))
    assert (expected[own] == (p[own, 0] > 0.5)).all()


@pytest.mark.parametrize("memory", ["exact", "bounded"])
def test_without_a_positive_row_the_default_labels_and_the_threshold_is_nan_with_one_warning(memory):
    p, y = rows(50)
    with pytest.warns(UndefinedScoreWarning, match="threshold: there is nothing to choose it by") as caught:
        metrics, logs = fitted(p, y * 0, Binary(threshold="f1"), memory=memory, scoring="accuracy")
    assert len([warning for warning in caught if warning.category is UndefinedScoreWarning]) == 1
    assert np.isnan(logs["val_threshold"]).all()
    assert metrics.history["accuracy"][-1] == pytest.approx((p <= 0.5).mean())


def test_what_is_wrong_raises_before_training():
    for wrong in ("auc", "F1", "roc_auc"):
        with pytest.raises(ValueError, match="name of a score that chooses it"):
            Binary(threshold=wrong)
        with pytest.raises(ValueError, match="name of a score that chooses it"):
            Multilabel(threshold=wrong)
    with pytest.raises(ValueError, match="recorded as 'threshold', and so is a score"):
        Metrics({"threshold": "f1"}, task=Binary(threshold="f1"))
    with pytest.raises(ValueError, match="cannot tell whether a higher"):
        Metrics(task=Binary(threshold="f1")).monitor("threshold")
    assert Metrics(task=Binary(threshold="f1")).monitor("f1") == {"monitor": "val_f1", "mode": "max"}


def test_own_units_may_have_a_chosen_threshold():
    """Similarities from −1 to 1: a chosen threshold is an explicit one."""
    rng = np.random.default_rng(0)
    y = (rng.random(300) < 0.3).astype(int)
    similarity = np.tanh(rng.normal(size=300) * 0.4 + 0.6 * y - 0.6)
    scores = Metrics("f1", task=Binary(threshold="f1", from_logits=False)).score(y, similarity)
    assert scores["threshold"] < 0
    np.testing.assert_array_equal(
        scores.predictions.labels, labelled(y, similarity, sk.f1_score, folds_of(np.arange(300)))
    )


def test_the_labels_of_predictions_are_those_that_were_scored():
    p, y = rows(60, (0.3, 0.4, 0.3))
    softmax = p / p.sum(axis=1, keepdims=True)
    classes = y.argmax(axis=1)
    scores = Metrics(["f1"], task="multiclass").score(classes, softmax)
    np.testing.assert_array_equal(scores.predictions.labels, softmax.argmax(axis=1))
    named = Metrics(["f1"], task=Binary(pos_label="yes")).score(np.where(y[:, 0] == 1, "yes", "no"), p[:, 0])
    np.testing.assert_array_equal(named.predictions.labels, np.where(p[:, 0] > 0.5, "yes", "no"))
    images = Metrics(["f1"], task=Binary(ignore_class=-1)).score(np.where(p > 0.6, -1, y), p)
    labels = images.predictions.labels
    assert labels.shape == p.shape
    np.testing.assert_array_equal(np.ma.getmaskarray(labels), p > 0.6)
    np.testing.assert_array_equal(labels.compressed(), p[p <= 0.6] > 0.5)
    missing = Metrics(["f1"], task=Multilabel(ignore_class=-1)).score(np.where(p > 0.6, -1, y), p)
    np.testing.assert_array_equal(np.ma.getmaskarray(missing.predictions.labels), p > 0.6)
    np.testing.assert_array_equal(missing.predictions.labels.compressed(), p[p <= 0.6] > 0.5)
    with pytest.raises(AttributeError, match="a regression has no labels"):
        Metrics(task=Regression()).score(p[:, 0], p[:, 0]).predictions.labels  # noqa: B018
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UndefinedScoreWarning)
        broken = Metrics(["f1"], task="binary").score(y[:, 0], np.where(p[:, 0] > 0.6, np.nan, p[:, 0]))
    with pytest.raises(ValueError, match="NaN or infinite"):
        broken.predictions.labels  # noqa: B018
