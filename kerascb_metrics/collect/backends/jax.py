"""JAX: the functions that Keras runs for each batch."""

import functools
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import jax
import keras
import numpy as np

from kerascb_metrics.collect.backend import Array, Backend, Captured, TappedFunction, Tensor
from kerascb_metrics.collect.backends import jax_processes
from kerascb_metrics.collect.backends.jax_labels import labels_of
from kerascb_metrics.collect.keras_internals import jax_state_setter, sync_jax_state, unstacked_batches
from kerascb_metrics.collect.label_rule import LabelRule
from kerascb_metrics.collect.restore import replaced
from kerascb_metrics.collect.step_spy import StepSpy

State = Any  # the variables' values, as Keras passes them through its functions
Result = tuple[tuple[Any, State], list[Captured]]  # ((logs, state), parts)


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
        return jax_processes.to_numpy(tensor)

    def label(self, outputs: Tensor, rule: LabelRule) -> tuple[Tensor, Tensor]:
        """Return the labels of an array of outputs, and whether they are enough."""
        labels, are_enough = labels_of(outputs, rule)
        return labels, are_enough

    def start_copy(self, tensor: Tensor) -> Tensor:
        """Start to copy to the host, without waiting; the values on other processes come with `to_numpy`."""
        if not _on_host() and jax_processes.is_here(tensor):
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
        return jax_processes.are_joined()

    def row_shards(self) -> tuple[int, int]:
        """Return into how many equal parts `keras.distribution` cuts the rows of this process, and those of all.

        Processes that hold the same rows, because only the model is shared, have those parts in common.
        """
        return jax_processes.row_shards()

    def wait_for_processes(self, action: str) -> None:
        """Wait until all processes are here."""
        jax_processes.wait(action)

    def from_processes(self, array: Array) -> Array:
        """Stack the arrays of all processes; every process gets all of them."""
        return jax_processes.stacked(array)

    def own_rows(self, leaves: Sequence[Tensor | Array]) -> list[Array] | None:
        """Return the rows on this process; None, in every process, if the leaves are sharded in different ways."""
        return jax_processes.own_rows(leaves) if self.spans_processes() else super().own_rows(leaves)


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
    shared = isinstance(leaf, np.ndarray) or (
        isinstance(leaf, jax.Array) and _on_host() and jax_processes.is_here(leaf)
    )
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


@functools.cache
def _on_host() -> bool:
    """Return whether devices share the host's memory: a copy would be useless, and asking for one takes time."""
    on_host: bool = jax.default_backend() == "cpu"
    return on_host


BACKEND: Backend = JaxBackend()
