"""scikit-learn's scorers, unchanged, on an estimator that returns the predictions at hand."""

import functools
import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from sklearn import metrics
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.metaestimators import available_if

from kerascb_metrics.interpret.columns import one_score
from kerascb_metrics.interpret.kinds import CLASSIFICATION, INFERRED, KINDS, RANKED, Kind
from kerascb_metrics.interpret.weights import for_sums
from kerascb_metrics.score.functions import (
    averages_columns,
    copied,
    counts_suffice,
    is_by_column,
    is_of_sklearn,
    mean_over_columns,
    run_function,
    takes_sample_weight,
    unwrapped,
    weights_for,
)
from kerascb_metrics.score.score import Needs, Options, Score, rows_of
from kerascb_metrics.tally.exact import ExactTally, rankable
from kerascb_metrics.tally.tally import Tally

SCORER_TYPE: Any = type(metrics.make_scorer(metrics.accuracy_score))

# Names whose function must know all classes where one has no true row in a pass: the function's name and its sign.
_LABELLED_NAMES = {
    "d2_brier_score": ("d2_brier_score", 1),
    "d2_log_loss_score": ("d2_log_loss_score", 1),
    "neg_brier_score": ("brier_score_loss", -1),
    "neg_log_loss": ("log_loss", -1),
    "top_k_accuracy": ("top_k_accuracy_score", 1),
}
_BRIER_NAMES = {"d2_brier_score", "neg_brier_score"}


def named_scorers(options: Options) -> Iterator[Score]:
    """Yield the score of every scorer name of scikit-learn's."""
    for name in metrics.get_scorer_names():
        scorer = metrics.get_scorer(name)
        needs: dict[Kind, Needs] = dict.fromkeys(_kinds_of(scorer), "rows")
        if name == "jaccard":  # of the positive class, see `run_named_scorer`; scikit-learn refuses several classes
            needs = {"binary": "counts", "regression": "rows"}
        yield Score(
            name,
            partial(run_named_scorer, name, options=options),
            needs,
            takes_weight=takes_sample_weight(scorer),
            takes_elements=("regression",) if averages_columns(*of_labels(scorer)) else (),
            needs_proba=needs_proba(scorer),
        )


def scorer_score(name: str, scorer: Any) -> Score:
    """Return the score of a scorer object, or of a callable `(estimator, X, y)`."""
    function, options = of_labels(scorer)
    known = function is not None
    counted = [kind for kind in CLASSIFICATION if known and counts_suffice(function, options, kind)]
    needs: dict[Kind, Needs] = {kind: "counts" if kind in counted else "rows" for kind in _kinds_of(scorer)}
    return Score(
        name,
        partial(run_scorer, scorer),
        needs,
        takes_weight=takes_sample_weight(scorer),
        takes_elements=("regression",) if averages_columns(function, options) else (),
        needs_proba=needs_proba(scorer),
    )


def run_named_scorer(name: str, tally: Tally, options: Options | None = None) -> Any:
    """Run one of scikit-learn's named scorers."""
    if tally.kind == "binary" and name == "jaccard":
        score = functools.partial(metrics.jaccard_score, pos_label=tally.classes[tally.pos_index])
        return run_function(score, tally, options or Options())
    if name in _LABELLED_NAMES and tally.kind in ("binary", "multiclass") and tally.unranked:
        return _run_labelled(name, rows_of(tally))
    return run_scorer(metrics.get_scorer(name), tally)


def run_scorer(scorer: Any, tally: Tally) -> Any:
    """Run a scorer on an estimator that returns the predictions at hand."""
    function, options = of_labels(scorer)
    # scikit-learn takes fractions for numbers, not for classes; `run_function` has codes for them.
    in_codes = tally.codes is not tally.classes and function is not None
    if not tally.has_rows or (in_codes and counts_suffice(function, options, tally.kind)):
        if function is None:
            raise ValueError("it needs probabilities, and the outputs are margins.")
        return scorer._sign * run_function(functools.partial(function, **options), tally, Options())
    if is_by_column(tally) and averages_columns(function, options):
        return mean_over_columns(partial(run_scorer, scorer), tally)
    exact = rows_of(tally)
    inner, own = unwrapped(getattr(scorer, "_score_func", scorer))
    y_true, weight = exact.labels[0], exact.sample_weight
    copies = not is_of_sklearn(inner)  # it may write into its arguments
    if copies:
        y_true, weight = copied(y_true), copied(weight)
    kind = _GivenRegressor if tally.kind == "regression" else _GivenClassifier
    own = {**own, **getattr(scorer, "_kwargs", {})}
    options = {}
    if weight is not None and takes_sample_weight(scorer) and "sample_weight" not in own:
        options["sample_weight"] = weights_for(inner, own, weight)
    return scorer(kind(exact, copies), None, y_true, **options)


