"""Continuous targets: `Regression`."""

from dataclasses import dataclass
from typing import ClassVar

from kerascb_metrics.exceptions import DataError
from kerascb_metrics.interpret.labeled_rows import LabeledRows, Labeling
from kerascb_metrics.interpret.positions import flatten
from kerascb_metrics.interpret.validation import (
    check_finite,
)


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
        """Read `Predictions` as regression `LabeledRows`."""
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
        undefined = check_finite(flat.y_pred)[1]
        return LabeledRows(Labeling(kind="regression"), flat.y_true, flat.y_pred, flat.sample_weight, undefined)

    def describe(self, loss):
        """Say in words what is compared."""
        return "outputs are compared as they are"
