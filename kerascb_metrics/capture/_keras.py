"""The private parts of Keras that have no public way, all in one place.

Tried on Keras 3.12 to 3.15 (tests/test_seam.py fails by name when one of them moves).
"""

import inspect
import math
import sys
from types import FrameType

import keras
from keras.src.backend import get_keras_mask  # on JAX the mask is in a side table, not on the array
from keras.src.backend.config import is_nnx_enabled
from keras.src.trainers.data_adapters import get_data_adapter  # `predict` takes no targets, but takes an adapter

__all__ = [
    "calling_list",
    "first_validation_batch",
    "fit_list_holds",
    "fit_validates",
    "fits_under_way",
    "get_data_adapter",
    "get_keras_mask",
    "is_nnx_enabled",
    "made_by_keras",
    "state_variables",
]

_FIT_CODE = inspect.unwrap(keras.Model.fit).__code__


def _frames():
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        yield frame
        frame = frame.f_back


def _fits(model):
    return (frame for frame in _frames() if frame.f_code is _FIT_CODE and frame.f_locals.get("self") is model)


def fits_under_way(model):
    """Count the calls of `fit` on `model` that this thread is in.

    After a `fit` that raised, Keras calls no hook, so nothing but the stack can tell an outer fit that goes on
    from an earlier one that died.
    """
    return sum(1 for _ in _fits(model))


def fit_validates(model):
    """Tell whether the innermost `fit` of `model` has validation data; True where that cannot be seen."""
    frame = next(_fits(model), None)
    return frame is None or frame.f_locals.get("validation_data", model) is not None


def first_validation_batch(model):
    """Return the rows of the first batch that the innermost `fit` of `model` validates; None where that is not known.

    Of arrays it is; a dataset would have to be read.
    """
    frame = next(_fits(model), None)
    asked = {} if frame is None else frame.f_locals
    data, freq = asked.get("validation_data"), asked.get("validation_freq")
    targets = data[1] if isinstance(data, tuple | list) and len(data) > 1 else None
    shapes = [leaf.shape for leaf in keras.tree.flatten(targets) if getattr(leaf, "shape", ())]
    if not shapes or (isinstance(freq, int) and freq > asked["epochs"]):
        return None
    rows, steps = int(shapes[0][0]), asked["validation_steps"]
    # As Keras's array adapter has it.
    return min(
        rows, asked["validation_batch_size"] or asked["batch_size"] or (math.ceil(rows / steps) if steps else 32)
    )


def calling_list(callback):
    """Return the `CallbackList` whose hook is calling `callback`, or None.

    Keras hands callbacks their model and params, never the list that they are in.
    """
    for frame in _frames():
        caller = frame.f_locals.get("self")
        if isinstance(caller, keras.callbacks.CallbackList) and callback in caller.callbacks:
            return caller
    return None


def state_variables(model):
    """Return the variables that a forward pass outside training may change; frozen weights are not among them.

    Keras makes no difference between a variable that was made not to be trained, a state, and a weight that is frozen.
    """
    state = []
    for layer in model._flatten_layers():
        state += layer._non_trainable_variables
        state += [generator.state for generator in layer._seed_generators]
        if getattr(layer, "stateful", False):  # an RNN's states are among no layer's variables
            states = keras.tree.flatten(getattr(layer, "states", None))
            state += [variable for variable in states if isinstance(variable, keras.Variable)]
    return state


def fit_list_holds(callback, model):
    """Tell whether `callback` stands in the list that the innermost `fit` hands on; True where that cannot be seen."""
    frame = next(_fits(model), None)
    listed = None if frame is None else frame.f_locals.get("callbacks")
    return not isinstance(listed, keras.callbacks.CallbackList) or callback in listed.callbacks


def made_by_keras(function):
    """Tell whether a `test_function` was built by Keras's own `make_test_function`."""
    return getattr(inspect.unwrap(function), "__module__", "").startswith("keras.src.backend.")
