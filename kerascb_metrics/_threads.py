"""Work on large arrays in a few threads, after a pass: NumPy's sorts and arithmetic let other threads run meanwhile.

No thread outlives a call, so copies of processes and of callbacks hold none. What each thread computes does not depend
on how many there are, so results are the same to the last bit.
"""

import functools
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

_MOST_THREADS = 4
# Arrays of fewer values are not worth the fifty microseconds that it takes to start a thread.
_FEWEST_VALUES = 1 << 18

Item = TypeVar("Item")
Result = TypeVar("Result")


def thread_count() -> int:
    """Return how many threads work: 4, or fewer where there are fewer cores, or OMP_NUM_THREADS says so."""
    asked = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(_MOST_THREADS, cores, int(asked) if asked.isdigit() else cores))


def in_threads(work: Callable[[Item], Result], items: Iterable[Item], values: int) -> list[Result]:
    """Return `work(item)` of each item, in order.

    Args:
        work: called in any thread; does not change what another call reads or changes.
        items: what it is called with.
        values: how many values all calls work on; few values have one thread.

    Raises:
        Exception: what a call raised; those that have begun end first.

    >>> in_threads(abs, [-1, 2, -3], values=1 << 20)
    [1, 2, 3]
    """
    threads = thread_count() if values >= _FEWEST_VALUES else 1
    if threads == 1:
        return [work(item) for item in items]
    with ThreadPoolExecutor(threads, "kerascb_metrics") as pool:
        results = [_begun(pool, work, item) for item in items]
        return [result() for result in results]


def _begun(pool: ThreadPoolExecutor, work: Callable[[Item], Result], item: Item) -> Callable[[], Result]:
    """Begin `work(item)`; return what waits for the result. Where no thread can be started it works in this one.

    That is so while Python ends, and where the system allows no more threads.
    """
    try:
        return pool.submit(work, item).result
    except RuntimeError:
        return functools.partial(work, item)
