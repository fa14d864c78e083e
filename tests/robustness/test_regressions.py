"""Traps that were fallen into once: each test names what went wrong."""

import functools

import keras
import numpy as np
import pytest
from sklearn import metrics as sk

from kerascb_metrics import Binary, CaptureError, DataError, Metrics, Multiclass, Multilabel, Predictions
from tests.support.arrays import assessed
from tests.support.models import BACKEND, Batches, binary_rows, echo_model

X, Y = binary_rows(100, seed=9)


def fit(metrics, model=None, data=(X, Y), **options):
    model = model or echo_model()
    callbacks = [*options.pop("callbacks", []), metrics]
    return model.fit(X, Y, **{"validation_data": data, "verbose": 0, "callbacks": callbacks, **options})


@pytest.mark.parametrize("own", [{"error": "neg_log_loss"}, {"loss": "neg_log_loss"}])
def test_monitors_of_keras_own_names_keep_their_direction(own):
    stop = keras.callbacks.EarlyStopping("val_loss" if "loss" in own else "val_mean_absolute_error")
    model = echo_model(metrics=["mean_absolute_error"])
    seen = []
    watch = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: seen.append(stop.mode))
    metrics = Metrics(own)
    if "loss" in own:
        with pytest.warns(UserWarning, match="val_sklearn_loss"):
            fit(metrics, model, callbacks=[stop, watch])
    else:
        fit(metrics, model, callbacks=[stop, watch])
    assert seen == ["auto"]


@pytest.mark.parametrize("part", ["sample_weight", "mask"])
def test_a_part_in_some_batches_only_is_an_error(part):
    batch = {"y_true": Y[:50], "y_pred": X[:50], "sample_weight": None, "mask": None}
    with pytest.raises(DataError, match=f"some validation batches came without {part}"):
        Predictions.join([batch, {**batch, part: np.ones(50)}])


def test_an_evaluate_that_makes_two_passes_is_refused():
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
    """Cuts the pass short, and evaluates after it, which resets Keras's flag."""

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
def test_a_pass_cut_short_is_known_also_when_a_hook_evaluates(batch, cut):
    metrics = Metrics("f1")
    if cut:
        with pytest.warns(UserWarning, match="cut short"):
            fit(metrics, callbacks=[StopsAtBatch(batch)])
        assert np.isnan(metrics.f1s[0])
    else:  # set after the last of four batches: nothing is missing
        fit(metrics, callbacks=[StopsAtBatch(batch)])
        assert metrics.f1s == [sk.f1_score(Y, X[:, 0] > 0.5)]


@pytest.mark.parametrize("function", [sk.roc_auc_score, sk.log_loss, functools.partial(sk.ndcg_score, k=3)])
def test_functions_that_need_scores_are_refused(function):
    with pytest.raises(ValueError, match=r"needs scores, and a metric function is called with labels.*make_scorer"):
        Metrics({"score": function})


def test_monitors_of_values_a_class():
    metrics = Metrics(average=None)
    assert metrics.monitor("f1_1") == {"monitor": "val_f1_1", "mode": "max"}
    with pytest.raises(ValueError, match=r"average=None 'f1' has a value a class.*'f1_1'"):
        metrics.monitor("f1")
    assert Metrics({"macro_f1": "f1_macro"}, average=None).monitor("macro_f1")["mode"] == "max"  # one value
    with pytest.raises(ValueError, match="the score's own name, 'f1'"):
        Metrics().monitor("val_f1")


def test_values_of_a_function_of_many_are_numbered():
    metrics = Metrics({"share": lambda y_true, y_pred: np.array([0.25, 0.5, 1.0])})
    run = fit(metrics)
    assert [run.history[f"val_share_{place}"] for place in range(3)] == [[0.25], [0.5], [1.0]]


@pytest.mark.parametrize(("arguments", "told"), [(((X, Y), echo_model), "received a tuple first")])
def test_evaluate_wants_the_model_first(arguments, told):
    with pytest.raises(TypeError, match=told):
        Metrics().evaluate(*arguments)


@pytest.mark.parametrize("scoring", [(X, Y), [["f1", "recall"]]])
def test_data_in_the_place_of_scores(scoring):
    received = r"(a ndarray|\['f1', 'recall'\] \(list\))"
    with pytest.raises(ValueError, match=rf"received {received}\. For data of its own pass validation_data="):
        Metrics(scoring)


def test_lists_stay_in_step_with_the_epochs():
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


@pytest.mark.parametrize(
    "options",
    [{"output": "zz"}, {"task": "multiclass"}, {"task": "regression"}, {"average": "binary", "task": Multiclass()}],
)
def test_a_number_for_error_score_does_not_hide_wrong_arguments(options):
    with pytest.raises(ValueError, match=r"zz|multiclass|regression"):
        fit(Metrics(error_score=0.0, **options))


