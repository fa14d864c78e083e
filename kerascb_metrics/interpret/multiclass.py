"""One of several classes per row: `Multiclass`."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from kerascb_metrics.exceptions import DataError
from kerascb_metrics.interpret.labeled_rows import LabeledRows, Labeling
from kerascb_metrics.interpret.positions import flatten
from kerascb_metrics.interpret.task_arguments import check_from_logits, keep_own, scale_of
from kerascb_metrics.interpret.validation import (
    checked_outputs,
    class_indices,
    names_of,
    others_of,
    without_column,
)


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
        check_from_logits(self)
        if self.labels is not None and len(set(self.labels)) < len(self.labels):
            raise ValueError(f"Multiclass: labels must differ from each other; received {self.labels!r}.")
        keep_own(self, "labels", "class_names")

    def read(self, rows, loss):
        """Read `Predictions` as multiclass `LabeledRows`."""
        if rows.columns < 2:
            raise DataError(
                f"Metrics: a multiclass task needs outputs (N, C) with C of 2 or more; received {rows.y_pred.shape}. "
                "For one column pass task='binary', or task=Binary(pos_label=…) for labels other than 0 and 1."
            )
        scale = scale_of(self, loss)
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
        labeling = Labeling(
            kind="multiclass",
            scale=scale,
            classes=classes[columns],
            class_names=tuple(names[column] for column in columns),
        )
        return LabeledRows(labeling, y_true, outputs, flat.sample_weight, undefined)

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
