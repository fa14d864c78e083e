"""What can go wrong, and when each is raised."""

import contextlib
from collections.abc import Iterator


class CaptureError(RuntimeError):
    """fit's validation pass cannot be captured: raised when training starts, or at the first validation."""


class DataError(ValueError):
    """Targets, outputs or weights cannot be scored as the task says: raised by the first pass that shows it."""


class ScoringError(ValueError):
    """A score failed on a pass: the message has the score's name, the epoch, the shapes and the error."""


class UndefinedScoreWarning(UserWarning):
    """A score has no value in some epoch (one class only, NaN outputs, a pass cut short …)."""


@contextlib.contextmanager
def naming_output(output: str | None) -> Iterator[None]:
    """Have our own errors name the output, where there are several.

    >>> with naming_output("a"):
    ...     raise DataError("Metrics: the targets hold NaN.")
    Traceback (most recent call last):
        ...
    kerascb_metrics.exceptions.DataError: Metrics: output 'a': the targets hold NaN.
    """
    try:
        yield
    except ValueError as error:
        if output is None or type(error) not in (DataError, ValueError):
            raise
        raise type(error)(str(error).replace("Metrics: ", f"Metrics: output {output!r}: ", 1)) from error
