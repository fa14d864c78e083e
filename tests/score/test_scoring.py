"""`scoring=`, `average=` and `zero_division=`: what is taken, what is refused, and in which words."""

import functools

import numpy as np
import pytest
from sklearn import metrics

from kerascb_metrics import Binary, Multiclass, Multilabel, Regression
from kerascb_metrics.score.panel import PANEL
from kerascb_metrics.score.scoring import Scoring
from tests.support.arrays import assessed, read


def own(y_true, y_pred):
    return 0.0


def scorer(estimator, X, y):  # noqa: N803
    return 0.0


# What is taken.


@pytest.mark.parametrize(
    ("scoring", "names"),
    [
        (None, ("f1", "precision", "recall", "kappa", "auc", "confusion")),
        ("auc", ("auc",)),
        ("neg_log_loss", ("neg_log_loss",)),
        (["f1", "accuracy"], ("f1", "accuracy")),
        (("accuracy", "f1"), ("accuracy", "f1")),
        (own, ("own",)),
        (functools.partial(own), ("own",)),
        (functools.partial(functools.partial(metrics.fbeta_score, beta=2), average="macro"), ("fbeta_score",)),
        (metrics.make_scorer(own), ("own",)),
        (metrics.make_scorer(functools.partial(own)), ("own",)),
        ([metrics.matthews_corrcoef, "f1"], ("matthews_corrcoef", "f1")),
        ({"mine": lambda y_true, y_pred: 0.0, "f1_at_half": "f1"}, ("mine", "f1_at_half")),
        ("confusion_cells", ("confusion",)),
        (["f1", "confusion_cells"], ("f1", "confusion")),
    ],
)
def test_names(scoring, names):
    assert Scoring(scoring).names == names


def test_every_name_of_scikit_learn_and_the_panel_is_taken():
    names = [*PANEL, *(name for name in metrics.get_scorer_names() if name not in PANEL)]
    assert Scoring(names).names == tuple(names)


@pytest.mark.parametrize("scoring", [["confusion", "confusion_cells"], ["confusion_cells", "confusion"]])
def test_cells_and_matrix_are_one_entry(scoring):
    assert Scoring(scoring).names == ("confusion",)
    assert Scoring(scoring).wants_cells


def test_cells_are_wanted_only_on_request():
    assert not Scoring(None).wants_cells
    assert not Scoring("confusion").wants_cells
    assert Scoring({"f1": "f1", "confusion_cells": "confusion_cells"}).wants_cells


def test_directions():
    scoring = Scoring(["f1", "neg_log_loss", "confusion", own, metrics.make_scorer(metrics.log_loss)])
    assert {score.name: score.greater_is_better for score in scoring.scores} == {
        "f1": True, "neg_log_loss": True, "confusion": None, "own": None, "log_loss": True,
    }  # fmt: skip


# What is refused.


@pytest.mark.parametrize(
    ("scoring", "message"),
    [
        ("acuracy", r"unknown score 'acuracy'; did you mean 'accuracy'.*get_scorer_names"),
        (["f1", "recal"], r"unknown score 'recal'; did you mean .*'recall'"),
        ({"mine": "F1"}, r"unknown score 'F1'.*f1, precision, recall, kappa, auc, confusion"),
        ("xyzzy", r"unknown score 'xyzzy'.*The names are"),
        ("", r"names in scoring= must be strings|unknown score ''"),
        (["f1", "f1"], r"two scores named 'f1'.*dict"),
        ([own, functools.partial(own)], r"two scores named 'own'.*dict"),
        ([metrics.f1_score, metrics.make_scorer(metrics.f1_score)], r"two scores named 'f1_score'"),
        (lambda y_true, y_pred: 0.0, r"no name to record it under.*dict"),
        (functools.partial(lambda y_true, y_pred: 0.0), r"no name to record it under.*dict"),
        (["f1", metrics.make_scorer(lambda y_true, y_pred: 0.0)], r"no name to record it under.*dict"),
        ([], r"scoring is empty.*Leave it out"),
        ({}, r"scoring is empty"),
        ((), r"scoring is empty"),
        ({1: "f1"}, r"names in scoring= must be strings; received 1"),
        ({"": "f1"}, r"names in scoring= must be strings; received ''"),
        ({"mine": 3}, r"must be a name, a scorer or a metric function; received 3 \(int\)"),
        ({"mine": None}, r"must be a name, a scorer or a metric function; received None"),
        ({"mine": ["f1"]}, r"must be a name, a scorer or a metric function; received \['f1'\] \(list\)"),
        (3, r"3"),
        ([None], r"None"),
    ],
)
def test_a_scoring_that_is_refused(scoring, message):
    with pytest.raises(ValueError, match=message) as caught:
        Scoring(scoring)
    assert str(caught.value).startswith("Metrics: ")


