"""Settles the task of an output, once per fit, and says how the output is read."""

from typing import Any

import numpy as np

from kerascb_metrics.exceptions import DataError
from kerascb_metrics.interpret.advice import as_written
from kerascb_metrics.interpret.infer_task import infer_task, without_padding
from kerascb_metrics.interpret.left_out import equal_any, ignored_values
from kerascb_metrics.interpret.losses import LossReading
from kerascb_metrics.interpret.positions import has_element_weights
from kerascb_metrics.interpret.soft_targets import are_soft
from kerascb_metrics.interpret.targets import are_zero_one
from kerascb_metrics.interpret.validation import some
from kerascb_metrics.predictions import Predictions
from kerascb_metrics.score.scoring import Scoring

# From how many rows a loss for several labels is doubted: of fewer, each may have one label by chance.
_FEWEST_LOOKED_AT, _LOOKED_AT = 10, 1000


def settle_task(task: Any, rows: Predictions, loss: LossReading, scoring: Scoring) -> Any:
    """Return the task of a pass, inferred where it is "auto", and checked against the scores asked for."""
    settled = infer_task(rows, loss) if task == "auto" else task
    scoring.check(settled.kind, loss.name, by_element=is_by_element(settled, rows, loss))
    return settled


def is_by_element(task: Any, rows: Predictions, loss: LossReading) -> bool:
    """Return whether single elements of the rows of an output can be left out or weighted."""
    several = task.kind in ("multilabel", "regression") and rows.columns > 1
    return several and (bool(ignored_values(task.ignore_class, loss)) or has_element_weights(rows))


def refuse_element_weights(rows: Predictions, loss: LossReading) -> None:
    """Raise `DataError` for one weight per element in fit's own pass, if the loss is one of Keras's.

    Keras would multiply the loss of each row by a row of weights, silently so if a batch has as many rows as columns.
    """
    if loss.family is not None and has_element_weights(rows):
        raise DataError(
            f"Metrics: the loss {loss.name} takes one sample weight per row; received weights of the shape of the "
            f"outputs, {rows.y_pred.shape}. To score with one weight per element, pass them in "
            "Metrics(validation_data=(x, y, weights))."
        )


def looks_like_one_class(given: Any, task: Any, rows: Predictions, loss: LossReading) -> str:
    """Return a sentence if a loss for several labels was given what looks like one class per row; else "".

    Args:
        given: the task that was asked for.
        task: the settled task.
        rows: the rows of the output, of which some are looked at.
        loss: what the compiled loss tells about it.
    """
    if given != "auto" or task.kind != "multilabel" or rows.y_true.shape != rows.y_pred.shape:
        return ""
    y_true, y_pred = (array[:_LOOKED_AT].reshape(-1, rows.columns) for array in (rows.y_true, rows.y_pred))
    if len(y_true) < _FEWEST_LOOKED_AT or not (are_zero_one(y_true) and (y_true.sum(axis=1) == 1).all()):
        return ""
    if not are_soft(y_pred).all():
        return ""
    return (
        f"the loss {loss.name} makes this a multilabel task, each column with a threshold of its own, but each row has "
        "one label and outputs that add up to 1, as a softmax of one class per row has. If it is one, compile with "
        "categorical_crossentropy, or pass Metrics(task='multiclass'); if not, task='multilabel' ends this warning."
    )


def are_not_of_the_loss(task: Any, rows: Predictions, loss: LossReading) -> str:
    """Return a sentence if a binary crossentropy has targets other than 0, 1 and what is between them; else "".

    Keras computes a loss of them without an error, which falls without end.

    Args:
        task: the settled task.
        rows: the rows of the output.
        loss: what the compiled loss tells about it.
    """
    is_binary = loss.family == "binary" or (loss.family == "crossentropy" and rows.columns == 1)
    if not is_binary or rows.y_true.dtype.kind not in "if" or not _outside(rows.y_true).size:
        return ""
    y_true = without_padding(rows)
    y_true = y_true[~equal_any(y_true, ignored_values(task.ignore_class, loss, y_true.dtype))]
    others = _outside(y_true)
    if not others.size or len(np.unique(y_true)) > 2:  # of more than two values the task says that it takes two
        return ""
    return (
        f"the loss {loss.name} takes targets from 0 to 1, and what it computes of others means nothing; received "
        f"{some(others)}. Train on targets 0 and 1, or compile with hinge, which takes −1 and 1."
    )


def _outside(y_true: np.ndarray) -> np.ndarray:
    return y_true[(y_true < 0) | (y_true > 1)]


def padding_is_scored(task: Any, rows: Predictions, loss: LossReading, masking_layer: str | None) -> str:
    """Return a sentence if the model hides padding and nothing tells which positions that is; else "".

    Args:
        task: the settled task.
        rows: the rows of the output.
        loss: what the compiled loss tells about it.
        masking_layer: the name of a layer that makes a mask, or None.
    """
    positions = rows.y_pred.shape[: -1 if rows.has_columns else None]
    told = rows.mask is not None or rows.sample_weight is not None or ignored_values(task.ignore_class, loss)
    if masking_layer is None or len(positions) < 2 or told:
        return ""
    labels = np.asarray([] if getattr(task, "labels", None) is None else task.labels).tolist()
    marker = min(labels) - 1 if -1 in labels else -1
    return (
        f" All positions are scored, because the mask of layer {masking_layer!r} does not reach the output; to leave "
        f"padding out, give it a target such as {marker} and pass {as_written(task, ignore_class=marker)}."
    )


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
