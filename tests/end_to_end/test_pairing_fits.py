"""Outputs, losses, targets and weights in every structure: each score equals scikit-learn's."""

from collections import OrderedDict

import keras
import numpy as np
import pytest
from keras import layers
from sklearn import metrics as sk

from kerascb_metrics import Metrics
from tests.support.models import BACKEND
from tests.support.pairing_fits import check
from tests.support.two_outputs import (
    LABELS,
    LOGITS,
    SPARSE,
    VALUES,
    X,
    as_dict,
    as_tuple,
    compiled,
    fit,
    functional,
    softmax_auc,
    subclassed,
)


def test_ten_fits():
    assert sum(map(check, range(10))) >= 7


@pytest.mark.slow
def test_a_hundred_and_ten_fits():
    assert sum(map(check, range(10, 120))) >= 88


@pytest.mark.parametrize("make", [subclassed, functional])
@pytest.mark.parametrize("form", [as_tuple, as_dict])
@pytest.mark.parametrize("targets", ["one", "all"])
def test_an_output_with_logits_and_one_without_a_loss(make, form, targets):
    """In every structure the loss of the first output tells that it is logits and which class is ignored."""
    y = LABELS.copy()
    y[::5] = -1
    loss = form(SPARSE(from_logits=True, ignore_class=-1), None)
    metrics = Metrics({"logits": None} if form is as_dict else None, verbose=False)
    if form is as_tuple:
        loss = list(loss)
        metrics = Metrics(output="output_1" if make is subclassed else "logits", verbose=False)
    else:
        loss = {"logits": loss["logits"]}
    y_all = {"one": {"logits": y} if form is as_dict else [y], "all": form(y, VALUES)}[targets]
    logs = fit(make(form), loss, y_all, metrics)
    kept = y >= 0
    prefix = "val_output_1" if make is subclassed and form is as_tuple else "val_logits"
    expected = sk.f1_score(y[kept], LOGITS[kept].argmax(axis=1), average="macro")
    assert logs[f"{prefix}_f1"] == [pytest.approx(expected, abs=1e-12)]
    assert logs[f"{prefix}_auc"] == [pytest.approx(softmax_auc(y[kept], LOGITS[kept]), abs=1e-12)]


@pytest.mark.parametrize("loss", [["mse", SPARSE(from_logits=True)], {"b": SPARSE(from_logits=True), "a": "mse"}])
@pytest.mark.parametrize("options", [{"scoring": {"a": ["r2"], "b": None}}, {"output": "b"}])
def test_a_list_of_losses_follows_the_flattened_order_of_a_dict_of_outputs(loss, options):
    """Layer names differ from the keys and have another order."""
    model = functional(lambda logits, value: {"b": logits, "a": value}, names=("z", "y"))
    logs = fit(model, loss, {"a": VALUES + 1, "b": LABELS}, Metrics(**options, verbose=False))
    assert logs["val_b_f1"] == [pytest.approx(sk.f1_score(LABELS, LOGITS.argmax(axis=1), average="macro"), abs=1e-12)]
    assert logs["val_b_auc"] == [pytest.approx(softmax_auc(), abs=1e-12)]
    assert ("val_a_r2" in logs) == ("scoring" in options)


@pytest.mark.parametrize("make", [subclassed, functional])
def test_an_output_is_read_by_its_own_loss(make):
    model = make(lambda logits, value: [value, logits])
    name = "output_2" if make is subclassed else "logits"
    logs = fit(model, ["mse", SPARSE(from_logits=True)], [VALUES, LABELS], Metrics(output=name, verbose=False))
    assert logs[f"val_{name}_auc"] == [pytest.approx(softmax_auc(), abs=1e-12)]


@pytest.mark.parametrize("make", [subclassed, functional])
@pytest.mark.parametrize("y", [LABELS, {"logits": LABELS}], ids=["array", "dict"])
def test_a_dict_of_outputs_with_targets_for_one(make, y):
    logs = fit(make(as_dict), {"logits": SPARSE(from_logits=True)}, y, Metrics(verbose=False))
    assert logs["val_logits_auc"] == [pytest.approx(softmax_auc(), abs=1e-12)]


