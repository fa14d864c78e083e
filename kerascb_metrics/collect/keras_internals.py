"""Everything of Keras that has no public way, in one place.

Nothing private is imported here: each part is looked up when it is first needed, so importing this package never fails
because of Keras. A part that is not found raises `CaptureError`, which names Keras's version and a workaround; nothing
is guessed in its place. Functions that read the stack frame of a caller document what they return if there is none.

Tried on the releases in `TRIED`; tests/collect/test_keras_parts.py fails with the part's name when one of them moves.
"""

import faulthandler
import functools
import importlib
import inspect
import math
import re
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from types import FrameType
from typing import Any

import keras

from kerascb_metrics.exceptions import CaptureError

TRIED = "3.12 to 3.16"

# The parts of a trainer that are read or replaced.
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
# The method that wraps a model in PyTorch's DistributedDataParallel, if the backend has one.
MAKES_DDP = "_initialize_ddp"
# The code of Keras's own `fit`, whatever tools wrap around it later.
_FIT_CODE = getattr(inspect.unwrap(keras.Model.fit), "__code__", None)


def get_keras_mask(outputs: Any) -> Any:
    """Return the mask that Keras holds for a tensor, or None. On JAX it is in a side table, not on the array."""
    return _mask_getter()(outputs)


def get_data_adapter(*args: Any, **kwargs: Any) -> Any:
    """Return an adapter of arrays and targets, to pass to `predict` as data: it has no argument for targets."""
    remedy = "Pass validation_data as a dataset or a keras.utils.PyDataset of (x, y) batches"
    return _imported("get_data_adapter", ("keras.src.trainers.data_adapters",), remedy)(*args, **kwargs)


def unstacked_batches() -> type[list[Any]] | None:
    """Return the class of the batches that Keras could not stack; None if Keras does not stack batches.

    With `steps_per_execution > 1` Keras on JAX, from 3.16 on, stacks that many batches along a new first axis. What
    does not stack (the last batches, or batches of different shapes) comes as a list of this class.
    """
    if _release() < (3, 16):
        return None
    remedy = f"Pass compile(steps_per_execution=1), or install one of Keras {TRIED}"
    found: type[list[Any]] = _imported(
        "PartialBatchList", ("keras.src.trainers.data_adapters.data_adapter_utils",), remedy
    )
    return found


def refuse_unknown_trainer(model: Any) -> None:
    """Raise `CaptureError`, before training, if Keras lacks a part that is needed to capture fit's own pass."""
    for name in _TRAINER:
        _part(model, name, _ANOTHER_KERAS)
    _mask_getter()


def made_by_keras(function: Callable[..., Any]) -> bool:
    """Return whether a `test_function` was built by Keras's own `make_test_function`."""
    module: str = getattr(inspect.unwrap(function), "__module__", "")
    return module.partition(".")[0] == "keras"


def compiled_metrics(model: Any) -> Any:
    """Return the one metric that updates all of `compile(metrics=…)`; None if there is none.

    It is also in the public `model.metrics`, but only its class, which is private, tells it from the others.
    """
    return getattr(model, "_compile_metrics", None)


def deprecated_update(model: Any) -> str | None:
    """Return the name of the method behind `model.compiled_metrics.update_state`, which only TensorFlow has."""
    name = "_compiled_metrics_update_state"
    return name if hasattr(model, name) else None


def axis_of(loss: Any) -> int:
    """Return the axis of the classes that a loss object was made with; −1, Keras's own default, if it has none.

    `SparseCategoricalCrossentropy` has it neither in its configuration nor as an attribute.
    """
    options = getattr(loss, "_fn_kwargs", None)
    axis: int = options.get("axis", -1) if isinstance(options, dict) else -1
    return axis


# The state of a model.


