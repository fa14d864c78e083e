"""Any score of each group, from rows that are at hand."""

import math

import numpy as np

from kerascb_metrics.insight import areas
from kerascb_metrics.insight.confidence import ConfidenceInterval, unknown
from kerascb_metrics.insight.groups import Groups, GroupScores
from kerascb_metrics.insight.intervals import Basis
from kerascb_metrics.insight.known_scores import KnownScore
from kerascb_metrics.insight.row_bootstrap import value_of_rows
from kerascb_metrics.score.score import Score
from kerascb_metrics.tally.exact import ExactTally


def group_scores_of_rows(
    name: str,
    score: Score,
    known: KnownScore | None,
    tally: ExactTally,
    groups: Groups,
    basis: Basis,
    overall: float,
    level: float,
) -> GroupScores:
    """Return a score of each group; nan where a group has none.

    Args:
        name: the score, as it was recorded.
        score: the score.
        known: its formula; None: not known.
        tally: the rows.
        groups: the groups of the rows.
        basis: what the interval of all rows is made of.
        overall: the score of all rows.
        level: the confidence level.
    """
    each = 1 - (1 - level) / len(groups.names)
    is_area = known is not None and known.base == "auc" and basis.kind == "binary"
    plain = is_area and not (basis.weighted or basis.evidence.positions)
    values, intervals, counts = {}, {}, {}
    for number, group in enumerate(groups.names):
        rows = np.flatnonzero(groups.numbers == number)
        counts[group] = len(rows)
        values[group] = value_of_rows(score, tally, rows) if len(rows) else math.nan
        intervals[group] = (
            _of_area(tally, rows, basis.pos_index, values[group], each)
            if plain and len(rows)
            else unknown("no interval of this score is known for groups")
        )
    return GroupScores(name, values, counts, intervals, overall, math.nan, "no test of this score is known", level)


def _of_area(tally: ExactTally, rows: np.ndarray, pos_index: int, value: float, level: float) -> ConfidenceInterval:
    own = ExactTally(tally.labeled.take(rows))
    ranking = own.rankings().get(pos_index)
    if ranking is None or math.isnan(value):
        return unknown("the group has rows of one class only")
    positives = int(own.is_of(pos_index).sum())
    return areas.of_roc_auc(value, positives, len(rows) - positives, ranking.spread, level)
