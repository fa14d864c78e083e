"""scikit-learn's scorers and metric functions, run on predictions at hand."""

import functools
import inspect
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn import metrics
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.metaestimators import available_if

from kerascb_metrics.interpret.columns import one_score
from kerascb_metrics.interpret.weights import FOUR_FACTORS, TWO_FACTORS, for_sums, tamed
from kerascb_metrics.score.panel import Undefined, auc_of_columns, binary_auc, one_sided
from kerascb_metrics.score.precision_recall_f1 import RATIO_OPTIONS, RATIOS, precision_recall_f1
from kerascb_metrics.tally.exact import Evidence, rankable
from kerascb_metrics.tally.ranking import auc_of_pairs, rank

SCORER_TYPE = type(metrics.make_scorer(metrics.accuracy_score))

# Functions that see the pairs (true, predicted) only through their counts. Known ones, never a guess.
COUNTED = {
    metrics.accuracy_score,
    metrics.balanced_accuracy_score,
    metrics.cohen_kappa_score,
    metrics.confusion_matrix,
    metrics.f1_score,
    metrics.fbeta_score,
    metrics.hamming_loss,
    metrics.jaccard_score,
    metrics.matthews_corrcoef,
    metrics.precision_score,
    metrics.recall_score,
    metrics.zero_one_loss,
}
# Of these, the ones that see a multilabel problem only through TP, FP and FN of each label.
COUNTED_BY_LABEL = {
    metrics.f1_score,
    metrics.fbeta_score,
    metrics.jaccard_score,
    metrics.precision_score,
    metrics.recall_score,
}
# Functions whose result is made of the weights themselves; and those that multiply sums of them.
_TABLES = {metrics.confusion_matrix, metrics.multilabel_confusion_matrix, metrics.precision_recall_fscore_support}
_PRODUCTS = {
    metrics.class_likelihood_ratios: TWO_FACTORS,
    metrics.cohen_kappa_score: TWO_FACTORS,
    metrics.matthews_corrcoef: FOUR_FACTORS,
}
# Functions that rank or weigh scores: on labels they return numbers that look right and are not. The scorer to name.
NEED_SCORES = {
    "average_precision_score": "average_precision",
    "brier_score_loss": "neg_brier_score",
    "d2_brier_score": "d2_brier_score",
    "d2_log_loss_score": "d2_log_loss_score",
    "hinge_loss": None,
    "label_ranking_average_precision_score": None,
    "label_ranking_loss": None,
    "log_loss": "neg_log_loss",
    "ndcg_score": None,
    "roc_auc_score": "roc_auc",
    "top_k_accuracy_score": "top_k_accuracy",
}
_BY_AVERAGE = {
    "f1": metrics.f1_score,
    "jaccard": metrics.jaccard_score,
    "precision": metrics.precision_score,
    "recall": metrics.recall_score,
}
# Scorer names that are a counted function, with options or without.
COUNTED_NAMES = {
    "accuracy": metrics.accuracy_score,
    "balanced_accuracy": metrics.balanced_accuracy_score,
    "matthews_corrcoef": metrics.matthews_corrcoef,
    **{
        f"{name}_{average}": functools.partial(function, average=average, pos_label=None)
        for name, function in _BY_AVERAGE.items()
        for average in ("micro", "macro", "weighted", "samples")
    },
}
# Names of the area under ROC curves, and their averages.
RANKED_NAMES = {
    "roc_auc": "macro",
    "roc_auc_ovo": "macro",
    "roc_auc_ovo_weighted": "weighted",
    "roc_auc_ovr": "macro",
    "roc_auc_ovr_weighted": "weighted",
}
# Names that need to be told all classes where one has no true row in a pass: the function's name and its sign.
_LABELLED_NAMES = {
    "d2_brier_score": ("d2_brier_score", 1),
    "d2_log_loss_score": ("d2_log_loss_score", 1),
    "neg_brier_score": ("brier_score_loss", -1),
    "neg_log_loss": ("log_loss", -1),
    "top_k_accuracy": ("top_k_accuracy_score", 1),
}
_BRIER_NAMES = {"d2_brier_score", "neg_brier_score"}