@pytest.mark.parametrize("average", ["auto", "binary", "micro", "macro", "weighted", "samples", None])
def test_an_average_that_is_taken(average):
    assert Scoring(average=average).average == average


@pytest.mark.parametrize("average", ["Macro", "mean", True, 1, ["macro"]], ids=str)
def test_an_average_that_is_refused(average):
    with pytest.raises(ValueError, match=r"average must be 'auto', 'binary'.* received"):
        Scoring(average=average)


@pytest.mark.parametrize("zero_division", [0, 1, 0.0, 1.0, np.nan, float("nan")])
def test_a_zero_division_that_is_taken(zero_division):
    np.testing.assert_equal(Scoring(zero_division=zero_division).zero_division, zero_division)


@pytest.mark.parametrize("zero_division", [0.5, -1, "warn", None, "0"])
def test_a_zero_division_that_is_refused(zero_division):
    with pytest.raises(ValueError, match=r"zero_division must be 0, 1 or nan; received"):
        Scoring(zero_division=zero_division)


# What a task cannot have.


@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel"])
def test_the_panel_goes_with_every_classification(kind):
    assert Scoring().check(kind) is None


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"scoring": "f1"}, "regression", r"regression task has no .*'r2'"),
        ({"scoring": {"mine": "auc"}}, "regression", r"regression task has no "),
        ({"scoring": "kappa"}, "multilabel", r"kappa is not defined for a multilabel"),
        ({"scoring": {"agreement": "kappa"}}, "multilabel", r"agreement is not defined for a multilabel"),
        ({"scoring": "specificity", "average": "samples"}, "multilabel", "specificity is not defined for a multilabel"),
        ({"average": "binary"}, "multiclass", r"average='binary' needs a binary task, this one is multiclass"),
        ({"average": "binary"}, "multilabel", r"average='binary' needs a binary task, this one is multilabel"),
        ({"average": "samples"}, "binary", r"average='samples' needs a multilabel task, this one is binary"),
        ({"average": "samples"}, "multiclass", r"average='samples' needs a multilabel task, this one is multiclass"),
    ],
)
def test_what_a_task_cannot_have(options, kind, message):
    with pytest.raises(ValueError, match=message):
        Scoring(**options).check(kind)


def test_the_multilabel_panel_leaves_kappa_out():
    values = assessed(Multilabel(), [[0, 1], [1, 0]], [[0.1, 0.9], [0.9, 0.1]]).values
    assert list(values) == ["f1", "precision", "recall", "auc", "confusion"]


def test_a_name_of_the_users_own_may_be_a_name_of_the_panel():
    y_true, p = [0, 1, 2, 1], np.eye(3)[[0, 1, 1, 1]]
    for name in ("f1", "confusion"):
        assessment = assessed(Multiclass(), y_true, p, {name: metrics.accuracy_score})
        assert assessment.entries == {name: 0.75}


def test_cells_take_the_place_of_the_matrix_and_of_nothing_else():
    found = Scoring(["confusion", "f1", "confusion_cells"])
    assert (found.names, found.wants_cells) == (("confusion", "f1"), True)
    found = Scoring({"confusion_cells": "accuracy"})
    assert (found.names, found.wants_cells) == (("confusion_cells",), False)
    with pytest.raises(ValueError, match="'confusion', but another score has that name"):
        Scoring({"confusion": "accuracy", "confusion_cells": "confusion_cells"})


@pytest.mark.parametrize(("average", "kind"), [("binary", "binary"), ("samples", "multilabel")])
def test_an_average_that_one_kind_of_task_has(average, kind):
    assert Scoring(average=average).check(kind) is None


# What a message names: the scores at fault, and what to pass instead.


def message_of(call, *args, **options):
    with pytest.raises(ValueError, match=r"^Metrics: ") as caught:
        call(*args, **options)
    return str(caught.value)


def test_the_loss_is_named_where_it_tells_the_task():
    check = Scoring("f1").check
    assert "mean_squared_error" in message_of(check, "regression", "mean_squared_error")
    assert "loss" not in message_of(check, "regression")


@pytest.mark.parametrize(("scoring", "instead"), [("auc", ["f1"]), (["auc", "mae"], ["mae"])])
def test_grades_have_other_scores(scoring, instead):
    message = message_of(Scoring(scoring).check, "ordinal")
    assert message.startswith("Metrics: an ordinal task has no auc")
    assert f"scoring={instead!r}." in message


