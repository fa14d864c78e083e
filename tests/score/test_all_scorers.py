"""Every scorer name, kind of task and shape of targets: where scikit-learn has a number, ours is that number.

scikit-learn scores an estimator made by hand that returns the same arrays. Where it raises or has no number, ours is an
error or nan, with a cause; or the number that its function gives once it is told all labels.
"""

import inspect
import warnings

import numpy as np
import pytest
import sklearn
from scipy.special import expit, softmax
from sklearn import metrics as sk

from kerascb_metrics import Binary, Multiclass, Multilabel, Regression
from kerascb_metrics.score.scoring import Scoring
from tests.support.arrays import read
from tests.support.estimators import Values, classifier

pytestmark = pytest.mark.skipif(
    tuple(map(int, sklearn.__version__.split(".")[:2])) < (1, 9), reason="older releases raise in more places"
)
PANEL = {"f1", "precision", "recall"}  # ours, with the panel's average
OF_POSITIVE = {"average_precision", "jaccard"}  # which follow `pos_label`
NAMES = [name for name in sk.get_scorer_names() if name not in PANEL]
OF_SCORES = [name for name in NAMES if sk.get_scorer(name)._response_method != "predict"]
LABELLED = {
    "neg_log_loss": (sk.log_loss, -1, {}),
    "neg_brier_score": (sk.brier_score_loss, -1, {}),
    "d2_log_loss_score": (sk.d2_log_loss_score, 1, {}),
    "d2_brier_score": (getattr(sk, "d2_brier_score", None), 1, {}),
    "top_k_accuracy": (sk.top_k_accuracy_score, 1, {}),
    "roc_auc_ovr": (sk.roc_auc_score, 1, {"multi_class": "ovr"}),
    "roc_auc_ovr_weighted": (sk.roc_auc_score, 1, {"multi_class": "ovr", "average": "weighted"}),
}
N = 14


def outputs_of(scale, z):
    """Outputs of one column a class or label, and their probabilities."""
    if scale == "probability":
        return expit(z), expit(z)
    return z, None if scale == "margin" else expit(z.astype("float64"))


def task_of(kind, scale, **options):
    return kind(from_logits=True if scale == "logit" else "auto", **options)


def both(proba):
    return None if proba is None else np.column_stack([1 - proba, proba])


def binary(scale, rng, n):
    z = rng.normal(size=n).astype("float32") * 2
    outputs, proba = outputs_of(scale, z)
    high = outputs > (0.5 if scale == "probability" else 0)
    loss = "hinge" if scale == "margin" else None
    y = (rng.random(n) < expit(z)).astype(int)
    for name, targets in {"both": y, "ones": np.ones(n, int), "zeros": np.zeros(n, int)}.items():
        yield (
            name,
            task_of(Binary, scale),
            targets,
            outputs,
            loss,
            classifier((0, 1), high.astype(int), outputs, both(proba)),
        )
    for pair in ((7, 3), ("b", "a")) if n > 1 else ():  # of one row the other label is not known
        label = np.array(pair)
        own = classifier(pair, label[high.astype(int)], outputs, both(proba))
        yield f"both {pair}", task_of(Binary, scale, pos_label=pair[1]), label[y], outputs, loss, own


def two_columns(scale, rng, n):
    z = rng.normal(size=(n, 2)).astype("float32")
    outputs = softmax(z, axis=1) if scale == "probability" else z
    difference = z[:, 1].astype("float64") - z[:, 0]
    score = outputs[:, 1] if scale == "probability" else difference
    proba = {"probability": both(outputs[:, 1]), "logit": both(expit(difference)), "margin": None}[scale]
    y = rng.integers(0, 2, n)
    loss = "categorical_hinge" if scale == "margin" else None
    for name, targets in {"both": y, "ones": np.ones(n, int), "zeros": np.zeros(n, int)}.items():
        for task, pair in ((Binary, (0, 1)), (Multiclass, (0, 1)), (Multiclass, (5, 2))):
            if scale == "margin" and task is Binary:
                continue
            options = {} if task is Binary else {"labels": pair}
            label = np.array(pair)
            y_pred = label[(score > (0.5 if scale == "probability" else 0)).astype(int)]
            columns = {"probability": outputs, "logit": softmax(z.astype("float64"), axis=1), "margin": None}[scale]
            own = classifier(pair, y_pred, score, proba if task is Binary else columns)
            if pair == (5, 2) and scale == "probability":
                own.decision = outputs[:, 0]
            yield f"{name} {task.kind} {pair}", task_of(task, scale, **options), label[targets], outputs, loss, own


def several_classes(scale, rng, n):
    z = rng.normal(size=(n, 3)).astype("float32") * 2
    outputs = softmax(z, axis=1) if scale == "probability" else z
    proba = {"probability": outputs, "logit": softmax(z.astype("float64"), axis=1), "margin": None}[scale]
    loss = "categorical_hinge" if scale == "margin" else None
    places = {
        "all": np.where(rng.random(n) < 0.4, z.argmax(axis=1), np.arange(n) % 3),
        "no 2": rng.integers(0, 2, n),
        "only 1": np.ones(n, int),
    }
    for name, place in places.items():
        for labels in ((0, 1, 2), ("c", "a", "b")):
            label = np.array(labels)
            own = classifier(labels, label[outputs.argmax(axis=1)], outputs, proba)
            yield f"{name} {labels}", task_of(Multiclass, scale, labels=labels), label[place], outputs, loss, own


