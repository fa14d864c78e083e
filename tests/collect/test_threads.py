"""Other threads use the model while it is scored: each gets the same results as alone, and the model is not changed.

On JAX Keras's own `predict` takes the values off the variables for the length of a pass, so two threads cannot use one
model at once, with or without Metrics. There the test is that no number is wrong.
"""

import contextlib
import threading

import keras
import numpy as np
import pytest
from sklearn import metrics as sk

from kerascb_metrics import CaptureError, Metrics
from kerascb_metrics.collect import keras_internals, validation_hook
from tests.support.models import BACKEND, Batches, binary_rows, echo_model
from tests.support.small_models import HOW, MAKERS, X, Y, trained

OTHER_X, OTHER_Y = binary_rows(44, seed=2, logits=True)
not_jax = pytest.mark.skipif(BACKEND == "jax", reason="Keras on JAX fails when two threads predict with one model")


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


def together(*actions, times=1):
    """Run functions in one thread each, all at once; return the results of each, or raise the first error."""
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
    """Between batches each thread waits a little for the others, so that all are in a pass at the same time."""

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
@pytest.mark.parametrize(
    "kind", ["functional", *(pytest.param(kind, marks=pytest.mark.slow) for kind in MAKERS if kind != "functional")]
)
def test_two_threads_score_while_two_others_predict_and_evaluate(kind):
    """Their passes overlap. Each gets the same results as alone, and the model keeps its attributes."""
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
    """Between two epochs. The weights do not change, so the results are known."""
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


@pytest.mark.skipif(BACKEND != "jax", reason="it works on the other backends")
def test_on_jax_keras_itself_fails_where_two_threads_use_one_model():
    """One of the threads fails, or each gets the same results as alone; never other numbers."""
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
def test_another_thread_evaluates_while_the_tapped_function_is_on_the_model(monkeypatch):
    """The other thread's rows must not be taken for rows of the fit."""
    model, others = echo_model(loss="mse", **HOW), []
    x = 1 / (1 + np.exp(-X))
    model.fit(X, Y, validation_data=(x, Y), batch_size=15, verbose=0)
    expected = model.evaluate(OTHER_X, OTHER_Y, batch_size=15, verbose=0)
    alone = Metrics(task="binary", verbose=False)
    model.fit(X, Y, validation_data=(x, Y), batch_size=15, verbose=0, callbacks=[alone])
    begin = validation_hook.BatchTap.on_test_batch_begin

    def begin_and_meet(self, batch, logs=None):
        begin(self, batch, logs)
        function = model.test_function
        together(lambda: others.append((function, model.evaluate(OTHER_X, OTHER_Y, batch_size=15, verbose=0))))

    monkeypatch.setattr(validation_hook.BatchTap, "on_test_batch_begin", begin_and_meet)
    metrics = Metrics(task="binary", verbose=False)
    model.fit(X, Y, validation_data=slow_batches(x, Y), batch_size=15, verbose=0, callbacks=[metrics])
    np.testing.assert_array_equal(metrics.predictions.y_pred, x)
    np.testing.assert_array_equal(np.ravel(metrics.predictions.y_true), Y)
    assert_same(dict(metrics.history), dict(alone.history))
    assert len(others) == 15
    for _, evaluated in others:
        assert evaluated == pytest.approx(expected, rel=1e-6)
    # A thread may have looked the function up while it was there, and call it later.
    assert "logs" not in vars(model)
    assert all(function is not model.test_function for function, _ in others)


def test_a_model_that_another_thread_trains_is_not_scored_on_other_data():
    """State is restored after a pass; that would undo what the fit changes in the meantime."""
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


@contextlib.contextmanager
def another_thread(work):
    """Another thread, which runs `work(wait)` and waits there until the end."""
    inside, end = threading.Event(), threading.Event()

    def wait():
        inside.set()
        end.wait()

    thread = threading.Thread(target=work, args=(wait,))
    thread.start()
    inside.wait()
    try:
        yield
    finally:
        end.set()
        thread.join()


def deep(wait, calls=150):
    """Wait beneath so many calls that a traceback does not show all of them."""
    if calls:
        deep(wait, calls - 1)
    else:
        wait()


def training(wait):
    model = echo_model()
    FITTED.append(model)
    begin = keras.callbacks.LambdaCallback(on_train_begin=lambda logs: wait())
    model.fit(np.zeros((2, 1), "float32"), np.zeros((2, 1), "float32"), verbose=0, callbacks=[begin])


FITTED = []


@pytest.mark.parametrize(("work", "walks"), [(lambda wait: wait(), False), (deep, True), (training, True)])
def test_the_frames_of_other_threads_are_walked_along_only_if_one_may_be_in_a_fit(work, walks):
    with another_thread(work):
        assert any(True for _ in keras_internals._stacks_of_others()) == walks
        if work is training:
            assert keras_internals.trained_by_another_thread(FITTED[-1])
        assert not keras_internals.trained_by_another_thread(echo_model())


def test_without_a_place_for_the_traceback_frames_are_walked_along(monkeypatch):
    def refuse():
        raise OSError("no temporary folder")

    monkeypatch.setattr(keras_internals.tempfile, "TemporaryFile", refuse)
    with another_thread(training):
        assert keras_internals.trained_by_another_thread(FITTED[-1])
