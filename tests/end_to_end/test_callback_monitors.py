"""Keras's own callbacks with our scores: EarlyStopping and similar ones, CSVLogger, TensorBoard."""

import csv

import keras
import numpy as np
import pytest
from sklearn.metrics import f1_score

from kerascb_metrics import Metrics
from tests.support.models import BACKEND, binary_rows, echo_model

X, Y = binary_rows()
FALLING, RISING = [1.0, 0.8, 0.7, 0.6, 0.5], [0.5, 0.6, 0.7, 0.8, 1.0]  # the predictions, as factors of X


def f1_at(factor):
    return f1_score(Y, X[:, 0] * np.float32(factor) > 0.5, zero_division=0)


@pytest.fixture(scope="module")
def shared():
    return echo_model(learning_rate=1e-6)


class Factors(keras.callbacks.Callback):
    """Makes the model predict X times a factor that changes by epoch; notes the F1 and the learning rates."""

    def __init__(self, factors):
        super().__init__()
        self.factors, self.f1s, self.rates = factors, [], []

    def on_epoch_begin(self, epoch, logs=None):
        self.rates.append(float(self.model.optimizer.learning_rate))

    def on_train_batch_end(self, batch, logs=None):
        factor = self.factors[len(self.f1s)]
        self.model.get_layer("echo").set_weights([np.array([[factor]], "float32")])
        self.f1s.append(f1_at(factor))


def fit(model, factors, callbacks, **options):
    """Fits one batch per epoch; returns the `Metrics` and the `Factors`."""
    model.optimizer.learning_rate = 1e-6
    metrics, change = Metrics("f1", verbose=False), Factors(factors)
    model.fit(
        X[:4],
        Y[:4],
        validation_data=(X, Y),
        epochs=len(factors),
        verbose=0,
        callbacks=[*callbacks, change, metrics],
        **options,
    )
    return metrics, change


def test_f1_falls_and_rises():
    for factors, sign in ((FALLING, -1), (RISING, 1)):
        assert (sign * np.diff([f1_at(factor) for factor in factors]) > 0).all()


@pytest.mark.parametrize(("factors", "epochs"), [(FALLING, 3), (RISING, 5)], ids=["falling", "rising"])
def test_early_stopping_listed_first_with_no_mode(shared, factors, epochs):
    stopping = keras.callbacks.EarlyStopping("val_f1", patience=2)
    metrics, change = fit(shared, factors, [stopping])
    assert metrics.f1s == change.f1s == [f1_at(factor) for factor in factors[:epochs]]
    assert stopping.mode == "auto"


def test_early_stopping_in_a_second_fit(shared):
    stopping = keras.callbacks.EarlyStopping("val_f1", patience=2)
    for factors, epochs in ((RISING, 5), (FALLING, 3)):
        metrics, _ = fit(shared, factors, [stopping])
        assert len(metrics.f1s) == epochs


def test_early_stopping_keeps_an_explicit_mode(shared):
    stopping = keras.callbacks.EarlyStopping("val_f1", patience=2, mode="min")
    metrics, _ = fit(shared, FALLING, [stopping])
    assert len(metrics.f1s) == 5
    assert stopping.mode == "min"


@pytest.mark.filterwarnings("ignore:Early stopping conditioned on metric `val_f1` which is not available")  # Keras's
def test_early_stopping_with_validation_freq(shared):
    stopping = keras.callbacks.EarlyStopping("val_f1", patience=1)
    metrics, _ = fit(shared, FALLING, [stopping], validation_freq=2)
    assert metrics.history.epochs == [1, 3]  # stopped at the second value
    assert metrics.f1s == [f1_at(FALLING[1]), f1_at(FALLING[3])]


def test_monitor_returns_the_mode(shared):
    options = Metrics("f1").monitor("f1")
    assert options == {"monitor": "val_f1", "mode": "max"}
    metrics, _ = fit(shared, FALLING, [keras.callbacks.EarlyStopping(**options, patience=1)])
    assert len(metrics.f1s) == 2


def test_monitor_knows_directions():
    metrics = Metrics(["f1", "confusion", "neg_log_loss"])
    modes = {name: metrics.monitor(name)["mode"] for name in ("f1", "tp", "tn", "fp", "fn", "neg_log_loss")}
    assert modes == {"f1": "max", "tp": "max", "tn": "max", "fp": "min", "fn": "min", "neg_log_loss": "max"}
    with pytest.raises(ValueError, match=r"'accuracy' is not a score of this callback.*f1.*mode="):
        metrics.monitor("accuracy")
    with pytest.raises(ValueError, match=r"cannot tell whether a higher 'f1_score' is better.*mode="):
        Metrics(f1_score).monitor("f1_score")


def test_model_checkpoint_keeps_the_best(shared, tmp_path):
    path = tmp_path / "best.weights.h5"
    saving = keras.callbacks.ModelCheckpoint(path, "val_f1", save_best_only=True, save_weights_only=True)
    metrics, _ = fit(shared, [0.5, 1.0, 0.7], [saving])
    assert metrics.history.best("f1") == (1, f1_at(1.0))
    assert saving.best == f1_at(1.0)
    best = echo_model()
    best.load_weights(path)
    assert best.get_layer("echo").get_weights()[0].tolist() == [[1.0]]


@pytest.mark.parametrize(("factors", "last"), [(FALLING, 1e-6 / 2**3), (RISING, 1e-6)], ids=["falling", "rising"])
def test_reduce_lr_on_plateau(shared, factors, last):
    reducing = keras.callbacks.ReduceLROnPlateau("val_f1", factor=0.5, patience=1)
    _, change = fit(shared, factors, [reducing])
    assert change.rates[-1] == pytest.approx(last, rel=1e-6)


def test_csv_logger_listed_first(shared, tmp_path):
    path = tmp_path / "log.csv"
    metrics, _ = fit(shared, RISING, [keras.callbacks.CSVLogger(path)])
    with path.open() as file:
        assert [float(row["val_f1"]) for row in csv.DictReader(file)] == metrics.f1s


if BACKEND == "tensorflow":

    def test_tensorboard_listed_first(shared, tmp_path):
        import tensorflow as tf

        metrics = Metrics(verbose=False)
        board = keras.callbacks.TensorBoard(tmp_path, write_graph=False)
        shared.fit(X[:4], Y[:4], validation_data=(X, Y), epochs=2, verbose=0, callbacks=[board, metrics])
        found = {"epoch_f1": [], "epoch_tp": []}
        (events,) = (tmp_path / "validation").iterdir()
        for record in tf.data.TFRecordDataset(str(events)):
            for value in tf.compat.v1.Event.FromString(record.numpy()).summary.value:
                found.get(value.tag, []).append(float(tf.make_ndarray(value.tensor)))
        assert found["epoch_f1"] == pytest.approx(metrics.f1s, rel=1e-6)  # an event holds float32
        assert found["epoch_tp"] == [matrix[1, 1] for matrix in metrics.confusion]
