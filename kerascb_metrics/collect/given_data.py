"""Given data: one `predict` that also returns the targets, weights and mask of the same batches.

One iteration, so that data which reshuffles at each reading stays in step with its targets. A shadow of the model makes
it, see `shadow.py`: nothing of it can be seen on the model.
"""

import contextlib
import inspect
import itertools
import time
from typing import Any

import keras
import numpy as np
from keras import tree

from kerascb_metrics.collect import shadow
from kerascb_metrics.collect.backend import backend
from kerascb_metrics.collect.batches import Batches, Pass
from kerascb_metrics.collect.keras_internals import (
    get_data_adapter,
    get_keras_mask,
    state_variables,
    sync_state,
    trained_by_another_thread,
)
from kerascb_metrics.collect.restore import jax_state_kept, random_state_kept, state_kept, training_mode_kept
from kerascb_metrics.collect.shards import refuse_uneven_batches, rows_of_all
from kerascb_metrics.exceptions import CaptureError, DataError

# A pass longer than this, in seconds, shows Keras's progress bar.
_LONG_PASS = 5.0


def is_due(epoch, freq):
    """Tell whether the epoch, counted from 0, is one of `validation_freq`, which counts from 1, as in `fit`."""
    return (epoch + 1) % freq == 0 if isinstance(freq, int) else epoch + 1 in freq


class GivenData:
    """Validation data given to the callback, and the compiled function that predicts it.

    Args:
        data: anything `model.predict` takes, with targets: `(x, y)` or `(x, y, sample_weight)` of arrays, or a
            dataset, PyDataset, DataLoader or generator that yields such tuples.
        batch_size: for arrays.
        steps: batches a pass; needed for a generator.
    """

    def __init__(self, data, batch_size=None, steps=None):
        _check_positive("validation_batch_size", batch_size)
        _check_positive("validation_steps", steps)
        self._data, self._batch_size, self._steps = data, batch_size, steps
        self._arrays = isinstance(data, tuple | list)
        self._built_for = self._function = None
        self._step: Any = None
        self._shadow: Any = None
        self._check_targets()
        if self._arrays:
            self._array_adapter()  # Keras checks the arrays' lengths

    def refuse(self, model):
        """Raise `CaptureError` where the model cannot predict the data; all processes that train together call this."""
        backend().refuse_unsupported(model, given=True)
        if _needs_call(model) and not shadow.has_call(model):
            raise CaptureError(
                f"Metrics: {type(model).__name__} has no `call`, so it cannot predict validation_data. Score the model "
                "inside it that can, as in metrics.evaluate(inner_model, data), or give it a `call` or a "
                "`predict_step`."
            )
        if trained_by_another_thread(model) and state_variables(model):
            raise CaptureError(
                f"Metrics: another thread trains this {type(model).__name__}, so other data cannot be scored now: what "
                "that fit changes in batch statistics and seeds would be lost. Score between the epochs of that fit, "
                "as Metrics(validation_data=…) does, or score a copy of the model."
            )
        rows = self._rows if self._arrays else None
        refuse_uneven_batches(rows, self._batch_size, self._steps)

    def predict(self, model, taker, *, show_progress=False):
        """Predict all of the data, once; return it as a `Pass`, but for what a `RowConsumer` took."""
        self.refuse(model)
        counted = _Counted(self._data, self._steps)
        batches = Batches(self._known_rows, [taker])
        sync_state(model)  # called in a hook, the weights may be in the state of fit alone
        with contextlib.ExitStack() as stack:
            stack.enter_context(random_state_kept())
            stack.enter_context(training_mode_kept(model))
            predicting = stack.enter_context(self._tapped(model))
            stack.enter_context(state_kept(predicting))
            vars(predicting)["predict_function"] = _taking(
                predicting, self._function, lambda captured: batches.add([self._step.unflatten(captured)])
            )
            predicting.predict(
                self._array_adapter() if self._arrays else counted.source,
                batch_size=self._batch_size,
                steps=self._steps,
                verbose=0,
                callbacks=[_LateProgress()] if show_progress else None,
            )
        counted.check()
        found = Pass(batches.finish())
        self._check_whole(model, batches.rows)
        return found

    @contextlib.contextmanager
    def _tapped(self, model):
        """The model's shadow with a tapped step and function, built once for what `compile` and `quantize` replace.

        They set `train_function` anew. The step stays with the function, which may look it up at every call, and so
        does the shadow.
        """
        alone = shadow.predicts_itself(model)
        key = (model.train_function, model.run_eagerly, model.jit_compile, model.steps_per_execution, alone)
        if key != self._built_for or key[0] is None:
            self._built_for, self._function = key, None
            self._shadow = None if alone else shadow.empty_shadow(model)
        with shadow.itself(model) if alone else shadow.filled(self._shadow, model) as predicting:
            if self._function is None:
                self._step = _Step(predicting.predict_step)
            vars(predicting).update(predict_step=self._step, predict_function=self._function)
            if self._function is None:
                predicting.make_predict_function(force=True)
                self._function = predicting.predict_function
            yield predicting

    def _check_whole(self, model, rows):
        """Raise where `predict` left rows out: nothing is scored on part of the data."""
        expected = None if self._known_rows is None else rows_of_all(self._known_rows)
        if rows != expected and (expected is not None or not rows):
            of = "" if expected is None else f" of {expected}"
            raise CaptureError(
                f"Metrics: {rows}{of} rows of the given data went through `predict_function`, so nothing was scored "
                f"(does {type(model).__name__} override `predict`?). Score the model inside it that predicts, as in "
                "metrics.evaluate(inner_model, data)."
            )

    @property
    def _known_rows(self):
        if not self._arrays or self._steps is not None:
            return None
        return self._rows

    @property
    def _rows(self):
        first = tree.flatten(self._data[0])[0]
        return first.shape[0] if hasattr(first, "shape") else len(first)  # sparse arrays have no length

    def _array_adapter(self):
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(self._data)
        return get_data_adapter(x, y, sample_weight, batch_size=self._batch_size, steps_per_epoch=self._steps)

    def _check_targets(self):
        without = isinstance(self._data, dict | np.ndarray) or hasattr(self._data, "iloc")
        if without or (self._arrays and (len(self._data) not in (2, 3) or self._data[1] is None)):
            count = f" of {len(self._data)}" if self._arrays else ""
            raise DataError(
                "Metrics: the data to score must hold targets: (x, y) or (x, y, sample_weight), or a dataset of such "
                f"tuples; received a {type(self._data).__name__}{count}."
            )


