"""One of several classes per row: `Multiclass`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from kerascb_metrics.collect.label_rule import LabelRule
from kerascb_metrics.exceptions import DataError, MisfitError
from kerascb_metrics.interpret.columns import kept_columns, select_columns
from kerascb_metrics.interpret.join import Rows
from kerascb_metrics.interpret.kinds import FromLogits, Kind
from kerascb_metrics.interpret.labeled_rows import LabeledRows, Labeling
from kerascb_metrics.interpret.left_out import (
    IgnoreClass,
    Values,
    check_ignore_class,
    equal_any,
    ignored_values,
    weightless_rows,
    without_ignored,
    without_weightless,
)
from kerascb_metrics.interpret.losses import LossReading
from kerascb_metrics.interpret.positions import Flat, flatten
from kerascb_metrics.interpret.soft_targets import are_soft, most_likely
from kerascb_metrics.interpret.targets import are_one_hot, class_indices
from kerascb_metrics.interpret.task_arguments import (
    check_class_names,
    check_from_logits,
    check_soft_targets,
    class_names_for,
    copy_arguments,
    scale_of,
)
from kerascb_metrics.interpret.validation import checked_outputs, highest_of

# Half precision may change an ignored value by less than this, and so make a class of it.
_HALF = 0.01


@dataclass(frozen=True)
class Multiclass:
    """One of C classes per row.

    Outputs are (N, C). Targets are class numbers (N,) or (N, 1), or one-hot (N, C). Extra axes (pixels, time steps) are
    flattened: each position is a sample. The label is the column with the highest output; with ties, the first.

    An ignored class, of the loss or of the task, is left out everywhere. Its rows are dropped. It may be the target
    value of a column: this class can never be right, so it is never predicted either. Then the label is the highest of
    the other columns, their probabilities are divided by their sum (for logits: softmax over the other columns), and
    averages, confusion matrix and names do not contain the class. If all other columns of a row are 0, they get equal
    probabilities.

    Args:
        from_logits: "auto" (as the loss has it), True or False.
        labels: the target value of each column, in column order. None: 0 … C−1.
        class_names: the name of each column in keys, plots and reports.
        ignore_class: the target value of rows to leave out, or a list of values, besides that of the loss;
            `float("nan")` for missing targets (one-hot rows of NaN).
        soft_targets: whether targets (N, C) are probabilities, as with mixup, label smoothing or distillation. Their
            label is the highest; with ties, the first.

    Rows of weight zero whose target is not a class are left out: they are padding.

    >>> Multiclass(class_names=["cat", "dog", "eel"]).kind
    'multiclass'
    """

    from_logits: FromLogits = "auto"
    labels: Sequence[float | str] | np.ndarray | None = None
    class_names: Sequence[str] | None = None
    ignore_class: IgnoreClass = None
    soft_targets: bool = False
    kind: ClassVar[Kind] = "multiclass"

    def __post_init__(self) -> None:
        check_from_logits("Multiclass", self.from_logits)
        check_class_names("Multiclass", self.class_names, None if self.labels is None else len(self.labels))
        if self.labels is not None and len(set(self.labels)) < len(self.labels):
            raise ValueError(f"Multiclass: labels must differ from each other; received {self.labels!r}.")
        check_ignore_class("Multiclass", self.ignore_class, strings=True)
        check_soft_targets("Multiclass", self.soft_targets)
        copy_arguments(self, "labels", "class_names", "ignore_class")

    def read(self, rows: Rows, loss: LossReading) -> LabeledRows:
        """Return the rows as multiclass `LabeledRows`.

        Args:
            rows: the rows of one pass.
            loss: what the compiled loss tells about the output.

        Raises:
            DataError: if the rows do not fit a multiclass task.
        """
        if rows.columns < 2:
            raise MisfitError(
                f"Metrics: a multiclass task needs outputs (N, C) with C of 2 or more; received {rows.y_pred.shape}.",
                "Return one column per class.",
            )
        return self.read_as(self.kind, rows, loss)

    def read_as(self, kind: Kind, rows: Rows, loss: LossReading) -> LabeledRows:
        """Return rows of several columns as `LabeledRows` of a kind of task that labels them in this way.

        Args:
            kind: "multiclass" or "ordinal".
            rows: the rows of one pass.
            loss: what the compiled loss tells about the output.

        Raises:
            DataError: if the rows do not fit the task.
        """
        name = kind.capitalize()
        scale = scale_of(name, self.from_logits, loss)
        n_classes = rows.columns
        values = ignored_values(self.ignore_class, loss, rows.y_true.dtype)
        flat = flatten(rows, columns=n_classes)
        classes = self._classes(n_classes)
        names = class_names_for(self.class_names, classes)
        columns = kept_columns(classes, values)
        y_true, flat = self._indices(without_ignored(flat, values), classes, values, kind)
        outputs, undefined = flat.y_pred, None
        if not flat.labelled:
            outputs, undefined = checked_outputs(outputs, scale, name, self._kept)
        if len(columns) < n_classes:
            assert not flat.labelled  # see `label_rule`
            new_index = np.zeros(n_classes, np.min_scalar_type(n_classes))
            new_index[columns] = np.arange(len(columns))
            y_true, outputs = new_index[y_true], select_columns(outputs, columns, scale)
        labeling = Labeling(
            kind=kind,
            scale=scale,
            classes=classes[columns],
            class_names=tuple(names[column] for column in columns),
        )
        return LabeledRows(
            labeling, y_true, outputs, flat.sample_weight, undefined, kept=flat.kept, labelled=flat.labelled
        )

    def label_rule(self, columns: int, loss: LossReading) -> LabelRule | None:
        """Return how the device labels outputs of some columns; None if a class is ignored, or the columns do not fit.

        Args:
            columns: the length of the last axis.
            loss: what the compiled loss tells about the output.
        """
        if columns < 2 or (self.labels is not None and len(self.labels) != columns):
            return None
        classes, ignored = self._classes(columns), ignored_values(self.ignore_class, loss)
        if any(_may_be(value, classes) for value in ignored):
            return None
        return LabelRule(columns, highest=highest_of(scale_of("Multiclass", self.from_logits, loss)))

    def describe(self, loss: LossReading) -> str:
        """Return how a row gets its label, in words."""
        values = ignored_values(self.ignore_class, loss)
        verb = "is" if len(values) == 1 else "are"
        ignored = f", {', '.join(map(str, values))} {verb} ignored" if values else ""
        soft = ", and so is that of the targets" if self.soft_targets else ""
        return f"label is the highest output{soft}{ignored}"

    def _indices(self, flat: Flat, classes: np.ndarray, ignored: Values, kind: Kind) -> tuple[np.ndarray, Flat]:
        """Return the class index of each row, and the rows, without those that do not count."""
        if self.soft_targets:
            flat = without_weightless(flat, lambda y_true, weighted: are_soft(y_true))
            y_true = most_likely(flat.y_true, kind.capitalize())
            keep = ~equal_any(classes[y_true], ignored)
        else:
            if flat.y_true.ndim == 2:
                flat = without_weightless(flat, lambda y_true, weighted: are_one_hot(y_true))
            y_true, keep = class_indices(flat.y_true, classes, ignored, weightless_rows(flat), kind)
        return y_true if keep.all() else y_true[keep], flat.keep(keep)

    @property
    def _kept(self) -> str:
        """The labels as an argument that an error's remedy has to repeat."""
        return "" if self.labels is None else f"labels={np.asarray(self.labels).tolist()}, "

    def _classes(self, n_classes: int) -> np.ndarray:
        if self.labels is None:
            return np.arange(n_classes)
        if len(self.labels) != n_classes:
            raise DataError(
                f"Metrics: Multiclass(labels=…) has {len(self.labels)} labels, but the model has {n_classes} columns. "
                "Pass one label per column, in column order."
            )
        return np.asarray(self.labels)


def _may_be(value: float | str, classes: np.ndarray) -> bool:
    """Return whether an ignored value may be a class, also in half precision."""
    if isinstance(value, str) or classes.dtype.kind not in "iuf":
        return str(value) in classes.astype(str)
    return bool((abs(classes - value) <= _HALF * abs(value)).any())
