"""Pairs of epochs, compared by a score for the page."""

from collections.abc import Iterable
from itertools import combinations
from typing import TYPE_CHECKING

from kerascb_metrics.record.regression_record import evenly_spaced
from kerascb_metrics.record.run_record import RunRecord
from kerascb_metrics.show.best import best_index

if TYPE_CHECKING:  # a page without labels is written without it
    from kerascb_metrics.insight.comparison import Comparison

_LEVEL = 0.95
# Each pair takes time for every row. So no more epochs than this are compared with each other, and fewer if they,
# times all epochs, times the rows, would be more than that.
_MOST_EPOCHS, _MOST_ROWS = 20, 10_000_000

# The indices of two epochs, and the sentence that compares them.
Pair = tuple[int, int, str]


def compared_pairs(history: RunRecord, name: str | None) -> list[Pair]:
    """Compare epochs with each other: the best, the one before it, the last, and evenly spaced ones between them.

    The best epoch was chosen among all, and is tested with all of them, which takes a tenth of a second in a long run.
    There it is compared with the one before it and with the last alone.

    Args:
        history: the run.
        name: the score; None: there is none to compare by.

    Returns:
        Pairs, the best epoch or else the later one first; none where labels were not kept.
    """
    count, best = len(history.epochs), best_index(history, name)
    if name is None or best is None or count < 2 or not history.labels.has_any:
        return []
    few = {best, max(best - 1, 0), count - 1}
    found = _compared(history, name, best, combinations(sorted(few), 2))
    rows = max((one.n for one in found.values()), default=0)
    room = min(_MOST_EPOCHS, _MOST_ROWS // (rows * count)) if rows else 0
    if room > len(few):
        more = few.union(evenly_spaced(count, room).tolist())
        long = count > _MOST_EPOCHS
        pairs = [pair for pair in combinations(sorted(more), 2) if not long or best not in pair or few.issuperset(pair)]
        found = _compared(history, name, best, pairs)
    return [(*pair, str(one)) for pair, one in found.items()]


def _compared(
    history: RunRecord, name: str, best: int, pairs: Iterable[tuple[int, int]]
) -> "dict[tuple[int, int], Comparison]":
    found = {}
    for earlier, later in pairs:
        pair = (earlier, later) if earlier == best else (later, earlier)
        one = _remembered(history, name, best, *pair)
        if one is not None:
            found[pair] = one
    return found


def _remembered(history: RunRecord, name: str, best: int, first: int, second: int) -> "Comparison | None":
    """Return the comparison of two epochs, computed once: that with the best epoch for each number of epochs."""
    among = len(history.epochs) if first == best else None
    key = ("compared", name, history.epochs[first], history.epochs[second], among)
    if key not in history.memo:
        history.memo[key] = _comparison(history, name, first, second, is_best=first == best)
    found: Comparison | None = history.memo[key]
    return found


def _comparison(history: RunRecord, name: str, first: int, second: int, *, is_best: bool) -> "Comparison | None":
    """Return the comparison of two epochs; None if their labels are gone, or the score is not made of labels."""
    from kerascb_metrics.record.comparisons import compare_epochs  # here, so that a file is shown without it

    one, other = history.epochs[first], history.epochs[second]
    try:
        return compare_epochs(history, one, other, name, _LEVEL, one if is_best else None)
    except ValueError:
        return None
