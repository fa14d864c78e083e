"""JAX, and what a batch is when several devices or processes share it."""

import functools
import itertools
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np
from jax.experimental.multihost_utils import process_allgather

from kerascb_metrics.collect.backend import Array, Backend, Captured, TappedFunction, Tensor
from kerascb_metrics.collect.keras_internals import jax_state_setter, sync_jax_state, unstacked_batches
from kerascb_metrics.collect.label_rule import MAGNITUDE, SHARES_WITHIN, LabelRule, ordered_bits
from kerascb_metrics.collect.restore import replaced
from kerascb_metrics.collect.step_spy import StepSpy
from kerascb_metrics.exceptions import CaptureError

State = Any  # the variables' values, as Keras passes them through its functions
Result = tuple[tuple[Any, State], list[Captured]]  # ((logs, state), parts)


# How many seconds a process waits for the others, the same as torch.distributed.
TIMEOUT = 1800
# Each barrier has a name of its own.
_MEETINGS = itertools.count()


class JaxBackend(Backend):
    """JAX: the variables' values are passed through the steps, and `keras.distribution` shares rows and models."""

    predict_calls_unbuilt_model = True

    def build(self, model: Any) -> TappedFunction:
        """Build `tapped(state, iterator) -> ((logs, state), parts)`.

        Keras's own `make_test_function` makes it from a replaced step, so jit, donation and shardings are Keras's.
        It is built for one step and looped here: with `steps_per_execution > 1` Keras returns the outputs of the last
        step only.
        """
        compiled = model.jit_compile and not model.run_eagerly
        one_step = _one_step(model)

        def each_step(state: State, batches: Iterable[Any]) -> Result:
            parts = []
            for batch in batches:
                (logs, captured), state = one_step(state, iter((batch,)))
                parts.append(captured if compiled else jax.tree.map(_independent_copy, captured))
            return (logs, state), parts

        unstacked = unstacked_batches() if model.steps_per_execution > 1 else None
        if unstacked is not None:
            return _for_stacked_batches(model, _scanned(one_step) if compiled else None, each_step, unstacked)

        def tapped(state: State, iterator: Iterator[Any]) -> Result:
            first = next(iterator)  # Keras's evaluate ends the epoch if there is none
            others = itertools.islice(iterator, model.steps_per_execution - 1)
            return each_step(state, itertools.chain((first,), others))

        return tapped

    def capture_predictions(
        self, model: Any, function: Callable[..., Any], consume: Callable[[Any], None]
    ) -> Callable[..., Any]:
        """Return a predict function that passes the captured result to `consume`; it takes and returns the state."""
        guarded = _restoring_state(model, function)

        def predict(state: State, iterator: Iterator[Any]) -> tuple[Tensor, State]:
            captured, state = guarded(state, iterator)
            consume(captured)
            return keras.ops.zeros((1,)), state

        return predict

    def refuse_unsupported(self, model: Any, *, given: bool = False) -> None:
        """Raise `CaptureError` if Keras stacks batches in a way that is not known."""
        if not given and model.steps_per_execution > 1:
            unstacked_batches()

    def to_numpy(self, tensor: Tensor) -> Array:
        """Return the values of an array; if several processes share it, each of them gets all values."""
        return np.asarray(tensor) if _is_here(tensor) else process_allgather(tensor, tiled=True)

    def label(self, outputs: Tensor, rule: LabelRule) -> tuple[Tensor, Tensor]:
        """Return the labels of an array of outputs, and whether they are enough."""
        labels, are_enough = _labels(outputs, rule)
        return labels, are_enough

    def start_copy(self, tensor: Tensor) -> Tensor:
        """Start to copy to the host, without waiting; the values on other processes come with `to_numpy`."""
        if not _on_host() and _is_here(tensor):
            tensor.copy_to_host_async()  # the array keeps the copy
        return tensor

    def sync_state(self, model: Any) -> None:
        """Bring the variables up to date: during a pass they are empty."""
        sync_jax_state(model)

    def process_index(self) -> int:
        """Return the index of this process, from 0."""
        index: int = jax.process_index()
        return index

    def spans_processes(self) -> bool:
        """Return whether `keras.distribution` is set to devices of several processes."""
        distribution = keras.distribution.distribution()
        if distribution is None or jax.process_count() == 1:
            return False
        return len({device.process_index for device in distribution.device_mesh.backend_mesh.devices.flat}) > 1

    def row_shards(self) -> tuple[int, int]:
        """Return into how many equal parts `keras.distribution` cuts the rows of this process, and those of all.

        Processes that hold the same rows, because only the model is shared, have those parts in common.
        """
        distribution = keras.distribution.distribution()
        if distribution is None:
            return 1, 1
        shape = (distribution.device_mesh.devices.size,)
        sharding = distribution.get_data_layout(shape).backend_layout
        own = _count_parts(sharding.addressable_devices_indices_map(shape), *shape)
        return own, _count_parts(sharding.devices_indices_map(shape), *shape)

    def wait_for_processes(self, action: str) -> None:
        """Wait for the other processes at a barrier of JAX's coordination service.

        The exchange itself would end the process, or wait for ever, if another one were about to exchange something
        else. The barrier has a time-out, and names who is missing.
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

    def from_processes(self, array: Array) -> Array:
        """Stack the arrays of all processes; every process gets all of them."""
        # As 32-bit words, because JAX would round 64-bit numbers if x64 is off.
        words: Array = process_allgather(np.ascontiguousarray(array).reshape(-1).view(np.uint32))
        return words.view(array.dtype).reshape(len(words), *array.shape)

    def own_rows(self, leaves: Sequence[Tensor | Array]) -> list[Array] | None:
        """Return the rows on this process; None, in every process, if the leaves are sharded in different ways."""
        if not self.spans_processes():
            return super().own_rows(leaves)
        shardings = {_sharding(leaf) for leaf in leaves}
        if len(shardings) != 1 or None in shardings:
            return None
        return [_rows_held(leaf) for leaf in leaves]


# The functions that Keras runs for each batch.


def _one_step(model: Any) -> Callable[[State, Iterator[Any]], tuple[tuple[Any, Captured], State]]:
    """Return Keras's own test function for one step that also returns the captured part."""
    spy, test_step = StepSpy(model), model.test_step

    def spied_step(state: State, data: Any) -> tuple[tuple[Any, Captured], State]:
        with spy.spying():  # a compiled step runs this when it is traced, not for each batch
            (logs, state), captured = spy.step(test_step, state, data)
        return (logs, captured), state

    with replaced(model, test_step=spied_step, steps_per_execution=1, test_function=None):
        model.make_test_function(force=True)
        one_step: Callable[..., Any] = model.test_function
    return one_step


