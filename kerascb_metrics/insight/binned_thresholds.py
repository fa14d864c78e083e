"""The threshold that a score chooses for rows of which only counts in bins are left; it lies between two bins."""

from dataclasses import replace

import numpy as np

from kerascb_metrics.insight.objective import Objective
from kerascb_metrics.insight.sorted_rows import Folds, SortedRows
from kerascb_metrics.insight.thresholds import Fitted, fitted
from kerascb_metrics.interpret.weights import FOUR_FACTORS, tamed
from kerascb_metrics.tally.chosen import ChosenThreshold
from kerascb_metrics.tally.counts import Counts
from kerascb_metrics.tally.streaming import StreamingTally


def with_chosen_threshold_of_bins(tally: StreamingTally, objective: Objective) -> StreamingTally:
    """Return a tally whose counts are those of the thresholds that a score chooses, for each fold by the other four.

    Args:
        tally: of a binary or multilabel task, with its folds.
        objective: what is best, without `at_least`.
    """
    if tally.undefined:
        columns = 1 if tally.kind == "binary" else len(tally.classes)
        return replace(
            tally, chosen=ChosenThreshold(np.full(columns, np.nan), np.full((len(tally.folds), columns), np.nan))
        )
    assert tally.bins is not None
    found, tables = [], []
    for index in range(len(tally.bins)):
        bins = np.stack([own.bins[index] for own in tally.folds if own.bins is not None])
        chosen = fitted(_folds_of(tally, tamed(bins, FOUR_FACTORS)), objective, tally.labeling, default=np.nan)
        found.append(chosen)
        tables.append(np.sum([_table(tally, fold, index, own, chosen) for fold, own in enumerate(bins)], axis=0))
    thresholds = ChosenThreshold(
        np.array([own.threshold for own in found]), np.stack([own.cuts for own in found], axis=1)
    )
    summed = _counts_of(tables[0]) if tally.kind == "binary" else np.stack(tables)
    return replace(tally, summed=summed, chosen=thresholds, memo={})


def _folds_of(tally: StreamingTally, bins: np.ndarray) -> Folds:
    assert tally.binning is not None
    parts = [[SortedRows.of_bins(counts, tally.binning, tally.dtype) for counts in table] for table in bins]
    return Folds([(zeros, ones) for zeros, ones in parts])


def _table(tally: StreamingTally, fold: int, index: int, bins: np.ndarray, chosen: Fitted) -> np.ndarray:
    """Return [[tn, fp], [fn, tp]] of a class or label in one fold, by its threshold; without one by the default."""
    own = tally.folds[fold]
    if np.isnan(chosen.cuts[fold]):
        default: np.ndarray = own.matrix if tally.kind == "binary" else own.label_tables[index]
        return default
    assert tally.binning is not None
    # Bins that hold nothing have nan for their ends, and no row.
    is_above = tally.binning.highest.astype(tally.dtype) > chosen.cuts[fold]
    return np.stack([bins[:, ~is_above].sum(axis=1), bins[:, is_above].sum(axis=1)], axis=1)


def _counts_of(table: np.ndarray) -> Counts:
    y_true, y_pred = np.nonzero(table)
    return Counts(y_true, y_pred, table[y_true, y_pred], 2)
