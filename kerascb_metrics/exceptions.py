"""The errors and warnings of this package, and when each is raised."""

import contextlib
from collections.abc import Iterator


class CaptureError(RuntimeError):
    """The rows of a validation pass cannot be captured. Raised when training starts, or at the first validation."""


class DataError(ValueError):
    """Targets, outputs or weights cannot be scored as the task needs. Raised by the first pass that shows it."""


class MisfitError(DataError):
    """Rows do not fit the task. Internal: users get a `DataError` that names a task that fits.

    Args:
        message: what is wrong.
        otherwise: what to do if no task fits.
    """

    def __init__(self, message: str, otherwise: str = "") -> None:
        super().__init__(message)
        self.otherwise = otherwise


class MissingRowsError(ValueError, AttributeError):
    """The rows of a pass were not kept. An `AttributeError` too, so that `hasattr` and debuggers skip `predictions`."""


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
