"""Arrays in blocks of rows: a block stays in the processor's cache, and no second copy of the array is made."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from kerascb_metrics._threads import in_threads, thread_count

BLOCK = 1 << 16


def blocks(array: np.ndarray, values: int = BLOCK) -> Iterator[slice]:
    """Yield the slices that cut an array's rows into blocks of about 64 Ki values.

    Args:
        array: an array of any shape with at least one axis.
        values: about how many values a block has.

    Yields:
        One slice per block, in order.

    >>> list(blocks(np.zeros((40_000, 4))))
    [slice(0, 16384, None), slice(16384, 32768, None), slice(32768, 40000, None)]
    """
    rows = max(1, values * len(array) // max(1, array.size))
    for start in range(0, len(array), rows):
        yield slice(start, min(start + rows, len(array)))


def each_block(array: np.ndarray, work: Callable[[slice], None], values: int = BLOCK) -> None:
    """Call a function with each block of rows, see `blocks`; of a large array in several threads.

    Args:
        array: an array of any shape with at least one axis.
        work: writes what belongs to a block, and nothing else.
        values: about how many values a block has.
    """
    cuts = list(blocks(array, values))
    # A run of blocks for each thread: fewer changes from one thread to another than block by block.
    each = max(1, -(-len(cuts) // thread_count()))

    def work_on(start: int) -> None:
        for block in cuts[start : start + each]:
            work(block)

    in_threads(work_on, range(0, len(cuts), each), array.size)


def columns_of(array: np.ndarray, columns: Sequence[int] | np.ndarray) -> np.ndarray:
    """Return some columns of an array (N, C) as contiguous rows (K, N).

    Works in blocks, because a column of a C-ordered array is spread over the whole array: two to three times as fast
    as `array.T`.

    Args:
        array: shape (N, C).
        columns: the column numbers, rising.

    Returns:
        A new array of shape (K, N), of the same dtype.

    >>> columns_of(np.array([[1, 2, 3], [4, 5, 6]]), [0, 2])
    array([[1, 4],
           [3, 6]])
    """
    is_range = columns[-1] - columns[0] + 1 == len(columns)
    chosen = slice(columns[0], columns[-1] + 1) if is_range else columns
    transposed = np.empty((len(columns), len(array)), array.dtype)

    def lay_out(block: slice) -> None:
        transposed[:, block] = array[block, chosen].T

    each_block(array, lay_out)
    return transposed
