"""The best threshold of all: a search that looks closer where a better one may lie, and leaves out where none can."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kerascb_metrics.insight.objective import Objective
from kerascb_metrics.insight.sorted_rows import Folds
from kerascb_metrics.interpret.kinds import Scale
from kerascb_metrics.interpret.thresholds import Floats, thresholds_between
from kerascb_metrics.score.averaged import Masses

# How many scores are tried in a round, and up to how many rows each of their scores is tried.
_TRIED, _FEW = 512, 4096


@dataclass(frozen=True)
class Best:
    """The best threshold so far.

    Attributes:
        threshold: in the unit of the task.
        cut: the highest score that is not above it; −inf if every row is.
        value: how good it is, greater is better.
        right: the rows, or the weight, that it labels right.
    """

    threshold: float
    cut: float
    value: float
    right: float


@dataclass(frozen=True, eq=False)
class _Tried:
    """Scores that were tried as thresholds, rising, with the rows above each, and how good it is; nan: not at all."""

    cuts: Floats
    fp: Masses
    tp: Masses
    values: Masses
    right: Masses


def best_threshold_of(rows: Folds, objective: Objective, scale: Scale) -> Best | None:
    """Return the best threshold for some rows.

    Of equally good ones it is the one that labels most rows right, then the highest.

    Args:
        rows: of both classes.
        objective: what is best.
        scale: what the scores are.

    Returns:
        The `Best`; None if no threshold is allowed, or has a score.
    """
    best: Best | None = None
    cuts, ranges, before = _first_cuts(rows), None, np.inf
    while True:
        members = rows.within(_everywhere(cuts) if ranges is None else ranges)
        count = sum(map(len, members))
        is_last = count <= _FEW or count > before / 2
        step = 1 if is_last else -(-count // _TRIED)
        tried = _try(rows, objective, np.unique(np.concatenate([cuts, *(own[::step] for own in members)])))
        best = _better(best, tried, rows, scale)
        if is_last:
            return best
        ranges, before = _where_better(best, tried, ranges, rows, objective), count
        cuts = ranges.ravel()


def _first_cuts(rows: Folds) -> Floats:
    """The lowest threshold, with every row above it, and the highest, with none."""
    ends = [part.scores[-1] for part in rows.parts if len(part.scores)]
    return np.array([-np.inf, max(ends)], dtype=ends[0].dtype)


def _everywhere(cuts: Floats) -> Floats:
    return cuts.reshape(1, 2)


def _try(rows: Folds, objective: Objective, cuts: Floats) -> _Tried:
    fp, tp = rows.above(cuts)
    tables = rows.tables(fp, tp)
    values = np.where(objective.allowed(tables), objective.values(tables), np.nan)
    return _Tried(cuts, fp, tp, values, tables.tp.sum(axis=0))


def _better(best: Best | None, tried: _Tried, rows: Folds, scale: Scale) -> Best | None:
    """Return the best of the scores tried that the unit of the task can express, or the one so far if it is better."""
    order = np.lexsort((tried.cuts, tried.right, tried.values))[::-1]  # nan comes last, so first here
    order = order[~np.isnan(tried.values[order])]
    for some in (order[:1], order[1:]):  # nearly always it is the first
        cuts = tried.cuts[some]
        thresholds = thresholds_between(cuts, rows.next_above(cuts), scale)
        for place in np.flatnonzero(~np.isnan(thresholds))[:1]:
            index = some[place]
            found = Best(
                float(thresholds[place]), float(cuts[place]), float(tried.values[index]), float(tried.right[index])
            )
            is_better = best is None or (found.value, found.right, found.cut) > (best.value, best.right, best.cut)
            return found if is_better else best
    return best


def _where_better(
    best: Best | None, tried: _Tried, ranges: Floats | None, rows: Folds, objective: Objective
) -> npt.NDArray[np.floating]:
    """Return the gaps between the scores tried in which a better one may lie, (R, 2), neighbours as one.

    No threshold within a gap has more rows of class 1 above it than the lower end, or fewer of class 0 than the upper.
    """
    lower, upper = tried.cuts[:-1], tried.cuts[1:]
    tables = rows.tables(tried.fp[1:], tried.tp[:-1])
    values, right = objective.values(tables), tables.tp.sum(axis=0)
    kept = objective.allowed(tables, if_undefined=True)
    if best is not None:
        kept &= np.isnan(values) | (values > best.value) | ((values == best.value) & (right >= best.right))
    if ranges is not None:
        kept &= upper <= ranges[np.searchsorted(ranges[:, 0], lower, "right") - 1, 1]
    starts, stops = kept & ~np.append(False, kept[:-1]), kept & ~np.append(kept[1:], False)
    return np.column_stack([lower[starts], upper[stops]])