def test_iou_is_offered_instead_of_jaccard():
    assert "iou" in message_of(Scoring("jaccard").check, "multiclass")
    assert "iou" not in message_of(Scoring("kappa").check, "multilabel")


@pytest.mark.parametrize(
    ("scoring", "kind", "at_fault", "instead"),
    [
        (["accuracy", "f1"], "multilabel", "accuracy of a multilabel task", ["f1"]),
        (["accuracy", "recall_samples"], "multilabel", "accuracy, recall_samples of a multilabel task", ["f1"]),
        (["neg_max_error", "mae"], "regression", "neg_max_error of a regression task", ["mae"]),
        ("neg_max_error", "regression", "neg_max_error of a regression task", ["r2"]),
    ],
)
def test_scores_of_whole_rows_where_there_are_only_elements(scoring, kind, at_fault, instead):
    checked = Scoring(scoring)
    assert checked.check(kind) is None
    message = message_of(checked.check, kind, by_element=True)
    assert message.startswith(f"Metrics: {at_fault} needs whole rows")
    assert f"scoring={instead!r}." in message


@pytest.mark.parametrize(
    ("scoring", "at_fault", "instead"),
    [
        (["f1", "neg_log_loss", "roc_auc", "roc_auc_ovr"], "neg_log_loss, roc_auc_ovr", ["f1", "roc_auc"]),
        ("neg_brier_score", "neg_brier_score", ["f1"]),
        ({"own": metrics.make_scorer(metrics.log_loss, response_method="predict_proba")}, "own", ["f1"]),
        ({"own": metrics.make_scorer(metrics.log_loss, response_method=("predict_proba",))}, "own", ["f1"]),
    ],
)
def test_scores_of_probabilities_where_there_are_margins(scoring, at_fault, instead):
    margins = read(Binary(), [0, 1, 1], [-0.5, 0.5, -2.0], "hinge").labeling
    message = message_of(Scoring(scoring).refuse_margins, margins)
    assert message.startswith(f"Metrics: {at_fault} needs probabilities")
    assert f"scoring={instead!r}." in message
    assert Scoring(scoring).refuse_margins(read(Binary(), [0, 1, 1], [0.5, 0.5, 0.2]).labeling) is None
    assert Scoring(instead).refuse_margins(margins) is None


def test_the_panel_over_samples_needs_whole_rows():
    check = Scoring(average="samples").check
    assert "f1, precision, recall, auc of a multilabel" in message_of(check, "multilabel", by_element=True)
    assert "f1, precision, recall, kappa, auc cannot be computed" in message_of(
        Scoring, average="samples", memory="bounded"
    )


def test_values_of_a_regression_are_no_margins():
    labeling = read(Regression(), [0.5, 1.0], [0.5, 2.0]).labeling
    assert Scoring("neg_log_loss").refuse_margins(labeling) is None


@pytest.mark.parametrize(
    ("scoring", "kind", "at_fault"),
    [
        (["f1", "neg_log_loss", own, "auc"], None, "neg_log_loss, own cannot be computed from counts. "),
        ({"a": metrics.make_scorer(own)}, None, "a cannot be computed from counts. "),
        (
            {"a": metrics.make_scorer(metrics.f1_score)},
            "regression",
            "a cannot be computed from counts of a regression",
        ),
        ({"a": metrics.make_scorer(metrics.fbeta_score, beta=2)}, None, None),
        ({"a": metrics.make_scorer(metrics.fbeta_score, beta=2, average="samples")}, None, "a cannot be computed"),
        ({"a": metrics.make_scorer(metrics.log_loss, response_method="predict_proba")}, None, "a cannot be computed"),
        (
            {"a": metrics.make_scorer(metrics.accuracy_score)},
            "multilabel",
            "a cannot be computed from counts of a multi",
        ),
        ({"a": metrics.make_scorer(metrics.accuracy_score)}, "multiclass", None),
        ({"a": scorer}, None, "a cannot be computed"),
        (metrics.f1_score, "multilabel", None),
        ("rmse", None, "rmse cannot be computed from counts. "),
        ("mae", "ordinal", None),
        ("mae", "regression", "mae cannot be computed from counts of a regression task"),
        (None, "regression", "r2, mae, rmse cannot be computed from counts of a regression task"),
        (None, "ordinal", None),
    ],
)
def test_scores_of_rows_where_only_counts_are_kept(scoring, kind, at_fault):
    def checked():
        found = Scoring(scoring, memory="bounded")
        return found if kind is None else found.check(kind)

    if at_fault is None:
        checked()
        assert set(Scoring(scoring).scores[0].needs.values()) <= {"counts", "rows"}
    else:
        assert at_fault in message_of(checked)
