"""Devices that share the rows of each batch: `keras.distribution`, which Keras has on JAX alone."""

import keras
import numpy as np

from kerascb_metrics.collect.backend import backend
from kerascb_metrics.collect.processes import is_multi_process
from kerascb_metrics.exceptions import CaptureError

# What Keras takes where `batch_size` is None.
_BATCH_SIZE = 32


def rows_of_all(rows):
    """Return how many rows all processes feed together where this one feeds `rows`."""
    own, all_of_them = _row_shards()
    return rows * all_of_them // own


def refuse_uneven_batches(rows, batch_size=None, steps=None):
    """Raise `CaptureError` for a batch that cannot be cut into parts of equal length, for Keras itself fails there.

    All processes that train together must call this, and all raise where one has other batches than the rest.

    Args:
        rows: that this process feeds; None where that is not known.
        batch_size: of this process; None is Keras's own.
        steps: how many batches, at most; None is all.
    """
    shards, batch_size = _row_shards()[0], batch_size or _BATCH_SIZE
    if is_multi_process():
        _refuse_unlike(rows, batch_size, steps)
    if rows is None or shards == 1:
        return
    seen = min(rows, batch_size * steps) if steps else rows
    uneven = next((size for size in (min(batch_size, seen), seen % batch_size) if size % shards), None)
    if uneven is not None:
        raise CaptureError(
            f"Metrics: keras.distribution cuts each validation batch of this process into {shards} equal parts, so "
            f"Keras cannot take one of {uneven} rows ({rows} rows, in batches of {batch_size}). "
            f"Pass {_even(rows, batch_size, steps, shards)}."
        )


def _refuse_unlike(*asked):
    """Each process would wait for the others' missing rows."""
    by_process = backend().from_processes(np.array([-1 if each is None else each for each in asked], "int64"))
    if np.ptp(by_process, axis=0).any():
        rows, batch_sizes, _ = by_process.T.tolist()
        raise CaptureError(
            "Metrics: processes that train together must feed as many validation rows each, in batches of one size; "
            f"here they feed {', '.join(map(str, rows))} rows, in batches of {', '.join(map(str, batch_sizes))}. Leave "
            "rows out, or add some with a sample weight of 0."
        )


def _even(rows, batch_size, steps, shards):
    """Say which batch size, and how many rows, would do."""
    fitting, remedies = batch_size - batch_size % shards or shards, []
    if fitting != batch_size < rows:
        remedies.append(f"a batch size of {fitting}")
    if rows % shards and not (steps and steps * fitting <= rows):
        less, more = rows - rows % shards, rows + -rows % shards
        remedies.append(f"{less} rows, or {more}, those added with a sample weight of 0" if less else f"{more} rows")
    return ", and ".join(remedies)


def _row_shards():
    return backend().row_shards() if keras.backend.backend() == "jax" else (1, 1)
