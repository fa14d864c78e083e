"""Everything of Keras that has no public way, in one place.

Nothing private is imported here: each part is looked up when it is first needed, so importing this package never fails
because of Keras. A part that is not found raises `CaptureError`, which names Keras's version and a way out; nothing is
guessed in its place. Where a caller's stack frame is read, each function says what it answers when there is none.

Tried on the releases of `TRIED`; tests/collect/test_keras_internals.py fails by name when one of the parts moves.
"""

import functools
import importlib
import inspect
import math
import sys
import threading
from collections.abc import Iterator
from types import FrameType

import keras

from kerascb_metrics.exceptions import CaptureError

__all__ = [
    "TRIED",
    "axis_of",
    "callbacks_in",
    "calling_list",
    "first_validation_batch",
    "fit_list_holds",
    "fit_validates",
    "fits_under_way",
    "get_data_adapter",
    "get_keras_mask",
    "jax_state_setter",
    "joins_torch_processes",
    "list_of_innermost_fit",
    "lists_of_all_fits",
    "made_by_keras",
    "model_of",
    "put_in_order",
    "refuse_unknown_trainer",
    "state_variables",
    "sync_state",
    "trained_by_another_thread",
    "unstacked_batches",
]

TRIED = "3.12 to 3.16"

# What of a trainer the capture reads or replaces.
_TRAINER = (
    "evaluate",
    "make_test_function",
    "test_function",
    "test_step",
    "compute_metrics",
    "compute_loss",
    "steps_per_execution",
    "run_eagerly",
    "jit_compile",
)
_ANOTHER_KERAS = f"Install one of Keras {TRIED}"
_FIT_PASS = f"Leave out Metrics(validation_data=…), so that fit's own pass is scored, or install one of Keras {TRIED}"
# The code of Keras's own `fit`, whatever tools wrap around it later.
_FIT_CODE = getattr(inspect.unwrap(keras.Model.fit), "__code__", None)


def get_keras_mask(outputs):
    """Return the mask that Keras holds for a tensor, or None. On JAX it is in a side table, not on the array."""
    return _mask_getter()(outputs)


def get_data_adapter(*args, **kwargs):
    """Make the adapter of arrays and targets that `predict` takes in place of data; it has no argument for targets."""
    remedy = "Pass validation_data as a dataset or a keras.utils.PyDataset of (x, y) batches"
    return _imported("get_data_adapter", ("keras.src.trainers.data_adapters",), remedy)(*args, **kwargs)


def unstacked_batches():
    """Return the class of the batches that Keras could not stack; None where it stacks none.

    With `steps_per_execution > 1` Keras on JAX, from 3.16 on, stacks that many batches along a new first axis. What
    does not stack (the last batches, or batches of different shapes) comes as a list of this class.
    """
    if _release() < (3, 16):
        return None
    remedy = f"Pass compile(steps_per_execution=1), or install one of Keras {TRIED}"
    return _imported("PartialBatchList", ("keras.src.trainers.data_adapters.data_adapter_utils",), remedy)


def refuse_unknown_trainer(model):
    """Raise `CaptureError`, before training, where Keras lacks a part that the capture of fit's own pass rests on."""
    for name in _TRAINER:
        _part(model, name, _ANOTHER_KERAS)
    _mask_getter()


def made_by_keras(function):
    """Tell whether a `test_function` was built by Keras's own `make_test_function`."""
    return getattr(inspect.unwrap(function), "__module__", "").partition(".")[0] == "keras"


def axis_of(loss):
    """Return the axis of the classes that a loss object was made with; −1, Keras's own default, where it has none.

    `SparseCategoricalCrossentropy` has it neither in its configuration nor as an attribute.
    """
    options = getattr(loss, "_fn_kwargs", None)
    return options.get("axis", -1) if isinstance(options, dict) else -1


# The state of a model.


def state_variables(model):
    """Return the variables that a forward pass outside training may change; frozen weights are not among them.

    The public `non_trainable_variables` makes no difference between a variable that was made not to be trained, a
    state, and a weight that is frozen.
    """
    state = []
    for layer in _part(model, "_flatten_layers", _FIT_PASS)():
        state += _part(layer, "_non_trainable_variables", _FIT_PASS)
        state += [generator.state for generator in _part(layer, "_seed_generators", _FIT_PASS)]
        if getattr(layer, "stateful", False):  # an RNN's states are among no layer's variables
            states = keras.tree.flatten(getattr(layer, "states", None))
            state += [variable for variable in states if isinstance(variable, keras.Variable)]
    return state


def sync_state(model):
    """Bring the model's variables up to date: during a pass on JAX they hold nothing."""
    if keras.backend.backend() == "jax":
        name = "state_sync" if hasattr(model, "state_sync") else "jax_state_sync"  # its name before Keras 3.16
        _part(model, name, _FIT_PASS)()


def jax_state_setter(model):
    """Return a function that has Keras take a state for the current one: `(trainable, non-trainable)` variables.

    Raises before the state is lost if that cannot be done.
    """
    _part(model, "_jax_state_synced", _FIT_PASS)  # set in the constructor; `_jax_state` only during a pass

    def take(state):
        model._jax_state = dict(zip(("trainable_variables", "non_trainable_variables"), state, strict=True))

    return take


