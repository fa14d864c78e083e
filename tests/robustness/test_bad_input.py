"""Input that cannot be scored raises early, and the message names a remedy."""

import keras
import numpy as np
import pytest
from sklearn.metrics import f1_score

from kerascb_metrics import Binary, CaptureError, DataError, Metrics, Multiclass, Multilabel
from tests.support import custom_steps as steps
from tests.support.models import BACKEND, echo_model
from tests.support.short_fits import X, Y, binary, fit, ours


@pytest.fixture(scope="module")
def model():
    """Echoes its input. Its loss accepts any targets; PyTorch's binary cross-entropy would raise first."""
    return echo_model(loss="mse")


# Targets and outputs.


def test_targets_that_are_not_labels(model):
    for wrong, received in ((Y + 1, "2"), (Y * 0.5, "0.5"), (Y - 2.0, "-2.0"), (np.where(Y, np.nan, 0.0), "nan")):
        with pytest.raises(DataError, match=rf"targets 0 and 1.*received .*{received}.*Pass task="):
            fit(model, binary(), validation_data=(X, wrong))


def test_targets_of_another_length(model):
    """One target for 8 outputs: a loss that broadcasts does not notice."""

    def mismatched():
        while True:
            yield X[:8], Y[:1].astype("float32")

    with pytest.raises(DataError, match=r"same number of rows(?=.*y_true \[\(1,)(?=.*y_pred \[\(8, 1\)\])"):
        fit(model, binary(), validation_data=mismatched(), validation_steps=2)


class _OwnLoss(keras.layers.Layer):
    def call(self, inputs):
        self.add_loss(keras.ops.mean(inputs))
        return inputs


def test_no_targets():
    inputs = keras.Input((1,))
    model = keras.Model(inputs, _OwnLoss()(keras.layers.Dense(1)(inputs)))
    model.compile(keras.optimizers.SGD(0.0))
    with pytest.raises(DataError, match=r"no validation targets.*y=None.*validation_data=\(x_val, y_val\)"):
        model.fit(X, validation_data=(X,), verbose=0, callbacks=[binary()])


if BACKEND == "tensorflow":

    class RaggedStep(keras.Model):
        def test_step(self, data):
            import tensorflow as tf

            x, y = data
            lengths = tf.ones(tf.shape(y)[0], tf.int32)
            ragged = tf.RaggedTensor.from_row_lengths(tf.reshape(y, [-1]), lengths)
            return self.compute_metrics(x, ragged, self(x, training=False))

    def test_ragged_targets():
        with pytest.raises(DataError, match=r"must be dense; received a ragged tensor.*to_tensor\(\).*mask"):
            fit(steps.as_class(RaggedStep), binary())


def test_logits_read_as_probabilities(model):
    x = np.where(Y, 3, -3).astype("float32")[:, None]
    with pytest.raises(DataError, match=r"probabilities, but range from -3 to 3.*task=Binary\(from_logits=True\)"):
        fit(model, binary(), validation_data=(x, Y))
    metrics = Metrics(task=Binary(from_logits=True), verbose=False)  # the remedy in the message
    fit(model, metrics, validation_data=(x, Y))
    assert metrics.f1s == [1.0]


def test_bad_weights(model):
    for weight in (-1.0, np.nan, np.inf):
        w = np.ones(len(X), "float32")
        w[3] = weight
        with pytest.raises(DataError, match=r"weights must be finite and not negative.*use_sample_weight=False"):
            fit(model, binary(), validation_data=(X, Y, w))
    metrics = binary(use_sample_weight=False)  # the remedy in the message
    fit(model, metrics, validation_data=(X, Y, w))
    assert metrics.f1s == [f1_score(Y, X[:, 0] > 0.5)]


# Models that cannot be captured.


def test_a_step_that_passes_nothing_to_compute_metrics():
    with pytest.raises(
        CaptureError, match=r"neither to `self.compute_metrics` or `self.compute_loss`.*validation_data="
    ):
        fit(steps.as_class(steps.NoCallStep), binary())


def test_a_step_that_calls_compute_metrics_twice():
    with pytest.raises(CaptureError, match=r"calls `self.compute_metrics` 2 times per batch.*validation_data="):
        fit(steps.as_class(steps.TwiceStep), binary())


def test_a_test_function_set_by_hand():
    model = echo_model()
    model.test_function = lambda *args: {"loss": 0.0}
    with pytest.raises(CaptureError, match=r"`model.test_function` was set by hand.*Set it to None.*validation_data="):
        fit(model, binary())
    model.test_function = None  # the remedy in the message
    metrics = binary()
    fit(model, metrics)
    assert len(metrics.f1s) == 1


