"""The history, the keys of `logs`, warnings and errors, and directions for other callbacks."""

import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerascb_metrics import (
    Binary,
    CaptureError,
    DataError,
    Metrics,
    Multiclass,
    Multilabel,
    ScoreHistory,
    ScoringError,
    UndefinedScoreWarning,
)
from kerascb_metrics.record.error_policy import ErrorPolicy
from kerascb_metrics.record.log_entries import history_entries, log_entries
from kerascb_metrics.record.monitor_modes import give_modes, restore_auto_mode
from tests.support.arrays import assessed

NAN = float("nan")


def history(**values):
    """Epochs 0, 2, 4 …, as with `validation_freq=2`."""
    made = ScoreHistory({"f1": True, "loss": False, "own": None})
    for index in range(len(next(iter(values.values())))):
        made.append(2 * index, {name: value[index] for name, value in values.items()})
    return made


# ScoreHistory.


def test_a_history_is_a_mapping_of_lists():
    made = history(f1=[0.5, 0.75], own=[1.0, 2.0])
    assert dict(made) == {"f1": [0.5, 0.75], "own": [1.0, 2.0]}
    assert (len(made), list(made), "f1" in made, "auc" in made) == (2, ["f1", "own"], True, False)
    assert made.get("auc", []) == []
    assert made.epochs == [0, 2]
    assert repr(made) == "ScoreHistory(2 epochs: f1, own)"


def test_an_empty_history():
    made = ScoreHistory()
    assert (dict(made), made.epochs) == ({}, [])
    assert repr(made) == "ScoreHistory(0 epochs: no scores)"
    with pytest.raises(KeyError, match="no score 'f1' was recorded; there are: none yet"):
        made["f1"]


def test_unknown_name_lists_the_known_names():
    with pytest.raises(KeyError, match=r"f1, own; did you mean 'f1'\? Only the keys of logs begin with"):
        history(f1=[0.5], own=[1.0])["val_f1"]
    with pytest.raises(KeyError, match="no score 'auc' was recorded; there are: f1, own"):
        history(f1=[0.5], own=[1.0])["auc"]
    with pytest.raises(KeyError, match=r"there are: f1, own; did you mean 'f1'\?"):
        history(f1=[0.5], own=[1.0])["f11"]
    with pytest.raises(KeyError, match="no score 'auc'"):
        history(f1=[0.5]).best("auc")


@pytest.mark.parametrize(
    ("name", "values", "mode", "best"),
    [
        ("f1", [0.5, 0.75, 0.6], None, (2, 0.75)),
        ("f1", [0.75, 0.5, 0.75], None, (0, 0.75)),  # the earliest epoch wins a tie
        ("f1", [NAN, 0.5, 0.5], None, (2, 0.5)),
        ("f1", [0.5, NAN, 0.6], None, (4, 0.6)),
        ("f1", [0.5, 0.75, 0.6], "min", (0, 0.5)),
        ("f1", [-np.inf, 0.5, np.inf], None, (4, np.inf)),
        ("loss", [0.5, 0.25, 0.25], None, (2, 0.25)),
        ("loss", [0.5, 0.25, 0.75], "max", (4, 0.75)),
        ("own", [3.0, 1.0, 2.0], "min", (2, 1.0)),
    ],
)
def test_best(name, values, mode, best):
    assert history(**{name: values}).best(name, mode) == best


def test_best_asks_for_a_direction_that_is_not_known():
    for name in ("own", "other"):
        with pytest.raises(
            ValueError, match=rf"cannot tell whether a higher '{name}' is better\. Pass mode='max' or mode='min'"
        ):
            history(**{name: [1.0]}).best(name)


def test_best_refuses_an_unknown_mode():
    with pytest.raises(ValueError, match=r"mode must be 'max' or 'min'.*'maximum'"):
        history(f1=[0.5]).best("f1", "maximum")


def test_best_where_no_epoch_has_a_value():
    with pytest.raises(ValueError, match="no epoch has a value for 'f1'"):
        history(f1=[NAN, NAN]).best("f1")


def test_best_of_a_matrix_is_refused():
    made = history(confusion=[np.eye(2), np.eye(2)])
    with pytest.raises(ValueError, match="confusion"):
        made.best("confusion", "max")


def test_class_has_the_direction_of_its_score():
    assert history(f1=[np.array([0.1, 0.2])] * 2, f1_cat=[0.1, 0.2], f1_dog=[0.4, 0.3]).best("f1_dog") == (0, 0.4)


def test_mode_has_the_names_of_keras():
    assert [history(f1=[1.0]).mode(name) for name in ("f1", "loss")] == ["max", "min"]


SOME = st.sampled_from(
    [
        NAN,
        -np.inf,
        np.inf,
        -0.0,
        0.1,
        1,
        True,
        np.float32(0.1),
        np.float16(0.1),
        np.uint8(3),
        np.array(2),
        np.float64(NAN),
    ]
)