def _kinds_of(scorer: Any) -> Sequence[Kind]:
    """Return the kinds of task that a scorer may be defined for: grades are labels, and nothing ranks the rows."""
    of_outputs = isinstance(scorer, SCORER_TYPE) and of_labels(scorer)[0] is None
    return INFERRED if of_outputs else KINDS


def needs_proba(scorer: Any) -> bool:
    """Return whether a scorer calls its function with probabilities, and with nothing else.

    >>> needs_proba(metrics.get_scorer("neg_log_loss")), needs_proba(metrics.get_scorer("roc_auc"))
    (True, False)
    """
    return isinstance(scorer, SCORER_TYPE) and scorer._response_method in ("predict_proba", ("predict_proba",))


def of_labels(scorer: Any) -> tuple[Any, dict[str, Any]]:
    """Return the function and the options of a scorer that calls it with labels; None and {} for any other scorer."""
    if not isinstance(scorer, SCORER_TYPE) or scorer._response_method != "predict":
        return None, {}
    function, options = unwrapped(scorer._score_func)
    return function, {**options, **scorer._kwargs}


def _run_labelled(name: str, tally: ExactTally) -> Any:
    function_name, sign = _LABELLED_NAMES[name]
    function = getattr(metrics, function_name)
    by_decision = name == "top_k_accuracy"
    of_two = name == "neg_brier_score" and len(tally.classes) == 2 and tally.y_proba is not None
    unlabelled = len(tally.classes) == 2 or "labels" not in inspect.signature(function).parameters
    if (name in _BRIER_NAMES and unlabelled and not of_two) or (tally.y_proba is None and not by_decision):
        return run_scorer(metrics.get_scorer(name), tally)
    y_score = decision_of(tally) if by_decision else proba_of(tally)
    weight = None if tally.sample_weight is None else for_sums(tally.sample_weight)
    if of_two:  # without labels, scikit-learn takes the greatest that occurs for the positive one
        is_greater = (tally.labels[0] == np.sort(tally.classes)[1]).astype(int)
        return sign * function(is_greater, y_score[:, 1], sample_weight=weight, pos_label=1)
    return sign * function(tally.labels[0], y_score, labels=np.sort(tally.classes), sample_weight=weight)


def decision_of(tally: ExactTally) -> np.ndarray:
    """Return what `decision_function` returns, by sorted labels: for two classes one column, of the greater label.

    That column is the raw score, negated where it is one of the lesser label: 1 − p would round, and so tie, small p.
    """
    if tally.kind == "multilabel":
        return tally.y_score
    order = np.argsort(tally.classes)
    if tally.kind == "binary":
        return tally.y_score if order[1] == 1 else -rankable(tally.y_score)
    outputs = np.asarray(tally.outputs)[:, order]
    return outputs if len(order) > 2 else one_score(outputs, tally.scale)


def proba_of(tally: ExactTally) -> Any:
    """Return what `predict_proba` returns: one column per class, by sorted labels; for labels one each."""
    proba: Any = tally.y_proba
    columns: Any = slice(None) if tally.kind == "multilabel" else np.argsort(tally.classes)
    return proba[:, columns]


@dataclass(eq=False)
class _Given:
    """A small estimator that returns the predictions at hand; it looks at no features."""

    tally: ExactTally
    copies: bool = False

    def fit(self, X: Any, y: Any) -> "_Given":  # noqa: N803
        """Do nothing: there is nothing to fit."""
        return self

    def predict(self, X: Any) -> Any:  # noqa: N803
        """Return the labels, or a regression's values."""
        return self._own(self.tally.labels[1])

    def _own(self, array: Any) -> Any:
        """Return the array, or a copy where the caller may write into it."""
        return array.copy() if self.copies else array


class _GivenRegressor(RegressorMixin, _Given, BaseEstimator):
    pass


class _GivenClassifier(ClassifierMixin, _Given, BaseEstimator):
    @property
    def classes_(self) -> Any:
        """The classes; of a multilabel problem, those of each label."""
        if self.tally.kind == "multilabel":
            return [np.array([0, 1])] * len(self.tally.classes)
        return np.sort(self.tally.classes)

    @available_if(lambda self: self.tally.kind in RANKED)  # type: ignore[untyped-decorator]
    def decision_function(self, X: Any) -> Any:  # noqa: N803
        """Return what ranks the rows."""
        return self._own(decision_of(self.tally))

    @available_if(lambda self: self.tally.y_proba is not None)  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any) -> Any:  # noqa: N803
        """Return probabilities."""
        return self._own(proba_of(self.tally))
