"""Copies and pickles of a Metrics with given data: whenever they are made, they can score other fits.

They hold the scores, but neither the model nor the callbacks of the fit. tests/collect/test_passes.py has the same for
a Metrics that scores fit's own validation pass.
"""

import copy
import gc
import pickle
from functools import cache

import keras
import numpy as np
import pytest
from sklearn import metrics as sk

from kerascb_metrics import Metrics
from tests.support.models import Batches, binary_rows, in_batches

X, Y = binary_rows(24, seed=1)
OTHER_X, OTHER_Y = binary_rows(20, seed=2)
AGAIN = {"copied": copy.deepcopy, "pickled": lambda thing: pickle.loads(pickle.dumps(thing))}
TRAINING = in_batches(X, Y, 12)
SCORES = ["f1", "auc", "confusion", "accuracy"]


class Fused(keras.layers.Layer):
    """Returns its input; raises outside training while its fuse is lit."""

    lit: type[BaseException] | None = None

    def call(self, inputs, training=False):
        if Fused.lit is not None and not training:
            raise Fused.lit("of mine")
        return inputs


@cache
def shared_model():
    """Echoes its input; eagerly, so its call runs Python for each batch."""
    inputs = keras.Input((1,))
    outputs = keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")(Fused()(inputs))
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.SGD(0.0), "binary_crossentropy", run_eagerly=True)
    return model


@pytest.fixture(autouse=True)
def _put_out():
    yield
    Fused.lit = None


def mine(y_true, y_pred):
    """A score that can be interrupted."""
    if Fused.lit is not None:
        raise Fused.lit("of mine")
    return float(np.mean(y_true == y_pred))


def given(**options):
    return Metrics(SCORES, validation_data=(X, Y), prefix="test_", verbose=False, **options)


def fit(metrics, *callbacks, epochs=2):
    shared_model().fit(TRAINING, shuffle=False, epochs=epochs, verbose=0, callbacks=[metrics, *callbacks])