def state_variables(model: Any) -> list[Any]:
    """Return the variables that a forward pass outside training may change, without frozen weights.

    The public `non_trainable_variables` mixes states and frozen weights.
    """
    state: list[Any] = []
    for layer in _part(model, "_flatten_layers", _FIT_PASS)():
        state += _part(layer, "_non_trainable_variables", _FIT_PASS)
        state += [generator.state for generator in _part(layer, "_seed_generators", _FIT_PASS)]
        if getattr(layer, "stateful", False):  # no layer lists an RNN's states among its variables
            states = keras.tree.flatten(getattr(layer, "states", None))
            state += [variable for variable in states if isinstance(variable, keras.Variable)]
    return state


def compiled_parts(model: Any) -> list[Any]:
    """Return what `compile`, `quantize` and LoRA replace, also in a model without a `train_function` of its own."""
    return [model.train_function, vars(model).get("_compile_config"), *model.variables]


def sync_jax_state(model: Any) -> None:
    """Bring the model's variables up to date on JAX: during a pass they are empty."""
    name = "state_sync" if hasattr(model, "state_sync") else "jax_state_sync"  # its name before Keras 3.16
    _part(model, name, _FIT_PASS)()


def jax_state_setter(model: Any) -> Callable[[Sequence[Any]], None]:
    """Return a function that sets the state of a JAX model, `(trainable, non-trainable)` variables.

    Raises now, before the state is lost, if that cannot be done.
    """
    _part(model, "_jax_state_synced", _FIT_PASS)  # set in the constructor; `_jax_state` only during a pass

    def set_state(state: Sequence[Any]) -> None:
        model._jax_state = dict(zip(("trainable_variables", "non_trainable_variables"), state, strict=True))

    return set_state


def stop_tracking(model: Any) -> None:
    """Stop TensorFlow from recording the attributes that are set on an object."""
    vars(model)["_self_setattr_tracking"] = False


def joins_torch_processes() -> bool:
    """Return whether Keras's own trainer joins the processes of torch.distributed, even without a distribution."""
    return _release() >= (3, 16)


def torch_timeout(group: Any, devices: Iterable[Any]) -> Any:
    """Return the time-out that a group of torch.distributed was made with; None if PyTorch does not tell it.

    Args:
        group: the group.
        devices: those that it may exchange tensors of.
    """
    for device in devices:
        try:
            return group._get_backend(device).options._timeout
        except (AttributeError, RuntimeError):  # the group has no such device
            continue
    return None


# Callbacks and their list.


def model_of(callback: keras.callbacks.Callback) -> Any:
    """Return a callback's model without syncing the state, as the public `callback.model` does on JAX."""
    try:
        return callback._model
    except AttributeError:
        return callback.model


def callbacks_in(callback_list: keras.callbacks.CallbackList) -> list[Any]:
    """Return the list that a `CallbackList` calls; a callback that is appended to it is called too."""
    listed: list[Any] = _part(callback_list, "callbacks", _ANOTHER_KERAS)
    return listed


def put_in_order(callback_list: keras.callbacks.CallbackList, callbacks: list[Any]) -> None:
    """Let a `CallbackList` call these from the next hook on. A new list, because Keras iterates over the old one."""
    callbacks_in(callback_list)
    callback_list.callbacks = callbacks


def calling_list(callback: keras.callbacks.Callback) -> keras.callbacks.CallbackList | None:
    """Return the `CallbackList` whose hook is calling `callback`; None if it is not on the stack.

    Keras gives callbacks their model and params, never the list that they are in.
    """
    for frame in _frames():
        caller = frame.f_locals.get("self")
        if isinstance(caller, keras.callbacks.CallbackList) and callback in getattr(caller, "callbacks", ()):
            return caller
    return None


# The call of `fit` that is under way.


def fits_under_way(model: Any) -> int:
    """Return how many calls of `fit` on `model` this thread is in; 0 if none is on the stack.

    Keras calls no hook after a `fit` that raised, so only the stack shows whether an outer fit is still running or
    was interrupted.
    """
    return sum(1 for _ in _fits(model))


