"""`Plan`: which scores and which task each output has, and their directions, before there are any rows."""

from contextlib import nullcontext

import pytest

from kerascb_metrics import Binary, DataError, Multiclass, Multilabel, Ordinal
from kerascb_metrics.interpret.losses import LossReading
from kerascb_metrics.interpret.outputs import Outputs
from kerascb_metrics.interpret.slices import slicings_of
from kerascb_metrics.score.plan import Plan

AB = Outputs.of({"a": 0, "b": 0}, {"a": "mse", "b": "sparse_categorical_crossentropy"})
ONE = Outputs.of(0, "mse")
UNKNOWN = Outputs.of(0, "sparse_categorical_crossentropy")
PANEL = ("f1", "precision", "recall", "kappa", "auc", "confusion")
SEX = slicings_of({"sex": ["f", "m"]})
CELLS = {"tn": True, "fp": False, "fn": False, "tp": True}


def unreadable(*names):
    """Outputs whose losses cannot be read; without names a single one."""
    count = max(len(names), 1)
    readings = (LossReading("odd", problem="the loss odd cannot be read"),) * count
    return Outputs(tuple((name,) for name in names) or ((),), names or (None,), readings, (True,) * count)


# Which scores an output has.


@pytest.mark.parametrize(
    ("options", "output", "outputs", "names"),
    [
        ({}, None, (), PANEL),
        ({}, "a", ("a", "b"), PANEL),
        ({"scoring": "f1"}, "b", ("a", "b"), ("f1",)),
        ({"scoring": {"a": ["f1"], "b": None}}, "a", ("a", "b"), ("f1",)),
        ({"scoring": {"a": ["f1"], "b": None}}, "b", ("a", "b"), PANEL),
        ({"scoring": {"a": ["f1"]}}, "b", ("a", "b"), None),
        ({"scoring": {"a": ["f1"]}}, None, (), ("f1",)),
        ({"scoring": {"a": ["f1"], "b": ["auc"]}}, None, (), None),
        ({"scoring": {"a": {"own": "f1"}}}, "a", ("a", "b"), ("own",)),
        ({"scoring": {"a": ("f1", "auc")}}, "a", ("a", "b"), ("f1", "auc")),
        ({"scoring": {"a": "f1"}}, "a", ("a", "b"), ("f1",)),
        ({"scoring": {"a": "f1"}}, "b", ("a", "b"), None),
        ({"scoring": {"a": "f1", "own": "auc"}}, "b", ("a", "b"), ("a", "own")),
        ({"scoring": {"a": "f1"}}, "a", ("a",), ("a",)),
        ({"scoring": {"a": "f1"}}, None, (), ("a",)),
        ({"only": "a"}, "a", ("a", "b"), PANEL),
        ({"only": "a"}, "b", ("a", "b"), None),
        ({"only": "a", "scoring": {"a": ["f1"], "b": ["auc"]}}, "b", ("a", "b"), None),
        ({"only": "a"}, None, (), PANEL),
        ({"task": Binary(threshold="f1"), "scoring": "auc"}, None, (), ("auc", "threshold")),
        ({"task": {"a": Binary(threshold="f1")}, "scoring": "auc"}, "a", ("a", "b"), ("auc", "threshold")),
        ({"task": {"a": Binary(threshold="f1")}, "scoring": "auc"}, "b", ("a", "b"), ("auc",)),
        ({"task": {"a": Binary(threshold="f1")}, "scoring": {"a": ["auc"]}}, "b", ("a", "b"), None),
    ],
)
def test_the_scores_of_an_output(options, output, outputs, names):
    scoring = Plan(**options).scoring_of(output, outputs)
    assert (None if scoring is None else scoring.names) == names


@pytest.mark.parametrize(
    ("task", "output", "kind"),
    [
        ("auto", None, None),
        ("binary", None, "binary"),
        ("binary", "a", "binary"),
        ({"a": "binary"}, "a", "binary"),
        ({"a": "binary"}, "b", None),
        ({"a": "binary"}, None, "binary"),
        ({"a": "binary", "b": "regression"}, None, None),
        ({"a": "auto", "b": "regression"}, "a", None),
    ],
)
def test_the_task_of_an_output(task, output, kind):
    assert Plan(task=task).told_kind(output) == kind


