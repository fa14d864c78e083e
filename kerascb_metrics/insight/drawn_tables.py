"""Intervals of scores of a whole confusion matrix, by drawing others that might have come. The seed is fixed."""

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from kerascb_metrics.insight.confidence import ConfidenceInterval, unknown
from kerascb_metrics.insight.table_scores import table_score
from kerascb_metrics.score.averaged import Cells, Masses

_SEED = 20170516
_DRAWS, _RESAMPLES = 10_000, 1000
# How many cells are drawn in all; of very many classes fewer matrices are drawn.
_MOST_CELLS, _FEWEST_RESAMPLES = 20_000_000, 200
# Classes with fewer rows make an average over classes uncertain in a way that no resampling shows.
FEWEST_ROWS = 10


def of_two_classes(
    matrix: npt.NDArray[np.number], name: str, average: str, level: float, pos_index: int = 1
) -> ConfidenceInterval:
    """Return the interval of a score of a 2 × 2 matrix: percentiles over Dirichlet(counts + ½).

    Args:
        matrix: counts, or the counts that weights are worth.
        name: the score, see `table_score`.
        average: as in `table_score`.
        level: the confidence level.
        pos_index: the positive class.
    """
    drawn = np.random.default_rng(_SEED).standard_gamma(matrix.reshape(4, 1).astype(np.float64) + 0.5, (4, _DRAWS))
    tn, fp, fn, tp = drawn
    cells = Cells(np.stack([tn, tp]), np.stack([fn, fp]), np.stack([fp, fn]), np.stack([tp, tn]))
    return _percentiles(table_score(name, cells, average, pos_index), level, "Dirichlet of the confusion matrix")


def of_classes(
    matrix: npt.NDArray[np.number], name: str, average: str, level: float, zero_division: float
) -> ConfidenceInterval:
    """Return the interval of a score of a C × C matrix: percentiles over a bootstrap of its rows.

    Args:
        matrix: as in `of_two_classes`.
        name: the score, see `table_score`.
        average: as in `table_score`.
        level: the confidence level.
        zero_division: as in `table_score`.
    """
    rows = matrix.sum(axis=1).astype(np.float64)
    if (few := rows[rows > 0].min(initial=np.inf)) < FEWEST_ROWS:
        return unknown(f"a class has {few:.3g} rows, and an average over classes needs {FEWEST_ROWS} of each")
    cells = _drawn_cells(matrix.tobytes(), matrix.dtype.str, len(matrix))
    values = table_score(name, cells, average, zero_division=zero_division)
    return _percentiles(values, level, "bootstrap of the confusion matrix")


@lru_cache(maxsize=1)  # one after the other, the scores of an epoch are asked for
def _drawn_cells(content: bytes, dtype: str, classes: int) -> Cells:
    """The four cells of each class of many matrices that might have come in the place of one, given by its bytes."""
    matrix = np.frombuffer(content, dtype).reshape(classes, classes)
    y_true, y_pred = np.nonzero(matrix)
    counts = matrix[y_true, y_pred].astype(np.float64)
    resamples = int(np.clip(_MOST_CELLS // len(counts), _FEWEST_RESAMPLES, _RESAMPLES))
    total = max(1, round(counts.sum()))
    drawn = np.random.default_rng(_SEED).multinomial(total, counts / counts.sum(), resamples).T.astype(np.float64)
    return _cells_of(y_true, y_pred, drawn, classes)


def _cells_of(y_true: npt.NDArray[np.intp], y_pred: npt.NDArray[np.intp], drawn: Masses, classes: int) -> Cells:
    """The four cells of each class of K matrices, of which (M, K) cells are drawn."""
    true, predicted = _summed(y_true, drawn, classes), _summed(y_pred, drawn, classes)
    own = y_true == y_pred
    right = np.zeros((classes, drawn.shape[1]))
    right[y_true[own]] = drawn[own]
    return Cells(right, predicted - right, true - right, drawn.sum(axis=0) - predicted - true + right)


def _summed(places: npt.NDArray[np.intp], drawn: Masses, classes: int) -> Masses:
    """The sums of the rows of `drawn` that have the same place, (classes, K); `np.add.at` takes five times as long."""
    count = len(places)
    summed: Masses = csr_array((np.ones(count), (places, np.arange(count))), shape=(classes, count)) @ drawn
    return summed


def _percentiles(values: Masses, level: float, method: str) -> ConfidenceInterval:
    values = values[~np.isnan(values)]
    if not len(values):
        return unknown("it is 0/0")
    low, high = np.quantile(values, [0.5 - level / 2, 0.5 + level / 2])
    return ConfidenceInterval(low, high, method)
