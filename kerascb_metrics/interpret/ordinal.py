"""Grades, classes that have an order and a distance: `Ordinal`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from kerascb_metrics.collect.label_rule import LabelRule
from kerascb_metrics.exceptions import DataError, MisfitError
from kerascb_metrics.interpret.columns import kept_columns
from kerascb_metrics.interpret.join import Rows
from kerascb_metrics.interpret.kinds import FromLogits, Kind
from kerascb_metrics.interpret.labeled_rows import LabeledRows, Labeling
from kerascb_metrics.interpret.left_out import (
    IgnoreClass,
    check_ignore_class,
    ignored_values,
    weightless_rows,
    without_ignored,
)
from kerascb_metrics.interpret.losses import LossReading
from kerascb_metrics.interpret.multiclass import Multiclass
from kerascb_metrics.interpret.positions import flatten
from kerascb_metrics.interpret.targets import class_indices
from kerascb_metrics.interpret.task_arguments import (
    check_class_names,
    check_from_logits,
    check_soft_targets,
    class_names_for,
    copy_arguments,
    is_finite_number,
    scale_of,
)
from kerascb_metrics.interpret.validation import check_finite


@dataclass(frozen=True)
class Ordinal:
    """One of several grades per row: classes that are numbers, with an order and a distance.

    Outputs are one real column, (N,) or (N, 1), or one column per grade, (N, C). The label of one column is the nearest
    grade: half-way between two grades the lower one; below the lowest grade and above the highest, that grade. The
    label of several columns is the one with the highest output; with ties, the first. Targets are grades, (N,) or
    (N, 1), or one-hot for several columns. Extra axes (pixels, time steps) are flattened: each position is a sample.

    The panel is f1, precision, recall, kappa, kappa_linear, kappa_quadratic, mae and confusion. The mean absolute error
    is between grades. Nothing ranks the rows, so there is no ROC AUC.

    An ordinal task is never inferred. An ignored class, of the loss or of the task, is left out everywhere: its rows
    are dropped, and it is not predicted.

    Args:
        labels: the grades, numbers at any distance from each other. One column needs them, in any order. For several
            columns they are the grade of each column; None: 0 … C−1.
        class_names: the name of each grade in keys, plots and reports, in the order of `labels`.
        from_logits: what several columns are: "auto" (as the loss has it), True or False. One column is compared with
            the grades as it is.
        ignore_class: the target value of rows to leave out, or a list of values, besides that of the loss;
            `float("nan")` for missing targets.
        soft_targets: whether targets (N, C) are probabilities. Their label is the highest; with ties, the first.

    Rows of weight zero whose target is not a grade are left out: they are padding.

    Raises:
        ValueError: for labels that are not numbers or not distinct, or an unknown value of an argument.

    >>> from kerascb_metrics import Metrics
    >>> metrics = Metrics(["kappa_quadratic", "mae"], task=Ordinal(labels=[1, 2, 3, 4, 5]))
    >>> metrics.score(y_true=[1, 3, 5, 4], y_pred=[0.2, 3.4, 4.1, 4.5])
    Scores(kappa_quadratic=0.9333, mae=0.2500)
    """

    labels: Sequence[float] | np.ndarray | None = None
    class_names: Sequence[str] | None = None
    from_logits: FromLogits = "auto"
    ignore_class: IgnoreClass = None
    soft_targets: bool = False
    kind: ClassVar[Kind] = "ordinal"

    def __post_init__(self) -> None:
        _check_labels(self.labels)
        check_class_names("Ordinal", self.class_names, None if self.labels is None else len(self.labels))
        check_from_logits("Ordinal", self.from_logits)
        check_ignore_class("Ordinal", self.ignore_class)
        check_soft_targets("Ordinal", self.soft_targets)
        copy_arguments(self, "labels", "class_names", "ignore_class")

    def read(self, rows: Rows, loss: LossReading) -> LabeledRows:
        """Return the rows as ordinal `LabeledRows`.

        Args:
            rows: the rows of one pass.
            loss: what the compiled loss tells about the output.

        Raises:
            DataError: if the rows do not fit an ordinal task.
        """
        if rows.y_true.dtype.kind in "OSU":
            raise DataError(
                "Metrics: the targets of an ordinal task must be numbers; received text. For classes without an order "
                "pass task=Multiclass(labels=[…])."
            )
        if rows.columns == 1:
            return self._read_one_column(rows, loss)
        if self.labels is not None and len(self.labels) != rows.columns:
            raise MisfitError(
                f"Metrics: Ordinal(labels=…) has {len(self.labels)} labels, but the outputs {rows.y_pred.shape} have "
                f"{rows.columns} columns.",
                "Pass one label per column; for one grade per position return outputs of the shape (…, 1).",
            )
        labels = None if self.labels is None else self._grades
        task = Multiclass(self.from_logits, labels, self.class_names, self.ignore_class, self.soft_targets)
        return task.read_as(self.kind, rows, loss)

    def label_rule(self, columns: int, loss: LossReading) -> LabelRule | None:
        """Return how the device labels outputs of some columns; None for a single one, or if a grade is ignored.

        Args:
            columns: the length of the last axis.
            loss: what the compiled loss tells about the output.
        """
        labels = None if self.labels is None else self._grades
        return Multiclass(self.from_logits, labels, ignore_class=self.ignore_class).label_rule(columns, loss)

    def describe(self, loss: LossReading) -> str:
        """Return how a row gets its label, in words."""
        if self.labels is None:
            return Multiclass(ignore_class=self.ignore_class, soft_targets=self.soft_targets).describe(loss)
        values = ignored_values(self.ignore_class, loss)
        ignored = f", targets of {', '.join(map(str, values))} are left out" if values else ""
        return f"label is the nearest grade, or of several columns that of the highest output{ignored}"

    @property
    def _grades(self) -> np.ndarray:
        """The labels as integers or floats that can be subtracted: of uint8, 1 − 2 is 255."""
        return np.asarray(np.asarray(self.labels).tolist())

    def _read_one_column(self, rows: Rows, loss: LossReading) -> LabeledRows:
        if self.labels is None:
            raise MisfitError(
                f"Metrics: Ordinal() of a single output column, {rows.y_pred.shape}, needs the grades.",
                "Pass them, as in task=Ordinal(labels=[0, 1, 2]).",
            )
        self._refuse_for_one_column(loss)
        grades = self._grades
        names = class_names_for(self.class_names, grades)
        values = ignored_values(self.ignore_class, loss, rows.y_true.dtype)
        kept = kept_columns(grades, values)
        kept = kept[np.argsort(grades[kept])]
        flat = without_ignored(flatten(rows, columns=1), values)
        y_true, known = class_indices(flat.y_true, grades[kept], (), weightless_rows(flat), self.kind)
        flat = flat.keep(known)
        outputs, undefined = check_finite(flat.y_pred)
        labeling = Labeling(
            kind=self.kind,
            scale="margin",
            classes=grades[kept],
            class_names=tuple(names[index] for index in kept),
        )
        return LabeledRows(labeling, y_true[known], outputs, flat.sample_weight, undefined, kept=flat.kept)

    def _refuse_for_one_column(self, loss: LossReading) -> None:
        """Raise `DataError` for what a single column cannot be."""
        labels = np.asarray(self.labels).tolist()
        if scale_of("Ordinal", self.from_logits, loss) == "logit":
            raise DataError(
                "Metrics: an ordinal task compares a single output column with the grades as it is, but these outputs "
                f"are logits. If they are in units of the grades, pass task=Ordinal(labels={labels}, "
                "from_logits=False)."
            )
        if self.soft_targets:
            raise DataError(
                "Metrics: Ordinal(soft_targets=True) needs one output column per grade, and there is a single one. "
                f"Pass task=Ordinal(labels={labels})."
            )


def _check_labels(labels: Sequence[float] | np.ndarray | None) -> None:
    """Raise `ValueError` for anything but two or more distinct numbers, or None."""
    if labels is None:
        return
    given = list(labels) if isinstance(labels, Sequence | np.ndarray) and not isinstance(labels, str) else []
    if len(given) < 2 or not all(map(is_finite_number, given)):
        numbered = f"labels={list(range(len(given)))}, class_names={given}" if len(given) > 1 else "labels=[0, 1, 2]"
        raise ValueError(
            f"Ordinal: labels must be the grades, two or more finite numbers; received {labels!r}. Number them as the "
            f"targets are, as in Ordinal({numbered})."
        )
    if len(set(given)) < len(given):
        raise ValueError(f"Ordinal: labels must differ from each other; received {labels!r}.")
