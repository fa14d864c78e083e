"""The order of Keras's hooks. `fit` calls them in order; a custom training loop may not, and then we raise."""

import weakref
from collections.abc import Callable, Sequence
from typing import Any

import keras

from kerascb_metrics.collect.keras_internals import calling_list, fits_under_way
from kerascb_metrics.collect.shadow import way_out
from kerascb_metrics.exceptions import CaptureError

_GIVEN = way_out(can_predict=True)
_NOW = "Score without callbacks: metrics.evaluate(model, (x_val, y_val))"


class TrainingLoop:
    """Where a training is: its model, its epoch, and the list of callbacks that began it.

    It holds weak references only, so it does not keep the model or the list alive.
    """

    def __init__(self) -> None:
        self._model: Callable[[], Any] = _nothing
        self._list: Callable[[], Any] = _nothing
        self._epoch: int | None = None

    @property
    def is_running(self) -> bool:
        """Whether a training has begun."""
        return self._model() is not None

    @property
    def is_in_epoch(self) -> bool:
        """Whether an epoch has begun."""
        return self._epoch is not None

    def begin(self, callback: Any, model: Any) -> None:
        """Note which model is trained, and which list of callbacks calls `callback`."""
        calling = calling_list(callback)
        self._model = weakref.ref(model)
        self._list = _nothing if calling is None else weakref.ref(calling)
        self._epoch = None

    def begin_epoch(self, epoch: int, model: Any, scored: Sequence[int]) -> None:
        """Note the epoch.

        Args:
            epoch: counted from 0.
            model: the callback's model.
            scored: the epochs that are scored already.

        Raises:
            CaptureError: if no training has begun, it trains another model, or a later epoch is scored already.
        """
        self._check(model)
        _refuse_repeated(epoch, scored)
        self._epoch = epoch

    def epoch_of_pass(self, model: Any, scored: Sequence[int]) -> int:
        """Return the epoch of the pass that begins; raise `CaptureError` as `begin_epoch`, and if there is none."""
        self._check(model)
        if self._epoch is None:
            raise CaptureError(
                "Metrics: a validation pass began outside an epoch, so its epoch is not known. Call "
                f"callbacks.on_epoch_begin(epoch) before it. {_NOW}"
            )
        _refuse_repeated(self._epoch, scored)
        return self._epoch

    def refuse_open_epoch(self, epoch: int) -> None:
        """Raise `CaptureError` if another epoch has not ended: given data is scored when it does."""
        if self._epoch is not None:
            raise CaptureError(
                f"Metrics: on_epoch_begin({epoch}) came before on_epoch_end({self._epoch}), where validation_data is "
                f"scored. Call callbacks.on_epoch_end(epoch) in each epoch. {_NOW}"
            )

    def end_epoch(self, epoch: int, model: Any) -> None:
        """End the epoch; raise `CaptureError` as `begin_epoch`, and if another epoch has begun."""
        self._check(model)
        begun, self._epoch = self._epoch, None
        if begun != epoch:
            raise CaptureError(
                f"Metrics: on_epoch_begin({begun}) was followed by on_epoch_end({epoch}). Call both with the same "
                f"epoch. {_NOW}"
            )

    def refuse_unscored(self, model: Any) -> None:
        """Raise `CaptureError` if a custom loop ends its epoch without validation, so that nothing can be scored."""
        if not fits_under_way(model):
            raise CaptureError(
                "Metrics: this custom training loop has validated nothing before on_epoch_end, so nothing is scored. "
                "Call model.evaluate(x_val, y_val, callbacks=callbacks) in each epoch, with the CallbackList that "
                f"holds this Metrics. {_GIVEN}"
            )

    def model_was_set(self, callback: Any, model: Any) -> None:
        """Accept another model, unless a list that did not begin this training has set it.

        `evaluate` and `predict` of another model do that, when they are given the callback.
        """
        if self.is_running and calling_list(callback) in (None, self._list()):
            self._model = weakref.ref(model)

    def includes(self, callback: Any, model: Any) -> bool:
        """Return whether the list that calls `callback` is the one that began this training.

        A wrapper that calls `callback` itself hides the list: then whether a training has begun.
        """
        calling = calling_list(callback)
        if calling is None and fits_under_way(model):
            return True
        return self.is_running and calling is self._list()

    def _check(self, model: Any) -> None:
        begun = self._model()
        if begun is None:
            raise CaptureError(
                "Metrics: no training has begun. Call callbacks.on_train_begin() before the first epoch, and for each "
                f"training again. {_NOW}"
            )
        if begun is not model:
            raise CaptureError(
                f"Metrics: a {type(model).__name__} took the place of the {type(begun).__name__} that is trained (was "
                "this Metrics passed to its `evaluate` or `predict`?). Give each model its own Metrics. "
                f"{_NOW}"
            )


def refuse_no_model(model: Any) -> None:
    """Raise `CaptureError` if a callback has no Keras model when training begins."""
    if not isinstance(model, keras.Model):
        raise CaptureError(
            f"Metrics: training begins, but the callback's model is a {type(model).__name__}, not a keras.Model. Make "
            f"the list with it: keras.callbacks.CallbackList([metrics], model=model). {_NOW}"
        )


def warn_outside_training(method: str, warn: Callable[[object, str], None]) -> None:
    """Warn that a call with `callbacks=[metrics]` is not scored.

    Args:
        method: "evaluate" or "predict".
        warn: called with (topic, sentence).
    """
    warn(
        ("outside", method),
        f"model.{method}() was given this Metrics, which scores the validation of fit() only, so nothing is scored. "
        "Leave it out there, and score the model with: metrics.evaluate(model, (x_val, y_val))",
    )


def why_none_was_scored(model: Any) -> str:
    """Return the sentence for a training that ends without a scored epoch."""
    if fits_under_way(model):
        return "no epoch of this fit was scored. Check validation_freq."
    return (
        "no epoch of this custom training loop was scored. Call on_epoch_begin and on_epoch_end in each epoch, and "
        f"check validation_freq. {_NOW}"
    )


def _refuse_repeated(epoch: int, scored: Sequence[int]) -> None:
    if scored and epoch <= scored[-1]:
        raise CaptureError(
            f"Metrics: epoch {epoch} (counted from 0) came after epoch {scored[-1]} was scored. Validate once per "
            "epoch, and begin each training with callbacks.on_train_begin(). Other data: "
            "metrics.evaluate(model, (x_val, y_val))"
        )


def _nothing() -> None:
    return None
