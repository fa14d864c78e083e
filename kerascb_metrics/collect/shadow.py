"""A shadow of the model predicts given data, so that no other thread that uses the model sees anything of it.

The shadow is an object of the model's class with a copy of the model's attributes. It shares layers, variables and
compiled parts. What Keras, or the model's own `predict_step` and `call`, sets on `self` during the pass is set on the
shadow only, and is gone with the pass: the model keeps its own `predict_function` and gains no attribute. What the
model changes in place (a list that its `call` appends to) is shared, and stays changed, as after `model.predict`;
`guards.state_kept` gives the variables' values back.

A limit on JAX, where Keras's `predict` takes the values off the variables for the length of a pass: two threads cannot
predict with one model at once, with or without us. Keras itself fails there.
"""

import contextlib
import dis
import inspect

import keras

from kerascb_metrics.collect.restore import replaced

# If one of these is set on the instance, it is bound to the model and would not use the shadow.
_BOUND = ("predict", "make_predict_function")


def predicts_itself(model):
    """Tell whether the model has to predict given data itself, its attributes replaced for the length of the pass.

    Not yet built, it is built by its first call, and what that sets must stay; nobody else can use it yet. A class with
    a `__del__` would free what the model still uses.
    """
    unbuilt = has_call(model) and not model.built
    return unbuilt or not vars(model).keys().isdisjoint(_BOUND) or hasattr(type(model), "__del__")


def has_call(model):
    """Tell whether the model can be called: its `call` is neither Keras's own, nor one that can only raise."""
    if "call" in vars(model) or type(model).__call__ is not keras.Model.__call__:
        return True
    call = inspect.unwrap(type(model).call)
    return call is not keras.Model.call and not _only_raises(call)


def _only_raises(function):
    """Tell whether a function has no instruction that returns: `raise NotImplementedError` is all that it does."""
    code = getattr(function, "__code__", None)
    return code is not None and not any(
        instruction.opname.startswith(("RETURN", "YIELD")) for instruction in dis.get_instructions(code)
    )


def empty_shadow(model):
    """Return a shadow of the model without anything in it: what is compiled for it can be kept, and holds no model."""
    return object.__new__(type(model))


@contextlib.contextmanager
def filled(shadow, model):
    """Let a shadow be as its model is now, and empty it at the end."""
    state = object.__getstate__(model)  # Python's own, whatever the class makes of pickles
    attributes, slots = state if isinstance(state, tuple) else (state, {})
    vars(shadow).update(attributes)
    # TensorFlow notes what is set on an object, in lists that are the model's too.
    vars(shadow)["_self_setattr_tracking"] = False
    for name, value in slots.items():
        object.__setattr__(shadow, name, value)
    try:
        yield shadow
    finally:
        vars(shadow).clear()
        for name in slots:
            object.__delattr__(shadow, name)


@contextlib.contextmanager
def itself(model):
    """Let the model predict, and have it back as it was."""
    with replaced(model, predict_step=model.predict_step, predict_function=None, stop_predicting=False):
        yield model
