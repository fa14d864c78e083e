"""Positions are samples: outputs of any rank as rows, masked positions dropped."""

from dataclasses import dataclass

import numpy as np

from kerascb_metrics.exceptions import DataError
from kerascb_metrics.interpret.weights import check_sum


@dataclass(frozen=True, eq=False)
class Flat:
    """One row a position: `y_true` and `y_pred` (N,) or (N, C), weights (N,) float64 or None."""

    y_true: np.ndarray
    y_pred: np.ndarray
    sample_weight: np.ndarray | None

    def keep(self, which):
        """Keep the rows that a boolean array selects."""
        if which.all():
            return self
        weight = None if self.sample_weight is None else self.sample_weight[which]
        return Flat(self.y_true[which], self.y_pred[which], weight)


def flatten(rows, columns):
    """Flatten `Predictions` whose last axis holds `columns` outputs a position (1: it may be absent).

    Targets of the outputs' own shape stay columns; others are one a position. What the mask hides is dropped first:
    padding need be no valid target, nor have a valid weight.
    """
    outputs = _native(rows.y_pred)
    has_axis = columns > 1 or (outputs.ndim > 1 and outputs.shape[-1] == 1)
    shape = outputs.shape[:-1] if has_axis else outputs.shape
    y_pred = outputs.reshape(-1, columns) if columns > 1 else outputs.reshape(-1)
    y_true = _targets(_native(rows.y_true), shape, columns)
    weight = _spread(rows.sample_weight, shape, "sample weights")
    flat = Flat(y_true, y_pred, None if weight is None else weight.astype(np.float64))
    mask = _spread(rows.mask, shape, "the mask")
    flat = flat if mask is None else flat.keep(mask.astype(bool))
    _check_weight(flat.sample_weight)
    return flat


def as_positions(batches, has_axis):
    """Turn batches whose positions differ in number, (B, T, C) of different T, into batches of positions (B·T, C).

    Without an axis of columns they are (B, T), and become (B·T, 1).
    """
    return [_one_a_position(batch, has_axis) for batch in batches]


def _one_a_position(batch, has_axis):
    outputs, targets = batch["y_pred"], batch["y_true"]
    shape = outputs.shape[:-1] if has_axis else outputs.shape
    columns = outputs.shape[-1] if has_axis else 1
    return {
        "y_true": _targets(targets, shape, columns),
        "y_pred": outputs.reshape(-1, columns),
        "sample_weight": _spread(batch["sample_weight"], shape, "sample weights"),
        "mask": _spread(batch["mask"], shape, "the mask"),
    }


def _native(array):
    """Half precision as float32, which holds it exactly: not every scikit-learn function takes it. Bytes as text."""
    if array.dtype.kind in "OS":  # TensorFlow's strings
        return np.char.decode(array.astype(bytes), "utf-8")
    small = array.dtype.kind == "V" or array.dtype.name in ("bfloat16", "float16")
    return array.astype(np.float32) if small else array


def _targets(y_true, shape, columns):
    if columns > 1 and _without_ones(y_true.shape) == _without_ones((*shape, columns)):
        return y_true.reshape(-1, columns)
    if _without_ones(y_true.shape) != _without_ones(shape):
        raise DataError(
            f"Metrics: targets and outputs do not fit: received targets {y_true.shape} for outputs of {columns} "
            f"column(s) over {shape}."
        )
    return y_true.reshape(-1)


def _without_ones(shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape without axes of length one, which change neither the order of values nor their number; the rows stay."""
    return (*shape[:1], *(length for length in shape[1:] if length != 1))


def _spread(values, shape, what):
    """Values a row, or a position, as one a position, flat; None stays None."""
    if values is None:
        return None
    values = np.asarray(values)
    if values.ndim > len(shape) and values.shape[-1] == 1:
        values = values[..., 0]
    fits = [n in (1, m) for n, m in zip(values.shape[1:], shape[1:], strict=False)]
    if values.ndim > len(shape) or values.shape[:1] != shape[:1] or not all(fits):
        raise DataError(f"Metrics: {what} of shape {values.shape} do not fit outputs over {shape}.")
    return np.broadcast_to(values.reshape(values.shape + (1,) * (len(shape) - values.ndim)), shape).reshape(-1)


def _check_weight(weight):
    if weight is not None and len(weight) and not (np.isfinite(weight).all() and (weight >= 0).all()):
        raise DataError(
            f"Metrics: sample weights must be finite and not negative; received values from {weight.min()} to "
            f"{weight.max()}. To leave weights out of the scores pass use_sample_weight=False."
        )
    if weight is not None:
        check_sum(weight)
