"""`model=`: another model, or a function, predicts the given data while `fit` trains a model around it."""

import copy
import pickle

import keras
import numpy as np
import pytest
from keras import ops
from sklearn import metrics as sk

from kerascb_metrics import Binary, DataError, Metrics
from tests.support.models import BACKEND, Batches, binary_rows, echo_model
from tests.support.short_fits import ours
from tests.support.trainers import Around, around, classifier

X, Y = binary_rows(29, seed=1, logits=True)
X_FIT, Y_FIT = binary_rows(16, seed=2, logits=True)


class Notes(keras.callbacks.Callback):
    """What `inner.predict` returns after each epoch, and what `Metrics` saw."""

    def __init__(self, inner, metrics, x=X):
        super().__init__()
        self.inner, self.metrics, self.x, self.expected, self.found = inner, metrics, x, [], []

    def on_epoch_end(self, epoch, logs=None):
        self.expected.append(self.inner.predict(self.x, verbose=0))
        self.found.append(self.metrics.predictions.y_pred)


def fit(model, *callbacks, epochs=3, **options):
    return model.fit(X_FIT, Y_FIT, batch_size=8, epochs=epochs, verbose=0, callbacks=callbacks, **options)


def assert_scored(metrics, notes, threshold=0.5):
    assert len(notes.found) == 3
    for expected, found in zip(notes.expected, notes.found, strict=True):
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)
    assert np.abs(notes.found[0] - notes.found[2]).max() > 1e-3  # fit trains the model
    assert metrics.f1s == [sk.f1_score(Y, found[:, 0] > threshold) for found in notes.found]
    np.testing.assert_allclose(metrics.auc, [sk.roc_auc_score(Y, found[:, 0]) for found in notes.found], atol=1e-12)


PREDICTORS = {
    "a Keras model": lambda inner: inner,
    "a model of the same layers": lambda inner: keras.Model(inner.input, inner.output),
    "a model with one more layer": lambda inner: keras.Sequential([inner, keras.layers.Identity()]),
    "a function": lambda inner: lambda x: inner(x, training=False),
    "a function that returns an array": lambda inner: lambda x: inner.predict(x, verbose=0),
    "a method": lambda inner: inner.predict_on_batch,
    "a layer": lambda inner: Call(inner),
}


class Call(keras.layers.Layer):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def call(self, x):
        return self.inner(x, training=False)


@pytest.mark.parametrize("predictor", PREDICTORS)
def test_the_scores_of_each_epoch_are_those_of_its_weights(predictor):
    model = around()
    metrics = Metrics(
        validation_data=(X, Y), validation_batch_size=12, model=PREDICTORS[predictor](model.inner), verbose=False
    )
    notes = Notes(model.inner, metrics)
    fit(model, metrics, notes)
    assert_scored(metrics, notes)


def test_the_fit_is_not_changed():
    def weights(options):
        keras.utils.set_random_seed(3)
        model = around()
        model.inner.predict(X, verbose=0)  # it draws no random numbers, but builds
        run = fit(model, *([Metrics(**options(model.inner), validation_data=(X, Y), verbose=False)] if options else []))
        return [ops.convert_to_numpy(variable) for variable in model.variables], run.history["own_loss"]

    plain, losses = weights(None)
    for options in (lambda inner: {"model": inner}, lambda inner: {"model": lambda x: inner(x, training=False)}):
        changed, losses_with = weights(options)
        assert losses_with == losses
        for ours_, theirs in zip(changed, plain, strict=True):
            np.testing.assert_array_equal(ours_, theirs)


def test_its_own_compiled_loss_is_read():
    """Logits, which only the loss of the inner model tells; the model around it has another loss."""
    inner = classifier(None, keras.losses.BinaryCrossentropy(from_logits=True))
    model = around(inner)
    model.loss = "mse"  # as in the guides whose `compile` sets losses of its own
    metrics = Metrics(validation_data=(X, Y), model=inner, verbose=False)
    notes = Notes(inner, metrics)
    fit(model, metrics, notes)
    assert_scored(metrics, notes, threshold=0.0)
    assert metrics.history.settings["task"].startswith("binary")


def test_a_function_has_no_loss_so_task_says_what_it_returns():
    model = around(classifier(None))
    metrics = Metrics(
        task=Binary(from_logits=True), validation_data=(X, Y), model=lambda x: model.inner(x), verbose=False
    )
    notes = Notes(model.inner, metrics)
    fit(model, metrics, notes)
    assert_scored(metrics, notes, threshold=0.0)


