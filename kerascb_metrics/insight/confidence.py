"""What a confidence interval is: two ends, how they were found, and why there are none where nothing can be said."""

from typing import NamedTuple


class _Ends(NamedTuple):
    low: float
    high: float


class ConfidenceInterval(_Ends):
    """`(low, high)`: an interval that, for most samples of validation rows, holds the score of all possible rows.

    It speaks of the sampling of validation rows alone: not of seeds, nor of training.

    Attributes:
        low: the lower end; nan where nothing honest can be said.
        high: the upper end.
        method: how it was found, in words.
        reason: why it is nan; "" if it is not.

    >>> ConfidenceInterval(0.25, 0.75, method="Wilson")
    ConfidenceInterval(low=0.25, high=0.75, method='Wilson')
    """

    method: str
    reason: str

    def __new__(cls, low: float, high: float, method: str = "", reason: str = "") -> "ConfidenceInterval":
        """Make an interval."""
        made = super().__new__(cls, float(low), float(high))
        made.method, made.reason = method, reason
        return made

    def __repr__(self) -> str:
        told = f"reason={self.reason!r}" if self.reason else f"method={self.method!r}"
        return f"ConfidenceInterval(low={self.low!r}, high={self.high!r}, {told})"

    def __getnewargs__(self) -> tuple[float, float, str, str]:  # of two ends in a NamedTuple
        """Return the arguments of a copy, which pickles use."""
        return self.low, self.high, self.method, self.reason


def unknown(reason: str) -> ConfidenceInterval:
    """Return the interval of which nothing honest can be said."""
    return ConfidenceInterval(float("nan"), float("nan"), reason=reason)


def check_level(confidence_level: float) -> None:
    """Raise `ValueError` for a level that is not between 0 and 1."""
    if isinstance(confidence_level, bool) or not 0 < float(confidence_level) < 1:
        raise ValueError(f"confidence_level must be between 0 and 1, such as 0.95; received {confidence_level!r}.")
