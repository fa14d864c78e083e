"""What a pass borrows from the model and the process, given back however the pass ends."""

import contextlib
import random

import keras
import numpy as np

from kerascb_metrics.collect.backend import backend
from kerascb_metrics.collect.keras_internals import fits_under_way, jax_state_setter, state_variables, sync_state


@contextlib.contextmanager
def replaced(owner, **attributes):
    """Give `owner` other instance attributes for a while, and its own back however the block ends.

    Goes through `vars(owner)`: Keras's and torch's `__setattr__` would track what is set.
    """
    namespace, missing = vars(owner), object()
    before = {name: namespace.get(name, missing) for name in attributes}
    namespace.update(attributes)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is missing:
                namespace.pop(name, None)
            else:
                namespace[name] = value


@contextlib.contextmanager
def random_state_kept():
    """Draw nothing from the global random states: a torch DataLoader takes its seed from there at every reading."""
    states: list = [(random.setstate, random.getstate()), (np.random.set_state, np.random.get_state())]  # noqa: NPY002
    if keras.backend.backend() == "torch":
        import torch

        states.append((torch.set_rng_state, torch.get_rng_state()))
    try:
        yield
    finally:
        for give_back, state in states:
            give_back(state)


@contextlib.contextmanager
def training_mode_kept(model):
    """Turn the training mode of torch modules off, as Keras's `predict` does; in a fit of the model, have it back.

    Out of a fit it stays off, as after `predict`: another thread may be predicting.
    """
    if keras.backend.backend() != "torch":
        yield
        return
    training = [module for module in model.modules() if module.training] if fits_under_way(model) else []
    model.eval()
    try:
        yield
    finally:
        for module in training:
            vars(module)["training"] = True


@contextlib.contextmanager
def state_kept(model):
    """Give state that a forward pass may change its values back: seeds, counters, stateful layers."""
    variables = state_variables(model)
    before = [np.array(_values(variable)) for variable in variables]
    try:
        yield
    finally:
        sync_state(model)
        for variable, value in zip(variables, before, strict=True):
            if not np.array_equal(_values(variable), value):
                variable.assign(value)


def _values(variable):
    # TensorFlow's is read first: NumPy 2 takes a variable of several devices for no array.
    value = variable.value
    return backend().to_numpy(value.read_value() if hasattr(value, "read_value") else value)


def jax_state_kept(model, function):
    """Wrap a JAX predict function: if it raises, the state that Keras took off the variables goes back to them.

    Keras empties the variables before the first batch; where reading that batch raises, nothing else holds the weights.
    """
    give_back = jax_state_setter(model)

    def guarded(state, iterator):
        try:
            return function(state, iterator)
        except BaseException:  # Ctrl-C too
            give_back(state)
            raise

    return guarded