def test_what_the_user_is_certain_of_is_checked_before_training():
    begun = []
    watch = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: begun.append(epoch))
    with pytest.raises(ValueError, match="regression task has no panel"):
        fit(Metrics(task="regression"), callbacks=[watch])
    assert begun == []


def test_data_that_raise_leave_the_model_whole():
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
            Metrics("f1", task=Binary(threshold=0.5)).evaluate(model, Raises(batches))
        for variable, value in zip(model.variables, before, strict=True):
            np.testing.assert_array_equal(keras.ops.convert_to_numpy(variable), value)
        assert model.predict(X, verbose=0).shape == (100, 1)


def test_two_scores_of_one_key_are_refused():
    with pytest.raises(ValueError, match="two scores would both write tn"):
        fit(Metrics({"tn": sk.accuracy_score, "confusion": "confusion"}))
    with pytest.raises(DataError, match="class_names must differ"):
        fit(Metrics(task=Binary(class_names=["cat", "cat"])))


@pytest.mark.parametrize("threshold", [50, 1, -0.2, float("nan")])
def test_a_threshold_off_the_scale_is_refused(threshold):
    with pytest.raises(DataError, match="between 0 and 1"):
        fit(Metrics(task=Binary(threshold=threshold)))


def test_binary_names_follow_pos_label():
    scores = ["f1", "jaccard", "average_precision"]
    values = Metrics(scores, task=Binary(pos_label=0)).evaluate(echo_model(), (X, Y))
    assert values["average_precision"] == pytest.approx(sk.average_precision_score(1 - Y, -X[:, 0]), abs=1e-12)
    assert values["jaccard"] == sk.jaccard_score(Y, X[:, 0] > 0.5, pos_label=0)
    assert values["f1"] == sk.f1_score(Y, X[:, 0] > 0.5, pos_label=0)


