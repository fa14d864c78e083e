"""`scoring=` → a list of `Score` objects, each under the name that it is recorded under."""

import difflib
import functools
import inspect
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sklearn import metrics

from kerascb_metrics.interpret.advice import as_written
from kerascb_metrics.interpret.tasks import TASKS
from kerascb_metrics.score.functions import function_score, unwrapped
from kerascb_metrics.score.panel import CONFUSION_CELLS, PANEL
from kerascb_metrics.score.panels import OF_ANY_TASK
from kerascb_metrics.score.prediction_scorers import PredictionScorer, can_be_called, prediction_score
from kerascb_metrics.score.registry import named_scores
from kerascb_metrics.score.score import Options, Score
from kerascb_metrics.score.sklearn_scorers import SCORER_TYPE, scorer_score

# The methods of metrics that keep a state: of Keras, and of torchmetrics.
_OF_STATE = (("update_state", "result"), ("update", "compute"))
# Functions that rank or weigh scores: with labels they return numbers that look right and are not. The scorer to pass.
_PROBA = "make_scorer({}, response_method='predict_proba')"
_PROBA_LOSS = "make_scorer({}, greater_is_better=False, response_method='predict_proba')"
_DECISION_LOSS = "make_scorer({}, greater_is_better=False, response_method='decision_function')"
NEED_SCORES = {
    "average_precision_score": "'average_precision'",
    "brier_score_loss": "'neg_brier_score'",
    "coverage_error": _PROBA_LOSS,
    "d2_brier_score": "'d2_brier_score'",
    "d2_log_loss_score": "'d2_log_loss_score'",
    "dcg_score": _PROBA,
    "hinge_loss": _DECISION_LOSS,
    "label_ranking_average_precision_score": _PROBA,
    "label_ranking_loss": _PROBA_LOSS,
    "log_loss": "'neg_log_loss'",
    "ndcg_score": _PROBA,
    "roc_auc_score": "'roc_auc'",
    "top_k_accuracy_score": "'top_k_accuracy'",
}


# What a score is called elsewhere, in lower case → its name here.
USUAL_NAMES = {
    **dict.fromkeys(("acc",), "accuracy"),
    **dict.fromkeys(("ap", "pr_auc", "auc_pr", "auprc", "map"), "average_precision"),
    **dict.fromkeys(("auroc", "roc", "roc_auc_score", "auc_roc"), "auc"),
    **dict.fromkeys(("dice", "f1s", "f1_score", "f_score", "fscore", "f1score"), "f1"),
    **dict.fromkeys(("f2_score",), "f2"),
    **dict.fromkeys(("f0.5", "f05", "f0_5_score"), "f0_5"),
    **dict.fromkeys(("miou", "mean_iou", "jaccard_score", "jaccard_index"), "iou"),
    **dict.fromkeys(("sensitivity", "tpr", "hit_rate"), "recall"),
    **dict.fromkeys(("tnr", "selectivity"), "specificity"),
    **dict.fromkeys(("qwk", "quadratic_kappa", "weighted_kappa"), "kappa_quadratic"),
    **dict.fromkeys(("cohen_kappa", "cohens_kappa", "cohen_kappa_score"), "kappa"),
    **dict.fromkeys(("matthews", "phi"), "mcc"),
    **dict.fromkeys(("confusion_matrix", "cm"), "confusion"),
    **dict.fromkeys(("r2_score",), "r2"),
    **dict.fromkeys(("ppv",), "precision"),
}


def parse_scoring(scoring: Any, options: Options) -> tuple[Score, ...]:
    """Return the scores that a `scoring=` asks for, in its order.

    Args:
        scoring: None for the panel; a name, a scorer or a metric function; a list of them, which may contain "panel";
            or a dict name → one.
        options: the options of all of them.

    Raises:
        ValueError: for an empty `scoring=`, an unknown name, two scores with the same name, or an object that is not a
            score.
    """
    if scoring is None:
        scoring = ["panel"]
    if isinstance(scoring, dict):
        named = list(scoring.items())
    else:
        listed = _with_panel(scoring) if isinstance(scoring, list | tuple) else [scoring]
        named = [(_name_of(source), source) for source in listed]
    if not named:
        raise ValueError("Metrics: scoring is empty. Leave it out for the panel, or give at least one score.")
    for name, source in named:
        _check_name(name, [other for other, _ in named])
        _check_source(source)
    return tuple(_score(name, source, options) for name, source in _with_cells(named).items())


def _with_panel(scoring: Sequence[Any]) -> list[Any]:
    """Return a list with the names of all panels in place of "panel", without those that are listed themselves."""
    named = {source for source in scoring if isinstance(source, str)}
    named |= {"confusion"} if CONFUSION_CELLS in named else set()
    panel = [name for name in OF_ANY_TASK if name not in named]
    return [own for source in scoring for own in (panel if isinstance(source, str) and source == "panel" else [source])]


def _score(name: str, source: Any, options: Options) -> Score:
    if isinstance(source, str):
        return replace(named_scores(options)[source], name=name)
    if isinstance(source, PredictionScorer):
        return prediction_score(name, source)
    return scorer_score(name, source) if _is_scorer(source) else function_score(name, source, options)


def _with_cells(named: list[tuple[str, Any]]) -> dict[str, Any]:
    """The cells are the matrix, written to `logs` too: recorded as `confusion`, which may be asked for as well."""
    sources = dict(named)
    if not _is_cells(sources.get(CONFUSION_CELLS)):
        return sources
    del sources[CONFUSION_CELLS]
    other = sources.get("confusion", "confusion")
    if not isinstance(other, str) or other != "confusion":
        raise ValueError(
            f"Metrics: {CONFUSION_CELLS!r} is recorded as 'confusion', but another score has that name. Rename "
            "the other score."
        )
    return {**sources, "confusion": CONFUSION_CELLS}


