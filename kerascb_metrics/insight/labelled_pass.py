"""The labels of one pass, true and predicted, as the comparison of two passes takes them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from kerascb_metrics.interpret.grouping import Grouping
from kerascb_metrics.interpret.kinds import Kind
from kerascb_metrics.tally.checksum import checksum
from kerascb_metrics.tally.folds import folds_of

if TYPE_CHECKING:  # it needs Keras, and a table of a file is shown without Keras
    from kerascb_metrics.tally.exact import ExactTally


# Of more rows than this, which take 1 MiB per epoch, nothing is kept where rows are only counted.
_MOST_ROWS = 1 << 23


@dataclass(frozen=True, eq=False)
class PassRows:
    """The rows of a pass without what was predicted for them: those of two epochs must be the same.

    Attributes:
        kind: the kind of task.
        class_names: the name of each class or label.
        y_true: (N,) bool or class indices; of labels (N, L) bool.
        weight: None, or (N,); of elements (N, L).
        present: None, or (N, L) bool: which elements count.
        numbers: (N,) the number of the sample of each row; None: each row is the sample of its number.
        of_positions: whether rows are positions of samples, so that those of a sample depend on each other.
        samples: the number of samples, those without a row among them.
        fingerprint: a checksum of all of that.
        only_right: whether all that is known of each row is whether it is right: then class 1, which each row should
            be of, means that.
    """

    kind: Kind
    class_names: tuple[str, ...]
    y_true: np.ndarray
    weight: np.ndarray | None
    present: np.ndarray | None
    numbers: npt.NDArray[np.integer] | None
    of_positions: bool
    samples: int
    fingerprint: int
    only_right: bool = False

    @classmethod
    def of(cls, tally: "ExactTally", known: "PassRows | None" = None) -> "PassRows":
        """Take the rows of a tally of classes or labels; the arrays are copies.

        Args:
            tally: the tally.
            known: the rows of another pass: returned if these are the same.
        """
        labeled = tally.labeled
        y_true, weight, present = labeled.y_true, labeled.sample_weight, labeled.present
        fingerprint = checksum(tally)
        if known is not None and (known.fingerprint, known.y_true.shape) == (fingerprint, y_true.shape):
            return known
        is_plain = not tally.of_positions and labeled.kept is None
        own_weight, own_present = (None if array is None else array.copy() for array in (weight, present))
        return cls(
            kind=tally.kind,
            class_names=tally.class_names,
            y_true=y_true.copy(),
            weight=own_weight,
            present=own_present,
            numbers=None if is_plain else tally.numbers_of_samples.astype(np.min_scalar_type(tally.samples)),
            of_positions=tally.of_positions,
            samples=tally.samples,
            fingerprint=fingerprint,
        )

    def __len__(self) -> int:
        return len(self.y_true)

    @property
    def folds(self) -> npt.NDArray[np.uint8]:
        """The fold of each row, that of its sample."""
        return folds_of(np.arange(len(self)) if self.numbers is None else self.numbers)

    @property
    def clusters(self) -> npt.NDArray[np.integer] | None:
        """The number of the sample of each row where those of a sample depend on each other, else None."""
        return self.numbers if self.of_positions else None

    def groups_of(self, groups: object) -> npt.NDArray[np.integer]:
        """Return the number of the group of each row, see `numbers_of_groups`."""
        return numbers_of_groups(groups, self.samples, self.numbers)

    def is_same(self, other: "PassRows") -> bool:
        """Return whether the rows are the same, in the same order."""
        return (self.fingerprint, self.y_true.shape) == (other.fingerprint, other.y_true.shape)


def numbers_of_groups(groups: object, samples: int, numbers: npt.NDArray[np.integer] | None) -> npt.NDArray[np.integer]:
    """Return the number of the group of each row, (N,), from 0.

    Args:
        groups: as in `Grouping.of`.
        samples: the number of samples.
        numbers: (N,) the sample of each row; None: each row is the sample of its number.

    >>> numbers_of_groups(["b", "a", "b"], 3, None).tolist()
    [1, 0, 1]
    """
    found = Grouping.of(groups, samples).numbers
    return found if numbers is None else found[numbers]


@dataclass(frozen=True, eq=False)
class LabelledPass:
    """What a pass predicted for its rows.

    Attributes:
        rows: the `PassRows`.
        y_pred: in the form of `rows.y_true`.
        subject: which pass it is, in words.
        scores: None, or (N,) what ranked the rows of a binary task: high for class 1.
    """

    rows: PassRows
    y_pred: np.ndarray
    subject: str
    scores: np.ndarray | None = None


class RightOrWrong:
    """Which rows a pass got right, part by part, one bit each: all that is kept of rows that are only counted."""

    def __init__(self) -> None:
        self._parts: list[tuple[npt.NDArray[np.uint8], int]] = []  # the bits, and how many
        self._rows = self._checksum = 0
        self._possible = True

    def add(self, part: "ExactTally") -> None:
        """Add some rows; those of samples with positions, of labels and of weights are not kept."""
        is_plain = part.kind in ("binary", "multiclass", "ordinal") and not (part.weighted or part.of_positions)
        self._rows += len(part)
        self._possible &= is_plain and not part.undefined and self._rows <= _MOST_ROWS
        if self._possible:
            self._parts.append((np.packbits(part.y_pred == part.y_true), len(part)))
            self._checksum = checksum(part, self._checksum)
        else:
            self._parts.clear()

    def labelled(self) -> LabelledPass | None:
        """Return the pass as one of two classes, wrong and right, of which every row should be right; or None."""
        if not self._possible or not self._parts:
            return None
        right = np.concatenate([np.unpackbits(bits, count=count) for bits, count in self._parts]).astype(bool)
        rows = PassRows(
            kind="binary",
            class_names=("wrong", "right"),
            y_true=np.ones(len(right), bool),
            weight=None,
            present=None,
            numbers=None,
            of_positions=False,
            samples=len(right),
            fingerprint=self._checksum,
            only_right=True,
        )
        return LabelledPass(rows, right, "")
