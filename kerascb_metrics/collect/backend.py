"""The backend that Keras runs on, behind one Protocol. Each backend has a file in `backends/`; only one is imported.

Every method but `build` has a default: one process, and no state outside the model's variables. A backend's file has
only what differs from that.
"""

import contextlib
import functools
import importlib
from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import keras
import numpy as np
import numpy.typing as npt

from kerascb_metrics.collect.label_rule import LabelRule

Array = npt.NDArray[Any]
Tensor = Any  # a tensor of the backend, which is not imported here
# `y_true`, `y_pred`, `sample_weight` and `mask` of a batch: each a tensor, a structure of tensors, or None.
Captured = dict[str, Any]
# A test function that returns, besides Keras's own result, the captured parts of the batches, in row order.
TappedFunction = Callable[..., tuple[Any, list[Captured]]]


class Backend(Protocol):
    """Everything that `collect` asks a backend.

    Attributes:
        predict_calls_unbuilt_model: whether Keras's `predict` calls a model that is not built yet, even if the model
            overrides `predict_step`.
    """

    predict_calls_unbuilt_model: bool = False

    # The functions that Keras runs for each batch.

    @abstractmethod
    def build(self, model: Any) -> TappedFunction:
        """Build the tapped test function of a model. It takes what Keras's own test function takes."""
        ...

    def capture_predictions(
        self, model: Any, function: Callable[..., Any], consume: Callable[[Any], None]
    ) -> Callable[..., Any]:
        """Return a predict function that passes the result of `function` to `consume`.

        It returns a placeholder to Keras, which would otherwise join the results of all batches.
        """

        def predict(data: Any) -> Tensor:
            consume(function(data))
            return keras.ops.zeros((1,))

        return predict

    def call_outside_step(self, function: Callable[[Any], Any], x: Any) -> Any:
        """Call a function in a predict step that is not compiled; it may use any model as outside the step."""
        return function(x)

    def refuse_unsupported(self, model: Any, *, given: bool = False) -> None:
        """Raise `CaptureError` if the rows of the model cannot be captured.

        Args:
            model: the model that is about to be trained or scored.
            given: whether the callback has its own validation data.
        """
        ...

    # Tensors.

    def to_numpy(self, tensor: Tensor) -> Array:
        """Return the values of a tensor as an array, which may share the tensor's memory.

        If several processes share the tensor, all of them must call this, in the same order; each gets all values.
        """
        array: Array = keras.ops.convert_to_numpy(tensor)
        return array

    @abstractmethod
    def label(self, outputs: Tensor, rule: LabelRule) -> tuple[Tensor, Tensor]:
        """Return the labels of a tensor of outputs, and whether they are enough, both on the device.

        Args:
            outputs: of one of the dtypes in `FLOATS`.
            rule: the `LabelRule`.

        Returns:
            The labels, in the rule's dtype; a bool without axes.
        """
        ...

    def is_host_memory(self, tensor: Tensor) -> bool:
        """Return whether a tensor is in the host's memory and may be overwritten there by the next batch."""
        return False

    def start_copy(self, tensor: Tensor) -> Tensor:
        """Start to copy a tensor to the host, without waiting; by default `to_numpy` copies.

        Returns:
            What `to_numpy` takes in place of the tensor. It waits for this copy alone, not for later work.
        """
        return tensor

    # The state of the model and of the process.

    def sync_state(self, model: Any) -> None:
        """Bring the model's variables up to date, if they may be empty."""
        return

    def variable_to_numpy(self, variable: Any) -> Array:
        """Return the values of a `keras.Variable`; the array may share its memory."""
        return self.to_numpy(variable.value)

    def evaluation_mode(self, model: Any) -> contextlib.AbstractContextManager[None]:
        """Turn the model's training mode off for the length of a pass, if the backend has such a mode."""
        return contextlib.nullcontext()

    def get_random_state(self) -> Any:
        """Return the state of the backend's global random numbers; None if it has none."""
        return None

    def set_random_state(self, state: Any) -> None:
        """Restore the state that `get_random_state` returned."""
        return

    # Processes and devices that share the rows of a batch.

    def spans_processes(self) -> bool:
        """Return whether several processes share the rows of each batch."""
        return False

    def process_index(self) -> int:
        """Return the index of this process, from 0."""
        return 0

    def separate_processes(self) -> int:
        """Return how many processes run side by side without Keras joining them; each has its own scores."""
        return 1

    def row_shards(self) -> tuple[int, int]:
        """Return how many equal parts the rows of a batch are cut into: those of this process, and those of all."""
        return 1, 1

    def captures_own_rows(self) -> bool:
        """Return whether a captured batch holds the rows that this process feeds, and not those of all processes."""
        return False

    def owns_captured_rows(self) -> bool:
        """Return whether the captured rows count here: of processes that feed the same rows, one owns them."""
        return True

    def predicts_together(self, model: Any) -> bool:
        """Return whether processes that predict with a model exchange something in each batch."""
        return True

    def wait_for_processes(self, action: str) -> None:
        """Wait until all processes call this; raise `CaptureError` if one does not.

        By default the exchange that follows waits.

        Args:
            action: what the processes are about to do, for the error.
        """
        return

    def from_processes(self, array: Array) -> Array:
        """Stack the arrays of all processes; every process gets all of them.

        Args:
            array: of the same shape and dtype in every process, and of a whole number of 32-bit words.
        """
        return array[np.newaxis]

    def broadcast(self, array: Array, source: int) -> None:
        """Fill an array in every process with its values in the process `source`."""
        return

    def own_rows(self, leaves: Sequence[Tensor | Array]) -> list[Array] | None:
        """Return the rows of a batch that are on this process; each row is on exactly one process.

        Returns:
            One array per leaf; or None, in every process, if the leaves have different shardings.
        """
        return [leaf if isinstance(leaf, np.ndarray) else self.to_numpy(leaf) for leaf in leaves]


@functools.cache
def backend() -> Backend:
    """Return the backend that Keras is set to."""
    module = importlib.import_module(f"kerascb_metrics.collect.backends.{keras.backend.backend()}")
    found: Backend = module.BACKEND
    return found
