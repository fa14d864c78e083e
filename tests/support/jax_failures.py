"""More cases for `jax_worker.py`: one of several processes fails."""

import os
import signal
import warnings

import keras
import numpy as np

from kerascb_metrics import CaptureError, Metrics, ScoringError
from tests.support.jax_cases import X, Y, binary, fit
from tests.support.models import echo_model


class FailsInOne:
    """A score that fails in process 1 from its second pass on."""

    def __init__(self, here):
        self.here, self.calls = here, 0

    def __call__(self, y_true, y_pred):
        self.calls += 1
        if self.here.index == 1 and self.calls > 1:
            raise ZeroDivisionError("planted")
        return float(np.mean(y_true == y_pred))


def score_that_raises(here):
    """The error in each process; afterwards they train together again."""
    model, metrics = echo_model(), Metrics({"own": FailsInOne(here)}, error_score="raise", verbose=False)
    message = None
    try:
        fit(here, model, [metrics], (X, Y), epochs=4)
    except (ScoringError, CaptureError) as error:
        message = (type(error).__name__, str(error))
    return {"error": message, "epochs": metrics.history.epochs, "after": binary(here)}


def score_that_is_nan(here):
    metrics = Metrics({"own": FailsInOne(here)}, verbose=False)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        run = fit(here, echo_model(), [metrics], (X, Y), epochs=4)
    return {
        "own": metrics.history["own"],
        "logs": run.history["val_own"],
        "warned": [str(each.message) for each in warned],
    }


class Ends(keras.callbacks.Callback):
    """Ends one process when its third epoch begins."""

    def __init__(self, here, index, end):
        super().__init__()
        self.mine, self.end = here.index == index, end

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 2 and self.mine:
            self.end()


def _kill():
    os.kill(os.getpid(), signal.SIGKILL)


def _raise():
    raise ZeroDivisionError("planted")


def _ended(here, index, end):
    metrics = Metrics(log_file=here.folder / "scores.jsonl", verbose=False)
    fit(here, echo_model(), [metrics], (X, Y), epochs=5, callbacks=[Ends(here, index, end)])


def first_killed(here):
    _ended(here, 0, _kill)


def second_killed(here):
    _ended(here, 1, _kill)


def callback_that_raises(here):
    _ended(here, 1, _raise)
