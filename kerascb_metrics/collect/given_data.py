"""Given data: one `predict` that also returns the targets, weights and mask of the same batches.

The data is read once per pass, so that data which reshuffles at each reading stays aligned with its targets. A shadow
of the model predicts, see `shadow.py`, so the pass leaves no trace on the model.
"""

import contextlib
import inspect
import itertools
import time
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from typing import Any

import keras
import numpy as np
from keras import tree

from kerascb_metrics.collect import shadow
from kerascb_metrics.collect.backend import Captured, Tensor, backend
from kerascb_metrics.collect.batches import Batches
from kerascb_metrics.collect.gathering import pass_of_all_processes
from kerascb_metrics.collect.keras_internals import (
    compiled_parts,
    get_data_adapter,
    get_keras_mask,
    models_in_fit,
    state_variables,
    trained_by_another_thread,
)
from kerascb_metrics.collect.processes import captures_own_rows
from kerascb_metrics.collect.restore import preserve_random_state, preserve_state_variables, without_ddp
from kerascb_metrics.collect.row_store import Pass, RowConsumer
from kerascb_metrics.collect.shards import refuse_other_batches, refuse_uneven_batches, rows_of_all_processes
from kerascb_metrics.exceptions import CaptureError, DataError

# A pass longer than this, in seconds, shows Keras's progress bar.
_LONG_PASS = 5.0


def is_due(epoch: int, freq: int | Container[int]) -> bool:
    """Return whether an epoch is one of `validation_freq`.

    Args:
        epoch: counted from 0.
        freq: as in `fit`, counted from 1: every so many epochs, or a list of epochs.
    """
    return (epoch + 1) % freq == 0 if isinstance(freq, int) else epoch + 1 in freq


