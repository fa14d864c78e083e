"""The panel equals scikit-learn's functions, called here on the plain rows: tasks × averages × layouts × weights."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn import metrics

from kerascb_metrics import Binary, Multiclass, Multilabel
from tests.support.arrays import assert_same, assessed

TASKS = ["binary", "binary logits", "binary two columns", "binary two logits", "multiclass", "multiclass logits"]
TASKS += ["multilabel", "multilabel logits"]
AVERAGES = ["auto", "micro", "macro", "weighted", None]
GRID = [(task, average) for task in TASKS for average in AVERAGES]
GRID += [(task, "binary") for task in TASKS if task.startswith("binary")]
GRID += [(task, "samples") for task in TASKS if task.startswith("multilabel")]


@dataclass
class Case:
    """Rows as a model gives them, and as scikit-learn takes them."""

    task: object
    targets: np.ndarray
    outputs: np.ndarray
    y_true: np.ndarray
    y_pred: np.ndarray
    y_score: np.ndarray
    weight: np.ndarray | None
    n_classes: int

    def assess(self, *args, **options):
        return assessed(self.task, self.targets, self.outputs, *args, sample_weight=self.weight, **options)


def draw_case(task, rng, rows, n_classes, layout, weights, dtype):
    """Random rows, with ties among the scores."""
    logits = task.endswith("logits")
    if task.startswith("binary"):
        n_classes = 2
    n_columns = 1 if task in ("binary", "binary logits") else n_classes
    z = rng.integers(-6, 7, (rows, n_columns)) / 2
    if task == "multiclass logits":  # no ties but exact ones, which two softmaxes may part by a rounding
        z = rng.normal(size=z.shape).astype("float32").astype("float64")
    if task.startswith("multilabel"):
        y_true, p = rng.integers(0, 2, (rows, n_columns)), 1 / (1 + np.exp(-z))
        y_score = z if logits else p.astype("float32")
        y_pred, targets, of = (y_score > (0 if logits else 0.5)).astype(int), y_true, Multilabel
    else:
        y_true = rng.integers(0, n_classes, rows)
        p = 1 / (1 + np.exp(-z)) if n_columns == 1 else np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
        p = p if logits else p.astype("float32")
        of = Binary if n_classes == 2 else Multiclass
        if n_columns == 1:
            y_score = z[:, 0] if logits else p[:, 0]
            y_pred = (y_score > (0 if logits else 0.5)).astype(int)
        elif n_classes == 2:
            y_score = z[:, 1] - z[:, 0] if logits else p[:, 1]
            y_pred = (y_score > (0 if logits else 0.5)).astype(int)
        else:
            y_score, y_pred = p, (z if logits else p).argmax(axis=1)
        hot = layout == "one-hot" and n_columns > 1
        targets = np.eye(n_classes)[y_true] if hot else y_true[:, None] if layout == "(N, 1)" else y_true
    weight = {"none": None, "random": rng.random(rows) * 3, "zeros": rng.random(rows) * rng.integers(0, 2, rows)}[
        weights
    ]
    outputs = (z if logits else p).astype("float32")
    return Case(of(from_logits=logits), targets.astype(dtype), outputs, y_true, y_pred, y_score, weight, n_classes)


@st.composite
def draws(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    rows, n_classes = draw(st.integers(4, 40)), draw(st.integers(3, 5))
    layout = draw(st.sampled_from(["ints", "one-hot", "(N, 1)"]))
    dtype = draw(st.sampled_from(["int64", "int32", "uint8", "float32"]))
    return rng, rows, n_classes, layout, draw(st.sampled_from(["none", "random", "zeros"])), dtype


def reference(case, average, zero_division=0.0):
    """scikit-learn's scores of the plain rows."""
    binary, multilabel = case.n_classes == 2, isinstance(case.task, Multilabel)
    if average == "auto":
        average = "binary" if binary else "macro"
    weighed, labels = {"sample_weight": case.weight}, range(case.n_classes)
    ratio = {"average": average, "zero_division": zero_division, **weighed}
    if average is None and not multilabel:
        ratio["labels"] = labels  # a value for every class of the model, occurring or not
    pair = (case.y_true, case.y_pred)
    scores = {
        "f1": metrics.f1_score(*pair, **ratio),
        "precision": metrics.precision_score(*pair, **ratio),
        "recall": metrics.recall_score(*pair, **ratio),
    }
    if multilabel:
        scores["confusion"] = metrics.multilabel_confusion_matrix(*pair, **weighed)
    else:
        scores["confusion"] = metrics.confusion_matrix(*pair, labels=labels, **weighed)
        scores["kappa"] = metrics.cohen_kappa_score(*pair, labels=labels, **weighed)
    if average != "samples":
        of_classes = {} if binary else {"average": average}
        if not (binary or multilabel):
            of_classes |= {"multi_class": "ovr", "labels": labels}
        scores["auc"] = metrics.roc_auc_score(case.y_true, case.y_score, **of_classes, **weighed)
    return scores


def every_class_weighs(case):
    """Whether kappa and the AUC are defined: every class has weight, and labels and predictions are not all one."""
    hot = case.y_true if isinstance(case.task, Multilabel) else case.y_true[:, None] == np.arange(case.n_classes)
    weight = np.ones(len(hot)) if case.weight is None else case.weight
    return bool((weight @ hot > 0).all() and (weight @ (1 - hot) > 0).all())


