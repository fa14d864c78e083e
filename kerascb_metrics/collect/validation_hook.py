"""The validation hook: collects the rows of fit's own validation pass while it runs.

`fit` validates by calling `model.evaluate(…, callbacks=<its CallbackList>, return_dict=True)`, and `evaluate` looks
`model.test_function` up again for each batch. So for the length of a fit `evaluate` is wrapped on the instance. A call
whose CallbackList contains a `PassListener` is fit's own; any other call is passed through unchanged. In fit's own pass
each batch runs through a tapped test function, which also returns the rows. It is on the model for that one call only.
If another thread's `evaluate` finds it there, the call goes to the function that the thread would have found otherwise.
"""

import functools
import inspect
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras

from kerascb_metrics.collect import keras_internals, shadow
from kerascb_metrics.collect.backend import TappedFunction, backend
from kerascb_metrics.collect.batches import Batches
from kerascb_metrics.collect.gathering import pass_of_all_processes
from kerascb_metrics.collect.row_store import Pass, RowConsumer
from kerascb_metrics.collect.shards import refuse_other_batches, refuse_uneven_batches, rows_of_all_processes
from kerascb_metrics.exceptions import CaptureError

# The attribute of Keras's test function that holds the tapped one.
_TAPPED = "_kerascb_metrics_tapped"
# The order of the arguments of Keras's `evaluate`.
_EVALUATE_ARGUMENTS = tuple(inspect.signature(keras.Model.evaluate).parameters)[1:]


class PassListener:
    """A callback that gets the rows of fit's validation pass must subclass this.

    Attributes:
        uses_fit_validation: False for a callback that scores other data.
    """

    uses_fit_validation: bool = True

    def on_validation_begin(self) -> RowConsumer:
        """Return the `RowConsumer` of the pass that begins."""
        raise NotImplementedError

    def on_validation_pass(self, collect: Callable[[], Pass], logs: Mapping[str, float]) -> Mapping[str, float]:
        """Score a pass.

        Args:
            collect: returns the `Pass`, or raises.
            logs: the pass's own logs.

        Returns:
            The entries to add to the logs.
        """
        raise NotImplementedError


def install(model: Any) -> None:
    """Install the validation hook on `model.evaluate`, unless an outer or interrupted fit has left it there."""
    refuse_what_cannot_be_captured(model)
    evaluate = vars(model).get("evaluate")
    if not isinstance(evaluate, ValidationHook):
        vars(model)["evaluate"] = ValidationHook(model, evaluate)


def remove(model: Any) -> None:
    """Restore `model.evaluate`, unless a fit around the one that ends still needs the hook."""
    hook = vars(model).get("evaluate")
    if isinstance(hook, ValidationHook) and keras_internals.fits_under_way(model) <= 1:
        hook.undo(model)


def refuse_what_cannot_be_captured(model: Any) -> None:
    """Raise `CaptureError` for a test function that is not Keras's own, and for what Keras itself cannot do."""
    keras_internals.refuse_unknown_trainer(model)
    backend().refuse_unsupported(model)
    if "make_test_function" in vars(model) or type(model).make_test_function is not keras.Model.make_test_function:
        raise CaptureError(
            f"Metrics: {type(model).__name__} overrides `make_test_function`, so the rows that its validation sees "
            f"cannot be captured. {shadow.way_out(model)}"
        )
    if keras.config.is_nnx_enabled():
        raise CaptureError(
            "Metrics: with Flax NNX enabled Keras compiles the class's own `test_step`, so the rows that it sees "
            f"cannot be captured. Unset KERAS_NNX_ENABLED. {shadow.way_out(model)}"
        )
    function = vars(model).get("test_function")
    if function is not None and not keras_internals.made_by_keras(function):
        raise CaptureError(
            f"Metrics: `model.test_function` was set by hand ({function!r}), so the rows that it sees cannot be "
            f"captured. Set it to None, so that Keras makes its own, or override `test_step`. {shadow.way_out(model)}"
        )


class ValidationHook:
    """Replaces `model.evaluate`. It holds no callback, and the model by a weak reference."""

    def __init__(self, model: Any, inner: Callable[..., Any] | None) -> None:
        self._model: Any = weakref.ref(model)  # alive while somebody can call this through it
        self._inner = inner  # an `evaluate` that somebody else had put on the instance
        functools.update_wrapper(self, type(model).evaluate)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Evaluate; in fit's own pass also collect the rows, and add the scores to the logs."""
        model, asked = self._model(), _by_name(args, kwargs)
        callbacks = asked.get("callbacks")
        evaluate = self._inner or functools.partial(type(model).evaluate, model)
        listeners = _listeners(callbacks)
        if not listeners:
            return evaluate(*args, **kwargs)
        known = _rows_expected(asked)
        consumers = [listener.on_validation_begin() for listener in listeners]
        with BatchTap(model, callbacks, Batches(known, consumers)) as tap:
            result = evaluate(*args, **kwargs)
        collect = functools.cache(lambda: pass_of_all_processes(lambda: _collect(tap, known), consumers))
        logs = result if isinstance(result, Mapping) else tap.logs  # a custom loop may ask for a list of values
        for listener in listeners:
            logs = {**logs, **listener.on_validation_pass(collect, logs)}
        return logs if isinstance(result, Mapping) else result

    def undo(self, model: Any) -> None:
        """Restore the `evaluate` that the hook replaced."""
        if self._inner is None:
            del vars(model)["evaluate"]
        else:
            vars(model)["evaluate"] = self._inner


