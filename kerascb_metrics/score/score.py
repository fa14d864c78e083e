"""`scoring=` → named scores; evidence → `{name: value}`."""

import difflib
import functools
import inspect
import numbers
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import numpy as np
from sklearn.metrics import get_scorer, get_scorer_names

from kerascb_metrics.score.needs import needs_rows
from kerascb_metrics.score.panel import AVERAGES, PANEL, Panel, Undefined
from kerascb_metrics.score.sklearn_scorers import (
    COUNTED_NAMES,
    NEED_SCORES,
    RANKED_NAMES,
    SCORER_TYPE,
    needs_scores,
    run_function,
    run_name,
    run_scorer,
    takes_sample_weight,
)

# Dtypes of JAX's numbers that NumPy takes for bytes.
_SMALL_FLOATS = ("bfloat16", "float8_e4m3fn", "float8_e5m2")
_CELLS = "confusion_cells"
_MATRICES = ("confusion", _CELLS)
_RANKED = {"auc", "average_precision", *RANKED_NAMES}


@dataclass(frozen=True)
class Scores:
    """The scores of one pass.

    Attributes:
        values: name → float, or an array: a value a class, or the confusion matrix.
        undefined: name → why it has no value of its own.
        errors: name → the exception that the user's score raised.
        unweighted: the names that take no sample weight, where there are weights.
    """

    values: dict = field(default_factory=dict)
    undefined: dict = field(default_factory=dict)
    errors: dict = field(default_factory=dict)
    unweighted: list = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class Scoring:
    """A checked `scoring=`, with the options of the panel.

    >>> Scoring("accuracy").names
    ('accuracy',)
    >>> Scoring("acuracy")
    Traceback (most recent call last):
        ...
    ValueError: Metrics: unknown score 'acuracy'; did you mean 'accuracy' or ...
    """

    scoring: object = None
    average: str | None = "auto"
    zero_division: float = 0.0
    memory: str = "exact"
    sources: dict = field(init=False)

    def __post_init__(self):
        if self.average not in ("auto", *AVERAGES):
            raise ValueError(
                f"Metrics: average must be 'auto', 'binary', 'micro', 'macro', 'weighted', 'samples' or None; "
                f"received {self.average!r}."
            )
        if self.zero_division not in (0, 1) and str(self.zero_division) != "nan":
            raise ValueError(f"Metrics: zero_division must be 0, 1 or nan; received {self.zero_division!r}.")
        object.__setattr__(self, "sources", _parsed(self.scoring))
        self._refuse_rows(None)

    @property
    def names(self):
        """The names of the scores, in the order they were asked for."""
        return tuple(self.sources)

    @property
    def by_class(self):
        """The names of the scores that have a value a class, whatever the task."""
        ratios = [name for name, source in self.sources.items() if source in ("f1", "precision", "recall")]
        return ratios if self.average is None else []

    @property
    def matrices(self):
        """The names of the confusion matrices."""
        return {name for name, source in self.sources.items() if isinstance(source, str) and source in _MATRICES}

    @property
    def wants_cells(self):
        """Whether a confusion matrix of any size goes to `logs` cell by cell."""
        return _CELLS in self.sources.values()

    @property
    def ranked(self):
        """The names of the scores that rank the rows."""
        return [name for name, source in self.sources.items() if isinstance(source, str) and source in _RANKED]

    def needing_rows(self, kind):
        """Return the names of the scores that need the rows, see `needs_rows`."""
        asked = self._asked(kind).items()
        return [name for name, source in asked if needs_rows(source, self._average_for(kind), kind)]

    @property
    def wants_precision(self):
        """Whether average precision is among the scores."""
        return "average_precision" in self.sources.values()

    def greater_is_better(self):
        """Return name → True, as scorers are by convention, or None where the direction is not known."""
        return {name: _direction(source) for name, source in self.sources.items()}

    def check(self, kind, loss=None):
        """Raise `ValueError` where the scores cannot be had for a kind of task; `loss`: its name, where it is known."""
        of_panel = [name for name, source in self._asked(kind).items() if isinstance(source, str) and source in PANEL]
        if kind == "regression" and of_panel:
            of_loss = "" if loss is None else f" (the loss is {loss})"
            raise ValueError(
                f"Metrics: a regression task has no panel, and so no {', '.join(of_panel)}{of_loss}. Name regression "
                "scores, as in scoring=['r2', 'neg_mean_absolute_error']; or name the task if it is another one, as in "
                "task='binary'."
            )
        if kind == "multilabel" and "kappa" in self._asked(kind).values():
            raise ValueError("Metrics: kappa is not defined for a multilabel task. Leave it out of scoring=.")
        if self.average == "binary" and kind != "binary":
            raise ValueError(
                f"Metrics: average='binary' needs a binary task, this one is {kind}. Pass average='macro', 'micro', "
                "'weighted', or None for a value a class."
            )
        if self.average == "samples" and kind != "multilabel":
            raise ValueError(f"Metrics: average='samples' needs a multilabel task, this one is {kind}.")
        self._refuse_rows(kind)

    def _refuse_rows(self, kind):
        names = self.needing_rows(kind) if self.memory == "bounded" else []
        if names:
            raise ValueError(
                f"Metrics: memory='bounded' keeps counts and no rows, and {', '.join(names)} cannot be had from counts"
                f"{'' if kind is None else f' of a {kind} task'}. Leave it out, or pass memory='exact'."
            )

    def score(self, evidence, only=None):
        """Score one `Evidence`; `only`: some of the names."""
        panel = Panel(evidence, self._average_for(evidence.kind), self.zero_division)
        scores = Scores()
        for name, source in self._asked(evidence.kind).items():
            if only is not None and name not in only:
                continue
            try:
                if evidence.undefined:
                    raise Undefined(evidence.undefined, self._blank(source, evidence))
                value = recordable(self._run(source, evidence, panel))
            except Undefined as undefined:
                value, scores.undefined[name] = undefined.value, undefined.cause
            except Exception as error:  # a user's score; the callback raises it or records nan, as error_score says
                value, scores.errors[name] = float("nan"), error
            scores.values[name] = recordable(value)
            if evidence.sample_weight is not None and not _weighted(source):
                scores.unweighted.append(name)
        return scores

    def _asked(self, kind):
        if self.scoring is None and kind == "multilabel":
            return {name: source for name, source in self.sources.items() if name != "kappa"}  # scikit-learn has none
        return self.sources

    def _average_for(self, kind):
        if self.average != "auto":
            return self.average
        return "binary" if kind == "binary" else "macro"

    def _run(self, source, evidence, panel):
        if isinstance(source, str):
            if source == _CELLS:
                return panel.confusion()
            if source in PANEL:
                return getattr(panel, source)()
            if source in COUNTED_NAMES:
                return run_function(COUNTED_NAMES[source], evidence, self.zero_division)
            return run_name(source, evidence, self.zero_division)
        if _is_scorer(source):
            return run_scorer(source, evidence)
        return run_function(source, evidence, self.zero_division)

    def _blank(self, source, evidence):
        """The nan that stands for a score of a pass that cannot be scored, in the shape it has elsewhere."""
        if source in ("confusion", _CELLS):
            size = len(evidence.classes)
            return np.full((size, 2, 2) if evidence.kind == "multilabel" else (size, size), np.nan)
        per_class = self.average is None and source in ("f1", "precision", "recall")
        per_class = per_class or (self.average is None and source == "auc" and evidence.kind != "binary")
        return np.full(len(evidence.classes), np.nan) if per_class else float("nan")


