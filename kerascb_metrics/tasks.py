"""What model outputs mean: the user says, else the compiled loss, else shapes and values."""

import numbers
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.special import logit, softmax

from kerascb_metrics.evidence import Evidence
from kerascb_metrics.exceptions import DataError
from kerascb_metrics.positions import flatten

# A mean of probabilities may round to one unit past 1.
_SLACK = 1e-6


@dataclass(frozen=True)
class Binary:
    """Two classes, one score a row.

    Outputs (N,), (N, 1) or two columns (N, 2), of which the second is the positive class; targets 0/1 of any dtype,
    or −1/1, or one-hot for two columns. More axes are positions, each a sample.

    Args:
        threshold: a row is positive when its probability is GREATER than this; for hinge losses, its margin.
            None: 0.5, or 0 for margins. (`np.round` puts exactly 0.5 in class 0; so do we.)
        from_logits: "auto" (as the loss says), True or False.
        pos_label: the target value whose precision, recall and F1 are meant. One other than −1, 0 and 1 is the class of
            high outputs, and whatever other value the targets hold is the other class.
        class_names: names of class 0 and class 1 in pictures and reports.

    >>> Binary(threshold=0.3)
    Binary(threshold=0.3, from_logits='auto', pos_label=1, class_names=None)
    """

    threshold: float | None = None
    from_logits: bool | str = "auto"
    pos_label: int | str = 1
    class_names: tuple | None = None
    kind: ClassVar[str] = "binary"

    def __post_init__(self):
        _check_from_logits(self)
        if self.threshold is not None and not isinstance(self.threshold, numbers.Real):
            raise ValueError(
                f"Binary: threshold must be one number; received {self.threshold!r}. One threshold a label goes with "
                "Multilabel(threshold=[…])."
            )

    def read(self, rows, loss):
        """Read `Predictions` as binary `Evidence`."""
        scale = _scale(self, loss)
        columns = rows.y_pred.shape[-1] if rows.y_pred.ndim > 1 else 1
        two_columns = columns == 2
        if columns > 2 and rows.y_true.size != rows.y_pred.size:
            raise DataError(
                f"Metrics: a binary task needs outputs of one column, or two; received outputs {rows.y_pred.shape} "
                f"and targets {rows.y_true.shape}. Pass task='multiclass' or task='multilabel'."
            )
        flat = flatten(rows, columns=2 if two_columns else 1)
        one_hot = flat.y_true.ndim == 2
        y_true, classes = self._targets(_class_of(flat.y_true) if one_hot else flat.y_true)
        outputs, undefined = _finite(flat.y_pred)
        if scale == "probability":
            _check_probabilities(outputs)
        y_score = _one_score(outputs, scale) if two_columns else outputs
        return Evidence(
            kind="binary",
            y_true=y_true,
            y_pred=(y_score > self._cut(scale)).astype(np.int64),
            y_score=y_score,
            scale=scale,
            classes=classes,
            class_names=_names(self.class_names, classes),
            pos_index=list(classes).index(self.pos_label),
            sample_weight=flat.sample_weight,
            undefined=undefined,
        )

    def describe(self, loss):
        """Say in words what makes a row positive."""
        scale = _scale(self, loss)
        if scale == "margin":
            return f"positive when output > {self.threshold or 0}"
        return f"positive when probability > {0.5 if self.threshold is None else self.threshold}"

    def _cut(self, scale):
        if scale == "margin":
            return float(self.threshold or 0)
        # A Python float compares with float32 outputs as float32, which NumPy's own scalars do not.
        threshold = 0.5 if self.threshold is None else float(self.threshold)
        _check_threshold(threshold)
        return float(logit(threshold)) if scale == "logit" else threshold

    def _targets(self, y_true):
        if self.pos_label in (-1, 0, 1):
            indices, classes = _binary_targets(y_true)
            if self.pos_label not in classes:
                raise DataError(
                    f"Metrics: Binary(pos_label={self.pos_label!r}) is none of the target labels {_some(classes)}."
                )
            return indices, classes
        others = np.unique(y_true[y_true != self.pos_label])
        if len(others) > 1:
            raise DataError(
                f"Metrics: with Binary(pos_label={self.pos_label!r}) there may be one other target value; received "
                f"{_some(others)}. Pass task='multiclass' if there are more than two classes."
            )
        unseen = f"not {self.pos_label}" if isinstance(self.pos_label, str) else self.pos_label - 1
        other = others[0] if len(others) else unseen
        return (y_true == self.pos_label).astype(np.int64), np.array([other, self.pos_label])


