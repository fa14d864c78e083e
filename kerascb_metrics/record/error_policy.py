"""What happens to errors and undefined scores: raised, or recorded with one warning per fit."""

import sys
import traceback
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from kerascb_metrics.exceptions import UndefinedScoreWarning


class ErrorPolicy:
    """The `error_score` policy of one fit; it remembers what it has warned about.

    Args:
        error_score: "raise_first", "raise", or the number to record.
    """

    def __init__(self, error_score: str | float) -> None:
        self._error_score = error_score
        self._warned: set[object] = set()

    def settle(self, error: Exception, epoch: int, first: bool, recorded: str | None = None) -> float:
        """Raise `error`, or warn once and return the value to record in its place.

        Args:
            error: the exception.
            epoch: the epoch, counted from 0.
            first: whether this is the first scored epoch of the fit.
            recorded: what is recorded in its place, in words; None: the returned value.

        Returns:
            The number that `error_score` gives, or nan.
        """
        if self._error_score == "raise" or (self._error_score == "raise_first" and first):
            raise error
        value = float("nan") if self._error_score == "raise_first" else float(self._error_score)
        recorded = str(value) if recorded is None else recorded
        self.warn_once(type(error).__name__, f"epoch {epoch}: recorded {recorded}, because the pass failed: {error}")
        return value

    def report(
        self, undefined: Mapping[str, str], values: Mapping[str, Any], unweighted: Sequence[str], where: str
    ) -> None:
        """Warn about undefined scores and about scores that ignore weights, once per fit for each score.

        Args:
            undefined: score name → cause.
            values: score name → what was recorded.
            unweighted: the names of the scores that take no sample weights.
            where: the epoch, or what else was scored.
        """
        news = {name: cause for name, cause in undefined.items() if ("undefined", name) not in self._warned}
        if news:
            self._warned.update(("undefined", name) for name in news)
            names = {cause: [name for name, of in news.items() if of == cause] for cause in news.values()}
            listed = "; ".join(f"{', '.join(names[cause])}: {cause}" for cause in names)
            _warn(
                f"undefined in {where}: {listed}. {_recorded(news, values)} This warning appears once for each score.",
                UndefinedScoreWarning,
            )
        if unweighted:
            self.warn_once(
                "unweighted", f"scores that take no sample weights are scored without them: {', '.join(unweighted)}."
            )

    def report_left_out(self, left_out: Mapping[str, str], where: str) -> None:
        """Warn about scores that average over some of the classes, once per fit for each score.

        Args:
            left_out: score name → over how many classes it averages, and which are left out.
            where: as in `report`.
        """
        news = {name: which for name, which in left_out.items() if ("left out", name) not in self._warned}
        if news:
            self._warned.update(("left out", name) for name in news)
            listed = "; ".join(f"{name} {which}" for name, which in news.items())
            _warn(
                f"{where}: {listed}. A class of no row, or of all rows, has no ROC curve. "
                "This warning appears once for each score.",
                UndefinedScoreWarning,
            )

    def warn_once(self, topic: object, message: str, category: type[Warning] = UserWarning) -> None:
        """Warn, unless this fit has warned about the topic already.

        Args:
            topic: anything hashable.
            message: the sentence.
            category: the kind of warning.
        """
        if topic not in self._warned:
            self._warned.add(topic)
            _warn(message, category)


def _recorded(names: Iterable[str], values: Mapping[str, Any]) -> str:
    """Return a sentence with the single numbers that were recorded.

    >>> _recorded(["precision", "auc"], {"precision": 0.0, "auc": float("nan")})
    'Recorded: precision 0, auc nan, where `zero_division` stands for 0/0.'
    """
    numbers = [f"{name} {values[name]:.4g}" for name in names if name in values and np.ndim(values[name]) == 0]
    found = f"Recorded: {', '.join(numbers)}" if numbers else "Recorded as nan, or as scikit-learn does it"
    return f"{found}, where `zero_division` stands for 0/0."


def _warn(message: str, category: type[Warning]) -> None:
    warnings.warn(f"Metrics: {message}", category, stacklevel=_levels_to_user() + 1)


def _levels_to_user() -> int:
    """Return how many calls are between the caller and the first code outside this package and Keras: the user's fit.

    `skip_file_prefixes` of `warnings.warn` needs Python 3.12.
    """
    modules = (frame.f_globals.get("__name__", "") for frame, _ in traceback.walk_stack(sys._getframe(1)))
    levels = [str(name).partition(".")[0] not in ("kerascb_metrics", "keras") for name in modules]
    return levels.index(True) if True in levels else 0
