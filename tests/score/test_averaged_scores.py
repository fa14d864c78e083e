"""iou, specificity, f0_5, f2, mcc and weighted kappas against scikit-learn, "panel" in lists, and usual names."""

import warnings
from functools import partial

import numpy as np
import pytest
from sklearn import metrics as sk

from kerascb_metrics import Binary, Metrics, Multiclass, Multilabel
from kerascb_metrics.score.parse import USUAL_NAMES
from kerascb_metrics.score.registry import named_scores
from kerascb_metrics.score.score import Options
from kerascb_metrics.tally.streaming import Accumulator
from tests.support.arrays import assert_same, assessed, read
from tests.support.models import echo_model

RNG = np.random.default_rng(18)
N = 70
P4 = RNG.dirichlet(np.ones(4) / 2, N)
Y4 = np.where(RNG.random(N) < 0.6, P4.argmax(axis=1), RNG.integers(0, 4, N))
LABELS = RNG.integers(0, 2, (N, 3))
SCORES = np.clip(RNG.random((N, 3)) * 0.7 + 0.3 * LABELS, 0, 1)
TASKS = {
    "binary": (Binary(), Y4 % 2, P4[:, 1] / (P4[:, 0] + P4[:, 1])),
    "pos_label 0": (Binary(pos_label=0), Y4 % 2, P4[:, 1] / (P4[:, 0] + P4[:, 1])),
    "multiclass": (Multiclass(), Y4, P4),
    "a class is missing": (Multiclass(), np.where(Y4 == 3, 1, Y4), P4),
    "multilabel": (Multilabel(), LABELS, SCORES),
    "one label": (Multilabel(), LABELS[:, :1], SCORES[:, :1]),
}
WEIGHT = RNG.random(N) + 0.1


def specificity(y_true, y_pred, average, labels, sample_weight, zero_division, pos_label=1):
    """Recall of the rows that are not of the class."""
    if y_true.ndim == 1:
        y_true, y_pred = ((each[:, None] == labels).astype(int) for each in (y_true, y_pred))
    if average == "binary":
        index = list(labels).index(pos_label)
        y_true, y_pred, average = y_true[:, [index]], y_pred[:, [index]], "macro"
    own = {"sample_weight": sample_weight, "zero_division": zero_division}
    if average == "micro":
        w = None if sample_weight is None else np.repeat(sample_weight, y_true.shape[1])
        return sk.recall_score(1 - y_true.ravel(), 1 - y_pred.ravel(), sample_weight=w)
    occurs = (y_true | y_pred).any(axis=0) if len(labels) > 3 else np.ones(len(labels), bool)[: y_true.shape[1]]
    each = [sk.recall_score(1 - y_true[:, k], 1 - y_pred[:, k], **own) for k in range(y_true.shape[1])]
    if average is None:
        return np.array(each)
    w = np.ones(N) if sample_weight is None else sample_weight
    weights = (y_true * w[:, None]).sum(axis=0) if average == "weighted" else np.ones(len(each))
    return np.average(np.array(each)[occurs], weights=weights[occurs])


FUNCTIONS = {
    "iou": sk.jaccard_score,
    "f0_5": partial(sk.fbeta_score, beta=0.5),
    "f2": partial(sk.fbeta_score, beta=2),
    "specificity": specificity,
}


@pytest.mark.parametrize("weighted", [False, True], ids=["", "weights"])
@pytest.mark.parametrize("average", ["auto", "micro", "macro", "weighted", None])
@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("task", TASKS)
def test_averages_equal_scikit_learn(task, name, average, weighted):
    (kind, y_true, y_pred), weight = TASKS[task], WEIGHT if weighted else None
    tally = read(kind, y_true, y_pred, sample_weight=weight)
    true, predicted = tally.labels
    own = average if average != "auto" else "binary" if kind.kind == "binary" else "macro"
    options = {"average": own, "sample_weight": weight, "zero_division": 0.0}
    if kind.kind == "multilabel" and true.shape[1] == 1:  # one label: its own value, whatever the average
        options["average"], true, predicted = "binary", true[:, 0], predicted[:, 0]
        options |= {"labels": [0, 1]} if name == "specificity" else {}
    elif kind.kind == "binary" and own == "binary":
        options |= {"pos_label": kind.pos_label} | ({"labels": [0, 1]} if name == "specificity" else {})
    elif own is None or name == "specificity":
        options["labels"] = np.arange(true.shape[1]) if true.ndim == 2 else tally.classes
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = FUNCTIONS[name](true, predicted, **options)
    ours = assessed(kind, y_true, y_pred, name, average=average, sample_weight=weight).values[name]
    assert_same(np.ravel(ours), np.ravel(theirs))


