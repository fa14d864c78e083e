"""The score that is shown first, and the best epoch of a score; None if there is none."""

import math
from typing import TYPE_CHECKING

from kerascb_metrics.record.run_record import RunRecord

if TYPE_CHECKING:  # a file is shown without it
    from kerascb_metrics.insight.comparison import Comparison

# Up to so many epochs each is compared with the best one, if squared, and times the rows, they are no more than this.
_MOST_EPOCHS, _MOST_ROWS = 20, 10_000_000


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


def compared_with_best(history: RunRecord, name: str | None) -> list[str | None]:
    """Return for each epoch the sentence that compares the best epoch of a score with it; None where it is not known.

    A comparison takes time for each epoch and row, so in long runs, or with many rows, only the last epoch and the one
    before the best are compared.

    Args:
        history: the run.
        name: the score, or None.
    """
    count, best = len(history.epochs), best_index(history, name)
    found: dict[int, Comparison | None] = {}
    if name is not None and best is not None and count > 1:
        few = {count - 1, best - 1} - {-1, best}
        found = {index: _compared(history, name, best, index) for index in few}
        rows = max((one.n for one in found.values() if one is not None), default=0)
        if rows and count <= _MOST_EPOCHS and count**2 * rows <= _MOST_ROWS:
            found |= {index: _compared(history, name, best, index) for index in set(range(count)) - few - {best}}
    sentences = {index: str(one) for index, one in found.items() if one is not None}
    return [sentences.get(index) for index in range(count)]


def _compared(history: RunRecord, name: str, best: int, other: int) -> "Comparison | None":
    """Return the comparison of the best epoch with another one, by their indices; None if it is not known."""
    if best == other or not history.labels.has_any:
        return None
    from kerascb_metrics.record.comparisons import compare_epochs  # here, so that a file is shown without it

    first, second = history.epochs[best], history.epochs[other]
    try:
        return compare_epochs(history, first, second, name, 0.95, first)
    except ValueError:  # the labels of an epoch are gone, or the score is not made of labels
        return None
