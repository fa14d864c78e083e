"""The labels of one pass, true and predicted, as the comparison of two passes takes them."""

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from kerascb_metrics.interpret.kinds import Kind
from kerascb_metrics.tally.folds import folds_of

if TYPE_CHECKING:  # it needs Keras, and a table of a file is shown without Keras
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
    def of(cls, tally: "ExactTally", known: "PassRows | None" = None) -> "PassRows":
        """Take the rows of a tally of classes or labels; the arrays are copies.

        Args:
            tally: the tally.
            known: the rows of another pass: returned if these are the same.
        """
        labeled = tally.labeled
        y_true, weight, present = labeled.y_true, labeled.sample_weight, labeled.present
        fingerprint = _checksum([y_true, weight, present, labeled.kept, tally.classes])
        if known is not None and (known.fingerprint, known.y_true.shape) == (fingerprint, y_true.shape):
            return known
        numbers = tally.numbers_of_samples.astype(np.int32) if tally.of_positions else None
        own_weight, own_present = (None if array is None else array.copy() for array in (weight, present))
        return cls(tally.kind, tally.class_names, y_true.copy(), own_weight, own_present, numbers, fingerprint)

    def __len__(self) -> int:
        return len(self.y_true)

    @property
    def folds(self) -> npt.NDArray[np.uint8]:
        """The fold of each row, that of its sample."""
        return folds_of(np.arange(len(self)) if self.numbers is None else self.numbers)

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
