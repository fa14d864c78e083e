"""More cases for `torch_worker.py`: one of several processes fails, or does something else than the others."""

import os
import signal
import time
import warnings

import keras
import numpy as np

from kerascb_metrics import CaptureError, DataError, Metrics, Multiclass, ScoringError, UndefinedScoreWarning
from tests.support.failures import Ends, FailsInOne
from tests.support.models import echo_model
from tests.support.process_cases import KINDS, LOGITS, X, Y, fit, own
from tests.support.torch_cases import binary


def error_of(attempt):
    """The type and message of the error that a call raises."""
    try:
        attempt()
    except (CaptureError, DataError, ScoringError, ValueError) as error:
        return type(error).__name__, str(error)
    return None


def score_that_raises(here):
    model, metrics = echo_model(), Metrics({"own": FailsInOne(here)}, error_score="raise", verbose=False)
    error = error_of(lambda: fit(here, model, [metrics], (X, Y), epochs=4))
    return {"error": error, "after": binary(here)}


def nan_outputs(here):
    """An output that is NaN, only in the rows of the last process, as rows and as counts."""
    x = X.copy()
    x[-1] = np.nan
    found = {}
    for memory in ("exact", "bounded"):
        metrics = Metrics(["f1", "auc"], task="binary", memory=memory, verbose=False)
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always", UndefinedScoreWarning)
            run = fit(here, echo_model(loss="mse"), [metrics], (X, Y), validation_data=own(here, (x, Y)))
        found[memory] = {"logs": [run.history["val_f1"], run.history["val_auc"]], "scores": dict(metrics.history)}
        found[memory]["warned"] = [str(one.message) for one in warned]
    return found


def wrong_targets(here):
    """A target that is not a class, in the first and in a later batch, only in the second process's rows."""
    found = {}
    for memory in ("exact", "bounded"):
        for name, row in (("first", 50), ("later", 79)):
            kinds = KINDS.copy()
            kinds[row] = 9
            metrics = Metrics(task=Multiclass(from_logits=True), memory=memory, verbose=False)
            model = echo_model(4, lambda y_true, y_pred: keras.ops.mean(y_pred, axis=-1))
            found[memory, name] = error_of(lambda m=metrics, own=model, k=kinds: fit(here, own, [m], (LOGITS, k)))
    return found | {"after": binary(here)}


def no_validation_data(here):
    data = own(here, (X, Y)) if here.index == 0 else None
    return {"error": error_of(lambda: fit(here, echo_model(), [Metrics(verbose=False)], (X, Y), validation_data=data))}


def other_arguments(here):
    average = "macro" if here.index else "auto"
    two = [Metrics(verbose=False) for _ in range(1 + here.index)]
    return {
        "average": error_of(lambda: fit(here, echo_model(), [Metrics(average=average, verbose=False)], (X, Y))),
        "number": error_of(lambda: fit(here, echo_model(), two, (X, Y))),
        "after": binary(here),
    }


def start_that_raises(here):
    """The second process cannot read its log file."""
    broken = here.folder / f"broken.{here.index}.jsonl"
    broken.write_text("no log\n" if here.index else "")
    metrics = Metrics(log_file=broken, verbose=False)
    return {"error": error_of(lambda: fit(here, echo_model(), [metrics], (X, Y))), "after": binary(here)}


def damaged_log(here):
    """The first process cannot resume its log file: the line of an epoch is cut short."""
    log_file = here.folder / "damaged.jsonl" if here.index == 0 else None
    fit(here, echo_model(), [Metrics(["f1"], log_file=log_file, verbose=False)], (X, Y), epochs=2)
    if log_file is not None:
        header, *epochs = log_file.read_text().splitlines()
        log_file.write_text("\n".join([header, epochs[0][:20], epochs[1], ""]))
    metrics = Metrics(["f1"], log_file=log_file, verbose=False)
    resuming = {"epochs": 4, "initial_epoch": 2}
    return {"error": error_of(lambda: fit(here, echo_model(), [metrics], (X, Y), **resuming)), "after": binary(here)}


def evaluation_that_raises(here):
    x, y = own(here, (X, Y))
    data = (x, y) if here.index == 0 else (x, y[:, None].repeat(3, axis=1))
    return {
        "error": error_of(lambda: Metrics(verbose=False).evaluate(echo_model(), data)),
        "after": binary(here),
    }


# Processes that are gone.


def _kill():
    os.kill(os.getpid(), signal.SIGKILL)


def _ended(here, index):
    metrics = Metrics(log_file=here.folder / "scores.jsonl", verbose=False)
    fit(here, echo_model(), [metrics], (X, Y), epochs=5, callbacks=[Ends(here, index, _kill)])


def first_killed(here):
    _ended(here, 0)


def second_killed(here):
    _ended(here, 1)


def killed_while_scoring(here):

    def own(y_true, y_pred):
        if here.index == 1:
            _kill()
        return 0.0

    fit(here, echo_model(), [Metrics({"own": own}, verbose=False)], (X, Y))


def without_the_callback(here):
    """The second process does not list Metrics; its training waits for the others."""
    began = time.monotonic()
    try:
        fit(here, echo_model(), [Metrics(verbose=False)] if here.index == 0 else [], (X, Y))
    finally:
        print(f"ended after {time.monotonic() - began:.0f} seconds", flush=True)
