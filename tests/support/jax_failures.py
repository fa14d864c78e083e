"""More cases for `jax_worker.py`: one of several processes fails."""

import os
import signal

from kerascb_metrics import CaptureError, Metrics, ScoringError
from kerascb_metrics.collect.backends import jax_processes
from tests.support.failures import Ends, FailsInOne
from tests.support.jax_cases import binary
from tests.support.models import echo_model
from tests.support.process_cases import X, Y, fit


def score_that_raises(here):
    """The error in each process; afterwards they train together again."""
    model, metrics = echo_model(), Metrics({"own": FailsInOne(here)}, error_score="raise", verbose=False)
    message = None
    try:
        fit(here, model, [metrics], (X, Y), epochs=4)
    except (ScoringError, CaptureError) as error:
        message = (type(error).__name__, str(error))
    return {"error": message, "epochs": metrics.history.epochs, "after": binary(here)}


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


def without_the_callback(here):
    """Process 1 does not list Metrics; process 0 waits for 8 seconds."""
    jax_processes.TIMEOUT = 8
    fit(here, echo_model(), [Metrics(verbose=False)] if here.index == 0 else [], (X, Y), epochs=5)


def callback_that_raises(here):
    _ended(here, 1, _raise)
