"""Other threads use the model while it is scored: each gets what it gets alone, and the model stays as it was.

On JAX Keras's own `predict` takes the values off the variables for the length of a pass, so two threads cannot use one
model at once, with or without us: what is tried there is that no wrong number comes of it.
"""

import contextlib
import gc
import threading
from functools import cache

import keras
import numpy as np
import pytest
from keras import layers
from sklearn import metrics as sk

from kerascb_metrics import CaptureError, Metrics
from kerascb_metrics.collect import validation_hook
from tests.support.custom_steps import as_class
from tests.support.models import BACKEND, Batches, binary_rows, echo_model

X, Y = binary_rows(60, seed=1, logits=True)
OTHER_X, OTHER_Y = binary_rows(44, seed=2, logits=True)
not_jax = pytest.mark.skipif(BACKEND == "jax", reason="Keras on JAX fails when two threads predict with one model")
HOW = {"jit_compile": False} if BACKEND == "tensorflow" else {}  # XLA takes longer than all the rest


def slow_batches(x, y, meet=lambda: None):
    """Batches of 4; `meet` is called between them, so that the threads take turns."""
    starts = range(0, len(x), 4)
    if BACKEND != "tensorflow":

        class Slow(Batches):
            def __getitem__(self, place):
                meet()
                return super().__getitem__(place)

        return Slow([(x[start : start + 4], y[start : start + 4]) for start in starts])
    import tensorflow as tf

    def rows():
        for start in starts:
            meet()
            yield x[start : start + 4], y[start : start + 4]

    like = (tf.TensorSpec((None, 1), "float32"), tf.TensorSpec((None,), "int64"))
    dataset = tf.data.Dataset.from_generator(rows, output_signature=like)
    return dataset.apply(tf.data.experimental.assert_cardinality(len(starts)))


class Subclassed(keras.Model):
    """Layers of its own; sets what it saw last on itself, and has a `predict_step` that calls Keras's."""

    def __init__(self):
        super().__init__()
        self.hidden, self.norm, self.top = layers.Dense(4, "tanh"), layers.BatchNormalization(), layers.Dense(1)
        self.dropped = layers.Dropout(0.5)
        self.last_rank = 0

    def call(self, inputs, training=False):
        self.last_rank = len(inputs.shape)
        hidden = self.dropped(self.norm(self.hidden(inputs), training=training), training=training)
        return keras.ops.sigmoid(self.top(hidden))

    def predict_step(self, *args):
        return super().predict_step(*args)


def functional():
    inputs = keras.Input((1,))
    hidden = layers.Dropout(0.5)(layers.BatchNormalization()(layers.Dense(4, "tanh")(inputs)))
    return keras.Model(inputs, layers.Dense(1, "sigmoid")(hidden))


def sequential():
    hidden = [layers.Dense(4, "tanh"), layers.BatchNormalization(), layers.Dropout(0.5)]
    return keras.Sequential([*hidden, layers.Dense(1, "sigmoid")])


MAKERS = {"functional": functional, "sequential": sequential, "subclassed": Subclassed}


@cache
def trained(kind):
    model = MAKERS[kind]()
    model.compile("sgd", "binary_crossentropy", **HOW)
    model.fit(X, Y, batch_size=30, verbose=0)
    return model


