"""What the tasks check and read alike: targets as class indices, outputs that are probabilities, finite values."""

import numpy as np

from kerascb_metrics._blocks import blocks
from kerascb_metrics.exceptions import DataError

# A mean of probabilities may round to one unit past 1.
SLACK = 1e-6
# Two probabilities in bfloat16 may miss a sum of 1 by so much.
_SHARES = 0.02


def class_of(y_true):
    """Class indices of one-hot rows."""
    if not (np.isin(y_true, [0, 1]).all() and (y_true.sum(axis=1) == 1).all()):
        raise DataError(
            "Metrics: targets of the outputs' own shape must be one-hot for one class a row: a single 1, else 0. If a "
            "row may have any number of labels, pass task='multilabel'."
        )
    return y_true.argmax(axis=1)


_BINARY_REMEDY = (
    "task=Binary(pos_label=…) with the positive one of two other labels, task='multiclass' with a column a class, or "
    "task='regression'"
)


def binary_targets(y_true, what="a binary", remedy=_BINARY_REMEDY):
    """Which of 0/1 or −1/1 targets are 1, and the two labels."""
    if y_true.dtype.kind not in "biuf":
        _refuse_targets(y_true, np.ones(y_true.shape, bool), what, remedy)
    lowest = -1 if y_true.dtype.kind in "if" and y_true.min(initial=0) == -1 else 0
    positive = np.empty(y_true.shape, bool)
    known = 0
    for block in blocks(y_true):
        np.equal(y_true[block], 1, out=positive[block])
        known += int(np.count_nonzero(positive[block])) + int(np.count_nonzero(y_true[block] == lowest))
    if known != y_true.size:
        _refuse_targets(y_true, ~np.isin(y_true, [lowest, 1]), what, remedy)
    return positive, np.array([lowest, 1])


def _refuse_targets(y_true, strange, what, remedy):
    raise DataError(
        f"Metrics: {what} task needs targets 0 and 1 (or −1 and 1); received {some(y_true[strange])} among the "
        f"targets. If they are right, pass {remedy}."
    )


def class_indices(y_true, classes, ignore_class):
    """Return the column of each target, one-hot or not, and which rows are not of the class to ignore."""
    if y_true.ndim == 2:
        indices = class_of(y_true)
        return indices, np.ones(len(y_true), bool) if ignore_class is None else classes[indices] != ignore_class
    keep = np.ones(len(y_true), bool) if ignore_class is None else y_true != ignore_class
    indices, known = _numbered(y_true, len(classes)) if _are_numbers(classes) else _found(y_true, classes)
    strange = ~known & keep
    if strange.any():
        raise DataError(
            f"Metrics: the model has {len(classes)} classes ({some(classes)}), the targets hold "
            f"{some(y_true[strange])}. Number the targets by output column, or name the columns' own labels with "
            "task=Multiclass(labels=[…])."
        )
    return indices, keep


def others_of(classes: np.ndarray, ignore_class: int | None) -> np.ndarray:
    """Return the columns whose class is not ignored; raise `DataError` where that is but one."""
    columns = np.arange(len(classes)) if ignore_class is None else np.flatnonzero(classes != ignore_class)
    if len(columns) < 2:
        refuse_single_class(ignore_class)
    return columns


def refuse_single_class(ignore_class: object) -> None:
    """Raise `DataError`, because only one class is left."""
    raise DataError(
        f"Metrics: the loss ignores class {ignore_class!r} of two classes, and one class alone cannot be scored. "
        "Ignore a value that is not a class, such as ignore_class=-1, or leave the output out, as in scoring={…: None}."
    )


def without_column(outputs: np.ndarray, columns: np.ndarray, scale: str) -> np.ndarray:
    """Return some columns; of probabilities in float64, each row divided by the sum of the columns that are kept."""
    if scale != "probability":
        return outputs[:, columns]
    proba = np.empty((len(outputs), len(columns)), np.float64)
    for block in blocks(outputs):
        left = outputs[block][:, columns].astype(np.float64)
        sums = left.sum(axis=1, keepdims=True)
        proba[block] = np.divide(left, sums, out=np.full(left.shape, 1 / len(columns)), where=sums > 0)
    return proba


def _are_numbers(classes):
    return classes.dtype.kind in "iu" and np.array_equal(classes, np.arange(len(classes)))


