"""Targets that are probabilities: mixup, label smoothing, distillation, the mean of several raters."""

import numpy as np
import numpy.typing as npt

from kerascb_metrics._blocks import blocks
from kerascb_metrics.exceptions import DataError
from kerascb_metrics.interpret.validation import BFLOAT16_SLACK


def more_likely(y_true: np.ndarray, task: str) -> npt.NDArray[np.bool_]:
    """Return which probabilities are greater than 0.5.

    Args:
        y_true: targets of any shape.
        task: the name of the task's class, for the message.

    Raises:
        DataError: if a target is not a probability.

    >>> more_likely(np.array([0.05, 0.9, 0.5]), "Binary")
    array([False,  True, False])
    """
    _refuse_others(y_true, task)
    return np.asarray(y_true > 0.5)


def most_likely(y_true: np.ndarray, task: str) -> npt.NDArray[np.intp]:
    """Return the class with the highest probability in each row; the first one of several.

    Args:
        y_true: targets (P, C).
        task: the name of the task's class, for the message.

    Raises:
        DataError: if the targets are not rows of probabilities that add up to 1.

    >>> most_likely(np.array([[0.1, 0.6, 0.3], [0.5, 0.5, 0.0]]), "Multiclass")
    array([1, 0])
    """
    if y_true.ndim != 2:
        raise DataError(
            f"Metrics: {task}(soft_targets=True) needs one probability per class in the targets; received one value "
            f"per row, such as {y_true[:1].tolist()}. For class numbers pass task={task}()."
        )
    _refuse_others(y_true, task)
    for block in blocks(y_true):
        sums = y_true[block].sum(axis=1, dtype=np.float64)
        if not (np.abs(sums - 1) <= BFLOAT16_SLACK).all():
            raise DataError(
                f"Metrics: the targets of {task}(soft_targets=True) must add up to 1 in each row; received rows that "
                f"add up to {sums.min():.4g} to {sums.max():.4g}. If each column is a label by itself, pass "
                "task=Multilabel(soft_targets=True)."
            )
    return np.asarray(y_true.argmax(axis=1))


def are_soft(y_true: np.ndarray) -> npt.NDArray[np.bool_]:
    """Return which targets (P,) are probabilities, or which rows (P, C) are probabilities that add up to 1.

    >>> are_soft(np.array([0.3, -1.0])), are_soft(np.array([[0.3, 0.7], [-1.0, -1.0]]))
    (array([ True, False]), array([ True, False]))
    """
    within = (y_true >= 0) & (y_true <= 1)
    if y_true.ndim == 1:
        return np.asarray(within)
    sums = y_true.sum(axis=1, dtype=np.float64)
    return np.asarray(within.all(axis=1) & (np.abs(sums - 1) <= BFLOAT16_SLACK))


def look_soft(y_true: np.ndarray) -> bool:
    """Return whether targets could be probabilities, some of them between 0 and 1. For messages only.

    >>> look_soft(np.array([0.05, 0.95])), look_soft(np.array([0.0, 1.0])), look_soft(np.array([1, 7]))
    (True, False, False)
    """
    if y_true.dtype.kind != "f" or not y_true.size:
        return False
    return bool(((y_true >= 0) & (y_true <= 1)).all() and ((y_true > 0) & (y_true < 1)).any())


def _refuse_others(y_true: np.ndarray, task: str) -> None:
    if y_true.dtype.kind not in "biuf" or not ((y_true >= 0) & (y_true <= 1)).all():
        found = f"{y_true.min():.4g} to {y_true.max():.4g}" if y_true.dtype.kind in "biuf" else str(y_true.dtype)
        raise DataError(
            f"Metrics: the targets of {task}(soft_targets=True) must be probabilities from 0 to 1; received {found}. "
            f"For class numbers pass task={task}(); for missing targets, {task}(soft_targets=True, "
            "ignore_class=float('nan'))."
        )
