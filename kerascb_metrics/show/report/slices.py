"""The scores of slices as a table for the page: a line per group, with its rows and what its first score is worth."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from kerascb_metrics.interpret.slices import group_key
from kerascb_metrics.record.regression_record import evenly_spaced
from kerascb_metrics.record.run_record import RunRecord
from kerascb_metrics.show.best import best_index

_LEVEL = 0.95
# Intervals take time for every row: these many epochs have them, the best and the last among them, and fewer if they,
# times the rows, would be more than that.
_MOST_EPOCHS, _MOST_ROWS = 20, 10_000_000

# The intervals of the groups, None where there is none, and the sentence about all of them.
GroupIntervals = tuple[list[tuple[float, float] | None], str]


@dataclass(frozen=True)
class Slice:
    """What the page shows of one way to divide the samples.

    Attributes:
        name: of the slices.
        groups: what the groups are called in the names of scores.
        n: how many samples each group has; None if that is not known, as in a history from a file.
        scores: the score → the name of the score of each group.
        worst: the score → the name of that of its worst group.
        of: the score that has intervals; None: none has.
        intervals: epoch → the intervals of its groups.
    """

    name: str
    groups: list[str]
    n: list[int] | None
    scores: dict[str, list[str]]
    worst: dict[str, str]
    of: str | None
    intervals: dict[int, GroupIntervals]


def slices_of(history: RunRecord, headline: str | None) -> list[Slice]:
    """Return the slices of a run.

    Args:
        history: the run.
        headline: its first score, which has intervals if its slices are scored.
    """
    names = [str(name) for name in history.settings.get("slices", ())]
    return [found for name in names if (found := _slice(history, name, names, headline)) is not None]


def _slice(history: RunRecord, name: str, names: list[str], headline: str | None) -> Slice | None:
    longer = [other for other in names if other.startswith(f"{name}_")]  # "sex_and_age" is no group of "sex"
    found = {str(score): _keys_of(history, score, name, longer) for score in history.settings.get("scoring", ())}
    worst = {score: "max" if history.directions.get(score) is False else "min" for score in found}
    # A class may have a name that looks like one of a slice, but it has no worst group.
    scores = {score: keys for score, keys in found.items() if worst[score] in keys}
    if not scores:
        return None
    counted = _counted(history, name)
    groups = list(counted) or _groups_of(scores, worst)
    of = headline if headline in scores and counted else None
    return Slice(
        name=name,
        groups=groups,
        n=list(counted.values()) or None,
        scores={score: [keys[group] for group in groups] for score, keys in scores.items()},
        worst={score: keys[worst[score]] for score, keys in scores.items()},
        of=of,
        intervals={} if of is None else _intervals(history, name, of),
    )


def _keys_of(history: RunRecord, score: str, name: str, longer: list[str]) -> dict[str, str]:
    """Return the names of a score of the groups, by what each group is called there, and by "min" or "max"."""
    before, taken = f"{score}_{name}_", tuple(f"{score}_{other}_" for other in longer)
    return {key.removeprefix(before): key for key in history if key.startswith(before) and not key.startswith(taken)}


def _groups_of(scores: Mapping[str, Mapping[str, str]], worst: Mapping[str, str]) -> list[str]:
    """Return the groups that all scores have, as they were recorded; a class that looks like one is not among them."""
    first, *others = ([group for group in keys if group != worst[score]] for score, keys in scores.items())
    return [group for group in first if all(group in groups for groups in others)]


def _counted(history: RunRecord, name: str) -> dict[str, int]:
    """Return how many samples each group has; nothing if that is not known."""
    if name not in history.groupings:
        return {}
    grouping = history.groupings[name]
    n = np.bincount(grouping.numbers, minlength=len(grouping.names)).tolist()
    return dict(zip(map(group_key, grouping.names), n, strict=True))


def _intervals(history: RunRecord, name: str, score: str) -> dict[int, GroupIntervals]:
    """Return the intervals of the groups in some epochs; none where the labels of an epoch were not kept."""
    count, rows = len(history.epochs), len(history.groupings[name])
    room = min(_MOST_EPOCHS, max(2, _MOST_ROWS // max(rows, 1)), count)
    chosen = {*evenly_spaced(count, room).tolist(), best_index(history, score)}
    found = {}
    for index in sorted(chosen - {None}):
        key = ("groups", name, score, history.epochs[index])
        if key not in history.memo:
            history.memo[key] = _of_epoch(history, name, score, history.epochs[index])
        if history.memo[key] is not None:
            found[index] = history.memo[key]
    return found


def _of_epoch(history: RunRecord, name: str, score: str, epoch: int) -> GroupIntervals | None:
    from kerascb_metrics.record.comparisons import groups_of_epoch  # here, so that a file is shown without it

    try:
        found = groups_of_epoch(history, epoch, score, history.groupings[name], _LEVEL)
    except ValueError:  # the labels of the epoch are gone, or the score is not made of labels
        return None
    ends = [
        None if math.isnan(low) else (round(low, 4), round(high, 4)) for low, high in found.confidence_interval.values()
    ]
    return ends, found.summary
