"""Bugs found once, in fits and validation passes: each test describes one."""

import keras
import numpy as np
import pytest
from sklearn import metrics as sk

from kerascb_metrics import Binary, CaptureError, DataError, Metrics, Predictions
from tests.support.echo_fits import X, Y, fit
from tests.support.models import BACKEND, Batches, binary_rows, echo_model


@pytest.mark.parametrize("part", ["sample_weight", "mask"])
def test_weights_or_a_mask_in_only_some_batches_raise(part):
    batch = {"y_true": Y[:50], "y_pred": X[:50], "sample_weight": None, "mask": None}
    with pytest.raises(DataError, match=f"some validation batches have {part}, others do not"):
        Predictions.join([batch, {**batch, part: np.ones(50)}])


def test_an_evaluate_that_makes_two_passes_raises():
    class Twice(keras.Model):
        def evaluate(self, *args, **kwargs):
            super().evaluate(*args, **kwargs)
            return super().evaluate(*args, **kwargs)

    inputs = keras.Input((1,))
    model = Twice(inputs, keras.layers.Dense(1, activation="sigmoid")(inputs))
    model.compile("sgd", "binary_crossentropy")
    with pytest.raises(CaptureError, match="made 2 passes"):
        fit(Metrics(), model)


class StopsAtBatch(keras.callbacks.Callback):
    """Cuts the pass short and then evaluates, which resets Keras's flag."""

    def __init__(self, batch):
        super().__init__()
        self.batch, self.inner = batch, False

    def on_test_batch_end(self, batch, logs=None):
        if batch == self.batch and not self.inner:
            self.model.stop_evaluating = True

    def on_test_end(self, logs=None):
        if not self.inner:
            self.inner = True
            self.model.evaluate(X, Y, verbose=0)
            self.inner = False


@pytest.mark.parametrize(("batch", "cut"), [(2, True), (3, False)])
def test_a_pass_cut_short_is_noticed_even_if_a_hook_evaluates(batch, cut):
    metrics = Metrics("f1")
    if cut:
        with pytest.warns(UserWarning, match="cut short"):
            fit(metrics, callbacks=[StopsAtBatch(batch)])
        assert np.isnan(metrics.f1s[0])
    else:  # after the last of four batches nothing is missing
        fit(metrics, callbacks=[StopsAtBatch(batch)])
        assert metrics.f1s == [sk.f1_score(Y, X[:, 0] > 0.5)]


def test_lists_have_one_value_per_epoch():
    def fails_at_first(y_true, y_pred):
        fails_at_first.calls += 1
        if fails_at_first.calls == 1:
            raise ArithmeticError("not yet")
        return sk.f1_score(y_true, y_pred, average=None)

    fails_at_first.calls = 0
    metrics = Metrics({"f": fails_at_first}, error_score=np.nan)
    with pytest.warns(UserWarning, match="not yet"):
        run = fit(metrics, epochs=3)
    assert {len(values) for values in metrics.history.values()} == {3}
    assert all(len(values) == 3 for key, values in run.history.items() if "f" in key)


