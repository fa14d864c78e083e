"""Whatever becomes `classes_` is sorted, and its columns with it, whichever label is the positive one."""

from functools import partial

import numpy as np
import pytest
from scipy.special import expit, softmax
from sklearn import metrics as sk
from sklearn.metrics import make_scorer

from kerascb_metrics import Binary, Metrics, Multiclass, ScoringError
from kerascb_metrics.score.scoring import Scoring
from tests.support.arrays import assert_same, assessed, read
from tests.support.estimators import classifier
from tests.support.models import binary_rows, echo_model

N = 50
RNG = np.random.default_rng(2)
Z = RNG.normal(size=N).astype("float32") * 2
HIGH = RNG.random(N) < expit(Z)  # the rows of the class of high outputs
Z3 = RNG.normal(size=(N, 3)).astype("float32")
TRUE3 = np.where(RNG.random(N) < 0.5, Z3.argmax(axis=1), RNG.integers(0, 3, N))
WEIGHT = RNG.random(N) + 0.1
SCALES = ["probability", "logit", "margin"]
# The class of low outputs, and that of high ones, which is `pos_label` but for −1/1 and 0/1.
PAIRS = [(3, 7), (7, 3), ("a", "b"), ("b", "a"), (5, 2), (4.0, 2.0), (-1, 1), (0, 1)]


def by_probability(**options):
    return make_scorer(response_method="predict_proba", **options)


def scorers(classes, pos_label, scale):
    """Names and scorers, with and without `pos_label`."""
    decisions = {
        "roc_auc": "roc_auc",
        "top_k": make_scorer(sk.top_k_accuracy_score, response_method="decision_function", k=1),
        "made auc": make_scorer(sk.roc_auc_score, response_method=("decision_function", "predict_proba")),
        "decisions": make_scorer(lambda y, score: float(np.sum(score * (y == max(classes)))), response_method=SCORE),
    }
    for label in classes:
        decisions[f"ap {label}"] = make_scorer(sk.average_precision_score, response_method=SCORE, pos_label=label)
    if scale == "margin":
        return decisions
    proba = {
        "log loss": "neg_log_loss",
        "made log loss": by_probability(score_func=sk.log_loss, greater_is_better=False),
        "probabilities": by_probability(score_func=lambda y, p: float(np.sum(p * (y == max(classes))))),
        "ovr": "roc_auc_ovr",
    }
    if not isinstance(classes[0], str):  # of those scikit-learn wants to be told which is positive
        proba["brier"] = "neg_brier_score"
        proba["made brier"] = by_probability(score_func=sk.brier_score_loss, greater_is_better=False)
    for label in classes:
        proba[f"brier {label}"] = by_probability(score_func=sk.brier_score_loss, pos_label=label)
        proba[f"proba ap {label}"] = by_probability(score_func=sk.average_precision_score, pos_label=label)
    return decisions | proba


SCORE = "decision_function"


def theirs(scorer, estimator, y, weight):
    scorer = sk.get_scorer(scorer) if isinstance(scorer, str) else scorer
    own = {} if weight is None or "lambda" in repr(scorer) else {"sample_weight": weight}
    return scorer(estimator, None, y, **own)


def outputs_of(scale):
    """Outputs, the loss that says their scale, and the probability of the class of high outputs."""
    if scale == "probability":
        p = expit(Z)
        return p, "binary_crossentropy", p
    return Z, "hinge" if scale == "margin" else None, None if scale == "margin" else expit(Z.astype("float64"))