def models_in_fit() -> list[Any]:
    """Return the models whose `fit` this thread is in, innermost first; an empty list if none is on the stack."""
    return [frame.f_locals["self"] for frame in _frames() if frame.f_code is _FIT_CODE]


def fit_validates(model: Any) -> bool:
    """Return whether the innermost `fit` of `model` has validation data; True if no `fit` is on the stack."""
    frame = next(_fits(model), None)
    return frame is None or frame.f_locals.get("validation_data", model) is not None


def fit_list_holds(callback: keras.callbacks.Callback, model: Any) -> bool:
    """Return whether `callback` is in the list of the innermost `fit` of `model`; True if no `fit` is on the stack."""
    frame = next(_fits(model), None)
    listed = None if frame is None else frame.f_locals.get("callbacks")
    return not isinstance(listed, keras.callbacks.CallbackList) or callback in callbacks_in(listed)


def list_of_innermost_fit() -> keras.callbacks.CallbackList | None:
    """Return the `CallbackList` of the innermost `fit` of this thread; None if there is none, or none yet."""
    return next(_lists_of_fits(_frames()), None)


def lists_of_all_fits() -> list[keras.callbacks.CallbackList]:
    """Return the `CallbackList` of each `fit` that any thread is in; an empty list if none is on a stack.

    A fit that ended in an exception is not on a stack, even while the traceback keeps its frames.
    """
    found = map(_lists_of_fits, chain([_frames()], _stacks_of_others()))
    return [own for lists in found for own in lists if own is not None]


def trained_by_another_thread(model: Any) -> bool:
    """Return whether another thread is in a `fit` of `model`, or of a model around it; False if none is on a stack."""
    fits = (frame for stack in _stacks_of_others() for frame in stack if frame.f_code is _FIT_CODE)
    return any(
        model is each for frame in fits for each in _part(frame.f_locals["self"], "_flatten_layers", _FIT_PASS)()
    )


def first_validation_batch(model: Any) -> int | None:
    """Return how many rows are in the first batch that the innermost `fit` of `model` validates; None if not known.

    It is known for arrays; a dataset would have to be read.
    """
    found, asked = fit_validation_targets(model), _arguments(model)
    shapes = [leaf.shape for leaf in keras.tree.flatten(found and found[0]) if getattr(leaf, "shape", ())]
    if not shapes:
        return None
    rows, steps = int(shapes[0][0]), asked["validation_steps"]
    # The same rule as in Keras's array adapter.
    size: int = asked["validation_batch_size"] or asked["batch_size"] or (math.ceil(rows / steps) if steps else 32)
    return min(rows, size)


def fit_validation_targets(model: Any) -> tuple[Any, Any, int | None] | None:
    """Return the targets and weights that the innermost `fit` of `model` validates on, and how many rows (None: all).

    None if that is not known: it is for arrays; a dataset would have to be read.
    """
    asked = _arguments(model)
    data, freq, steps = (asked.get(name) for name in ("validation_data", "validation_freq", "validation_steps"))
    if not isinstance(data, tuple | list) or (isinstance(freq, int) and freq > asked["epochs"]):
        return None
    _, y_true, sample_weight = keras.utils.unpack_x_y_sample_weight(tuple(data))
    size = asked["validation_batch_size"] or asked["batch_size"]
    return y_true, sample_weight, steps * size if steps and size else None


def fit_validation_data(model: Any) -> Any:
    """Return the validation data of the innermost `fit` of `model`; None without any, or if no `fit` is seen."""
    return _arguments(model).get("validation_data")


def fit_validation_arguments(model: Any) -> dict[str, Any]:
    """Return the arguments of the innermost `fit` of `model` that decide when and on what it validates, by name.

    Empty if no `fit` is seen.
    """
    asked = _arguments(model)
    names = ("validation_data", "validation_batch_size", "batch_size", "validation_steps", "validation_freq", "epochs")
    return {name: asked[name] for name in names if name in asked}