class Composite(keras.callbacks.Callback):
    """Hands its hooks on to another callback."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def set_model(self, model):
        self.inner.set_model(model)

    def on_train_begin(self, logs=None):
        self.inner.on_train_begin(logs)


def test_metrics_inside_another_callback_says_that_it_scores_nothing():
    model, metrics = echo_model(), Metrics()
    with pytest.warns(UserWarning, match="nothing is scored inside another callback"):
        model.fit(X, Y, validation_data=(X, Y), verbose=0, callbacks=[Composite(metrics)])
    assert metrics.f1s == []


def test_given_data_that_are_never_due_are_said_to_be_so():
    with pytest.warns(UserWarning, match="no epoch of this fit was scored"):
        fit(Metrics(validation_data=(X, Y), validation_freq=10), data=None)


def test_given_batches_of_different_length():
    # On one backend Keras pads, on another it raises: batch by batch, neither comes in.
    inputs = keras.Input((None, 1))
    model = keras.Model(inputs, keras.layers.Dense(1, use_bias=False, kernel_initializer="identity")(inputs))
    model.compile("sgd", "binary_crossentropy")
    parts = [(X[:20].reshape(4, 5, 1), Y[:20].reshape(4, 5)), (X[20:32].reshape(2, 6, 1), Y[20:32].reshape(2, 6))]
    assert Metrics().evaluate(model, Batches(parts))["f1"] == sk.f1_score(Y[:32], X[:32, 0] > 0.5)


def test_a_renamed_score_of_an_output_can_be_monitored():
    inputs = keras.Input((1,))
    a = keras.layers.Dense(1, activation="sigmoid", name="a")(inputs)
    b = keras.layers.Dense(1, activation="sigmoid", name="b")(inputs)
    model = keras.Model(inputs, {"a": a, "b": b})
    model.compile("sgd", "binary_crossentropy", metrics={"a": [keras.metrics.AUC(name="auc")], "b": []})
    stop = keras.callbacks.EarlyStopping("val_sklearn_a_auc")
    y = {"a": Y, "b": Y}
    with pytest.warns(UserWarning, match="val_sklearn_a_auc"):
        model.fit(X, y, validation_data=(X, y), epochs=2, verbose=0, callbacks=[stop, Metrics("auc")])
    assert stop.mode == "auto"
    assert stop.best is not None


def test_the_only_output_by_name():
    inputs = keras.Input((1,))
    model = keras.Model(inputs, {"a": keras.layers.Dense(1, kernel_initializer="identity", name="a")(inputs)})
    model.compile(keras.optimizers.SGD(0.0), "binary_crossentropy")
    metrics = Metrics(output="a")
    model.fit(X, {"a": Y}, validation_data=(X, {"a": Y}), verbose=0, callbacks=[metrics])
    assert len(metrics.f1s) == 1


def test_modes_are_given_back_after_a_fit_that_died_and_one_that_did_not():
    stop = keras.callbacks.EarlyStopping("val_f1")
    metrics, model = Metrics(), echo_model()

    def interrupt(batch, logs):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(metrics, model, callbacks=[stop, keras.callbacks.LambdaCallback(on_train_batch_end=interrupt)])
    fit(metrics, model, callbacks=[stop])
    assert stop.mode == "auto"


def test_a_failed_pass_records_python_floats_and_a_matrix_of_nan():
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

    with pytest.warns(UserWarning, match="epoch 2: recorded nan"):
        fit(metrics, data=None, epochs=3, callbacks=[keras.callbacks.LambdaCallback(on_epoch_begin=turn)])
    assert [type(value) for value in metrics.f1s] == [float] * 3
    assert np.isnan(metrics.f1s[1])
    assert np.isnan(metrics.confusion[1]).all()
    assert metrics.confusion[1].shape == (2, 2)
    assert not np.isnan(metrics.f1s[2])


def test_warnings_as_errors_do_not_spoil_the_numbers():
    """A warning that raises is not a pass that failed."""
    model = echo_model()

    def turn(epoch, logs):
        model.get_layer("echo").kernel.assign([[0.0 if epoch else 1.0]])

    metrics = Metrics(["precision", "recall"])
    with pytest.raises(UserWarning, match="class 1 is not predicted"):
        fit(metrics, model, epochs=2, callbacks=[keras.callbacks.LambdaCallback(on_epoch_begin=turn)])
    assert metrics.recall == [sk.recall_score(Y, X[:, 0] > 0.5), 0.0]


def test_a_score_that_cannot_be_hashed():
    class Share:
        __hash__ = None

        def __call__(self, y_true, y_pred):
            return float((y_true == y_pred).mean())

    values = Metrics({"share": Share(), "most": max}, error_score=-1.0)
    with pytest.warns(UserWarning, match="'most' failed"):
        fit(values)
    assert values.history["share"] == [sk.accuracy_score(Y, X[:, 0] > 0.5)]


def test_histories_compare_by_identity():
    metrics = Metrics()
    fit(metrics)
    assert metrics.history == metrics.history
    assert metrics.history != dict(metrics.history)


def test_the_order_of_a_list_of_the_users_own_is_given_back():
    watch, metrics = keras.callbacks.LambdaCallback(), Metrics("f1", validation_data=(X, Y))
    model = echo_model()
    callbacks = keras.callbacks.CallbackList([watch, metrics], add_history=True, model=model)
    model.fit(X, Y, verbose=0, callbacks=callbacks)
    assert callbacks.callbacks[:2] == [watch, metrics]


def test_run_eagerly_hands_numpy_arrays_through():
    x, y = binary_rows(20)
    model = echo_model(run_eagerly=True)
    metrics = Metrics("f1")
    model.fit(x, y, validation_data=(x, y), verbose=0, callbacks=[metrics])
    assert metrics.f1s == [sk.f1_score(y, x[:, 0] > 0.5)]


def _aligned(rows, dtype):
    """An empty column that starts at a multiple of 64 bytes, so that JAX takes it without a copy."""
    memory = np.empty(rows * 4 + 64, "uint8")
    start = -memory.ctypes.data % 64
    return memory[start : start + rows * 4].view(dtype)[:, None]


@pytest.mark.skipif(BACKEND == "tensorflow", reason="tf.data reads ahead, so that the model itself gets mixed rows")
@pytest.mark.parametrize("dtype", ["float32", "int32"])
@pytest.mark.parametrize("steps", [1] if BACKEND == "torch" else [1, 2])
def test_a_buffer_that_the_data_source_fills_anew_is_copied_in_time(dtype, steps):
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


def test_what_is_no_number_in_logs_is_left_to_others():
    clock = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update(when="12:00", what=None))
    metrics = Metrics("f1")
    fit(metrics, callbacks=[clock])
    assert {"when", "what"}.isdisjoint(metrics.history.logs[0])
    assert "val_loss" in metrics.history.logs[0]


def test_options_that_are_not_shared_take_their_own_way():
    score = functools.partial(sk.f1_score, average="macro", sample_weight=None)
    metrics = Metrics({"own": score})
    fit(metrics)
    assert metrics.history["own"] == [sk.f1_score(Y, X[:, 0] > 0.5, average="macro")]


def test_what_a_user_does_to_a_matrix_spoils_no_report():
    task, y, p = Multilabel(), np.array([[1, 0], [0, 1]]), np.array([[0.9, 0.2], [0.6, 0.8]])
    found = assessed(task, y, p)
    before = found.records[None].report()
    found.values["confusion"][:] = 0
    assert found.records[None].report() == before
