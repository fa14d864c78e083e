"""Any score of each group, from rows that are at hand."""

import math
from collections.abc import Sequence

import numpy as np

from kerascb_metrics.insight import areas
from kerascb_metrics.insight.confidence import ConfidenceInterval, unknown
from kerascb_metrics.insight.group_tests import PERMUTATIONS, SEED
from kerascb_metrics.insight.groups import Groups, GroupScores
from kerascb_metrics.insight.intervals import Basis
from kerascb_metrics.insight.known_scores import KnownScore
from kerascb_metrics.insight.row_bootstrap import value_of_rows
from kerascb_metrics.interpret.grouping import rows_by_number
from kerascb_metrics.score.score import Score, Undefined
from kerascb_metrics.tally.exact import ExactTally

# Of more rows the test of a score that has no formula would take minutes.
MOST_ROWS = 20_000


def group_scores_of_rows(
    name: str,
    score: Score,
    known: KnownScore | None,
    tally: ExactTally,
    groups: Groups,
    basis: Basis | None,
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
        basis: what the interval of all rows is made of; None for a regression.
        overall: the score of all rows.
        level: the confidence level.
    """
    each = 1 - (1 - level) / len(groups.names)
    is_area = basis is not None and known is not None and known.base == "auc" and basis.kind == "binary"
    plain = is_area and not (tally.weighted or tally.of_positions)
    values, intervals, counts = {}, {}, {}
    for group, rows in zip(groups.names, rows_by_number(groups.numbers, len(groups.names)), strict=True):
        own = tally.of_rows(rows)
        counts[group], values[group] = len(rows), _value(score, own)
        intervals[group] = (
            _of_area(own, values[group], each) if plain else unknown("no interval of this score is known for groups")
        )
    pvalue, method = _test(score, tally, groups, list(values.values()), overall)
    return GroupScores(name, values, counts, intervals, overall, pvalue, method, level)


def _value(score: Score, own: ExactTally) -> float:
    """Return the score of a group; an error of a user's score is raised."""
    if own.undefined:
        return math.nan
    try:
        return float(np.asarray(score.compute(own)))
    except Undefined as error:
        return float(np.asarray(error.value))


def _test(score: Score, tally: ExactTally, groups: Groups, values: list[float], overall: float) -> tuple[float, str]:
    """Deal the samples out among the groups, again and again: how often do groups differ as much, and the test."""
    if len(groups.names) < 2:
        return math.nan, "there is a single group"
    if sum(not math.isnan(value) for value in values) < 2 or math.isnan(overall):
        return math.nan, "fewer than two groups have this score"
    if len(tally) > MOST_ROWS:
        return math.nan, f"no test: {len(tally):,} rows are too many to score them again and again"
    rng = np.random.default_rng(SEED)
    sizes, own_samples = np.bincount(groups.numbers, minlength=len(values)), tally.numbers_of_samples

    def spread(own: Sequence[float], sizes: np.ndarray) -> float:
        return float(np.nansum(sizes * (np.array(own) - overall) ** 2))

    as_much, least = 0, spread(values, sizes) * (1 - 1e-9)  # sums in another order may differ in the last digits
    for _ in range(PERMUTATIONS):
        rows = rows_by_number(rng.permutation(groups.of_samples)[own_samples], len(values))
        dealt = [value_of_rows(score, tally, own) if len(own) else math.nan for own in rows]
        as_much += spread(dealt, np.array([len(own) for own in rows])) >= least
    return (1 + as_much) / (1 + PERMUTATIONS), "permutation of samples" if tally.of_positions else "permutation of rows"


def _of_area(own: ExactTally, value: float, level: float) -> ConfidenceInterval:
    if math.isnan(value):
        return unknown("the group has no row, or rows of one class only")
    ranking, positives = own.rankings()[own.pos_index], int(own.is_of(own.pos_index).sum())
    return areas.of_roc_auc(value, positives, len(own) - positives, ranking.spread, level)
