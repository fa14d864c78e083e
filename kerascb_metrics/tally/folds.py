"""Five parts of the samples, by a hash of their numbers: the same in every epoch, and independent of the data."""

import functools

import numpy as np
import numpy.typing as npt

FOLDS = 5
_STEP, _FIRST, _SECOND = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


def folds_of(numbers: npt.NDArray[np.integer], process: int = 0) -> npt.NDArray[np.uint8]:
    """Return the fold of each sample, 0 to 4.

    The hash is SplitMix64 (Steele, Lea and Flood 2014), whose outputs pass tests of randomness for consecutive numbers.

    Args:
        numbers: any shape, the numbers of the samples, not negative.
        process: the process that holds them, where each process counts its own rows.

    >>> folds_of(np.arange(8)).tolist()
    [4, 2, 0, 4, 0, 1, 0, 3]
    """
    mixed = (numbers.astype(np.uint64) + (np.uint64(process) << np.uint64(40)) + np.uint64(1)) * _STEP
    mixed = (mixed ^ (mixed >> np.uint64(30))) * _FIRST
    mixed = (mixed ^ (mixed >> np.uint64(27))) * _SECOND
    mixed ^= mixed >> np.uint64(31)
    return ((mixed >> np.uint64(32)) * np.uint64(FOLDS) >> np.uint64(32)).astype(np.uint8)


@functools.lru_cache(maxsize=2)
def folds_of_rows(count: int, first: int = 0, process: int = 0) -> npt.NDArray[np.uint8]:
    """Return the folds of consecutive samples; kept, because each epoch has the same."""
    folds = folds_of(np.arange(first, first + count), process)
    folds.setflags(write=False)
    return folds
