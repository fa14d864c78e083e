"""Targets as class indices, and what the values of targets can be."""

from typing import NoReturn

import numpy as np
import numpy.typing as npt

from kerascb_metrics._blocks import blocks
from kerascb_metrics.exceptions import MisfitError
from kerascb_metrics.interpret.columns import argmax_columns
from kerascb_metrics.interpret.kinds import Kind
from kerascb_metrics.interpret.left_out import Values, equal_any
from kerascb_metrics.interpret.validation import some


def are_one_hot(y_true: np.ndarray) -> npt.NDArray[np.bool_]:
    """Return which rows (N, C) have a single 1, and 0 elsewhere.

    >>> are_one_hot(np.array([[0, 1], [1, 1]]))
    array([ True, False])
    """
    ones = y_true == 1
    return np.asarray((ones | (y_true == 0)).all(axis=1) & (ones.sum(axis=1) == 1))


def one_hot_to_index(y_true: np.ndarray, task: str) -> npt.NDArray[np.intp]:
    """Return the class index of each one-hot row.

    Args:
        y_true: (N, C).
        task: the kind of task, for the message.

    Raises:
        DataError: if a row is not one-hot.

    >>> one_hot_to_index(np.array([[0, 1], [1, 0]]), "binary")
    array([1, 0])
    """
    indices = argmax_columns(y_true) if are_zero_one(y_true) else None
    # As many ones as rows, and one in each row. To add up rows of a few numbers takes ten times as long.
    if indices is None or np.count_nonzero(y_true) != len(y_true) or not y_true[np.arange(len(y_true)), indices].all():
        raise MisfitError(
            f"Metrics: the targets of a {task} task that have the outputs' own shape must be one-hot, with a single 1 "
            f"per row and 0 elsewhere; received rows such as {y_true[~are_one_hot(y_true)][0].tolist()}.",
            "Give one class number per row.",
        )
    return indices.astype(np.intp)


def binary_targets(y_true: np.ndarray, task: str = "binary") -> tuple[npt.NDArray[np.bool_], np.ndarray]:
    """Return which targets are 1, and the two labels: 0 and 1, or −1 and 1.

    Args:
        y_true: targets of any shape.
        task: the kind of task, for the message.

    Raises:
        DataError: if there are other values.

    >>> binary_targets(np.array([1, -1]))
    (array([ True, False]), array([-1,  1]))
    """
    if y_true.dtype.kind not in "biuf":
        _refuse_targets(y_true, np.ones(y_true.shape, bool), task)
    lowest = -1 if y_true.dtype.kind in "if" and y_true.min(initial=0) == -1 else 0
    positive = np.empty(y_true.shape, bool)
    known = 0
    for block in blocks(y_true):
        np.equal(y_true[block], 1, out=positive[block])
        known += int(np.count_nonzero(positive[block])) + int(np.count_nonzero(y_true[block] == lowest))
    if known != y_true.size:
        _refuse_targets(y_true, ~np.isin(y_true, [lowest, 1]), task)
    return positive, np.array([lowest, 1])


def _refuse_targets(y_true: np.ndarray, unknown: npt.NDArray[np.bool_], task: str) -> NoReturn:
    received = some(y_true[unknown]) or "values that are not numbers"  # before training no value is read
    raise MisfitError(
        f"Metrics: a {task} task needs targets 0 and 1 (or −1 and 1); received {received} among the targets.",
        "Return one output column per class, or give targets 0 and 1.",
    )


_REMEDIES: dict[Kind, str] = {
    "multiclass": "Number the targets by output column, or pass the label of each column as "
    "task=Multiclass(labels=[…]).",
    "ordinal": "Pass all grades, as in task=Ordinal(labels=[…]); for any numbers pass task='regression'.",
}


def class_indices(
    y_true: np.ndarray,
    classes: np.ndarray,
    ignored: Values = (),
    weightless: npt.NDArray[np.bool_] | None = None,
    kind: Kind = "multiclass",
) -> tuple[np.ndarray, npt.NDArray[np.bool_]]:
    """Return the column of each target, and which rows count.

    Args:
        y_true: labels (N,), or one-hot rows (N, C).
        classes: the label of each column.
        ignored: the labels to ignore. They need not be among `classes`.
        weightless: which rows have weight zero; None if none has. Their labels may be unknown: then they are padding.
        kind: the kind of task, for messages.

    Raises:
        DataError: if a label is neither one of `classes` nor ignored.

    >>> class_indices(np.array([7, 5, -1]), np.array([5, 7]), ignored=(-1,))[1]
    array([ True,  True, False])
    """
    if y_true.ndim == 2:
        indices = one_hot_to_index(y_true, kind)
        return indices, ~equal_any(classes[indices], ignored)
    keep = ~equal_any(y_true, ignored)
    if _are_column_numbers(classes):
        columns, known = _column_numbers(y_true, len(classes))
    else:
        columns, known = _search(y_true, classes)
    unknown = ~known & keep
    if weightless is not None and unknown.any():
        keep = keep & ~(unknown & weightless)
        unknown &= ~weightless
    if unknown.any():
        known_ones = f"the model has {len(classes)} classes ({some(classes)})"
        known_ones = f"the grades are {some(classes)}" if kind == "ordinal" else known_ones
        raise MisfitError(
            f"Metrics: {known_ones}, but the targets hold {some(y_true[unknown])}.",
            _REMEDIES[kind],
        )
    return columns, keep


def _are_column_numbers(classes: np.ndarray) -> bool:
    return classes.dtype.kind in "iu" and np.array_equal(classes, np.arange(len(classes)))


def _column_numbers(y_true: np.ndarray, n_classes: int) -> tuple[np.ndarray, npt.NDArray[np.bool_]]:
    """Read targets that are column numbers: no search, and one byte per row for up to 256 classes."""
    if y_true.dtype.kind not in "biuf":
        return _search(y_true, np.arange(n_classes))
    dtype = np.min_scalar_type(n_classes - 1)
    if y_true.dtype.kind in "iu" and y_true.min(initial=0) >= 0 and y_true.max(initial=0) < n_classes:
        return y_true.astype(dtype), np.ones(len(y_true), bool)  # as usual, in a fifth of the time
    known = (y_true >= 0) & (y_true < n_classes)
    columns = np.where(known, y_true, 0).astype(dtype)
    return columns, known & (columns == y_true)


def _search(y_true: np.ndarray, classes: np.ndarray) -> tuple[np.ndarray, npt.NDArray[np.bool_]]:
    if y_true.dtype.kind == "f" == classes.dtype.kind:  # Keras's targets are float32, where 0.1 is another number
        rounded = classes.astype(y_true.dtype)
        classes = rounded if len(np.unique(rounded)) == len(classes) else classes
    order = np.argsort(classes)
    found = np.searchsorted(classes, y_true, sorter=order)
    columns = order[np.minimum(found, len(classes) - 1)]
    return columns, classes[columns] == y_true


def are_zero_one(values: np.ndarray) -> bool:
    """Return whether all values are 0 or 1.

    >>> are_zero_one(np.array([0.0, 1.0])), are_zero_one(np.array([0, 2]))
    (True, False)
    """
    return bool(((values == 0) | (values == 1)).all())


def are_integral(values: np.ndarray) -> bool:
    """Return whether all values are strings or whole numbers.

    >>> are_integral(np.array([1.0, 7.0])), are_integral(np.array([0.5]))
    (True, False)
    """
    return values.dtype.kind in "iubSU" or bool((values == np.round(values)).all())
