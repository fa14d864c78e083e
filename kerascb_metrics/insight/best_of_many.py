"""The best of many epochs: what it would score on new rows, and whether it is more than luck.

Of equally good epochs the best looks better than the others by luck alone: of 40 of them it tests as better than the
last one in a quarter of the runs. So its score is corrected, and its test is one of all epochs at a time.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kerascb_metrics.insight.confidence import ConfidenceInterval
from kerascb_metrics.insight.known_scores import KnownScore
from kerascb_metrics.insight.labelled_pass import LabelledPass
from kerascb_metrics.insight.paired import Found, Shares
from kerascb_metrics.insight.table_scores import table_score
from kerascb_metrics.score.averaged import Cells, Masses
from kerascb_metrics.tally.counts import Counts, label_tables
from kerascb_metrics.tally.folds import FOLDS

_SEED, _DRAWS = 20170516, 10_000
_ROWS = 1 << 15  # taken together


@dataclass(frozen=True)
class CorrectedBest:
    """What the best epoch would score on new rows, given that it was chosen among several.

    Attributes:
        value: the score; nan where it is not known.
        epochs: how many epochs it was chosen among.
        reason: why it is nan; "" if it is not.
    """

    value: float
    epochs: int
    reason: str = ""


def fold_tables(given: LabelledPass) -> Masses:
    """Return tp, fp, fn and tn of each class or label in each fold of the samples, (folds, 4, C)."""
    rows, folds = given.rows, given.rows.folds
    labels = rows.kind == "multilabel"
    found = np.empty((FOLDS, 4, len(rows.class_names)))
    for fold in range(FOLDS):
        own = np.flatnonzero(folds == fold)
        weight, present = (None if array is None else array[own] for array in (rows.weight, rows.present))
        y_true, y_pred = rows.y_true[own], given.y_pred[own]
        if labels:
            table = label_tables(y_true, y_pred, weight, present)
        else:
            table = Counts.of(y_true, y_pred, len(rows.class_names), weight).matrix()
        cells = Cells.of_matrices(table, labels=labels)
        found[fold] = np.stack([cell[:, 0] for cell in (cells.tp, cells.fp, cells.fn, cells.tn)])
    return found


def corrected_best(tables: Sequence[Masses], known: KnownScore, index: int, zero_division: float) -> float:
    """Return the score of the best epoch, each fold by the epoch that is best on the other four; scored once.

    Args:
        tables: those of each epoch, as `fold_tables` returns them.
        known: the formula of the score.
        index: the class, for "binary".
        zero_division: as in `table_score`.
    """
    stacked = np.stack(tables)  # (epochs, folds, 4, C)
    others = stacked.sum(axis=1, keepdims=True) - stacked
    values = np.stack([_score(own, known, index, zero_division) for own in others])
    if np.isnan(values).all(axis=0).any():
        return float("nan")
    chosen = np.nanargmax(values, axis=0)
    held_out = stacked[chosen, np.arange(FOLDS)].sum(axis=0)[None]
    return float(_score(held_out, known, index, zero_division)[0])


def _score(tables: Masses, known: KnownScore, index: int, zero_division: float) -> Masses:
    """Return the score of (K, 4, C) cells, (K,)."""
    tp, fp, fn, tn = tables.transpose(1, 2, 0)
    return table_score(known.base, Cells(tp, fp, fn, tn), known.average, index, zero_division)


def max_t(
    chosen: int,
    other: int,
    passes: Sequence[LabelledPass],
    known: KnownScore,
    index: int,
    zero: float,
    level: float,
    numbers: npt.NDArray[np.integer] | None = None,
) -> Found:
    """Return the difference of the best epoch from another one, tested with all epochs at a time.

    The largest of all epochs' studentized differences from the other epoch is compared with that of 10,000 draws of
    differences that vary as these do, around 0 (the max-t method of Westfall and Young 1993).

    Args:
        chosen: the place of the best epoch in `passes`.
        other: the place of the epoch that all are compared with.
        passes: all epochs.
        known: the formula of the score.
        index: the class, for "binary".
        zero: as `zero_division` in `table_score`.
        level: the confidence level.
        numbers: see `paired_delta`.
    """
    shares = [Shares.of(own, known, index, zero) for own in passes]
    differences = np.array([own.value - shares[other].value for own in shares])
    covariance = _covariance(shares, other, passes[0].rows.clusters if numbers is None else numbers)
    errors = np.sqrt(np.diag(covariance))
    method = f"paired delta method, max-t over {len(passes)} epochs"
    if errors[chosen] <= 0:
        difference = float(differences[chosen])
        return Found(difference, ConfidenceInterval(difference, difference, method), 1.0, method)
    varying = np.flatnonzero(errors > 0)
    correlation = covariance[np.ix_(varying, varying)] / np.outer(errors[varying], errors[varying])
    drawn = np.random.default_rng(_SEED).multivariate_normal(
        np.zeros(len(varying)), correlation, _DRAWS, method="eigh", check_valid="ignore"
    )
    largest = np.abs(drawn).max(axis=1)
    difference, error = float(differences[chosen]), float(errors[chosen])
    half = float(np.quantile(largest, level)) * error
    pvalue = float((1 + np.count_nonzero(largest >= abs(difference) / error)) / (1 + _DRAWS))
    return Found(difference, ConfidenceInterval(difference - half, difference + half, method), pvalue, method)


def _covariance(shares: Sequence[Shares], other: int, numbers: npt.NDArray[np.integer] | None) -> Masses:
    """Return the covariance of the differences of all epochs from one, (epochs, epochs)."""
    rows = shares[0].given.rows
    summed: npt.NDArray[np.float64] = np.zeros((len(shares), len(shares)))
    if numbers is not None:
        own = np.stack([np.bincount(numbers, one.of_rows()) for one in shares])
        own = own - own[other]
        return len(own[0]) * np.cov(own)
    count = len(rows)
    for start in range(0, count, _ROWS):
        part = slice(start, start + _ROWS)
        own = np.stack([one.of_rows(part) for one in shares])
        own -= own[other]
        summed += own @ own.T
    return summed * count / max(1, count - 1)  # the means are 0
