"""The tapped test function on JAX, and what a batch is where devices and processes share it."""

import functools
import itertools

import jax
import keras
import numpy as np
from jax.experimental.multihost_utils import process_allgather

from kerascb_metrics.collect.keras_internals import unstacked_batches
from kerascb_metrics.collect.restore import replaced
from kerascb_metrics.collect.step_spy import Tap


def build(model):
    """Build the twin of Keras's test function: `twin(state, iterator) -> ((logs, state), parts)`.

    Keras's own `make_test_function` makes it, with the step replaced, and so keeps its jit, donation and shardings.
    Built for one step and looped here: with `steps_per_execution > 1` Keras returns the last step's outputs only.
    """
    tap, test_step = Tap(model), model.test_step
    compiled = model.jit_compile and not model.run_eagerly

    def tapped_step(state, data):
        with tap.listening():  # compiled, it runs when a step is traced, not for each batch
            (logs, state), captured = tap.step(test_step, state, data)
        return (logs, captured), state

    with replaced(model, test_step=tapped_step, steps_per_execution=1, test_function=None):
        model.make_test_function(force=True)
        one_step = model.test_function

    def each_step(state, batches):
        parts = []
        for batch in batches:
            (logs, captured), state = one_step(state, iter((batch,)))
            parts.append(captured if compiled else jax.tree.map(_apart_from_the_source, captured))
        return (logs, state), parts

    unstacked = unstacked_batches() if model.steps_per_execution > 1 else None
    if unstacked is not None:
        return _stacked_twin(model, _scanned(one_step) if compiled else None, each_step, unstacked)

    def twin(state, iterator):
        first = next(iterator)  # Keras's evaluate ends the epoch where there is none
        return each_step(state, itertools.chain((first,), itertools.islice(iterator, model.steps_per_execution - 1)))

    return twin


def _stacked_twin(model, all_steps, each_step, unstacked):
    """The twin for an iterator that stacks `steps_per_execution` batches, or lists those that do not stack.

    Like Keras it runs stacked batches by `lax.scan` (`all_steps`) where the step is compiled, and one by one otherwise.
    """

    def twin(state, iterator):
        batches = next(iterator)
        if isinstance(batches, unstacked):
            return each_step(state, batches)
        steps = len(jax.tree.leaves(batches)[0])
        if all_steps is not None and steps == model.steps_per_execution:
            return all_steps(state, batches)
        return each_step(state, [jax.tree.map(lambda leaf: leaf[step], batches) for step in range(steps)])  # noqa: B023

    return twin


def _scanned(one_step):
    """Return a compiled function of the state and stacked batches: every step's rows, and the last step's logs."""

    def scan(state, batches):
        def step(state, batch):
            outputs, state = one_step(state, iter((batch,)))
            return state, outputs

        state, (logs, captured) = jax.lax.scan(step, state, batches)
        return jax.tree.map(lambda leaf: leaf[-1], logs), jax.tree.map(_rows_of_steps, captured), state

    compiled = jax.jit(scan, donate_argnums=0)

    def all_steps(state, batches):
        logs, captured, state = compiled(state, batches)
        return (logs, state), [captured]

    return all_steps


def _apart_from_the_source(leaf):
    """Copy what the data source may write its next batch to: a NumPy array, or a JAX array that shares its memory."""
    shared = isinstance(leaf, np.ndarray) or (isinstance(leaf, jax.Array) and _on_host() and _is_here(leaf))
    return np.array(leaf) if shared else leaf


def _rows_of_steps(leaf):
    """Put the rows of all steps, (steps, rows, …), one after the other."""
    return leaf.reshape(-1, *leaf.shape[2:])


def to_numpy(array):
    """An array of a JAX array's values; it may share its memory.

    Of one that several processes share, in all of them the whole: each must ask for it, in the same order.
    """
    return np.asarray(array) if _is_here(array) else process_allgather(array, tiled=True)


def is_host_memory(array):
    """Tell whether an array is in the host's memory: no JAX array is taken for it."""
    return False


def start_copy(array):
    """Begin to copy to the host, without waiting; what other processes hold of it comes with `to_numpy`."""
    if not _on_host() and _is_here(array):
        array.copy_to_host_async()


def refuse_unsupported(model, given=False):
    """Raise `CaptureError` for what cannot be captured; `given`: with data of the callback's own."""
    if not given and model.steps_per_execution > 1:
        unstacked_batches()


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