def _parsed(scoring):
    if scoring is None:
        return {name: name for name in PANEL}
    if isinstance(scoring, dict):
        named = list(scoring.items())
    else:
        listed = scoring if isinstance(scoring, list | tuple) else [scoring]
        named = [(_name_of(score), score) for score in listed]
    if not named:
        raise ValueError("Metrics: scoring is empty. Leave it out for the panel, or name one score at least.")
    for name, source in named:
        _check_name(name, [other for other, _ in named])
        _check_source(source)
    return _with_cells(named)


def _with_cells(named):
    """The cells are the matrix, written to `logs` too: recorded as `confusion`, whether that is asked for or not."""
    sources = dict(named)
    if not _is_cells(sources.get(_CELLS)):
        return sources
    del sources[_CELLS]
    if sources.get("confusion", "confusion") != "confusion":
        raise ValueError(
            f"Metrics: the cells of {_CELLS!r} are recorded under 'confusion', which is the name of another score. "
            "Give that one another name."
        )
    return {**sources, "confusion": _CELLS}


def _is_cells(source):
    return isinstance(source, str) and source == _CELLS


def _name_of(score):
    if isinstance(score, str):
        return score
    inner = score
    while isinstance(inner, functools.partial | SCORER_TYPE):
        # scikit-learn shows a scorer's function in the repr only
        inner = inner.func if isinstance(inner, functools.partial) else inner._score_func
    name = getattr(inner, "__name__", None)
    if callable(score) and name and name.isidentifier():
        return name
    if not callable(score):
        _check_source(score)  # which raises
    raise ValueError(
        f"Metrics: the score {_shown(score)} has no name to record it under. Pass a dict, scoring={{'name': …}}."
    )