class GivenData:
    """Validation data given to the callback, and the compiled function that predicts it.

    Args:
        data: anything that `model.predict` takes, with targets: `(x, y)` or `(x, y, sample_weight)` of arrays, or a
            dataset, PyDataset, DataLoader or generator that yields such tuples.
        batch_size: for arrays.
        steps: batches per pass; needed for a generator.

    Raises:
        DataError: if the data has no targets, or is in masked arrays that hide values.
        ValueError: if `batch_size` or `steps` is not positive, or the lengths of the arrays differ.
    """

    def __init__(self, data: Any, batch_size: int | None = None, steps: int | None = None) -> None:
        _check_positive("validation_batch_size", batch_size)
        _check_positive("validation_steps", steps)
        self._data, self._batch_size, self._steps = data, batch_size, steps
        self._arrays = isinstance(data, tuple | list)
        self._built_for: list[Any] = []
        self._function: Any = None
        self._step: Any = None
        self._shadow: Any = None
        self._check_targets()
        if self._arrays:
            self._data = tree.map_structure(_without_mask, data)
            self._array_adapter()  # Keras checks the arrays' lengths

    def refuse(self, model: Any) -> None:
        """Raise `CaptureError` if the model cannot predict the data; all processes that train together call this."""
        backend().refuse_unsupported(model, given=True)
        if _needs_call(model) and not shadow.has_call(model):
            raise CaptureError(
                f"Metrics: {type(model).__name__} has no `call`, so it cannot predict validation_data. Name what "
                "predicts, such as an inner model: Metrics(validation_data=(x, y), model=inner_model), or "
                "metrics.evaluate(inner_model, data)."
            )
        if trained_by_another_thread(model) and state_variables(model):
            raise CaptureError(
                f"Metrics: another thread trains this {type(model).__name__}, so other data cannot be scored now: the "
                "changes of that fit to batch statistics and seeds would be lost. Score between the epochs of that "
                "fit, as Metrics(validation_data=…) does, or score a copy of the model."
            )
        rows = self._rows if self._arrays else None
        refuse_uneven_batches(rows, self._batch_size, self._steps)
        together = backend().predicts_together(model)
        refuse_other_batches(self._data, self._batch_size, self._steps, must_equal=together)

    def predict(self, model: Any, consumer: RowConsumer, *, show_progress: bool = False) -> Pass:
        """Predict all of the data, once.

        Args:
            model: the model that predicts.
            consumer: consumes rows that are not kept.
            show_progress: whether a long pass shows Keras's progress bar.

        Returns:
            The rows that were kept.

        Raises:
            CaptureError: as `refuse`, and if rows of the data were left out.
            DataError: if a batch has no targets, its parts do not match, or a generator ended early.
        """
        return pass_of_all_processes(lambda: self._predict_own(model, consumer, show_progress), [consumer])

    def _predict_own(self, model: Any, consumer: RowConsumer, show_progress: bool) -> Pass:
        self.refuse(model)
        source = _OnePass(self._data, self._steps)
        batches = Batches(self._known_rows, [consumer])
        if self._known_rows == 0 and captures_own_rows():  # Keras's `predict` fails without a row
            return Pass(batches.finish())
        for each in (*models_in_fit(), model):  # in a hook, only the state of fit may hold the weights
            backend().sync_state(each)
        with contextlib.ExitStack() as stack:
            stack.enter_context(preserve_random_state())
            stack.enter_context(backend().evaluation_mode(model))
            predicting = stack.enter_context(self._capturing(model))
            stack.enter_context(preserve_state_variables(predicting))
            vars(predicting)["predict_function"] = backend().capture_predictions(
                predicting, self._function, lambda captured: batches.add([self._step.unflatten(captured)])
            )
            predicting.predict(
                self._array_adapter() if self._arrays else source.data,
                batch_size=self._batch_size,
                steps=self._steps,
                verbose=0,
                callbacks=[_FirstBatch(batches), *([_LateProgress()] if show_progress else [])],
            )
        source.check()
        found = Pass(batches.finish(), exceeded=batches.exceeded)
        self._check_all_rows_seen(model, batches.rows)
        return found

    @contextlib.contextmanager
    def _capturing(self, model: Any) -> Iterator[Any]:
        """Yield the model's shadow with a capturing step and function.

        They are built once for what `compile` and `quantize` replace. The step and the shadow stay with the function,
        which may look them up at every call.
        """
        itself = shadow.must_predict_itself(model)
        options = [model.run_eagerly, model.jit_compile, model.steps_per_execution, itself]
        key = [*options, *compiled_parts(model)]
        if not _are_same(key, self._built_for):
            self._built_for, self._function = key, None
            self._shadow = None if itself else shadow.empty_shadow(model)
        with shadow.model_itself(model) if itself else shadow.filled(self._shadow, model) as predicting:
            if self._function is None:
                self._step = _CapturingStep(predicting.predict_step)
            vars(predicting).update(predict_step=self._step, predict_function=self._function)
            if self._function is None:
                with without_ddp(predicting):
                    predicting.make_predict_function(force=True)
                self._function = predicting.predict_function
            yield predicting

    def _check_all_rows_seen(self, model: Any, rows: int) -> None:
        """Raise if `predict` left rows out: a part of the data is never scored."""
        expected = None if self._known_rows is None else rows_of_all_processes(self._known_rows)
        if rows != expected and (expected is not None or not rows):
            of = "" if expected is None else f" of {expected}"
            raise CaptureError(
                f"Metrics: {rows}{of} rows of the given data went through `predict_function`, so nothing was scored "
                f"(does {type(model).__name__} override `predict`?). Name the inner model that predicts: "
                "Metrics(validation_data=(x, y), model=inner_model), or metrics.evaluate(inner_model, data)."
            )

    @property
    def _known_rows(self) -> int | None:
        if not self._arrays or self._steps is not None:
            return None
        return self._rows

    @property
    def _rows(self) -> int:
        first = tree.flatten(self._data[0])[0]
        rows: int = first.shape[0] if hasattr(first, "shape") else len(first)  # sparse arrays have no length
        return rows

    def _array_adapter(self) -> Any:
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(self._data)
        return get_data_adapter(x, y, sample_weight, batch_size=self._batch_size, steps_per_epoch=self._steps)

    def _check_targets(self) -> None:
        without = isinstance(self._data, dict | np.ndarray) or hasattr(self._data, "iloc")
        if without or (self._arrays and (len(self._data) not in (2, 3) or self._data[1] is None)):
            count = f" of {len(self._data)}" if self._arrays else ""
            raise DataError(
                "Metrics: the data to score must hold targets: (x, y) or (x, y, sample_weight), or a dataset of such "
                f"tuples; received a {type(self._data).__name__}{count}."
            )


