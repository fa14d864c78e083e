"""What predicts given data if the model of the fit does not: another Keras model, or a function x → outputs."""

import inspect
from typing import Any

import keras
import numpy as np
from keras import tree

from kerascb_metrics.collect.backend import backend
from kerascb_metrics.exceptions import DataError

_EXAMPLE = "model=lambda x: inner_model(x, training=False)"


def problem_with(predictor: Any) -> str | None:
    """Return what is wrong with something that should predict; None if it is a Keras model or a function of x.

    >>> problem_with(keras.Model)
    'received the class Model. Pass an instance of it'
    """
    if isinstance(predictor, keras.Model):
        return None
    if isinstance(predictor, type):
        return f"received the class {predictor.__name__}. Pass an instance of it"
    if not callable(predictor):
        has_predict = callable(getattr(predictor, "predict", None))
        instead = f". Pass a function that calls it, such as {_EXAMPLE}" if has_predict else ""
        return f"received a {type(predictor).__name__}{instead}"
    try:
        inspect.signature(predictor).bind("x")
    except TypeError as error:
        return (
            f"received a function that cannot be called with x alone ({error}). Pass one that can, such as {_EXAMPLE}"
        )
    except ValueError:
        pass  # some functions written in C have no signature
    return None


def as_model(predictor: Any) -> keras.Model:
    """Return a Keras model whose `predict` calls the model or function."""
    return predictor if isinstance(predictor, keras.Model) else FunctionModel(predictor)


class FunctionModel(keras.Model):
    """Calls a function for each batch that Keras's `predict` reads, without tracing or compiling it.

    The function gets the batch's x as `predict` passes it to a model: tensors of the backend, in the structure of the
    data, without gradients on PyTorch.

    Args:
        function: returns outputs, as tensors or arrays, in any structure.
    """

    def __init__(self, function: Any) -> None:
        super().__init__()
        # Not tracked: the variables of a layer that is used as a function are not this model's state.
        object.__setattr__(self, "_function", function)
        self.built = True
        self.run_eagerly = True

    def predict_step(self, *args: Any) -> Any:
        """Return the outputs of a batch; on JAX it also takes and returns the state."""
        *state, data = args
        x, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        x = tree.map_structure(_as_tensor, x)
        returned = backend().call_outside_step(self._function, x)
        outputs = tree.map_structure(lambda leaf: leaf if keras.ops.is_tensor(leaf) else np.asarray(leaf), returned)
        _check_rows(x, outputs, returned)
        return (outputs, state[0][1]) if state else outputs


def _as_tensor(leaf: Any) -> Any:
    """Return the array of a batch as a tensor: on JAX, Keras passes arrays to an eager model."""
    is_numbers = isinstance(leaf, np.ndarray) and leaf.dtype.kind in "biuf"
    return keras.ops.convert_to_tensor(leaf) if is_numbers else leaf


def _check_rows(x: Any, outputs: Any, returned: Any) -> None:
    """Raise `DataError` unless each output is an array of numbers with one row per row of x."""
    rows = next((leaf.shape[0] for leaf in tree.flatten(x) if getattr(leaf, "shape", ())), None)
    leaves = tree.flatten(outputs)
    are_numbers = all(not isinstance(leaf, np.ndarray) or leaf.dtype.kind in "biuf" for leaf in leaves)
    if leaves and are_numbers and all(len(leaf.shape) > 0 and leaf.shape[0] == rows for leaf in leaves):
        return
    shown = tree.map_structure(lambda leaf: tuple(leaf.shape), outputs) if leaves and are_numbers else None
    what = f"a {type(returned).__name__}" if shown is None else f"outputs of shape {shown}"
    raise DataError(
        f"Metrics: the function given as model= returned {what} for a batch of {rows} rows. Return one row of outputs "
        f"per row of x, as in {_EXAMPLE}."
    )