def _shown(value):
    """A value in a message: arrays and the like by their type only."""
    text = repr(value)
    kind = type(value).__name__
    return f"{text} ({kind})" if len(text) <= 80 and "\n" not in text else f"a {kind}"


def _check_name(name, names):
    if not isinstance(name, str) or not name:
        raise ValueError(f"Metrics: the names in scoring= must be strings; received {name!r}.")
    if names.count(name) > 1:
        raise ValueError(f"Metrics: scoring= has two scores named {name!r}. Pass a dict with a name for each.")


def _check_source(source):
    name = needs_scores(source)
    if name is not None:
        scorer = f"{NEED_SCORES[name]!r}, or " if NEED_SCORES[name] else ""
        raise ValueError(
            f"Metrics: {name} needs scores, and a metric function is called with labels. Name the scorer: {scorer}"
            f"make_scorer({name}, response_method='predict_proba')."
        )
    if callable(source):
        return
    known = [*PANEL, _CELLS, *get_scorer_names()]
    if not isinstance(source, str):
        raise ValueError(
            f"Metrics: a score must be a name, a scorer or a metric function; received {_shown(source)}. For data of "
            "its own pass validation_data=(x, y)."
        )
    if source not in known:
        near = difflib.get_close_matches(source, known, n=3)
        hint = f"; did you mean {' or '.join(map(repr, near))}?" if near else "."
        raise ValueError(
            f"Metrics: unknown score {source!r}{hint} The names are the panel's ({', '.join(PANEL)}), "
            f"{_CELLS!r}, and those of sklearn.metrics.get_scorer_names()."
        )


def _is_scorer(source):
    """A scorer takes (estimator, X, y); a metric function (y_true, y_pred)."""
    return isinstance(source, SCORER_TYPE) or next(iter(_parameters(source)), None) in ("estimator", "clf", "model")


def _parameters(function):
    try:
        return inspect.signature(function).parameters
    except ValueError:  # a builtin without a signature
        return {}


def _direction(source):
    if source in ("confusion", _CELLS):
        return None
    return True if isinstance(source, str) or _is_scorer(source) else None


def _weighted(source):
    if not isinstance(source, str):
        return takes_sample_weight(source)
    if source in (*PANEL, _CELLS, *COUNTED_NAMES):
        return True
    return takes_sample_weight(get_scorer(source))


def recordable(value: Any) -> float | np.ndarray:
    """Return a Python float for a single real number, and of several an array of its own.

    Raises:
        TypeError: for anything else, such as None, text, complex numbers, a dict, a masked array.
        ValueError: for an array without values, or lists of different lengths.

    >>> recordable([1, 2]), recordable(True)
    (array([1, 2]), 1.0)
    """
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError("it returned a masked array; a score is a number or an array of numbers.")
    if hasattr(value, "detach"):  # a tensor of PyTorch's
        value = value.detach().cpu().numpy()
    array = np.array(value)  # a copy: the next call may write into the one returned
    if array.dtype.kind == "O" and all(isinstance(item, numbers.Real | Decimal) for item in array.ravel()):
        array = np.array([float(item) for item in array.ravel()]).reshape(array.shape)
    if array.dtype.name in _SMALL_FLOATS or (array.dtype.kind == "f" and array.itemsize > 8):
        array = array.astype(np.float64)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"it returned {_shown(value)}; a score is a number or an array of numbers.")
    if not array.size:
        raise ValueError(f"it returned an array of shape {array.shape}, without a value.")
    return float(array) if array.ndim == 0 else array
