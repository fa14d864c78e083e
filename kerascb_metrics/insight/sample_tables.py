"""Rows that depend on each other: the counts of each sample, and how much a score varies between samples.

The pixels of an image, the tokens of a sentence and the labels of a row are no independent rows: an interval that takes
them for such covers the truth in a fifth of the cases. Samples are independent. So each sample is counted by itself,
and the score is linearized: its variance is that of the sum of the samples' shares in it (the delta method).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kerascb_metrics.insight.table_scores import table_score
from kerascb_metrics.score.averaged import Cells, Masses
from kerascb_metrics.tally.delong import Spread
from kerascb_metrics.tally.exact import ExactTally
from kerascb_metrics.tally.sample_cells import cells_of_samples

# How far a count is moved to see how the score follows, as a share of it.
_STEP = 1e-3
_AT_ONCE = 1 << 22


@dataclass(frozen=True, eq=False)
class SampleTables:
    """The four cells of each class, or label, in each sample.

    Attributes:
        cells: (S, 4, C) float64: tp, fp, fn, tn.
    """

    cells: Masses

    @classmethod
    def of(cls, tally: ExactTally, numbers: npt.NDArray[np.integer]) -> "SampleTables":
        """Count the rows of each sample; the arguments are those of `cells_of_samples`."""
        return cls(cells_of_samples(tally, numbers))

    def spread(self, name: str, average: str, pos_index: int, zero_division: float) -> Spread | None:
        """Return how much a score varies; None for a single sample.

        Args:
            name: the score, see `table_score`.
            average: as in `table_score`.
            pos_index: the class, for "binary".
            zero_division: as in `table_score`.
        """
        samples = len(self.cells)
        if samples < 2:
            return None
        slopes = slopes_of(self.cells.sum(axis=0), name, average, pos_index, zero_division)
        shares = self.cells.reshape(samples, -1) @ slopes.ravel()
        return Spread(float(samples * np.var(shares, ddof=1)), samples - 1.0)


def slopes_of(total: Masses, name: str, average: str, pos_index: int, zero_division: float) -> Masses:
    """Return the derivative of a score by each of (4, C) counts: tp, fp, fn and tn of each class.

    Args:
        total: (4, C).
        name: the score, see `table_score`.
        average: as in `table_score`.
        pos_index: the class, for "binary".
        zero_division: as in `table_score`.
    """
    flat = total.ravel()
    steps = _STEP * np.maximum(flat, 1.0)
    backward = np.where(flat > steps, steps, 0.0)
    found = np.empty(len(flat))
    at_once = max(1, _AT_ONCE // len(flat))
    for start in range(0, len(flat), at_once):
        own = np.arange(start, min(start + at_once, len(flat)))
        ends = []
        for moved in (steps, -backward):
            tables = np.repeat(flat[:, None], len(own), axis=1)
            tables[own, np.arange(len(own))] += moved[own]
            tp, fp, fn, tn = tables.reshape(4, total.shape[1], len(own))
            ends.append(table_score(name, Cells(tp, fp, fn, tn), average, pos_index, zero_division))
        found[own] = (ends[0] - ends[1]) / (steps + backward)[own]
    return np.nan_to_num(found).reshape(total.shape)
