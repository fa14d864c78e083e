"""Counts and bins of five parts of the samples, for a threshold that a score is to choose."""

from dataclasses import replace
from functools import reduce

import numpy as np

from kerascb_metrics.interpret.join import Rows
from kerascb_metrics.interpret.labeled_rows import LabeledRows
from kerascb_metrics.tally.exact import ExactTally
from kerascb_metrics.tally.folds import FOLDS
from kerascb_metrics.tally.streaming import Accumulator, StreamingTally, joined


class FoldedAccumulator:
    """Adds up the `LabeledRows` of one output, part by part, for each fold of its samples.

    Args:
        precision: as in `Accumulator`.
        process: the process that counts the rows, where each one counts its own.
    """

    def __init__(self, precision: bool = False, process: int = 0) -> None:
        self._folds = [Accumulator(True, precision, labelled=False) for _ in range(FOLDS)]
        self._process, self._samples, self._of_positions = process, 0, False

    def add(self, labeled: LabeledRows, dtype: str, rows: Rows) -> None:
        """Add some rows, see `Accumulator.add`.

        Args:
            labeled: the rows.
            dtype: the name of the dtype that the model computed the outputs in.
            rows: the same before they were flattened.
        """
        part = ExactTally(labeled, rows=rows)
        folds = part.folds_from(self._samples, self._process)
        self._samples += part.samples
        for fold, own in enumerate(self._folds):
            own.add(labeled.select(folds == fold), dtype)
        self._of_positions |= part.of_positions

    def tally(self) -> StreamingTally:
        """Return the `StreamingTally` of all rows so far, with its folds; at least one part was added."""
        folds = [own.tally() for own in self._folds]
        whole = reduce(joined, folds)
        folds = [replace(own, rule=whole.rule) for own in folds]
        bins = np.sum([own.bins for own in folds if own.bins is not None], axis=0)
        return replace(whole, bins=bins, folds=tuple(folds), of_positions=self._of_positions)