@dataclass(frozen=True)
class Multiclass:
    """One of C classes a row.

    Outputs (N, C); targets (N,) or (N, 1) class numbers, or one-hot (N, C). More axes are positions.
    The label is the column with the highest output, ties to the first.

    Args:
        from_logits: "auto" (as the loss says), True or False.
        labels: the target value of each column, in column order. None: 0 … C−1.
        class_names: the name of each column in keys, pictures and reports.

    >>> Multiclass(class_names=["cat", "dog", "eel"]).kind
    'multiclass'
    """

    from_logits: bool | str = "auto"
    labels: tuple | None = None
    class_names: tuple | None = None
    kind: ClassVar[str] = "multiclass"

    def __post_init__(self):
        _check_from_logits(self)
        if self.labels is not None and len(set(self.labels)) < len(self.labels):
            raise ValueError(f"Multiclass: labels must differ from each other; received {self.labels!r}.")

    def read(self, rows, loss):
        """Read `Predictions` as multiclass `Evidence`."""
        if rows.y_pred.ndim < 2 or rows.y_pred.shape[-1] < 2:
            raise DataError(
                f"Metrics: a multiclass task needs outputs (N, C) with C of 2 or more; received {rows.y_pred.shape}. "
                "For one column pass task='binary'."
            )
        scale = _scale(self, loss)
        n_classes = rows.y_pred.shape[-1]
        flat = flatten(rows, columns=n_classes)
        classes = self._classes(n_classes)
        if flat.y_true.ndim == 2:
            y_true = _class_of(flat.y_true)
        else:
            y_true, keep = _class_indices(flat.y_true, classes, loss.ignore_class)
            y_true, flat = y_true[keep], flat.keep(keep)
        outputs, undefined = _finite(flat.y_pred)
        if scale == "probability":
            _check_probabilities(outputs)
        return Evidence(
            kind="multiclass",
            y_true=y_true,
            y_pred=outputs.argmax(axis=1),
            y_score=softmax(outputs.astype(np.float64), axis=1) if scale == "logit" else outputs,
            scale="probability" if scale == "logit" else scale,
            classes=classes,
            class_names=_names(self.class_names, classes),
            sample_weight=flat.sample_weight,
            undefined=undefined,
        )

    def describe(self, loss):
        """Say in words how a row gets its label."""
        return "label is the highest output"

    def _classes(self, n_classes):
        if self.labels is None:
            return np.arange(n_classes)
        if len(self.labels) != n_classes:
            raise DataError(
                f"Metrics: Multiclass(labels=…) names {len(self.labels)} labels, the model has {n_classes} columns. "
                "Name one a column, in column order."
            )
        return np.asarray(self.labels)


@dataclass(frozen=True)
class Multilabel:
    """Any of L labels a row.

    Outputs (N, L); targets 0/1 of the same shape. More axes are positions.

    Args:
        threshold: a label is given when its probability is GREATER than this; one number, or one a label.
        from_logits: "auto" (as the loss says), True or False.
        class_names: the name of each label in keys, pictures and reports.

    >>> Multilabel(threshold=[0.5, 0.2]).threshold
    [0.5, 0.2]
    """

    threshold: float | tuple | None = None
    from_logits: bool | str = "auto"
    class_names: tuple | None = None
    kind: ClassVar[str] = "multilabel"

    def __post_init__(self):
        _check_from_logits(self)
        if self.threshold is not None and np.asarray(self.threshold).dtype.kind not in "fiu":
            raise ValueError(f"Multilabel: threshold must be a number, or one a label; received {self.threshold!r}.")

    def read(self, rows, loss):
        """Read `Predictions` as multilabel `Evidence`."""
        if rows.y_pred.ndim < 2 or rows.y_true.shape != rows.y_pred.shape:
            raise DataError(
                "Metrics: a multilabel task needs targets of the same shape (N, L) as the outputs; received targets "
                f"{rows.y_true.shape} and outputs {rows.y_pred.shape}. For class numbers pass task='multiclass'."
            )
        scale = _scale(self, loss)
        n_labels = rows.y_pred.shape[-1]
        flat = flatten(rows, columns=n_labels)
        y_true, _ = _binary_targets(flat.y_true, "a multilabel", "task='regression'")
        outputs, undefined = _finite(flat.y_pred)
        if scale == "probability":
            _check_probabilities(outputs)
        classes = np.arange(n_labels)
        return Evidence(
            kind="multilabel",
            y_true=y_true,
            y_pred=(outputs > self._cuts(scale, n_labels, outputs.dtype)).astype(np.int64),
            y_score=outputs,
            scale=scale,
            classes=classes,
            class_names=_names(self.class_names, classes),
            sample_weight=flat.sample_weight,
            undefined=undefined,
        )

    def describe(self, loss):
        """Say in words when a label is given."""
        if _scale(self, loss) == "margin":
            return f"label given when output > {self.threshold or 0}"
        return f"label given when probability > {0.5 if self.threshold is None else self.threshold}"

    def _cuts(self, scale, n_labels, dtype):
        middle = 0.0 if scale == "margin" else 0.5
        threshold = np.atleast_1d(middle if self.threshold is None else self.threshold)
        if len(threshold) not in (1, n_labels):
            raise DataError(
                f"Metrics: Multilabel(threshold=…) has {len(threshold)} thresholds, the outputs have {n_labels} "
                "labels. Give one, or one a label."
            )
        if scale != "margin":
            _check_threshold(threshold)
        # A Python float compares with float32 outputs as float32; an array would not.
        return logit(threshold) if scale == "logit" else threshold.astype(dtype)