def only_in_a_list(logits, value):
    return [logits]


def only_in_a_dict(logits, value):
    return {"only": logits}


@pytest.mark.parametrize("y", [LABELS, {"only": LABELS}, [LABELS]], ids=["array", "dict", "list"])
@pytest.mark.parametrize(
    ("form", "options"),
    [
        (only_in_a_list, {}),
        (only_in_a_dict, {}),
        (only_in_a_dict, {"output": "only"}),
        (only_in_a_dict, {"scoring": {"only": ["auc"]}, "task": {"only": "multiclass"}}),
    ],
)
def test_one_output_in_a_list_or_a_dict(form, y, options):
    """With given data, because fit() itself does not accept all of these."""
    model = subclassed(form)
    model.compile(loss=SPARSE(from_logits=True))
    values = Metrics(**options).evaluate(model, (X, y))
    assert values["auc"] == pytest.approx(softmax_auc(), abs=1e-12)


def test_two_outputs_of_one_layer_have_different_names():
    inputs = keras.Input((4,))
    shared = layers.Dense(1, activation="sigmoid")
    model = keras.Model(inputs, [shared(inputs), shared(-inputs)])
    y = (VALUES[:, 0] > 0).astype("int32")
    metrics = Metrics(["f1"], verbose=False)
    logs = fit(model, "binary_crossentropy", [y, 1 - y], metrics)
    first, second = (np.ravel(part) > 0.5 for part in model.predict(X, verbose=0))
    assert logs["val_output_1_f1"] == [pytest.approx(sk.f1_score(y, first), abs=1e-12)]
    assert logs["val_output_2_f1"] == [pytest.approx(sk.f1_score(1 - y, second), abs=1e-12)]


class OneOfTwo(keras.Model):
    """A functional model with a custom step that scores one of its two outputs."""

    def test_step(self, *args):
        data = args[-1]
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        y_pred = self(x)["logits"]
        return self.compute_metrics(x, y, y_pred, sample_weight)


@pytest.mark.skipif(BACKEND == "jax", reason="on JAX a test_step receives the state: see test_validation_hook")
def test_a_step_that_scores_one_of_the_outputs():
    plain = functional(as_dict)
    model = OneOfTwo(plain.inputs, plain.output)
    model.compile(loss={"logits": SPARSE(from_logits=True)}, run_eagerly=True)
    metrics = Metrics(verbose=False)
    run = model.fit(X, {"logits": LABELS}, epochs=1, verbose=0, validation_data=(X, LABELS), callbacks=[metrics])
    assert run.history["val_auc"] == [
        pytest.approx(softmax_auc(logits=model.predict(X, verbose=0)["logits"]), abs=1e-9)
    ]


def test_an_ordered_dict_of_outputs_keeps_its_order():
    """Keras flattens it in its own order, but a dict in sorted order."""
    model = functional(lambda logits, value: OrderedDict([("z", logits), ("a", value)]), names=("one", "two"))
    metrics = Metrics({"z": ["auc"], "a": ["r2"]}, verbose=False)
    y = OrderedDict([("z", LABELS), ("a", VALUES + 1)])
    values = metrics.evaluate(compiled(model, [SPARSE(from_logits=True), "mse"]), (X, y))
    assert values["z_auc"] == pytest.approx(softmax_auc(), abs=1e-12)
    assert values["a_r2"] == pytest.approx(sk.r2_score(VALUES + 1, VALUES), abs=1e-6)


def test_given_data_with_targets_for_some_of_the_outputs():
    """Only outputs with targets are scored: the other one is a regression, which has no panel."""
    metrics = Metrics(validation_data=(X, {"logits": LABELS}), verbose=False)
    model = compiled(functional(as_dict), as_dict(SPARSE(from_logits=True), "mse"))
    logs = model.fit(X, as_dict(LABELS, VALUES), verbose=0, callbacks=[metrics]).history
    assert logs["val_logits_auc"] == [pytest.approx(softmax_auc(), abs=1e-12)]