def together(*actions, times=1):
    """Run functions in a thread each, all at once; return the results of each, or raise what one of them raised."""
    begin, results, errors = threading.Barrier(len(actions)), [[] for _ in actions], []

    def run(place):
        try:
            for _ in range(times):
                begin.wait(120)
                results[place].append(actions[place]())
        except BaseException as error:
            errors.append(error)
            begin.abort()

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(actions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(240)
    first = next((error for error in errors if not isinstance(error, threading.BrokenBarrierError)), None)
    if first is not None:
        raise first
    assert not errors
    return results


class Turns:
    """Between batches each thread waits a little for the others, so that all are in the midst of a pass at once."""

    def __init__(self, parties):
        self.barrier = threading.Barrier(parties)

    def __call__(self):
        with contextlib.suppress(threading.BrokenBarrierError):
            self.barrier.wait(0.05)
        if self.barrier.broken:
            self.barrier.reset()


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    for name in expected:
        np.testing.assert_array_equal(found[name], expected[name], name)


@not_jax
@pytest.mark.parametrize("kind", MAKERS)
def test_two_threads_score_while_two_others_predict_and_evaluate(kind):
    """In the midst of each other's passes; each has what it has alone, and the model its own attributes."""
    model, turns = trained(kind), Turns(4)
    metrics = Metrics(verbose=False)
    first, second = slow_batches(X, Y, turns), slow_batches(OTHER_X, OTHER_Y, turns)
    plain, other = slow_batches(X, Y), slow_batches(OTHER_X, OTHER_Y)
    model.predict(plain, verbose=0)
    expected = [
        metrics.evaluate(model, plain),
        metrics.evaluate(model, other),
        model.predict(other, verbose=0),
        model.evaluate(plain, verbose=0),
    ]
    before, weights = dict(vars(model)), model.get_weights()
    scored, scored_too, predicted, evaluated = together(
        lambda: metrics.evaluate(model, first),
        lambda: Metrics(verbose=False).evaluate(model, second),
        lambda: model.predict(second, verbose=0),
        lambda: model.evaluate(first, verbose=0),
        times=3,
    )
    for place in range(3):
        assert_same(scored[place], expected[0])
        assert_same(scored_too[place], expected[1])
        np.testing.assert_array_equal(predicted[place], expected[2])
        assert evaluated[place] == pytest.approx(expected[3], rel=1e-6)
    assert {name: value for name, value in vars(model).items() if before.get(name, vars) is not value} == {}
    assert vars(model).keys() == before.keys()
    for now, then in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(now, then)


@not_jax
def test_a_fit_scores_given_data_while_others_predict():
    """Between two epochs; the fit's own weights do not change, so all know what must come out."""
    model, turns = echo_model(loss="mse", **HOW), Turns(3)
    model.fit(X, Y, verbose=0)
    metrics = Metrics(task="binary", validation_data=slow_batches(0.5 + 0 * X + (X > 0) * 0.4, Y, turns), verbose=False)
    alone = metrics.evaluate(model, slow_batches(0.5 + 0 * X + (X > 0) * 0.4, Y))
    data = slow_batches(OTHER_X, OTHER_Y, turns)
    (history,), predicted, evaluated = together(
        lambda: model.fit(X, Y, batch_size=30, epochs=3, verbose=0, callbacks=[metrics]).history,
        lambda: [model.predict(data, verbose=0) for _ in range(4)],
        lambda: [Metrics(task="binary").evaluate(model, slow_batches(1 / (1 + np.exp(-OTHER_X)), OTHER_Y, turns))],
    )
    assert history["val_f1"] == [alone["f1"]] * 3
    for outputs in predicted[0]:
        np.testing.assert_array_equal(outputs, OTHER_X)
    own = Metrics(task="binary").evaluate(model, (1 / (1 + np.exp(-OTHER_X)), OTHER_Y))
    assert_same(evaluated[0][0], own)


@pytest.mark.skipif(BACKEND != "jax", reason="it works on the others")
def test_on_jax_keras_itself_fails_where_two_threads_use_one_model():
    """An error of one of the threads, or what each has alone; never another number."""
    model, turns = trained("functional"), Turns(2)
    metrics, weights = Metrics(verbose=False), model.get_weights()
    expected, outputs = metrics.evaluate(model, (OTHER_X, OTHER_Y)), model.predict(X, verbose=0)
    scored, predicted = [], []

    def attempt(results, action):
        with contextlib.suppress(Exception):  # Keras's own, of many kinds: None has no attribute 'sharding' …
            results.append(action())

    together(
        lambda: attempt(scored, lambda: metrics.evaluate(model, slow_batches(OTHER_X, OTHER_Y, turns))),
        lambda: attempt(predicted, lambda: model.predict(slow_batches(X, Y, turns), verbose=0)),
        times=3,
    )
    for found in scored:
        np.testing.assert_array_equal(found["confusion"], expected["confusion"])
    for found in predicted:
        np.testing.assert_allclose(found, outputs, rtol=1e-6)
    model.set_weights(weights)  # Keras may have lost them
    np.testing.assert_array_equal(model.predict(X, verbose=0), outputs)


# fit's own pass.


@not_jax
def test_another_thread_evaluates_between_arming_and_the_batch(monkeypatch):
    """The tapped function is on the model then; the other thread's rows must not come to be the fit's."""
    model, others = echo_model(loss="mse", **HOW), []
    x = 1 / (1 + np.exp(-X))
    model.fit(X, Y, validation_data=(x, Y), batch_size=15, verbose=0)
    expected = model.evaluate(OTHER_X, OTHER_Y, batch_size=15, verbose=0)
    alone = Metrics(task="binary", verbose=False)
    model.fit(X, Y, validation_data=(x, Y), batch_size=15, verbose=0, callbacks=[alone])
    begin = validation_hook._Arm.on_test_batch_begin

    def begin_and_meet(self, batch, logs=None):
        begin(self, batch, logs)
        function = model.test_function
        together(lambda: others.append((function, model.evaluate(OTHER_X, OTHER_Y, batch_size=15, verbose=0))))

    monkeypatch.setattr(validation_hook._Arm, "on_test_batch_begin", begin_and_meet)
    metrics = Metrics(task="binary", verbose=False)
    model.fit(X, Y, validation_data=slow_batches(x, Y), batch_size=15, verbose=0, callbacks=[metrics])
    np.testing.assert_array_equal(metrics.predictions.y_pred, x)
    np.testing.assert_array_equal(np.ravel(metrics.predictions.y_true), Y)
    assert_same(dict(metrics.history), dict(alone.history))
    assert len(others) == 15
    for _, evaluated in others:
        assert evaluated == pytest.approx(expected, rel=1e-6)
    # One that looked the function up while it was there, and calls it later.
    assert "logs" not in vars(model)
    assert all(function is not model.test_function for function, _ in others)


# What the shadow shares, and what it does not.


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


def test_what_the_model_sets_on_itself_in_the_pass_is_gone_with_it():
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


def test_attributes_changed_between_epochs_count():
    """What a callback sets on the model, for its `call` to read, is seen in the next epoch."""

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
    """Has a place that is in no `__dict__`, and a property."""

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
    """Collect no garbage but that of this test: of a process full of TensorFlow's objects it takes seconds."""
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
    """A tool, or a user, wraps it: as in a fit of weights that are averaged for the length of a `predict`."""
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
    """By its first call, as Keras's `predict` builds it; once, and for all that follows."""
    model = MAKERS[kind]()
    found = Metrics(["confusion"], verbose=False).evaluate(model, (X, Y))
    assert model.built
    assert len(model.weights) == 8
    labels = model.predict(X, verbose=0)[:, 0] > 0.5
    assert np.trace(found["confusion"]) == np.sum(labels == Y)
    assert len(model.weights) == 8
    assert {"predict_step", "predict_function"} & set(vars(model)) == {"predict_function"}


@pytest.mark.skipif(BACKEND != "tensorflow", reason="TensorFlow notes what is set on a model")
def test_a_checkpoint_of_the_model_has_nothing_of_it(tmp_path):
    import tensorflow as tf

    model = trained("subclassed")
    names = [name for name, _ in model._self_unconditional_checkpoint_dependencies]
    Metrics(verbose=False).evaluate(model, (X, Y))
    assert [name for name, _ in model._self_unconditional_checkpoint_dependencies] == names
    tf.train.Checkpoint(model=model).write(str(tmp_path / "model"))
    model.export(str(tmp_path / "exported"), verbose=False)


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
@pytest.mark.parametrize("place", ["data", "call"])
def test_a_pass_that_is_interrupted_leaves_the_model_as_it_was(place, error):
    armed = []

    def fuse():
        if armed:
            raise error("of mine")

    class Fused(keras.layers.Layer):
        def call(self, inputs):
            if place == "call":
                fuse()
            return inputs

    inputs = keras.Input((1,))
    model = keras.Model(inputs, layers.Dense(1, "sigmoid")(Fused()(inputs)))
    model.compile("sgd", "binary_crossentropy", run_eagerly=True)
    data = Batches([(X[:30], Y[:30]), (X[30:], Y[30:])])
    if place == "data":
        take = data.__getitem__
        data = type("Fused", (Batches,), {"__getitem__": lambda self, at: (at and fuse(), take(at))[1]})(data.batches)
    model.fit(X, Y, batch_size=30, verbose=0)
    outputs, before, weights = model.predict(X, verbose=0), dict(vars(model)), model.get_weights()
    metrics = Metrics(verbose=False)
    armed.append(True)
    with pytest.raises(Exception if error is RuntimeError else BaseException, match="of mine"):
        metrics.evaluate(model, data)
    armed.clear()
    assert {name: value for name, value in vars(model).items() if before.get(name, vars) is not value} == {}
    for now, then in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(now, then)
    np.testing.assert_array_equal(model.predict(X, verbose=0), outputs)


@pytest.mark.skipif(BACKEND != "torch", reason="PyTorch's modules have a mode")
@pytest.mark.parametrize("hook", ["on_train_batch_end", "on_epoch_end"])
def test_training_goes_on_in_training_mode(hook):
    """Scored within a fit, in the midst of an epoch too; out of a fit the mode is off, as after Keras's `predict`."""
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


def test_a_model_that_another_thread_trains_is_not_scored_on_other_data():
    """What a pass may change is given its values back, and with them would go what that fit changes meanwhile."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.BatchNormalization(), keras.layers.Dense(1)])
    model.compile("sgd", keras.losses.BinaryCrossentropy(from_logits=True), **HOW)
    metrics, begun, scored = Metrics(["f1"], verbose=False), threading.Event(), threading.Event()

    class Waits(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            begun.set()
            scored.wait(60)

    thread = threading.Thread(target=lambda: model.fit(X, Y, epochs=1, verbose=0, callbacks=[Waits()]))
    thread.start()
    assert begun.wait(60)
    try:
        with pytest.raises(CaptureError, match=r"another thread trains this Sequential.*score a copy of the model"):
            metrics.evaluate(model, (X, Y))
    finally:
        scored.set()
        thread.join(60)
    labels = model.predict(X, verbose=0)[:, 0] > 0
    assert metrics.evaluate(model, (X, Y))["f1"] == sk.f1_score(Y, labels)