@pytest.mark.parametrize("weighted", [False, True], ids=["", "weights"])
@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_one_column(pair, scale, weighted):
    outputs, loss, proba = outputs_of(scale)
    y = np.where(HIGH, pair[1], pair[0])
    cut = 0.5 if scale == "probability" else 0
    labels = np.where(outputs > cut, pair[1], pair[0])
    columns = None if proba is None else np.column_stack([1 - proba, proba])
    estimator = classifier(pair, labels, outputs, columns)
    weight = WEIGHT if weighted else None
    for pos_label in {pair[1], *(pair if pair[1] == 1 else ())}:
        task = Binary(pos_label=pos_label, from_logits=True if scale == "logit" else "auto")
        scoring = scorers(pair, pos_label, scale)
        ours = Scoring(scoring).score(read(task, y, outputs, loss, sample_weight=weight))
        assert not ours.errors
        for name, scorer in scoring.items():
            if name != "top_k" or pair == (0, 1):  # which scikit-learn has of labels that it can threshold
                assert_same(ours.values[name], theirs(scorer, estimator, y, weight), 1e-12 * N)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_labels_and_cells_are_of_the_positive_label(pair, scale):
    outputs, loss, _ = outputs_of(scale)
    y = np.where(HIGH, pair[1], pair[0])
    labels = np.where(outputs > (0.5 if scale == "probability" else 0), pair[1], pair[0])
    task = Binary(pos_label=pair[1], from_logits=True if scale == "logit" else "auto")
    panel = assessed(task, y, outputs, loss=loss)
    own = {"pos_label": pair[1]}
    assert_same(panel.values["f1"], sk.f1_score(y, labels, **own))
    assert_same(panel.values["precision"], sk.precision_score(y, labels, **own))
    assert_same(panel.values["auc"], sk.roc_auc_score(y == pair[1], outputs))
    tn, fp, fn, tp = sk.confusion_matrix(y == pair[1], labels == pair[1]).ravel()
    assert [panel.entries[cell] for cell in ("tn", "fp", "fn", "tp")] == [tn, fp, fn, tp]
    each = assessed(task, y, outputs, "f1", average=None, loss=loss)
    for label in pair:
        assert_same(
            each.entries[f"f1_{each.records[None].class_names[pair.index(label)]}"],
            sk.f1_score(y == label, labels == label),
        )
    assert list(panel.records[None].curves) == [panel.records[None].class_names[1]]


@pytest.mark.parametrize("pos_label", [0, 1])
@pytest.mark.parametrize("logits", [False, True])
@pytest.mark.parametrize("missing", [None, 0, 1])
def test_two_columns(logits, pos_label, missing):
    outputs = Z3[:, :2] if logits else softmax(Z3[:, :2], axis=1)
    y = TRUE3 % 2 if missing is None else np.full(N, 1 - missing)
    score = outputs[:, 1].astype("float64") - outputs[:, 0] if logits else outputs[:, 1]
    proba = expit(score) if logits else score
    labels = (score > (0 if logits else 0.5)).astype(int)
    estimator = classifier((0, 1), labels, score, np.column_stack([1 - proba, proba]))
    task = Binary(pos_label=pos_label, from_logits=logits)
    ours = Scoring(["neg_brier_score", "neg_log_loss", "roc_auc"]).score(read(task, y, outputs))
    assert_same(ours.values["neg_brier_score"], theirs("neg_brier_score", estimator, y, None))
    loss = sk.log_loss(y, np.column_stack([1 - proba, proba]), labels=[0, 1])
    assert_same(ours.values["neg_log_loss"], -loss)
    if missing is None:
        assert_same(ours.values["roc_auc"], sk.roc_auc_score(y, score))
    else:
        assert "roc_auc" in ours.undefined


@pytest.mark.parametrize("present", ["both", "the positive one", "the other"])
@pytest.mark.parametrize("pair", [(7, 3), ("b", "a"), (3, 7)], ids=str)
def test_a_class_that_is_missing(pair, present):
    y = {"both": np.where(HIGH, pair[1], pair[0])}.get(present, np.full(N, pair["other" not in present]))
    p = expit(Z)
    ours = Scoring("neg_log_loss").score(read(Binary(pos_label=pair[1]), y, p))
    own = np.where(y == pair[1], p, 1 - p).astype("float64")
    assert_same(ours.values["neg_log_loss"], np.log(own).mean(), 1e-6)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("labels", [(2, 0, 1), ("c", "a", "b"), (9, 4, 7)], ids=str)
def test_several_classes(labels, scale):
    outputs = softmax(Z3, axis=1) if scale == "probability" else Z3
    proba = {"probability": outputs, "logit": softmax(Z3.astype("float64"), axis=1), "margin": None}[scale]
    y, y_pred = np.array(labels)[TRUE3], np.array(labels)[outputs.argmax(axis=1)]
    estimator = classifier(labels, y_pred, outputs, proba)
    names = {"k": "top_k_accuracy", "k1": make_scorer(sk.top_k_accuracy_score, response_method=SCORE, k=1)}
    if scale == "margin":
        names["hinge"] = make_scorer(sk.hinge_loss, response_method=SCORE)
    else:
        names |= {name: name for name in ("neg_log_loss", "neg_brier_score", "roc_auc_ovr", "roc_auc_ovo")}
        names["made"] = by_probability(score_func=sk.roc_auc_score, multi_class="ovo", average="weighted")
    task = Multiclass(labels=labels, from_logits=True if scale == "logit" else "auto")
    loss = "categorical_hinge" if scale == "margin" else None
    ours = Scoring(names).score(read(task, y, outputs, loss))
    assert not ours.errors
    for name, scorer in names.items():
        assert_same(ours.values[name], theirs(scorer, estimator, y, None))


