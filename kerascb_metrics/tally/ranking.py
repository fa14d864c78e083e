"""Ranking: areas under ROC curves, average precision and the curves, which depend on the order of the scores.

Each class is ranked once, by one sort (`sort_unweighted.py`, or `sort_weighted.py`), which serves all three.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from kerascb_metrics._blocks import columns_of
from kerascb_metrics._threads import in_threads
from kerascb_metrics.tally.curve import Curve
from kerascb_metrics.tally.delong import Spread
from kerascb_metrics.tally.sort_unweighted import LookedUp, Packed
from kerascb_metrics.tally.sort_weighted import Weighed

# Below this share of positives, looking them up among the sorted scores costs less.
_RARE = 1 / 75
POINTS = 1000  # about how many points are kept of one curve
_ALL_POINTS = 20_000  # the same for all curves of an epoch together
_FEWEST_POINTS = 50  # but each curve keeps at least this many
# Columns of fewer rows are ranked one after the other: their steps are so short that threads wait for each other.
_LONG = 1 << 19
# How many bytes of columns are laid out at a time. Each thread needs as much again for its own column.
_TILE = 32 << 20


@dataclass(frozen=True)
class Ranking:
    """One class ranked against the others.

    Attributes:
        auc: area under the ROC curve: the share of (positive, negative) pairs in order, ties half.
        average_precision: the sum over thresholds of the step in recall times the precision; None if not asked for.
        curve: the thinned `Curve`.
        spread: how much the area varies; None for weights, and where a class has fewer than two rows.
    """

    auc: float
    average_precision: float | None
    curve: Curve
    spread: Spread | None = None


def rank(
    positive: np.ndarray,
    y_score: np.ndarray,
    sample_weight: np.ndarray | None = None,
    *,
    precision: bool = False,
    most: int = POINTS,
) -> Ranking:
    """Rank the rows of one class, as `sklearn.metrics.roc_auc_score` and `average_precision_score` do.

    Without weights pairs are counted in integers, and divided once: the area is the float nearest to the exact ratio.

    Args:
        positive: (N,) bool, both values present, with some weight.
        y_score: (N,) float32 or float64, finite; half precision fits into float32 exactly.
        sample_weight: None, or (N,) float64.
        precision: whether average precision is wanted too.
        most: about how many points of the curve are kept.

    Returns:
        A `Ranking`.

    Raises:
        ValueError: for another dtype, or a score that is not finite, which packing would turn into a number.

    >>> rank(np.array([False, False, True, True]), np.array([0.1, 0.4, 0.35, 0.8], "float32")).auc
    0.75
    """
    if not (np.isfinite(y_score.min()) and np.isfinite(y_score.max())):
        raise ValueError("y_score holds NaN or infinite values.")
    order: Packed | LookedUp | Weighed
    if sample_weight is not None:
        order = Weighed(positive, y_score, sample_weight)
    elif np.count_nonzero(positive) < len(positive) * _RARE:
        order = LookedUp(positive, y_score)
    else:
        order = Packed(positive, y_score)
    auc, spread, curve = order.auc_and_curve(most)
    return Ranking(auc, order.average_precision() if precision else None, curve, spread)


def points_each(curves: int) -> int:
    """Return how many points to keep of each of this many curves, so that an epoch keeps a bounded number."""
    return min(POINTS, max(_FEWEST_POINTS, _ALL_POINTS // max(1, curves)))


def rank_columns(
    truth_columns: Callable[[Sequence[int]], Iterable[np.ndarray]],
    y_score: np.ndarray,
    columns: Sequence[int],
    sample_weight: np.ndarray | None = None,
    *,
    precision: bool = False,
) -> dict[int, Ranking]:
    """Rank some columns of (N, C) scores, each against its own column of truth; return column → `Ranking`.

    Args:
        truth_columns: called with column numbers, returns the truth of each column, (N,) bool.
        y_score: (N, C).
        columns: the numbers of the columns to rank.
        sample_weight: as in `rank`.
        precision: as in `rank`.
    """
    most = points_each(len(columns))

    def ranked(column: tuple[np.ndarray, np.ndarray]) -> Ranking:
        return rank(*column, sample_weight, precision=precision, most=most)

    rankings: dict[int, Ranking] = {}
    at_once = max(1, _TILE // max(1, len(y_score) * y_score.itemsize))
    for start in range(0, len(columns), at_once):
        some = columns[start : start + at_once]
        pairs = zip(truth_columns(some), columns_of(y_score, some), strict=True)
        found = in_threads(ranked, pairs, len(some) * len(y_score) if len(y_score) >= _LONG else 0)
        rankings.update(zip(map(int, some), found, strict=True))
    return rankings


def auc_of_pairs(y_true: np.ndarray, y_score: np.ndarray, weighted: bool = False) -> float:
    """Area under the ROC curve, one class against one, averaged, as `roc_auc_score(multi_class="ovo")` has it.

    Args:
        y_true: (N,) class indices, each class present.
        y_score: (N, C) float32 or float64, finite.
        weighted: whether a pair of classes counts by its rows, as in `average="weighted"`; else all count alike.
    """
    n_classes = y_score.shape[1]
    rows = [np.flatnonzero(y_true == index) for index in range(n_classes)]
    total = mass = 0.0
    for a in range(n_classes):
        for b in range(a + 1, n_classes):
            both = np.concatenate([rows[a], rows[b]])
            of_a = np.arange(len(both)) < len(rows[a])
            area = (rank(of_a, y_score[both, a]).auc + rank(~of_a, y_score[both, b]).auc) / 2
            weight = len(both) if weighted else 1
            total, mass = total + weight * area, mass + weight
    return total / mass


def auc_of_rows(y_true: np.ndarray, y_score: np.ndarray, sample_weight: np.ndarray | None = None) -> float:
    """Area under the ROC curve of each row's labels, averaged over rows, as `average="samples"` has it.

    Args:
        y_true: (N, L) 0 and 1, both in each row.
        y_score: (N, L), finite.
        sample_weight: None, or (N,).
    """
    positive = y_true.astype(bool)
    ahead = positive.sum(axis=1)
    places = np.where(positive, rankdata(y_score, axis=1), 0).sum(axis=1)  # ties at the middle of theirs
    areas = (places - ahead * (ahead + 1) / 2) / (ahead * (positive.shape[1] - ahead))
    return float(np.average(areas, weights=sample_weight))
