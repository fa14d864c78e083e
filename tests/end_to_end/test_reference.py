"""The reference in docs/api has an entry for each public name, and for each class that a public method returns."""

import re
import typing
from pathlib import Path

import pytest

import kerascb_metrics
from kerascb_metrics import batchwise, tensorboard

DOCS = Path(__file__).parents[2] / "docs"
DIRECTIVES = re.compile(r"^ *\.\. auto(?:class|exception|function)::\s+([\w.]+)", re.MULTILINE)
ENTRIES = {name.split(".")[-1] for page in (DOCS / "api").glob("*.md") for name in DIRECTIVES.findall(page.read_text())}


@pytest.mark.parametrize("name", sorted({*kerascb_metrics.__all__, "ConfusionImages"} - {"__version__"}))
def test_each_public_name_has_an_entry(name):
    assert name in ENTRIES


def test_the_modules_that_are_imported_by_name_have_pages():
    assert batchwise.__name__ in (DOCS / "api" / "batchwise.md").read_text()
    assert tensorboard.__name__ in (DOCS / "api" / "tensorboard.md").read_text()


def returned_by(owner):
    """The names of this package's classes that the public methods and properties of a class return."""
    found = set()
    for name in dir(owner):
        member = getattr(owner, name)
        function = member.fget if isinstance(member, property) else member
        if not name.startswith("_") and getattr(function, "__module__", "").startswith("kerascb_metrics."):
            found |= classes_in(function.__annotations__.get("return"))
    return found


def classes_in(annotation):
    if isinstance(annotation, type) and not typing.get_args(annotation):
        return {annotation.__name__} if annotation.__module__.startswith("kerascb_metrics.") else set()
    return set().union(*map(classes_in, typing.get_args(annotation)))


@pytest.mark.parametrize("name", ["Scores", "ScoreHistory", "Predictions"])
def test_each_class_that_a_method_returns_has_an_entry(name):
    assert returned_by(getattr(kerascb_metrics, name)) - ENTRIES == set()


def test_the_classes_that_methods_return_are_found():
    assert {"ConfidenceInterval", "ConfusionDisplay", "Predictions"} <= returned_by(kerascb_metrics.Scores)


def test_a_name_without_an_entry_is_noticed():
    assert "Options" not in ENTRIES  # of the attribute `Metrics.options`, which is not part of the reference