FEW = np.array([[0, 1, 0], [0, 1, 0], [0, 0, 0], [0, 1, 0]])
GIVEN = np.array([[0, 1, 0], [0, 0, 1], [0, 0, 0], [1, 1, 0]])
# True and predicted labels: what is 0/0 there.
GAPS = {
    "a label, a row": (FEW, GIVEN * [0, 1, 1]),
    "recall of two labels": (FEW, GIVEN),
    "each label that is true": (FEW * 0, GIVEN * [0, 1, 1]),
    "everything": (FEW * 0, FEW * 0),
    "specificity of two labels": (FEW * 0 + [1, 0, 1], GIVEN),
}


def iou(y_true, y_pred, *, zero_division, **options):
    """`jaccard_score`, which refuses nan; like F1 it is made of hits and misses: f1 / (2 − f1)."""
    if not np.isnan(zero_division):
        return sk.jaccard_score(y_true, y_pred, zero_division=zero_division, **options)
    average, weight = options["average"], options["sample_weight"]
    if average == "micro":
        f1 = sk.f1_score(y_true, y_pred, zero_division=np.nan, **options)
        return f1 / (2 - f1)
    by_row = average == "samples"
    rows = (y_true.T, y_pred.T) if by_row else (y_true, y_pred)
    f1 = sk.f1_score(*rows, average=None, sample_weight=None if by_row else weight, zero_division=np.nan)
    weights = weight if by_row else np.average(y_true, axis=0, weights=weight) if average == "weighted" else None
    return mean_of_known(f1 / (2 - f1), weights)


def mean_of_known(values, weights):
    known = ~np.isnan(values)
    weights = None if weights is None or not weights[known].any() else weights[known]
    return np.average(values[known], weights=weights) if known.any() else np.nan


def specificity_of_labels(y_true, y_pred, *, average, **options):
    if average == "micro":
        return sk.recall_score(1 - y_true, 1 - y_pred, average="micro", **options)
    each = sk.recall_score(1 - y_true, 1 - y_pred, average=None, **options)
    weights = np.average(y_true, axis=0, weights=options["sample_weight"]) if average == "weighted" else None
    return mean_of_known(each, weights)


@pytest.mark.parametrize("zero_division", [1.0, np.nan])
@pytest.mark.parametrize("weight", [None, np.array([1.0, 2.0, 3.0, 0.5])], ids=["", "weights"])
@pytest.mark.parametrize("average", ["micro", "macro", "weighted", "samples"])
@pytest.mark.parametrize("gap", GAPS)
def test_what_is_undefined_counts_as_scikit_learn_counts_it(gap, average, weight, zero_division):
    y_true, y_pred = GAPS[gap]
    options = {"average": average, "sample_weight": weight, "zero_division": zero_division}
    functions = FUNCTIONS | {"iou": iou, "specificity": specificity_of_labels, "f1": sk.f1_score}
    if average == "samples":
        del functions["specificity"]
    found = assessed(Multilabel(), y_true, y_pred * 1.0, list(functions), **options)
    for name, function in functions.items():
        assert_same(found.values[name], function(y_true, y_pred, **options))
    # An average over all labels or rows at once has a value, so it needs no warning.
    assert not found.undefined or average in ("macro", "weighted")


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["", "weights"])
@pytest.mark.parametrize("name", ["iou", "f0_5", "f2"])
def test_the_average_over_samples(name, weight):
    task, y_true, y_pred = TASKS["multilabel"]
    true, predicted = read(task, y_true, y_pred).labels
    ours = assessed(task, y_true, y_pred, name, average="samples", sample_weight=weight).values[name]
    assert_same(ours, FUNCTIONS[name](true, predicted, average="samples", zero_division=0.0, sample_weight=weight))


