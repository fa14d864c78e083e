"""Metric functions and scorers: weights of any size, options of the user's, values per class, single columns."""

from functools import partial

import numpy as np
import pytest
from sklearn import metrics as sk

from kerascb_metrics import Binary, Multiclass, Multilabel, Regression
from kerascb_metrics.score.scoring import Scoring
from tests.support.arrays import assert_same, read

RNG = np.random.default_rng(4)
N = 40
P = RNG.dirichlet(np.ones(3), N)
Y = np.where(RNG.random(N) < 0.6, P.argmax(axis=1), np.arange(N) % 3)
BITS = (RNG.random((N, 3)) < P + 0.2).astype(int)
WEIGHT = RNG.random(N) + 0.1
TASKS = {
    "binary": (Binary(), Y % 2, P[:, 0]),
    "multiclass": (Multiclass(), Y, P),
    "a class is missing": (Multiclass(), Y % 2, P * [1, 1, 0] / (P[:, :1] + P[:, 1:2])),
    "multilabel": (Multilabel(threshold=0.3), BITS, P),
    "two labels": (Multilabel(threshold=0.3), BITS[:, :2], P[:, :2]),
    "one label": (Multilabel(threshold=0.3), BITS[:, :1], P[:, :1]),
    "regression": (Regression(), P, P[::-1]),
}


def weight_of_hits(y_true, y_pred, sample_weight=None):
    return float(np.sum((y_true == y_pred) * sample_weight))


def scored(function, task, weight=None, **options):
    found = Scoring({"own": function}, **options).score(read(*TASKS[task], sample_weight=weight))
    assert not found.errors
    return found


def labels_of(task):
    return read(*TASKS[task]).labels


# Weights.

SHARES = [
    ("multiclass", sk.accuracy_score, {}),
    ("multiclass", sk.cohen_kappa_score, {}),
    ("multiclass", sk.matthews_corrcoef, {}),
    ("multiclass", sk.balanced_accuracy_score, {}),
    ("multiclass", sk.f1_score, {"average": "weighted"}),
    ("multiclass", sk.confusion_matrix, {"normalize": "true"}),
    ("binary", sk.class_likelihood_ratios, {}),
    ("binary", sk.matthews_corrcoef, {}),
    ("multilabel", sk.accuracy_score, {}),
    ("multilabel", sk.hamming_loss, {}),
    ("multilabel", sk.f1_score, {"average": "samples", "zero_division": 0.0}),
    ("regression", sk.mean_squared_error, {}),
    ("regression", sk.r2_score, {}),
]
SUMS = [
    ("multiclass", sk.accuracy_score, {"normalize": False}),
    ("multiclass", sk.zero_one_loss, {"normalize": False}),
    ("multiclass", sk.confusion_matrix, {}),
    ("multiclass", weight_of_hits, {}),
    ("multilabel", sk.accuracy_score, {"normalize": False}),
    ("multilabel", sk.multilabel_confusion_matrix, {}),
]


@pytest.mark.parametrize("scorer", [False, True], ids=["function", "scorer"])
@pytest.mark.parametrize("power", [0, -900, 900])
@pytest.mark.parametrize(("task", "function", "options"), SHARES + SUMS)
def test_weights_of_any_size(task, function, options, power, scorer):
    expected = function(*labels_of(task), sample_weight=WEIGHT, **options)
    own = sk.make_scorer(function, **options) if scorer else partial(function, **options)
    found = scored(own, task, WEIGHT * 2.0**power).values["own"]
    # A result that is made of the weights themselves is of their size.
    size = 2.0**power if (task, function, options) in SUMS else 1.0
    assert_same(np.asarray(found) / size, expected)


@pytest.mark.parametrize("scorer", [False, True], ids=["function", "scorer"])
@pytest.mark.parametrize(("task", "function"), [("multiclass", sk.accuracy_score), ("regression", sk.r2_score)])
def test_weights_of_the_users_own_are_kept(task, function, scorer):
    options = {"sample_weight": WEIGHT[::-1]}
    own = sk.make_scorer(function, **options) if scorer else partial(function, **options)
    for weight in (None, WEIGHT):
        assert_same(scored(own, task, weight).values["own"], function(*labels_of(task), **options))


def test_weights_inside_a_partial_of_a_scorer_are_kept():
    def own(estimator, X, y, sample_weight=None):  # noqa: N803
        return sk.accuracy_score(y, estimator.predict(X), sample_weight=sample_weight)

    expected = sk.accuracy_score(*labels_of("multiclass"), sample_weight=WEIGHT[::-1])
    found = scored(partial(own, sample_weight=WEIGHT[::-1]), "multiclass", WEIGHT)
    assert_same(found.values["own"], expected)


# A function of the user's own may write into its arguments.


def overwriting(y_true, y_pred, sample_weight):
    y_true[:], y_pred[:], sample_weight[:] = 0, 0, 0
    return 0.5


def overwriting_scorer(estimator, X, y, sample_weight):  # noqa: N803
    for array in (y, sample_weight, estimator.predict(X), estimator.predict_proba(X), estimator.decision_function(X)):
        array[:] = 0
    return 0.5


@pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel"])
@pytest.mark.parametrize(
    "own",
    [
        overwriting,
        sk.make_scorer(overwriting),
        sk.make_scorer(overwriting, response_method="predict_proba"),
        sk.make_scorer(overwriting, response_method="decision_function"),
        overwriting_scorer,
    ],
    ids=["function", "of labels", "of probabilities", "of decisions", "callable"],
)
def test_a_function_that_overwrites_its_arguments_changes_no_other_score(task, own):
    others = {"f1": "f1", "roc_auc_ovr": "roc_auc_ovr", "loss": sk.make_scorer(sk.hamming_loss)}
    expected = Scoring(others).score(read(*TASKS[task], sample_weight=WEIGHT.copy())).values
    found = Scoring({"own": own, **others}).score(read(*TASKS[task], sample_weight=WEIGHT.copy()))
    assert not found.errors
    assert found.values == {"own": 0.5, **expected}


# Values per class.


@pytest.mark.parametrize("options", [{}, {"average": "macro"}, {"labels": [0]}, {"pos_label": 0}], ids=str)
@pytest.mark.parametrize("function", [sk.f1_score, sk.recall_score, sk.jaccard_score])
@pytest.mark.parametrize("task", list(TASKS)[:-1])
def test_options_that_choose_classes_do_not_change_the_values_of_each(task, function, options):
    options = {"average": "micro" if task != "binary" else "binary"} | options
    if task != "binary":  # scikit-learn warns
        options.pop("pos_label", None)
    found = scored(partial(function, **options), task, per_class=True)
    true, predicted = labels_of(task)
    hot = true.ndim == 2
    columns = range(true.shape[1] if hot else 2 if task == "binary" else 3)
    pairs = [(true[:, k], predicted[:, k]) if hot else (true == k, predicted == k) for k in columns]
    assert_same(found.by_class["own"], [function(*pair, zero_division=0.0) for pair in pairs])


@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
def test_an_own_function_that_knows_no_labels(task):
    def own(y_true, y_pred, average="macro"):
        return sk.f1_score(y_true, y_pred, average=average)

    found = scored(own, task, per_class=True)
    assert_same(found.by_class["own"], sk.f1_score(*labels_of(task), average=None))


def test_a_builtin_without_a_signature_has_no_values_per_class():
    assert Scoring({"own": max}, per_class=True).with_classes == []
    assert Scoring({"own": sk.f1_score}, per_class=True).with_classes == ["own"]


# Labels that are fractions, which scikit-learn takes for numbers.


@pytest.mark.parametrize(
    ("labels", "options"),
    [
        ([0.5, 1.0], {}),
        ([0.5, 1.0], {"pos_label": 0.5}),
        ([0.25, 0.5], {"pos_label": 0.5}),
        ([0.25, 0.5], {"average": "macro"}),
        ([0.25, 0.5], {"average": "macro", "labels": [0.5]}),
        ([0.25, 0.5], {"average": None}),
    ],
    ids=str,
)
def test_options_about_fractions(labels, options):
    pair = P[:, :2] / P[:, :2].sum(axis=1, keepdims=True)
    tally = read(Multiclass(labels=labels), np.array(labels)[Y % 2], pair)
    place = {label: index for index, label in enumerate(labels)}
    codes = {"labels": [place[label] for label in options["labels"]]} if "labels" in options else {}
    codes |= {"pos_label": place[options["pos_label"]]} if "pos_label" in options else {}
    expected = sk.f1_score(Y % 2, pair[:, 1] > pair[:, 0], **{**options, **codes})
    for own in (partial(sk.f1_score, **options), sk.make_scorer(sk.f1_score, **options)):
        found = Scoring({"own": own}).score(tally)
        assert not found.errors
        assert_same(found.values["own"], expected)


# Columns of a regression, each on the rows that have a target there.

LEFT_OUT = np.where(RNG.random((N, 3)) < 0.3, np.nan, P)
OF_COLUMNS = read(Regression(ignore_class=np.nan), LEFT_OUT, P[::-1])


@pytest.mark.parametrize("scorer", [False, True], ids=["function", "scorer"])
@pytest.mark.parametrize(
    ("function", "averages"),
    [
        (sk.r2_score, True),
        (sk.median_absolute_error, True),
        (partial(sk.mean_pinball_loss, alpha=0.2), True),
        (partial(sk.r2_score, multioutput="uniform_average"), True),
        (partial(sk.r2_score, multioutput="variance_weighted"), False),
        (partial(sk.mean_absolute_error, multioutput="raw_values"), False),
        (partial(sk.mean_absolute_error, sample_weight=WEIGHT), False),
        (sk.max_error, False),
        (weight_of_hits, False),
    ],
)
def test_a_function_that_averages_columns_needs_no_whole_rows(function, averages, scorer):
    scoring = Scoring({"own": sk.make_scorer(function) if scorer else function})
    found = scoring.score(OF_COLUMNS)
    if not averages:
        assert "needs whole rows" in str(found.errors["own"])
        with pytest.raises(ValueError, match="needs whole rows"):
            scoring.check("regression", by_element=True)
        return
    scoring.check("regression", by_element=True)
    rows = [~np.isnan(LEFT_OUT[:, k]) for k in range(3)]
    expected = np.mean([function(LEFT_OUT[kept, k], P[::-1][kept, k]) for k, kept in enumerate(rows)])
    assert_same(found.values["own"], expected)