def _for_stacked_batches(
    model: Any,
    all_steps: Callable[[State, Any], Result] | None,
    each_step: Callable[[State, Iterable[Any]], Result],
    unstacked: type[list[Any]],
) -> TappedFunction:
    """Return the tapped function for an iterator that stacks `steps_per_execution` batches, or lists them.

    As in Keras, stacked batches run by `lax.scan` (`all_steps`) if the step is compiled, and one by one otherwise.
    """

    def tapped(state: State, iterator: Iterator[Any]) -> Result:
        batches = next(iterator)
        if isinstance(batches, unstacked):
            return each_step(state, batches)
        steps = len(jax.tree.leaves(batches)[0])
        if all_steps is not None and steps == model.steps_per_execution:
            return all_steps(state, batches)
        return each_step(state, [jax.tree.map(lambda leaf: leaf[step], batches) for step in range(steps)])  # noqa: B023

    return tapped


def _scanned(one_step: Callable[..., Any]) -> Callable[[State, Any], Result]:
    """Return a compiled function of the state and stacked batches: the rows of all steps, the logs of the last."""

    def scan(state: State, batches: Any) -> tuple[Any, Captured, State]:
        def step(state: State, batch: Any) -> tuple[State, Any]:
            outputs, state = one_step(state, iter((batch,)))
            return state, outputs

        state, (logs, captured) = jax.lax.scan(step, state, batches)
        return jax.tree.map(lambda leaf: leaf[-1], logs), jax.tree.map(_rows_of_steps, captured), state

    compiled = jax.jit(scan, donate_argnums=0)

    def all_steps(state: State, batches: Any) -> Result:
        logs, captured, state = compiled(state, batches)
        return (logs, state), [captured]

    return all_steps


def _rows_of_steps(leaf: Tensor) -> Tensor:
    """Concatenate the rows of all steps, (steps, rows, …)."""
    return leaf.reshape(-1, *leaf.shape[2:])


def _independent_copy(leaf: Any) -> Any:
    """Copy a leaf if the data source may write its next batch to the same memory."""
    shared = isinstance(leaf, np.ndarray) or (isinstance(leaf, jax.Array) and _on_host() and _is_here(leaf))
    return np.array(leaf) if shared else leaf


def _restoring_state(model: Any, function: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a predict function: if it raises, the state that Keras took off the variables is put back.

    Keras empties the variables before the first batch. If reading that batch raises, nothing else holds the weights.
    """
    restore = jax_state_setter(model)

    def guarded(state: State, iterator: Iterator[Any]) -> Any:
        try:
            return function(state, iterator)
        except BaseException:  # Ctrl-C too
            restore(state)
            raise

    return guarded


# Labels.


@functools.partial(jax.jit, static_argnums=1)
def _labels(outputs: Tensor, rule: LabelRule) -> tuple[Tensor, Tensor]:
    floats = outputs.astype("float32")
    bits = jax.lax.bitcast_convert_type(floats, "int32")
    bits = jnp.where(bits < 0, -(bits & MAGNITUDE), bits)
    # A sum takes a tenth of the time of isfinite(floats).all(). On a processor min and max may lose a NaN.
    are_enough = jnp.isfinite(floats.sum())
    if rule.highest is not None:
        are_enough &= (floats.min(initial=0.0) >= 0) & (floats.max(initial=0.0) <= rule.highest)
    if rule.columns is None:
        labels = bits > ordered_bits(rule.cuts)
    elif rule.cuts:
        labels = bits[..., 1:] > ordered_bits(rule.cuts)
        are_enough &= (abs(floats.sum(axis=-1) - 1) <= SHARES_WITHIN).all()
    else:
        labels = jnp.argmax(bits, axis=-1, keepdims=True)  # the first of several
    return labels.astype(rule.dtype), are_enough


# Where the rows of an array are.


def _coordination_client() -> Any:
    """Return the client of `jax.distributed`, which has barriers with a time-out; None if it is not found."""
    try:
        from jax._src import distributed
    except ImportError:
        return None
    client = getattr(getattr(distributed, "global_state", None), "client", None)
    return client if hasattr(client, "wait_at_barrier") else None


@functools.cache
def _on_host() -> bool:
    """Return whether devices share the host's memory: a copy would be useless, and asking for one takes time."""
    on_host: bool = jax.default_backend() == "cpu"
    return on_host


@functools.cache
def _is_only_process() -> bool:
    only: bool = jax.process_count() == 1
    return only


def _is_here(array: Tensor) -> bool:
    return _is_only_process() or array.is_fully_addressable or array.is_fully_replicated


def _count_parts(rows_by_device: dict[Any, tuple[slice]], length: int) -> int:
    return len({rows.indices(length) for (rows,) in rows_by_device.values()})


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


BACKEND: Backend = JaxBackend()
