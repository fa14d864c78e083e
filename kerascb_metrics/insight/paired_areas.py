"""The difference of two areas under ROC curves of the same rows: DeLong, DeLong and Clarke-Pearson (1988)."""

import numpy as np
import numpy.typing as npt
from scipy.stats import norm, rankdata

from kerascb_metrics.insight.confidence import ConfidenceInterval, unknown
from kerascb_metrics.insight.intervals import Basis
from kerascb_metrics.insight.paired import Found
from kerascb_metrics.score.averaged import Masses
from kerascb_metrics.tally.exact import ExactTally

_FEWEST = 5
_METHOD = "paired DeLong"


def paired_delong(positive: npt.NDArray[np.bool_], first: np.ndarray, second: np.ndarray, level: float) -> Found:
    """Return the difference of the areas of two rankings of the same rows.

    Args:
        positive: (N,) which rows are of the class.
        first: (N,) scores.
        second: (N,) other scores.
        level: the confidence level.
    """
    areas, of_ones, of_zeros = zip(*(_placements(positive, scores) for scores in (first, second)), strict=True)
    difference = areas[0] - areas[1]
    rarer = min(len(of_ones[0]), len(of_zeros[0]))
    if rarer < _FEWEST:
        reason = f"the rarer class has {rarer} rows, and ROC AUC needs {_FEWEST}"
        return Found(difference, unknown(reason), float("nan"), _METHOD)
    variance = sum(np.var(own[0] - own[1], ddof=1) / len(own[0]) for own in (of_ones, of_zeros))
    if variance <= 0:
        return Found(difference, ConfidenceInterval(difference, difference, _METHOD), 1.0, _METHOD)
    error = float(np.sqrt(variance))
    half = float(norm.ppf(0.5 + level / 2)) * error
    interval = ConfidenceInterval(difference - half, difference + half, _METHOD)
    return Found(difference, interval, float(2 * norm.sf(abs(difference) / error)), _METHOD)


def _placements(positive: npt.NDArray[np.bool_], scores: np.ndarray) -> tuple[float, Masses, Masses]:
    """Return the area, the share of negatives below each positive, and of positives above each negative."""
    ranks = rankdata(scores)
    ones, zeros = int(positive.sum()), int((~positive).sum())
    of_ones = (ranks[positive] - rankdata(scores[positive])) / zeros
    of_zeros = 1 - (ranks[~positive] - rankdata(scores[~positive])) / ones
    return float(of_ones.mean()), of_ones, of_zeros


def compared_areas(first: ExactTally, second: ExactTally, index: int, basis: Basis, level: float) -> Found:
    """Return the difference of the areas of a class between two tallies of the same rows.

    Args:
        first: a tally.
        second: another one.
        index: the class.
        basis: what is known of the first.
        level: the confidence level.

    Raises:
        ValueError: where no test is known: of weighted rows, of positions, and of averages over classes.
    """
    several = basis.kind != "binary" and len(basis.class_names) > 1
    if basis.weighted or basis.evidence.positions or several:
        raise ValueError(
            "ROC AUC of two results can be compared for a binary task without weights whose rows are no positions; "
            "otherwise no test is known to hold."
        )
    sign = -1 if basis.kind == "binary" and index == 0 else 1
    one, other = (sign * tally.y_score.ravel() for tally in (first, second))
    return paired_delong(first.is_of(index), one, other, level)
