"""The shadow that predicts given data: what it shares with the model, and what is restored after a pass."""

import gc

import keras
import numpy as np
import pytest
from keras import layers

from kerascb_metrics import Metrics
from tests.support.custom_steps import as_class
from tests.support.models import BACKEND, Batches, echo_model
from tests.support.small_models import HOW, MAKERS, X, Y, trained


class Sets(keras.Model):
    """Sets attributes on itself, and appends to a list, wherever it is called; eagerly, so at each batch."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.batches, self.seen = 0, []

    def call(self, inputs, training=None):
        self.batches += 1
        self.latest = keras.ops.shape(inputs)[0]
        return super().call(inputs, training=training)

    def predict_step(self, *args):
        self.steps = getattr(self, "steps", 0) + 1
        return super().predict_step(*args)


def test_what_the_model_sets_on_itself_in_the_pass_is_gone_afterwards():
    model = as_class(Sets, run_eagerly=True)
    x = 1 / (1 + np.exp(-X))
    model.fit(x, Y, batch_size=30, verbose=0)
    before = dict(vars(model))
    metrics = Metrics(verbose=False)
    found = metrics.evaluate(model, (x, Y), batch_size=15)
    now = dict(vars(model))
    if BACKEND == "torch":  # Keras's `predict` turns it off as well
        assert now.pop("training") is False
        before.pop("training")
    assert now == before
    np.testing.assert_array_equal(found["confusion"], metrics.evaluate(model, (x, Y))["confusion"])


def test_attributes_changed_between_epochs_are_used():
    """A callback sets an attribute that `call` reads: the next epoch uses it."""

    class Scaled(keras.Model):
        factor = 1.0

        def call(self, inputs, training=None):
            return self.factor * super().call(inputs, training=training)

    model, x = as_class(Scaled, run_eagerly=True), np.full((4, 1), 0.8, "float32")
    change = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: setattr(model, "factor", 1.0 - epoch))
    seen = []
    metrics = Metrics(["accuracy"], validation_data=(x, np.ones(4)), verbose=False)
    note = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: seen.append(float(metrics.predictions.y_pred[0, 0]))
    )
    model.fit(X, Y, epochs=2, verbose=0, callbacks=[change, metrics, note])
    np.testing.assert_allclose(seen, [0.8, 0.0], rtol=1e-6)


class Slotted(keras.Model):
    """Has a slot, which is not in `__dict__`, and a property."""

    __slots__ = ("_factor",)

    @property
    def factor(self):
        return self._factor

    def call(self, inputs, training=None):
        return self.factor * super().call(inputs, training=training)


def test_slots_and_properties():
    model = as_class(Slotted)
    object.__setattr__(model, "_factor", 0.5)
    x = np.array([[0.9], [1.9]], "float32")
    found = Metrics(["confusion"], verbose=False).evaluate(model, (x, np.array([0, 1])))
    np.testing.assert_array_equal(found["confusion"], [[1, 0], [0, 1]])
    assert model.factor == 0.5


class Freed(keras.Model):
    """Frees something when it is deleted."""

    freed = 0

    def __del__(self):
        type(self).freed += 1


@pytest.fixture
def young():
    """Collect only the garbage of this test: with all objects of TensorFlow a collection takes seconds."""
    gc.freeze()
    yield
    gc.unfreeze()


def test_a_model_that_frees_something_is_not_freed_twice(young):
    model = as_class(Freed)
    gc.collect()
    Freed.freed = 0  # Keras makes one while it makes the class functional
    Metrics(["f1"], verbose=False).evaluate(model, (1 / (1 + np.exp(-X)), Y))
    gc.collect()
    assert Freed.freed == 0
    assert "predict_step" not in vars(model)


def test_a_predict_on_the_instance_is_used():
    """A tool or a user may wrap it, for example to use averaged weights for the length of a `predict`."""
    model, calls = echo_model(**HOW), []

    def predict(*args, **kwargs):
        calls.append(args)
        model.get_layer("echo").set_weights([np.array([[0.0]])])
        try:
            return type(model).predict(model, *args, **kwargs)
        finally:
            model.get_layer("echo").set_weights([np.array([[1.0]])])

    vars(model)["predict"] = predict
    before = set(vars(model)) | {"_jax_state"}  # Keras's own, after any `predict` on JAX
    found = Metrics(["confusion"], verbose=False).evaluate(model, (1 / (1 + np.exp(-X)), Y))
    np.testing.assert_array_equal(found["confusion"], [[np.sum(Y == 0), 0], [np.sum(Y == 1), 0]])
    assert len(calls) == 1
    assert set(vars(model)) <= before


@pytest.mark.parametrize("kind", ["sequential", "subclassed"])
def test_a_model_that_is_not_yet_built_is_built(kind):
    """Its first call builds it, as in Keras's `predict`, once."""
    model = MAKERS[kind]()
    found = Metrics(["confusion"], verbose=False).evaluate(model, (X, Y))
    assert model.built
    assert len(model.weights) == 8
    labels = model.predict(X, verbose=0)[:, 0] > 0.5
    assert np.trace(found["confusion"]) == np.sum(labels == Y)
    assert len(model.weights) == 8
    assert {"predict_step", "predict_function"} & set(vars(model)) == {"predict_function"}


