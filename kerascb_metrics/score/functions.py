"""Metric functions `(y_true, y_pred)`, called with labels, or with counts if they are enough."""

import functools
import inspect
import math
import numbers
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import partial
from typing import Any, TypeGuard

import numpy as np
from sklearn import metrics

from kerascb_metrics.interpret.kinds import KINDS, Kind
from kerascb_metrics.interpret.weights import FOUR_FACTORS, TWO_FACTORS, for_sums, tamed
from kerascb_metrics.score.precision_recall_f1 import RATIOS, is_single_label, precision_recall_f1
from kerascb_metrics.score.score import AVERAGES, Needs, Options, Score, Undefined, rows_of
from kerascb_metrics.tally.exact import ExactTally
from kerascb_metrics.tally.tally import Tally

Function = Callable[..., Any]

# Functions that depend on the pairs (true, predicted) only through their counts. Known ones, never a guess.
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
# Those among them that depend on a multilabel problem only through TP, FP and FN of each label.
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
_BY_AVERAGE = {
    "f1": metrics.f1_score,
    "jaccard": metrics.jaccard_score,
    "precision": metrics.precision_score,
    "recall": metrics.recall_score,
}
# Scorer names that are a counted function, with options or without.
_NAMES = {
    "accuracy": metrics.accuracy_score,
    "balanced_accuracy": metrics.balanced_accuracy_score,
    "matthews_corrcoef": metrics.matthews_corrcoef,
    **{
        f"{name}_{average}": partial(function, average=average, pos_label=None)
        for name, function in _BY_AVERAGE.items()
        for average in ("micro", "macro", "weighted", "samples")
    },
}


def counted_scores(options: Options) -> Iterator[Score]:
    """Yield the scores of scikit-learn's names that counts suffice for."""
    for name, function in _NAMES.items():
        yield Score(name, partial(run_function, function, options=options), needs_of(function))


def function_score(name: str, function: Function, options: Options) -> Score:
    """Return the score of a metric function, whose direction is unknown."""
    return Score(
        name,
        partial(run_function, function, options=options),
        needs_of(function),
        greater_is_better=None,
        takes_weight=takes_sample_weight(function),
        takes_elements=("regression",) if averages_columns(*unwrapped(function)) else (),
        of_classes=partial(function_of_classes, function, options=options) if has_average(function) else None,
    )


def has_average(function: Function) -> bool:
    """Return whether a metric function has an argument `average`."""
    inner, _ = unwrapped(function)
    try:
        return "average" in inspect.signature(inner).parameters
    except ValueError:  # a builtin without a signature
        return False


def function_of_classes(function: Function, tally: Tally, options: Options) -> Any:
    """Call a metric function that has an argument `average` with `average=None`, so that it returns one per class."""
    inner, own = unwrapped(function)
    own = {name: value for name, value in own.items() if name not in ("average", "labels", "pos_label")}
    if tally.kind == "multilabel" and len(tally.classes) == 1:  # its cells are those of a binary problem
        return np.array([run_function(partial(inner, **own, average="binary"), tally, options)])
    if tally.kind != "multilabel" and "labels" in inspect.signature(inner).parameters:
        own["labels"] = tally.classes
    values = run_function(partial(inner, **own, average=None), tally, options)
    if np.shape(values) != (len(tally.classes),):
        raise ValueError(
            f"with average=None it returned an array of shape {np.shape(values)}; per_class=True needs one value for "
            f"each of the {len(tally.classes)} classes."
        )
    return values


def needs_of(function: Function) -> dict[Kind, Needs]:
    """Return what a metric function needs, by kind of task."""
    inner, options = unwrapped(function)
    return {kind: "counts" if counts_suffice(inner, options, kind) else "rows" for kind in KINDS}


def averages_columns(function: Function, options: dict[str, Any]) -> bool:
    """Return whether a metric function of regressions averages the values of the columns, each on its own."""
    if not is_of_sklearn(function) or "sample_weight" in options:
        return False
    parameter = inspect.signature(function).parameters.get("multioutput")
    average = options.get("multioutput", None if parameter is None else parameter.default)
    return isinstance(average, str) and average == "uniform_average"


def is_by_column(tally: Tally) -> TypeGuard[ExactTally]:
    """Return whether a tally is of a regression of which single elements are left out or weighted."""
    return isinstance(tally, ExactTally) and tally.kind == "regression" and tally.by_element


def mean_over_columns(score: Callable[[Tally], Any], tally: ExactTally) -> float:
    """Return the mean of a regression score over columns, each on the rows that have a target there.

    Args:
        score: called with the tally of one column.
        tally: of a regression, `by_element`.
    """
    columns = [ExactTally(tally.labeled.column(index)) for index in range(tally.y_true.shape[1])]
    for index, column in enumerate(columns):
        if column.undefined:
            raise Undefined(f"column {index}: {column.undefined}")
    return float(np.mean([score(column) for column in columns]))


