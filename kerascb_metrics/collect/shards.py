"""Devices that share the rows of each batch: `keras.distribution`, which Keras supports on JAX."""

import numpy as np

from kerascb_metrics.collect.backend import backend
from kerascb_metrics.collect.processes import is_multi_process
from kerascb_metrics.exceptions import CaptureError

# Keras's own, if `batch_size` is None.
_BATCH_SIZE = 32


def rows_of_all_processes(rows: int) -> int:
    """Return how many rows all processes feed together if this one feeds `rows`."""
    own, all_of_them = backend().row_shards()
    return rows * all_of_them // own


def refuse_uneven_batches(rows: int | None, batch_size: int | None = None, steps: int | None = None) -> None:
    """Raise `CaptureError` for a batch that cannot be cut into equal parts, because Keras itself fails on it.

    All processes that train together must call this. All raise if one has other batches than the rest.

    Args:
        rows: how many rows this process feeds; None if that is not known.
        batch_size: of this process; None is Keras's own.
        steps: how many batches, at most; None is all.
    """
    shards, batch_size = backend().row_shards()[0], batch_size or _BATCH_SIZE
    if is_multi_process():
        _refuse_different(rows, batch_size, steps)
    if rows is None or shards == 1:
        return
    seen = min(rows, batch_size * steps) if steps else rows
    uneven = next((size for size in (min(batch_size, seen), seen % batch_size) if size % shards), None)
    if uneven is not None:
        raise CaptureError(
            f"Metrics: keras.distribution cuts each validation batch of this process into {shards} equal parts, so "
            f"Keras cannot take a batch of {uneven} rows ({rows} rows, in batches of {batch_size}). "
            f"Pass {_remedy(rows, batch_size, steps, shards)}."
        )


def _refuse_different(*asked: int | None) -> None:
    """Raise if processes feed different numbers of rows: each would wait for the missing rows of the others."""
    by_process = backend().from_processes(np.array([-1 if each is None else each for each in asked], "int64"))
    if np.ptp(by_process, axis=0).any():
        rows, batch_sizes, _ = by_process.T.tolist()
        raise CaptureError(
            "Metrics: processes that train together must feed the same number of validation rows, in batches of the "
            f"same size; here they feed {', '.join(map(str, rows))} rows, in batches of "
            f"{', '.join(map(str, batch_sizes))}. Leave rows out, or add some with a sample weight of 0."
        )


def _remedy(rows: int, batch_size: int, steps: int | None, shards: int) -> str:
    """Return which batch size, and how many rows, would be even."""
    fitting, remedies = batch_size - batch_size % shards or shards, []
    if fitting != batch_size < rows:
        remedies.append(f"a batch size of {fitting}")
    if rows % shards and not (steps and steps * fitting <= rows):
        less, more = rows - rows % shards, rows + -rows % shards
        remedies.append(f"{less} or {more} rows, added ones with a sample weight of 0" if less else f"{more} rows")
    return ", and ".join(remedies)
