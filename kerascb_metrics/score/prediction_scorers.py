"""Scores of whole predictions: functions of the unflattened `Predictions` of one output."""

import inspect
import reprlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from kerascb_metrics.interpret.kinds import KINDS
from kerascb_metrics.score.score import Score
from kerascb_metrics.tally.exact import ExactTally
from kerascb_metrics.tally.tally import Tally


@dataclass(frozen=True, repr=False)
class PredictionScorer:
    """A function of `Predictions` and its direction, for `scoring=`. It can be called like the function itself."""

    function: Callable[[Any], Any]
    greater_is_better: bool = True

    def __call__(self, predictions: Any) -> Any:
        """Return what the function returns."""
        return self.function(predictions)

    def __repr__(self) -> str:
        name = getattr(self.function, "__name__", None) or reprlib.repr(self.function)
        direction = "" if self.greater_is_better else ", greater_is_better=False"
        return f"make_prediction_scorer({name}{direction})"


def make_prediction_scorer(function: Callable[[Any], Any], greater_is_better: bool = True) -> PredictionScorer:
    """Make a score of a function of the whole, unflattened `Predictions` of one output.

    Use it for scores that need whole samples: sequence accuracy, entity F1, BLEU, Dice of each image. The function gets
    every row and position, also those that a mask hides: `predictions.samples()` iterates one sample at a time.
    The name of the score is that of the function, or the key in a dict `scoring=`.

    Args:
        function: called with the `Predictions` of a pass, whose arrays are read-only; returns a number or an array of
            numbers. If the model has several outputs, it is called for each of them.
        greater_is_better: the direction, for Keras's monitors and `history.best`. The value is recorded as the function
            returns it, also if smaller is better: no sign changes, unlike in scikit-learn's `make_scorer`.

    Returns:
        A scorer for `Metrics(scoring=…)`, alone, in a list or in a dict.

    Raises:
        ValueError: if the function cannot be called with one argument, or `greater_is_better` is not True or False.

    >>> def rows(predictions):
    ...     return len(predictions)
    >>> make_prediction_scorer(rows)
    make_prediction_scorer(rows)
    """
    if not callable(function):
        raise ValueError(
            f"make_prediction_scorer: function must be a function of Predictions; received {reprlib.repr(function)}."
        )
    if isinstance(function, PredictionScorer):
        raise ValueError(f"make_prediction_scorer: function is a scorer already; received {function!r}. Pass it as is.")
    if not isinstance(greater_is_better, bool):
        raise ValueError(
            f"make_prediction_scorer: greater_is_better must be True or False; received {greater_is_better!r}."
        )
    if not can_be_called(function, 1):
        raise ValueError(
            "make_prediction_scorer: the function must take one argument, the Predictions; received "
            f"{getattr(function, '__name__', reprlib.repr(function))}{inspect.signature(function)}. For a function "
            "(y_true, y_pred) of labels, pass the function itself to scoring=."
        )
    return PredictionScorer(function, greater_is_better)


def prediction_score(name: str, scorer: PredictionScorer) -> Score:
    """Return the `Score` of a scorer of whole predictions."""
    return Score(
        name,
        partial(_run, scorer.function),
        dict.fromkeys(KINDS, "rows"),
        greater_is_better=scorer.greater_is_better,
        takes_elements=KINDS,
        whole=True,
    )


def can_be_called(function: Callable[..., Any], arguments: int, *names: str) -> bool:
    """Return whether a function can be called with some arguments; True if nothing tells.

    Args:
        function: any callable.
        arguments: how many arguments are given by position.
        names: those that are given by name.

    >>> can_be_called(len, 1), can_be_called(len, 2)
    (True, False)
    """
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # a builtin without a signature
        return True
    try:
        signature.bind(*[None] * arguments, **dict.fromkeys(names))
    except TypeError:
        return False
    return True


def _run(function: Callable[[Any], Any], tally: Tally) -> Any:
    rows = tally.rows if isinstance(tally, ExactTally) else None
    if rows is None:
        raise ValueError("it needs the predictions of a whole pass, but only labels and scores of rows are at hand.")
    return function(rows.read_only())  # so that it cannot change what other scores are computed from
