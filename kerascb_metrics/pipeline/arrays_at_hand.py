"""Targets and outputs that the user has, instead of a model that predicts: as the one batch of a pass."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from kerascb_metrics.collect.row_store import Pass
from kerascb_metrics.exceptions import DataError
from kerascb_metrics.interpret.soft_targets import look_soft
from kerascb_metrics.interpret.targets import are_zero_one
from kerascb_metrics.score.plan import Plan


def data_of(x: Any, y: Any, sample_weight: Any, data: Any) -> Any:
    """Return the arguments of `Metrics.evaluate` as data that `validation_data` can be.

    Raises:
        TypeError: if there are no data, data twice, or weights without targets.
    """
    if (x is None) == (data is None):
        raise TypeError("Metrics.evaluate takes the data once: evaluate(model, x, y), or evaluate(model, data).")
    if y is not None and data is None:
        return (x, y) if sample_weight is None else (x, y, sample_weight)
    if y is not None or sample_weight is not None:
        raise TypeError(
            "Metrics.evaluate takes y and sample_weight with x: evaluate(model, x, y, sample_weight). Data without y= "
            "have their targets and weights inside."
        )
    return x if data is None else data


def pass_of_arrays(y_true: Any, y_pred: Any, sample_weight: Any = None, mask: Any = None) -> Pass:
    """Return arrays as a pass of one batch.

    Args:
        y_true: targets, (N, …), or a dict of them by output.
        y_pred: outputs, (N, …), or a dict of them by output.
        sample_weight: weights or None, or a dict of them by output.
        mask: True where a position counts, or None; or a dict of them by output.

    Raises:
        DataError: if something is not an array of numbers or text, or the arrays of an output differ in length.
    """
    batch = {
        name: _structure(name, value)
        for name, value in (("y_true", y_true), ("y_pred", y_pred), ("sample_weight", sample_weight), ("mask", mask))
    }
    for name, what in (("y_true", "targets"), ("y_pred", "outputs of a model")):
        if batch[name] is None:
            raise DataError(f"Metrics.score: {name} is None. Pass the {what}, of shape (N, …).")
    return Pass([batch])


def refuse_labels(seen: Pass, plan: Plan) -> None:
    """Raise `DataError` for outputs that are labels, where the rows would be read as a regression.

    They are labels of several classes, or targets: 0 and 1, with shares of 1 in the targets' place.

    Args:
        seen: as `pass_of_arrays` returns it.
        plan: the `Plan`; outputs whose task it tells are not checked.
    """
    (batch,) = seen.batches
    outputs = batch["y_pred"] if isinstance(batch["y_pred"], dict) else {None: batch["y_pred"]}
    for output, y_pred in outputs.items():
        if plan.task_of(output) != "auto":
            continue
        are_targets = are_zero_one(y_pred[:9]) and are_zero_one(y_pred)  # the first rows spare most arrays the rest
        if are_targets:
            _refuse_swapped(batch["y_true"].get(output) if isinstance(batch["y_true"], dict) else batch["y_true"])
        elif y_pred.dtype.kind in "OUSiu" and y_pred.size == len(y_pred):
            raise DataError(
                f"Metrics.score: y_pred holds labels such as {y_pred.flat[0]}, but scores need the outputs of a model: "
                "probabilities, logits, or values. Pass one column per class, such as np.eye(classes)[labels]; or, for "
                "a regression, Metrics(task='regression')."
            )


def _refuse_swapped(y_true: np.ndarray | None) -> None:
    """Raise `DataError` for targets that look like outputs, where the outputs look like targets."""
    if y_true is not None and look_soft(y_true):
        share = y_true[(y_true > 0) & (y_true < 1)][0]
        raise DataError(
            f"Metrics.score: y_true holds values such as {share:.4g} and y_pred only 0 and 1, as if they were in the "
            "wrong order. Pass the targets first: score(y_true, y_pred); or, for a regression, "
            "Metrics(task='regression')."
        )


def _structure(name: str, value: Any) -> Any:
    """Return an array, or a dict of arrays; None without any. A list is one array, not several outputs."""
    if isinstance(value, Mapping):
        return {output: _array(f"{name}[{output!r}]", own) for output, own in value.items() if own is not None} or None
    return None if value is None else _array(name, value)


def _array(name: str, value: Any) -> np.ndarray:
    try:
        array = np.asarray(_on_host(value))
    except (ValueError, TypeError) as error:
        raise DataError(f"Metrics.score: {name} cannot be read as an array: {error}") from error
    if array.ndim == 0 or (array.dtype.kind == "O" and not all(isinstance(item, str | bytes) for item in array.flat)):
        raise DataError(
            f"Metrics.score: {name} must be an array of numbers or text with one row per sample; received "
            f"{type(value).__name__} of shape {array.shape} and dtype {array.dtype}. Several outputs are a dict by "
            "name."
        )
    if np.ma.is_masked(value):
        raise DataError(
            f"Metrics.score: {name} is a masked array that hides {np.count_nonzero(np.ma.getmaskarray(value))} values. "
            "Pass all values, and tell which count: score(…, mask=~np.ma.getmaskarray(…))."
        )
    return array


def _on_host(value: Any) -> Any:
    """Return a tensor as something that NumPy can read. No framework is imported: the tensor brings its own methods."""
    if hasattr(value, "detach"):  # PyTorch
        value = value.detach().cpu()
        return value.float().numpy() if str(value.dtype) == "torch.bfloat16" else value.resolve_conj().numpy()
    if not hasattr(value, "to_numpy"):
        return value
    array = value.to_numpy()  # pandas, polars
    if array.ndim == 2 and array.dtype == object:  # columns of pandas' dtypes that know missing values, such as Int64
        return np.stack([column.to_numpy() for _, column in value.items()], axis=1)
    return array
