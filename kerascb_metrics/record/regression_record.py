"""What is kept of the rows of one epoch of a regression: some of them, evenly spaced."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from kerascb_metrics.interpret.labeled_rows import LabeledRows

# Of each output; a row of a column takes 8 bytes.
MOST_ROWS, MOST_COLUMNS = 1_000, 4
# Rows times columns of all outputs of an epoch: as base64 in a file they take less than 64 KiB.
_MOST_POINTS = 4_800
_LARGEST = np.finfo(np.float32).max


@dataclass(frozen=True, slots=True, eq=False)
class SampledColumn:
    """Some rows of one column, without those that were left out.

    Attributes:
        true: their targets, float32.
        predicted: their outputs, float32.
        n_rows: how many rows the column has in the whole pass.
    """

    true: npt.NDArray[np.float32]
    predicted: npt.NDArray[np.float32]
    n_rows: int

    def __post_init__(self) -> None:
        """Make the arrays read-only: this is a record."""
        self.true.setflags(write=False)
        self.predicted.setflags(write=False)

    @property
    def residuals(self) -> npt.NDArray[np.float64]:
        """True minus predicted, of each row."""
        return self.true.astype(np.float64) - self.predicted

    @property
    def words(self) -> str:
        """Which rows these are.

        >>> zeros = np.zeros(2, "float32")
        >>> SampledColumn(zeros, zeros, 25_000).words, SampledColumn(zeros, zeros, 2).words
        ('2 of 25,000 rows, evenly spaced', 'all 2 rows')
        """
        shown = len(self.true)
        if shown < self.n_rows:
            return f"{shown:,} of {self.n_rows:,} rows, evenly spaced"
        return f"all {shown:,} rows" if shown > 1 else "the only row" if shown else "no row"


@dataclass(frozen=True, slots=True, eq=False)
class RegressionRecord:
    """What is kept of the rows of one epoch of a regression, whatever the number of rows.

    Attributes:
        columns: a `SampledColumn` of each of the first columns, at most four.
        n_columns: how many columns the outputs have.
        weighted: whether the rows have sample weights, which are not kept.
    """

    columns: tuple[SampledColumn, ...]
    n_columns: int
    weighted: bool = False

    @classmethod
    def of(cls, labeled: LabeledRows, most_rows: int = MOST_ROWS) -> "RegressionRecord":
        """Return the record of the rows of a pass.

        Args:
            labeled: rows of a regression.
            most_rows: how many to keep, evenly spaced, among them the first and the last.
        """
        n_columns = n_columns_of(labeled)
        whole = labeled if labeled.y_true.ndim == 2 else None
        own = (labeled if whole is None else whole.column(index) for index in range(min(n_columns, MOST_COLUMNS)))
        return cls(tuple(_sampled(column, most_rows) for column in own), n_columns, labeled.sample_weight is not None)


def n_columns_of(labeled: LabeledRows) -> int:
    """Return how many columns the rows of a regression have."""
    return 1 if labeled.y_true.ndim == 1 else labeled.y_true.shape[1]


def rows_each(n_columns: Iterable[int]) -> int:
    """Return how many rows are kept of each output of a regression.

    Args:
        n_columns: the number of columns of each output.

    >>> rows_each([1]), rows_each([7, 1]), rows_each([7, 7])
    (1000, 960, 600)
    """
    kept = sum(min(columns, MOST_COLUMNS) for columns in n_columns)
    return max(2, min(MOST_ROWS, _MOST_POINTS // max(1, kept)))


def evenly_spaced(n_rows: int, most: int) -> npt.NDArray[np.intp]:
    """Return the numbers of at most so many rows, evenly spaced, among them the first and the last.

    >>> evenly_spaced(10, 4).tolist(), evenly_spaced(3, 4).tolist()
    ([0, 3, 6, 9], [0, 1, 2])
    """
    return np.round(np.linspace(0, n_rows - 1, min(n_rows, most))).astype(np.intp)


def _sampled(column: LabeledRows, most_rows: int) -> SampledColumn:
    at = evenly_spaced(len(column), most_rows)
    return SampledColumn(_as_float32(column.y_true[at]), _as_float32(column.outputs[at]), len(column))


def _as_float32(values: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Return the values as float32; what it cannot hold becomes its largest number."""
    return np.clip(values.astype(np.float64), -_LARGEST, _LARGEST).astype(np.float32)
