"""Targets that are left out: the values of `ignore_class`, and rows of weight zero whose targets are not valid."""

import numbers
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from kerascb_metrics.exceptions import DataError
from kerascb_metrics.interpret.positions import Flat

if TYPE_CHECKING:  # it needs Keras, and a page of a file is written without Keras
    from kerascb_metrics.interpret.losses import LossReading

# One target value, several, or None.
IgnoreClass: TypeAlias = float | str | Sequence[float | str] | np.ndarray | None
Values: TypeAlias = tuple[float | str, ...]


def check_ignore_class(task: str, ignore_class: IgnoreClass, *, strings: bool = False) -> None:
    """Raise `ValueError` for anything but target values.

    Args:
        task: the name of the task's class, for the message.
        ignore_class: what the user passed.
        strings: whether targets may be strings.

    >>> check_ignore_class("Regression", "nan")
    Traceback (most recent call last):
        ...
    ValueError: Regression: ignore_class must be a target value such as -1 or float('nan'), ... received 'nan'.
    """
    allowed: tuple[type, ...] = (numbers.Real, str) if strings else (numbers.Real,)
    if not all(isinstance(value, allowed) and not isinstance(value, bool) for value in as_values(ignore_class)):
        raise ValueError(
            f"{task}: ignore_class must be a target value such as -1 or float('nan'), or a list of such values; "
            f"received {ignore_class!r}."
        )


def as_values(ignore_class: IgnoreClass) -> Values:
    """Return the values of `ignore_class` as a tuple of Python values.

    >>> as_values(None), as_values(-1), as_values([254, 255])
    ((), (-1,), (254, 255))
    """
    if ignore_class is None:
        return ()
    if isinstance(ignore_class, str):
        return (ignore_class,)
    if isinstance(ignore_class, np.ndarray):
        return tuple(np.ravel(ignore_class).tolist())
    given = ignore_class if isinstance(ignore_class, Sequence) else (ignore_class,)
    # NumPy would compare float32 targets with its own float64 scalars in float64.
    return tuple(value.item() if isinstance(value, np.generic) else value for value in given)


def ignored_values(ignore_class: IgnoreClass, loss: "LossReading", dtype: Any = None) -> Values:
    """Return the values that the task or the loss ignores.

    Args:
        ignore_class: the task's argument.
        loss: what the compiled loss tells about the output.
        dtype: the dtype of the targets: in half precision −999 may be −1000.

    >>> from kerascb_metrics.interpret.losses import LossReading
    >>> ignored_values([254, 255], LossReading(ignore_class=-1))
    (254, 255, -1)
    """
    values = (*as_values(ignore_class), *as_values(loss.ignore_class))
    if getattr(dtype, "name", "") not in ("float16", "bfloat16"):
        return values
    return tuple(value if isinstance(value, str) else float(np.asarray(value, float).astype(dtype)) for value in values)


def equal_any(y_true: np.ndarray, values: Values) -> npt.NDArray[np.bool_]:
    """Return where the targets are one of the values. NaN equals NaN.

    Args:
        y_true: targets of any shape, numbers or strings.
        values: the values of `ignore_class`.

    >>> equal_any(np.array([0.0, np.nan, -1.0]), (float("nan"), -1))
    array([False,  True,  True])
    """
    found = np.zeros(y_true.shape, bool)
    is_text = y_true.dtype.kind in "US"
    for value in values:
        if value != value:
            found |= np.isnan(y_true) if y_true.dtype.kind == "f" else False
        elif isinstance(value, str) and not is_text:
            raise DataError(
                f"Metrics: ignore_class={value!r} is text, but the targets are numbers. Pass a number, as in "
                "ignore_class=-1."
            )
        elif isinstance(value, str) == is_text:
            found |= y_true == value
    return found


def without_ignored(flat: Flat, values: Values) -> Flat:
    """Return the rows whose target is not one of the values.

    One-hot rows are left out if all of their elements are such a value, 0 and 1 excepted.

    Args:
        flat: targets (P,), or one-hot rows (P, C).
        values: the values of `ignore_class`.

    Raises:
        DataError: if only a part of a one-hot row is such a value.
    """
    if not values:
        return flat
    if flat.y_true.ndim == 1:
        return flat.keep(~equal_any(flat.y_true, values))
    markers = tuple(value for value in values if value not in (0, 1))
    missing = equal_any(flat.y_true, markers)
    if (missing.any(axis=1) != missing.all(axis=1)).any():
        shown = ", ".join("float('nan')" if value != value else repr(value) for value in markers)
        raise DataError(
            f"Metrics: a one-hot row of targets is partly {shown}. Give the whole row that value to leave it out; if "
            f"each column is a label by itself, pass task=Multilabel(ignore_class={shown})."
        )
    return flat.keep(np.asarray(~missing.any(axis=1)))


# Called with some targets, and with those that have weight; returns for each of the first whether it is valid.
AreValid: TypeAlias = Callable[[np.ndarray, np.ndarray], np.ndarray]


def without_weightless(flat: Flat, are_valid: AreValid) -> Flat:
    """Return the rows without those of weight zero whose target is not valid: they are padding.

    Args:
        flat: targets (P,), or (P, C).
        are_valid: called with the targets of weight zero and with the others; returns which of the first are valid.
    """
    weightless = weightless_rows(flat)
    if weightless is None:
        return flat
    keep = np.ones(len(flat.y_true), bool)
    keep[weightless] = are_valid(flat.y_true[weightless], flat.y_true[~weightless])
    return flat.keep(keep)


def weightless_rows(flat: Flat) -> npt.NDArray[np.bool_] | None:
    """Return which rows have weight zero; None if no row has."""
    if flat.sample_weight is None:
        return None
    weightless = np.asarray(flat.sample_weight == 0)
    return weightless if weightless.any() else None
