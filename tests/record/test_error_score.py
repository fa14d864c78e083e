"""Undefined and failing scores: recorded as nan with one warning, or raised, depending on `error_score`."""

import math

import keras
import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score, f1_score, log_loss, roc_auc_score

from kerascb_metrics import ScoringError, UndefinedScoreWarning
from kerascb_metrics.pipeline import fit_recorder
from tests.support.models import echo_model
from tests.support.short_fits import X, Y, binary, fit, ours

PANEL = ("f1", "precision", "recall", "kappa", "auc", "confusion")


@pytest.fixture(scope="module")
def echo():
    return echo_model(loss="mse")


@pytest.fixture
def model(echo):
    """A model that echoes its input. Its loss accepts any targets; PyTorch's binary cross-entropy would raise first."""
    yield echo
    echo.get_layer("echo").set_weights([np.ones((1, 1), "float32")])


class Kernels(keras.callbacks.Callback):
    """Makes the model multiply its input by the kernel of the epoch."""

    def __init__(self, kernels):
        super().__init__()
        self.kernels = kernels

    def on_epoch_begin(self, epoch, logs=None):
        self.model.get_layer("echo").set_weights([np.array([[self.kernels[epoch]]], "float32")])


@pytest.mark.parametrize(("error_score", "value"), [(0, 0.0), ("raise_first", math.nan)])
def test_score_of_several_values_that_fails_in_a_later_epoch(error_score, value):
    """The recorded value has the shape, and so the keys, of the other epochs."""
    calls = []

    def own(y_true, y_pred):
        calls.append(1)
        if len(calls) == 2:
            raise RuntimeError("failed")
        return np.array([1.0, 2.0])

    metrics = binary(scoring={"own": own, "f1": "f1"}, error_score=error_score)
    with pytest.warns(UserWarning, match="the score 'own' failed in epoch 1"):
        logs = fit(echo_model(), metrics, epochs=3).history
    np.testing.assert_array_equal(metrics.history["own"], [[1, 2], [value, value], [1, 2]])
    np.testing.assert_array_equal([logs["val_own_0"], logs["val_own_1"]], [[1, value, 1], [2, value, 2]])


def test_warning_of_a_later_process_says_that_the_value_of_the_first_one_is_recorded(monkeypatch):
    calls = []

    def own(y_true, y_pred):
        calls.append(1)
        return 1 / (len(calls) - 2)

    monkeypatch.setattr(fit_recorder, "is_first_process", lambda: False)
    with pytest.warns(UserWarning, match="epoch 1: recorded what the first process has, because the pass failed"):
        fit(echo_model(), binary(scoring={"own": own}), epochs=2)


def test_outputs_that_become_nan(model):
    metrics = binary()
    with pytest.warns(UndefinedScoreWarning, match=r"epoch 1 .*40 of 40 outputs are NaN or infinite") as warned:
        history = fit(model, metrics, [Kernels([1, np.nan, np.nan, np.nan])], epochs=4).history
    (warning,) = ours(warned)
    for name in PANEL:
        assert name in str(warning.message)
    np.testing.assert_array_equal(metrics.f1s, [f1_score(Y, X[:, 0] > 0.5), *[np.nan] * 3])
    for name in ("precision", "recall", "kappa", "auc"):
        assert np.isnan(metrics.history[name]).tolist() == [False, True, True, True]
    assert metrics.confusion[0].sum() == len(X)
    assert all(np.isnan(matrix).all() and matrix.shape == (2, 2) for matrix in metrics.confusion[1:])
    assert np.isnan(history["val_tp"]).tolist() == [False, True, True, True]
    assert len(history["loss"]) == 4


def test_targets_of_one_class(model):
    metrics, none = binary(zero_division=1.0), np.zeros(len(X), int)
    y_pred = (X[:, 0] > 0.5).astype(int)
    with pytest.warns(UndefinedScoreWarning, match="epoch 0 ") as warned:
        fit(model, metrics, epochs=2, validation_data=(X, none))
    (warning,) = ours(warned)
    assert "recall: class 1 is not the true label of any row" in str(warning.message)
    assert "auc: no true label of class 1" in str(warning.message)
    assert metrics.recall == [1.0, 1.0]  # zero_division
    assert metrics.f1s == [f1_score(none, y_pred, zero_division=1.0)] * 2
    assert metrics.kappa == [cohen_kappa_score(none, y_pred)] * 2
    assert np.isnan(metrics.auc).tolist() == [True, True]


