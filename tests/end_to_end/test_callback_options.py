"""The constructor arguments of `Metrics`: one frozen `Options`, and an attribute for each of them."""

import dataclasses
import inspect

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
