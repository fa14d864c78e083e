"""Devices and processes that share the rows of each batch: `keras.distribution`."""

import math
from typing import Any

import keras
import numpy as np

from kerascb_metrics.collect.backend import backend
from kerascb_metrics.collect.processes import captures_own_rows, is_multi_process, meet
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
    if captures_own_rows():
        return
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


def refuse_other_batches(data: Any, batch_size: int | None, steps: int | None, *, must_equal: bool = True) -> None:
    """Raise `CaptureError` for data of which Keras would mix up the batches of the processes, or feed rows twice.

    Where each process captures its own rows, Keras adds up its metrics over the processes after each batch. A process
    with fewer batches would add them to others' of another batch, and the last ones would wait for it. All processes
    must call this.

    Args:
        data: the validation data of this process: arrays or a dataset; None if not known.
        batch_size: for arrays; None is Keras's own.
        steps: how many batches, at most; None is all.
        must_equal: whether the processes exchange something in each batch.
    """
    if not captures_own_rows():
        return
    repeated = _repeated_rows(data)
    count = _batch_count(data, batch_size, steps) if must_equal else None
    found = meet("the start of a pass", numbers=[-1 if count is None else count, repeated])
    if found[:, 1].any():
        raise CaptureError(
            f"Metrics: the DistributedSampler of the validation data repeats {found[:, 1].max()} rows, so that each "
            "process has as many as the others, and they would be counted twice. Pass drop_last=True to it, and a "
            "dataset whose length can be divided by the number of processes."
        )
    known = found[found[:, 0] >= 0, 0]
    if len(known) and np.ptp(known):
        counts = ", ".join("unknown" if each < 0 else str(each) for each in found[:, 0].tolist())
        raise CaptureError(
            "Metrics: processes that train together must validate on the same number of batches, because Keras adds up "
            f"its own metrics over the processes after each batch; here they have {counts}. The last batches may "
            "differ in length: choose a validation_batch_size per process, or move rows to another process."
        )


def _batch_count(data: Any, batch_size: int | None, steps: int | None) -> int | None:
    """Return how many batches Keras will read; None if that is not known."""
    if isinstance(data, tuple | list):
        shapes = [getattr(leaf, "shape", ()) for leaf in keras.tree.flatten(data)]
        rows = next((shape[0] for shape in shapes if shape), None)
        size = batch_size or (math.ceil(rows / steps) if rows and steps else _BATCH_SIZE)
        count = None if rows is None else math.ceil(rows / size)
    elif isinstance(data, keras.utils.PyDataset):
        count = _shard_of(data.num_batches)
    else:
        count = _length_of(data)
    return count if steps is None or (count is not None and count < steps) else steps


def _shard_of(batches: int | None) -> int | None:
    """Return how many batches of a PyDataset this process reads: with `auto_shard_dataset` Keras shares them out."""
    distribution = keras.distribution.distribution()
    if batches is None or distribution is None or not distribution.auto_shard_dataset:
        return batches
    shards: int = distribution.num_data_shards
    return len(range(distribution.data_shard_id, batches, shards))


def _length_of(data: Any) -> int | None:
    try:
        return len(data)
    except TypeError:
        return None


def _repeated_rows(data: Any) -> int:
    """Return how many rows the sampler of a DataLoader repeats, over all processes."""
    sampler = getattr(data, "sampler", None)
    total, rows = getattr(sampler, "total_size", None), _length_of(getattr(data, "dataset", None))
    return 0 if total is None or rows is None else max(0, total - rows)


def _refuse_different(*asked: int | None) -> None:
    """Raise if processes feed different numbers of rows: each would wait for the missing rows of the others."""
    by_process = meet("the start of a pass", numbers=[-1 if each is None else each for each in asked])
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
