"""Scores in 2^16 bins, in their order: which bin a score falls into, and what a bin holds.

Half precision has no more values than that, so each has a bin of its own. Other scores are binned by their leading
bits, more of them where scores lie: a probability by itself below one half, and by its distance from 1 above it; any
real number by its size on either side of 0. Exact 0 and, of probabilities, exact 1 have bins of their own.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from kerascb_metrics.interpret.kinds import Scale
from kerascb_metrics.interpret.validation import SLACK

BINS = 1 << 16
HALF = ("float16", "bfloat16")

# How many of the 23 bits of a float32's mantissa tell bins apart: at most, and for numbers below each power of two.
_KEPT = 12
_PROBABILITY_BITS = {-1: 12, -3: 11, -5: 10, -18: 8, -24: 5}
_REAL_BITS = {128: 5, 8: 8, 6: 10, 5: 11, 4: 12, 1: 11, 0: 10, -2: 8, -12: 5}
_ABOVE_ONE = np.nextafter(np.float32(1), np.float32(2))


@dataclass(frozen=True, eq=False)
class Binning:
    """How scores of one kind fall into bins.

    Attributes:
        bins_of: called with (N,) finite float32 or float64 scores for their bins, (N,) uint16.
        lowest: (2^16,) float64, the lowest float32 that a bin may hold; nan for bins that hold nothing.
        highest: (2^16,) float64, the highest.

    >>> binning = binning_of("probability", "float32")
    >>> binning.bins_of(np.array([0, 0.25, 1], "float32")).tolist()
    [0, 26336, 65534]
    """

    bins_of: Callable[[np.ndarray], np.ndarray]
    lowest: np.ndarray
    highest: np.ndarray

    @functools.cached_property
    def single(self) -> np.ndarray:
        """(2^16,) bool: whether a bin holds one value only, so that its rows are tied."""
        single: np.ndarray = self.lowest == self.highest
        return single


@functools.cache
def binning_of(scale: Scale, dtype: str) -> Binning:
    """Return the `Binning` of scores.

    Args:
        scale: "probability", or any other for real numbers.
        dtype: the name of the dtype that the model computed them in. Half precision may come as float32.
    """
    if dtype in HALF:
        return _of_half(dtype)
    return _of_probabilities(dtype) if scale == "probability" else _of_reals()


def _of_half(dtype: str) -> Binning:
    def bins_of(scores: np.ndarray) -> np.ndarray:
        return _in_order(_to_half(scores.astype(np.float32) + np.float32(0), dtype))  # −0.0 + 0.0 is 0.0

    bits = np.arange(BINS, dtype=np.uint16)
    values = np.empty(BINS)
    with np.errstate(invalid="ignore"):
        values[_in_order(bits)] = _from_half(bits, dtype)
    values[~np.isfinite(values)] = np.nan
    return Binning(bins_of, values, values)


def _in_order(bits: np.ndarray) -> np.ndarray:
    """Bits of half precision as numbers that rise with the values: negative ones reversed, below the others."""
    ordered: np.ndarray = bits ^ (-(bits >> 15) | np.uint16(0x8000))
    return ordered


def _to_half(values: np.ndarray, dtype: str) -> np.ndarray:
    return (
        values.astype(np.float16).view(np.uint16) if dtype == "float16" else (values.view(np.uint32) >> 16).astype("u2")
    )


def _from_half(bits: np.ndarray, dtype: str) -> np.ndarray:
    return bits.view(np.float16) if dtype == "float16" else (bits.astype(np.uint32) << 16).view(np.float32)


def _of_probabilities(dtype: str) -> Binning:
    grade, low, high = _grades(_PROBABILITY_BITS)

    def bins_of(scores: np.ndarray) -> np.ndarray:
        distance = np.minimum(scores, 1 - scores)  # exact, from the nearer end
        upper = (scores >= 0.5).astype(np.uint16)
        bins = (grade(np.maximum(distance, 0)) + upper) ^ -upper  # 65534 − g for the upper half, without a slow branch
        if distance.min(initial=0) < 0:  # a mean of probabilities may round past 1
            bins[distance < 0] = BINS - 1
        return bins

    lowest, highest = np.full((2, BINS), np.nan)
    used = len(low)
    lowest[:used], highest[:used] = low, high
    highest[used - 1] = np.nextafter(*np.array([0.5, 0], dtype))  # 0.5 itself is of the upper half
    if dtype == "float32":  # whose values there are multiples of 2^-24: many a bin holds one, or none
        low, high = np.ceil(low * 2.0**24) / 2.0**24, np.floor(high * 2.0**24) / 2.0**24
        empty = low > high
        low[empty] = high[empty] = np.nan
    lowest[-1 - used : -1], highest[-1 - used : -1] = (1 - high)[::-1], (1 - low)[::-1]
    lowest[-1], highest[-1] = _ABOVE_ONE, 1 + SLACK
    return Binning(bins_of, lowest, highest)


def _of_reals() -> Binning:
    grade, low, high = _grades(_REAL_BITS)
    zero = BINS // 2

    def bins_of(scores: np.ndarray) -> np.ndarray:
        negative = (scores < 0).astype(np.uint16)
        return (grade(np.abs(scores)) ^ -negative) + negative + np.uint16(zero)  # −g in two's complement

    lowest, highest = np.full((2, BINS), np.nan)
    used = len(low)
    lowest[zero - used + 1 : zero + 1], highest[zero - used + 1 : zero + 1] = -high[::-1], -low[::-1]
    lowest[zero : zero + used], highest[zero : zero + used] = low, high
    return Binning(bins_of, lowest, highest)


def _grades(bits: dict[int, int]) -> tuple[Callable[[np.ndarray], np.ndarray], np.ndarray, np.ndarray]:
    """Grade numbers from 0 on by their leading bits: grade 0 is exact 0.

    Args:
        bits: below this power of two, so many bits of the mantissa; the first is the highest.

    Returns:
        grade: called with float32 or float64 numbers for their grades, uint16.
        low, high: the lowest and the highest float32 of each grade, float64.
    """
    top = next(iter(bits)) + 127  # biased exponents below this one
    width = np.zeros(top, np.int64)
    for power, kept in bits.items():
        width[: power + 127] = kept
    start = 1 + np.cumsum(1 << width) - (1 << width)
    leading = np.arange(top << _KEPT)
    exponent = leading >> _KEPT
    grades = start[exponent] + ((leading & ((1 << _KEPT) - 1)) >> (_KEPT - width[exponent]))
    table = np.append(0, grades).astype(np.uint16)
    # Rounded up to the bits kept, so that nothing but 0 is graded 0.
    dropped = np.uint32(23 - _KEPT)
    up = np.uint32((1 << dropped) - 1)

    def grade(numbers: np.ndarray) -> np.ndarray:
        return table.take(((_as_float32(numbers).view(np.uint32) + up) >> dropped).astype(np.intp))

    ends = np.flatnonzero(np.diff(np.append(grades, grades[-1] + 1))) + 1
    high = np.append(np.uint32(0), ends.astype(np.uint32) << dropped)
    low = np.append(np.uint32(0), high[:-1] + np.uint32(1))
    with np.errstate(invalid="ignore"):
        return grade, low.view(np.float32).astype(np.float64), high.view(np.float32).astype(np.float64)


def _as_float32(numbers: np.ndarray) -> np.ndarray:
    """Numbers from 0 on as float32, in their order; nothing but 0 becomes 0."""
    if numbers.dtype == np.float32:
        return numbers
    with np.errstate(over="ignore", under="ignore"):
        rounded = numbers.astype(np.float32)
    return np.where((rounded == 0) & (numbers > 0), np.finfo(np.float32).smallest_subnormal, rounded)
