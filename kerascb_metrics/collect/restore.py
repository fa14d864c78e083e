"""What a pass changes in the model and the process, restored when the pass ends, even if it raises."""

import contextlib
import random
from collections.abc import Iterator
from typing import Any

import numpy as np

from kerascb_metrics.collect.backend import backend
from kerascb_metrics.collect.keras_internals import MAKES_DDP, state_variables


@contextlib.contextmanager
def replaced(owner: Any, **attributes: Any) -> Iterator[None]:
    """Replace instance attributes of `owner` for the length of the block.

    Goes through `vars(owner)`, because the `__setattr__` of Keras and torch would track what is set.
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


def without_ddp(model: Any) -> contextlib.AbstractContextManager[None]:
    """Keep Keras from wrapping a model in DistributedDataParallel while it makes a function that only predicts.

    The wrapper would take the memory of all gradients, and end with the function.
    """
    return replaced(model, **{MAKES_DDP: lambda: None}) if hasattr(model, MAKES_DDP) else contextlib.nullcontext()


@contextlib.contextmanager
def preserve_random_state() -> Iterator[None]:
    """Restore the global random states at the end of the block: data sources draw from them."""
    states: list[tuple[Any, Any]] = [
        (random.setstate, random.getstate()),
        (np.random.set_state, np.random.get_state()),  # noqa: NPY002  the global one is meant
        (backend().set_random_state, backend().get_random_state()),
    ]
    try:
        yield
    finally:
        for restore, state in states:
            restore(state)


@contextlib.contextmanager
def preserve_state_variables(model: Any) -> Iterator[None]:
    """Restore the values of variables that a forward pass may change: seeds, counters, stateful layers."""
    variables = state_variables(model)
    before = [np.array(backend().variable_to_numpy(variable)) for variable in variables]
    try:
        yield
    finally:
        backend().sync_state(model)
        for variable, value in zip(variables, before, strict=True):
            if not np.array_equal(backend().variable_to_numpy(variable), value):
                variable.assign(value)
