"""`PackedRecord`: the counts and curves of an epoch as compressed bytes, unpacked when they are read."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from kerascb_metrics.record.epoch_record import EpochRecord
from kerascb_metrics.record.packed_array import LARGE, PackedArray, packed
from kerascb_metrics.tally.counts import Counts
from kerascb_metrics.tally.curve import Curve

_LARGE_RECORD = 2**13  # numbers; a record of a binary task has about 3,000
Stored = npt.NDArray[Any] | PackedArray


@dataclass(frozen=True, slots=True, eq=False)
class JoinedCurves:
    """The curves of all classes, one after the other, so that they are packed together.

    Attributes:
        names: the class of each curve.
        lengths: the number of points of each curve, int64.
        thresholds, tps, fps: the arrays of all curves, see `Curve`.
    """

    names: tuple[str, ...]
    lengths: npt.NDArray[np.int64]
    thresholds: npt.NDArray[Any]
    tps: npt.NDArray[Any]
    fps: npt.NDArray[Any]

    @classmethod
    def of(cls, curves: Mapping[str, Curve]) -> "JoinedCurves":
        """Join curves: those of one record, whose arrays have the same dtypes."""
        thresholds, tps, fps = (
            np.concatenate([getattr(curve, part) for curve in curves.values()]) if curves else np.zeros(0)
            for part in ("thresholds", "tps", "fps")
        )
        lengths = np.array([len(curve.tps) for curve in curves.values()], np.int64)
        return cls(tuple(curves), lengths, thresholds, tps, fps)

    def split(self) -> dict[str, Curve]:
        """Return class → its `Curve`."""
        cuts = np.cumsum(self.lengths)[:-1]
        parts = (np.split(array, cuts) for array in (self.thresholds, self.tps, self.fps))
        return {name: Curve(*arrays) for name, *arrays in zip(self.names, *parts, strict=True)} if self.names else {}


@dataclass(frozen=True, slots=True, eq=False)
class PackedRecord:
    """An `EpochRecord` whose large arrays are packed.

    Attributes:
        plain: the record without counts and curves.
        counts: the arrays of its counts, see `arrays_of`.
        curves: the lengths, thresholds, tps and fps of its curves.
        names: the class of each curve.
    """

    plain: EpochRecord
    counts: tuple[Stored, ...]
    curves: tuple[Stored, ...]
    names: tuple[str, ...]

    @classmethod
    def of(cls, record: EpochRecord) -> "PackedRecord":
        """Pack a record."""
        joined, arrays = JoinedCurves.of(record.curves), arrays_of(record.counts).values()
        names = record.class_names if joined.names == record.class_names else joined.names
        return cls(
            replace(record, counts=np.zeros(0), curves={}),
            tuple(map(packed, arrays)),
            tuple(map(packed, (joined.lengths, joined.thresholds, joined.tps, joined.fps))),
            names,
        )

    def unpack(self) -> EpochRecord:
        """Return the record; its arrays are new ones."""
        curves = JoinedCurves(self.names, *map(unpacked, self.curves)).split()
        return replace(self.plain, counts=self._counts(), curves=curves)

    def matrix(self) -> npt.NDArray[Any]:
        """Return the confusion matrix, see `EpochRecord.matrix`."""
        return replace(self.plain, counts=self._counts()).matrix()

    def _counts(self) -> Counts | npt.NDArray[Any]:
        first, *others = map(unpacked, self.counts)
        if others:
            return Counts(first, others[0], others[1], len(self.plain.class_names))
        return first if self.plain.kind == "multilabel" else counts_of_table(first)


StoredRecord = EpochRecord | PackedRecord | None


@dataclass(frozen=True, slots=True, eq=False)
class MatrixOf:
    """The confusion matrix of a record, which is not kept a second time.

    Attributes:
        output: the output that the record is of.
        record: the record.
        shape: the shape of the matrix.
    """

    output: str | None
    record: EpochRecord | PackedRecord
    shape: tuple[int, ...]

    @property
    def ndim(self) -> int:
        """The number of axes, as NumPy's arrays have it."""
        return len(self.shape)

    def unpack(self) -> npt.NDArray[Any]:
        """Return the matrix, a new one each time."""
        return self.record.matrix()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        """Return the matrix for NumPy's functions."""
        array = self.unpack()
        return array if dtype is None else array.astype(dtype)


