"""Each position is a sample: outputs of any rank become rows, and masked positions are dropped."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kerascb_metrics.exceptions import DataError
from kerascb_metrics.interpret.join import Rows, labelled_by
from kerascb_metrics.interpret.shapes import flatten_targets, spread
from kerascb_metrics.interpret.weights import check_sum


@dataclass(frozen=True, eq=False)
class Flat:
    """One row per position: `y_true` and `y_pred` (P,) or (P, C), weights (P,) or (P, C) float64 or None.

    `kept` is None, or a bool for each position of the pass: whether it is one of these rows. If `labelled`,
    `y_pred` has labels that the device made of finite outputs: (P,), or one for each output.
    """

    y_true: np.ndarray
    y_pred: np.ndarray
    sample_weight: npt.NDArray[np.float64] | None
    kept: npt.NDArray[np.bool_] | None = None
    labelled: bool = False

    def keep(self, selected: npt.NDArray[np.bool_]) -> "Flat":
        """Return the rows that a boolean array selects."""
        if selected.all():
            return self
        weight = None if self.sample_weight is None else self.sample_weight[selected]
        kept = kept_of(self.kept, selected)
        return Flat(self.y_true[selected], self.y_pred[selected], weight, kept, self.labelled)


def kept_of(kept: npt.NDArray[np.bool_] | None, selected: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Return which positions are left when some of the rows are selected.

    Args:
        kept: which positions the rows are; None: all.
        selected: which rows are selected.

    >>> kept_of(np.array([True, False, True]), np.array([False, True])).tolist()
    [False, False, True]
    """
    if kept is None:
        return selected
    left = kept.copy()
    left[kept] = selected
    return left


def flatten(rows: Rows, columns: int, *, element_weights: bool = False) -> Flat:
    """Flatten rows to one row per position.

    Masked positions are dropped before anything is checked: padding need not be a valid target, nor have a valid
    weight.

    Args:
        rows: targets, outputs, weights and mask.
        columns: how many outputs a position has, in the last axis of the outputs. With 1 this axis may be missing.
        element_weights: whether weights may have the outputs' own shape, one per position and column.

    Returns:
        The rows. Targets of the outputs' own shape keep their columns; other targets have one value per position.

    Raises:
        DataError: if shapes do not fit, or weights are negative or not finite.
    """
    outputs = _to_native(rows.y_pred)
    has_axis = columns > 1 or (outputs.ndim > 1 and outputs.shape[-1] == 1)
    shape = outputs.shape[:-1] if has_axis else outputs.shape
    labelled = labelled_by(rows)
    if labelled == "row":
        outputs = outputs[..., 0]
    y_pred = outputs.reshape(-1, columns) if columns > 1 and labelled != "row" else outputs.reshape(-1)
    y_true = flatten_targets(_to_native(rows.y_true), shape, columns)
    per_element = element_weights and has_element_weights(rows)
    weight = spread(rows.sample_weight, (*shape, columns) if per_element else shape, "sample weights")
    weight = weight.reshape(-1, columns) if per_element and weight is not None else weight
    own_weight = None if weight is None else weight.astype(np.float64)
    flat = Flat(y_true, y_pred, own_weight, labelled=labelled is not None)
    mask = spread(rows.mask, shape, "the mask")
    flat = flat if mask is None else flat.keep(mask.astype(bool, copy=False))
    if flat.sample_weight is not None:
        _check_weights(flat.sample_weight)
    return flat


def has_element_weights(rows: Rows) -> bool:
    """Return whether each column of each position has a weight of its own.

    >>> has_element_weights(Rows(np.zeros((2, 3)), np.zeros((2, 3)), sample_weight=np.ones((2, 3))))
    True
    """
    weights = rows.sample_weight
    return weights is not None and rows.columns > 1 and np.shape(weights) == rows.y_pred.shape


def _to_native(array: np.ndarray) -> np.ndarray:
    """Return half precision as float32, which holds it exactly, and bytes as text; other arrays as they are.

    Not every scikit-learn function takes half precision.
    """
    if array.dtype.kind in "OS":  # TensorFlow's strings
        return np.char.decode(array.astype(bytes), "utf-8")
    is_half = array.dtype.kind == "V" or array.dtype.name in ("bfloat16", "float16")
    return array.astype(np.float32) if is_half else array


def _check_weights(weights: npt.NDArray[np.float64]) -> None:
    if len(weights) and not (np.isfinite(weights).all() and (weights >= 0).all()):
        raise DataError(
            f"Metrics: sample weights must be finite and not negative; received values from {weights.min()} to "
            f"{weights.max()}. To score without weights pass use_sample_weight=False."
        )
    check_sum(weights)
