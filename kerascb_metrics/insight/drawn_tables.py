"""Intervals of scores of a whole confusion matrix, by drawing others that might have come. The seed is fixed."""

import numpy as np
import numpy.typing as npt

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
    y_true, y_pred = np.nonzero(matrix)
    counts = matrix[y_true, y_pred].astype(np.float64)
    resamples = int(np.clip(_MOST_CELLS // len(counts), _FEWEST_RESAMPLES, _RESAMPLES))
    total = max(1, round(counts.sum()))
    drawn = np.random.default_rng(_SEED).multinomial(total, counts / counts.sum(), resamples).T.astype(np.float64)
    values = table_score(name, _cells_of(y_true, y_pred, drawn, len(matrix)), average, zero_division=zero_division)
    return _percentiles(values, level, "bootstrap of the confusion matrix")


def _cells_of(y_true: npt.NDArray[np.intp], y_pred: npt.NDArray[np.intp], drawn: Masses, classes: int) -> Cells:
    """The four cells of each class of K matrices, of which (M, K) cells are drawn."""
    true, predicted, right = np.zeros((3, classes, drawn.shape[1]))
    np.add.at(true, y_true, drawn)
    np.add.at(predicted, y_pred, drawn)
    own = y_true == y_pred
    right[y_true[own]] = drawn[own]
    return Cells(right, predicted - right, true - right, drawn.sum(axis=0) - predicted - true + right)


def _percentiles(values: Masses, level: float, method: str) -> ConfidenceInterval:
    values = values[~np.isnan(values)]
    if not len(values):
        return unknown("it is 0/0")
    low, high = np.quantile(values, [0.5 - level / 2, 0.5 + level / 2])
    return ConfidenceInterval(low, high, method)
