"""What becomes of errors and undefined scores: raised, or recorded with one warning a fit."""

import warnings

from kerascb_metrics.exceptions import UndefinedScoreWarning


class ErrorPolicy:
    """The `error_score` policy of one fit, and the memory of what was said in it.

    Args:
        error_score: "raise_first", "raise", or the number to record.
    """

    def __init__(self, error_score):
        self._error_score = error_score
        self._said = set()

    def settle(self, error, epoch, first):
        """Raise `error`, or warn once and return the value that stands for it.

        Args:
            error: the exception.
            epoch: the epoch, counted from 0.
            first: whether this is the first scored epoch of the fit.
        """
        if self._error_score == "raise" or (self._error_score == "raise_first" and first):
            raise error
        value = float("nan") if self._error_score == "raise_first" else float(self._error_score)
        self.say(f"{type(error).__name__}", f"epoch {epoch + 1}: recorded {value}, for the pass failed: {error}")
        return value

    def report(self, undefined, unweighted, epoch):
        """Warn, once a fit for each score, of what is undefined, name → cause; and of names that ignore weights."""
        news = {name: cause for name, cause in undefined.items() if ("undefined", name) not in self._said}
        if news:
            self._said.update(("undefined", name) for name in news)
            causes = {cause: [name for name, of in news.items() if of == cause] for cause in news.values()}
            told = "; ".join(f"{', '.join(names)}: {cause}" for cause, names in causes.items())
            _warn(
                f"undefined in epoch {epoch + 1} (counted from 1): {told}. Recorded as nan, or as `zero_division` "
                "where scikit-learn does so. Said once a fit for each score.",
                UndefinedScoreWarning,
            )
        if unweighted:
            names = ", ".join(unweighted)
            self.say("unweighted", f"scores that take no sample weights are scored without them: {names}.")

    def say(self, topic, message, category=UserWarning):
        """Warn, if nothing was said on the topic in this fit."""
        if topic not in self._said:
            self._said.add(topic)
            _warn(message, category)


def _warn(message, category):
    warnings.warn(f"Metrics: {message}", category, stacklevel=2)