def test_logits_far_apart_keep_their_order():
    """Softmax would make ties of all but the highest."""
    z = np.array([[900.0, 5.0, 0.0], [900.0, 0.0, 5.0], [0.0, 900.0, 5.0]], "float32")
    y = np.array([1, 2, 2])
    scores = Scoring("top_k_accuracy").score(read(Multiclass(from_logits=True), y, z))
    assert scores.values["top_k_accuracy"] == sk.top_k_accuracy_score(y, z, labels=range(3)) == 1.0


def test_evaluate():
    x, y = binary_rows()
    labels = np.where(y == 1, 3, 7)
    scoring = {"brier": "neg_brier_score", "loss": "neg_log_loss", "auc": "roc_auc"}
    ours = Metrics(scoring, task=Binary(pos_label=3), verbose=False).evaluate(echo_model(), (x, labels))
    assert_same(ours["brier"], -sk.brier_score_loss(labels, x[:, 0], pos_label=3))
    assert_same(ours["loss"], -sk.log_loss(labels, np.column_stack([x[:, 0], 1 - x[:, 0]])))
    assert_same(ours["auc"], sk.roc_auc_score(labels == 3, x[:, 0]))


@pytest.mark.parametrize("labels", [(0, 1), (1, 2), (1, 0), (2, 1)])
def test_average_precision_of_two_columns_is_that_of_label_1(labels):
    """As scikit-learn's own name, whose positive label is 1."""
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.ones(2), 40)
    y = np.asarray(labels)[np.where(rng.random(40) < 0.6, p.argmax(axis=1), rng.integers(0, 2, 40))]
    ours = assessed(Multiclass(labels=labels), y, p, "average_precision").values["average_precision"]
    assert_same(ours, sk.average_precision_score(y == 1, p[:, labels.index(1)]))


@pytest.mark.parametrize("labels", [(0, 1), (1, 2), (1, 0), (2, 1)])
def test_counts_alone_bound_average_precision_of_two_columns(labels):
    p = np.random.default_rng(0).dirichlet(np.ones(2), 200).astype("float32")
    y = np.asarray(labels)[np.where(p[:, 1] > 0.3, p.argmax(axis=1), 1)]
    metrics = Metrics(["average_precision"], task=Multiclass(labels=labels), memory="bounded", verbose=False)
    scores = metrics.evaluate(echo_model(2), p, y)
    low, high = scores.bounds["average_precision"]
    exact = sk.average_precision_score(y == 1, p[:, labels.index(1)])
    assert low - 1e-12 <= exact <= high + 1e-12
    assert scores["average_precision"] == pytest.approx(exact, abs=1e-3)


@pytest.mark.parametrize("pos_label", [0.25, 0.5])
def test_labels_that_are_fractions_are_named_as_they_are(pos_label):
    p = np.random.default_rng(0).dirichlet(np.ones(2), 40)
    y = np.where(p[:, 1] > 0.3, 0.5, 0.25)
    f1 = partial(sk.f1_score, pos_label=pos_label)
    metrics = Metrics({"f1": f1}, task=Multiclass(labels=[0.25, 0.5]), verbose=False)
    labels = p[:, 1] > 0.5 if pos_label == 0.5 else p[:, 1] <= 0.5
    assert metrics.score(y, p)["f1"] == sk.f1_score(y == pos_label, labels)


def test_a_positive_label_that_is_no_class_is_an_error():
    metrics = Metrics({"f1": partial(sk.f1_score, pos_label=0.75)}, task=Multiclass(labels=[0.25, 0.5]), verbose=False)
    with pytest.raises(ScoringError, match=r"0\.75 is not one of the classes 0\.25, 0\.5"):
        metrics.score([0.25, 0.5], [[0.9, 0.1], [0.2, 0.8]])
