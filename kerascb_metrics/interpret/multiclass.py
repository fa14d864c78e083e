"""One of several classes per row: `Multiclass`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from kerascb_metrics.exceptions import DataError
from kerascb_metrics.interpret.columns import kept_columns, select_columns
from kerascb_metrics.interpret.join import Rows
from kerascb_metrics.interpret.kinds import FromLogits, Kind
from kerascb_metrics.interpret.labeled_rows import LabeledRows, Labeling
from kerascb_metrics.interpret.losses import LossReading
from kerascb_metrics.interpret.positions import flatten
from kerascb_metrics.interpret.targets import class_indices
from kerascb_metrics.interpret.task_arguments import (
    check_class_names,
    check_from_logits,
    class_names_for,
    copy_arguments,
    scale_of,
)
from kerascb_metrics.interpret.validation import checked_outputs


@dataclass(frozen=True)
class Multiclass:
    """One of C classes per row.

    Outputs are (N, C). Targets are class numbers (N,) or (N, 1), or one-hot (N, C). Extra axes (pixels, time steps) are
    flattened: each position is a sample. The label is the column with the highest output; with ties, the first.

    The loss's `ignore_class` is left out everywhere. Its rows are dropped. It may be the target value of a column: this
    class can never be right, so it is never predicted either. Then the label is the highest of the other columns, their
    probabilities are divided by their sum (for logits: softmax over the other columns), and averages, confusion matrix
    and names do not contain the class. If all other columns of a row are 0, they get equal probabilities.

    Args:
        from_logits: "auto" (as the loss has it), True or False.
        labels: the target value of each column, in column order. None: 0 … C−1.
        class_names: the name of each column in keys, plots and reports.

    >>> Multiclass(class_names=["cat", "dog", "eel"]).kind
    'multiclass'
    """

    from_logits: FromLogits = "auto"
    labels: Sequence[float | str] | np.ndarray | None = None
    class_names: Sequence[str] | None = None
    kind: ClassVar[Kind] = "multiclass"

    def __post_init__(self) -> None:
        check_from_logits("Multiclass", self.from_logits)
        check_class_names("Multiclass", self.class_names, None if self.labels is None else len(self.labels))
        if self.labels is not None and len(set(self.labels)) < len(self.labels):
            raise ValueError(f"Multiclass: labels must differ from each other; received {self.labels!r}.")
        copy_arguments(self, "labels", "class_names")

    def read(self, rows: Rows, loss: LossReading) -> LabeledRows:
        """Return the rows as multiclass `LabeledRows`.

        Args:
            rows: the rows of one pass.
            loss: what the compiled loss tells about the output.

        Raises:
            DataError: if the rows do not fit a multiclass task.
        """
        if rows.columns < 2:
            raise DataError(
                f"Metrics: a multiclass task needs outputs (N, C) with C of 2 or more; received {rows.y_pred.shape}. "
                "For one column pass task='binary'; if its labels are not 0 and 1, pass task=Binary(pos_label=…)."
            )
        scale = scale_of("Multiclass", self.from_logits, loss)
        n_classes = rows.columns
        flat = flatten(rows, columns=n_classes)
        classes = self._classes(n_classes)
        names = class_names_for(self.class_names, classes)
        y_true, keep = class_indices(flat.y_true, classes, loss.ignore_class)
        y_true, flat = y_true[keep], flat.keep(keep)
        outputs, undefined = checked_outputs(flat.y_pred, scale)
        columns = kept_columns(classes, loss.ignore_class)
        if len(columns) < n_classes:
            new_index = np.zeros(n_classes, np.min_scalar_type(n_classes))
            new_index[columns] = np.arange(len(columns))
            y_true, outputs = new_index[y_true], select_columns(outputs, columns, scale)
        labeling = Labeling(
            kind="multiclass",
            scale=scale,
            classes=classes[columns],
            class_names=tuple(names[column] for column in columns),
        )
        return LabeledRows(labeling, y_true, outputs, flat.sample_weight, undefined)

    def describe(self, loss: LossReading) -> str:
        """Return how a row gets its label, in words."""
        ignored = "" if loss.ignore_class is None else f", {loss.ignore_class} is ignored"
        return f"label is the highest output{ignored}"

    def _classes(self, n_classes: int) -> np.ndarray:
        if self.labels is None:
            return np.arange(n_classes)
        if len(self.labels) != n_classes:
            raise DataError(
                f"Metrics: Multiclass(labels=…) has {len(self.labels)} labels, but the model has {n_classes} columns. "
                "Pass one label per column, in column order."
            )
        return np.asarray(self.labels)
