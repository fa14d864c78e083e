"""Processes that train one model together: `keras.distribution`, on JAX alone (on PyTorch it is refused).

Every process feeds its own part of a batch. What is captured is the whole of it, in every process, so that all come to
the same scores and the same decisions. On another backend there is one process.
"""

import keras
import numpy as np
from keras import tree

from kerascb_metrics.collect.backend import backend
from kerascb_metrics.exceptions import CaptureError


def is_multi_process():
    """Tell whether this process has others beside it."""
    return keras.backend.backend() == "jax" and backend().spans_processes()


def processes_apart():
    """Return how many processes of torch.distributed train beside each other, each with scores of its own; or 1.

    In a loop of the user's own, as with DistributedDataParallel: Keras does not know whether each process validates all
    rows or a part of them.
    """
    return backend().process_count() if keras.backend.backend() == "torch" else 1


def is_first_process():
    """Tell whether this process is the one that writes files: of those that train together, the first."""
    return not is_multi_process() or backend().process_index() == 0


def broadcast_from_first_process(score):
    """Call `score` and return what it returned in the first process: name → float, the same names in all of them.

    A score that failed in one process, or draws random numbers, must not have callbacks stop one process and not the
    others. One that has raised takes no part in the next exchange, for which the others would wait until a time-out: so
    all of them raise.

    Raises:
        CaptureError: where `score` went well here, and raised in another process.
    """
    if not is_multi_process():
        return score()
    error, entries = None, {}
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
            f"Metrics: scoring this pass failed in process {', '.join(map(str, failed))} of those that train together; "
            "what went wrong is told there."
        )
    if np.ptp(counts):
        return entries  # a failed score that does not know its classes has fewer
    names = sorted(entries)
    values = backend().from_processes(np.array([entries[name] for name in names], "float64"))[0].tolist()
    first = dict(zip(names, values, strict=True))
    return {name: first[name] for name in entries}


def sum_over_processes(arrays):
    """Add up arrays over all processes, exactly, and return the sums in each of them.

    Args:
        arrays: a list of int64 or float64 NumPy arrays, in every process of the same shapes and dtypes. All processes
            must call this, in the same order. Floats are added in the order of the processes, so that all get the
            same.
    """
    if not is_multi_process():
        return arrays
    return [np.asarray(backend().from_processes(array).sum(axis=0, dtype=array.dtype)) for array in arrays]


def joined_over_processes(vectors):
    """Put the vectors of all processes one after the other, in their order; every one of them gets all.

    Args:
        vectors: a list of int64 or float64 NumPy arrays, (N,), of the same length; it may differ between processes.
    """
    if not is_multi_process():
        return vectors
    lengths = backend().from_processes(np.array([len(vectors[0])], np.int64))[:, 0]
    padded = [np.pad(vector, (0, lengths.max() - len(vector))) for vector in vectors]
    gathered = [backend().from_processes(vector) for vector in padded]
    return [np.concatenate([own[:length] for own, length in zip(rows, lengths, strict=True)]) for rows in gathered]


def own_share(part, whole):
    """Return the rows of a captured batch that are this process's to count, as NumPy; each row is one process's.

    Args:
        part: as in `local_part`.
        whole: called for the whole of it, as NumPy, where the leaves do not lie alike: the first process has it then.
    """
    local = local_part(part)
    if local is not None:
        return local
    rows = slice(None) if is_first_process() else slice(0)
    return tree.map_structure(lambda leaf: None if leaf is None else leaf[rows], whole())


def local_part(part):
    """Return the rows of a captured batch that lie in this process, as NumPy; each row lies in one process.

    Args:
        part: the captured dict `y_true, y_pred, sample_weight, mask`, of leaves, of dicts and lists of them, or None.

    Returns:
        The same structure; or None, in every process, where the leaves do not lie alike.
    """
    leaves = [leaf for leaf in tree.flatten(part) if leaf is not None]
    if is_multi_process():
        held = backend().own_rows(leaves)
    else:
        held = [leaf if isinstance(leaf, np.ndarray) else backend().to_numpy(leaf) for leaf in leaves]
    if held is None:
        return None
    rows = iter(held)
    return tree.map_structure(lambda leaf: None if leaf is None else next(rows), part)
