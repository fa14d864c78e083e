"""Weights of any finite size: sums that fit into float64, and products that neither overflow nor become 0.

A score does not change when all weights are multiplied by the same number, and a power of two only changes their
exponents. So weights of an ordinary size stay as they are; others are scaled by a power of two before they are
multiplied.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from kerascb_metrics.exceptions import DataError

# Products of four sums of weights between 2^−200 and 2^200 fit into float64.
_ORDINARY = 200
# Weights between 2^−20 and 2^900 may be multiplied by values, such as losses, and added up.
_SMALL, _LARGE = -20, 900
# Sums of weights stay below 2^1020, so that eight times such a sum is still finite.
_LARGEST_SUM = 2.0**1020
# Sums up to 2^480 leave room for products of two sums, and for weights that are 400 powers of ten smaller.
TWO_FACTORS, FOUR_FACTORS = 480, 200


Weights = npt.NDArray[Any]


def exponent_of(weights: Weights) -> int:
    """Return the power of two just above the largest weight; 0 if no weight is positive.

    >>> exponent_of(np.array([0.0, 3.0]))
    2
    """
    largest = weights.max(initial=0)
    return int(np.frexp(largest)[1]) if largest > 0 else 0


def is_ordinary(weights: Weights) -> bool:
    """Return whether products of sums of these weights fit into float64, as those of counts always do."""
    if weights.dtype.kind != "f":
        return True
    largest = weights.max(initial=0)
    smallest = weights.min(initial=np.inf, where=weights > 0)
    return bool(largest == 0 or (largest <= 2.0**_ORDINARY and smallest >= 2.0**-_ORDINARY))


def tamed(weights: Weights, top: int = TWO_FACTORS) -> Weights:
    """Return weights for scores that multiply them.

    Args:
        weights: any shape, finite, not negative.
        top: the power of two that scaled weights add up to, approximately.

    Returns:
        The same array if its weights are of an ordinary size, else scaled ones.

    >>> tamed(np.array([1.0, 2.0]))
    array([1., 2.])
    """
    if is_ordinary(weights):
        return weights
    return np.asarray(np.ldexp(weights, top - exponent_of(weights) - int(weights.size).bit_length()))


def for_sums(weights: Weights) -> Weights:
    """Return weights for scores that add them up and divide the sums, and multiply them only by shares.

    Large weights stay as they are, because another class may have only weights that are many powers of ten smaller.
    Small ones are scaled: scikit-learn treats a sum of 1e-8, or the rest of a percentile of 1e-7, as 0.

    Args:
        weights: any shape, finite, not negative.

    Returns:
        The same array if its largest weight needs no scaling, else scaled ones.

    >>> for_sums(np.array([0.25, 0.5]) * 2.0**-1000).tolist()
    [0.25, 0.5]
    """
    largest = exponent_of(weights) if weights.dtype.kind == "f" else 0
    if _SMALL <= largest <= _LARGE:
        return weights
    return np.asarray(np.ldexp(weights, (_LARGE if largest > 0 else 0) - largest))


def check_sum(weights: Weights, times: int = 1) -> None:
    """Raise `DataError` if the sum of weights is too large for float64.

    Args:
        weights: any shape, not negative.
        times: how often each weight is counted.
    """
    with np.errstate(over="ignore"):
        total = weights.sum() * times
    if not total <= _LARGEST_SUM:
        raise DataError(
            f"Metrics: the sum of the sample weights is too large (above {_LARGEST_SUM:.0e}); the largest weight is "
            f"{weights.max():.3g}. Divide all weights by their largest: scores do not depend on the weights' scale."
        )