def _numbered(y_true, n_classes):
    """Targets that number the columns themselves: no search, and a byte a row for up to 256 classes."""
    if y_true.dtype.kind not in "biuf":
        return _found(y_true, np.arange(n_classes))
    known = (y_true >= 0) & (y_true < n_classes)
    indices = np.where(known, y_true, 0).astype(np.min_scalar_type(n_classes - 1))
    return indices, known & (indices == y_true)


def _found(y_true, classes):
    order = np.argsort(classes)
    found = np.searchsorted(classes, y_true, sorter=order)
    indices = order[np.minimum(found, len(classes) - 1)]
    return indices, classes[indices] == y_true


def checked_outputs(outputs, scale):
    """Return the outputs and None; or zeros in their place and why, where some are not finite: nothing is scored then.

    Raises:
        DataError: for a scale of "probability", where outputs are none.
    """
    lowest, highest = _reach(outputs)
    if not (np.isfinite(lowest) and np.isfinite(highest)):
        return check_finite(outputs)
    if scale == "probability" and (lowest < 0 or highest > 1 + SLACK):
        raise DataError(
            f"Metrics: the outputs are read as probabilities but reach from {lowest:.4g} to {highest:.4g}. If they are "
            "logits, say so in the loss (from_logits=True) or in the task, as in task=Binary(from_logits=True)."
        )
    return outputs, None


def _reach(values):
    """The lowest and the highest value, in one pass; nan where there is one."""
    reached = [(values[block].min(), values[block].max()) for block in blocks(values)]
    return (np.min(reached), np.max(reached)) if reached else (0, 0)


def check_threshold(threshold):
    """Raise `DataError` for thresholds, one or several, that no probability can pass or fail."""
    if not np.all((np.asarray(threshold) >= 0) & (np.asarray(threshold) < 1)):
        raise DataError(
            f"Metrics: a threshold on probabilities must lie between 0 and 1, below 1; received {threshold}. (Logits "
            "are cut where their probability passes it.)"
        )


def check_two_shares(columns: np.ndarray) -> None:
    """Raise `DataError` where two columns of probabilities do not add up to 1, as far as half precision shows it.

    Keras's categorical losses divide by the sum, so the second column alone is not the probability of class 1.
    """
    for block in blocks(columns):
        sums = columns[block, 0] + columns[block, 1]
        if len(sums) and not np.all(np.abs(sums - 1) <= _SHARES):
            raise DataError(
                "Metrics: two columns of probabilities must add up to 1, as those of softmax do; received rows that "
                f"add up to {sums.min():.4g} to {sums.max():.4g}. Use a softmax, or pass task='multiclass' (the label "
                "is the highest column) or task='multilabel' (each column by itself)."
            )


def one_score(columns: np.ndarray, scale: str) -> np.ndarray:
    """Return two columns as one score: z1 − z0 is the logit of class 1's softmax."""
    if scale == "probability":
        return columns[:, 1]
    return columns[:, 1].astype(np.float64) - columns[:, 0].astype(np.float64)


def check_finite(values):
    """Return the values and None, or zeros in their place and why: nothing is scored on them then."""
    if np.issubdtype(values.dtype, np.number) and not np.isfinite(values).all():
        count = np.count_nonzero(~np.isfinite(values))
        return np.zeros_like(values), f"{count} of {values.size} outputs are NaN or infinite"
    return values, None


def zero_one(values):
    """Tell whether all values are 0 or 1."""
    return bool(np.isin(values, [0, 1]).all())


def are_integral(values):
    """Tell whether all values are labels or whole numbers."""
    return values.dtype.kind in "iubSU" or bool((values == np.round(values)).all())


def some(values, limit=5):
    """Show the first few distinct values.

    >>> some(np.array([3, 1, 1, 2]), limit=2)
    '1, 2, …'
    """
    unique = np.unique(values)
    return f"{', '.join(map(str, unique[:limit]))}{', …' if len(unique) > limit else ''}"


def names_of(class_names, classes):
    """Return the name of each class, its label where the user gives none."""
    if class_names is not None and len(set(map(str, class_names))) < len(class_names):
        raise DataError(f"Metrics: class_names must differ from each other; received {list(class_names)}.")
    if class_names is None:
        return tuple(str(label) for label in classes)
    if len(class_names) != len(classes):
        raise DataError(f"Metrics: there are {len(classes)} classes; received {len(class_names)} class_names.")
    return tuple(str(name) for name in class_names)
