"""Rows in blocks: what a step touches stays in the processor's cache, and nothing is laid out a second time."""

BLOCK = 1 << 16


def blocks(array):
    """Yield the slices that cut an array's rows into blocks of about 64 Ki values.

    >>> import numpy as np
    >>> list(blocks(np.zeros((40_000, 4))))
    [slice(0, 16384, None), slice(16384, 32768, None), slice(32768, 40000, None)]
    """
    rows = max(1, BLOCK * len(array) // max(1, array.size))
    for start in range(0, len(array), rows):
        yield slice(start, min(start + rows, len(array)))