def _needs_call(model):
    """Tell whether Keras's `predict` calls the model; on JAX it also does to build it."""
    own = {name for name in ("predict", "make_predict_function", "predict_step") if _is_own(model, name)}
    return not own or (own == {"predict_step"} and keras.backend.backend() == "jax" and not model.built)


def _is_own(model, name):
    return name in vars(model) or getattr(type(model), name) is not getattr(keras.Model, name)


def _check_positive(name, value):
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
        raise ValueError(f"Metrics: {name} must be a positive whole number; received {value!r}.")


def _taking(model, function, take):
    """A predict function that hands what it captured to `take`, and a placeholder to Keras, which would join it."""
    if keras.backend.backend() == "jax":
        function = jax_state_kept(model, function)

        def with_state(state, iterator):
            captured, state = function(state, iterator)
            take(captured)
            return keras.ops.zeros((1,)), state

        return with_state

    def without_state(data):
        take(function(data))
        return keras.ops.zeros((1,))

    return without_state


class _Step:
    """A `predict_step` that returns what went in and came out, flat and without None, as a compiled function may.

    On JAX it takes and returns the state too.
    """

    def __init__(self, predict_step):
        self._predict_step = predict_step
        self._structure: dict = {}

    def __call__(self, *args):
        *state, data = args
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        if y is None:
            raise DataError("Metrics: validation_data yields no targets. Let each batch be (x, y) or (x, y, weights).")
        result = self._predict_step(*state, (x,))
        outputs, *new_state = result if state else (result,)
        captured = {
            "y_true": y,
            "y_pred": outputs,
            "sample_weight": sample_weight,
            "mask": tree.map_structure(get_keras_mask, outputs),
        }
        flat = self._flatten(captured)
        return (flat, *new_state) if state else flat

    def unflatten(self, flat):
        """Put a batch in the structure it had."""
        return {
            name: tree.pack_sequence_as(
                structure, [flat.get(f"{name} {i}") for i in range(len(tree.flatten(structure)))]
            )
            for name, structure in self._structure.items()
        }

    def _flatten(self, captured):
        self._structure = {name: tree.map_structure(lambda leaf: 0, value) for name, value in captured.items()}
        leaves = {f"{name} {i}": leaf for name, value in captured.items() for i, leaf in enumerate(tree.flatten(value))}
        return {name: leaf for name, leaf in leaves.items() if leaf is not None}


class _Counted:
    """A generator cut to the batches of one pass, so that what Keras reads ahead is not lost for the next."""

    def __init__(self, data, steps):
        self._generator, self._steps, self._seen = inspect.isgenerator(data), steps, 0
        self.source = self._batches(data) if self._generator and steps else data

    def check(self):
        """Raise where the generator ended early: nothing is scored on part of the data."""
        if self._generator and self._steps and self._seen < self._steps:
            raise DataError(
                f"Metrics: the validation_data generator ended after {self._seen} of {self._steps} batches. Let it "
                "yield for ever, or give a dataset that can be read again."
            )

    def _batches(self, data):
        for batch in itertools.islice(data, self._steps):
            self._seen += 1
            yield batch


class _LateProgress(keras.callbacks.Callback):
    """Keras's progress bar, once a pass turns out to be long."""

    def on_predict_begin(self, logs=None):
        self._began, self._bar = time.monotonic(), None

    def on_predict_batch_end(self, batch, logs=None):
        if self._bar is None and time.monotonic() - self._began > _LONG_PASS:
            print("\nMetrics: scoring the given validation data")
            self._bar = keras.utils.Progbar(self.params.get("steps"))
        if self._bar is not None:
            self._bar.update(batch + 1)