def assert_scores(metrics, epochs, x=X, y=Y):
    labels = x[:, 0] > 0.5
    assert metrics.history.epochs == list(range(epochs))
    assert metrics.f1s == [sk.f1_score(y, labels)] * epochs
    np.testing.assert_allclose(metrics.auc, [sk.roc_auc_score(y, x[:, 0])] * epochs, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(metrics.confusion, [sk.confusion_matrix(y, labels)] * epochs)


def assert_serves(other, scored):
    """A copy has the scores, holds nothing of the fit, and scores another fit."""
    held = (keras.Model, keras.Layer, keras.callbacks.CallbackList)
    assert [type(each) for each in led_to(other) if isinstance(each, held)] == []
    if scored:
        assert_scores(other, scored)
        assert str(other.history)
    assert_serves_fits(other)


def assert_serves_fits(other):
    assert other.monitor("f1") == {"monitor": "test_f1", "mode": "max"}
    fit(other)
    assert_scores(other, 2)
    other.validation_data = (OTHER_X, OTHER_Y)
    fit(other, epochs=1)
    assert_scores(other, 1, OTHER_X, OTHER_Y)


def led_to(thing):
    """All objects of the package that an object leads to, by attributes and containers."""
    seen, left = {}, [thing]
    while left:
        each = left.pop()
        if id(each) in seen or isinstance(each, type | str | bytes | np.ndarray):
            continue
        seen[id(each)] = each
        if type(each).__module__.split(".")[0] == "kerascb_metrics" or isinstance(each, dict | list | tuple | set):
            left += gc.get_referents(each)
    return seen.values()


@pytest.mark.parametrize("again", AGAIN)
def test_before_and_after_a_fit(again):
    metrics = given()
    assert_serves(AGAIN[again](metrics), 0)
    fit(metrics)
    assert_serves(AGAIN[again](metrics), 2)
    assert_scores(metrics, 2)


HOOKS = [f"on_{of}_{when}" for of in ("train", "epoch", "train_batch") for when in ("begin", "end")]


@pytest.mark.parametrize(("hook", "again"), list(zip(HOOKS, [*AGAIN] * 3, strict=True)))
def test_in_a_hook(hook, again):
    """The copy has the scores recorded so far, and the fit continues."""
    metrics, copies = given(), []

    def take(self, *args, **kwargs):
        copies.append((AGAIN[again](metrics), len(metrics.history.epochs)))

    fit(metrics, type("Takes", (keras.callbacks.Callback,), {hook: take})())
    assert_scores(metrics, 2)
    for other, scored in copies[:: max(1, len(copies) - 1)]:
        assert_serves(other, scored)


@pytest.mark.parametrize(("error", "again"), [(RuntimeError, "copied"), (KeyboardInterrupt, "pickled")])
@pytest.mark.parametrize("place", ["epoch", "scoring", "scorer"])
def test_after_an_interrupted_fit(place, error, again):
    """Interrupted in the second epoch: in training, while scoring, or in a custom score."""
    options = {"memory": "bounded"} if place == "scoring" else {}
    metrics = given(error_score="raise", **options)
    if place == "scorer":
        metrics = Metrics([*SCORES, mine], validation_data=(X, Y), prefix="test_", verbose=False, error_score="raise")

    class Lights(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1 and place == "epoch":
                raise error("of mine")

        def on_train_batch_end(self, batch, logs=None):
            if self.params["epochs"] == 2 and metrics.history.epochs:
                Fused.lit = error

    model = shared_model()
    if place == "scorer":  # with a model that does not raise
        model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")])
        model.compile(keras.optimizers.SGD(0.0), "binary_crossentropy", run_eagerly=True)
    with pytest.raises((error, ValueError), match="of mine") as raised:
        model.fit(TRAINING, shuffle=False, epochs=2, verbose=0, callbacks=[metrics, Lights()])
    assert raised.tb is not None  # its frames keep the fit's callbacks alive
    other = AGAIN[again](metrics)
    Fused.lit = None
    assert_serves(other, 1)
    assert_scores(metrics, 1)
    assert_serves_fits(metrics)


@pytest.mark.parametrize("source", ["PyDataset", "tensors"])
def test_other_data(source):
    data = Batches([(X[:12], Y[:12]), (X[12:], Y[12:])]) if source == "PyDataset" else None
    data = data or (keras.ops.array(X), keras.ops.array(Y))
    metrics = Metrics(SCORES, validation_data=data, prefix="test_", verbose=False)
    fit(metrics)
    for again in AGAIN.values():
        other = again(metrics)
        fit(other)
        assert_scores(other, 2)


def endless():
    while True:
        yield X, Y


def test_pickling_unpicklable_data_raises_python_s_own_error():
    with_generator = Metrics(SCORES, validation_data=endless(), validation_steps=1, verbose=False)
    with_lambda = Metrics({"mine": lambda y_true, y_pred: 1.0}, validation_data=(X, Y), verbose=False)
    for metrics in (with_generator, with_lambda):
        fit(metrics)
        with pytest.raises((TypeError, pickle.PicklingError, AttributeError), match=r"(?i)pickle|local object"):
            pickle.dumps(metrics)
    with pytest.raises(TypeError, match=r"(?i)pickle"):
        copy.deepcopy(with_generator)
    other = copy.deepcopy(with_lambda)
    fit(other)
    assert other.history["mine"] == [1.0, 1.0]


def test_a_copy_with_a_log_file(tmp_path):
    metrics, copies = given(log_file=tmp_path / "scores.jsonl"), []
    take = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: copies.append(copy.deepcopy(metrics)))
    fit(metrics, take)
    copies[0].log_file = tmp_path / "copy.jsonl"
    fit(copies[0], epochs=1)
    assert len((tmp_path / "copy.jsonl").read_text().splitlines()) == 2
    assert len((tmp_path / "scores.jsonl").read_text().splitlines()) == 3
