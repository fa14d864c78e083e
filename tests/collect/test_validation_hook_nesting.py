"""Capture while callbacks use the model, after interrupted fits, and after the model is compiled again."""

from functools import cache

import keras
import numpy as np
import pytest
from sklearn.metrics import f1_score, roc_auc_score

from kerascb_metrics import Metrics
from kerascb_metrics.collect.backend import backend
from tests.support.custom_steps import SuperStep, as_class
from tests.support.models import BACKEND, binary_rows, echo_model

HOOKS = [
    f"on_{of}_{when}"
    for of in ("epoch", "train_batch", "test", "test_batch")
    for when in ("begin", "end")
]  # fmt: skip
EPOCHS = 2


class Batches(keras.utils.PyDataset):
    """Rows in batches of 4."""

    def __init__(self, x, y):
        super().__init__()
        self.x, self.y = x, y

    def __len__(self):
        return -(-len(self.x) // 4)

    def __getitem__(self, index):
        rows = slice(4 * index, 4 * index + 4)
        return self.x[rows], self.y[rows]


def in_batches(x, y):
    """Batches of 4. On TensorFlow a dataset, made once: from arrays Keras makes one at each call, which takes 0.1 s."""
    if BACKEND != "tensorflow":
        return Batches(x, y)
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices((x, y)).batch(4)


def rows(count, seed=0):
    x, y = binary_rows(count, seed)
    return x, y[:, None]


X, Y = rows(7)  # 2 batches, the last of 3
OTHER_X, OTHER_Y = rows(4, seed=2)
TRAIN, VAL, OTHER = in_batches(*rows(4, seed=1)), in_batches(X, Y), in_batches(OTHER_X, OTHER_Y)


@cache
def shared_model():
    """One model for all tests: it never changes, and is compiled once."""
    return echo_model()


def fit(model, callbacks, epochs=EPOCHS):
    return model.fit(TRAIN, validation_data=VAL, epochs=epochs, shuffle=False, verbose=0, callbacks=callbacks)


class EachEpoch(keras.callbacks.Callback):
    """Notes the predictions of each epoch."""

    def __init__(self, metrics):
        super().__init__()
        self.metrics, self.predictions = metrics, []

    def on_epoch_end(self, epoch, logs=None):
        self.predictions.append(self.metrics.predictions)


def check(metrics, predictions, epochs=EPOCHS):
    """All rows, exactly, in each epoch, and their scores."""
    assert len(predictions) == epochs
    for rows in predictions:
        np.testing.assert_array_equal(rows.y_pred, X)
        np.testing.assert_array_equal(rows.y_true, Y)
    assert metrics.f1s == [f1_score(Y[:, 0], X[:, 0] > 0.5)] * epochs
    np.testing.assert_allclose(metrics.auc, [roc_auc_score(Y[:, 0], X[:, 0])] * epochs, rtol=0, atol=1e-12)


def in_hook(hook, action, turns=(0, 1)):
    """A callback that runs `action(model)` in every call of a hook, or in every other call."""

    def act(self, *args, **kwargs):
        if self.calls % 2 in turns:
            action(self.model)  # `self.model` brings the state up to date on JAX
        self.calls += 1

    return type("InHook", (keras.callbacks.Callback,), {hook: act, "calls": 0})()


def run_it(model):
    model.evaluate(OTHER, verbose=0)
    model.test_on_batch(OTHER_X, OTHER_Y)
    model.predict(OTHER, verbose=0)


def fit_it(model):
    model.fit(OTHER, validation_data=OTHER, shuffle=False, verbose=0)


def fit_it_with_metrics(model):
    inner = Metrics(verbose=False)
    model.fit(OTHER, validation_data=OTHER, shuffle=False, verbose=0, callbacks=[inner])
    np.testing.assert_array_equal(inner.predictions.y_pred, OTHER_X)


@pytest.mark.parametrize(("first", "second"), [(run_it, run_it), (fit_it, fit_it_with_metrics)], ids=["run", "fit"])
@pytest.mark.parametrize("hook", HOOKS)
def test_another_callback_uses_the_model(hook, first, second):
    """One listed before Metrics and one after, taking turns."""
    metrics, before, after = Metrics(verbose=False), in_hook(hook, first, {0}), in_hook(hook, second, {1})
    each = EachEpoch(metrics)
    fit(shared_model(), [before, metrics, after, each])
    assert before.calls == after.calls >= 2
    check(metrics, each.predictions)
    assert "evaluate" not in vars(shared_model())


def test_another_callback_takes_evaluate_off_the_model():
    metrics = Metrics(verbose=False)
    each = EachEpoch(metrics)
    fit(shared_model(), [in_hook("on_epoch_end", lambda model: vars(model).pop("evaluate")), metrics, each])
    check(metrics, each.predictions)


def test_an_evaluate_that_somebody_else_put_there_is_used_and_restored():
    model, metrics, calls = shared_model(), Metrics(verbose=False), []

    def evaluate(*args, **kwargs):
        calls.append(kwargs)
        return type(model).evaluate(model, *args, **kwargs)

    each = EachEpoch(metrics)
    vars(model)["evaluate"] = evaluate
    try:
        fit(model, [metrics, each])
        assert vars(model)["evaluate"] is evaluate
    finally:
        del vars(model)["evaluate"]
    assert len(calls) == EPOCHS
    check(metrics, each.predictions)


def test_two_metrics_on_one_fit():
    model, first, second = shared_model(), Metrics(verbose=False), Metrics({"exact": "accuracy"}, verbose=False)
    each = EachEpoch(first)
    history = fit(model, [first, second, each]).history
    check(first, each.predictions)
    np.testing.assert_array_equal(second.predictions.y_pred, X)
    assert history["val_exact"] == second.history["exact"] == [((X > 0.5) == Y).mean()] * EPOCHS
    assert history["val_f1"] == first.f1s


def test_a_second_fit_starts_with_empty_lists():
    metrics = Metrics(verbose=False)
    fit(shared_model(), [metrics], epochs=3)
    old = metrics.history
    fit(shared_model(), [metrics], epochs=1)
    assert len(metrics.f1s) == 1
    assert metrics.history.epochs == [0]
    assert len(old["f1"]) == 3


def test_a_fit_after_compile():
    model, metrics = echo_model(), Metrics(verbose=False)
    each = EachEpoch(metrics)
    fit(model, [metrics])
    model.compile(keras.optimizers.SGD(0.0), "mse", metrics=["mae"])
    metrics = Metrics(task="binary", verbose=False)
    each = EachEpoch(metrics)
    history = fit(model, [metrics, each]).history
    check(metrics, each.predictions)
    assert set(history) >= {"val_mae", "val_f1"}


def test_a_fit_on_other_data_after_a_fit():
    metrics = Metrics(verbose=False)
    fit(shared_model(), [metrics])
    shared_model().fit(OTHER_X, OTHER_Y, validation_data=(OTHER_X, OTHER_Y, np.ones(4)), verbose=0, callbacks=[metrics])
    np.testing.assert_array_equal(metrics.predictions.y_pred, OTHER_X)
    np.testing.assert_array_equal(metrics.predictions.sample_weight.ravel(), np.ones(4))


# Interrupted fits.


class Stop(Exception):
    pass


def fail(error):
    def action(model):
        raise error

    return action


@pytest.mark.parametrize(
    ("error", "listed", "again"),
    [(Stop, "before", "the same Metrics"), (KeyboardInterrupt, "after", "a new Metrics")],
)
@pytest.mark.parametrize("hook", HOOKS)
def test_a_fit_after_an_interrupted_one(hook, error, listed, again):
    model, metrics, other = shared_model(), Metrics(verbose=False), in_hook(hook, fail(error))
    expected = model.test_on_batch(X, Y)
    own_function = model.test_function
    with pytest.raises(error):
        fit(model, [other, metrics] if listed == "before" else [metrics, other])
    assert model.test_function is own_function
    assert model.test_on_batch(X, Y) == expected

    if again == "a new Metrics":
        metrics = Metrics(verbose=False)
    each = EachEpoch(metrics)
    fit(model, [metrics, each], epochs=1)
    check(metrics, each.predictions, epochs=1)
    assert "evaluate" not in vars(model)


def test_a_fit_without_metrics_after_an_interrupted_one():
    model, failing = echo_model(), in_hook("on_test_batch_end", fail(Stop))
    with pytest.raises(Stop):
        fit(model, [Metrics(verbose=False), failing])
    assert set(fit(model, []).history) == {"loss", "val_loss"}


# No more compiling than Keras does.


def count_builds(monkeypatch):
    build, builds = backend().build, []

    def counted(*args, **kwargs):
        builds.append(args)
        return build(*args, **kwargs)

    monkeypatch.setattr(backend(), "build", counted)
    return builds


class CountedStep(SuperStep):
    """Counts how often Python runs the step: once per trace if it is compiled, otherwise once per batch."""

    steps = 0

    def test_step(self, *args):
        type(self).steps += 1
        return super().test_step(*args)


def steps_of(*fits):
    """How often `test_step` has run after each fit of a new model; each fit is given by its list of callbacks."""
    CountedStep.steps = 0
    model = as_class(CountedStep)
    after = []
    for callbacks in fits:
        fit(model, callbacks, epochs=3)
        after.append(CountedStep.steps)
    return after


def test_one_tapped_function_for_several_epochs_fits_and_callbacks(monkeypatch):
    builds, model = count_builds(monkeypatch), echo_model()
    for _ in range(2):
        fit(model, [Metrics(verbose=False), Metrics("accuracy", verbose=False)], epochs=3)
    assert len(builds) == 1
    model.compile(keras.optimizers.SGD(0.0), "binary_crossentropy")
    fit(model, [Metrics(verbose=False)])
    assert len(builds) == 2


def test_no_more_traces_than_keras_makes():
    metrics = Metrics(verbose=False)
    with_metrics, without = steps_of([metrics], [metrics]), steps_of([], [])
    assert all(own <= plain for own, plain in zip(with_metrics, without, strict=True))
    if BACKEND == "torch":  # no tracing: 2 batches, 3 epochs, 2 fits
        assert with_metrics == [6, 12]
    else:
        assert with_metrics[0] == with_metrics[1] <= 2  # one for the full batch, one for the partial