def takes_sample_weight(score):
    """Tell whether a scorer or metric function takes sample weights."""
    function = getattr(score, "_score_func", score)
    try:
        return "sample_weight" in inspect.signature(function).parameters
    except ValueError:  # a builtin without a signature
        return False


def needs_scores(function):
    """Return the name of a scikit-learn function that needs scores where a metric function gets labels, else None."""
    inner, _ = unwrapped(function)
    name = getattr(inner, "__name__", None)
    return name if name in NEED_SCORES and inner is getattr(metrics, name, None) else None


def run_function(function, evidence, zero_division):
    """Call a metric function with labels, on the counts where it is known to need no more."""
    inner, options = unwrapped(function)
    if _among(inner, COUNTED) and "zero_division" in inspect.signature(inner).parameters:
        options = {"zero_division": zero_division, **options}
    weight = evidence.sample_weight
    counted = counts_suffice(inner, options, evidence.kind)
    if _among(inner, RATIOS) and counted and options.keys() <= RATIO_OPTIONS:
        return precision_recall_f1(evidence, **{"average": "binary", **options})[RATIOS[inner]]
    if counted:
        y_true, y_pred, weight = evidence.cells
    else:
        y_true, y_pred = evidence.labels
    if not is_of_sklearn(inner):  # it may write into what it gets
        y_true, y_pred, weight = _copied(y_true, y_pred, weight)
    if weight is not None and takes_sample_weight(inner) and "sample_weight" not in options:
        options["sample_weight"] = _weights_for(inner, options, weight)
    return inner(y_true, y_pred, **options)


def run_name(name, evidence, zero_division):
    """Run one of scikit-learn's named scorers on the rows."""
    if evidence.kind == "binary" and name == "jaccard":
        score = functools.partial(metrics.jaccard_score, pos_label=evidence.classes[evidence.pos_index])
        return run_function(score, evidence, zero_division)
    if name == "average_precision" and evidence.kind != "regression":
        return _average_precision(evidence)
    if _is_ranked(name, evidence):
        return _roc_auc(name, evidence)
    if name in _LABELLED_NAMES and evidence.kind in ("binary", "multiclass") and evidence.missing:
        return _run_labelled(name, evidence)
    return run_scorer(metrics.get_scorer(name), evidence)


def run_scorer(scorer, evidence):
    """Run a scorer, unchanged, on an estimator that returns the predictions at hand."""
    if not evidence.rows_kept:  # then it is one of labels, for which counts are enough
        function, options = of_labels(scorer)
        if function is None:
            raise ValueError("it needs probabilities, and the outputs are margins.")
        return scorer._sign * run_function(functools.partial(function, **options), evidence, zero_division=0.0)
    inner, own = unwrapped(getattr(scorer, "_score_func", scorer))
    y_true, weight = evidence.labels[0], evidence.sample_weight
    copies = not is_of_sklearn(inner)  # it may write into what it gets
    if copies:
        y_true, weight = _copied(y_true, weight)
    kind = _GivenRegressor if evidence.kind == "regression" else _GivenClassifier
    own = {**own, **getattr(scorer, "_kwargs", {})}
    options = {}
    if weight is not None and takes_sample_weight(scorer) and "sample_weight" not in own:
        options["sample_weight"] = _weights_for(inner, own, weight)
    return scorer(kind(evidence, copies), None, y_true, **options)