def several_labels(scale, rng, n):
    for count in (1, 3):
        z = rng.normal(size=(n, count)).astype("float32") * 2
        outputs, proba = outputs_of(scale, z)
        y_pred = (outputs > (0.5 if scale == "probability" else 0)).astype(int)
        y = (rng.random((n, count)) < expit(z)).astype(int)
        first = np.arange(count) == 0
        cases = {"all": y, "every row": np.where(first, 1, y), "no row": np.where(first, 0, y), "none": 0 * y}
        if count == 1:
            own = classifier((0, 1), y_pred, outputs[:, 0], None if proba is None else both(proba[:, 0]))
        else:
            own = classifier([np.array([0, 1])] * count, y_pred, outputs, proba)
        for name, targets in cases.items():
            loss = "hinge" if scale == "margin" else None
            yield f"{name} of {count}", task_of(Multilabel, scale), targets, outputs, loss, own


def regression(scale, rng, n):
    for shape in ((n,), (n, 1), (n, 3)):
        p = rng.random(shape)
        y = p + rng.random(shape)
        flat = p[:, 0] if shape[1:] == (1,) else p
        yield str(shape), Regression(), y.reshape(flat.shape), p, None, Values(flat)


def theirs(name, estimator, y, weight):
    """scikit-learn's number, or its exception; told all labels where it asks for them."""
    scorer = sk.get_scorer(name)
    proba = getattr(estimator, "proba", None)
    classes_here = getattr(estimator, "classes_", ())
    of_two = proba is not None and proba.shape[1:] == (2,) and y.ndim == 1 and len(classes_here) == 2
    if name == "neg_brier_score" and of_two and len(np.unique(y)) == 1:
        # Of one class alone scikit-learn's scorer takes it for the positive one, whichever it is.
        is_greater = (np.asarray(y) == classes_here[1]).astype(int)
        return -sk.brier_score_loss(is_greater, proba[:, 1], sample_weight=weight, pos_label=1)
    if name == "average_precision" and proba is not None and proba.shape[1:] == (3,) and y.ndim == 1:
        estimator = classifier(estimator.classes_, estimator.labels, proba, proba)  # ranked by probability
    takes = weight is not None and "sample_weight" in inspect.signature(scorer._score_func).parameters
    own = {"sample_weight": weight} if takes else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return scorer(estimator, None, y, **own)
        except Exception as error:
            classes = getattr(estimator, "classes_", None)
            if name not in LABELLED or not isinstance(classes, np.ndarray) or y.ndim > 1:
                return error
            if "brier" in name and len(classes) == 2:  # of strings it wants to be told which is positive
                return error
            function, sign, options = LABELLED[name]
            score = estimator.decision if name == "top_k_accuracy" else getattr(estimator, "proba", None)
            if score is None or "labels" not in inspect.signature(function).parameters:
                return error
            return sign * function(y, score, labels=classes, **options, **own)


def differences(name, ours, reference):
    """What is wrong with our value of a name; None where nothing is."""
    value, error, cause = ours.values[name], ours.errors.get(name), ours.undefined.get(name)
    if isinstance(reference, Exception):
        return None if error is not None or cause is not None or np.isnan(value) else f"{value} for {reference!r}"
    if not np.isfinite(reference):
        return None if error is not None or not np.isfinite(value) else f"{value} for {reference}"
    if error is None and abs(value - reference) <= 1e-12 * max(1, abs(reference)):
        return None
    return f"{value} for {reference} ({error!r}, {cause})"


@pytest.mark.parametrize("weights", [None, "zeros"])
@pytest.mark.parametrize("rows", [N, 1])
@pytest.mark.parametrize("scale", ["probability", "logit", "margin"])
@pytest.mark.parametrize("make", [binary, two_columns, several_classes, several_labels, regression])
def test_every_name(make, scale, rows, weights):
    if (make is regression and scale != "probability") or (rows == 1 and weights is not None):
        return
    rng = np.random.default_rng(0)
    weight = None if weights is None else rng.random(rows) + 0.1
    if weights == "zeros":
        weight = np.where(np.arange(rows) % 3, weight, 0.0)
    found = []
    for case, task, y, outputs, loss, estimator in make(scale, rng, rows):
        positive = getattr(task, "pos_label", 1) != 1
        names = [
            name for name in (NAMES if scale == "probability" else OF_SCORES) if not (positive and name in OF_POSITIVE)
        ]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # scikit-learn's own, which goes on to the user
            ours = Scoring(names).score(read(task, y, outputs, loss, sample_weight=weight))
        for name in names:
            wrong = differences(name, ours, theirs(name, estimator, y, weight))
            if wrong and not (name == "average_precision" and case.endswith("(5, 2)")):  # 1 is none of its labels
                found.append(f"{case}, {name}: {wrong}")
    assert found == []


def test_the_table_can_fail():
    ours = Scoring("accuracy").score(read(Binary(), [0, 1], [0.2, 0.9]))
    assert differences("accuracy", ours, 0.5)
    assert differences("accuracy", ours, ValueError())
    assert differences("accuracy", ours, float("nan"))


@pytest.mark.parametrize("average", ["auto", "micro", "macro", "weighted", None])
def test_the_panel_of_one_label_is_that_labels(average):
    rng = np.random.default_rng(1)
    p = rng.random((N, 1))
    y = (rng.random((N, 1)) < p).astype(int)
    ours = Scoring(["f1", "precision", "recall", "auc", "confusion"], average).score(read(Multilabel(), y, p)).values
    for name in ("f1", "precision", "recall"):
        expected = getattr(sk, f"{name}_score")(y[:, 0], p[:, 0] > 0.5)
        np.testing.assert_array_equal(ours[name], [expected] if average is None else expected)
    np.testing.assert_allclose(np.ravel(ours["auc"]), [sk.roc_auc_score(y[:, 0], p[:, 0])], rtol=0, atol=1e-12)
    assert ours["confusion"].tolist() == [sk.confusion_matrix(y[:, 0], p[:, 0] > 0.5).tolist()]
