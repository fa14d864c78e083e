"""The errors and warnings of this package, and when each is raised."""

import contextlib
from collections.abc import Iterator


class CaptureError(RuntimeError):
    """The rows of a validation pass cannot be captured. Raised when training starts, or at the first validation."""


class DataError(ValueError):
    """Targets, outputs or weights cannot be scored as the task needs. Raised by the first pass that shows it."""


class ScoringError(ValueError):
    """A score failed in a pass. The message contains its name, the epoch, the shapes and the original error."""


class UndefinedScoreWarning(UserWarning):
    """A score has no value in some epoch, or its value leaves out some classes.

    The cause is a missing class, NaN outputs, or a pass that was cut short.
    """


@contextlib.contextmanager
def naming_output(output: str | None) -> Iterator[None]:
    """Make our own errors name the output if the model has several.

    Args:
        output: its name; None if the model has a single output.

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