def run_function(function: Function, tally: Tally, options: Options) -> Any:
    """Call a metric function with labels, or with the counts if they are enough."""
    inner, own = unwrapped(function)
    if is_by_column(tally) and averages_columns(inner, own):
        return mean_over_columns(partial(run_function, function, options=options), tally)
    if _among(inner, COUNTED) and "zero_division" in inspect.signature(inner).parameters:
        own = {"zero_division": options.zero_division, **own}
    counted = counts_suffice(inner, own, tally.kind)
    own = _in_codes(inner, own, tally) if counted else own
    if _among(inner, RATIOS) and counted and (arguments := _for_formulas(own, tally)):
        return precision_recall_f1(tally, **arguments)[RATIOS[inner]]
    y_true, y_pred, weight = tally.cells if counted else _labels(tally)
    if not is_of_sklearn(inner):  # it may write into its arguments
        y_true, y_pred, weight = copied(y_true), copied(y_pred), copied(weight)
    if weight is not None and takes_sample_weight(inner) and "sample_weight" not in own:
        own["sample_weight"] = weights_for(inner, own, weight)
    return inner(y_true, y_pred, **own)


def _in_codes(function: Function, options: dict[str, Any], tally: Tally) -> dict[str, Any]:
    """Return options with the labels in them as `Tally.codes`, which differ where classes are fractions."""
    if tally.kind == "multilabel" or tally.codes is tally.classes:
        return options
    found = dict(options)
    if options.get("labels") is not None:
        found["labels"] = [_code_of(label, tally) for label in np.asarray(options["labels"]).tolist()]
    parameter = inspect.signature(function).parameters.get("pos_label")
    if parameter is not None and len(tally.classes) == 2 and options.get("average", "binary") == "binary":
        found["pos_label"] = _code_of(options.get("pos_label", parameter.default), tally)
    return found


def _for_formulas(options: dict[str, Any], tally: Tally) -> dict[str, Any] | None:
    """Return the arguments of `precision_recall_f1` for options of scikit-learn's functions.

    None: scikit-learn itself is called, because it may warn or raise.
    """
    asked = {"average": "binary", "labels": None, "pos_label": 1, **options}
    average, zero_division = asked.pop("average"), asked.pop("zero_division")
    labels, pos_label = asked.pop("labels"), asked.pop("pos_label")
    if asked or average not in AVERAGES or not _is_zero_division(zero_division):
        return None
    if average == "binary":
        labels, is_known = [pos_label], is_single_label(tally) or tally.kind == "binary"
    else:
        is_known = pos_label in (None, 1) and (labels is None or tally.kind != "multilabel")
    classes = None if labels is None else _indices_of(labels, tally)
    if not is_known or (labels is not None and not classes):
        return None
    return {"average": average, "zero_division": float(zero_division), "classes": classes}


def _is_zero_division(value: Any) -> bool:
    return isinstance(value, numbers.Real) and (value in (0, 1) or math.isnan(value))


def _indices_of(labels: Iterable[Any], tally: Tally) -> tuple[int, ...]:
    """Return the class indices of different labels; none if a label is not one of the classes, or listed twice."""
    codes = [0, 1] if is_single_label(tally) else tally.codes.tolist()
    indices, listed = {code: index for index, code in enumerate(codes)}, list(labels)
    found = tuple(indices[label] for label in listed if label in indices)
    return found if len(set(found)) == len(listed) else ()


def _code_of(label: Any, tally: Tally) -> int:
    if label not in tally.classes.tolist():
        raise ValueError(f"{label!r} is not one of the classes {', '.join(map(str, tally.classes.tolist()))}.")
    return int(tally.codes[tally.classes.tolist().index(label)])


def _labels(tally: Tally) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    exact = rows_of(tally)
    return *exact.labels, exact.sample_weight


def counts_suffice(function: Function, options: dict[str, Any], kind: Kind) -> bool:
    """Tell whether a function, with its options, depends on the rows of a kind of task only through their counts."""
    if kind == "regression" or "sample_weight" in options:  # such weights are the user's own, one per row
        return False
    known = COUNTED_BY_LABEL if kind == "multilabel" else COUNTED
    return _among(function, known) and options.get("average") != "samples"


def weights_for(function: Function, options: dict[str, Any], weight: np.ndarray) -> np.ndarray:
    """Return weights of a size that a function of scikit-learn's can work with.

    A user's own function, and one whose result is of the size of the weights, gets them as they are.
    """
    if not is_of_sklearn(function) or _among(function, _TABLES) or not options.get("normalize", True):
        return weight
    factors = next((factors for known, factors in _PRODUCTS.items() if function is known), None)
    return for_sums(weight) if factors is None else tamed(weight, factors)


def takes_sample_weight(score: Any) -> bool:
    """Tell whether a scorer or metric function takes sample weights."""
    function = getattr(score, "_score_func", score)
    try:
        return "sample_weight" in inspect.signature(function).parameters
    except ValueError:  # a builtin without a signature
        return False


def is_of_sklearn(function: object) -> bool:
    """Tell whether a function is scikit-learn's own, which leaves its arguments as they are."""
    return str(getattr(function, "__module__", "")).startswith("sklearn.")


def unwrapped(function: Any) -> tuple[Any, dict[str, Any]]:
    """Return the function inside a partial, and its keywords.

    >>> unwrapped(partial(max, key=len))[0] is max
    True
    """
    options: dict[str, Any] = {}
    while isinstance(function, functools.partial) and not function.args:
        function, options = function.func, {**function.keywords, **options}
    return function, options


def copied(array: Any) -> Any:
    """Return a copy of an array; None for None."""
    return None if array is None else array.copy()


def _among(function: Any, functions: Collection[Any]) -> bool:
    """Tell by identity, because a callable need not be hashable."""
    return any(function is known for known in functions)
