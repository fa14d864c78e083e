"""The numbers and arrays of a JSON file, with every check of what they may be.

Every `ValueError` explains what is wrong with the file. Its name and the line are added where it is read.
"""

import base64
import binascii
import math
import reprlib
from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from kerascb_metrics.record.json_format import IN_ORDER, LEAVES, NOT_FINITE, SHUFFLED, Form
from kerascb_metrics.record.packed_array import STORED, PackedArray
from kerascb_metrics.record.values import Value

_T = TypeVar("_T")
_MOST_BYTES = 2**31  # of an array that is unpacked from a file


def check(holds: Any, message: str) -> None:
    """Raise `ValueError` with the message unless the condition holds."""
    if not holds:
        raise ValueError(message)


def entry(form: Any, name: str, kind: type[_T]) -> _T:
    """Return an entry of a form; raise `ValueError` if it is missing, or not of the type that it must have."""
    check(isinstance(form, dict) and name in form, f"{name!r} is missing")
    value = form[name]
    if not isinstance(value, kind) or isinstance(value, bool):
        raise ValueError(f"{name!r} is {reprlib.repr(value)}, not of type {kind.__name__}")
    return value


def number_in(value: Any) -> float:
    """Return a number, or one of the texts that stand for nan and infinity, as a float."""
    if isinstance(value, str) and value in NOT_FINITE:
        return NOT_FINITE[value]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{reprlib.repr(value)} is not a number, and a number must be here")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    check(math.isfinite(number), "a number too large for a float")  # an infinite one is written as text
    return number


def is_packed(form: Form) -> bool:
    """Return whether a form is an array that is packed."""
    return SHUFFLED in form or IN_ORDER in form


def packed_in(form: Form) -> PackedArray:
    """Return an array that stays packed; its bytes have been tried."""
    dtype, shape = entry(form, "dtype", str), entry(form, "shape", list)
    stored_as, differences = entry(form, "stored", str), form.get("differences")
    check(dtype in LEAVES, f"{dtype!r} is not a dtype that an array can have here")
    check(all(type(length) is int and 0 <= length < 2**31 for length in shape), "'shape' must be lengths")
    check(8 * math.prod(shape) <= _MOST_BYTES, f"an array of shape {tuple(shape)} is too large for a file")
    check(stored_as in STORED, f"'stored' is {stored_as!r}")
    check(isinstance(differences, bool), "'differences' must be true or false")
    kinds = {"i": "iu", "u": "iu"}.get(np.dtype(dtype).kind, np.dtype(dtype).kind)
    check(np.dtype(stored_as).kind in kinds, f"an array of dtype {dtype} cannot be stored as {stored_as!r}")
    check(not differences or (len(shape) == 1 and kinds == "iu"), "'differences' are of a vector of integers")
    key = SHUFFLED if SHUFFLED in form else IN_ORDER
    try:
        data = base64.b64decode(entry(form, key, str), validate=True)
    except binascii.Error as error:
        raise ValueError(f"{key!r} is damaged: {error}") from None
    array = PackedArray(dtype, tuple(shape), stored_as, bool(differences), data, shuffled=key == SHUFFLED)
    array.unpack()  # which raises if the bytes are damaged
    return array


def array_in(form: Form) -> npt.NDArray[Any]:
    """Return an array, packed or as lists of numbers."""
    if isinstance(form, dict) and is_packed(form):
        return packed_in(form).unpack()
    dtype, values = entry(form, "dtype", str), entry(form, "values", list)
    check(dtype in LEAVES, f"{dtype!r} is not a dtype that an array can have here")
    try:
        with np.errstate(over="raise"):
            array = np.array(_plain_lists(values, LEAVES[dtype]), dtype)
        return array.reshape(entry(form, "shape", list)) if "shape" in form else array
    except (ValueError, TypeError, OverflowError, FloatingPointError) as error:
        raise ValueError(f"not an array of dtype {dtype}: {error}") from None


def _plain_lists(values: list[Any], leaves: set[type]) -> list[Any]:
    kinds = set(map(type, values))
    if list in kinds:
        check(kinds == {list}, "numbers next to lists of numbers")
        return [_plain_lists(value, leaves) for value in values]
    if float in kinds:
        check(not (math.inf in values or -math.inf in values), "a number too large for a float")
    if str in kinds and float in leaves:
        values = [number_in(value) for value in values]
        kinds = set(map(type, values))
    check(kinds <= leaves, "it holds values of another type")
    return values


def vectors_in(form: Any, names: Sequence[str]) -> list[npt.NDArray[Any]]:
    """Return the arrays under these names, which must have the same length."""
    arrays = [array_in(entry(form, name, dict)) for name in names]
    check(all(array.shape == (len(arrays[0]),) for array in arrays), f"{', '.join(names)} differ in length")
    return arrays


def value_in(value: Any) -> Value:
    """Return a number or an array."""
    return array_in(value) if isinstance(value, dict) else number_in(value)