@settings(max_examples=150)
@given(st.lists(SOME | st.floats(), min_size=1, max_size=6), st.sampled_from(["max", "min"]))
def test_best_is_the_first_of_the_best_numbers(values, mode):
    made = history(f1=values)
    made._run.set_directions({"f1": mode == "max"})
    numbers = [float(value) for value in values if value == value]
    if not numbers:
        with pytest.raises(ValueError, match="no epoch has a value for 'f1'"):
            made.best("f1")
        return
    index = list(map(float, values)).index(max(numbers) if mode == "max" else min(numbers))
    assert made.best("f1") == made.best("f1", mode) == (2 * index, values[index])
    assert made.index_of("best") == index


@pytest.mark.parametrize("mode", ["max", "min"])
def test_best_is_the_same_if_it_is_asked_for_after_each_epoch(mode):
    values, asked, history = [0.5, np.nan, 0.25, 0.75, np.float32(0.75), 0, 0.0], [], ScoreHistory()
    for epoch, value in enumerate(values):
        history.append(epoch, {"f1": value})
        asked.append(history.best("f1", mode=mode)[0])
    assert asked == ([0, 0, 0, 3, 3, 3, 3] if mode == "max" else [0, 0, 2, 2, 2, 5, 5])
    history.append(7, {"f1": np.zeros(2)})
    with pytest.raises(ValueError, match="several values per epoch"):
        history.best("f1", mode=mode)


def test_best_of_an_epoch_that_was_recorded_twice():
    made = ScoreHistory({"f1": True})
    for value in (0.25, 0.5):
        made.append(3, {"f1": value})
    assert (made.best("f1"), made.index_of("best")) == ((3, 0.5), 1)


INDEXES = {-1: 2, 0: 0, 4: 2, "best": 1, np.int64(2): 1, np.int8(-1): 2, np.uint8(4): 2, 2.0: 1, np.str_("best"): 1}


@pytest.mark.parametrize("epoch", INDEXES)
def test_index_of_an_epoch(epoch):
    assert history(f1=[0.5, 0.75, 0.6]).index_of(epoch) == INDEXES[epoch]


@pytest.mark.parametrize("epoch", [True, False, np.True_, np.False_])
def test_true_and_false_are_not_epochs(epoch):
    made = ScoreHistory({"f1": True})
    for each in (0, 1):
        made.append(each, {"f1": 0.5})
    for ask in (made.index_of, made.tally, made.report):
        with pytest.raises(ValueError, match=rf"epoch must be one of \[0, 1\], 'last' or 'best'; received .*{epoch}"):
            ask(epoch)


@pytest.mark.parametrize("epoch", [-2, -3, np.int64(-2), 1, 3, 0.5, None, "first", "0", (), NAN])
def test_index_of_an_epoch_that_was_not_scored(epoch):
    with pytest.raises(ValueError, match=r"was not scored; the scored epochs are \[0, 2, 4\]"):
        history(f1=[0.5, 0.75, 0.6]).index_of(epoch)


def test_where_no_epoch_was_scored_every_question_says_so():
    for ask in (lambda made: made.at("best"), lambda made: made.at(0), lambda made: made.report("last")):
        with pytest.raises(ValueError, match="no epoch was scored yet"):
            ask(ScoreHistory())


def test_missing_scores_are_nan():
    made, table = ScoreHistory({"f1": True}), np.array([[3, 1], [0, 2]])
    for epoch, values in enumerate([{"f1": 0.5}, {"c": table, "v": [1.0, 2.0]}, {"f1": 0.25, "c": np.eye(3)}, {}]):
        made.append(epoch, values)
    np.testing.assert_equal(made["f1"], [0.5, NAN, 0.25, NAN])
    np.testing.assert_equal(made["c"], [NAN, table, np.eye(3), np.full((3, 3), NAN)])
    np.testing.assert_equal(made["v"], [NAN, [1.0, 2.0], [NAN, NAN], [NAN, NAN]])
    assert made.best("f1") == (0, 0.5)
    np.testing.assert_array_equal(table, [[3, 1], [0, 2]])
    assert list(made.to_frame()) == ["f1"]


# Entries of logs and of the history.

MATRIX2 = np.array([[3, 1], [2, 5]])
MATRIX3 = np.arange(9).reshape(3, 3)
TABLES = np.arange(8).reshape(2, 2, 2)


def test_scalars_in_logs():
    assert log_entries({"f1": 0.5, "auc": NAN}, ("0", "1"), "binary").keys() == {"f1", "auc"}