def joins_torch_processes():
    """Tell whether Keras's own trainer joins the processes of torch.distributed, without `keras.distribution` too."""
    return _release() >= (3, 16)


# Callbacks and their list.


def model_of(callback):
    """Return a callback's model without what the public `callback.model` does on JAX: it syncs the state."""
    try:
        return callback._model
    except AttributeError:
        return callback.model


def callbacks_in(callback_list):
    """Return the list that a `CallbackList` calls; what is appended there is called too."""
    return _part(callback_list, "callbacks", _ANOTHER_KERAS)


def put_in_order(callback_list, callbacks):
    """Have a `CallbackList` call these from the next hook on. A new list, because Keras iterates over the old one."""
    callbacks_in(callback_list)
    callback_list.callbacks = callbacks


def calling_list(callback):
    """Return the `CallbackList` whose hook is calling `callback`, or None where it is not seen.

    Keras gives callbacks their model and params, never the list that they are in.
    """
    for frame in _frames():
        caller = frame.f_locals.get("self")
        if isinstance(caller, keras.callbacks.CallbackList) and callback in getattr(caller, "callbacks", ()):
            return caller
    return None


# The call of `fit` that is under way.


def fits_under_way(model):
    """Count the calls of `fit` on `model` that this thread is in; 0 where they are not seen.

    After a `fit` that raised, Keras calls no hook, so nothing but the stack can tell an outer fit that goes on
    from an earlier, interrupted one.
    """
    return sum(1 for _ in _fits(model))


def fit_validates(model):
    """Tell whether the innermost `fit` of `model` has validation data; True where that is not seen."""
    frame = next(_fits(model), None)
    return frame is None or frame.f_locals.get("validation_data", model) is not None


def fit_list_holds(callback, model):
    """Tell whether `callback` stands in the list of the innermost `fit` of `model`; True where that is not seen."""
    frame = next(_fits(model), None)
    listed = None if frame is None else frame.f_locals.get("callbacks")
    return not isinstance(listed, keras.callbacks.CallbackList) or callback in callbacks_in(listed)


def list_of_innermost_fit():
    """Return the `CallbackList` of the innermost `fit` of this thread; None where it has none yet, or is not seen."""
    return next(_lists_of_fits(_frames()), None)


def lists_of_all_fits():
    """Return the `CallbackList` of each `fit` that any thread is in; of none where they are not seen.

    A fit that ended in an exception is on no stack, however long its frames are kept for the traceback.
    """
    found = (_lists_of_fits(_frames(frame)) for frame in sys._current_frames().values())
    return [own for lists in found for own in lists if own is not None]


def trained_by_another_thread(model):
    """Tell whether another thread is in a `fit` of `model`; False where that is not seen."""
    others = (frame for thread, frame in sys._current_frames().items() if thread != threading.get_ident())
    return any(
        frame.f_code is _FIT_CODE and frame.f_locals.get("self") is model for top in others for frame in _frames(top)
    )


def first_validation_batch(model):
    """Return the rows of the first batch that the innermost `fit` of `model` validates; None where that is not known.

    For arrays it is; a dataset would have to be read.
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


def _frames(frame: FrameType | None = None) -> Iterator[FrameType]:
    frame = frame or sys._getframe(1)
    while frame is not None:
        yield frame
        frame = frame.f_back


def _fits(model):
    return (frame for frame in _frames() if frame.f_code is _FIT_CODE and frame.f_locals.get("self") is model)


def _lists_of_fits(frames):
    """Yield the `CallbackList` of each `fit` on a stack, innermost first, or None for one that is yet to make it."""
    listed = (frame.f_locals.get("callbacks") for frame in frames if frame.f_code is _FIT_CODE)
    return (own if isinstance(own, keras.callbacks.CallbackList) else None for own in listed)


# How a part is looked up.


def _release():
    """Keras's version as (major, minor)."""
    major, minor, *_ = keras.__version__.split(".")
    return int(major), int(minor)


@functools.cache
def _imported(name, places, remedy):
    """Look a private name up in the modules that have it in one Keras release or another."""
    for place in places:
        try:
            return getattr(importlib.import_module(place), name)
        except (ImportError, AttributeError):
            continue
    raise _not_found(f"`{name}` in {' or '.join(places)}", remedy)


def _mask_getter():
    # In both up to Keras 3.15, from 3.16 on in the first alone.
    return _imported("get_keras_mask", ("keras.src.backend.common.masking", "keras.src.backend"), _ANOTHER_KERAS)


def _part(owner, name, remedy):
    """Look an attribute up that is not promised to be there."""
    try:
        return getattr(owner, name)
    except AttributeError:
        raise _not_found(f"`{name}` on a {type(owner).__name__}", remedy) from None


def _not_found(what, remedy):
    return CaptureError(
        f"Metrics: Keras {keras.__version__} has no {what}, which kerascb_metrics needs here (it was tried on Keras "
        f"{TRIED}). {remedy}."
    )
