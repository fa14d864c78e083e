"""scikit-learn's scorers and metric functions give what scikit-learn gives with an estimator of this file's own."""

import functools
import warnings

import numpy as np
import pytest
import sklearn
from sklearn import metrics
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

from kerascb_metrics import Binary, Multiclass, Multilabel, Regression
from kerascb_metrics.score.scoring import Scoring
from tests.support.arrays import assert_same, assessed, read

LISTED = tuple(map(int, sklearn.__version__.split(".")[:2])) >= (1, 9)  # older releases raise in some places more
RNG = np.random.default_rng(0)
N = 60
WEIGHT = RNG.random(N) * 2
P1 = RNG.random(N).round(2).astype("float32")
P4 = RNG.dirichlet(np.ones(4), N).astype("float32")
PL = RNG.random((N, 3)).round(2).astype("float32")
REAL = RNG.random(N) + 0.5
BINARY = Binary(), (RNG.random(N) < P1).astype(int), P1
MULTICLASS = Multiclass(), np.where(RNG.random(N) < 0.5, P4.argmax(axis=1), RNG.integers(0, 4, N)), P4
MULTILABEL = Multilabel(), (RNG.random((N, 3)) < PL).astype(int), PL
REGRESSION = Regression(), REAL, REAL + RNG.random(N)
DATA = {data[0].kind: data for data in (BINARY, MULTICLASS, MULTILABEL, REGRESSION)}


class Classifier(ClassifierMixin, BaseEstimator):
    """Returns what it is given."""

    def __init__(self, classes, labels, proba, decision):
        self.classes, self.labels, self.proba, self.decision = classes, labels, proba, decision
        self.classes_ = classes

    def fit(self, X, y):  # noqa: N803
        return self

    def predict(self, X):  # noqa: N803
        return self.labels

    def predict_proba(self, X):  # noqa: N803
        return self.proba

    def decision_function(self, X):  # noqa: N803
        return self.decision


class Regressor(RegressorMixin, BaseEstimator):
    def __init__(self, values):
        self.values = values

    def fit(self, X, y):  # noqa: N803
        return self

    def predict(self, X):  # noqa: N803
        return self.values


def estimator(kind):
    """An estimator that returns the outputs of `DATA`, as one trained on such targets would."""
    outputs = DATA[kind][2]
    if kind == "binary":
        labels = (outputs > 0.5).astype(int)
        return Classifier(np.array([0, 1]), labels, np.column_stack([1 - outputs, outputs]), outputs)
    if kind == "multiclass":
        return Classifier(np.arange(4), outputs.argmax(axis=1), outputs, outputs)
    if kind == "multilabel":
        return Classifier([np.array([0, 1])] * 3, (outputs > 0.5).astype(int), outputs, outputs)
    return Regressor(outputs)


def theirs(scorer, kind, weight=None):
    """scikit-learn's score, and whether it took the weights."""
    scorer = metrics.get_scorer(scorer) if isinstance(scorer, str) else scorer
    fitted, y_true = estimator(kind), DATA[kind][1]
    if weight is None:
        return scorer(fitted, None, y_true), True
    try:
        return scorer(fitted, None, y_true, sample_weight=weight), True
    except TypeError as error:
        if "sample_weight" not in str(error):
            raise
        return scorer(fitted, None, y_true), False


def ours(scoring, kind, weight=None, **options):
    """The `Scores` of one `DATA`, with whatever was raised in `errors`."""
    task, y_true, y_pred = DATA[kind]
    return Scoring(scoring, **options).score(read(task, y_true, y_pred, sample_weight=weight))


# Every name.

RATIOS = {"f1", "precision", "recall"}  # the panel's own, which go before scikit-learn's
SAMPLEWISE = {"f1_samples", "jaccard_samples", "precision_samples", "recall_samples"}
DEVIANCES = {"neg_mean_gamma_deviance", "neg_mean_poisson_deviance"}
LIKELIHOOD_RATIOS = {"neg_negative_likelihood_ratio", "positive_likelihood_ratio"}
OF_CLUSTERS = {
    "adjusted_mutual_info_score", "adjusted_rand_score", "completeness_score", "fowlkes_mallows_score",
    "homogeneity_score", "mutual_info_score", "normalized_mutual_info_score", "rand_score", "v_measure_score",
}  # fmt: skip
AVERAGED = {f"{name}_{of}" for name in (*RATIOS, "jaccard") for of in ("micro", "macro", "weighted")}
ONE_AGAINST_OTHERS = {"roc_auc_ovo", "roc_auc_ovo_weighted", "roc_auc_ovr", "roc_auc_ovr_weighted"}
# Where scikit-learn raises, and we do.
RAISES = {
    "binary": SAMPLEWISE | DEVIANCES,  # predictions of 0 are not strictly positive
    "multiclass": SAMPLEWISE | DEVIANCES | LIKELIHOOD_RATIOS | {"jaccard", "roc_auc"},
    "multilabel": DEVIANCES | LIKELIHOOD_RATIOS | OF_CLUSTERS
    | {"balanced_accuracy", "jaccard", "matthews_corrcoef", "neg_max_error", "top_k_accuracy"},
    "regression": SAMPLEWISE | LIKELIHOOD_RATIOS | AVERAGED | RATIOS | ONE_AGAINST_OTHERS
    | {
        "accuracy", "average_precision", "balanced_accuracy", "d2_brier_score", "d2_log_loss_score", "jaccard",
        "matthews_corrcoef", "neg_brier_score", "neg_log_loss", "roc_auc", "top_k_accuracy",
    },
}  # fmt: skip
RAISES_WITH_WEIGHTS = {"multiclass": {"roc_auc_ovo", "roc_auc_ovo_weighted"}}