@pytest.mark.parametrize(
    ("options", "outputs", "asked"),
    [
        ({}, ("a", "b"), []),
        ({"scoring": ["f1"]}, ("a", "b"), []),
        ({"scoring": {"a": ["f1"], "d": ["f1"]}}, ("a", "b"), ["a"]),
        ({"scoring": {"b": "f1", "a": "f1"}}, ("a", "b"), ["a", "b"]),
        ({"scoring": {"a": ["f1"], "b": ["f1"]}, "only": "b"}, ("a", "b"), ["b"]),
        ({"scoring": {"own": "f1", "a": "auc"}}, ("a", "b"), []),
    ],
)
def test_the_outputs_that_are_asked_for(options, outputs, asked):
    assert Plan(**options).asked_by_output(outputs) == asked


# Directions.


@pytest.mark.parametrize(
    ("options", "outputs", "kinds", "expected"),
    [
        ({"scoring": ["f1", max]}, (), None, {"f1": True, "max": None}),
        ({"scoring": "confusion"}, (), None, {"confusion": None, **CELLS}),
        ({"scoring": {"a": ["mae"], "b": ["f1"]}}, ("a", "b"), None, {"a_mae": False, "b_f1": True}),
        ({"scoring": {"a": ["mae"], "b": ["f1"]}}, ("a", "b"), {"b": "binary"}, {"b_f1": True}),
        ({"scoring": {"a": ["mae"]}}, ("a", "b"), {"a": "regression", "b": "binary"}, {"a_mae": False}),
        ({}, (), {None: "regression"}, {"r2": True, "mae": False, "rmse": False}),
        ({"task": "regression"}, (), None, {"r2": True, "mae": False, "rmse": False}),
        ({"scoring": "f1", "only": "b"}, ("a", "b"), None, {"b_f1": True}),
        ({"scoring": "f1", "task": Binary(threshold="f1")}, (), None, {"f1": True, "threshold": None}),
    ],
)
def test_directions(options, outputs, kinds, expected):
    assert Plan(**options).directions(outputs, kinds) == expected


def test_directions_of_a_panel_whose_task_is_not_known():
    known = Plan().directions()
    assert known.keys() == {*PANEL, *CELLS, "r2", "mae", "rmse"}
    assert "kappa_linear" in Plan(task={"a": Ordinal([0, 1]), "b": "regression"}).directions()
    assert "b_kappa_linear" not in Plan(task={"a": Ordinal([0, 1])}).directions(("a", "b"))
    assert Plan(task="multilabel").directions().keys() == {*PANEL, *CELLS} - {"kappa"}
    assert set(Plan().only_for_regression(None, ())) >= {"r2", "mae", "rmse"}
    assert Plan(task="binary").only_for_regression(None, ()) == ()
    assert Plan(scoring={"a": ["f1"]}).only_for_regression("b", ("a", "b")) == ()


@pytest.mark.parametrize(
    ("options", "name", "is_of_panel"),
    [
        ({}, "f1", True),
        ({}, "a_f1", True),
        ({}, "xf1", False),
        ({}, "tp", True),
        ({}, "mae", True),
        ({"scoring": ["f1", "panel"]}, "f1", False),
        ({"scoring": ["f1", "panel"]}, "auc", True),
        ({"scoring": ["confusion", "panel"]}, "tp", False),
        ({"scoring": "f1"}, "f1", False),
        ({"scoring": {"a": None}}, "a_f1", False),
    ],
)
def test_names_of_the_panel_that_nobody_asked_for(options, name, is_of_panel):
    assert Plan(**options).is_of_panel(name) == is_of_panel


def test_slices_of_outputs():
    plan = Plan(scoring={"a": ["f1"], "b": ["mae"]}, slices=SEX)
    assert plan.of_slices(("a", "b", "c")) == {
        "a_f1_sex_f": True, "a_f1_sex_m": True, "a_f1_sex_min": True,
        "b_mae_sex_f": False, "b_mae_sex_m": False, "b_mae_sex_max": False,
    }  # fmt: skip
    plan = Plan(scoring=["f1", "mae"], task={"a": "multilabel", "b": "regression"}, slices=SEX)
    assert {key[:5] for key in plan.of_slices(("a", "b"))} == {"a_f1_", "b_mae"}
    assert Plan(scoring="f1").of_slices(("a", "b")) == {}