@pytest.mark.parametrize("all_cells", [False, True])
def test_binary_matrix_in_logs_as_four_cells(all_cells):
    entries = log_entries({"confusion": MATRIX2}, ("0", "1"), "binary", all_cells=all_cells)
    assert entries == {"tn": 3, "fp": 1, "fn": 2, "tp": 5}
    assert {type(value) for value in entries.values()} == {float}


def test_cells_depend_on_the_positive_class():
    entries = log_entries({"confusion": MATRIX2}, ("0", "1"), "binary", pos_index=0)
    assert entries == {"tn": 5, "fp": 2, "fn": 1, "tp": 3}


def test_other_matrices_in_logs_on_request():
    names = ("cat", "dog", "eel")
    assert log_entries({"confusion": MATRIX3}, names, "multiclass") == {}
    entries = log_entries({"confusion": MATRIX3}, names, "multiclass", all_cells=True)
    assert len(entries) == 9
    assert (entries["confusion_cat_dog"], entries["confusion_dog_cat"], entries["confusion_eel_eel"]) == (1, 3, 8)
    tables = log_entries({"confusion": TABLES}, ("red", "big"), "multilabel", all_cells=True)
    assert tables == {
        "tn_red": 0, "fp_red": 1, "fn_red": 2, "tp_red": 3, "tn_big": 4, "fp_big": 5, "fn_big": 6, "tp_big": 7,
    }  # fmt: skip
    assert log_entries({"confusion": TABLES}, ("red", "big"), "multilabel") == {}


def test_two_cells_with_the_same_name_are_refused():
    with pytest.raises(ValueError, match="two cells of 'confusion' would both be 'confusion_a_a_a'"):
        log_entries({"confusion": MATRIX3}, ("a", "a_a", "b"), "multiclass", all_cells=True)
    assert len(log_entries({"confusion": MATRIX3}, ("a", "a_b", "c"), "multiclass", all_cells=True)) == 9


def test_one_value_per_class_under_the_class_names():
    values = {"f1": np.array([0.25, 0.5]), "auc": 0.75}
    assert log_entries(values, ("cat", "dog"), "binary") == {"f1_cat": 0.25, "f1_dog": 0.5, "auc": 0.75}
    entries = history_entries(values, ("cat", "dog"))
    assert entries["f1"] is values["f1"]
    assert {name: entries[name] for name in entries if name != "f1"} == {"auc": 0.75, "f1_cat": 0.25, "f1_dog": 0.5}


@pytest.mark.parametrize(
    ("task", "y_true", "y_pred", "keys"),
    [
        (Binary(class_names=["no", "yes"]), [0, 1, 1], [0.2, 0.9, 0.4], {"f1_no", "f1_yes", "tn", "fp", "fn", "tp"}),
        (
            Multiclass(class_names="ab"), [0, 1, 1], np.eye(2)[[0, 1, 0]],
            {"f1_a", "f1_b", "confusion_a_a", "confusion_a_b", "confusion_b_a", "confusion_b_b"},
        ),
        (
            Multilabel(class_names="ab"), [[0, 1], [1, 0]], [[0.1, 0.9], [0.9, 0.1]],
            {f"{cell}_{label}" for cell in ("f1", "tn", "fp", "fn", "tp") for label in "ab"},
        ),
    ],
)  # fmt: skip
def test_the_keys_of_logs_by_task(task, y_true, y_pred, keys):
    entries = assessed(task, y_true, y_pred, ["f1", "confusion_cells"], average=None).entries
    assert entries.keys() == keys
    assert {type(value) for value in entries.values()} == {float}


def test_cells_of_a_renamed_matrix():
    entries = assessed(Binary(), [0, 1, 1], [0.2, 0.9, 0.4], {"table": "confusion"}).entries
    assert entries == {"table_tn": 1, "table_fp": 0, "table_fn": 1, "table_tp": 1}


# Errors and warnings.


@pytest.mark.parametrize(
    ("error_score", "first", "recorded"),
    [("raise_first", False, NAN), (0, True, 0.0), (0.5, False, 0.5), (NAN, True, NAN), (-1, True, -1.0)],
)
def test_an_error_is_recorded_with_one_warning(error_score, first, recorded):
    policy = ErrorPolicy(error_score)
    with pytest.warns(UserWarning, match=r"Metrics: epoch 3: recorded .*: no luck"):
        np.testing.assert_equal(policy.settle(ScoringError("no luck"), 3, first), recorded)
    np.testing.assert_equal(policy.settle(ScoringError("again"), 4, False), recorded)  # warnings are errors here


@pytest.mark.parametrize(("error_score", "first"), [("raise_first", True), ("raise", True), ("raise", False)])
def test_an_error_is_raised(error_score, first):
    error = DataError("no luck")
    with pytest.raises(DataError) as caught:
        ErrorPolicy(error_score).settle(error, 3, first)
    assert caught.value is error