def _by_name(args: Sequence[Any], kwargs: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the arguments of an `evaluate` by their names; `fit` passes them by name, a custom loop may not."""
    return {**dict(zip(_EVALUATE_ARGUMENTS, args, strict=False)), **kwargs}


def _listeners(callbacks: Any) -> list[PassListener]:
    """Return the listeners of fit's own pass; none if the pass is captured already (our wrapper was wrapped again)."""
    if not isinstance(callbacks, keras.callbacks.CallbackList):
        return []
    listed = keras_internals.callbacks_in(callbacks)
    if any(isinstance(callback, BatchTap) for callback in listed):
        return []
    return [own for own in listed if isinstance(own, PassListener) and own.uses_fit_validation]


class BatchTap(keras.callbacks.Callback):
    """Puts the tapped function on the model just before each batch, and removes it as soon as it is called.

    It is last in the list for the length of the pass. So every other callback's hook, the data's own code, and whatever
    these call on the model (`evaluate`, `test_on_batch`, a whole fit) see the model as Keras left it.
    """

    def __init__(self, model: Any, callbacks: keras.callbacks.CallbackList, batches: Batches) -> None:
        super().__init__()
        self.fitted = model  # `self.model` would sync the state on JAX at every access
        self._list = callbacks
        self._thread = threading.get_ident()
        self._function: Callable[..., Any] | None = None  # Keras's own, while the tapped one is on the model
        self.batches = batches
        self.passes = 0
        self.logs: Mapping[str, float] = {}
        self.stopped = False

    def __enter__(self) -> "BatchTap":
        keras_internals.callbacks_in(self._list).append(self)
        return self

    def __exit__(self, *error: object) -> None:
        keras_internals.callbacks_in(self._list).remove(self)
        missed = self._function is not None
        self._release()
        if missed and not any(error):
            self._refuse_missed()

    def on_test_begin(self, logs: Any = None) -> None:
        """Count the passes."""
        self.passes += 1

    def on_test_end(self, logs: Any = None) -> None:
        """Note the logs: `evaluate` may return a list of values."""
        self.logs = logs or {}

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        """Note whether the pass is cut short; at its end a hook may evaluate, which resets `stop_evaluating`."""
        self.stopped = getattr(self.fitted, "stop_evaluating", False)

    def on_test_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Put the tapped function on the model."""
        if self._function is not None:
            self._refuse_missed()
        self.batches.refuse_first()
        self._function = self.fitted.test_function
        self._tapped = _tapped_function(self.fitted)
        vars(self.fitted)["test_function"] = functools.partial(self._run, self._function)

    def _run(self, function: Callable[..., Any], *args: Any) -> Any:
        if threading.get_ident() != self._thread:
            return function(*args)
        self._release()
        result, parts = self._tapped(*args)
        self.batches.add(parts)
        return result

    def _release(self) -> None:
        """Put Keras's own function back."""
        if self._function is not None:
            vars(self.fitted)["test_function"] = self._function
            self._function = None

    def _refuse_missed(self) -> None:
        self._release()
        raise CaptureError(
            f"Metrics: a validation batch did not run through `model.test_function`, so its rows were not seen "
            f"(does {type(self.fitted).__name__} override `evaluate`?). {shadow.way_out(self.fitted)}"
        )


def _tapped_function(model: Any) -> TappedFunction:
    """Return the tapped version of the model's current test function.

    It is kept on that function, and freed with it. Whatever lets Keras build a new one (`compile`, `quantize`, …) makes
    a new tapped one too, and every Metrics shares it. Keras compiles its own when it is first called, so never here.
    """
    function = model.test_function
    if not hasattr(function, _TAPPED):
        refuse_what_cannot_be_captured(model)
        setattr(function, _TAPPED, backend().build(model))
    tapped: TappedFunction = getattr(function, _TAPPED)
    return tapped


def _rows_expected(asked: Mapping[str, Any]) -> int | None:
    """Return how many rows `evaluate` will see in all processes, if its arguments show it; raise if Keras cannot."""
    shapes = [getattr(leaf, "shape", ()) for leaf in keras.tree.flatten(asked.get("y"))]
    rows, steps = int(shapes[0][0]) if shapes and shapes[0] else None, asked.get("steps")
    refuse_uneven_batches(rows, asked.get("batch_size"), steps)
    x, y = asked.get("x"), asked.get("y")
    refuse_other_batches(x if y is None else (x, y), asked.get("batch_size"), steps)
    return None if rows is None or steps is not None else rows_of_all_processes(rows)


def _collect(tap: BatchTap, known: int | None) -> Pass:
    """Return the `Pass` that was collected; if the data's length is known, raise unless every row was captured."""
    if tap.passes != 1:
        raise CaptureError(
            f"Metrics: the model's `evaluate` made {tap.passes} passes over the validation data, but one is scored "
            f"(is it overridden?). {shadow.way_out(tap.fitted)}"
        )
    batches, rows = tap.batches.finish(), tap.batches.rows
    complete = not tap.stopped or rows == known
    if complete and known is not None and rows != known:
        raise CaptureError(
            f"Metrics: fit validates on {known} rows, but {rows} were captured, so nothing was scored. "
            f"{shadow.way_out(tap.fitted)}"
        )
    return Pass(batches, complete, tap.batches.exceeded)