@pytest.mark.parametrize("gone", [4, 5, 6])
def test_the_cause_names_up_to_five_classes(gone):
    y = np.arange(12) % (8 - gone)
    found = assessed(Multiclass(), y, np.eye(8)[y], ["iou", "f1", "precision", "recall"], average=None)
    left = [str(label) for label in range(8 - gone, 8)]
    for cause in found.undefined.values():
        assert f"class {', '.join(left[:5])}{', …' if gone > 5 else ''} is " in cause
    assert len(found.undefined) == 4
    assert found.undefined["iou"].startswith("iou of class ")


@pytest.mark.parametrize("weight", [None, np.array([0.25, 0.5, 0.25])], ids=["", "weights"])
def test_a_class_of_one_row_counts(weight):
    y, labels = [0, 0, 1], [0, 0, 2]
    found = assessed(Multiclass(), y, np.eye(4)[labels], ["iou", "f2"], sample_weight=weight).values
    options = {"average": "macro", "sample_weight": weight, "zero_division": 0.0}
    assert_same(found["iou"], sk.jaccard_score(y, labels, **options))
    assert_same(found["f2"], sk.fbeta_score(y, labels, beta=2, **options))


@pytest.mark.parametrize("pos_label", [0, 1])
@pytest.mark.parametrize("only", [0, 1])
def test_only_the_positive_class_of_two_has_to_be_defined(only, pos_label):
    y = np.full(3, only)
    undefined = assessed(Binary(pos_label=pos_label), y, y * 0.8 + 0.1, ["iou", "f2"]).undefined
    assert undefined.keys() == (set() if only == pos_label else {"iou", "f2"})
    assert all(f"class {pos_label} is 0/0" in cause for cause in undefined.values())


@pytest.mark.parametrize("weight", [None, np.array([0.5, 0.25, 0.5])], ids=["", "weights"])
def test_specificity_where_all_others_are_wrong(weight):
    p = np.eye(3)[[0, 0, 0]]
    found = assessed(Multiclass(), [0, 0, 1], p, "specificity", average=None, sample_weight=weight)
    assert_same(found.values["specificity"], [0.0, 1.0, 1.0])
    found = assessed(Multiclass(), [0, 0, 0], p, "specificity", average=None, zero_division=np.nan)
    assert_same(found.values["specificity"], [np.nan, 1.0, 1.0])


@pytest.mark.parametrize("weighted", [False, True], ids=["", "weights"])
@pytest.mark.parametrize("task", ["binary", "multiclass", "a class is missing"])
def test_scores_of_the_whole_table(task, weighted):
    (kind, y_true, y_pred), weight = TASKS[task], WEIGHT if weighted else None
    tally = read(kind, y_true, y_pred)
    ours = assessed(kind, y_true, y_pred, ["mcc", "kappa_linear", "kappa_quadratic"], sample_weight=weight).values
    true, predicted = tally.labels
    assert_same(ours["mcc"], sk.matthews_corrcoef(true, predicted, sample_weight=weight))
    for weights in ("linear", "quadratic"):
        own = {"labels": tally.classes, "weights": weights, "sample_weight": weight}
        assert_same(ours[f"kappa_{weights}"], sk.cohen_kappa_score(true, predicted, **own))


def test_classes_that_do_not_occur_keep_their_distance():
    y, p = [0, 0, 2, 2], np.eye(3)[[0, 2, 2, 0]]
    ours = assessed(Multiclass(), y, p, "kappa_quadratic").values["kappa_quadratic"]
    assert_same(ours, sk.cohen_kappa_score(y, [0, 2, 2, 0], labels=[0, 1, 2], weights="quadratic"))


OF_TABLES = ["mcc", "kappa_linear", "kappa_quadratic"]