@pytest.mark.skipif(BACKEND != "tensorflow", reason="TensorFlow records what is set on a model")
def test_a_checkpoint_of_the_model_is_not_changed(tmp_path):
    import tensorflow as tf

    model = trained("subclassed")
    names = [name for name, _ in model._self_unconditional_checkpoint_dependencies]
    Metrics(verbose=False).evaluate(model, (X, Y))
    assert [name for name, _ in model._self_unconditional_checkpoint_dependencies] == names
    tf.train.Checkpoint(model=model).write(str(tmp_path / "model"))
    model.export(str(tmp_path / "exported"), verbose=False)


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
@pytest.mark.parametrize("place", ["data", "call"])
def test_an_interrupted_pass_does_not_change_the_model(place, error):
    active = []

    def fail():
        if active:
            raise error("of mine")

    class Failing(keras.layers.Layer):
        def call(self, inputs):
            if place == "call":
                fail()
            return inputs

    inputs = keras.Input((1,))
    model = keras.Model(inputs, layers.Dense(1, "sigmoid")(Failing()(inputs)))
    model.compile("sgd", "binary_crossentropy", run_eagerly=True)
    data = Batches([(X[:30], Y[:30]), (X[30:], Y[30:])])
    if place == "data":
        take = data.__getitem__
        data = type("Failing", (Batches,), {"__getitem__": lambda self, at: (at and fail(), take(at))[1]})(data.batches)
    model.fit(X, Y, batch_size=30, verbose=0)
    outputs, before, weights = model.predict(X, verbose=0), dict(vars(model)), model.get_weights()
    metrics = Metrics(verbose=False)
    active.append(True)
    with pytest.raises(Exception if error is RuntimeError else BaseException, match="of mine"):
        metrics.evaluate(model, data)
    active.clear()
    assert {name: value for name, value in vars(model).items() if before.get(name, vars) is not value} == {}
    for now, then in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(now, then)
    np.testing.assert_array_equal(model.predict(X, verbose=0), outputs)


@pytest.mark.skipif(BACKEND != "torch", reason="only PyTorch's modules have a mode")
@pytest.mark.parametrize("hook", ["on_train_batch_end", "on_epoch_end"])
def test_training_continues_in_training_mode(hook):
    """Also if it is scored within an epoch. Outside a fit the mode stays off, as after Keras's `predict`."""
    modes = []

    class Mode(keras.layers.Layer):
        def call(self, inputs):
            modes.append(self.training)
            return inputs

    class Outer(keras.Model):
        def __init__(self):
            super().__init__()
            self.mode, self.top = Mode(), layers.Dense(1, "sigmoid")

        def call(self, inputs):
            return self.top(self.mode(inputs))

    model = Outer()
    model.compile("sgd", "binary_crossentropy")
    model.fit(X, Y, verbose=0)

    def score(*_, **__):
        was = {module: module.training for module in model.modules()}
        Metrics(["f1"], zero_division=0.0, verbose=False).evaluate(model, (X, Y), batch_size=60)
        assert {module: module.training for module in model.modules()} == was

    modes.clear()
    model.fit(X, Y, batch_size=30, verbose=0, callbacks=[keras.callbacks.LambdaCallback(**{hook: score})])
    assert modes == ([True, False, True, False] if hook == "on_train_batch_end" else [True, True, False])
    model.train()
    Metrics(["f1"], zero_division=0.0, verbose=False).evaluate(model, (X, Y))
    assert not any(module.training for module in model.modules())
