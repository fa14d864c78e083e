"""Processes of torch.distributed that Keras trains together: how arrays travel between them.

They travel in a gloo group of our own, as bytes in the host's memory. In Keras's group they could be taken for
gradients or metrics if one process were ahead of another, and NCCL takes no host memory.
"""

import contextlib
import datetime
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import torch
import torch.distributed as dist

from kerascb_metrics.collect.backend import Array, Tensor
from kerascb_metrics.collect.keras_internals import joins_torch_processes, torch_timeout
from kerascb_metrics.exceptions import CaptureError

_HALF_AN_HOUR = datetime.timedelta(minutes=30)
# How many bytes are sent at a time.
_AT_ONCE = 1 << 28


def process_count() -> int:
    """Return how many processes torch.distributed has; 1 if it is not initialized."""
    if not (dist.is_available() and dist.is_initialized()):
        return 1
    count: int = dist.get_world_size()
    return count


def are_joined() -> bool:
    """Return whether there are several processes, and Keras trains them together."""
    return process_count() > 1 and joins_torch_processes()


def refuse_unknown_distribution() -> None:
    """Raise `CaptureError` if it is not known which rows each process has."""
    count, distribution = process_count(), keras.distribution.distribution()
    if count == 1 or distribution is None:
        return
    how = type(distribution).__name__
    if not joins_torch_processes():
        raise CaptureError(
            f"Metrics: keras.distribution is set to {how}, and torch.distributed has {count} processes, but Keras "
            f"{keras.__version__} does not join them: each would train and be scored by itself. Install Keras 3.16, or "
            "train on JAX."
        )
    names = distribution.device_mesh.axis_names
    known = isinstance(distribution, keras.distribution.ModelParallel) or (
        isinstance(distribution, keras.distribution.DataParallel) and len(names) == 1
    )
    if not known:
        raise CaptureError(
            f"Metrics: it is not known which rows each process has under {how} with the axes {', '.join(names)}. Use "
            "keras.distribution.DataParallel with one axis, or ModelParallel."
        )
    if distribution.device_mesh.devices.size != count:
        raise CaptureError(
            f"Metrics: {how} has {distribution.device_mesh.devices.size} devices, but torch.distributed has {count} "
            "processes, of which each is one device. Give keras.distribution as many devices as there are processes."
        )


def owns_rows() -> bool:
    """Return whether the rows of this process count: along the axes of a model all processes feed the same rows."""
    distribution = keras.distribution.distribution()
    if process_count() == 1 or not isinstance(distribution, keras.distribution.ModelParallel):
        return True
    mesh = distribution.device_mesh.backend_mesh
    places = zip(distribution.device_mesh.axis_names, mesh.get_coordinate(), strict=True)
    return all(place == 0 for name, place in places if name != distribution.batch_dim_name)


def local_rows(leaf: Any) -> Any:
    """Return the rows of a DTensor that this process fed, whole, as a plain tensor; anything else as it is.

    The tensor may be cut along other axes than the rows, so all processes must call this.
    """
    from torch.distributed.tensor import DTensor, Replicate, Shard  # not before it is needed: it takes a while

    if not isinstance(leaf, DTensor):
        return leaf
    names, rows = leaf.device_mesh.mesh_dim_names, keras.distribution.distribution().batch_dim_name
    placements = [Shard(0) if leaf.ndim and name == rows else Replicate() for name in names]
    return leaf.redistribute(leaf.device_mesh, placements).to_local()


class Exchange:
    """Exchanges arrays between all processes, in a group of its own. Every process must make the same calls."""

    def __init__(self) -> None:
        self._world: Any = None
        self._own: Any = None

    def wait(self, action: str) -> None:
        """Wait until all processes are here; raise `CaptureError` after the time-out of torch.distributed."""
        with _named(action):
            dist.monitored_barrier(self._group(action), timeout=_timeout(), wait_all_ranks=True)

    def all_gather(self, array: Array) -> Array:
        """Stack the arrays of all processes, which have the same shape and dtype."""
        stacked = np.empty((process_count(), *array.shape), array.dtype)
        if array.size:
            own, others = _bytes(np.array(array)), list(_bytes(stacked).reshape(process_count(), -1))
            with _named("an exchange"):
                dist.all_gather(others, own, group=self._group("an exchange"))
        return stacked

    def broadcast(self, array: Array, source: int) -> None:
        """Fill an array in every process with its values in the process `source`."""
        for part in _bytes(array).split(_AT_ONCE) if array.size else ():
            with _named("an exchange"):
                dist.broadcast(part, source, group=self._group("an exchange"))

    def _group(self, action: str) -> Any:
        """Return the group, made when it is first needed, and again if torch.distributed was initialized again."""
        if self._world is not dist.group.WORLD:
            with _named(action):
                if dist.get_backend() == dist.Backend.GLOO:
                    dist.monitored_barrier(timeout=_timeout(), wait_all_ranks=True)  # it names who is missing
                self._own = dist.new_group(backend="gloo", timeout=_timeout())
            self._world = dist.group.WORLD
        return self._own


def _bytes(array: Array) -> Tensor:
    """Return the bytes of a contiguous array, in the same memory."""
    return torch.from_numpy(array.reshape(-1).view(np.uint8))


def _timeout() -> datetime.timedelta:
    """Return how long torch.distributed waits, as told to `init_process_group`; half an hour if that is not known."""
    return torch_timeout(dist.group.WORLD, [torch.device("cpu"), torch.device("cuda")]) or _HALF_AN_HOUR


@contextlib.contextmanager
def _named(action: str) -> Iterator[None]:
    """Turn an error of torch.distributed into a `CaptureError` that says what was waited for."""
    try:
        yield
    except RuntimeError as error:
        raise CaptureError(
            f"Metrics: process {dist.get_rank()} of {process_count()} waited for the others at {action}, up to "
            f"{_timeout().total_seconds():g} seconds (timeout= of torch.distributed.init_process_group). A process has "
            "ended, is slower, or does something else; each must list Metrics in fit, and call metrics.evaluate, in "
            "the same way. "
            f"torch.distributed says: {error}"
        ) from error


EXCHANGE = Exchange()