def test_a_test_function_set_by_hand_during_the_fit(model):
    class Set(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.test_function = lambda *args: {"loss": 0.0}

    with pytest.raises(CaptureError, match="set by hand"):
        fit(model, binary(), [Set()], epochs=2)
    model.test_function = None


class OwnTestFunction(keras.Model):
    def make_test_function(self, force=False):
        return super().make_test_function(force)


def test_an_overridden_make_test_function():
    epochs = []
    note = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: epochs.append(epoch))
    with pytest.raises(
        CaptureError, match=r"OwnTestFunction overrides `make_test_function`.*Metrics\(validation_data="
    ):
        fit(steps.as_class(OwnTestFunction), binary(), [note])
    assert epochs == [], "raised before the first epoch"


def test_fit_without_validation(model):
    metrics = binary()
    with pytest.warns(UserWarning, match=r"no validation data, so nothing is scored.*validation_data=") as warned:
        history = fit(model, metrics, epochs=3, validation_data=None).history
    assert len(ours(warned)) == 1
    assert set(history) == {"loss"}
    assert metrics.f1s == metrics.history.epochs == []
    assert metrics.predictions is None


# Arguments.


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"scoring": "f1_makro"}, r"unknown score 'f1_makro'; did you mean 'f1_macro'.*get_scorer_names"),
        ({"scoring": "val_f1"}, r"unknown score 'val_f1'; did you mean 'f1'\?"),
        ({"scoring": "binary"}, r"'binary' is a task, not a score\. Pass task='binary'\."),
        ({"scoring": Binary(threshold=0.3)}, r"is a task, not a score\. Pass task=Binary\(threshold=0\.3\)\."),
        ({"scoring": ["f1", Multiclass()]}, r"is a task, not a score\. Pass task='multiclass'\."),
        ({"scoring": "?"}, r"unknown score '\?'.*f1, precision.*confusion_cells, iou.*get_scorer_names"),
        ({"scoring": ["f1", "f1"]}, r"two scores named 'f1'. Pass a dict"),
        ({"scoring": []}, r"scoring is empty. Leave it out for the panel"),
        ({"scoring": 3}, r"must be a name, a scorer or a metric function; received 3 \(int\)"),
        ({"scoring": {"a": 3}}, r"must be a name, a scorer or a metric function; received 3 \(int\)"),
        ({"scoring": {3: "f1"}}, r"names in scoring= must be strings; received 3"),
        ({"scoring": lambda y_true, y_pred: 0.0}, r"has no name to record it under. Pass a dict"),
        ({"task": "binry"}, r"task must be 'auto', 'binary', .* or an object like Binary.*received 'binry'"),
        ({"task": Binary}, r"task must be .*received <class"),
        ({"average": "mean"}, r"average must be .*'macro'.*received 'mean'"),
        ({"zero_division": 0.5}, r"zero_division must be 0, 1 or nan; received 0.5"),
        ({"zero_division": "warn"}, r"zero_division must be 0, 1 or nan; received 'warn'"),
        ({"use_sample_weight": "no"}, r"use_sample_weight must be one of True, False; received 'no'"),
        ({"error_score": "nan"}, r"error_score must be one of 'raise_first', 'raise' or a number; received 'nan'"),
        ({"error_score": None}, r"error_score must be one of 'raise_first', 'raise' or a number; received None"),
        ({"verbose": "loud"}, r"verbose must be one of 'auto', True, False; received 'loud'"),
        ({"verbose": 3}, r"verbose must be one of 'auto', True, False; received 3"),
    ],
    ids=lambda value: str(value).split(" at 0x")[0][:40],
)
def test_arguments_of_metrics(arguments, message):
    with pytest.raises(ValueError, match=message):
        Metrics(**arguments)


def test_unknown_arguments():
    with pytest.raises(TypeError, match="threshold"):
        Metrics(threshold=0.3)
    with pytest.raises(TypeError, match="positional"):
        Metrics(None, "binary")


def best():
    return Metrics().score([0, 1, 0, 1], [0.2, 0.9, 0.4, 0.6]).best_threshold("f1")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Binary(threshold=[0.2, 0.3]), r"Binary: threshold must be one number.*Multilabel\(threshold="),
        (lambda: Binary(threshold="0.5"), r"threshold must be"),
        (lambda: Binary(threshold=best()), r"received BestThreshold. Pass its attribute \.threshold"),
        (lambda: Multilabel(threshold=best()), r"received BestThreshold. Pass its attribute \.threshold"),
        (lambda: Binary(from_logits="yes"), r"Binary: from_logits must be 'auto', True or False; received 'yes'"),
        (lambda: Multiclass(from_logits=2), r"Multiclass: from_logits must be"),
        (lambda: Multilabel(from_logits=None), r"Multilabel: from_logits must be"),
    ],
)
def test_arguments_of_tasks(make, message):
    with pytest.raises(ValueError, match=message):
        make()