def test_one_warning_per_fit_for_each_undefined_score():
    policy = ErrorPolicy("raise_first")
    undefined = {"f1": "no luck", "recall": "no luck", "auc": "one class"}
    values = {"f1": 0.0, "auc": np.nan, "recall": np.zeros(2), "kappa": 0.5}
    with pytest.warns(UndefinedScoreWarning) as warned:
        policy.report(undefined, values, [], "epoch 0 (counted from 0)")
    assert len(warned) == 1
    assert "Recorded: f1 0, auc nan, where `zero_division` stands for 0/0." in str(warned[0].message)
    assert "epoch 0 (counted from 0): f1, recall: no luck; auc: one class" in str(warned[0].message)
    policy.report({"f1": "no luck", "auc": "another cause"}, {}, [], "epoch 1 (counted from 0)")  # warned about already
    with pytest.warns(UndefinedScoreWarning, match=r"epoch 2 .*: kappa: no luck") as warned:
        policy.report({"f1": "no luck", "kappa": "no luck"}, {}, [], "epoch 2 (counted from 0)")
    assert "f1" not in str(warned[0].message)
    with pytest.warns(UndefinedScoreWarning, match="f1"):  # another fit
        ErrorPolicy("raise_first").report({"f1": "no luck"}, {}, [], "epoch 1 (counted from 0)")


def test_no_warning_without_undefined_scores():
    with warnings.catch_warnings(record=True) as caught:
        ErrorPolicy("raise_first").report({}, {}, [], "epoch 0 (counted from 0)")
    assert not caught


def test_one_warning_for_scores_that_ignore_weights():
    policy = ErrorPolicy("raise")
    with pytest.warns(UserWarning, match="scored without them: max_error, own"):
        policy.report({}, {}, ["max_error", "own"], "epoch 0 (counted from 0)")
    policy.report({}, {}, ["max_error", "own"], "epoch 1 (counted from 0)")


def test_one_warning_per_topic():
    policy = ErrorPolicy("raise")
    with pytest.warns(UserWarning, match="Metrics: hello"):
        policy.warn_once("topic", "hello")
    policy.warn_once("topic", "hello")
    with pytest.warns(UserWarning, match="Metrics: other"):
        policy.warn_once("other topic", "other")


@pytest.mark.parametrize(
    ("exception", "base"),
    [
        (CaptureError, RuntimeError),
        (DataError, ValueError),
        (ScoringError, ValueError),
        (UndefinedScoreWarning, UserWarning),
    ],
)
def test_base_classes_of_the_exceptions(exception, base):
    assert issubclass(exception, base)
    assert exception.__doc__


# Directions for other callbacks.


def watcher(monitor, mode="auto", **more):
    return SimpleNamespace(monitor=monitor, mode=mode, **more)


def test_modes_are_set_and_restored():
    known = {"val_f1": "max", "val_fp": "min"}
    f1, fp, loss, explicit = watcher("val_f1"), watcher("val_fp"), watcher("val_loss"), watcher("val_f1", "min")
    settled, other = watcher("val_f1", monitor_op=np.less), SimpleNamespace()
    unset = watcher("val_f1", monitor_op=None)
    changed = give_modes([f1, fp, loss, explicit, settled, other, unset], known.get)
    assert changed == [f1, fp, unset]
    modes = [callback.mode for callback in (f1, fp, loss, explicit, settled, unset)]
    assert modes == ["max", "min", "auto", "min", "auto", "max"]
    assert not hasattr(other, "mode")
    restore_auto_mode(changed)
    assert [callback.mode for callback in (f1, fp, loss, explicit, unset)] == ["auto", "auto", "auto", "min", "auto"]


def test_no_mode_to_set():
    assert give_modes([], {}.get) == []
    assert give_modes([watcher("val_f1")], {}.get) == []


@pytest.mark.parametrize("made", [history(f1=[0.5, 0.6]), history(f1=[0.5, 0.6]).at(0)], ids=["history", "result"])
@pytest.mark.parametrize("name", [np.array([0, 1]), [0, 1]], ids=["array", "list"])
def test_what_cannot_be_a_name_is_refused_with_the_order_of_the_arguments(made, name):
    with pytest.raises(TypeError, match=r"received (ndarray|list)\. The name comes last: .*by_group\(groups, 'f1'\)"):
        made[name]
    with pytest.raises(TypeError, match="The name comes last"):
        made.by_group("f1", name)
    assert 0 not in made
    with pytest.raises(KeyError, match=r"The name comes last: compare\(epoch, other, 'f1'\)"):
        made[0]


@pytest.mark.parametrize(("given", "stored"), [(0, False), (1, True), (2, True), (True, True), ("auto", "auto")])
def test_verbose_may_be_a_number_as_in_keras(given, stored):
    assert Metrics(verbose=given).options.verbose is stored
