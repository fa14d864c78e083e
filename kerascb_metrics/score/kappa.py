"""Cohen's kappa of a count table, by scikit-learn's formula in its order of operations: the same bits."""

import numpy as np

from kerascb_metrics.interpret.weights import tamed
from kerascb_metrics.score.score import Undefined


def kappa_of(matrix: np.ndarray, classes: np.ndarray, distance: np.ufunc | None = None) -> float:
    """Cohen's kappa of a C × C table, as `sklearn.metrics.cohen_kappa_score` computes it.

    Args:
        matrix: the table, rows true, columns predicted.
        classes: the indices of the classes that count, by the order of their labels.
        distance: makes weights of disagreements from differences of positions in that order: `np.abs` or `np.square`.
            None: all disagreements weigh the same.

    Raises:
        Undefined: if no disagreement is possible.

    >>> kappa_of(np.array([[20, 5], [10, 15]]), np.arange(2))
    0.4
    """
    table = tamed(matrix[classes[:, None], classes]).astype(np.float64, copy=False)
    true, predicted = table.sum(axis=1), table.sum(axis=0)
    total = predicted.sum()
    by_chance = np.outer(predicted, true)
    if total:
        by_chance /= total
    _weigh(table, distance)
    _weigh(by_chance, distance)
    expected = by_chance.sum()
    if expected == 0:
        raise Undefined("true and predicted labels are all of one class")
    return float(1 - table.sum() / expected)


def _weigh(table: np.ndarray, distance: np.ufunc | None) -> None:
    """Multiply the cells of a table by the weight of their disagreement, in place."""
    if distance is None:
        np.fill_diagonal(table, 0.0)
    else:
        positions = np.arange(len(table), dtype=np.float64)
        differences = positions - positions[:, None]
        table *= distance(differences, out=differences)
