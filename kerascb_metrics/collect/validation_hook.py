"""The seam: fit's own validation pass, with its rows handed out on the way.

`fit` validates by calling `model.evaluate(…, callbacks=<its CallbackList>, return_dict=True)`, and `evaluate` looks
`model.test_function` up anew for each batch. So for the length of a fit `evaluate` is wrapped on the instance; a call
whose CallbackList holds a `PassListener` is fit's own, any other goes straight through. In fit's own pass each batch
runs through a tapped twin of the test function, put in place for that one call and no longer. Another thread's
`evaluate` may find it there: what it calls is the function that it would have found otherwise.
"""

import functools
import threading
import weakref
from typing import Any

import keras

from kerascb_metrics.collect import keras_internals
from kerascb_metrics.collect.backend import backend
from kerascb_metrics.collect.batches import Batches, Pass
from kerascb_metrics.collect.shards import refuse_uneven_batches, rows_of_all
from kerascb_metrics.exceptions import CaptureError

_TWIN = "_kerascb_metrics_twin"
_REMEDY = "Score given data instead: Metrics(validation_data=…)."


class PassListener:
    """What a callback must be to get the rows of fit's validation pass.

    Attributes:
        uses_fit_validation: False for a callback that scores other data.
    """

    uses_fit_validation = True

    def on_validation_begin(self):
        """Return the `RowConsumer` of the pass that begins."""
        raise NotImplementedError

    def on_validation_pass(self, collect, logs):
        """Take a function that returns the `Pass`, or raises, and the pass's own logs; return what joins them."""
        raise NotImplementedError


def install(model):
    """Put the seam on `model.evaluate`, if it is not there from an outer fit or from one that died."""
    refuse_what_cannot_be_captured(model)
    evaluate = vars(model).get("evaluate")
    if not isinstance(evaluate, _Seam):
        vars(model)["evaluate"] = _Seam(model, evaluate)


def remove(model):
    """Give `model.evaluate` back, unless a fit around the one that ends still needs it."""
    seam = vars(model).get("evaluate")
    if isinstance(seam, _Seam) and keras_internals.fits_under_way(model) <= 1:
        seam.undo(model)


def refuse_what_cannot_be_captured(model):
    """Raise `CaptureError` for a test function that is not Keras's own, and for what Keras itself cannot do."""
    keras_internals.refuse_unknown_trainer(model)
    backend().refuse_unsupported(model)
    if "make_test_function" in vars(model) or type(model).make_test_function is not keras.Model.make_test_function:
        raise CaptureError(
            f"Metrics: {type(model).__name__} overrides `make_test_function`, so the rows that its validation sees "
            f"cannot be captured. {_REMEDY}"
        )
    if keras.config.is_nnx_enabled():
        raise CaptureError(
            "Metrics: with Flax NNX enabled Keras compiles the class's own `test_step`, so the rows that it sees "
            f"cannot be captured. Unset KERAS_NNX_ENABLED. {_REMEDY}"
        )
    function = vars(model).get("test_function")
    if function is not None and not keras_internals.made_by_keras(function):
        raise CaptureError(
            f"Metrics: `model.test_function` was set by hand ({function!r}), so the rows that it sees cannot be "
            f"captured. Set it to None, Keras then makes its own, or override `test_step`. {_REMEDY}"
        )


class _Seam:
    """Stands in for `model.evaluate`; holds no callback, and the model weakly."""

    def __init__(self, model, inner):
        self._model: Any = weakref.ref(model)  # alive while somebody can call us through it
        self._inner = inner  # an `evaluate` that somebody else had put on the instance
        functools.update_wrapper(self, type(model).evaluate)

    def __call__(self, *args, **kwargs):
        model, callbacks = self._model(), kwargs.get("callbacks")
        evaluate = self._inner or functools.partial(type(model).evaluate, model)
        listeners = _listeners(callbacks)
        if not listeners:
            return evaluate(*args, **kwargs)
        known = _rows_expected(kwargs)
        takers = [listener.on_validation_begin() for listener in listeners]
        with _Arm(model, callbacks, Batches(known, takers)) as arm:
            logs = evaluate(*args, **kwargs)
        collect = functools.partial(_collect, arm, known)
        for listener in listeners:
            logs = {**logs, **listener.on_validation_pass(collect, logs)}
        return logs

    def undo(self, model):
        if self._inner is None:
            del vars(model)["evaluate"]
        else:
            vars(model)["evaluate"] = self._inner


