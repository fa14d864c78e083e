"""Intervals of shares, such as that of the rows that are right (Wilson 1927), and of F1 through the Jaccard index."""

import numpy as np
from scipy.special import betaincinv
from scipy.stats import norm

from kerascb_metrics.insight.confidence import ConfidenceInterval, unknown


def wilson(part: float, whole: float, level: float, squared: float | None = None) -> ConfidenceInterval:
    """Return Wilson's interval of a share.

    Args:
        part: the rows that count, or their weight.
        whole: the rows among which they are, or their weight.
        level: the confidence level.
        squared: the sum of squared weights of the latter; None: they are counted. Weights are no counts: they are worth
            as many rows as the design effect (Kish 1965) says.

    >>> low, high = wilson(8, 10, 0.95)
    >>> round(low, 4), round(high, 4)
    (0.4902, 0.9433)
    """
    if whole <= 0:
        return unknown("it is 0/0: there is no row among which a share could be taken")
    rows = whole if squared is None else whole / squared * whole
    share, z = part / whole, float(norm.ppf(0.5 + level / 2))
    middle, spread = share + z * z / (2 * rows), z * np.sqrt(share * (1 - share) / rows + (z / (2 * rows)) ** 2)
    low, high = (middle - spread) / (1 + z * z / rows), (middle + spread) / (1 + z * z / rows)
    method = "Wilson" if squared is None else "Wilson, with the design effect of the weights"
    return ConfidenceInterval(0.0 if part <= 0 else max(low, 0.0), 1.0 if part >= whole else min(high, 1.0), method)


def exact(part: float, whole: float, level: float) -> ConfidenceInterval:
    """Return the interval of Clopper and Pearson (1934) of a share: it holds at least as often as the level says.

    Wilson's holds on average, but may fail near 0 and 1 at a level near 1, as intervals of many groups have it.

    Args:
        part: the rows that count.
        whole: the rows among which they are.
        level: the confidence level.

    >>> low, high = exact(8, 10, 0.95)
    >>> round(low, 4), round(high, 4)
    (0.4439, 0.9748)
    """
    if whole <= 0:
        return unknown("it is 0/0: there is no row among which a share could be taken")
    # The quantiles of `scipy.stats.binomtest(…).proportion_ci(method="exact")`, which takes 50 times as long.
    low = betaincinv(part, whole - part + 1, 0.5 - level / 2) if part > 0 else 0.0
    high = betaincinv(part + 1, whole - part, 0.5 + level / 2) if part < whole else 1.0
    return ConfidenceInterval(float(low), float(high), "Clopper-Pearson")


def f1_of_jaccard(interval: ConfidenceInterval) -> ConfidenceInterval:
    """Return the interval of F1 = 2J / (1 + J) from that of the Jaccard index J, which is a share of rows."""
    low, high = (2 * end / (1 + end) for end in interval)
    return ConfidenceInterval(low, high, f"{interval.method}, of the Jaccard index", interval.reason)
