"""Settles the task of an output, once per fit, and says how the output is read."""

from typing import Any

from kerascb_metrics.interpret.infer_task import infer_task
from kerascb_metrics.interpret.losses import LossReading
from kerascb_metrics.predictions import Predictions
from kerascb_metrics.score.scoring import Scoring


def settle_task(task: Any, rows: Predictions, loss: LossReading, scoring: Scoring) -> Any:
    """Return the task of a pass, inferred where it is "auto", and checked against the scores asked for."""
    settled = infer_task(rows, loss) if task == "auto" else task
    scoring.check(settled.kind, loss.name)
    return settled


def describe(task: Any, rows: Predictions, loss: LossReading) -> str:
    """Say in one sentence how the outputs are read.

    >>> import numpy as np
    >>> from kerascb_metrics import Binary
    >>> from kerascb_metrics.interpret.losses import read_loss
    >>> rows = Predictions(np.array([0, 1]), np.array([[0.2], [0.9]]))
    >>> describe(Binary(), rows, read_loss("binary_crossentropy"))
    'binary task (loss binary_crossentropy, output (None, 1)), positive when probability > 0.5'
    """
    shape = (None, *rows.y_pred.shape[1:])
    return f"{task.kind} task (loss {loss.name}, output {shape}), {task.describe(loss)}"