@dataclass(frozen=True)
class Regression:
    """Continuous targets: no panel; `scoring=` names regression scores.

    Outputs and targets (N,), (N, 1) or (N, K).

    >>> Regression().kind
    'regression'
    """

    kind: ClassVar[str] = "regression"

    def read(self, rows, loss):
        """Read `Predictions` as regression `Evidence`."""
        if rows.y_true.size != rows.y_pred.size:
            raise DataError(
                "Metrics: a regression task needs targets of the same size as the outputs; received targets "
                f"{rows.y_true.shape} and outputs {rows.y_pred.shape}."
            )
        flat = flatten(rows, columns=rows.y_pred.shape[-1] if rows.y_pred.ndim == 2 else 1)
        if _finite(flat.y_true)[1]:
            raise DataError("Metrics: the validation targets hold NaN or infinite values. Remove or mask those rows.")
        return Evidence(
            kind="regression",
            y_true=flat.y_true,
            y_pred=flat.y_pred,
            sample_weight=flat.sample_weight,
            undefined=_finite(flat.y_pred)[1],
        )

    def describe(self, loss):
        """Say in words what is compared."""
        return "outputs are compared as they are"


TASKS = {task.kind: task for task in (Binary, Multiclass, Multilabel, Regression)}


def as_task(task):
    """Turn `task=` into a task object, or "auto"; raise for anything else.

    >>> as_task("binary")
    Binary(threshold=None, from_logits='auto', pos_label=1, class_names=None)
    """
    if isinstance(task, tuple(TASKS.values())) or task == "auto":
        return task
    if isinstance(task, str) and task in TASKS:
        return TASKS[task]()
    raise ValueError(
        f"Metrics: task must be 'auto', {', '.join(map(repr, TASKS))}, or an object like Binary(threshold=0.3); "
        f"received {task!r}."
    )


def infer_task(rows, loss):
    """Infer the task from the loss, and where it does not say, from shapes and values.

    Raises:
        DataError: where the answer is not certain; the message names the `task=` to choose from.
    """
    columns = rows.y_pred.shape[-1] if rows.y_pred.ndim > 1 else 1
    one_output = columns == 1 or rows.y_pred.ndim == 1
    if loss.family == "regression":
        return _infer_regression(rows, loss)
    if loss.family in ("binary", "hinge"):
        return Binary() if one_output else Multilabel()
    if loss.family in ("categorical", "categorical_hinge"):
        return Binary() if columns == 2 and loss.family == "categorical" else Multiclass()
    return _infer_from_values(rows, columns)


def _infer_regression(rows, loss):
    if _zero_one(rows.y_true):
        raise DataError(
            f"Metrics: the loss {loss.name} speaks of regression, the targets are all 0 or 1. Say which it is: pass "
            "task='binary' (or 'multiclass', 'multilabel'), or task='regression'."
        )
    return Regression()


def _infer_from_values(rows, columns):
    if not _whole(rows.y_true):
        return Regression()
    if columns == 1:
        if _zero_one(rows.y_true):
            return Binary()
        raise DataError(
            "Metrics: the loss does not tell the task, and one output column with targets other than 0 and 1 could be "
            f"many things (received {_some(rows.y_true)}). Pass task='regression', or task='binary' with 0/1 targets."
        )
    if rows.y_true.shape != rows.y_pred.shape:
        return Binary() if columns == 2 else Multiclass()
    if _zero_one(rows.y_true) and (rows.y_true.sum(axis=-1) != 1).any():
        return Multilabel()
    raise DataError(
        "Metrics: the loss does not tell whether the targets are one-hot (one class a row) or multi-hot (any number "
        f"of labels a row); received targets {rows.y_true.shape}. Pass task='multiclass' or task='multilabel'."
    )


