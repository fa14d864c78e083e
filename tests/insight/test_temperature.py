"""`Scores.temperature`: what the log loss of scikit-learn is least at, from rows and from curves."""

import numpy as np
import pytest
from scipy.special import expit, logit, softmax
from sklearn.metrics import log_loss

from kerascb_metrics import Binary, Metrics, Multiclass, Multilabel
from kerascb_metrics.exceptions import MissingRowsError
from kerascb_metrics.scores import Scores
from tests.insight.test_calibration import drawn, three_classes, without_rows

# How far temperatures of so many rows may lie from the true one: about three standard errors.
COUNTS = [(200, 0.7), (1000, 0.35), (10_000, 0.1)]


def assert_least(temperature, loss):
    """Assert that the loss rises on both sides of a temperature."""
    assert loss(temperature) <= min(loss(temperature * 1.001), loss(temperature / 1.001))


@pytest.mark.parametrize("pos_label", [0, 1])
@pytest.mark.parametrize("from_logits", [False, True])
@pytest.mark.parametrize(("count", "within"), COUNTS)
def test_binary(count, within, from_logits, pos_label):
    y_true, z = drawn(count, 1.5)
    task = Binary(from_logits=from_logits, pos_label=pos_label)
    scores = Metrics("auc", task=task).score(y_true, z if from_logits else expit(z))
    temperature = scores.temperature()
    assert temperature == pytest.approx(1.5, abs=within)
    assert_least(temperature, lambda t: log_loss(y_true, expit(z / t)))
    assert without_rows(scores).temperature() == pytest.approx(temperature, rel=2e-3)


@pytest.mark.parametrize("from_logits", [False, True])
@pytest.mark.parametrize(("count", "within"), COUNTS)
def test_multiclass(count, within, from_logits):
    y_true, z = three_classes(count, 1.5)
    scores = Metrics(task=Multiclass(from_logits=from_logits)).score(y_true, z if from_logits else softmax(z, axis=1))
    temperature = scores.temperature()
    assert temperature == pytest.approx(1.5, abs=within)
    assert_least(temperature, lambda t: log_loss(y_true, softmax(z / t, axis=1)))
    with pytest.raises(MissingRowsError, match="no temperature can be found: the rows are not at hand"):
        without_rows(scores).temperature()


@pytest.mark.parametrize(("count", "within"), COUNTS)
def test_labels_have_one_temperature(count, within):
    rng = np.random.default_rng(0)
    z = rng.normal(size=(count, 3)) * 1.5 - [0, 1, 2]
    y_true = (rng.random(z.shape) < expit(z)).astype(int)
    z, there = 1.5 * z, rng.random(z.shape) < 0.9
    scores = Metrics(task=Multilabel(ignore_class=-1, from_logits=True)).score(np.where(there, y_true, -1), z)
    temperature = scores.temperature()
    assert temperature == pytest.approx(1.5, abs=within)
    assert_least(temperature, lambda t: log_loss(y_true[there], expit(z[there] / t)))
    assert without_rows(scores).temperature() == pytest.approx(temperature, rel=5e-3)


def test_weights_count():
    y_true, z = drawn(500, 1.5)
    weight = np.random.default_rng(1).integers(0, 4, 500)
    scores = Metrics("auc", task="binary").score(y_true, expit(z), weight)
    repeated = Metrics("auc", task="binary").score(np.repeat(y_true, weight), np.repeat(expit(z), weight))
    assert scores.temperature() == pytest.approx(repeated.temperature(), rel=1e-9)
    assert without_rows(scores).temperature() == pytest.approx(repeated.temperature(), rel=2e-3)
    y_true, z = three_classes(500, 1.5)
    scores = Metrics().score(y_true, softmax(z, axis=1), weight)
    repeated = Metrics().score(np.repeat(y_true, weight), softmax(np.repeat(z, weight, axis=0), axis=1))
    assert scores.temperature() == pytest.approx(repeated.temperature(), rel=1e-9)


def test_weights_of_labels_and_of_elements():
    rng = np.random.default_rng(0)
    z = rng.normal(size=(400, 2))
    y_true, weight = (rng.random(z.shape) < expit(z)).astype(int), rng.integers(0, 3, z.shape)
    scores = Metrics(task=Multilabel()).score(y_true, expit(1.5 * z), weight)
    loss = lambda t: log_loss(y_true.ravel(), expit(1.5 * z / t).ravel(), sample_weight=weight.ravel())  # noqa: E731
    assert_least(scores.temperature(), loss)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_probabilities_of_exactly_0_and_1_are_clipped_as_by_scikit_learn(dtype):
    y_true, z = drawn(500, 1.5)
    proba = np.clip(1.2 * expit(z) - 0.1, 0, 1).astype(dtype)
    scores = Metrics("auc", task="binary").score(y_true, proba)
    eps = np.finfo(dtype).eps
    clipped = logit(np.clip(proba.astype(np.float64), eps, 1 - eps))
    temperature = scores.temperature()
    assert_least(temperature, lambda t: log_loss(y_true, expit(clipped / t)))
    assert without_rows(scores).temperature() == pytest.approx(temperature, rel=1e-3)


@pytest.mark.parametrize("outputs", [[0.1, 0.2, 0.8, 0.9], [0.9, 0.8, 0.2, 0.1], [0.5, 0.5, 0.5, 0.5]])
def test_it_is_nan_where_the_log_loss_has_no_least_value(outputs):
    scores = Metrics("auc", task="binary").score([0, 0, 1, 1], outputs)  # separated, reversed, telling nothing
    assert np.isnan(scores.temperature())
    assert np.isnan(without_rows(scores).temperature())
    both = np.column_stack([1 - np.array(outputs), outputs])
    assert np.isnan(Metrics("auc", task="multiclass").score([0, 0, 1, 1], both).temperature())


def test_it_survives_a_file(tmp_path):
    y_true, z = drawn(300, 1.5)
    scores = Metrics("auc", task="binary").score(y_true, expit(z))
    scores.save(tmp_path / "scores.json")
    loaded = Scores.load(tmp_path / "scores.json")
    assert loaded.temperature() == pytest.approx(scores.temperature(), rel=1e-6)
    assert loaded.calibration().brier == pytest.approx(scores.calibration().brier, abs=1e-6)


def test_what_is_gone_is_named(tmp_path):
    y_true, z = drawn(100)
    scores = Metrics("f1", task="binary").score(y_true, expit(z))
    scores.save(tmp_path / "scores.json")
    with pytest.raises(MissingRowsError, match="rows are not at hand"):
        Scores.load(tmp_path / "scores.json").temperature()
