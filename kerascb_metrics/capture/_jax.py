"""The tapped test function on JAX, and what a batch is where devices and processes share it."""

import functools

import jax
import keras
import numpy as np
from jax.experimental.multihost_utils import process_allgather

from kerascb_metrics.capture.guards import replaced
from kerascb_metrics.capture.tap import Tap


def build(model):
    """Build the twin of Keras's test function: `twin(state, iterator) -> ((logs, state), parts)`.

    Keras's own `make_test_function` makes it, with the step replaced, and so keeps its jit, donation and shardings.
    Built for one step and looped here: with `steps_per_execution > 1` Keras returns the last step's outputs only.
    """
    tap, test_step = Tap(model), model.test_step

    def tapped_step(state, data):
        with tap.listening():  # compiled, it runs when a step is traced, not for each batch
            (logs, state), captured = tap.step(test_step, state, data)
        return (logs, captured), state

    with replaced(model, test_step=tapped_step, steps_per_execution=1, test_function=None):
        model.make_test_function(force=True)
        one_step = model.test_function

    def twin(state, iterator):
        parts = []
        for step in range(model.steps_per_execution):
            try:
                (logs, captured), state = one_step(state, iterator)
            except StopIteration:
                if step == 0:
                    raise  # Keras's evaluate ends the epoch on it
                break
            parts.append(captured)
        return (logs, state), parts

    return twin


def to_numpy(array):
    """An array of a JAX array's values; it may share its memory.

    Of one that several processes share, in all of them the whole: each must ask for it, in the same order.
    """
    return np.asarray(array) if _is_here(array) else process_allgather(array, tiled=True)


def is_at_hand(array):
    """Tell whether an array is in the host's memory: no JAX array is taken for it."""
    return False


def start_copy(array):
    """Begin to copy to the host, without waiting; what other processes hold of it comes with `to_numpy`."""
    if not _on_host() and _is_here(array):
        array.copy_to_host_async()


def refuse_unsupported(model, given=False):
    """Raise `CaptureError` for what Keras itself cannot do; `given`: with data of the callback's own."""


def process_index():
    """Return which process this is, from 0."""
    return jax.process_index()


def spans_processes():
    """Tell whether `keras.distribution` is set to devices of several processes."""
    distribution = keras.distribution.distribution()
    if distribution is None or jax.process_count() == 1:
        return False
    return len({device.process_index for device in distribution.device_mesh.backend_mesh.devices.flat}) > 1


def row_shards():
    """Return into how many equal parts `keras.distribution` cuts the rows that this process feeds, and those of all.

    Both are 1 without one. Processes that hold the same rows, as where the model alone is shared, have them in common.
    """
    distribution = keras.distribution.distribution()
    if distribution is None:
        return 1, 1
    devices = distribution.device_mesh.devices.size
    sharding = distribution.get_data_layout((devices,)).backend_layout
    own, all_of_them = (
        len({rows.indices(devices) for (rows,) in places.values()})
        for places in (sharding.addressable_devices_indices_map((devices,)), sharding.devices_indices_map((devices,)))
    )
    return own, all_of_them


def from_processes(array):
    """Stack a NumPy array of each process, alike in shape and dtype; every process gets all."""
    # As 32-bit words, for JAX would round 64-bit numbers where x64 is off.
    words = process_allgather(np.ascontiguousarray(array).reshape(-1).view(np.uint32))
    return words.view(array.dtype).reshape(len(words), *array.shape)


def own_rows(leaves):
    """Return what this process holds of a batch's arrays, as NumPy, so that each row is on one process.

    None where they do not lie alike, row by row: every process then finds so.
    """
    places = {_places(leaf) for leaf in leaves}
    if len(places) != 1 or None in places:
        return None
    return [_rows_held(leaf) for leaf in leaves]


@functools.cache
def _on_host():
    """Whether devices share the host's memory: then there is nothing to copy, and asking for it costs time."""
    return jax.default_backend() == "cpu"


@functools.cache
def _alone():
    return jax.process_count() == 1


def _is_here(array):
    return _alone() or array.is_fully_addressable or array.is_fully_replicated


def _places(leaf):
    """Which rows of an array lie on which device; None where it is no JAX array, or devices cut other axes."""
    if isinstance(leaf, np.ndarray) or leaf.ndim == 0:
        return None
    places = leaf.sharding.devices_indices_map(leaf.shape)
    whole = [slice(None).indices(size) for size in leaf.shape[1:]]
    for _, *others in places.values():
        if [part.indices(size) for part, size in zip(others, leaf.shape[1:], strict=True)] != whole:
            return None
    return tuple((device.id, rows.indices(len(leaf))) for device, (rows, *_) in places.items())


def _rows_held(leaf):
    held = {shard.index[0].indices(len(leaf)): shard for shard in leaf.addressable_shards if shard.replica_id == 0}
    none = np.empty((0, *leaf.shape[1:]), leaf.dtype)
    return np.concatenate([none, *(np.asarray(held[rows].data) for rows in sorted(held))])