def _check_from_logits(task):
    if task.from_logits not in ("auto", True, False):
        raise ValueError(
            f"{type(task).__name__}: from_logits must be 'auto', True or False; received {task.from_logits!r}."
        )


def _scale(task, loss):
    if task.from_logits != "auto":
        return "logit" if task.from_logits else "probability"
    if loss.family in ("hinge", "categorical_hinge"):
        return "margin"
    return "logit" if loss.from_logits else "probability"


def _one_score(columns, scale):
    """Two columns as one score: z1 − z0 is the logit of class 1's softmax."""
    if scale == "probability":
        return columns[:, 1]
    return columns[:, 1].astype(np.float64) - columns[:, 0].astype(np.float64)


def _class_of(y_true):
    """Class indices of one-hot rows."""
    if not (np.isin(y_true, [0, 1]).all() and (y_true.sum(axis=1) == 1).all()):
        raise DataError(
            "Metrics: targets of the outputs' own shape must be one-hot for one class a row: a single 1, else 0. If a "
            "row may have any number of labels, pass task='multilabel'."
        )
    return y_true.argmax(axis=1)


def _binary_targets(y_true, what="a binary", remedy="task='multiclass'"):
    """Class indices of 0/1 or −1/1 targets, and the two labels."""
    lowest = -1 if (y_true == -1).any() else 0
    _check_values(y_true, {lowest, 1}, f"{what} task needs targets 0 and 1 (or −1 and 1)", remedy)
    return (y_true == 1).astype(np.int64), np.array([lowest, 1])


def _class_indices(y_true, classes, ignore_class):
    keep = np.ones(len(y_true), bool) if ignore_class is None else y_true != ignore_class
    order = np.argsort(classes)
    found = np.searchsorted(classes, y_true, sorter=order)
    indices = order[np.minimum(found, len(classes) - 1)]
    strange = (classes[indices] != y_true) & keep
    if strange.any():
        raise DataError(
            f"Metrics: the model has {len(classes)} classes ({_some(classes)}), the targets hold "
            f"{_some(y_true[strange])}. Number the targets by output column, or name the columns' own labels with "
            "task=Multiclass(labels=[…])."
        )
    return indices, keep


def _check_values(y_true, allowed, what, remedy):
    if not np.isin(y_true, list(allowed)).all():
        strange = y_true[~np.isin(y_true, list(allowed))]
        raise DataError(
            f"Metrics: {what}; received {_some(strange)} among the targets. If they are right, pass {remedy}."
        )


def _check_probabilities(y_score):
    lowest, highest = y_score.min(initial=0), y_score.max(initial=0)
    if lowest < 0 or highest > 1 + _SLACK:
        raise DataError(
            f"Metrics: the outputs are read as probabilities but reach from {lowest:.4g} to {highest:.4g}. If they are "
            "logits, say so in the loss (from_logits=True) or in the task, as in task=Binary(from_logits=True)."
        )


def _check_threshold(threshold):
    if not np.all((np.asarray(threshold) >= 0) & (np.asarray(threshold) <= 1)):
        raise DataError(
            f"Metrics: a threshold on probabilities must lie between 0 and 1; received {threshold}. (Logits are cut "
            "where their probability passes it.)"
        )


def _finite(values):
    """Return the values and None, or zeros in their place and why: nothing is scored on them then."""
    if np.issubdtype(values.dtype, np.number) and not np.isfinite(values).all():
        count = np.count_nonzero(~np.isfinite(values))
        return np.zeros_like(values), f"{count} of {values.size} outputs are NaN or infinite"
    return values, None


def _zero_one(values):
    return bool(np.isin(values, [0, 1]).all())


def _whole(values):
    return values.dtype.kind in "iubSU" or bool((values == np.round(values)).all())


def _some(values, limit=5):
    unique = np.unique(values)
    return f"{', '.join(map(str, unique[:limit]))}{', …' if len(unique) > limit else ''}"


def _names(class_names, classes):
    if class_names is not None and len(set(map(str, class_names))) < len(class_names):
        raise DataError(f"Metrics: class_names must differ from each other; received {list(class_names)}.")
    if class_names is None:
        return tuple(str(label) for label in classes)
    if len(class_names) != len(classes):
        raise DataError(f"Metrics: there are {len(classes)} classes; received {len(class_names)} class_names.")
    return tuple(str(name) for name in class_names)
