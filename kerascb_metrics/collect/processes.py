"""Processes that train one model together: `keras.distribution` on JAX and, from Keras 3.16 on, on PyTorch.

Every process feeds its own part of a batch. On JAX each captures the whole batch; on PyTorch each captures its own
rows, and `gathering.py` joins them. So all get the same scores and make the same decisions. On TensorFlow there is one
process.

A process that has raised takes no part in the next exchange, and the others would wait for it until a time-out. So all
processes meet before they exchange anything: each says what it is about to do, and whether it failed.
"""

import pickle
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
from keras import tree

from kerascb_metrics.collect.backend import Array, Captured, backend
from kerascb_metrics.exceptions import CaptureError

Result = TypeVar("Result")
# How many bytes of an action and of an error, and how many numbers, travel when processes meet.
_ACTION, _MESSAGE, _NUMBERS = 64, 960, 4
# The attribute of an error that all processes know of: none of them waits for another because of it.
_KNOWN = "_kerascb_metrics_known"


def is_multi_process() -> bool:
    """Return whether several processes train the model together."""
    return backend().spans_processes()


def captures_own_rows() -> bool:
    """Return whether several processes train together, and each captures the rows that it feeds, and no others."""
    return is_multi_process() and backend().captures_own_rows()


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


def meet(action: str, error: Exception | None = None, numbers: Sequence[int] = ()) -> Array:
    """Wait for the other processes, and raise in all of them if one has failed; every process must call this.

    Args:
        action: what all processes are about to do, or have done.
        error: why this process failed; it is raised here.
        numbers: whole numbers to exchange at the same time, at most 4, as many in every process.

    Returns:
        The numbers of all processes, (processes, numbers).

    Raises:
        CaptureError: if another process failed, or is about to do something else. The message names it.
    """
    message = "" if error is None else f"{type(error).__name__}: {error}"
    fixed = np.array([*numbers, *[0] * (_NUMBERS - len(numbers))], np.int64)
    own = [_padded(action, _ACTION), _padded(message, _MESSAGE), fixed.view(np.uint8)]
    try:
        backend().wait_for_processes(action)
        by_process = backend().from_processes(np.concatenate(own))
    except CaptureError as missing:  # nobody waits for this process
        setattr(missing, _KNOWN, True)
        raise
    actions = [_text(row[:_ACTION]) for row in by_process]
    messages = [_text(row[_ACTION : _ACTION + _MESSAGE]) for row in by_process]
    failed = {index: text for index, text in enumerate(messages) if text}
    found = _what_is_wrong(actions, failed) if error is None else error
    if found is not None:
        setattr(found, _KNOWN, True)
        raise found
    return by_process[:, _ACTION + _MESSAGE :].copy().view(np.int64)[:, : len(numbers)]


def _what_is_wrong(actions: Sequence[str], failed: Mapping[int, str]) -> CaptureError | None:
    """Return the error for what other processes do; None if all do the same and none has failed."""
    if failed:
        first, names = min(failed), ", ".join(map(str, failed))
        return CaptureError(
            f"Metrics: {actions[first]} failed in process {names} of those that train together, so all of them stop. "
            f"{failed[first]}"
        )
    if len(set(actions)) > 1:
        doing = ", ".join(f"process {index} at {other}" for index, other in enumerate(actions))
        return CaptureError(
            f"Metrics: the processes that train together do different things: {doing}. List Metrics in fit, and call "
            "metrics.evaluate, in the same way in each."
        )
    return None


def _padded(text: str, length: int) -> Array:
    return np.frombuffer(text.encode()[:length].ljust(length, b"\0"), np.uint8)


def _text(padded: Array) -> str:
    return padded.tobytes().rstrip(b"\0").decode(errors="ignore")


def in_all_processes(action: str, function: Callable[[], Result]) -> Result:
    """Call `function` and return its result; if it raises in one process, all of them raise.

    Args:
        action: what it does, for the error in the other processes.
        function: called without arguments. All processes must call this.

    Raises:
        CaptureError: if `function` succeeded here and raised in another process.
    """
    if not is_multi_process():
        return function()
    try:
        result = function()
    except Exception as error:
        if not getattr(error, _KNOWN, False):
            meet(action, error)
        raise
    meet(action)
    return result


def bytes_of_processes(action: str, own: bytes) -> list[bytes]:
    """Return the bytes of all processes, of any length; every process must call this."""
    lengths = meet(action, numbers=[len(own)])[:, 0].tolist()
    padded = np.frombuffer(own.ljust(max(lengths) + -max(lengths) % 4, b"\0"), np.uint8)  # whole 32-bit words
    return [row[:length].tobytes() for row, length in zip(backend().from_processes(padded), lengths, strict=True)]


def of_first_process(action: str, own: Result) -> Result:
    """Return what the first process has, in all of them; every process must call this.

    A score may draw random numbers, or fail in one process. Callbacks must not stop one process and not the others, and
    histories must not differ.

    Args:
        action: what was done, for the error if a process is elsewhere.
        own: what this process has, which can be pickled.
    """
    if not is_multi_process():
        return own
    data = pickle.dumps(own)
    sums = meet(action, numbers=[zlib.crc32(data), len(data)])
    if not np.ptp(sums, axis=0).any():
        return own
    first: Result = pickle.loads(bytes_of_processes(action, data if is_first_process() else b"")[0])
    return first


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