@pytest.mark.filterwarnings("ignore")  # many names warn, on both sides: k = 2 of two classes, few in a cluster …
@pytest.mark.parametrize("kind", DATA)
@pytest.mark.parametrize("name", metrics.get_scorer_names())
def test_every_name_gives_what_scikit_learn_gives(name, kind):
    scorer = f"{name}_macro" if name in RATIOS and kind in ("multiclass", "multilabel") else name
    for weight in (None, WEIGHT):
        scores = ours(name, kind, weight)
        try:
            expected, took_weight = theirs(scorer, kind, weight)
        except Exception:
            assert list(scores.errors) == [name]
            listed = RAISES[kind] if weight is None else RAISES[kind] | RAISES_WITH_WEIGHTS.get(kind, set())
            assert name in listed or not LISTED
            continue
        assert scores.errors == {}
        assert_same(scores.values[name], expected, 1e-7 if name == "matthews_corrcoef" else 1e-12)
        assert scores.unweighted == ([] if took_weight else [name])


def test_the_walk_rejects_a_wrong_scorer():
    right, _ = theirs("f1_weighted", "multiclass")
    wrong, _ = theirs("f1_macro", "multiclass")
    assert_same(ours("f1_weighted", "multiclass").values["f1_weighted"], right)
    with pytest.raises(AssertionError):
        assert_same(ours("f1_weighted", "multiclass").values["f1_weighted"], wrong)


def test_names_take_zero_division_as_scikit_learn_does_by_default():
    task, y_true, _ = BINARY
    scores = assessed(task, y_true, np.zeros(N), ["precision_macro", "jaccard", "f1_weighted"])
    y_pred = np.zeros(N, int)
    assert_same(
        scores.values["precision_macro"], metrics.precision_score(y_true, y_pred, average="macro", zero_division=0)
    )
    assert_same(scores.values["jaccard"], metrics.jaccard_score(y_true, y_pred, zero_division=0))
    assert_same(scores.values["f1_weighted"], metrics.f1_score(y_true, y_pred, average="weighted", zero_division=0))


# Scorers and functions.


def scaled(y_true, y_pred, scale=1.0):
    """A metric function of a user's own."""
    return scale * float(np.abs(np.asarray(y_true) - y_pred).sum())


def weighed(y_true, y_pred, sample_weight=None):
    return float(len(y_true) if sample_weight is None else np.sum(sample_weight))


def scorer_of_probabilities(estimator, X, y):  # noqa: N803
    """A scorer as scikit-learn calls it."""
    return float(estimator.predict_proba(X)[:, 1].mean() + y.mean() + 10 * (estimator.predict(X) == y).mean())


