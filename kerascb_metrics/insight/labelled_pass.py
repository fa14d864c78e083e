"""The labels of one pass, true and predicted, as the comparison of two passes takes them."""

import zlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kerascb_metrics.interpret.kinds import Kind
from kerascb_metrics.tally.exact import ExactTally


@dataclass(frozen=True, eq=False)
class PassRows:
    """The rows of a pass without what was predicted for them: those of two epochs must be the same.

    Attributes:
        kind: the kind of task.
        class_names: the name of each class or label.
        y_true: (N,) bool or class indices; of labels (N, L) bool.
        weight: None, or (N,); of elements (N, L).
        present: None, or (N, L) bool: which elements count.
        numbers: None, or (N,) the number of the sample of each row, where the rows are positions of samples.
        fingerprint: a checksum of all of that.
    """

    kind: Kind
    class_names: tuple[str, ...]
    y_true: np.ndarray
    weight: np.ndarray | None
    present: np.ndarray | None
    numbers: npt.NDArray[np.integer] | None
    fingerprint: int

    @classmethod
    def of(cls, tally: ExactTally) -> "PassRows":
        """Take the rows of a tally of classes or labels; the arrays are copies."""
        labeled = tally.labeled
        numbers = tally.numbers_of_samples.astype(np.int32) if tally.of_positions else None
        y_true = labeled.y_true.copy()
        weight = None if labeled.sample_weight is None else labeled.sample_weight.copy()
        present = None if labeled.present is None else labeled.present.copy()
        checked = [y_true, weight, present, labeled.kept, tally.classes]
        return cls(tally.kind, tally.class_names, y_true, weight, present, numbers, _checksum(checked))

    def __len__(self) -> int:
        return len(self.y_true)

    def is_same(self, other: "PassRows") -> bool:
        """Return whether the rows are the same, in the same order."""
        return (self.fingerprint, self.y_true.shape) == (other.fingerprint, other.y_true.shape)


def _checksum(arrays: list[np.ndarray | None]) -> int:
    """Return a CRC-32 of arrays; one bit per bool."""
    found = 0
    for array in arrays:
        if array is None:
            found = zlib.crc32(b"none", found)
        elif array.dtype.kind in "USO":
            found = zlib.crc32(repr(array.tolist()).encode(), found)
        else:
            data = np.packbits(array) if array.dtype == bool else np.ascontiguousarray(array)
            found = zlib.crc32(data.view(np.uint8).data, found)
    return found


@dataclass(frozen=True, eq=False)
class LabelledPass:
    """What a pass predicted for its rows.

    Attributes:
        rows: the `PassRows`.
        y_pred: in the form of `rows.y_true`.
        subject: which pass it is, in words.
    """

    rows: PassRows
    y_pred: np.ndarray
    subject: str
