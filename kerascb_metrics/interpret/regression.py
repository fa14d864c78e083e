"""Continuous targets: `Regression`."""

from dataclasses import dataclass
from typing import ClassVar

from kerascb_metrics.exceptions import DataError
from kerascb_metrics.interpret.join import Rows
from kerascb_metrics.interpret.kinds import Kind
from kerascb_metrics.interpret.labeled_rows import LabeledRows, Labeling
from kerascb_metrics.interpret.losses import LossReading
from kerascb_metrics.interpret.positions import flatten
from kerascb_metrics.interpret.validation import check_finite


@dataclass(frozen=True)
class Regression:
    """Continuous targets. There is no panel: `scoring=` names regression scores.

    If the outputs have two axes or more, the last one holds the columns and all others are rows: (N, T, K) has N · T
    rows of K columns. If the model does not know the length of the last axis, it holds positions, and each is a row.
    Targets have the outputs' shape, except for axes of length one.

    >>> Regression().kind
    'regression'
    """

    kind: ClassVar[Kind] = "regression"

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
        flat = flatten(rows, columns=rows.columns)
        if check_finite(flat.y_true)[1]:
            raise DataError("Metrics: the validation targets hold NaN or infinite values. Remove or mask those rows.")
        undefined = check_finite(flat.y_pred)[1]
        return LabeledRows(Labeling(kind="regression"), flat.y_true, flat.y_pred, flat.sample_weight, undefined)

    def describe(self, loss: LossReading) -> str:
        """Return what is compared, in words."""
        return "outputs are compared as they are"