def test_the_names_of_its_outputs_are_known_before_training():
    inputs = keras.Input((1,))
    inner = keras.Model(inputs, {"a": keras.layers.Identity()(inputs), "b": keras.layers.Identity()(inputs)})
    model = around(keras.Sequential([inputs, keras.layers.Dense(1)]))
    model.other = inner
    metrics = Metrics(output="c", validation_data=(X, {"a": Y, "b": Y}), model=inner, verbose=False)
    with pytest.raises(ValueError, match=r"names c, but the model.s outputs are a, b"):
        fit(model, metrics)


# What a function gets and returns.

TWO = {"left": X, "right": 0.5 - X}
PARTS = [({side: x[rows] for side, x in TWO.items()}, Y[rows]) for rows in (slice(20), slice(20, 29))]
SOURCES = {
    "arrays": {"validation_data": (TWO, Y), "validation_batch_size": 10},
    "weights": {"validation_data": (TWO, Y, np.linspace(0.1, 2, 29)), "validation_batch_size": 10},
    "PyDataset": {"validation_data": Batches(PARTS)},
}


@pytest.mark.parametrize("source", SOURCES)
def test_two_towers(source):
    """The score of a pair is a function of two models' outputs; the x of a batch keeps its structure."""
    towers = around(keras.Sequential([keras.Input((1,)), keras.layers.Dense(3, kernel_initializer="ones")]))
    tower, seen = towers.inner, []

    def similarity(x):
        seen.append(ops.is_tensor(x["left"]))
        return ops.sigmoid(ops.sum(tower(x["left"]) * tower(x["right"]), axis=-1))

    metrics = Metrics(**SOURCES[source], model=similarity, verbose=False)
    fit(towers, metrics, epochs=2)
    left, right = (ops.convert_to_numpy(tower(ops.array(TWO[side]))) for side in ("left", "right"))
    np.testing.assert_allclose(
        metrics.predictions.y_pred.ravel(), 1 / (1 + np.exp(-(left * right).sum(-1))), rtol=0, atol=1e-6
    )
    labels, weight = metrics.predictions.y_pred.ravel() > 0.5, metrics.predictions.sample_weight
    assert metrics.f1s[-1] == pytest.approx(sk.f1_score(Y, labels, sample_weight=weight), abs=1e-12)
    assert all(seen)


RETURNED = {
    "too few rows": (lambda x: x[:-1], r"outputs of shape \(28, 1\) for a batch of 29 rows"),
    "one number": (lambda x: ops.mean(x), r"outputs of shape \(\) for a batch of 29 rows"),
    "a list of numbers": (lambda x: [0.1, 0.7], r"outputs of shape \[\(\), \(\)\] for a batch of 29 rows"),
    "nothing": (lambda x: None, "a NoneType for a batch of 29 rows"),
    "an empty list": (lambda x: [], "a list for a batch of 29 rows"),
    "text": (lambda x: np.array(["a"] * 29), "a ndarray for a batch of 29 rows"),
}


@pytest.mark.parametrize("returned", RETURNED)
def test_outputs_that_are_not_one_row_per_row(returned):
    function, message = RETURNED[returned]
    metrics = Metrics(task="binary", validation_data=(X, Y), model=function, verbose=False)
    with pytest.raises(DataError, match=message + r".*as in model=lambda x: inner_model\(x, training=False\)"):
        fit(around(), metrics, epochs=1)
    with pytest.raises(DataError, match=message):
        metrics.evaluate(function, (X, Y))


def test_an_error_in_the_function_is_the_user_s():
    def broken(x):
        raise RuntimeError("of mine")

    model = around()
    with pytest.raises(RuntimeError, match="of mine"):
        fit(model, Metrics(task="binary", validation_data=(X, Y), model=broken, verbose=False))
    assert np.isfinite(model.inner.predict(X, verbose=0)).all()


def test_evaluate_takes_the_model_or_function_that_it_is_given():
    inner, other = classifier(), classifier()
    metrics = Metrics(validation_data=(X, Y), model=other, verbose=False)
    expected = sk.confusion_matrix(Y, inner.predict(X, verbose=0)[:, 0] > 0.5)
    for predictor in (inner, lambda x: inner(x)):
        np.testing.assert_array_equal(metrics.evaluate(predictor, (X, Y))["confusion"], expected)


# Arguments.


class Estimator:
    def predict(self, x):
        return x


