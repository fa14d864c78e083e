"""The score that is shown first, and the best epoch of a score; None if there is none."""

import math

from kerascb_metrics.record.run_record import RunRecord


def headline_of(history: RunRecord) -> str | None:
    """Return the name of the first score that has a best epoch, None if no score has one."""
    try:
        return history.headline
    except ValueError:
        return None


def best_index(history: RunRecord, name: str | None) -> int | None:
    """Return the index of the best epoch of a score in the lists.

    Args:
        history: the run.
        name: of a score, or None.

    Returns:
        None if there is no name, the direction of the score is not known, or no epoch has a value.
    """
    if name is None:
        return None
    try:
        epoch, _ = history.best(name)
    except ValueError:
        return None
    return history.epochs.index(epoch)


def corrected(history: RunRecord, name: str) -> float | None:
    """Return what the best epoch of a score would score on new rows; None where that is not known.

    Args:
        history: the run.
        name: the score.
    """
    if len(history.epochs) < 2 or not history.labels.has_any:
        return None
    from kerascb_metrics.record.comparisons import corrected_best_of  # here, so that a file is shown without it

    value = corrected_best_of(history, name).value
    return None if math.isnan(value) else value
