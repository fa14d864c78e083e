"""Where a score is undefined: what scikit-learn says, else nan; and the cause in words. Never a warning of its own."""

import inspect
import warnings

import numpy as np
import pytest
from sklearn import metrics

from kerascb_metrics import Binary, Multiclass, Multilabel
from kerascb_metrics.score.scoring import Scoring
from tests.support.arrays import assert_same, assessed, read

BCE, SPARSE = "binary_crossentropy", "sparse_categorical_crossentropy"
HIGH, LOW = np.full(6, 0.9, "float32"), np.full(6, 0.1, "float32")
MIXED = np.array([0.1, 0.9, 0.8, 0.3, 0.6, 0.2], "float32")
ONES, ZEROS, BOTH = np.ones(6, int), np.zeros(6, int), np.array([0, 1, 0, 1, 1, 0])
ZERO_DIVISIONS = [0.0, 1.0, np.nan]


def silent(function, *args, **options):
    """scikit-learn's value, without its warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*args, **options)


def panel(task, y_true, y_pred, scoring=None, **options):
    """The scores; in these tests any warning is an error."""
    return assessed(task, y_true, y_pred, scoring, **options)


@pytest.mark.parametrize("zero_division", ZERO_DIVISIONS)
@pytest.mark.parametrize(
    ("y_true", "p", "undefined"),
    [
        (BOTH, MIXED, {}),
        (BOTH, LOW, {"precision": "class 1 is not predicted for any row"}),
        (BOTH, HIGH, {}),
        (ONES, MIXED, {"auc": "no true label of class 0"}),
        (ONES, HIGH, {"kappa": "all of one class", "auc": "no true label of class 0"}),
        (ONES, LOW, {"precision": "class 1 is not predicted", "auc": "no true label of class 0"}),
        (ZEROS, HIGH, {"recall": "class 1 is not the true label", "auc": "no true label of class 1"}),
        (
            ZEROS,
            LOW,
            {
                "f1": "class 1 is neither true nor predicted",
                "precision": "class 1 is not predicted",
                "recall": "class 1 is not the true label",
                "kappa": "all of one class",
                "auc": "no true label of class 1",
            },
        ),
    ],
)
def test_binary_scores_and_their_causes(y_true, p, undefined, zero_division):
    scores = panel(Binary(), y_true, p, zero_division=zero_division)
    y_pred = (p > 0.5).astype(int)
    for name in ("f1", "precision", "recall"):
        function = getattr(metrics, f"{name}_score")
        assert_same(scores.values[name], function(y_true, y_pred, zero_division=zero_division))
    assert_same(scores.values["kappa"], silent(metrics.cohen_kappa_score, y_true, y_pred))
    assert_same(scores.values["confusion"], metrics.confusion_matrix(y_true, y_pred, labels=[0, 1]))
    if "auc" not in undefined:
        assert_same(scores.values["auc"], metrics.roc_auc_score(y_true, p))
    else:
        assert np.isnan(scores.values["auc"])
    assert scores.undefined.keys() == undefined.keys()
    assert [name for name, cause in undefined.items() if cause not in scores.undefined[name]] == []


@pytest.mark.parametrize("zero_division", ZERO_DIVISIONS)
@pytest.mark.parametrize("average", ["micro", "macro", "weighted", None])
def test_a_class_that_no_row_has(average, zero_division):
    y_true = np.array([0, 0, 1, 1, 3, 1])  # no 2, true or predicted
    p = np.eye(4, dtype="float32")[[0, 1, 1, 1, 3, 0]] * 0.5 + np.float32(0.125)
    y_pred = p.argmax(axis=1)
    scores = panel(Multiclass(), y_true, p, average=average, zero_division=zero_division)
    options = {"average": average, "zero_division": zero_division}
    if average is None:
        options["labels"] = range(4)
    for name in ("f1", "precision", "recall"):
        assert_same(scores.values[name], getattr(metrics, f"{name}_score")(y_true, y_pred, **options))
    assert_same(scores.values["kappa"], metrics.cohen_kappa_score(y_true, y_pred))
    assert_same(scores.values["confusion"], metrics.confusion_matrix(y_true, y_pred, labels=range(4)))
    assert ("auc" in scores.undefined) == (average is None)
    assert ("auc" in scores.left_out) == (average in ("macro", "weighted"))
    assert {"f1", "precision", "recall"} & scores.undefined.keys() == (
        {"f1", "precision", "recall"} if average is None else set()
    )


@pytest.mark.parametrize("weight", [None, np.full(5, 0.25)], ids=["", "weights"])
def test_one_row_is_enough_to_be_defined(weight):
    y_true, y_pred = np.array([0, 0, 1, 1, 3]), np.array([0, 2, 1, 1, 0])  # 2 is predicted once, 3 true once, 4 neither
    scores = panel(Multiclass(), y_true, np.eye(5)[y_pred], average=None, sample_weight=weight)
    undefined = {name: scores.undefined[name].split(" is ")[0] for name in ("f1", "precision", "recall")}
    assert undefined == {"f1": "class 4", "precision": "class 3, 4", "recall": "class 2, 4"}
    options = {"average": None, "labels": range(5), "zero_division": 0.0}
    for name in undefined:
        assert_same(scores.values[name], getattr(metrics, f"{name}_score")(y_true, y_pred, **options))


def test_the_auc_a_sample_where_a_row_has_no_label():
    y_true = np.array([[0, 0, 0], [1, 0, 1], [0, 1, 1], [1, 1, 0]])
    p = np.random.default_rng(0).random((4, 3)).astype("float32")
    expected = silent(metrics.roc_auc_score, y_true, p, average="samples")
    scores = panel(Multilabel(), y_true, p, ["auc"], average="samples")
    assert_same(scores.values["auc"], expected)
    assert_same(
        panel(Multilabel(), y_true[1:], p[1:], ["auc"], average="samples").values["auc"],
        metrics.roc_auc_score(y_true[1:], p[1:], average="samples"),
    )


@pytest.mark.parametrize("zero_division", ZERO_DIVISIONS)
@pytest.mark.parametrize("average", ["micro", "macro", "weighted", "samples", None])
def test_multilabel_labels_never_given(average, zero_division):
    y_true = np.stack([BOTH, ONES, ZEROS], axis=1)
    p = np.stack([LOW, MIXED, LOW], axis=1)
    y_pred = (p > 0.5).astype(int)
    scores = panel(Multilabel(), y_true, p, ["f1", "precision", "recall"], average=average, zero_division=zero_division)
    for name in ("f1", "precision", "recall"):
        function = getattr(metrics, f"{name}_score")
        assert_same(scores.values[name], function(y_true, y_pred, average=average, zero_division=zero_division))
    if average in ("macro", None):
        assert "label" in scores.undefined["f1"] or "class 2" in scores.undefined["f1"]
        assert "0, 2" in scores.undefined["precision"]
        assert "2" in scores.undefined["recall"]


def test_margins_of_several_classes_have_no_auc():
    y_true = np.array([0, 1, 2, 1, 0, 2])
    scores = panel(Multiclass(), y_true, np.eye(3)[y_true] * 4 - 2, loss="categorical_hinge")
    assert np.isnan(scores.values["auc"])
    assert "margins" in scores.undefined["auc"]
    assert scores.values["f1"] == 1.0


# Weights of zero.


@pytest.mark.parametrize("weightless", [0, 1])
def test_a_class_of_weight_zero_only(weightless):
    weight = np.where(weightless == BOTH, 0.0, 2.0)
    scores = panel(Binary(), BOTH, MIXED, sample_weight=weight)
    y_pred = (MIXED > 0.5).astype(int)
    options = {"sample_weight": weight, "zero_division": 0.0}
    assert_same(scores.values["f1"], metrics.f1_score(BOTH, y_pred, **options))
    assert_same(scores.values["recall"], metrics.recall_score(BOTH, y_pred, **options))
    assert_same(scores.values["kappa"], silent(metrics.cohen_kappa_score, BOTH, y_pred, sample_weight=weight))
    assert_same(scores.values["auc"], silent(metrics.roc_auc_score, BOTH, MIXED, sample_weight=weight))
    assert "auc" in scores.undefined


@pytest.mark.parametrize("zero_division", ZERO_DIVISIONS)
@pytest.mark.parametrize(
    ("task", "y_true", "p"),
    [
        (Binary(), BOTH, MIXED),
        (Multiclass(), np.array([0, 1, 2, 0, 1, 2]), np.eye(3)[[0, 1, 2, 2, 1, 0]]),
        (Multilabel(), np.stack([BOTH, 1 - BOTH], 1), np.stack([MIXED, MIXED], 1)),
    ],
)
def test_weights_all_zero_leave_every_score_undefined(task, y_true, p, zero_division):
    scores = panel(task, y_true, p, sample_weight=np.zeros(6), zero_division=zero_division)
    names = scores.values.keys() - {"confusion"}
    assert names <= scores.undefined.keys()
    assert all(np.isnan(scores.values[name]) or scores.values[name] == zero_division for name in names)


@pytest.mark.parametrize("zero_division", [0.0, 1.0])
@pytest.mark.parametrize("pos_label", [0, 1])
@pytest.mark.parametrize("p", [LOW, MIXED, HIGH])
def test_jaccard_is_of_the_positive_label(p, pos_label, zero_division):
    found = panel(Binary(pos_label=pos_label), ZEROS + 1 - pos_label, p, "jaccard", zero_division=zero_division)
    y_pred = (p > 0.5).astype(int)
    options = {"pos_label": pos_label, "zero_division": zero_division}
    assert_same(found.values["jaccard"], metrics.jaccard_score(ZEROS + 1 - pos_label, y_pred, **options))


# scikit-learn's own names, where a class is missing.

MISSING = np.array([0, 2, 0, 2, 0, 2])  # no 1
P3 = np.random.default_rng(1).dirichlet(np.ones(3), 6).astype("float32")


@pytest.mark.parametrize("name", ["neg_log_loss", "d2_log_loss_score", "neg_brier_score", "d2_brier_score"])
def test_a_missing_class_does_not_raise_where_all_labels_can_be_told(name):
    loss = {"neg_log_loss": "log_loss", "neg_brier_score": "brier_score_loss"}.get(name, name)
    function = getattr(metrics, loss, None)
    if function is None or "labels" not in inspect.signature(function).parameters:
        pytest.skip("this scikit-learn cannot be told the labels")
    sign = -1 if name.startswith("neg_") else 1
    scores = panel(Multiclass(), MISSING, P3, name)
    assert_same(scores.values[name], sign * function(MISSING, P3, labels=range(3)))


@pytest.mark.skipif(not hasattr(metrics, "d2_brier_score"), reason="older releases do not have it")
@pytest.mark.parametrize("last", [0.0, 1.0], ids=["one class has no weight", ""])
def test_d2_brier_score_of_texts_is_an_error_of_scikit_learn(last):
    """Its scorer does not say which of the two is the positive one."""
    y = np.array(list("bbbbba"))
    weight = np.where(y == "a", last, 1.0)
    tally = read(Binary(pos_label="a"), y, MIXED, sample_weight=weight)
    found = Scoring(["d2_brier_score", "neg_brier_score"]).score(tally)
    assert "pos_label" in str(found.errors["d2_brier_score"])


def test_top_k_accuracy_where_a_class_is_missing():
    expected = metrics.top_k_accuracy_score(MISSING, P3, labels=range(3))
    assert_same(panel(Multiclass(), MISSING, P3, "top_k_accuracy").values["top_k_accuracy"], expected)


@pytest.mark.parametrize("y_true", [ONES, ZEROS], ids=["all positive", "none positive"])
def test_average_precision_of_one_class_is_what_scikit_learn_says(y_true):
    expected = silent(metrics.average_precision_score, y_true, MIXED)
    scores = panel(Binary(), y_true, MIXED, "average_precision")
    assert_same(scores.values["average_precision"], expected)


@pytest.mark.parametrize("name", ["roc_auc", "roc_auc_ovr", "roc_auc_ovo_weighted"])
def test_a_named_auc_where_a_class_is_missing(name):
    scores = panel(Binary(), ONES, MIXED, name) if name == "roc_auc" else panel(Multiclass(), MISSING, P3, name)
    assert np.isnan(scores.values[name])
    assert "no true label of class" in scores.undefined[name]
