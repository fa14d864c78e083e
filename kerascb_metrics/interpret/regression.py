"""Continuous targets: `Regression`."""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from kerascb_metrics.collect.label_rule import LabelRule
from kerascb_metrics.exceptions import DataError, MisfitError
from kerascb_metrics.interpret.elements import Elements
from kerascb_metrics.interpret.join import Rows
from kerascb_metrics.interpret.kinds import Kind
from kerascb_metrics.interpret.labeled_rows import LabeledRows, Labeling
from kerascb_metrics.interpret.left_out import IgnoreClass, check_ignore_class, ignored_values
from kerascb_metrics.interpret.losses import LossReading
from kerascb_metrics.interpret.positions import flatten
from kerascb_metrics.interpret.task_arguments import copy_arguments
from kerascb_metrics.interpret.validation import check_finite, some


@dataclass(frozen=True)
class Regression:
    """Continuous targets. The panel is r2, mae and rmse.

    If the outputs have two axes or more, the last one holds the columns and all others are rows: (N, T, K) has N · T
    rows of K columns. If the model does not know the length of the last axis, it holds positions, and each is a row.
    Targets have the outputs' shape, except for axes of length one.

    Args:
        ignore_class: the target value of elements to leave out, or a list of values; `float("nan")` for missing values.
            With several columns each is scored on its own rows, and the score is the mean over columns. Scores that
            take a row as a whole are refused.

    Weights may be given per element, (N, K): in given data, or in fit's own if the loss is not one of Keras's, which
    take one per row. Elements of weight zero whose target is not finite are left out.

    >>> Regression(ignore_class=float("nan")).kind
    'regression'
    """

    ignore_class: IgnoreClass = None
    kind: ClassVar[Kind] = "regression"

    def __post_init__(self) -> None:
        check_ignore_class("Regression", self.ignore_class)
        copy_arguments(self, "ignore_class")

    def read(self, rows: Rows, loss: LossReading) -> LabeledRows:
        """Return the rows as regression `LabeledRows`.

        Args:
            rows: the rows of one pass.
            loss: what the compiled loss tells about the output.

        Raises:
            DataError: if the rows do not fit a regression task.
        """
        if rows.y_true.size != rows.y_pred.size:
            raise DataError(
                "Metrics: a regression task needs targets of the same size as the outputs; received targets "
                f"{rows.y_true.shape} and outputs {rows.y_pred.shape}. Give one target per output."
            )
        if rows.has_columns is None:
            raise DataError(
                "Metrics: the last axis of the outputs differs in length between validation batches, and the model "
                "does not tell whether it holds columns or positions. Return outputs (N, T, 1) for one column of T "
                "positions, or build the model from a keras.Input of the shape (None, …)."
            )
        columns = rows.columns
        flat = flatten(rows, columns=columns, element_weights=True)
        if flat.y_true.dtype.kind not in "biuf":  # scikit-learn would turn text such as "1.5", and dates, into numbers
            received = "text" if flat.y_true.dtype.kind == "U" else str(flat.y_true.dtype)
            raise MisfitError(
                f"Metrics: the targets of a regression task must be numbers; received {received}.",
                "Give them as numbers.",
            )
        flat = replace(flat, y_true=flat.y_true.reshape(-1, columns), y_pred=flat.y_pred.reshape(-1, columns))
        ignored = ignored_values(self.ignore_class, loss, rows.y_true.dtype)
        elements = Elements.of(flat, ignored)
        elements = elements.without_weightless(lambda y_true, weighted: np.isfinite(y_true))
        if check_finite(elements.y_true)[1]:
            raise DataError(
                f"Metrics: the validation targets hold {some(elements.y_true[~np.isfinite(elements.y_true)])}. If they "
                f"are missing targets, pass {_remedy(elements.y_true)}."
            )
        undefined = check_finite(elements.y_pred)[1]
        y_true, y_pred = elements.y_true, elements.y_pred
        if columns == 1:
            y_true, y_pred = y_true[:, 0], y_pred[:, 0]
        labeling = Labeling(kind="regression")
        return LabeledRows(labeling, y_true, y_pred, elements.sample_weight, undefined, elements.present, elements.kept)

    def label_rule(self, columns: int, loss: LossReading) -> LabelRule | None:
        """Return None: a regression has no labels."""
        return None

    def describe(self, loss: LossReading) -> str:
        """Return what is compared, in words."""
        values = ignored_values(self.ignore_class, loss)
        ignored = f", targets of {', '.join(map(str, values))} are left out" if values else ""
        return f"outputs are compared as they are{ignored}"


def _remedy(y_true: np.ndarray) -> str:
    if np.isinf(y_true).any():
        return "sample weights that are 0 there"
    return "task=Regression(ignore_class=float('nan'))"
