"""Targets, weights and masks in the shape of the outputs' positions, flattened."""

import numpy as np
import numpy.typing as npt

from kerascb_metrics.exceptions import DataError

Shape = tuple[int, ...]


def flatten_targets(y_true: np.ndarray, shape: Shape, columns: int) -> np.ndarray:
    """Return the targets with one row per position: (P, C) if they have the outputs' own shape, else (P,).

    Args:
        y_true: the targets. Axes of length one are ignored.
        shape: the shape of the positions.
        columns: how many outputs a position has.

    Raises:
        DataError: if the targets have neither the shape of the positions nor that of the outputs.

    >>> flatten_targets(np.zeros((2, 3, 1)), shape=(2, 3), columns=1).shape
    (6,)
    """
    if columns > 1 and _without_ones(y_true.shape) == _without_ones((*shape, columns)):
        return y_true.reshape(-1, columns)
    if _without_ones(y_true.shape) != _without_ones(shape):
        raise DataError(
            f"Metrics: targets and outputs do not fit: received targets {y_true.shape} for outputs with {columns} "
            f"column(s) over {shape}. Give one target per position, or targets of the outputs' own shape."
        )
    return y_true.reshape(-1)


def spread(values: npt.ArrayLike | None, shape: Shape, name: str) -> np.ndarray | None:
    """Return values that are given per row or per position as one value per position, flattened.

    Args:
        values: the values. None stays None.
        shape: the shape of the positions.
        name: what the values are, for the message.

    Raises:
        DataError: if the values have neither shape.

    >>> spread([1, 2], shape=(2, 3), name="sample weights").tolist()
    [1, 1, 1, 2, 2, 2]
    """
    if values is None:
        return None
    values = np.asarray(values)
    if values.ndim > len(shape) and values.shape[-1] == 1:
        values = values[..., 0]
    fits = [n in (1, m) for n, m in zip(values.shape[1:], shape[1:], strict=False)]
    if values.ndim > len(shape) or values.shape[:1] != shape[:1] or not all(fits):
        raise DataError(
            f"Metrics: {name} of shape {values.shape} do not fit outputs over {shape}. Give one value per row or one "
            "per position."
        )
    return np.broadcast_to(values.reshape(values.shape + (1,) * (len(shape) - values.ndim)), shape).reshape(-1)


def _without_ones(shape: Shape) -> Shape:
    """Return a shape without axes of length one, which do not change the order of the values. The first axis stays."""
    return (*shape[:1], *(length for length in shape[1:] if length != 1))