class StoredTallies(Sequence[dict[str | None, EpochRecord | None]]):
    """A list of the records of each epoch, by output; those that are packed are unpacked when they are read."""

    def __init__(self) -> None:
        self._stored: list[dict[str | None, StoredRecord]] = []

    def append(self, tallies: dict[str | None, StoredRecord]) -> None:
        """Add the records of an epoch; `stored` has packed them."""
        self._stored.append(tallies)

    def stored_at(self, index: int) -> dict[str | None, StoredRecord]:
        """Return the records of an epoch as they are kept."""
        return self._stored[index]

    def __len__(self) -> int:
        return len(self._stored)

    @overload
    def __getitem__(self, index: int) -> dict[str | None, EpochRecord | None]: ...
    @overload
    def __getitem__(self, index: slice) -> list[dict[str | None, EpochRecord | None]]: ...
    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return [_unpacked(tallies) for tallies in self._stored[index]]
        return _unpacked(self._stored[index])

    def __iter__(self) -> Iterator[dict[str | None, EpochRecord | None]]:
        return map(_unpacked, self._stored)


def stored(record: StoredRecord) -> StoredRecord:
    """Return a record as it is kept: packed, if it is large."""
    if not isinstance(record, EpochRecord) or _size(record) <= _LARGE_RECORD or not are_alike(record.curves):
        return record
    return PackedRecord.of(record)


def arrays_of(counts: Counts | npt.NDArray[Any]) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays that counts are kept and written as, by name.

    "tables" of labels; the cells that occur, as "y_true", "y_pred" and "weight"; or, where many cells occur and the
    rows have no weights, the whole "matrix", which takes less space then.
    """
    if isinstance(counts, np.ndarray):
        return {"tables": counts}
    cells = {"y_true": counts.y_true, "y_pred": counts.y_pred, "weight": counts.weight}
    if len(counts.weight) <= max(LARGE, counts.n_classes**2 // 4) or counts.weight.dtype != np.int64:
        return cells
    matrix = counts.matrix()
    same = counts_of_table(matrix)
    is_same = all(np.array_equal(getattr(same, name), array) for name, array in cells.items())
    return {"matrix": matrix} if is_same else cells  # a cell may occur with a count of 0


def counts_of_table(matrix: npt.NDArray[Any]) -> Counts:
    """Return the counts of a C × C matrix, of the cells that are not 0."""
    y_true, y_pred = np.nonzero(matrix)
    return Counts(y_true, y_pred, matrix[y_true, y_pred], len(matrix))


def are_alike(curves: Mapping[str, Curve]) -> bool:
    """Return whether the arrays of curves have the same dtypes, as those of one tally, so that they can be joined."""
    return len({(curve.thresholds.dtype, curve.tps.dtype, curve.fps.dtype) for curve in curves.values()}) < 2


def stored_value(
    value: Any, tallies: Mapping[str | None, StoredRecord], kept: Mapping[str | None, StoredRecord]
) -> Any:
    """Return the value of a score as it is kept: a large array packed, and the matrix of a record as a `MatrixOf`.

    Args:
        value: the value.
        tallies: the records of the epoch, by output.
        kept: the same as they are kept.
    """
    if not isinstance(value, np.ndarray):
        return value
    if value.size > LARGE and value.ndim > 1:
        for output, record in tallies.items():
            own = kept[output]
            if record is not None and own is not None and _is_matrix_of(value, record):
                return MatrixOf(output, own, value.shape)
    return packed(value)


def unpacked(array: Stored) -> Any:
    """Return an array that may be packed."""
    return array.unpack() if isinstance(array, PackedArray) else array


def _is_matrix_of(value: npt.NDArray[Any], record: EpochRecord | PackedRecord) -> bool:
    matrix = record.matrix()
    return matrix.dtype == value.dtype and np.array_equal(matrix, value)


def _size(record: EpochRecord) -> int:
    counts = record.counts
    size = counts.size if isinstance(counts, np.ndarray) else 3 * len(counts.weight)
    return size + 3 * sum(len(curve.tps) for curve in record.curves.values())


def _unpacked(tallies: dict[str | None, StoredRecord]) -> dict[str | None, EpochRecord | None]:
    return {
        output: record.unpack() if isinstance(record, PackedRecord) else record for output, record in tallies.items()
    }