def test_pass_that_is_cut_short(model):
    class Stop(keras.callbacks.Callback):
        passes = 0

        def on_test_begin(self, logs=None):
            self.passes += 1

        def on_test_batch_end(self, batch, logs=None):
            self.model.stop_evaluating = self.passes == 2

    metrics = binary()
    with pytest.warns(UndefinedScoreWarning, match=r"epoch 1 .*cut short by stop_evaluating") as warned:
        fit(model, metrics, [Stop()], epochs=3)
    assert len(ours(warned)) == 1
    expected = f1_score(Y, X[:, 0] > 0.5)
    np.testing.assert_array_equal(metrics.f1s, [expected, np.nan, expected])
    assert np.isnan(metrics.auc).tolist() == [False, True, False]
    assert len(metrics.predictions) == len(X)


# Failing scores, for each error_score.


class Failing:
    """A metric function that fails in some of its calls."""

    __name__ = "failing"

    def __init__(self, *calls):
        self.calls, self.count = calls, 0

    def __call__(self, y_true, y_pred):
        self.count += 1
        if self.count in self.calls:
            raise ZeroDivisionError("of mine")
        return 0.25


@pytest.mark.parametrize(("error_score", "failing"), [("raise_first", 1), ("raise", 1), ("raise", 2)])
def test_error_score_raises(model, error_score, failing):
    metrics = binary(scoring={"mine": Failing(failing), "f1": "f1"}, error_score=error_score)
    message = rf"score 'mine' failed in epoch {failing - 1} .*targets \(40,.* and outputs \(40, 1\): ZeroDivisionError"
    # The message has the type too, because Keras's traceback filter removes the cause of errors in `fit`.
    with pytest.raises(ScoringError, match=message):
        fit(model, metrics, epochs=3)


def test_the_cause_of_a_failed_score_is_chained(model):
    keras.config.disable_traceback_filtering()
    try:
        with pytest.raises(ScoringError) as raised:
            fit(model, binary(scoring={"mine": Failing(1)}))
    finally:
        keras.config.enable_traceback_filtering()
    assert isinstance(raised.value.__cause__, ZeroDivisionError)


@pytest.mark.parametrize(
    ("error_score", "failing", "expected"),
    [("raise_first", (2, 3), [0.25, np.nan, np.nan]), (-1.0, (1, 3), [-1.0, 0.25, -1.0]), (0, (2,), [0.25, 0, 0.25])],
)
def test_error_score_records(model, error_score, failing, expected):
    metrics = binary(scoring={"mine": Failing(*failing), "f1": "f1"}, error_score=error_score)
    with pytest.warns(UserWarning, match=r"score 'mine' failed in epoch .*of mine") as warned:
        history = fit(model, metrics, epochs=3).history
    assert len(ours(warned)) == 1
    np.testing.assert_array_equal(history["val_mine"], expected)
    assert metrics.f1s == [f1_score(Y, X[:, 0] > 0.5)] * 3, "the other scores are not affected"


def test_error_score_of_data_that_become_invalid(model):
    data = TurningBad([Y, Y + 1, Y])
    following = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: setattr(data, "epoch", epoch))
    metrics = binary()
    with pytest.warns(UserWarning, match=r"epoch 1: recorded nan.*targets 0 and 1") as warned:
        fit(model, metrics, [following], epochs=3, validation_data=data)
    assert len(ours(warned)) == 1
    expected = f1_score(Y, X[:, 0] > 0.5)
    np.testing.assert_array_equal(metrics.f1s, [expected, np.nan, expected])


class TurningBad(keras.utils.PyDataset):
    """One batch, with other targets in each epoch."""

    def __init__(self, targets):
        super().__init__()
        self.targets, self.epoch = targets, 0

    def __len__(self):
        return 1

    def __getitem__(self, index):
        return X, self.targets[self.epoch]


def test_defined_scores_give_no_warning(model):
    metrics = binary(scoring=["neg_log_loss", "roc_auc"])
    fit(model, metrics)
    assert metrics.history["neg_log_loss"] == [pytest.approx(-log_loss(Y, X[:, 0].astype(float)), abs=1e-6)]
    assert metrics.history["roc_auc"] == [roc_auc_score(Y, X[:, 0])]
