"""The constructor arguments of `Metrics`: one frozen `Options`, and an attribute for each of them."""

import copy
import dataclasses
import inspect
import pickle

import pytest

from kerascb_metrics import Metrics
from kerascb_metrics.options import Options
from tests.support.models import echo_model
from tests.support.short_fits import X, Y, fit

ARGUMENTS = {
    name: parameter.default
    for name, parameter in inspect.signature(Metrics.__init__).parameters.items()
    if name != "self"
}


def test_options_have_the_arguments_of_metrics():
    assert {field.name: field.default for field in dataclasses.fields(Options)} == ARGUMENTS


@pytest.mark.parametrize("name", ARGUMENTS)
def test_each_argument_is_an_attribute(name):
    metrics = Metrics("f1", validation_data=(X, Y), prefix="test_", verbose=False)
    assert getattr(metrics, name) is getattr(metrics.options, name)


def test_options_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Metrics().options.verbose = True


def test_an_assigned_argument_is_checked_and_used_by_the_next_fit():
    metrics = Metrics("f1", validation_data=(X, Y), verbose=False)
    before = metrics.options
    with pytest.raises(ValueError, match="validation_freq must be a positive int"):
        metrics.validation_freq = 0
    assert metrics.options is before
    metrics.validation_freq = [2]
    fit(echo_model(), metrics, epochs=3, validation_data=None)
    assert metrics.history.epochs == [1]


@pytest.mark.parametrize(
    "again", [lambda one: one, copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))]
)
def test_the_name_of_a_score_as_an_attribute_says_where_its_values_are(again):
    metrics = Metrics(["f1", "mcc"], validation_data=(X, Y), verbose=False)
    assert not hasattr(metrics, "mcc")
    with pytest.raises(AttributeError, match=r"'Metrics' object has no attribute 'f1'$"):
        _ = again(metrics).f1
    fit(echo_model(), metrics, validation_data=None)
    metrics = again(metrics)
    one = {"metrics.history": metrics, "history": metrics.history, "scores": metrics.history.at("last")}
    for where, of in one.items():
        for name in ("f1", "val_f1"):
            with pytest.raises(AttributeError, match=rf"no attribute '{name}'; scores are items: {where}\['f1'\]$"):
                getattr(of, name)
        for name in ("accuracy", "__array__", "_f1"):
            with pytest.raises(AttributeError, match=f"no attribute '{name}'$"):
                getattr(of, name)
    with pytest.raises(AttributeError, match="this Metrics has no score 'auc'; it has: f1, mcc"):
        _ = metrics.auc


def test_the_output_in_the_name_of_a_score_is_named():
    scores = Metrics("mae").score({"a": [0.5, 1.5], "b": [0.5, 1.0]}, {"a": [0.5, 1.0], "b": [0.5, 1.0]})
    with pytest.raises(AttributeError, match=r"no attribute 'mae'; scores are items: scores\['a_mae'\]$"):
        _ = scores.mae