# What is wrong, and where.


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scoring": "f1", "task": "regression"}, "a regression task has no f1"),
        ({"scoring": {"a": ["f1"], "b": ["f1"]}, "task": {"b": "regression"}}, "output 'b': .*a regression task"),
        (
            {"scoring": ["f1", "f1_macro"], "task": Multiclass(class_names=["macro", "b"]), "per_class": True},
            "f1_macro",
        ),
        ({"scoring": {"x": {"y_f1": "f1"}, "x_y": ["f1"]}}, "'x' and 'x_y' would both write the score 'x_y_f1'"),
        ({"scoring": {"u_v": ["confusion"], "u": {"v_tp": "f1"}}, "task": {"u_v": "binary"}}, "score 'u_v_tp'"),
        ({"scoring": {"u_v": ["confusion"], "u": {"v_tp": "f1"}}, "task": {"u_v": "multiclass"}}, None),
        ({"scoring": {"f1": "f1", "f1_sex_f": "accuracy"}, "task": "binary", "slices": SEX}, "write f1_sex_f. Rename"),
        ({"scoring": {"a": ["f1"], "b": ["f1"]}, "task": {"b": "regression"}, "only": "a"}, None),
    ],
)
def test_what_is_wrong_without_a_model(options, message):
    with nullcontext() if message is None else pytest.raises(ValueError, match=message):
        Plan(**options)


@pytest.mark.parametrize(
    ("options", "outputs", "message"),
    [
        ({"scoring": ["mae"]}, ONE, None),
        ({"scoring": ["f1"]}, ONE, "a regression task has no f1 .*mean_squared_error"),
        ({"scoring": ["f1"], "task": "binary"}, ONE, None),
        ({"scoring": ["f1"]}, UNKNOWN, None),
        ({"scoring": {"a": ["f1"]}}, AB, "output 'a': .*regression task has no f1 .*mean_squared_error"),
        ({"scoring": {"a": ["mae"], "b": ["f1"]}}, AB, None),
        ({"scoring": {"b": "f1"}}, AB, None),
        ({"scoring": {"b": ["f1"]}}, AB, None),
        ({"only": "d"}, AB, "names d, but the model's outputs are a, b"),
        ({"task": {"d": "binary", "c": "binary"}}, AB, "names c, d, but the model's outputs are a, b"),
        ({"scoring": {"a": ["mae"], "d": ["f1"]}}, AB, "names d, but"),
        ({"scoring": {"a": ["mae"], "b": ["f1"], "d": None}, "only": "e"}, AB, "names d, e, but"),
        ({"scoring": {"own": "mae"}, "only": "a"}, AB, None),
        ({"only": "a"}, ONE, "names a, but the model has a single output"),
        ({"scoring": {"x": {"b_f1": "f1"}, "x_b": ["f1"]}}, Outputs.of({"x": 0, "x_b": 0}), "'x_b_f1'"),
        ({"scoring": {"own": "f1", "b_own": "auc"}}, Outputs.of({"a": 0, "a_b": 0}), "'a_b_own'"),
    ],
)
def test_what_is_wrong_with_a_model(options, outputs, message):
    with nullcontext() if message is None else pytest.raises(ValueError, match=message):
        Plan(**options).check(outputs)


def test_outputs_without_targets_are_not_checked():
    plan = Plan(scoring={"a": ["f1"], "b": ["f1"]})
    plan.check(AB, ["b"])
    with pytest.raises(ValueError, match="output 'a'"):
        plan.check(AB, ["b", "a"])


def test_known_kinds():
    assert Plan().known_kinds(AB) == {"a": "regression", "b": None}
    assert Plan(task={"b": Multilabel()}).known_kinds(AB) == {"a": "regression", "b": "multilabel"}
    assert Plan(task="binary").known_kinds(ONE) == {None: "binary"}


@pytest.mark.parametrize(
    ("options", "names", "message"),
    [
        ({"scoring": "f1"}, (), r"^Metrics: the loss odd cannot be read\. .* pass task=Multiclass"),
        (
            {"scoring": "f1"},
            ("a", "b"),
            r"^Metrics: output 'a': the loss odd .* pass task=\{'a': …\}, such as Multiclass",
        ),
        ({"scoring": "f1", "task": {"a": Binary(from_logits=True)}}, ("a", "b"), "output 'b': the loss odd"),
        ({"scoring": "f1", "task": Binary()}, (), "the loss odd cannot be read"),  # it would tell whether it has logits
        ({"scoring": "f1", "task": Binary(from_logits=True)}, (), None),
        ({"scoring": {"a": ["f1"]}, "task": {"a": Binary(from_logits=True)}}, ("a", "b"), None),
    ],
)
def test_a_loss_that_cannot_be_read_needs_a_task(options, names, message):
    with nullcontext() if message is None else pytest.raises(DataError, match=message):
        Plan(**options).check(unreadable(*names))
