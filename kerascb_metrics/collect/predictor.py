"""What predicts given data if it is not the fitted model: another Keras model, or a function x → outputs."""

import inspect
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import tree

from kerascb_metrics.collect.backend import backend
from kerascb_metrics.exceptions import DataError

_EXAMPLE = "model=lambda x: inner_model(x, training=False)"


class Predictor:
    """A Keras model, or a function x → outputs.

    A deep copy refers to the same model, because a copied model would not be trained. A pickle holds no model.

    Args:
        model: a `keras.Model`, or a function. A function is called with the `x` of each batch, as tensors of the
            backend, outside `jit` and without gradients; it returns a tensor, an array, or a structure of them.

    Raises:
        ValueError: for anything else.

    >>> Predictor("encoder")
    Traceback (most recent call last):
        ...
    ValueError: Metrics: model= must be a Keras model or a function x → outputs; received a str. ...
    """

    def __init__(self, model: Any) -> None:
        problem = problem_with(model)
        if problem is not None:
            raise ValueError(f"Metrics: model= must be a Keras model or a function x → outputs; {problem}.")
        self.model = model
        self._keras_model = model if isinstance(model, keras.Model) else None

    def __repr__(self) -> str:
        return f"Predictor({self.model!r})"

    def __deepcopy__(self, memo: dict[int, Any]) -> "Predictor":
        return self

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return Predictor, (_NotPickled(),)

    @property
    def keras_model(self) -> keras.Model:
        """The Keras model that predicts.

        Raises:
            ValueError: in a copy from a pickle.
        """
        if isinstance(self.model, _NotPickled):
            raise ValueError(
                "Metrics: model= is not part of a pickle, and this Metrics comes from one. Make a new one, as in "
                "Metrics(validation_data=(x, y), model=encoder)."
            )
        if self._keras_model is None:
            self._keras_model = _FunctionModel(self.model)
        return self._keras_model

    @property
    def known_model(self) -> keras.Model | None:
        """The Keras model if one was given; of a function nothing is known before it is called."""
        return self.model if isinstance(self.model, keras.Model) else None


def problem_with(model: Any, call: str = "Metrics(validation_data=(x, y), model=encoder)") -> str | None:
    """Return what is wrong with something that should predict; None if it is a Keras model or a function of x.

    Args:
        model: what was given.
        call: what to write instead.

    >>> problem_with(keras.Model)
    'received the class Model. Pass an object of it, as in Metrics(validation_data=(x, y), model=encoder)'
    """
    if isinstance(model, type) or not callable(model):
        if callable(getattr(model, "predict", None)) and not isinstance(model, type):
            return f"received a {type(model).__name__}. Pass a function that calls it, as in {_EXAMPLE}"
        kind = f"the class {model.__name__}" if isinstance(model, type) else f"a {type(model).__name__}"
        of_it = " of it" if isinstance(model, type) else ""
        return f"received {kind}. Pass an object{of_it}, as in {call}"
    if isinstance(model, keras.Model):
        return None
    try:
        inspect.signature(model).bind("x")
    except TypeError as error:
        return f"received a function that cannot be called with x alone ({error}). Pass one that can, as in {_EXAMPLE}"
    except ValueError:
        pass  # some functions written in C have no signature
    return None


class _NotPickled:
    """Stands for the model of a `Predictor` that was pickled."""

    def __call__(self, x: Any) -> Any:
        raise NotImplementedError


class _FunctionModel(keras.Model):
    """A model whose `predict` calls a function for each batch."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        super().__init__(name="function")
        # Keras would track a layer, or the model of a bound method, as a part of this model.
        object.__setattr__(self, "outputs_of", function)
        self.run_eagerly = True  # what a function reads from elsewhere, such as weights, would be constants in a graph
        self.built = True  # Keras would call the function with symbols

    def predict_step(self, *args: Any) -> Any:
        """Return the outputs of a batch; on JAX it also takes and returns the state."""
        *state, data = args
        x, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        x = tree.map_structure(_as_tensor, x)
        returned = backend().call_outside_step(self.outputs_of, x)
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