@pytest.mark.parametrize(("task", "average"), GRID)
@settings(max_examples=4)
@given(drawn=draws())
def test_the_panel_equals_scikit_learn(task, average, drawn):
    case = draw_case(task, *drawn)
    assume(every_class_weighs(case))
    theirs = reference(case, average)
    ours = case.assess(list(theirs), average).values
    assert [name for name in ours if name in theirs] == list(theirs)
    for name, expected in theirs.items():
        assert_same(ours[name], expected)
    if case.weight is None:
        assert np.array_equal(ours["confusion"], theirs["confusion"])


@pytest.mark.parametrize(("task", "average"), [pair for pair in GRID if not pair[0].endswith("logits")])
@settings(max_examples=4)
@given(drawn=draws(), zero_division=st.sampled_from([0.0, 1.0, np.nan]))
def test_few_rows_with_classes_missing_equal_scikit_learn(task, average, drawn, zero_division):
    rng, _, *rest = drawn
    case = draw_case(task, rng, 3, *rest)
    names = ["f1", "precision", "recall"]
    assume(case.weight is None or case.weight.sum() > 0)
    ours = case.assess(names, average, zero_division).values
    average = average if average != "auto" else "binary" if case.n_classes == 2 else "macro"
    labels = {"labels": range(case.n_classes)} if average is None and case.y_true.ndim == 1 else {}
    for name in names:
        function = getattr(metrics, f"{name}_score")
        expected = function(
            case.y_true, case.y_pred, average=average, zero_division=zero_division, sample_weight=case.weight, **labels
        )
        assert_same(ours[name], expected)


@pytest.mark.parametrize("pos_label", [0, 1])
def test_the_positive_class_may_be_zero(pos_label):
    case = draw_case("binary", np.random.default_rng(3), 50, 2, "ints", "random", "int64")
    case.task = Binary(pos_label=pos_label)
    ours = case.assess().values
    options = {"pos_label": pos_label, "sample_weight": case.weight}
    assert_same(ours["f1"], metrics.f1_score(case.y_true, case.y_pred, **options))
    assert_same(ours["precision"], metrics.precision_score(case.y_true, case.y_pred, **options))
    assert_same(ours["recall"], metrics.recall_score(case.y_true, case.y_pred, **options))
    # The AUC is the same, whichever class is called positive.
    assert_same(ours["auc"], metrics.roc_auc_score(case.y_true, case.y_score, sample_weight=case.weight))


def test_float16_softmax_rows_have_an_auc():
    case = draw_case("multiclass", np.random.default_rng(4), 60, 4, "ints", "none", "int64")
    case.outputs = case.outputs.astype("float16")  # its rows do not sum to one closely enough for scikit-learn
    columns = [metrics.roc_auc_score(case.y_true == of, case.outputs[:, of].astype("float64")) for of in range(4)]
    assert_same(case.assess(average=None).values["auc"], columns)


def test_rows_of_weight_zero_keep_their_class():
    case = draw_case("multiclass", np.random.default_rng(5), 40, 3, "ints", "none", "int64")
    case.weight = np.where(case.y_true == 2, 0.0, 1.0)
    expected = metrics.f1_score(case.y_true, case.y_pred, average="macro", sample_weight=case.weight)
    kept = case.weight > 0
    dropped = metrics.f1_score(case.y_true[kept], np.minimum(case.y_pred[kept], 1), average="macro")
    assert abs(expected - dropped) > 1e-3, "the rows do not tell the two apart"
    assert_same(case.assess(["f1"]).values["f1"], expected)


def test_every_prefix_equals_scikit_learn():
    case = draw_case("multiclass logits", np.random.default_rng(6), 40, 3, "ints", "random", "int64")
    for end in range(12, 41, 4):
        prefix = Case(
            case.task, case.targets[:end], case.outputs[:end], case.y_true[:end], case.y_pred[:end],
            case.y_score[:end], case.weight[:end], 3,
        )  # fmt: skip
        theirs = reference(prefix, "macro")
        ours = prefix.assess(list(theirs)).values
        for name, expected in theirs.items():
            assert_same(ours[name], expected)


# The checks themselves.


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(0.5, 0.5 + 1e-11), (0.5, np.nan), (np.nan, 0.5), (0.5, [0.5, 0.5]), ([0.5], 0.5), ([1, 2], [2, 1])],
)
def test_the_checker_rejects_what_is_not_the_same(ours, theirs):
    with pytest.raises(AssertionError):
        assert_same(ours, theirs)
    assert_same(theirs, theirs)


def test_the_reference_rejects_a_wrong_scorer():
    case = draw_case("binary", np.random.default_rng(7), 50, 2, "ints", "random", "int64")
    right = reference(case, "auto")
    wrong = {
        "f1": metrics.f1_score(case.y_true, case.y_pred),  # without the weights
        "precision": right["recall"],
        "recall": right["precision"],
        "kappa": metrics.cohen_kappa_score(case.y_true, case.y_pred),
        "auc": metrics.roc_auc_score(case.y_true, case.y_pred, sample_weight=case.weight),  # of the labels
        "confusion": right["confusion"].T,
    }
    for name in right:
        with pytest.raises(AssertionError):
            assert_same(wrong[name], right[name])
