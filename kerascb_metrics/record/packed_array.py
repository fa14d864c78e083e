"""`PackedArray`: an array as compressed bytes, exact to the last bit, in memory and in files.

A confusion matrix of 1,000 classes takes 8 MB, and nearly all of it is zero. Packed it takes 20 to 450 kB.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

# An array with fewer elements stays as it is: packing it would save next to nothing, and a file stays readable.
LARGE = 256
# The most that zlib makes of one byte: the shape in a file may be a lie.
_MOST_RATIO = 1040
_INTEGERS = ("|u1", "|i1", "<u2", "<i2", "<u4", "<i4", "<u8", "<i8")
# How the numbers are stored, by NumPy's name of the dtype.
STORED = (*_INTEGERS, "|b1", "<f2", "<f4", "<f8")


@dataclass(frozen=True, slots=True, eq=False)
class PackedArray:
    """An array as compressed bytes.

    Attributes:
        dtype: the name of the array's dtype, such as "int64".
        shape: the array's shape.
        stored: how the numbers are stored, one of `STORED`: a smaller dtype that holds them without loss.
        differences: whether the differences between neighbours are stored, of a vector of integers.
        data: the bytes, compressed by zlib.
        shuffled: whether they were shuffled before: first the lowest byte of every number, then the next one of every
            number. Files written before 0.2.0 have each number's bytes together.

    >>> packed = PackedArray.of(np.arange(1000))
    >>> packed.shape, len(packed.data) < 50, bool((packed.unpack() == np.arange(1000)).all())
    ((1000,), True, True)
    """

    dtype: str
    shape: tuple[int, ...]
    stored: str
    differences: bool
    data: bytes
    shuffled: bool = True

    @classmethod
    def of(cls, array: npt.NDArray[Any]) -> "PackedArray":
        """Pack an array of numbers or booleans."""
        small = _smallest(array)
        packed = cls(array.dtype.name, array.shape, small.dtype.str, False, _compressed(small))
        if small.ndim == 1 and small.dtype.kind in "iu" and len(small) and array.dtype != np.uint64:
            steps = _smallest(np.diff(array.astype(np.int64), prepend=np.int64(0)))
            data = _compressed(steps)
            if len(data) < len(packed.data):
                packed = cls(array.dtype.name, array.shape, steps.dtype.str, True, data)
        return packed

    @property
    def ndim(self) -> int:
        """The number of axes, as NumPy's arrays have it."""
        return len(self.shape)

    def unpack(self) -> npt.NDArray[Any]:
        """Return the array, a new one each time.

        Raises:
            ValueError: if the bytes are damaged, or are not those of such an array.
        """
        size = int(np.prod(self.shape, dtype=object))
        expected = size * np.dtype(self.stored).itemsize
        if expected > _MOST_RATIO * (len(self.data) + 1):
            raise ValueError(f"{len(self.data)} packed bytes cannot be an array of shape {self.shape}")
        unpacker = zlib.decompressobj()
        try:
            plain = unpacker.decompress(self.data, expected + 1)
        except zlib.error as error:
            raise ValueError(f"packed bytes are damaged: {error}") from None
        if len(plain) != expected or not unpacker.eof or unpacker.unused_data:
            raise ValueError(f"packed bytes are not those of an array of shape {self.shape}")
        stored = np.dtype(self.stored)
        array = _unshuffled(plain, stored) if self.shuffled else np.frombuffer(plain, stored)
        if self.differences:
            array = np.cumsum(array, dtype=np.int64)
        found = array.astype(self.dtype)
        if array.dtype.kind in "iu" and not np.array_equal(found, array):
            raise ValueError(f"packed numbers do not fit into {self.dtype}")
        return found.reshape(self.shape)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        """Return the array for NumPy's functions."""
        array = self.unpack()
        return array if dtype is None else array.astype(dtype)


def packed(array: npt.NDArray[Any]) -> npt.NDArray[Any] | PackedArray:
    """Return a copy of a small array, and a large one packed. What a file cannot hold stays as it is, to be refused."""
    is_plain = type(array) is np.ndarray and array.dtype.newbyteorder("<").str in STORED
    return PackedArray.of(array) if array.size > LARGE and is_plain else array.copy()


def _compressed(array: npt.NDArray[Any]) -> bytes:
    # Neighbours have high bytes in common. Shuffled, thresholds take two thirds of the bytes and a third of the time.
    by_number = np.ascontiguousarray(array).reshape(-1, 1).view(np.uint8)
    return zlib.compress(by_number.T.tobytes(), 1)


def _unshuffled(plain: bytes, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    by_number = np.frombuffer(plain, np.uint8).reshape(dtype.itemsize, -1).T
    return np.ascontiguousarray(by_number).view(dtype).reshape(-1)


def _smallest(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the array in the smallest dtype that holds its values without loss, in the byte order of files."""
    found = array
    for candidate in _candidates(array):
        with np.errstate(over="ignore"):  # what does not fit becomes inf, which the comparison finds
            found = array.astype(candidate)
        # Zeros of either sign are equal: their bits are compared, too.
        if np.array_equal(found, array, equal_nan=array.dtype.kind == "f") and _same_signs(found, array):
            break
    return found.astype(found.dtype.newbyteorder("<"), copy=False)


def _candidates(array: npt.NDArray[Any]) -> Iterator[np.dtype[Any]]:
    if array.dtype.kind in "iu" and array.size:
        low, high = int(array.min()), int(array.max())
        yield next(np.dtype(name) for name in _INTEGERS if np.iinfo(name).min <= low and high <= np.iinfo(name).max)
    elif array.dtype == np.float64:
        yield np.dtype("<f4")
    yield array.dtype


def _same_signs(found: npt.NDArray[Any], array: npt.NDArray[Any]) -> bool:
    return array.dtype.kind != "f" or bool(np.array_equal(np.signbit(found), np.signbit(array)))
