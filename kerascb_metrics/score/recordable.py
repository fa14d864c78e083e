"""What a score returns, as a value that can be recorded."""

import numbers
from decimal import Decimal
from typing import Any

import numpy as np

from kerascb_metrics.score.parse import shown
from kerascb_metrics.score.score import Value

# Dtypes of JAX's numbers that NumPy takes for bytes.
_SMALL_FLOATS = ("bfloat16", "float8_e4m3fn", "float8_e5m2")


def recordable(value: Any) -> Value:
    """Return a Python float for a single real number, and an array of its own for several.

    Raises:
        TypeError: for anything else, such as None, text, complex numbers, a dict, a masked array.
        ValueError: for an array without values, or lists of different lengths.

    >>> recordable([1, 2]), recordable(True)
    (array([1, 2]), 1.0)
    """
    if type(value) is float:  # most scores, and the rest takes microseconds
        return value
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError("it returned a masked array; a score is a number or an array of numbers.")
    if hasattr(value, "detach"):  # a tensor of PyTorch's
        value = value.detach().cpu().numpy()
    array = np.array(value)  # a copy, because the next call may write into the one returned
    if array.dtype.kind == "O" and all(isinstance(item, numbers.Real | Decimal) for item in array.ravel()):
        array = np.array([float(item) for item in array.ravel()]).reshape(array.shape)
    if array.dtype.name in _SMALL_FLOATS or (array.dtype.kind == "f" and array.itemsize > 8):
        array = array.astype(np.float64)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"it returned {shown(value)}; a score is a number or an array of numbers.")
    if not array.size:
        raise ValueError(f"it returned an array of shape {array.shape}, without a value.")
    return float(array) if array.ndim == 0 else array