def _run_labelled(name, evidence):
    function_name, sign = _LABELLED_NAMES[name]
    function = getattr(metrics, function_name)
    by_decision = name == "top_k_accuracy"
    of_two = name == "neg_brier_score" and len(evidence.classes) == 2 and evidence.y_proba is not None
    unlabelled = len(evidence.classes) == 2 or "labels" not in inspect.signature(function).parameters
    if (name in _BRIER_NAMES and unlabelled and not of_two) or (evidence.y_proba is None and not by_decision):
        return run_scorer(metrics.get_scorer(name), evidence)
    y_score = decision_of(evidence) if by_decision else proba_of(evidence)
    weight = None if evidence.sample_weight is None else for_sums(evidence.sample_weight)
    if of_two:  # told of no labels, scikit-learn takes the greatest that is here for the positive one
        is_greater = (evidence.labels[0] == np.sort(evidence.classes)[1]).astype(int)
        return sign * function(is_greater, y_score[:, 1], sample_weight=weight, pos_label=1)
    return sign * function(evidence.labels[0], y_score, labels=np.sort(evidence.classes), sample_weight=weight)


def decision_of(evidence: Evidence) -> np.ndarray:
    """Return what `decision_function` gives, by sorted labels: of two classes one column, of the greater label.

    That column is the raw score, negated where it is one of the lesser label: 1 − p would round, and so tie, small p.
    """
    if evidence.kind == "multilabel":
        return evidence.y_score
    order = np.argsort(evidence.classes)
    if evidence.kind == "binary":
        return evidence.y_score if order[1] == 1 else -rankable(evidence.y_score)
    outputs = np.asarray(evidence.outputs)[:, order]
    return outputs if len(order) > 2 else one_score(outputs, evidence.scale)


def proba_of(evidence: Evidence) -> Any:
    """Return what `predict_proba` gives: a column per class, by sorted labels; of several labels one each."""
    proba: Any = evidence.y_proba
    columns: Any = slice(None) if evidence.kind == "multilabel" else np.argsort(evidence.classes)
    return proba[:, columns]


def _is_ranked(name, evidence):
    """Tell whether a name is an area that `ranking.py` serves; what scikit-learn refuses, it shall refuse itself."""
    if name not in RANKED_NAMES or evidence.kind == "regression":
        return False
    two_classes = evidence.kind == "multiclass" and len(evidence.classes) == 2
    if name == "roc_auc":  # of the raw outputs; not defined for more classes
        return evidence.kind != "multiclass" or two_classes
    of_pairs = "ovo" in name and evidence.kind == "multiclass" and not two_classes
    return evidence.has_proba and not (of_pairs and evidence.sample_weight is not None)


def _roc_auc(name, evidence):
    if evidence.kind == "binary":
        return binary_auc(evidence)
    if evidence.kind == "multiclass" and len(evidence.classes) == 2:
        return _auc_of_two(name, evidence)
    several = evidence.kind == "multilabel" and len(evidence.classes) > 1
    if several and name.endswith("weighted") and not evidence.true_mass.any():
        raise Undefined(one_sided(evidence), 0.0)  # as scikit-learn has it
    if evidence.kind == "multilabel" or "ovo" not in name:
        return auc_of_columns(evidence, RANKED_NAMES[name])
    if evidence.missing:
        raise Undefined(one_sided(evidence))
    return auc_of_pairs(evidence.y_true, rankable(evidence.y_score), weighted=name.endswith("weighted"))


def _auc_of_two(name, evidence):
    """Two columns are a binary problem to scikit-learn: one area, of the greater label."""
    if evidence.missing:
        raise Undefined(one_sided(evidence))
    index = int(np.argsort(evidence.classes)[1])
    if name != "roc_auc":
        return evidence.rankings[index].auc
    return rank(evidence.is_of(index), rankable(decision_of(evidence)), evidence.sample_weight).auc


def _average_precision(evidence):
    """Average precision as scikit-learn has it: macro over columns; of a binary task `pos_label`'s."""
    evidence = evidence if evidence.wants_precision else replace(evidence, wants_precision=True)
    if evidence.kind == "multiclass" and len(evidence.classes) == 2 and 1 in evidence.classes.tolist():
        return _average_precision_of_two(evidence)
    empty = evidence.true_mass == 0
    # A class of all rows has 1: whatever the threshold, nothing wrong is among those above it. One of no row has 0.
    values = np.where(empty, 0.0, 1.0)
    for index, ranking in evidence.rankings.items():
        values[index] = ranking.average_precision
    one = evidence.kind == "binary"
    value = values[evidence.pos_index] if one else values.mean()
    if empty[evidence.pos_index] if one else empty.any():
        raise Undefined(one_sided(evidence), value)
    return value


