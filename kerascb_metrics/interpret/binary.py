"""Two classes with one score per row: `Binary`."""

import numbers
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.special import logit

from kerascb_metrics.exceptions import DataError
from kerascb_metrics.interpret.labeled_rows import LabeledRows, Labeling
from kerascb_metrics.interpret.positions import flatten
from kerascb_metrics.interpret.task_arguments import check_from_logits, keep_own, scale_of
from kerascb_metrics.interpret.validation import (
    binary_targets,
    check_threshold,
    check_two_shares,
    checked_outputs,
    class_of,
    names_of,
    one_score,
    refuse_single_class,
    some,
)


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
        check_from_logits(self)
        keep_own(self, "class_names")
        if self.threshold is not None and not isinstance(self.threshold, numbers.Real):
            raise ValueError(
                f"Binary: threshold must be one number; received {self.threshold!r}. One threshold a label goes with "
                "Multilabel(threshold=[…])."
            )

    def read(self, rows, loss):
        """Read `Predictions` as binary `LabeledRows`."""
        scale = scale_of(self, loss)
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
        labeling = Labeling(
            kind="binary",
            scale=scale,
            threshold=self._cut(scale),
            classes=classes,
            class_names=names_of(self.class_names, classes),
            pos_index=list(classes).index(self.pos_label),
        )
        return LabeledRows(labeling, y_true, y_score, flat.sample_weight, undefined)

    def describe(self, loss):
        """Say in words what makes a row positive."""
        scale = scale_of(self, loss)
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
