"""The tally of each group of samples, of rows that are kept and of rows that are only counted."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from kerascb_metrics.interpret.grouping import rows_by_number
from kerascb_metrics.interpret.slices import Slicing
from kerascb_metrics.tally.checksum import checksum
from kerascb_metrics.tally.counts import Counts, label_tables
from kerascb_metrics.tally.exact import ExactTally
from kerascb_metrics.tally.streaming import StreamingTally


def rows_of_groups(tally: ExactTally, slicing: Slicing) -> Iterator[ExactTally | None]:
    """Yield the tally of the rows of each group; None for a group without rows.

    Args:
        tally: the rows of all samples.
        slicing: the groups of the samples.
    """
    numbers = slicing.grouping.numbers[tally.numbers_of_samples]
    for rows in rows_by_number(numbers, len(slicing.keys)):
        yield tally.of_rows(rows) if len(rows) else None


@dataclass(eq=False)
class SlicedCounts:
    """Counts the rows of each group, part by part.

    Attributes:
        slicings: what divides the samples.
        samples: how many samples there were so far.
        checksum: of the targets of these rows.
    """

    slicings: Sequence[Slicing]
    samples: int = 0
    checksum: int = 0
    _counted: list["_Counted"] = field(default_factory=list)

    def add(self, part: ExactTally) -> None:
        """Add some rows, whose labels are known."""
        first, self.samples = self.samples, self.samples + part.samples
        self.checksum = checksum(part, self.checksum)
        if self.samples > len(self.slicings[0].grouping):
            return  # whoever asks for the tallies will see that there are too many samples
        if not self._counted:
            self._counted = [_Counted(len(own.keys), len(part.classes)) for own in self.slicings]
        for slicing, counted in zip(self.slicings, self._counted, strict=True):
            counted.add(part, slicing.grouping.numbers[first : self.samples][part.numbers_of_samples])

    def tallies(self, whole: StreamingTally) -> list[list[StreamingTally | None]]:
        """Return of each slicing the tally of each group; None for a group without rows.

        Args:
            whole: the tally of all rows.
        """
        return [counted.tallies(whole) for counted in self._counted]


class _Counted:
    """The counts of the groups of one slicing."""

    def __init__(self, groups: int, classes: int) -> None:
        self._groups, self._classes = groups, classes
        self._rows = np.zeros(groups, np.int64)
        self._sum: Counts | np.ndarray | None = None

    def add(self, part: ExactTally, numbers: npt.NDArray[np.integer]) -> None:
        self._rows += np.bincount(numbers, minlength=self._groups)
        own = self._tables(part, numbers) if part.kind == "multilabel" else self._pairs(part, numbers)
        self._sum = own if self._sum is None else self._sum + own

    def _pairs(self, part: ExactTally, numbers: npt.NDArray[np.integer]) -> Counts:
        """Count pairs (true, predicted), each class once for each group."""
        first = numbers.astype(np.int64) * self._classes
        return Counts.of(first + part.y_true, first + part.y_pred, self._groups * self._classes, part.sample_weight)

    def _tables(self, part: ExactTally, numbers: npt.NDArray[np.integer]) -> np.ndarray:
        found = []
        for group in range(self._groups):
            rows = numbers == group
            weight, present = (None if own is None else own[rows] for own in (part.sample_weight, part.labeled.present))
            found.append(label_tables(part.y_true[rows], part.y_pred[rows], weight, present))
        return np.stack(found)

    def tallies(self, whole: StreamingTally) -> list[StreamingTally | None]:
        return [
            replace(whole, total=rows, summed=self._of_group(group), bins=None, samples=None, memo={}) if rows else None
            for group, rows in enumerate(self._rows.tolist())
        ]

    def _of_group(self, group: int) -> Counts | np.ndarray:
        summed = self._sum
        if not isinstance(summed, Counts):
            assert summed is not None
            tables: np.ndarray = summed[group]
            return tables
        own, first = summed.y_true // self._classes == group, group * self._classes
        return Counts(summed.y_true[own] - first, summed.y_pred[own] - first, summed.weight[own], self._classes)
