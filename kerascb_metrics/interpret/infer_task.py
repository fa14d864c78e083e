"""Which task it is, where the user does not say: the compiled loss first, shapes and values last."""

from kerascb_metrics.exceptions import DataError
from kerascb_metrics.interpret.binary import Binary
from kerascb_metrics.interpret.multiclass import Multiclass
from kerascb_metrics.interpret.multilabel import Multilabel
from kerascb_metrics.interpret.regression import Regression
from kerascb_metrics.interpret.validation import are_integral, some, zero_one


def infer_task(rows, loss):
    """Infer the task from the loss, and where it does not say, from shapes and values.

    Raises:
        DataError: where the answer is not certain; the message names the `task=` to choose from.
    """
    if loss.problem:
        raise DataError(
            f"Metrics: {loss.problem}. Say what the outputs are, as in task=Multiclass(from_logits=True) or "
            "task='regression'."
        )
    columns = rows.columns
    one_output = columns == 1
    if loss.family == "regression":
        return _infer_regression(rows, loss)
    if loss.family in ("binary", "hinge"):
        return Binary() if one_output else Multilabel()
    if loss.family == "crossentropy":  # Keras takes the binary one for one column
        return Binary() if columns in (1, 2) else Multiclass()
    if loss.family in ("categorical", "categorical_hinge"):
        return Binary() if columns == 2 and loss.family == "categorical" else Multiclass()
    return _infer_from_values(rows, columns, loss.ignore_class)


def _infer_regression(rows, loss):
    if zero_one(rows.y_true):
        raise DataError(
            f"Metrics: the loss {loss.name} speaks of regression, the targets are all 0 or 1. Say which it is: pass "
            "task='binary' (or 'multiclass', 'multilabel'), or task='regression'."
        )
    return Regression()


def _infer_from_values(rows, columns, ignore_class):
    if not are_integral(rows.y_true):
        return Regression()
    if columns == 1:
        counted = rows.y_true if ignore_class is None else rows.y_true[rows.y_true != ignore_class]
        if zero_one(counted):
            return Binary()
        raise DataError(
            "Metrics: the loss does not tell the task, and one output column with targets other than 0 and 1 could be "
            f"many things (received {some(rows.y_true)}). Pass task='regression', or task='binary' with 0/1 targets."
        )
    if rows.y_true.shape != rows.y_pred.shape:
        return Binary() if columns == 2 else Multiclass()
    if zero_one(rows.y_true) and (rows.y_true.sum(axis=-1) != 1).any():
        return Multilabel()
    raise DataError(
        "Metrics: the loss does not tell whether the targets are one-hot (one class a row) or multi-hot (any number "
        f"of labels a row); received targets {rows.y_true.shape}. Pass task='multiclass' or task='multilabel'."
    )