def _without_mask(leaf: Any) -> Any:
    """Return a masked array that hides nothing as a plain one, which is all that JAX takes; anything else as it is."""
    if not isinstance(leaf, np.ma.MaskedArray):
        return leaf
    if np.ma.is_masked(leaf):
        raise DataError(
            "Metrics: the data to score has a masked array that hides "
            f"{np.count_nonzero(np.ma.getmaskarray(leaf))} values. Pass plain arrays, and leave rows out by a "
            "sample_weight of 0, or by a target value that the task's ignore_class names."
        )
    return np.asarray(leaf)


def _needs_call(model: Any) -> bool:
    """Return whether Keras's `predict` calls the model."""
    own = {name for name in ("predict", "make_predict_function", "predict_step") if _is_own(model, name)}
    return not own or (own == {"predict_step"} and backend().predict_calls_unbuilt_model and not model.built)


def _is_own(model: Any, name: str) -> bool:
    return name in vars(model) or getattr(type(model), name) is not getattr(keras.Model, name)


def _are_same(these: list[Any], those: list[Any]) -> bool:
    """Compare by identity, since variables compare by value; both lists hold their objects, so no id is used again."""
    return len(these) == len(those) and all(this is that for this, that in zip(these, those, strict=True))


def _check_positive(name: str, value: Any) -> None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
        raise ValueError(f"Metrics: {name} must be a positive whole number; received {value!r}.")


class _CapturingStep:
    """A `predict_step` that returns its inputs and outputs, flat and without None, as a compiled function may.

    On JAX it also takes and returns the state.
    """

    def __init__(self, predict_step: Callable[..., Any]) -> None:
        self._predict_step = predict_step
        self._structure: dict[str, Any] = {}

    def __call__(self, *args: Any) -> Any:
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

    def unflatten(self, flat: Mapping[str, Tensor]) -> Captured:
        """Return a batch in its own structure."""
        return {
            name: tree.pack_sequence_as(
                structure, [flat.get(f"{name} {i}") for i in range(len(tree.flatten(structure)))]
            )
            for name, structure in self._structure.items()
        }

    def _flatten(self, captured: Captured) -> dict[str, Tensor]:
        self._structure = {name: tree.map_structure(lambda leaf: 0, value) for name, value in captured.items()}
        leaves = {f"{name} {i}": leaf for name, value in captured.items() for i, leaf in enumerate(tree.flatten(value))}
        return {name: leaf for name, leaf in leaves.items() if leaf is not None}


class _OnePass:
    """The data of one pass: a generator is cut to its steps, so that Keras does not read ahead into the next pass."""

    def __init__(self, data: Any, steps: int | None) -> None:
        self._generator, self._steps, self._seen = inspect.isgenerator(data), steps, 0
        self.data = self._batches(data) if self._generator and steps else data

    def check(self) -> None:
        """Raise if the generator ended early: a part of the data is never scored."""
        if self._generator and self._steps and self._seen < self._steps:
            raise DataError(
                f"Metrics: the validation_data generator ended after {self._seen} of {self._steps} batches. Let it "
                "yield for ever, or give a dataset that can be read again."
            )

    def _batches(self, data: Iterable[Any]) -> Iterator[Any]:
        for batch in itertools.islice(data, self._steps):
            self._seen += 1
            yield batch


class _FirstBatch(keras.callbacks.Callback):
    """Ends the pass after its first batch if that cannot be scored."""

    def __init__(self, batches: Batches) -> None:
        super().__init__()
        self._batches = batches

    def on_predict_batch_begin(self, batch: int, logs: Any = None) -> None:
        self._batches.refuse_first()


class _LateProgress(keras.callbacks.Callback):
    """Keras's progress bar, shown once a pass turns out to be long."""

    def on_predict_begin(self, logs: Any = None) -> None:
        self._began, self._bar = time.monotonic(), None

    def on_predict_batch_end(self, batch: int, logs: Any = None) -> None:
        if self._bar is None and time.monotonic() - self._began > _LONG_PASS:
            print("\nMetrics: scoring the given validation data")
            self._bar = keras.utils.Progbar(self.params.get("steps"))
        if self._bar is not None:
            self._bar.update(batch + 1)
