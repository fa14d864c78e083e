"""The in-graph F1 functions of older recipes, for `compile(metrics=[…])`.

Keras calls such a function on one batch at a time and averages the results. The F1 of an epoch is NOT the average of
the F1 of its batches, so neither function computes it, whatever the progress bar shows; `Metrics` does. The functions
are here to reproduce results that were made with them, on any backend.
"""

from typing import Any

from keras import ops

_EPSILON = 1e-7


def batchwise_f1(y_true: Any, y_pred: Any) -> Any:
    """Return the F1 of one batch from sums of rounded outputs: `2 P R / (P + R + ε)`.

    This is the recipe of 2016 and 2017: `P = Σ round(clip(y·p, 0, 1)) / (Σ round(clip(p, 0, 1)) + ε)`, and R likewise
    with the targets, ε = 1e-7, with sums over the whole batch and all columns. So it is the MICRO average over the
    columns, slightly low because of ε, and 0 if nothing is predicted. Every output above 0.5 counts as positive.

    Args:
        y_true: 0/1 targets of any shape and dtype.
        y_pred: probabilities of the same shape, or one that broadcasts.

    Returns:
        A scalar tensor in the dtype of the outputs.

    Source: keras-team/keras#5794 removed Keras's own function because it worked on batches.

    >>> y, p = [[0, 1, 0], [0, 0, 1]], [[0.0, 0.0, 1.0], [0.0, 0.0, 1.0]]
    >>> round(float(batchwise_f1(y, p)), 6)
    0.5
    """
    y_pred = ops.convert_to_tensor(y_pred)
    y_true = ops.cast(y_true, y_pred.dtype)
    hits = ops.sum(ops.round(ops.clip(y_true * y_pred, 0, 1)))
    precision = hits / (ops.sum(ops.round(ops.clip(y_pred, 0, 1))) + _EPSILON)
    recall = hits / (ops.sum(ops.round(ops.clip(y_true, 0, 1))) + _EPSILON)
    return 2 * precision * recall / (precision + recall + _EPSILON)


def batchwise_f1_counts(y_true: Any, y_pred: Any) -> Any:
    """Return the F1 of one batch of a binary task from counts of TP, FP and FN; nan if all three are 0.

    This is the second recipe: `2 TP / (2 TP + FP + FN)` with logical columns. A single batch without true or predicted
    positives makes Keras's average over the epoch nan.

    Args:
        y_true: 0/1 targets, (N, 1) or (N,), of any dtype.
        y_pred: probabilities of the same shape; a row is positive above 0.5.

    Returns:
        A scalar tensor in the dtype of the outputs.

    >>> float(batchwise_f1_counts([[1], [0], [1]], [[0.9], [0.8], [0.7]]))
    0.800000011920929
    >>> float(batchwise_f1_counts([[0]], [[0.1]]))
    nan
    """
    y_pred = ops.convert_to_tensor(y_pred)
    true = ops.cast(ops.reshape(y_true, (-1,)), "bool")
    predicted = ops.reshape(y_pred, (-1,)) > 0.5
    hits = 2 * _count(ops.logical_and(true, predicted), y_pred.dtype)
    return hits / (hits + _count(ops.logical_xor(true, predicted), y_pred.dtype))


def _count(is_counted: Any, dtype: Any) -> Any:
    return ops.sum(ops.cast(is_counted, dtype))
