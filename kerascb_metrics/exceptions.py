"""What can go wrong, and when each is raised."""


class CaptureError(RuntimeError):
    """fit's validation pass cannot be captured: raised when training starts, or at the first validation."""


class DataError(ValueError):
    """Targets, outputs or weights cannot be scored as the task says: raised by the first pass that shows it."""


class ScoringError(ValueError):
    """A score failed on a pass: the message has the score's name, the epoch, the shapes and the error."""


class UndefinedScoreWarning(UserWarning):
    """A score has no value in some epoch (one class only, NaN outputs, a pass cut short …)."""
