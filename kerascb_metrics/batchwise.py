"""The in-graph F1 functions of the older recipes, for `compile(metrics=[…])`.

Keras calls such a function on one batch at a time and averages the results. The F1 of an epoch is NOT the average of
its batches' F1, so neither function gives it, whatever the progress bar says; `Metrics` does. They are here for those
who have results made with them to reproduce, on any backend.
"""

from keras import ops

_EPSILON = 1e-7


def batchwise_f1(y_true, y_pred):
    """F1 of one batch, from sums of rounded outputs: `2 P R / (P + R + ε)`.

    The recipe of 2016 to 2017: `P = Σ round(clip(y·p, 0, 1)) / (Σ round(clip(p, 0, 1)) + ε)` and R likewise over the
    targets, ε = 1e-7, sums over the whole batch and all columns. So it is the MICRO average over columns, a little
    low because of ε, 0 where nothing is predicted, and it takes every output above 0.5 for positive.

    Args:
        y_true: 0/1 targets, any shape, any dtype.
        y_pred: probabilities of the same shape, or one that broadcasts.

    Returns:
        A scalar tensor in the outputs' dtype.

    Source: keras-team/keras#5794 removed Keras's own for being batchwise.

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


def batchwise_f1_counts(y_true, y_pred):
    """F1 of one batch of a binary task, from counted TP, FP and FN; nan where the batch has none of them.

    The second recipe: `2 TP / (2 TP + FP + FN)` with logical columns. One batch without positives, true or predicted,
    makes Keras's average over the epoch nan.

    Args:
        y_true: 0/1 targets, (N, 1) or (N,), any dtype.
        y_pred: probabilities of the same shape; positive above 0.5.

    Returns:
        A scalar tensor in the outputs' dtype.

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


def _count(which, dtype):
    return ops.sum(ops.cast(which, dtype))
