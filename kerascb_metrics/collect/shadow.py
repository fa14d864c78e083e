"""A shadow of the model predicts given data, so that other threads that use the model see nothing of it.

The shadow is an object of the model's class with a copy of the model's attributes. It shares layers, variables and
compiled parts. What Keras, or the model's own `predict_step` and `call`, sets on `self` during the pass is set on the
shadow only, and is gone after the pass: the model keeps its own `predict_function` and gets no new attribute. What the
model changes in place (a list that its `call` appends to) is shared, and stays changed, as after `model.predict`.
`restore.preserve_state_variables` restores the variables' values.

A limit on JAX, where Keras's `predict` takes the values off the variables for the length of a pass: two threads cannot
predict with one model at once. Keras itself fails there, with or without this library.
"""

import contextlib
import dis
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import keras

from kerascb_metrics.collect.keras_internals import stop_tracking
from kerascb_metrics.collect.restore import replaced

# If one of these is set on the instance, it is bound to the model and would not use the shadow.
_BOUND = ("predict", "make_predict_function")


def must_predict_itself(model: Any) -> bool:
    """Return whether the model has to predict given data itself, its attributes replaced for the length of the pass.

    A model that is not built yet is built by its first call, and must keep what that sets; nobody else can use it yet.
    A class with a `__del__` would free what the model still uses.
    """
    unbuilt = has_call(model) and not model.built
    return unbuilt or not vars(model).keys().isdisjoint(_BOUND) or hasattr(type(model), "__del__")


def has_call(model: Any) -> bool:
    """Return whether the model can be called: its `call` is not Keras's own, and can do more than raise."""
    if "call" in vars(model) or type(model).__call__ is not keras.Model.__call__:
        return True
    call = inspect.unwrap(type(model).call)
    return call is not keras.Model.call and not _only_raises(call)


def way_out(model: Any = None, *, can_predict: bool | None = None) -> str:
    """Return how to score what fit's own pass cannot give: by data that this model, or an inner one, predicts.

    Args:
        model: the fitted model.
        can_predict: whether it has a `call`, if that is known.

    >>> way_out(can_predict=True)
    'Score given data: metrics = Metrics(validation_data=(x_val, y_val))'
    """
    if has_call(model) if can_predict is None else can_predict:
        return "Score given data: metrics = Metrics(validation_data=(x_val, y_val))"
    return (
        "This model has no `call`, so name an inner model that predicts: metrics = "
        "Metrics(validation_data=(x_val, y_val), model=inner_model)"
    )


def _only_raises(function: Callable[..., Any]) -> bool:
    """Return whether a function never returns: it does nothing but `raise NotImplementedError`."""
    code = getattr(function, "__code__", None)
    return code is not None and not any(
        instruction.opname.startswith(("RETURN", "YIELD")) for instruction in dis.get_instructions(code)
    )


def empty_shadow(model: Any) -> Any:
    """Return a shadow without attributes: a function that is compiled for it can be kept without keeping the model."""
    return object.__new__(type(model))


@contextlib.contextmanager
def filled(shadow: Any, model: Any) -> Iterator[Any]:
    """Give a shadow the model's current attributes, and remove them at the end of the block."""
    state: Any = object.__getstate__(model)  # Python's own, whatever the class defines for pickles
    attributes, slots = state if isinstance(state, tuple) else (state, {})
    vars(shadow).update(attributes)
    stop_tracking(shadow)  # TensorFlow would write to lists that are the model's too
    for name, value in slots.items():
        object.__setattr__(shadow, name, value)
    try:
        yield shadow
    finally:
        vars(shadow).clear()
        for name in slots:
            object.__delattr__(shadow, name)


@contextlib.contextmanager
def model_itself(model: Any) -> Iterator[Any]:
    """Let the model itself predict, and restore its attributes at the end of the block."""
    with replaced(model, predict_step=model.predict_step, predict_function=None, stop_predicting=False):
        yield model
