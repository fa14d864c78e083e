"""Given data: one `model.predict` that also hands back the targets, weights and mask of the same batches.

One iteration, so that data which reshuffles at each reading stays in step with its targets.
"""

import contextlib
import inspect
import itertools
import random
import time

import keras
import numpy as np
from keras import tree

from kerascb_metrics.capture._keras import get_data_adapter, get_keras_mask
from kerascb_metrics.capture.batches import Pass, row_count
from kerascb_metrics.capture.tap import replaced
from kerascb_metrics.exceptions import DataError

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
        self._data, self._batch_size, self._steps = data, batch_size, steps
        self._arrays = isinstance(data, tuple | list)
        self._built_for = self._function = None
        self._check()

    def predict(self, model, *, show_progress=False):
        """Predict all of the data; return it as a `Pass` of one batch."""
        counted = _Counted(self._data, self._steps)
        source = self._array_adapter() if self._arrays else counted.source
        with contextlib.ExitStack() as stack:
            stack.enter_context(_random_state_kept())
            stack.enter_context(_state_kept(model))
            # What `predict` leaves on the model besides.
            stack.enter_context(
                replaced(model, predict_step=_tapped(model.predict_step), predict_function=None, stop_predicting=False)
            )
            self._put_function(model)
            captured = model.predict(
                source,
                batch_size=self._batch_size,
                steps=self._steps,
                verbose=0,
                callbacks=[_LateProgress()] if show_progress else None,
            )
        counted.check()
        batch = {name: captured.get(name) for name in ("y_true", "y_pred", "sample_weight", "mask")}
        row_count(batch)
        return Pass([batch])

    def _put_function(self, model):
        """Build once for what `compile` and `quantize` replace; they set `train_function` anew."""
        key = (model.train_function, model.run_eagerly, model.jit_compile, model.steps_per_execution)
        if self._function is None or key != self._built_for or key[0] is None:
            model.make_predict_function(force=True)
            self._built_for, self._function = key, model.predict_function
        vars(model)["predict_function"] = self._function

    def _array_adapter(self):
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(self._data)
        return get_data_adapter(x, y, sample_weight, batch_size=self._batch_size, steps_per_epoch=self._steps)

    def _check(self):
        if self._arrays and (len(self._data) not in (2, 3) or self._data[1] is None):
            raise DataError(
                "Metrics: validation_data must hold targets: (x, y) or (x, y, sample_weight), or a dataset of such "
                f"tuples; received a {type(self._data).__name__} of {len(self._data)}."
            )


def _tapped(predict_step):
    """A `predict_step` that returns a dict of what went in and came out; on JAX it takes and returns the state too."""

    def step(*args):
        *state, data = args
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        if y is None:
            raise DataError("Metrics: validation_data yields no targets. Let each batch be (x, y) or (x, y, weights).")
        result = predict_step(*state, (x,))
        outputs, *new_state = result if state else (result,)
        captured = {
            "y_true": y,
            "y_pred": outputs,
            "sample_weight": sample_weight,
            "mask": tree.map_structure(get_keras_mask, outputs),
        }
        present = {name: value for name, value in captured.items() if _present(value)}
        return (present, *new_state) if state else present

    return step


def _present(value):
    return any(leaf is not None for leaf in tree.flatten(value))


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


@contextlib.contextmanager
def _random_state_kept():
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
def _state_kept(model):
    """Give state that a forward pass may change its values back: seeds, stateful layers."""
    before = [np.array(keras.ops.convert_to_numpy(variable.value)) for variable in model.non_trainable_variables]
    try:
        yield
    finally:
        for variable, value in zip(model.non_trainable_variables, before, strict=False):
            if not np.array_equal(keras.ops.convert_to_numpy(variable.value), value):
                variable.assign(value)


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