@pytest.mark.parametrize(
    ("task", "name"),
    [
        (task, name)
        for task in ("binary", "multiclass", "multilabel")
        for name in (*FUNCTIONS, *(OF_TABLES if task != "multilabel" else ()))
    ],
)
def test_counts_suffice(task, name):
    kind, y_true, y_pred = TASKS[task]
    score = named_scores(Options())[name]
    tally = read(kind, y_true, y_pred)
    counts = Accumulator(ranked=False)
    counts.add(tally.labeled, "float64")
    assert_same(score.compute(counts.tally()), score.compute(tally))


@pytest.mark.parametrize("zero_division", [0.0, 1.0, float("nan")])
def test_a_class_that_is_not_predicted(zero_division):
    y, p = [0, 0, 1, 1], np.eye(3)[[0, 0, 1, 1]]
    ours = assessed(Multiclass(), y, p, "f2", average=None, zero_division=zero_division)
    assert_same(ours.values["f2"], [1.0, 1.0, zero_division])
    assert "class 2" in ours.undefined["f2"]
    macro = assessed(Multiclass(), y, p, "f2", zero_division=zero_division).values["f2"]
    assert macro == sk.fbeta_score(y, [0, 0, 1, 1], beta=2, average="macro") == 1.0


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
@pytest.mark.parametrize("zero_division", [0.0, 1.0])
def test_zero_division_holds_for_the_names_of_scikit_learn_too(zero_division):
    y, labels = np.array([0, 1, 2, 0]), np.array([0, 1, 3, 1])  # 2 is not predicted, 3 is not true
    names = [
        f"{score}_{average}" for score in ("f1", "jaccard", "precision", "recall") for average in ("macro", "weighted")
    ]
    ours = assessed(Multiclass(), y, np.eye(4)[labels], names, zero_division=zero_division).values
    for name in names:
        score, average = name.split("_")
        own = {"average": average, "zero_division": zero_division}
        assert_same(ours[name], getattr(sk, f"{score}_score")(y, labels, **own))
    none = assessed(Binary(), np.zeros(3, int), np.full(3, 0.2), "jaccard", zero_division=zero_division)
    assert_same(none.values["jaccard"], zero_division)


# Names.


def test_the_panel_may_be_part_of_a_list():
    task, y_true, y_pred = TASKS["binary"]
    metrics = Metrics(["panel", "average_precision", "mcc"], task=task, verbose=False)
    found = metrics.evaluate(echo_model(), (y_pred[:, None], y_true))
    assert list(found) == ["f1", "precision", "recall", "kappa", "auc", "confusion", "average_precision", "mcc"]
    assert next(iter(Metrics(["auc", "panel"], verbose=False)._plan.directions())) == "auc"


def test_a_multilabel_panel_in_a_list_has_no_kappa_unless_asked_for():
    task, y_true, y_pred = TASKS["multilabel"]
    found = Metrics(["panel", "iou"], task=task, verbose=False).evaluate(echo_model(3), (y_pred, y_true))
    assert list(found) == ["f1", "precision", "recall", "auc", "confusion", "iou"]
    with pytest.raises(ValueError, match="kappa is not defined for a multilabel task"):
        Metrics(["panel", "kappa"], task=task)


@pytest.mark.parametrize(
    ("usual", "name"),
    [
        ("pr_auc", "average_precision"),
        ("ap", "average_precision"),
        ("f1s", "f1"),
        ("f1_score", "f1"),
        ("dice", "f1"),
        ("mIoU", "iou"),
        ("sensitivity", "recall"),
        ("tpr", "recall"),
        ("tnr", "specificity"),
        ("qwk", "kappa_quadratic"),
        ("acc", "accuracy"),
        ("auroc", "auc"),
        ("roc", "auc"),
        ("R2", "r2"),
        ("F1", "f1"),
    ],
)
def test_a_usual_name_leads_to_ours(usual, name):
    with pytest.raises(ValueError, match=f"unknown score '{usual}'; did you mean '{name}'"):
        Metrics(usual)


def test_every_usual_name_leads_to_a_score():
    known = named_scores(Options())
    assert set(USUAL_NAMES.values()) <= set(known)
    assert not set(USUAL_NAMES) & set(known)
