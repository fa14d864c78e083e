"""Devices and processes of JAX that share arrays: which rows are where, and how arrays travel between processes."""

import functools
import itertools
from collections.abc import Hashable, Sequence
from typing import Any

import jax
import keras
import numpy as np
from jax.experimental.multihost_utils import process_allgather

from kerascb_metrics.collect.backend import Array, Tensor
from kerascb_metrics.exceptions import CaptureError

# How many seconds a process waits for the others, the same as torch.distributed.
TIMEOUT = 1800
# Each barrier has a name of its own.
_MEETINGS = itertools.count()


def are_joined() -> bool:
    """Return whether `keras.distribution` is set to devices of several processes."""
    distribution = keras.distribution.distribution()
    if distribution is None or jax.process_count() == 1:
        return False
    return len({device.process_index for device in distribution.device_mesh.backend_mesh.devices.flat}) > 1


def row_shards() -> tuple[int, int]:
    """Return into how many equal parts `keras.distribution` cuts the rows of this process, and those of all."""
    distribution = keras.distribution.distribution()
    if distribution is None:
        return 1, 1
    shape = (distribution.device_mesh.devices.size,)
    sharding = distribution.get_data_layout(shape).backend_layout
    own = _count_parts(sharding.addressable_devices_indices_map(shape), *shape)
    return own, _count_parts(sharding.devices_indices_map(shape), *shape)


def _count_parts(rows_by_device: dict[Any, tuple[slice]], length: int) -> int:
    return len({rows.indices(length) for (rows,) in rows_by_device.values()})


# How arrays travel.


def wait(action: str) -> None:
    """Wait for the other processes at a barrier of JAX's coordination service.

    The exchange itself would end the process, or wait for ever, if another one were about to exchange something else.
    The barrier has a time-out, and names who is missing.

    Args:
        action: what the processes are about to do, for the error.

    Raises:
        CaptureError: if a process does not come.
    """
    client = _coordination_client()
    if client is None:
        return
    try:
        client.wait_at_barrier(f"kerascb_metrics {next(_MEETINGS)}", timeout_in_ms=1000 * TIMEOUT)
    except RuntimeError as error:
        raise CaptureError(
            f"Metrics: process {jax.process_index()} of {jax.process_count()} waited for the others at {action}, "
            f"up to {TIMEOUT} seconds. A process has ended, is slower, or does not list Metrics; each must call "
            f"fit, and list Metrics, in the same way. JAX says: {error}"
        ) from error


def _coordination_client() -> Any:
    """Return the client of `jax.distributed`, which has barriers with a time-out; None if it is not found."""
    try:
        from jax._src import distributed
    except ImportError:
        return None
    client = getattr(getattr(distributed, "global_state", None), "client", None)
    return client if hasattr(client, "wait_at_barrier") else None


def stacked(array: Array) -> Array:
    """Stack the arrays of all processes; every process gets all of them."""
    # As 32-bit words, because JAX would round 64-bit numbers if x64 is off.
    words: Array = process_allgather(np.ascontiguousarray(array).reshape(-1).view(np.uint32))
    return words.view(array.dtype).reshape(len(words), *array.shape)


def to_numpy(array: Tensor) -> Array:
    """Return the values of an array; if several processes share it, each of them gets all values."""
    return np.asarray(array) if is_here(array) else process_allgather(array, tiled=True)


# Where the rows of an array are.


def is_here(array: Tensor) -> bool:
    """Return whether this process has all values of an array."""
    return _is_only_process() or array.is_fully_addressable or array.is_fully_replicated


@functools.cache
def _is_only_process() -> bool:
    only: bool = jax.process_count() == 1
    return only


def own_rows(leaves: Sequence[Tensor | Array]) -> list[Array] | None:
    """Return the rows on this process; None, in every process, if the leaves are sharded in different ways."""
    shardings = {_sharding(leaf) for leaf in leaves}
    if len(shardings) != 1 or None in shardings:
        return None
    return [_rows_held(leaf) for leaf in leaves]


def _sharding(leaf: Tensor) -> Hashable:
    """Return which rows of an array are on which device; None if it is not a JAX array, or cut along other axes."""
    if isinstance(leaf, np.ndarray) or leaf.ndim == 0:
        return None
    by_device = leaf.sharding.devices_indices_map(leaf.shape)
    whole = [slice(None).indices(size) for size in leaf.shape[1:]]
    for _, *others in by_device.values():
        if [part.indices(size) for part, size in zip(others, leaf.shape[1:], strict=True)] != whole:
            return None
    return tuple((device.id, rows.indices(len(leaf))) for device, (rows, *_) in by_device.items())


def _rows_held(leaf: Tensor) -> Array:
    held = {shard.index[0].indices(len(leaf)): shard for shard in leaf.addressable_shards if shard.replica_id == 0}
    none = np.empty((0, *leaf.shape[1:]), leaf.dtype)
    return np.concatenate([none, *(np.asarray(held[rows].data) for rows in sorted(held))])