def _is_cells(source: Any) -> bool:
    return isinstance(source, str) and source == CONFUSION_CELLS


# Names.


def _name_of(source: Any) -> str:
    if isinstance(source, str):
        return source
    inner = source
    while (attribute := _holder_of(inner)) is not None:
        inner = getattr(inner, attribute)
    name = getattr(inner, "__name__", None)
    if callable(source) and name and name.isidentifier():
        return str(name)
    _check_source(source)  # which raises for what is no score
    raise ValueError(
        f"Metrics: the score {shown(source)} has no name to record it under. Pass a dict, scoring={{'name': …}}."
    )


def _holder_of(source: Any) -> str | None:
    """Return the attribute that holds the function inside a partial or a scorer; None for the function itself."""
    if isinstance(source, functools.partial):
        return "func"
    if isinstance(source, PredictionScorer):
        return "function"
    return "_score_func" if isinstance(source, SCORER_TYPE) else None  # scikit-learn shows it in the repr only


def _check_name(name: Any, names: list[Any]) -> None:
    if not isinstance(name, str) or not name:
        raise ValueError(f"Metrics: the names in scoring= must be strings; received {name!r}.")
    if names.count(name) > 1:
        raise ValueError(f"Metrics: scoring= has two scores named {name!r}. Pass a dict with a name for each.")


# Sources.


def _check_source(source: Any) -> None:
    name = _needs_scores(source)
    if name is not None:
        raise ValueError(
            f"Metrics: {name} needs probabilities or decision values, but a metric function receives labels. Pass a "
            f"scorer, scoring={NEED_SCORES[name].format(name)}."
        )
    named = TASKS.get(source) if isinstance(source, str) else source
    kinds = tuple(TASKS.values())
    task = named() if isinstance(named, type) and issubclass(named, kinds) else source
    if isinstance(task, kinds):
        raise ValueError(f"Metrics: {_called(source)} is a task, not a score. Pass {as_written(task)}.")
    if callable(source):
        _refuse_class_or_state(source)
        _check_arguments(source)
        return
    if not isinstance(source, str):
        raise ValueError(
            f"Metrics: a score must be a name, a scorer or a metric function; received {shown(source)}. For other data "
            "pass validation_data=(x, y)."
        )
    known = named_scores(Options())
    if source not in known:
        lower = source.lower().replace("-", "_").removeprefix("val_")
        usual = USUAL_NAMES.get(lower, lower if lower in known else None)
        near = [usual] if usual else difflib.get_close_matches(source, known, n=3)
        of_sklearn = metrics.get_scorer_names()
        own = [*PANEL, *(name for name in known if name not in PANEL and name not in of_sklearn)]
        hint = f"; did you mean {' or '.join(map(repr, near))}?" if near else "."
        raise ValueError(
            f"Metrics: unknown score {source!r}{hint} The names are those of this library ({', '.join(own)}) and of "
            "sklearn.metrics.get_scorer_names()."
        )


def _refuse_class_or_state(source: Any) -> None:
    """Refuse what is called as a function is, and returns no score, or one that earlier calls are part of."""
    if any(hasattr(source, update) and hasattr(source, result) for update, result in _OF_STATE):
        raise ValueError(
            f"Metrics: {_called(source)} is a metric that is updated batch by batch, as those of Keras and "
            "torchmetrics. Those of Keras belong in compile(metrics=[…]); here pass a name such as 'f1', a scorer, or "
            "a function of (y_true, y_pred)."
        )
    if isinstance(source, type):
        raise ValueError(
            f"Metrics: {_called(source)} is a class, not a score. Pass an object of it that can be called with "
            "(y_true, y_pred), a function, a scorer, or a name."
        )


def _check_arguments(source: Any) -> None:
    """Refuse a function that cannot be called as a metric function is."""
    if isinstance(source, PredictionScorer) or _is_scorer(source):
        return
    if can_be_called(source, 2) or can_be_called(source, 2, "sample_weight"):
        return
    name = getattr(source, "__name__", "function")
    if can_be_called(source, 1):
        raise ValueError(
            f"Metrics: {name}{inspect.signature(source)} takes one argument, but a metric function is called with "
            f"(y_true, y_pred). If it scores whole predictions, pass make_prediction_scorer({name})."
        )
    raise ValueError(
        f"Metrics: {name}{inspect.signature(source)} cannot be called with (y_true, y_pred), as metric functions are. "
        f"Fix its other arguments with functools.partial, or name the first argument of a scorer `estimator`."
    )


def _needs_scores(function: Any) -> str | None:
    """Return the name of a scikit-learn function that needs scores where a metric function gets labels, else None."""
    inner, _ = unwrapped(function)
    name = getattr(inner, "__name__", None)
    return name if name in NEED_SCORES and inner is getattr(metrics, name, None) else None


def _is_scorer(source: Any) -> bool:
    """A scorer takes (estimator, X, y), a metric function (y_true, y_pred)."""
    return isinstance(source, SCORER_TYPE) or next(iter(_parameters(source)), None) in ("estimator", "clf", "model")


def _parameters(function: Any) -> Mapping[str, Any]:
    try:
        return inspect.signature(function).parameters
    except ValueError:  # a builtin without a signature
        return {}


def _called(source: Any) -> str:
    return source.__name__ if isinstance(source, type) else repr(source)


def shown(value: Any) -> str:
    """Return a value as a message shows it: arrays and the like by their type only.

    >>> shown(3)
    '3 (int)'
    """
    text = repr(value)
    kind = type(value).__name__
    return f"{text} ({kind})" if len(text) <= 80 and "\n" not in text else f"a {kind}"