ARGUMENTS = {
    "no data": ({"model": echo_model}, r"needs validation_data="),
    "a number": ({"validation_data": (X, Y), "model": 3}, "received a int"),
    "text": ({"validation_data": (X, Y), "model": "generator"}, "received a str"),
    "a model class": ({"validation_data": (X, Y), "model": keras.Model}, "received the class Model. Pass an object"),
    "a layer class": ({"validation_data": (X, Y), "model": keras.layers.Dense}, "received the class Dense"),
    "an estimator": ({"validation_data": (X, Y), "model": Estimator()}, "received a Estimator. Pass a function"),
    "no argument": ({"validation_data": (X, Y), "model": lambda: X}, "cannot be called with x alone"),
    "two arguments": ({"validation_data": (X, Y), "model": lambda x, y: x}, "cannot be called with x alone"),
}


@pytest.mark.parametrize("case", ARGUMENTS)
def test_wrong_arguments_raise_in_the_constructor(case):
    options, message = ARGUMENTS[case]
    with pytest.raises(ValueError, match=message):
        Metrics(**options)
    if case != "no data":
        with pytest.raises(TypeError, match=message):
            Metrics().evaluate(options["model"], (X, Y))


def test_a_model_that_this_fit_does_not_train():
    with pytest.warns(UserWarning, match="shares no weights with the model that fit") as warned:
        fit(around(), Metrics(validation_data=(X, Y), model=classifier(), verbose=False))
    assert len(ours(warned)) == 1


# Copies.


@pytest.mark.parametrize("predictor", ["a Keras model", "a function", "a method"])
def test_a_deep_copy_has_the_same_model(predictor):
    model = around()
    given = PREDICTORS[predictor](model.inner)
    metrics = copy.deepcopy(Metrics(validation_data=(X, Y), model=given, verbose=False))
    assert metrics.options.model.model is given
    assert metrics.validation_data[0] is not X
    notes = Notes(model.inner, metrics)
    fit(model, metrics, notes)
    assert_scored(metrics, notes)


def test_a_pickle_has_the_scores_and_no_model():
    model = around()
    metrics = Metrics(validation_data=(X, Y), model=lambda x: model.inner(x, training=False), verbose=False)
    fit(model, metrics)
    other = pickle.loads(pickle.dumps(metrics))
    assert other.f1s == metrics.f1s
    other.verbose = True  # other options can still be changed
    with pytest.raises(ValueError, match=r"not part of a pickle.*Metrics\(validation_data=\(x, y\), model=encoder\)"):
        fit(model, other)
    assert pickle.loads(pickle.dumps(other)).f1s == metrics.f1s


def test_copies_made_in_a_hook():
    model, copies = around(), []
    metrics = Metrics(validation_data=(X, Y), model=model.inner, verbose=False)
    take = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: copies.extend([copy.deepcopy(metrics), pickle.loads(pickle.dumps(metrics))])
    )
    fit(model, metrics, take)
    assert [each.f1s for each in copies] == [metrics.f1s[: epoch + 1] for epoch in range(3) for _ in range(2)]
    assert copies[0].options.model.model is model.inner


# Cost.


class Traced(keras.Model):
    """Counts how often Python runs its `call`."""

    calls = 0

    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(1, "sigmoid")

    def call(self, inputs):
        type(self).calls += 1
        return self.dense(inputs)


def test_later_epochs_are_not_traced():
    inner = Traced()
    inner(X)
    model, after = Around(inner), []
    model.compile(keras.optimizers.SGD(0.0))
    Traced.calls = 0
    count = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: after.append(Traced.calls))
    fit(model, Metrics(validation_data=(X, Y), validation_batch_size=29, model=inner, verbose=False), count)
    assert after == ([1, 2, 3] if BACKEND == "torch" else [after[0]] * 3)


class Still(Around):
    """Trains nothing."""

    if BACKEND == "jax":

        def train_step(self, state, data):
            return {"own_loss": ops.mean(data[0])}, state

    else:

        def train_step(self, data):
            return {"own_loss": ops.mean(data[0])}


class Wide(Traced):
    def __init__(self):
        super().__init__()
        self.hidden = keras.layers.Dense(8)

    def call(self, inputs):
        return super().call(self.hidden(inputs))


@pytest.mark.slow
def test_a_model_that_is_quantized_between_epochs():
    inner = Wide()
    inner(X)
    metrics = Metrics(validation_data=(X, Y), model=inner, verbose=False)
    notes = Notes(inner, metrics)
    quantize = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: epoch == 1 and inner.quantize("int8"))
    model = Still(inner)
    model.compile(keras.optimizers.SGD(0.0), run_eagerly=True)
    fit(model, metrics, quantize, notes, epochs=2)
    for expected, found in zip(notes.expected, notes.found, strict=True):
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)
    assert np.abs(notes.found[0] - notes.found[1]).max() > 0
