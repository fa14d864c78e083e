"""Interpret, tally and score the rows of one pass: the middle of the way, with nothing of Keras's hooks in it."""

from dataclasses import dataclass, replace

from kerascb_metrics.inference import infer_task
from kerascb_metrics.records import history_entries, log_entries
from kerascb_metrics.scoring import Scores
from kerascb_metrics.tally import Tally


@dataclass(frozen=True)
class Assessment:
    """What one pass came to.

    Attributes:
        values: what the history records, name → float or array.
        entries: what goes to `logs`, name → float, without prefix.
        scores: the `Scores` behind them, with what was undefined or failed.
        tally: the counts, for the report.
    """

    values: dict
    entries: dict
    scores: Scores
    tally: Tally | None


def settle_task(task, rows, loss, scoring):
    """Return the task of a pass, inferred where it is "auto", and checked against the scores asked for."""
    settled = infer_task(rows, loss) if task == "auto" else task
    scoring.check(settled.kind, loss.name)
    return settled


def assess(rows, loss, task, scoring, *, complete=True, on_error):
    """Score `Predictions`.

    Args:
        rows: the `Predictions`.
        loss: the `LossReading` of the output.
        task: a settled task.
        scoring: the `Scoring`.
        complete: whether the pass saw all of its data; if not, every score is nan.
        on_error: called with (name, error) for a score that raised; returns the value to record, or raises.
    """
    evidence = replace(task.read(rows, loss), wants_precision=scoring.wants_precision)
    if not len(evidence.y_true):
        evidence = replace(evidence, undefined="no row is left to score")
    elif evidence.sample_weight is not None and not evidence.sample_weight.any():
        evidence = replace(evidence, undefined="all sample weights are zero")
    if not complete:
        evidence = replace(evidence, undefined="the pass was cut short by stop_evaluating")
    scores = scoring.score(evidence)
    for name, error in scores.errors.items():
        scores.values[name] = on_error(name, error)
    names = evidence.class_names
    entries = log_entries(
        scores.values, names, evidence.kind, evidence.pos_index, scoring.matrices, scoring.wants_cells
    )
    return Assessment(history_entries(scores.values, names), entries, scores, Tally.of(evidence, scoring.zero_division))


def describe(task, rows, loss):
    """Say in one sentence how the outputs are read.

    >>> import numpy as np
    >>> from kerascb_metrics import Binary, Predictions
    >>> from kerascb_metrics.losses import read_loss
    >>> rows = Predictions(np.array([0, 1]), np.array([[0.2], [0.9]]))
    >>> describe(Binary(), rows, read_loss("binary_crossentropy"))
    'binary task (loss binary_crossentropy, output (None, 1)), positive when probability > 0.5'
    """
    shape = (None, *rows.y_pred.shape[1:])
    return f"{task.kind} task (loss {loss.name}, output {shape}), {task.describe(loss)}"