def weighed_scorer(estimator, X, y, sample_weight=None):  # noqa: N803
    return metrics.accuracy_score(y, estimator.predict(X), sample_weight=sample_weight)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    ("kind", "scorer"),
    [
        ("binary", metrics.make_scorer(metrics.fbeta_score, beta=2)),
        ("multiclass", metrics.make_scorer(metrics.fbeta_score, beta=0.5, average="macro")),
        ("multilabel", metrics.make_scorer(metrics.fbeta_score, beta=2, average="samples", zero_division=0)),
        (
            "binary",
            metrics.make_scorer(metrics.brier_score_loss, greater_is_better=False, response_method="predict_proba"),
        ),
        ("binary", metrics.make_scorer(metrics.log_loss, greater_is_better=False, response_method="predict_proba")),
        ("binary", metrics.make_scorer(metrics.roc_auc_score, response_method="decision_function")),
        ("binary", metrics.make_scorer(metrics.roc_auc_score, response_method=("decision_function", "predict_proba"))),
        ("multiclass", metrics.make_scorer(metrics.top_k_accuracy_score, k=2, response_method="decision_function")),
        ("multiclass", metrics.make_scorer(metrics.log_loss, response_method="predict_proba")),
        ("multilabel", metrics.make_scorer(metrics.coverage_error, response_method="predict_proba")),
        ("multilabel", metrics.make_scorer(metrics.label_ranking_loss, response_method="decision_function")),
        ("multiclass", metrics.make_scorer(scaled, greater_is_better=False)),
        ("binary", metrics.make_scorer(weighed)),
        ("regression", metrics.make_scorer(metrics.mean_pinball_loss, alpha=0.9, greater_is_better=False)),
        ("regression", metrics.make_scorer(scaled)),
        ("binary", scorer_of_probabilities),
        ("multiclass", weighed_scorer),
        ("binary", functools.partial(weighed_scorer)),
    ],
)
def test_scorers_give_what_scikit_learn_gives(kind, scorer, weighted):
    weight = WEIGHT if weighted else None
    expected, took_weight = theirs(scorer, kind, weight)
    scores = ours({"score": scorer}, kind, weight)
    assert scores.errors == {}
    assert_same(scores.values["score"], expected)
    assert scores.unweighted == ([] if took_weight else ["score"])


LABELS = {kind: theirs(metrics.make_scorer(lambda y_true, y_pred: y_pred), kind)[0] for kind in DATA}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    ("kind", "function", "takes_weight"),
    [
        ("multiclass", metrics.adjusted_rand_score, False),
        ("multilabel", metrics.accuracy_score, True),
        ("multilabel", metrics.hamming_loss, True),
        ("regression", metrics.mean_absolute_error, True),
        ("regression", functools.partial(metrics.d2_pinball_score, alpha=0.3), True),
        ("regression", metrics.max_error, False),
        ("multiclass", scaled, False),
        ("multiclass", functools.partial(scaled, scale=3.0), False),
        ("multiclass", functools.partial(functools.partial(scaled, scale=3.0), scale=2.0), False),
        ("multilabel", weighed, True),
    ],
)
def test_functions_get_labels_and_weights_if_they_take_them(kind, function, takes_weight, weighted):
    options = {"sample_weight": WEIGHT} if weighted and takes_weight else {}
    scores = ours({"score": function}, kind, WEIGHT if weighted else None)
    assert scores.errors == {}
    assert_same(scores.values["score"], function(DATA[kind][1], LABELS[kind], **options))
    assert scores.unweighted == (["score"] if weighted and not takes_weight else [])


def test_functions_and_scorers_see_the_labels_of_the_targets():
    task = Multiclass(labels=[7, -3, 100, 2])
    targets = np.array([7, -3, 100, 2])[DATA["multiclass"][1]]
    seen = {}

    def look(y_true, y_pred):
        seen["function"] = y_true, y_pred
        return 0.0

    def look_too(estimator, X, y):  # noqa: N803
        seen["scorer"] = y, estimator.predict(X)
        seen["classes"] = estimator.classes_
        return 0.0

    assessed(task, targets, P4, [look, look_too])
    for y_true, y_pred in (seen["function"], seen["scorer"]):
        assert y_true.tolist() == targets.tolist()
        assert y_pred.tolist() == np.array([7, -3, 100, 2])[P4.argmax(axis=1)].tolist()
    assert seen["classes"].tolist() == [-3, 2, 7, 100]  # sorted, as scikit-learn takes them to be


@pytest.mark.parametrize("name", ["roc_auc_ovr", "roc_auc_ovo", "neg_log_loss", "top_k_accuracy", "average_precision"])
def test_labels_in_any_order_score_as_their_columns(name):
    labels, columns = np.array([7, -3, 100, 2]), DATA["multiclass"][1]
    by_label = assessed(Multiclass(labels=labels), labels[columns], P4, [name]).values[name]
    assert by_label == pytest.approx(assessed(Multiclass(), columns, P4, [name]).values[name], abs=1e-12)
    some = columns != 3  # a class without a true row takes another way
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        by_label = assessed(Multiclass(labels=labels), labels[columns[some]], P4[some], [name]).values[name]
        expected = assessed(Multiclass(), columns[some], P4[some], [name]).values[name]
    assert by_label == pytest.approx(expected, abs=1e-12, nan_ok=True)


def broken(y_true, y_pred):
    raise KeyError("the user's own error")


@pytest.mark.parametrize("function", [broken, metrics.classification_report, lambda y_true, y_pred: None])
def test_a_score_that_fails_is_told_by_name_and_leaves_the_others(function):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scores = ours({"own": function, "f1": "f1"}, "binary")
    assert list(scores.errors) == ["own"]
    assert np.isnan(scores.values["own"])
    assert_same(scores.values["f1"], theirs("f1", "binary")[0])