def test_data_that_raises_leaves_the_model_unchanged():
    model = keras.Sequential([keras.Input((1,)), keras.layers.BatchNormalization(), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    before = [keras.ops.convert_to_numpy(variable).copy() for variable in model.variables]

    class Raises(Batches):
        def __getitem__(self, place):
            if place == len(self.batches):
                raise KeyError("boom")
            return self.batches[place]

        def __len__(self):
            return len(self.batches) + 1

    for batches in ([], [(X[:50], Y[:50])]):
        with pytest.raises(Exception, match="boom"):
            Metrics("f1", task=Binary(from_logits=True)).evaluate(model, Raises(batches))
        for variable, value in zip(model.variables, before, strict=True):
            np.testing.assert_array_equal(keras.ops.convert_to_numpy(variable), value)
        assert model.predict(X, verbose=0).shape == (100, 1)


class Composite(keras.callbacks.Callback):
    """Calls the hooks of another callback."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def set_model(self, model):
        self.inner.set_model(model)

    def on_train_begin(self, logs=None):
        self.inner.on_train_begin(logs)


def test_metrics_inside_another_callback_warns_that_it_scores_nothing():
    model, metrics = echo_model(), Metrics()
    with pytest.warns(UserWarning, match="inside another callback, so nothing is scored"):
        model.fit(X, Y, validation_data=(X, Y), verbose=0, callbacks=[Composite(metrics)])
    assert metrics.f1s == []


def test_given_data_that_is_never_due_warns():
    with pytest.warns(UserWarning, match="no epoch of this fit was scored"):
        fit(Metrics(validation_data=(X, Y), validation_freq=10), data=None)


def test_given_batches_of_different_length():
    # Keras pads on one backend and raises on another, but only if it concatenates: batch by batch it does neither.
    inputs = keras.Input((None, 1))
    model = keras.Model(inputs, keras.layers.Dense(1, use_bias=False, kernel_initializer="identity")(inputs))
    model.compile("sgd", "binary_crossentropy")
    parts = [(X[:20].reshape(4, 5, 1), Y[:20].reshape(4, 5)), (X[20:32].reshape(2, 6, 1), Y[20:32].reshape(2, 6))]
    assert Metrics().evaluate(model, Batches(parts))["f1"] == sk.f1_score(Y[:32], X[:32, 0] > 0.5)


def test_modes_are_restored_after_an_interrupted_and_after_a_complete_fit():
    stop = keras.callbacks.EarlyStopping("val_f1")
    metrics, model = Metrics(), echo_model()

    def interrupt(batch, logs):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(metrics, model, callbacks=[stop, keras.callbacks.LambdaCallback(on_train_batch_end=interrupt)])
    fit(metrics, model, callbacks=[stop])
    assert stop.mode == "auto"


def test_a_failed_pass_records_floats_and_a_matrix_of_nan():
    y_bad = Y.copy()
    y_bad[0] = 7

    class TurnsBad(Batches):
        def on_epoch_end(self):
            self.readings = getattr(self, "readings", 0) + 1

        def __getitem__(self, place):
            bad = getattr(self, "readings", 0) > self.after
            return X, (y_bad if bad else Y)

    data = TurnsBad([None])
    data.after = 10**9
    metrics = Metrics(validation_data=data)

    def turn(epoch, logs):
        data.after = -1 if epoch == 1 else 10**9

    with pytest.warns(UserWarning, match="epoch 1: recorded nan"):
        fit(metrics, data=None, epochs=3, callbacks=[keras.callbacks.LambdaCallback(on_epoch_begin=turn)])
    assert [type(value) for value in metrics.f1s] == [float] * 3
    assert np.isnan(metrics.f1s[1])
    assert np.isnan(metrics.confusion[1]).all()
    assert metrics.confusion[1].shape == (2, 2)
    assert not np.isnan(metrics.f1s[2])


def test_warnings_as_errors_do_not_change_the_scores():
    """A warning that raises is not a failed pass."""
    model = echo_model()

    def turn(epoch, logs):
        model.get_layer("echo").kernel.assign([[0.0 if epoch else 1.0]])

    metrics = Metrics(["precision", "recall"])
    with pytest.raises(UserWarning, match="class 1 is not predicted"):
        fit(metrics, model, epochs=2, callbacks=[keras.callbacks.LambdaCallback(on_epoch_begin=turn)])
    assert metrics.recall == [sk.recall_score(Y, X[:, 0] > 0.5), 0.0]


def test_the_order_of_the_user_s_callback_list_is_restored():
    watch, metrics = keras.callbacks.LambdaCallback(), Metrics("f1", validation_data=(X, Y))
    model = echo_model()
    callbacks = keras.callbacks.CallbackList([watch, metrics], add_history=True, model=model)
    model.fit(X, Y, verbose=0, callbacks=callbacks)
    assert callbacks.callbacks[:2] == [watch, metrics]


def test_run_eagerly_with_numpy_arrays():
    x, y = binary_rows(20)
    model = echo_model(run_eagerly=True)
    metrics = Metrics("f1")
    model.fit(x, y, validation_data=(x, y), verbose=0, callbacks=[metrics])
    assert metrics.f1s == [sk.f1_score(y, x[:, 0] > 0.5)]


def _aligned(rows, dtype):
    """An empty column that starts at a multiple of 64 bytes: JAX uses it without a copy."""
    memory = np.empty(rows * 4 + 64, "uint8")
    start = -memory.ctypes.data % 64
    return memory[start : start + rows * 4].view(dtype)[:, None]


@pytest.mark.skipif(BACKEND == "tensorflow", reason="tf.data reads ahead, so that the model itself gets mixed rows")
@pytest.mark.parametrize("dtype", ["float32", "int32"])
@pytest.mark.parametrize("steps", [1] if BACKEND == "torch" else [1, 2])
def test_a_buffer_that_the_data_source_reuses_is_copied_in_time(dtype, steps):
    x, y = X.copy(), Y.astype(dtype)
    as_batch = __import__("torch").from_numpy if BACKEND == "torch" else (lambda array: array)

    def batches():
        inputs, targets = _aligned(10, "float32"), _aligned(10, dtype)
        while True:
            for start in range(0, 100, 10):
                inputs[:], targets[:, 0] = x[start : start + 10], y[start : start + 10]
                yield as_batch(inputs), as_batch(targets)

    metrics = Metrics("f1")
    model = echo_model(run_eagerly=True, steps_per_execution=steps)
    model.fit(X, Y, validation_data=batches(), validation_steps=10, verbose=0, callbacks=[metrics])
    rows = metrics.predictions
    pairs = set(zip(x.ravel().tolist(), y.tolist(), strict=True))
    assert set(zip(rows.y_pred.ravel().tolist(), rows.y_true.ravel().tolist(), strict=True)) <= pairs


def test_log_values_that_are_not_numbers_are_not_recorded():
    clock = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update(when="12:00", what=None))
    metrics = Metrics("f1")
    fit(metrics, callbacks=[clock])
    assert {"when", "what"}.isdisjoint(metrics.history.logs[0])
    assert "val_loss" in metrics.history.logs[0]
