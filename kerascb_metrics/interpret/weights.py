"""Weights of any finite size: sums that float64 holds, and products that neither overflow nor vanish.

A score does not change when all weights are multiplied by the same number, and a power of two changes no bit of them.
So weights of an ordinary size are left as they are; others are scaled by a power of two before they are multiplied.
"""

import numpy as np

from kerascb_metrics.exceptions import DataError

# Of weights between 2^−200 and 2^200, products of four sums stay in float64.
_ORDINARY = 200
# Between 2^−20 and 2^900 they may be multiplied by values, such as losses, and added up.
_SMALL, _LARGE = -20, 900
# Sums of weights stay below 2^1020, so that eight times such a sum is still finite.
_LARGEST_SUM = 2.0**1020
# Sums up to 2^480 leave room for products of two, and for weights 400 powers of ten below them.
TWO_FACTORS, FOUR_FACTORS = 480, 200


def exponent_of(weights: np.ndarray) -> int:
    """Return the power of two just above the largest weight; 0 without a positive one.

    >>> exponent_of(np.array([0.0, 3.0]))
    2
    """
    largest = weights.max(initial=0)
    return int(np.frexp(largest)[1]) if largest > 0 else 0


def is_ordinary(weights: np.ndarray) -> bool:
    """Tell whether products of sums of these weights stay within float64, as those of counts always do."""
    if weights.dtype.kind != "f":
        return True
    largest = weights.max(initial=0)
    smallest = weights.min(initial=np.inf, where=weights > 0)
    return largest == 0 or (largest <= 2.0**_ORDINARY and smallest >= 2.0**-_ORDINARY)


def tamed(weights: np.ndarray, top: int = TWO_FACTORS) -> np.ndarray:
    """Return weights for scores that multiply them: the same array where these are of an ordinary size.

    Args:
        weights: of any shape, finite, not negative.
        top: about the power of two that others sum up to afterwards.

    >>> tamed(np.array([1.0, 2.0]))
    array([1., 2.])
    """
    if is_ordinary(weights):
        return weights
    return np.ldexp(weights, top - exponent_of(weights) - int(weights.size).bit_length())


def for_sums(weights: np.ndarray) -> np.ndarray:
    """Return weights for scores that add them up and divide the sums, and multiply them by nothing but shares.

    Large ones stay, for those many powers of ten below them may be all that another class has. Small ones do not:
    scikit-learn takes a sum of 1e-8, or the rest of a percentile of 1e-7, for nothing.

    >>> for_sums(np.array([0.25, 0.5]) * 2.0**-1000).tolist()
    [0.25, 0.5]
    """
    largest = exponent_of(weights) if weights.dtype.kind == "f" else 0
    if _SMALL <= largest <= _LARGE:
        return weights
    return np.ldexp(weights, (_LARGE if largest > 0 else 0) - largest)


def check_sum(weights: np.ndarray, times: int = 1) -> None:
    """Raise `DataError` where the sum of weights, counted several times, is more than float64 holds."""
    with np.errstate(over="ignore"):
        total = weights.sum() * times
    if not total <= _LARGEST_SUM:
        raise DataError(
            f"Metrics: the sample weights add up to more than can be recorded ({_LARGEST_SUM:.0e}); the largest is "
            f"{weights.max():.3g}. Scores do not depend on the weights' scale: divide them by their largest."
        )
