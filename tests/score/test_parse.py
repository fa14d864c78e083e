"""What `scoring=` is refused for, and that the remedies that its messages name are taken."""

import re
from functools import partial

import keras
import numpy as np
import pytest
from sklearn import metrics

from kerascb_metrics import Binary, Multiclass, Ordinal, make_prediction_scorer
from kerascb_metrics.score.parse import NEED_SCORES, shown
from kerascb_metrics.score.scoring import Scoring


def own(y_true, y_pred):
    return 0.0


class Named:
    """Something callable without a name."""

    def __call__(self, y_true, y_pred):
        return 0.0


class Updated(Named):
    """Like a metric of torchmetrics."""

    def update(self, y_pred, y_true):
        pass

    def compute(self):
        return 0.0


def message_of(scoring):
    with pytest.raises(ValueError, match=r"^Metrics: ") as caught:
        Scoring(scoring)
    return str(caught.value)


@pytest.mark.parametrize("wrapped", [False, True], ids=["function", "partial"])
@pytest.mark.parametrize("name", [name for name in NEED_SCORES if hasattr(metrics, name)])
def test_a_function_of_scores_is_refused_and_its_scorer_is_taken(name, wrapped):
    function = getattr(metrics, name)
    message = message_of(partial(function, sample_weight=None) if wrapped else function)
    assert message.startswith(f"Metrics: {name} ")
    remedy = re.search(r"scoring=(.*)\.$", message).group(1)
    assert Scoring(eval(remedy, vars(metrics).copy())).scores[0].needs["multilabel"] in ("rows", "ranking")


def test_a_function_of_the_users_own_may_have_such_a_name():
    def log_loss(y_true, y_pred):
        return 0.0

    assert Scoring(log_loss).names == ("log_loss",)


@pytest.mark.parametrize(
    ("scoring", "names"),
    [
        (["panel", "confusion_cells"], ["f1", "precision", "recall", "kappa", "auc", "confusion"]),
        (["confusion_cells", "panel"], ["f1", "precision", "recall", "kappa", "auc", "confusion"]),
        (["auc", "panel"], ["auc", "f1", "precision", "recall", "kappa", "confusion"]),
        (["panel", own, "mcc"], ["f1", "precision", "recall", "kappa", "auc", "confusion", "own", "mcc"]),
    ],
)
def test_the_panel_in_a_list_has_each_name_once(scoring, names):
    found = Scoring(scoring)
    own_names = [score.name for score in found.for_kind("binary")]
    assert sorted(own_names) == sorted(names)
    assert found.wants_cells == ("confusion_cells" in scoring)


@pytest.mark.parametrize(
    ("written", "meant"),
    [("val_auc", "auc"), ("AUC", "auc"), ("pr-auc", "average_precision"), ("val_F1-Score", "f1"), ("f0.5", "f0_5")],
)
def test_a_name_as_others_write_it_leads_to_ours(written, meant):
    assert f"did you mean '{meant}'?" in message_of(written)


def test_three_names_that_are_near():
    message = message_of("precision_micr")
    assert "did you mean 'precision_micro' or " in message
    assert message.split("?")[0].count("'") == 2 + 2 * 3
    assert "did you mean" not in message_of("zzzzzz")
    assert "specificity" in message  # beside the panel, the names that scikit-learn does not have
    assert "r2" not in message


@pytest.mark.parametrize(
    ("scoring", "words"),
    [
        (Named(), ["Named", "scoring={'name': …}"]),
        (partial(Named()), ["scoring={'name': …}"]),
        (metrics.make_scorer(lambda y_true, y_pred: 0.0), ["scoring={'name': …}"]),
        (7, ["received 7 (int)"]),
        (np.zeros((2, 3)), ["received a ndarray", "validation_data="]),
        ([b"f1"], ["received b'f1' (bytes)"]),
        ({"x": ["f1"] * 40}, ["received a list"]),
        ({"x": "multiclass"}, ["'multiclass' is a task, not a score", "task='multiclass'"]),
        (Binary(threshold=0.3), ["is a task, not a score", "threshold=0.3"]),
        (Multiclass, ["Multiclass is a task, not a score", "task='multiclass'"]),
        ({"x": Ordinal}, ["Ordinal is a task, not a score"]),
        (keras.metrics.AUC(name="area"), ["<AUC name=area> is a metric that is updated", "compile(metrics="]),
        ({"auc": keras.metrics.AUC()}, ["is a metric that is updated"]),
        (keras.metrics.F1Score, ["F1Score is a metric that is updated"]),
        (Updated(), ["is a metric that is updated"]),
        (Named, ["Named is a class, not a score"]),
        ({"x": float}, ["float is a class, not a score"]),
        (lambda y_true, y_pred: 0.0, ["no name"]),
        (lambda y_true: 0.0, ["(y_true) takes one argument"]),
        ({"x": lambda y_true: 0.0}, ["(y_true) takes one argument", "make_prediction_scorer"]),
        ({"x": partial(lambda y_true: 0.0)}, ["function(y_true) takes one argument"]),
        ({"x": lambda: 0.0}, ["() cannot be called with (y_true, y_pred)"]),
        ({"x": lambda a, b, c: 0.0}, ["(a, b, c) cannot be called with (y_true, y_pred)"]),
        ({"x": lambda a, b, *, c: 0.0}, ["(a, b, *, c) cannot be called"]),
    ],
)
def test_what_a_message_shows(scoring, words):
    message = message_of(scoring)
    assert [word for word in words if word not in message] == []


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("x" * 78, f"{'x' * 78!r} (str)"),
        ("x" * 79, "a str"),
        (np.zeros((2, 2)), "a ndarray"),
        (np.float64(0.5), "np.float64(0.5) (float64)"),
    ],
)
def test_long_values_are_shown_by_their_type(value, text):
    assert shown(value) == text


@pytest.mark.parametrize(
    "function",
    [
        own,
        Named(),
        max,
        lambda *rows: 0.0,
        lambda y_true, y_pred, sample_weight: 0.0,
        lambda y_true, y_pred, *, sample_weight: 0.0,
        lambda y_true, y_pred, extra=1: 0.0,
        lambda estimator, X, y: 0.0,  # noqa: N803
        lambda clf, X, y: 0.0,  # noqa: N803
        lambda model, X, y: 0.0,  # noqa: N803
        make_prediction_scorer(len),
        metrics.make_scorer(own),
    ],
)
def test_functions_that_are_taken(function):
    assert Scoring({"own": function}).names == ("own",)


@pytest.mark.parametrize(
    "scoring",
    [
        {"confusion": own, "confusion_cells": "confusion_cells"},
        {"confusion": "f1", "confusion_cells": "confusion_cells"},
        {"confusion": metrics.make_scorer(own), "confusion_cells": "confusion_cells"},
    ],
)
def test_cells_need_the_name_of_the_matrix(scoring):
    assert "another score has that name" in message_of(scoring)