def _listeners(callbacks):
    """The listeners of fit's own pass; none where the pass is captured already (somebody wrapped our wrapper)."""
    if not isinstance(callbacks, keras.callbacks.CallbackList):
        return []
    listed = keras_internals.callbacks_in(callbacks)
    if any(isinstance(callback, _Arm) for callback in listed):
        return []
    return [own for own in listed if isinstance(own, PassListener) and own.uses_fit_validation]


class _Arm(keras.callbacks.Callback):
    """Puts the tapped function in place just before each batch, and takes it away as soon as it is called.

    It stands last in the list for the length of the pass, so every other callback's hook, the data's own code, and
    whatever these call on the model (`evaluate`, `test_on_batch`, a whole fit) find the model as Keras left it.
    """

    def __init__(self, model, callbacks, batches):
        super().__init__()
        self._own_model = model  # `self.model` would sync the state on JAX at every access
        self._list = callbacks
        self._thread = threading.get_ident()
        self._function = None
        self.batches = batches
        self.passes = 0
        self.stopped = False

    def __enter__(self):
        keras_internals.callbacks_in(self._list).append(self)
        return self

    def __exit__(self, *error):
        keras_internals.callbacks_in(self._list).remove(self)
        missed = self._function is not None
        self._release()
        if missed and not any(error):
            self._refuse_missed()

    def on_test_begin(self, logs=None):
        self.passes += 1

    def on_test_batch_end(self, batch, logs=None):
        # Here, because a hook at the end of the pass may evaluate, which resets it.
        self.stopped = getattr(self._own_model, "stop_evaluating", False)

    def on_test_batch_begin(self, batch, logs=None):
        if self._function is not None:
            self._refuse_missed()
        self._function = self._own_model.test_function
        self._twin = _twin(self._own_model)
        vars(self._own_model)["test_function"] = functools.partial(self._run, self._function)

    def _run(self, function, *args):
        if threading.get_ident() != self._thread:
            return function(*args)
        self._release()
        result, parts = self._twin(*args)
        self.batches.add(parts)
        return result

    def _release(self):
        if self._function is not None:
            vars(self._own_model)["test_function"] = self._function
            self._function = None

    def _refuse_missed(self):
        self._release()
        raise CaptureError(
            f"Metrics: a validation batch did not run through `model.test_function`, so its rows were not seen "
            f"(does {type(self._own_model).__name__} override `evaluate`?). {_REMEDY}"
        )


def _twin(model):
    """The tapped twin of the model's current test function.

    It is kept on that function: whatever makes Keras build a new one (`compile`, `quantize`, …) has ours rebuilt too,
    every Metrics shares it, and it is freed along. Keras's own is made lazily and so never compiled beside it.
    """
    function = model.test_function
    if not hasattr(function, _TWIN):
        refuse_what_cannot_be_captured(model)
        setattr(function, _TWIN, backend().build(model))
    return getattr(function, _TWIN)


def _rows_expected(asked):
    """The rows that `evaluate` will go over, in all processes, where its arguments tell; raises where Keras cannot."""
    shapes = [getattr(leaf, "shape", ()) for leaf in keras.tree.flatten(asked.get("y"))]
    rows, steps = int(shapes[0][0]) if shapes and shapes[0] else None, asked.get("steps")
    refuse_uneven_batches(rows, asked.get("batch_size"), steps)
    return None if rows is None or steps is not None else rows_of_all(rows)


def _collect(arm, known):
    """Return the `Pass` that an arm took; where the data's length is known, every row must have come."""
    if arm.passes != 1:
        raise CaptureError(
            f"Metrics: the model's `evaluate` made {arm.passes} passes over the validation data, where one is scored "
            f"(is it overridden?). {_REMEDY}"
        )
    batches, rows = arm.batches.finish(), arm.batches.rows
    complete = not arm.stopped or rows == known
    if complete and known is not None and rows != known:
        raise CaptureError(
            f"Metrics: fit validates on {known} rows, {rows} were captured. Nothing was scored. {_REMEDY}"
        )
    return Pass(batches, complete)
