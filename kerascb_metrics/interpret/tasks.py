"""What model outputs mean: `Binary`, `Multiclass`, `Multilabel` and `Regression`."""

import numbers
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy.special import logit

from kerascb_metrics.exceptions import DataError
from kerascb_metrics.interpret.positions import flatten
from kerascb_metrics.interpret.validation import (
    argmax_columns,
    binary_targets,
    check_finite,
    check_threshold,
    check_two_shares,
    checked_outputs,
    class_indices,
    class_of,
    names_of,
    one_score,
    others_of,
    refuse_single_class,
    some,
    without_column,
)
from kerascb_metrics.interpret.weights import check_sum
from kerascb_metrics.tally.exact import Evidence


@dataclass(frozen=True)
class Binary:
    """Two classes, one score a row.

    Outputs (N,), (N, 1) or two columns (N, 2), of which the second is the positive class; targets 0/1 of any dtype,
    or −1/1, or one-hot for two columns. More axes are positions, each a sample. Rows of the loss's `ignore_class` are
    left out.

    Args:
        threshold: a row is positive when its probability is GREATER than this; for hinge losses, its margin.
            None: 0.5, or 0 for margins. (`np.round` puts exactly 0.5 in class 0; so do we.)
        from_logits: "auto" (as the loss says), True or False.
        pos_label: the target value whose precision, recall and F1 are meant. One other than −1, 0 and 1 is the class of
            high outputs, and whatever other value the targets hold is the other class. (Strings can come from a step
            of your own only: Keras's losses take numbers.)
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
        _keep_own(self, "class_names")
        if self.threshold is not None and not isinstance(self.threshold, numbers.Real):
            raise ValueError(
                f"Binary: threshold must be one number; received {self.threshold!r}. One threshold a label goes with "
                "Multilabel(threshold=[…])."
            )

    def read(self, rows, loss):
        """Read `Predictions` as binary `Evidence`."""
        scale = _scale(self, loss)
        columns = rows.columns
        two_columns = columns == 2
        if columns > 2 and rows.y_true.size != rows.y_pred.size:
            raise DataError(
                f"Metrics: a binary task needs outputs of one column, or two; received outputs {rows.y_pred.shape} "
                f"and targets {rows.y_true.shape}. Pass task='multiclass' or task='multilabel'."
            )
        flat = flatten(rows, columns=2 if two_columns else 1)
        labels = class_of(flat.y_true) if flat.y_true.ndim == 2 else flat.y_true
        labels, flat = self._not_ignored(labels, flat, loss.ignore_class)
        y_true, classes = self._targets(labels)
        outputs, undefined = checked_outputs(flat.y_pred, scale)
        y_score = outputs
        if two_columns and scale == "probability" and undefined is None:
            check_two_shares(outputs)
        if two_columns:  # a difference of finite outputs may overflow
            y_score, overflow = checked_outputs(one_score(outputs, scale), "logit")
            undefined = undefined or overflow
        return Evidence(
            kind="binary",
            y_true=y_true,
            y_pred=y_score > self._cut(scale),
            outputs=y_score,
            scale=scale,
            threshold=self._cut(scale),
            classes=classes,
            class_names=names_of(self.class_names, classes),
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

    def _not_ignored(self, labels, flat, ignore_class):
        if ignore_class is None:
            return labels, flat
        if ignore_class in ((0, 1) if self.pos_label in (-1, 0, 1) else (self.pos_label,)):
            refuse_single_class(ignore_class)
        keep = labels != ignore_class
        return labels[keep], flat.keep(keep)

    def _cut(self, scale):
        if scale == "margin":
            return float(self.threshold or 0)
        # A Python float compares with float32 outputs as float32, which NumPy's own scalars do not.
        threshold = 0.5 if self.threshold is None else float(self.threshold)
        check_threshold(threshold)
        return float(logit(threshold)) if scale == "logit" else threshold

    def _targets(self, y_true):
        if self.pos_label in (-1, 0, 1):
            indices, classes = binary_targets(y_true)
            if self.pos_label == -1 and indices.all():
                return indices, np.array([-1, 1])  # as the user says, though none is here
            if self.pos_label not in classes:
                raise DataError(
                    f"Metrics: Binary(pos_label={self.pos_label!r}) is none of the target labels {some(classes)}."
                )
            return indices, classes
        others = np.unique(y_true[y_true != self.pos_label])
        if len(others) > 1:
            raise DataError(
                f"Metrics: with Binary(pos_label={self.pos_label!r}) there may be one other target value; received "
                f"{some(others)}. Pass task='multiclass' if there are more than two classes."
            )
        unseen = f"not {self.pos_label}" if isinstance(self.pos_label, str) else self.pos_label - 1
        other = others[0] if len(others) else unseen
        return y_true == self.pos_label, np.array([other, self.pos_label])


@dataclass(frozen=True)
class Multiclass:
    """One of C classes a row.

    Outputs (N, C); targets (N,) or (N, 1) class numbers, or one-hot (N, C). More axes are positions.
    The label is the column with the highest output, ties to the first.

    The loss's `ignore_class` is left out everywhere. Its rows are dropped. Where it is the target value of a column,
    as it may be, that class cannot be right, so it is not chosen from either: the label is the highest of the other
    columns, the probabilities of these are divided by their sum (of logits: softmax over the other columns), and the
    class has no place in averages, confusion matrix and names. A row with nothing but zeros left has equal
    probabilities.

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
        _keep_own(self, "labels", "class_names")

    def read(self, rows, loss):
        """Read `Predictions` as multiclass `Evidence`."""
        if rows.columns < 2:
            raise DataError(
                f"Metrics: a multiclass task needs outputs (N, C) with C of 2 or more; received {rows.y_pred.shape}. "
                "For one column pass task='binary', or task=Binary(pos_label=…) for labels other than 0 and 1."
            )
        scale = _scale(self, loss)
        n_classes = rows.columns
        flat = flatten(rows, columns=n_classes)
        classes = self._classes(n_classes)
        names = names_of(self.class_names, classes)
        y_true, keep = class_indices(flat.y_true, classes, loss.ignore_class)
        y_true, flat = y_true[keep], flat.keep(keep)
        outputs, undefined = checked_outputs(flat.y_pred, scale)
        columns = others_of(classes, loss.ignore_class)
        if len(columns) < n_classes:
            place = np.zeros(n_classes, np.min_scalar_type(n_classes))
            place[columns] = np.arange(len(columns))
            y_true, outputs = place[y_true], without_column(outputs, columns, scale)
        return Evidence(
            kind="multiclass",
            y_true=y_true,
            y_pred=argmax_columns(outputs),
            outputs=outputs,
            scale=scale,
            classes=classes[columns],
            class_names=tuple(names[column] for column in columns),
            sample_weight=flat.sample_weight,
            undefined=undefined,
        )

    def describe(self, loss):
        """Say in words how a row gets its label."""
        ignored = "" if loss.ignore_class is None else f", {loss.ignore_class} is ignored"
        return f"label is the highest output{ignored}"

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
    (0.5, 0.2)
    """

    threshold: float | tuple | None = None
    from_logits: bool | str = "auto"
    class_names: tuple | None = None
    kind: ClassVar[str] = "multilabel"

    def __post_init__(self):
        _check_from_logits(self)
        if self.threshold is not None and np.asarray(self.threshold).dtype.kind not in "fiu":
            raise ValueError(f"Multilabel: threshold must be a number, or one a label; received {self.threshold!r}.")
        _keep_own(self, "threshold", "class_names")

    def read(self, rows, loss):
        """Read `Predictions` as multilabel `Evidence`."""
        if rows.y_pred.ndim < 2 or rows.y_true.shape != rows.y_pred.shape:
            raise DataError(
                "Metrics: a multilabel task needs targets of the same shape (N, L) as the outputs; received targets "
                f"{rows.y_true.shape} and outputs {rows.y_pred.shape}. For class numbers pass task='multiclass'."
            )
        scale = _scale(self, loss)
        n_labels = rows.columns
        flat = flatten(rows, columns=n_labels)
        if flat.sample_weight is not None:
            check_sum(flat.sample_weight, times=n_labels)
        if loss.ignore_class is not None and (flat.y_true == loss.ignore_class).any():
            raise DataError(
                f"Metrics: a multilabel task cannot leave out single labels, and the targets hold {loss.ignore_class}, "
                "which the loss ignores. Leave those rows out, or mask them."
            )
        y_true, _ = binary_targets(flat.y_true.reshape(-1, n_labels), "a multilabel", "task='regression'")
        outputs, undefined = checked_outputs(flat.y_pred.reshape(-1, n_labels), scale)
        threshold = self._cuts(scale, n_labels, outputs.dtype)
        classes = np.arange(n_labels)
        return Evidence(
            kind="multilabel",
            y_true=y_true,
            y_pred=outputs > threshold,
            outputs=outputs,
            scale=scale,
            threshold=threshold,
            classes=classes,
            class_names=names_of(self.class_names, classes),
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
            check_threshold(threshold)
        # A Python float compares with float32 outputs as float32; an array would not.
        return logit(threshold) if scale == "logit" else threshold.astype(dtype)


@dataclass(frozen=True)
class Regression:
    """Continuous targets: no panel; `scoring=` names regression scores.

    The last axis of outputs with two axes or more holds the columns, all other axes are rows: of (N, T, K) there are
    N · T rows of K columns. A last axis of unknown length in the model is one of positions, each a row. Targets have
    the outputs' shape, but for axes of length one.

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
        if rows.has_columns is None:
            raise DataError(
                "Metrics: the outputs' last axis differs in length between validation batches, and the model does not "
                "say whether it holds columns or positions. Return outputs (N, T, 1) for one column of T positions, or "
                "build the model from a keras.Input of the shape (None, …)."
            )
        flat = flatten(rows, columns=rows.columns)
        if check_finite(flat.y_true)[1]:
            raise DataError("Metrics: the validation targets hold NaN or infinite values. Remove or mask those rows.")
        return Evidence(
            kind="regression",
            y_true=flat.y_true,
            y_pred=flat.y_pred,
            sample_weight=flat.sample_weight,
            undefined=check_finite(flat.y_pred)[1],
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


def _keep_own(task, *names):
    """Keep lists of the user's as tuples, and arrays as copies: the user may change theirs later."""
    for name in names:
        value = getattr(task, name)
        if isinstance(value, np.ndarray):
            value = value.copy()
        object.__setattr__(task, name, tuple(value) if isinstance(value, list) else value)


def _check_from_logits(task):
    if task.from_logits not in ("auto", True, False):
        raise ValueError(
            f"{type(task).__name__}: from_logits must be 'auto', True or False; received {task.from_logits!r}."
        )


def needs_loss(task: Any) -> bool:
    """Tell whether a task takes from the loss what its outputs are.

    >>> needs_loss(Binary()), needs_loss(Binary(from_logits=True)), needs_loss(Regression())
    (True, False, False)
    """
    return getattr(task, "from_logits", None) == "auto"


def _scale(task, loss):
    if task.from_logits != "auto":
        return "logit" if task.from_logits else "probability"
    if loss.problem:
        raise DataError(
            f"Metrics: {loss.problem}. Say whether the outputs are logits, as in "
            f"task={type(task).__name__}(from_logits=True)."
        )
    if loss.family in ("hinge", "categorical_hinge"):
        return "margin"
    return "logit" if loss.from_logits else "probability"