def _average_precision_of_two(evidence):
    """Of two columns, class 1's, which scikit-learn's own names take for the positive one, by their difference."""
    index = evidence.classes.tolist().index(1)
    if evidence.true_mass[index] == 0:
        raise Undefined(one_sided(evidence), 0.0)
    if evidence.missing:
        return 1.0
    if not evidence.rows_kept:
        if evidence.scale == "margin":
            raise ValueError("of two columns of margins it needs the rows. Pass memory='exact'.")
        return evidence.rankings[index].average_precision
    y_score = rankable(decision_of(evidence))  # of the greater label
    y_score = -y_score if evidence.classes[index] == evidence.classes.min() else y_score
    return rank(evidence.is_of(index), y_score, evidence.sample_weight, precision=True).average_precision


def _weights_for(function, options, weight):
    """Weights of a size that a function of scikit-learn's can work with; those given where its result is of that size.

    A user's own function gets the weights as they are.
    """
    if not is_of_sklearn(function) or _among(function, _TABLES) or not options.get("normalize", True):
        return weight
    factors = next((factors for known, factors in _PRODUCTS.items() if function is known), None)
    return for_sums(weight) if factors is None else tamed(weight, factors)


def is_of_sklearn(function: object) -> bool:
    """Tell whether a function is scikit-learn's own, which leaves its arguments as they are."""
    return str(getattr(function, "__module__", "")).startswith("sklearn.")


def _copied(*arrays):
    return [None if array is None else array.copy() for array in arrays]


def unwrapped(function):
    """Return the function in a partial of keywords, and these."""
    options: dict = {}
    while isinstance(function, functools.partial) and not function.args:
        function, options = function.func, {**function.keywords, **options}
    return function, options


def _among(function, functions):
    """By identity: a callable need not be hashable."""
    return any(function is known for known in functions)


def counts_suffice(function, options, kind):
    """Tell whether a function, with its options, sees the rows of a kind of task through their counts only."""
    known = {"binary": COUNTED, "multiclass": COUNTED, "multilabel": COUNTED_BY_LABEL}.get(kind, ())
    # Weights of the user's own are one per row.
    return _among(function, known) and options.get("average") != "samples" and "sample_weight" not in options


def of_labels(scorer):
    """Return the function and the options of a scorer that calls it with labels; None and {} for any other scorer."""
    if not isinstance(scorer, SCORER_TYPE) or scorer._response_method != "predict":
        return None, {}
    function, options = unwrapped(scorer._score_func)
    return function, {**options, **scorer._kwargs}


@dataclass(eq=False)
class _Given:
    """A small estimator that returns the predictions at hand; it has no features to look at."""

    evidence: Evidence
    copies: bool = False

    def fit(self, X, y):  # noqa: N803
        """Do nothing: there is nothing to fit."""
        return self

    def predict(self, X):  # noqa: N803
        """Return the labels, or a regression's values."""
        return self._own(self.evidence.labels[1])

    def _own(self, array):
        """The array, or where the caller may write into it a copy."""
        return array.copy() if self.copies else array


class _GivenRegressor(RegressorMixin, _Given, BaseEstimator):
    pass


class _GivenClassifier(ClassifierMixin, _Given, BaseEstimator):
    @property
    def classes_(self):
        """The classes; of a multilabel problem, those of each label."""
        if self.evidence.kind == "multilabel":
            return [np.array([0, 1])] * len(self.evidence.classes)
        return np.sort(self.evidence.classes)

    @available_if(lambda self: self.evidence.y_score is not None)
    def decision_function(self, X):  # noqa: N803
        """Return what ranks the rows."""
        return self._own(decision_of(self.evidence))

    @available_if(lambda self: self.evidence.y_proba is not None)
    def predict_proba(self, X):  # noqa: N803
        """Return probabilities."""
        return self._own(proba_of(self.evidence))
