"""Losses of several outputs: unreadable ones, ones that do not fit, custom ones, several for one output."""

import keras
import numpy as np
import pytest
from sklearn import metrics as sk

from kerascb_metrics import Binary, DataError, Metrics, Multiclass
from tests.support.models import binary_rows, echo_model
from tests.support.two_outputs import (
    LABELS,
    LOGITS,
    ROWS,
    SHARES,
    VALUES,
    X,
    as_dict,
    as_tuple,
    fit,
    functional,
    softmax_auc,
    subclassed,
)


class Unreadable(keras.losses.SparseCategoricalCrossentropy):
    """A loss whose options are neither in its configuration nor attributes."""

    def __init__(self):
        super().__init__(from_logits=True)
        vars(self).pop("from_logits", None)  # it has the attribute up to Keras 3.15

    def get_config(self):
        return {"name": self.name}


class WithoutConfig(keras.losses.BinaryCrossentropy):
    def __init__(self):
        super().__init__(from_logits=True)

    def get_config(self):
        raise NotImplementedError


class ConfigOnly(keras.losses.SparseCategoricalCrossentropy):
    """Like Keras's losses from 3.16 on: options only in get_config()."""

    def __init__(self):
        super().__init__(from_logits=True, ignore_class=-1)
        self.held = {"from_logits": True, "ignore_class": -1}
        for option in self.held:
            vars(self).pop(option, None)

    def get_config(self):
        return self.held


def test_a_loss_that_cannot_be_read_raises_before_training():
    model = functional(as_tuple)
    with pytest.raises(
        DataError, match=r"output 'logits': from_logits.* of the loss Unreadable .*pass task=\{'logits'"
    ):
        fit(model, [Unreadable(), None], [LABELS], Metrics(output="logits", verbose=False))
    assert model.optimizer.iterations == 0


def test_a_subclassed_model_with_a_loss_that_cannot_be_read():
    """The outputs are known only with the first rows."""
    metrics = Metrics(output="output_1", verbose=False)
    with pytest.raises(DataError, match=r"output 'output_1': from_logits.* of the loss Unreadable"):
        fit(subclassed(as_tuple), [Unreadable(), None], [LABELS], metrics)


def test_a_task_replaces_a_loss_that_cannot_be_read():
    metrics = Metrics(output="logits", task={"logits": Multiclass(from_logits=True)}, verbose=False)
    logs = fit(functional(as_tuple), [Unreadable(), None], [LABELS], metrics)
    assert logs["val_logits_auc"] == [pytest.approx(softmax_auc(), abs=1e-12)]


def test_options_are_read_from_the_configuration_or_the_attributes():
    y = np.where(np.arange(ROWS) % 5, LABELS, -1)
    logs = fit(subclassed(as_tuple), [ConfigOnly(), None], [y], Metrics(output="output_1", verbose=False))
    kept = y >= 0
    assert logs["val_output_1_auc"] == [pytest.approx(softmax_auc(y[kept], LOGITS[kept]), abs=1e-12)]
    x, y = binary_rows(40, logits=True)
    model = echo_model(loss=WithoutConfig())
    assert Metrics("f1").evaluate(model, (x, y))["f1"] == sk.f1_score(y, x[:, 0] > 0)


@pytest.mark.parametrize("loss", [{"logit": "mse"}, {"logits": "mse", "value": "mse", "more": "mse"}])
@pytest.mark.parametrize("form", [as_dict, as_tuple])
def test_a_loss_that_does_not_fit_the_outputs(form, loss):
    """Keras raises when it trains; a model that is only scored must not be read by half of the loss."""
    model = functional(form)
    model.compile(loss=loss)
    metrics = Metrics({"logits": ["accuracy"], "value": ["r2"]})
    with pytest.raises(DataError, match=r"output 'logits': the compiled loss does not fit the outputs: it has the key"):
        metrics.evaluate(model, (X, form(LABELS, VALUES)))


def test_a_custom_function_with_the_name_of_a_keras_loss_is_unknown():
    def sparse_categorical_crossentropy(y_true, y_pred):
        return keras.ops.sparse_categorical_crossentropy(y_true, y_pred, from_logits=True)

    with pytest.raises(DataError, match=r"should be probabilities, but range from .*from_logits"):
        fit(functional(as_tuple), [sparse_categorical_crossentropy, None], [LABELS], Metrics(verbose=False))


def mean_of(y_true, y_pred):
    return keras.ops.mean(y_pred, axis=-1)


@pytest.mark.parametrize(
    ("losses", "task", "message"),
    [
        ([keras.losses.BinaryCrossentropy(from_logits=True), mean_of, mean_of], "auto", None),
        (["mse", keras.losses.BinaryCrossentropy(from_logits=True)], "auto", "contradict each other"),
        (["mse", keras.losses.BinaryCrossentropy(from_logits=True)], Binary(from_logits=True), None),
        (["binary_crossentropy", keras.losses.BinaryCrossentropy(from_logits=True)], "binary", "contradict each other"),
    ],
)
def test_several_losses_of_one_output(losses, task, message):
    """Keras adds them up; they must agree on what the output is."""
    x, y = binary_rows(40, logits=True)
    model = echo_model(loss=losses)
    metrics = Metrics("f1", task=task, verbose=False)
    if message is None:
        run = model.fit(x, y, validation_data=(x, y), verbose=0, callbacks=[metrics])
        assert run.history["val_f1"] == [sk.f1_score(y, x[:, 0] > 0)]
    else:
        with pytest.raises(DataError, match=message):
            model.fit(x, y, validation_data=(x, y), verbose=0, callbacks=[metrics])


@pytest.mark.parametrize("name", ["crossentropy", "ce"])
@pytest.mark.parametrize("columns", [1, 3])
def test_crossentropy_chosen_by_keras_by_the_shapes(name, columns):
    x, y = (binary_rows(ROWS)) if columns == 1 else (SHARES, LABELS)
    values = Metrics("accuracy").evaluate(echo_model(columns, loss=name), (x, y))
    labels = x[:, 0] > 0.5 if columns == 1 else x.argmax(axis=1)
    assert values["accuracy"] == sk.accuracy_score(y, labels)
