"""Which task it is, if the user does not tell: by the compiled loss first, by shapes and values last."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from kerascb_metrics.exceptions import DataError
from kerascb_metrics.interpret.advice import advice
from kerascb_metrics.interpret.binary import Binary
from kerascb_metrics.interpret.join import Rows
from kerascb_metrics.interpret.kinds import INFERRED, Kind
from kerascb_metrics.interpret.left_out import Values, as_values, equal_any, weightless_rows
from kerascb_metrics.interpret.losses import LossReading
from kerascb_metrics.interpret.multiclass import Multiclass
from kerascb_metrics.interpret.multilabel import Multilabel
from kerascb_metrics.interpret.positions import flatten
from kerascb_metrics.interpret.regression import Regression
from kerascb_metrics.interpret.soft_targets import look_soft
from kerascb_metrics.interpret.targets import are_integral, are_zero_one
from kerascb_metrics.interpret.tasks import Task
from kerascb_metrics.interpret.validation import BFLOAT16_SLACK, some


def infer_task(rows: Rows, loss: LossReading) -> Task:
    """Infer the task from the loss; if the loss does not tell, from shapes and values.

    Args:
        rows: the rows of one pass.
        loss: what the compiled loss tells about the output.

    Raises:
        DataError: if the answer is not certain; the message names the `task=` to choose from.

    >>> import numpy as np
    >>> infer_task(Rows(np.array([0, 1]), np.array([0.2, 0.9])), LossReading(family="binary")).kind
    'binary'
    """
    if loss.problem:
        raise DataError(f"Metrics: {loss.problem}. {advice(rows, loss, INFERRED)}")
    columns = rows.columns
    one_output = columns == 1
    if loss.family == "regression":
        return _infer_regression(rows, loss)
    if loss.family in ("binary", "hinge"):
        return Binary() if one_output else Multilabel()
    if loss.family == "crossentropy":  # Keras uses the binary one for one column
        return Binary() if columns in (1, 2) else Multiclass()
    if loss.family in ("categorical", "categorical_hinge"):
        return Binary() if columns == 2 and loss.family == "categorical" else Multiclass()
    return _infer_from_values(rows, loss, as_values(loss.ignore_class))


def _infer_regression(rows: Rows, loss: LossReading) -> Task:
    targets = _checked_targets(rows, loss)
    if are_zero_one(targets):
        own = _of_classes(rows)
        raise DataError(
            f"Metrics: the loss {loss.name} suggests regression, but all targets are 0 or 1. "
            f"{advice(rows, loss, [*own, 'regression'], most=3)}"
        )
    return Regression()


def _infer_from_values(rows: Rows, loss: LossReading, ignored: Values) -> Task:
    targets = _checked_targets(rows, loss)
    if not are_integral(targets):
        _refuse_shares(rows, targets, loss)
        return Regression()
    if rows.columns == 1:
        if are_zero_one(targets[~equal_any(targets, ignored)]):
            return Binary()
        raise DataError(
            "Metrics: the loss does not tell the task, and one output column with targets other than 0 and 1 is "
            f"ambiguous (received {some(targets)}). {advice(rows, loss, ['binary', 'regression'], most=2)}"
        )
    if rows.y_true.shape != rows.y_pred.shape:
        return Binary() if rows.columns == 2 else Multiclass()
    if are_zero_one(targets) and (targets.sum(axis=-1) != 1).any():
        return Multilabel()
    raise DataError(
        "Metrics: the loss does not tell whether the targets are one-hot (one class per row) or multi-hot (any "
        f"number of labels per row); received targets {rows.y_true.shape}. "
        f"{advice(rows, loss, ['multiclass', 'multilabel', 'regression'], most=2)}"
    )


def _checked_targets(rows: Rows, loss: LossReading) -> np.ndarray:
    """Return the targets that tell the task: without padding, unless there is nothing else.

    Raises:
        DataError: if some are missing.
    """
    targets = without_padding(rows)
    missing = np.isnan(targets) if targets.dtype.kind == "f" else np.zeros(0, bool)
    if missing.any():
        others = targets[~missing]
        kinds: Sequence[Kind] = _of_classes(rows) if are_integral(others) and len(others) else ()
        raise DataError(
            f"Metrics: {np.count_nonzero(missing)} of {missing.size} targets are NaN. "
            f"{advice(rows, loss, [*kinds, 'regression']) or 'Mend them, or give their rows sample weight 0.'}"
        )
    return targets if len(targets) else rows.y_true


def without_padding(rows: Rows) -> np.ndarray:
    """Return the targets without masked positions and rows of weight zero: those may be anything."""
    if rows.mask is not None and not rows.mask.any():  # a trial that hides every row
        rows = replace(rows, mask=None)
    if rows.sample_weight is None and rows.mask is None:
        return rows.y_true
    try:
        flat = flatten(rows, rows.columns)
    except DataError:  # the task will say what is wrong
        return rows.y_true
    weightless = weightless_rows(flat)
    return flat.y_true if weightless is None else flat.y_true[~weightless]


def _refuse_shares(rows: Rows, targets: np.ndarray, loss: LossReading) -> None:
    """Raise `DataError` for rows that add up to 1: they may be probabilities of classes, or numbers."""
    if rows.columns == 1 or rows.y_true.shape != rows.y_pred.shape or not look_soft(targets):
        return
    if np.allclose(targets.sum(axis=-1, dtype=np.float64), 1, rtol=0, atol=BFLOAT16_SLACK):
        raise DataError(
            "Metrics: the loss does not tell the task, and targets that add up to 1 in each row may be probabilities "
            f"of classes; received {targets.reshape(-1, rows.columns)[0].tolist()}. "
            f"{advice(rows, loss, ['multiclass', 'regression'], most=2)}"
        )


def _of_classes(rows: Rows) -> Sequence[Kind]:
    """Return the kinds of classification to try, in this order."""
    if rows.columns == 1:
        return ("binary",)
    return ("multilabel", "multiclass") if rows.y_true.shape == rows.y_pred.shape else ("multiclass", "binary")
