"""The calls of Keras's `fit` that are under way. Only the stack shows them: Keras itself does not.

Each function documents what it returns if no such call is on the stack. Other files read no frames.
"""

import faulthandler
import inspect
import math
import re
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator
from itertools import chain
from types import FrameType
from typing import Any

import keras

from kerascb_metrics.collect.keras_internals import callbacks_in, layers_in

# The code of Keras's own `fit`, whatever tools wrap around it later.
_FIT_CODE = getattr(inspect.unwrap(keras.Model.fit), "__code__", None)


def calling_list(callback: keras.callbacks.Callback) -> keras.callbacks.CallbackList | None:
    """Return the `CallbackList` whose hook is calling `callback`; None if it is not on the stack.

    Keras gives callbacks their model and params, never the list that they are in.
    """
    for frame in _frames():
        caller = frame.f_locals.get("self")
        if isinstance(caller, keras.callbacks.CallbackList) and callback in getattr(caller, "callbacks", ()):
            return caller
    return None


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
    return any(model is each for frame in fits for each in layers_in(frame.f_locals["self"]))


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
