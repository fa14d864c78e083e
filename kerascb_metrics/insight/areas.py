"""Intervals of areas: ROC AUC from DeLong's variance and Newcombe's method 5, average precision from its curve."""

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, logit
from scipy.stats import norm, t

from kerascb_metrics.insight.confidence import ConfidenceInterval, unknown
from kerascb_metrics.insight.shares import wilson
from kerascb_metrics.score.averaged import Masses
from kerascb_metrics.tally.curve import Curve
from kerascb_metrics.tally.delong import Spread

_SEED, _RESAMPLES = 20170516, 1000
# With fewer rows of a class nothing is said; with fewer than `_MANY` DeLong's variance alone is too sure.
_FEWEST, _MANY = 5, 500
_EDGE = 1e-12


def of_roc_auc(area: float, positives: int, negatives: int, spread: Spread | None, level: float) -> ConfidenceInterval:
    """Return the interval of an area under a ROC curve.

    On the logit scale, with DeLong's variance and Student's t. While the rarer class has fewer than 500 rows, the hull
    of that and of the interval of Newcombe (2006, method 5), which is also there where the area is 0 or 1.

    Args:
        area: the area.
        positives: the rows of the class.
        negatives: the other rows.
        spread: how much the area varies; None: not known.
        level: the confidence level.
    """
    rarer = min(positives, negatives)
    if rarer < _FEWEST:
        return unknown(f"the rarer class has {rarer} rows, and ROC AUC needs {_FEWEST}")
    if spread is None:
        return unknown("the variance of the area was not kept")
    newcombe = _newcombe(area, positives, negatives, level)
    if not 0 < area < 1 or spread.variance <= 0:
        return ConfidenceInterval(*newcombe, "Newcombe's method 5")
    half = t.ppf(0.5 + level / 2, spread.degrees) * np.sqrt(spread.variance) / (area * (1 - area))
    low, high = expit(logit(area) - half), expit(logit(area) + half)
    if rarer >= _MANY:
        return ConfidenceInterval(low, high, "DeLong, on the logit scale")
    return ConfidenceInterval(
        min(low, newcombe[0]), max(high, newcombe[1]), "DeLong, on the logit scale, and Newcombe's method 5: the hull"
    )


def _newcombe(area: float, positives: int, negatives: int, level: float) -> tuple[float, float]:
    """Return the areas whose distance is as many standard errors of their own (Hanley and McNeil 1982) as the level."""
    z, rows = float(norm.ppf(0.5 + level / 2)), (positives + negatives) / 2 - 1

    def distance(other: float) -> float:
        shape = 1 + rows * (1 - other) / (2 - other) + rows * other / (1 + other)
        return float((other - area) ** 2 - z * z * other * (1 - other) * shape / positives / negatives)

    # 0 and 1 have no variance, so their distance is 0 from themselves too.
    low = 0.0 if area <= 0 else brentq(distance, 0.0, min(area, 1 - _EDGE))
    high = 1.0 if area >= 1 else brentq(distance, max(area, _EDGE), 1.0)
    return float(low), float(high)


def of_average_precision(value: float, curve: Curve, level: float) -> ConfidenceInterval:
    """Return the interval of an average precision: a bootstrap of the cells of the curve, on the logit scale.

    Args:
        value: the average precision.
        curve: exact points of the curve, counted.
        level: the confidence level.
    """
    positives = float(curve.positives)
    if positives < _FEWEST:
        return unknown(f"the class has {positives:.0f} rows, and average precision needs {_FEWEST}")
    ones, zeros = np.diff(curve.tps).astype(np.float64), np.diff(curve.fps).astype(np.float64)
    rng, total = np.random.default_rng(_SEED), int(ones.sum() + zeros.sum())
    shares = np.concatenate([ones, zeros]) / total
    drawn = rng.multinomial(total, shares, _RESAMPLES).astype(np.float64)
    values = _precision_of(drawn[:, : len(ones)], drawn[:, len(ones) :])
    edge = 0.5 / total
    spread = np.std(logit(np.clip(values[~np.isnan(values)], edge, 1 - edge)), ddof=1)
    # As many degrees of freedom as positive rows have: with ten of them the normal quantile covers 0.89.
    middle, half = logit(np.clip(value, edge, 1 - edge)), float(t.ppf(0.5 + level / 2, positives - 1)) * spread
    if half <= 0:  # every resample ranks all rows right
        return wilson(value * positives, positives, level)
    low, high = min(expit(middle - half), value), max(expit(middle + half), value)
    return ConfidenceInterval(low, high, "bootstrap of the curve, on the logit scale")


def _precision_of(ones: Masses, zeros: Masses) -> Masses:
    """Return the average precision of (K, cells), the highest scores first."""
    above, mixed = np.cumsum(ones, axis=1), np.cumsum(ones + zeros, axis=1)
    total = above[:, -1:]
    precision = np.divide(above, mixed, out=np.zeros_like(above), where=mixed > 0)
    summed: Masses = np.divide(ones, total, out=np.full_like(ones, np.nan), where=total > 0) * precision
    return np.asarray(summed.sum(axis=1))