def _arguments(model: Any) -> dict[str, Any]:
    """Return the local variables of the innermost `fit` of `model`; empty if no `fit` is on the stack."""
    frame = next(_fits(model), None)
    return {} if frame is None else frame.f_locals


def _frames(frame: FrameType | None = None) -> Iterator[FrameType]:
    """Yield a frame and those that called it; by default those of this thread."""
    frame = frame or sys._getframe(1)
    while frame is not None:
        yield frame
        frame = frame.f_back


def _stacks_of_others() -> Iterator[Iterator[FrameType]]:
    """Yield the frames of each other thread, innermost first, if one of them may be in a `fit`.

    Python 3.11 can crash in a walk along the frames of a thread that goes on meanwhile. So it is made only if it is
    needed, which a traceback as text tells without touching any frame.
    """
    if _another_may_be_in_fit():
        for thread, frame in sys._current_frames().items():
            if thread != threading.get_ident():
                yield _frames(frame)


def _another_may_be_in_fit() -> bool:
    """Return whether a traceback of all other threads shows Keras's `fit`, or is cut off: it has 100 frames at most."""
    if _FIT_CODE is None:
        return False
    try:
        with tempfile.TemporaryFile() as file:
            faulthandler.dump_traceback(file)
            file.seek(0)
            text = file.read().decode(errors="replace")
    except OSError:  # no place for a temporary file
        return True
    others = [part for part in text.split("\n\n") if not part.startswith("Current thread")]
    in_fit = re.compile(
        rf'"{re.escape(_FIT_CODE.co_filename)}", line \d+ in (\S+\.)?{_FIT_CODE.co_name}$', re.MULTILINE
    )
    return any(in_fit.search(part) or "\n  ..." in part or part.startswith("...") for part in others)


def _fits(model: Any) -> Iterator[FrameType]:
    return (frame for frame in _frames() if frame.f_code is _FIT_CODE and frame.f_locals.get("self") is model)


def _lists_of_fits(frames: Iterable[FrameType]) -> Iterator[keras.callbacks.CallbackList | None]:
    """Yield the `CallbackList` of each `fit` on a stack, innermost first; None for a fit that has not made it yet."""
    listed = (frame.f_locals.get("callbacks") for frame in frames if frame.f_code is _FIT_CODE)
    return (own if isinstance(own, keras.callbacks.CallbackList) else None for own in listed)


# How a part is looked up.


def _release() -> tuple[int, int]:
    """Return Keras's version as (major, minor)."""
    major, minor, *_ = keras.__version__.split(".")
    return int(major), int(minor)


@functools.cache
def _imported(name: str, places: tuple[str, ...], remedy: str) -> Any:
    """Return a private name, from the first module that has it: releases of Keras differ."""
    for place in places:
        try:
            return getattr(importlib.import_module(place), name)
        except (ImportError, AttributeError):
            continue
    raise _not_found(f"`{name}` in {' or '.join(places)}", remedy)


def _mask_getter() -> Callable[[Any], Any]:
    # In both up to Keras 3.15, from 3.16 on in the first alone.
    getter: Callable[[Any], Any] = _imported(
        "get_keras_mask", ("keras.src.backend.common.masking", "keras.src.backend"), _ANOTHER_KERAS
    )
    return getter


def _part(owner: Any, name: str, remedy: str) -> Any:
    """Return an attribute that another release of Keras may not have."""
    try:
        return getattr(owner, name)
    except AttributeError:
        raise _not_found(f"`{name}` on a {type(owner).__name__}", remedy) from None


def _not_found(what: str, remedy: str) -> CaptureError:
    return CaptureError(
        f"Metrics: Keras {keras.__version__} has no {what}, which kerascb_metrics needs here (it was tried on Keras "
        f"{TRIED}). {remedy}."
    )
