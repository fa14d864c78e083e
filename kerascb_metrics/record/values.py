"""The values of a score: what is recorded of it in each epoch."""

from collections.abc import Iterator, Sequence
from typing import Any, Literal, SupportsIndex, TypeAlias, TypeGuard, overload

import numpy as np
import numpy.typing as npt

# A score of one epoch: a number, a confusion matrix, or one value per class.
Value: TypeAlias = float | npt.NDArray[Any]
# The lowest and the highest value that a score can have.
Bounds: TypeAlias = tuple[Value, Value]
# Score name → True where greater is better, False where less is, None where that is not known.
Directions: TypeAlias = dict[str, bool | None]
# The direction of a score, as Keras names it.
Mode: TypeAlias = Literal["max", "min"]
# A scored epoch, counted from 0; "last" or −1: the last one; "best": the best one of the first score that has a best.
Epoch: TypeAlias = int | Literal["best", "last"]


def is_number(value: Value) -> TypeGuard[float]:
    """Tell whether a value of a score is a single number."""
    return isinstance(value, float) or np.ndim(value) == 0


class Copies(list[Any]):
    """A list that copies an array when it is read: a copy of all arrays at once may be large."""

    @overload
    def __getitem__(self, index: SupportsIndex) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> "Copies": ...
    def __getitem__(self, index: SupportsIndex | slice) -> Any:
        if isinstance(index, slice):
            return Copies(super().__getitem__(index))
        return copied(super().__getitem__(index))

    def __iter__(self) -> Iterator[Any]:
        return map(copied, super().__iter__())

    def __reversed__(self) -> Iterator[Any]:
        return map(copied, super().__reversed__())

    def __add__(self, other: Sequence[Any]) -> "Copies":
        return Copies([*self, *other])

    def __mul__(self, times: SupportsIndex) -> "Copies":
        return Copies([*self] * times)

    __rmul__ = __mul__

    def copy(self) -> "Copies":
        """Return a list that copies its arrays too."""
        return Copies(self)

    def pop(self, index: SupportsIndex = -1) -> Any:
        """Remove a value and return it; a copy if it is an array."""
        return copied(super().pop(index))


def copied(value: Any) -> Value:
    """Return a value; a copy if it is an array, which may be packed."""
    if isinstance(value, np.ndarray):
        return value.copy()
    found: Value = value.unpack() if hasattr(value, "unpack") else value
    return found


def copied_pair(pair: Bounds) -> Bounds:
    """Return the two values of a pair; copies if they are arrays."""
    lowest, highest = pair
    return copied(lowest), copied(highest)


def blank_like(value: Value) -> Value:
    """Return nan in the shape of a value: a Python float for a number."""
    return np.full(np.shape(value), np.nan) if np.ndim(value) else float("nan")
