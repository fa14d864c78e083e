"""Processes that train one model together: `keras.distribution` on JAX. On PyTorch this is refused.

Every process feeds its own part of a batch. Each captures the whole batch, so that all get the same scores and make the
same decisions. On the other backends there is one process.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from keras import tree

from kerascb_metrics.collect.backend import Array, Captured, backend
from kerascb_metrics.exceptions import CaptureError


def is_multi_process() -> bool:
    """Return whether several processes train the model together."""
    return backend().spans_processes()


def separate_processes() -> int:
    """Return how many processes of torch.distributed run side by side, each with its own scores; 1 without any.

    They run the user's own loop, as with DistributedDataParallel: Keras does not know whether each process validates
    all rows or a part of them.
    """
    return backend().separate_processes()


def number_of_process() -> int:
    """Return the number of this process, from 0; 0 where there is one only."""
    return backend().process_index() if is_multi_process() else 0


def is_first_process() -> bool:
    """Return whether this process writes files: the first one of those that train together does."""
    return not is_multi_process() or backend().process_index() == 0


def broadcast_from_first_process(score: Callable[[], dict[str, float]]) -> dict[str, float]:
    """Call `score` and return what it returned in the first process.

    A score may fail in one process, or draw random numbers. Callbacks must not stop one process and not the others, so
    all use the same values. A process that has raised takes no part in the next exchange, and the others would wait for
    it until a time-out. So if one raises, all of them raise.

    Args:
        score: returns name → float, with the same names in all processes.

    Raises:
        CaptureError: if `score` succeeded here and raised in another process.
    """
    if not is_multi_process():
        return score()
    error: Exception | None = None
    entries: dict[str, float] = {}
    try:
        entries = score()
    except Exception as caught:
        error = caught
    counts = backend().from_processes(np.array([-1 if error else len(entries)], "int64"))
    if error is not None:
        raise error
    failed = np.flatnonzero(counts < 0)
    if failed.size:
        raise CaptureError(
            f"Metrics: scoring this pass failed in process {', '.join(map(str, failed))} of those that train together. "
            "See the error that was raised there."
        )
    if np.ptp(counts):
        return entries  # a failed score that does not know its classes has fewer
    names = sorted(entries)
    values = backend().from_processes(np.array([entries[name] for name in names], "float64"))[0].tolist()
    first = dict(zip(names, values, strict=True))
    return {name: first[name] for name in entries}


def sum_over_processes(arrays: Sequence[Array]) -> list[Array]:
    """Add up arrays over all processes, exactly, and return the sums in each of them.

    Args:
        arrays: int64 or float64 arrays, with the same shapes and dtypes in every process. All processes must call this,
            in the same order. Floats are added in the order of the processes, so that all get the same sums.
    """
    if not is_multi_process():
        return list(arrays)
    return [np.asarray(backend().from_processes(array).sum(axis=0, dtype=array.dtype)) for array in arrays]


def joined_over_processes(vectors: Sequence[Array]) -> list[Array]:
    """Concatenate the vectors of all processes, in the order of the processes; every process gets all values.

    Args:
        vectors: int64 or float64 arrays, (N,), of the same length; it may differ between processes.
    """
    if not is_multi_process():
        return list(vectors)
    lengths = backend().from_processes(np.array([len(vectors[0])], np.int64))[:, 0]
    padded = [np.pad(vector, (0, lengths.max() - len(vector))) for vector in vectors]
    gathered = [backend().from_processes(vector) for vector in padded]
    return [np.concatenate([own[:length] for own, length in zip(rows, lengths, strict=True)]) for rows in gathered]


def rows_to_count(part: Captured, whole: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return the rows of a captured batch that this process must count, as NumPy; each row is counted once.

    Args:
        part: as in `local_rows`.
        whole: returns the whole batch as NumPy; called if the leaves have different shardings. Then the first process
            counts all rows.
    """
    local = local_rows(part)
    if local is not None:
        return local
    rows = slice(None) if is_first_process() else slice(0)
    counted: dict[str, Any] = tree.map_structure(lambda leaf: None if leaf is None else leaf[rows], whole())
    return counted


def local_rows(part: Captured) -> dict[str, Any] | None:
    """Return the rows of a captured batch that are on this process, as NumPy; each row is on one process.

    Args:
        part: the captured dict `y_true, y_pred, sample_weight, mask`, of leaves, of dicts and lists of them, or None.

    Returns:
        The same structure; or None, in every process, if the leaves have different shardings.
    """
    held = backend().own_rows([leaf for leaf in tree.flatten(part) if leaf is not None])
    if held is None:
        return None
    rows = iter(held)
    local: dict[str, Any] = tree.map_structure(lambda leaf: None if leaf is None else next(rows), part)
    return local
