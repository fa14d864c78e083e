"""How often each pair (true, predicted) occurs: all that a label score can depend on."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from kerascb_metrics._blocks import blocks

# With more cells than this, a dense count table costs more than sorting the pairs.
_DENSE_CELLS = 2**22

Cells = tuple[np.ndarray, np.ndarray, np.ndarray]


@dataclass(frozen=True, eq=False)
class Counts:
    """The cells of a confusion matrix that occur.

    Attributes:
        y_true, y_pred: class indices of the cells that occur, int64. A cell of rows of weight zero occurs.
        weight: float64 sums of weights, or int64 counts where there are none.
        n_classes: C.
    """

    y_true: np.ndarray
    y_pred: np.ndarray
    weight: np.ndarray
    n_classes: int

    @classmethod
    def of(
        cls, y_true: np.ndarray, y_pred: np.ndarray, n_classes: int, sample_weight: np.ndarray | None = None
    ) -> "Counts":
        """Count (N,) class indices below `n_classes`; weights in float64, counts in int64.

        >>> counts = Counts.of(np.array([0, 1, 1]), np.array([0, 0, 1]), 2)
        >>> counts.matrix()
        array([[1, 0],
               [1, 1]])
        """
        if n_classes**2 > _DENSE_CELLS:
            pairs = y_true.astype(np.int64) * n_classes + y_pred
            cells, inverse, counts = np.unique(pairs, return_inverse=True, return_counts=True)
            weight = counts if sample_weight is None else np.bincount(inverse, sample_weight)
            return cls(cells // n_classes, cells % n_classes, weight, n_classes)
        counts = _cell_counts(y_true, y_pred, n_classes)
        cells = np.flatnonzero(counts)
        weight = counts if sample_weight is None else _cell_weights(y_true, y_pred, n_classes, sample_weight)
        return cls(cells // n_classes, cells % n_classes, weight[cells], n_classes)

    def __add__(self, other: "Counts") -> "Counts":
        """Return the counts of both."""
        cells = np.concatenate([one.y_true * one.n_classes + one.y_pred for one in (self, other)])
        occurring, place = np.unique(cells, return_inverse=True)
        weight = np.zeros(len(occurring), np.result_type(self.weight, other.weight))
        np.add.at(weight, place, np.concatenate([self.weight, other.weight]))
        return Counts(occurring // self.n_classes, occurring % self.n_classes, weight, self.n_classes)

    def matrix(self) -> np.ndarray:
        """Return the C × C table, rows true, columns predicted."""
        table = np.zeros((self.n_classes, self.n_classes), self.weight.dtype)
        table[self.y_true, self.y_pred] = self.weight
        return table


def _cell_counts(y_true: np.ndarray, y_pred: np.ndarray, n_classes: int) -> np.ndarray:
    if y_true.dtype == bool == y_pred.dtype:  # eight times as fast as counting cells
        true, predicted, both = (int(np.count_nonzero(which)) for which in (y_true, y_pred, y_true & y_pred))
        return np.array([len(y_true) - true - predicted + both, predicted - both, true - both, both])
    counts = np.zeros(n_classes**2, np.int64)
    for _, pairs in _pairs(y_true, y_pred, n_classes):
        counts = counts + np.bincount(pairs, minlength=n_classes**2)
    return counts


def _cell_weights(y_true: np.ndarray, y_pred: np.ndarray, n_classes: int, sample_weight: np.ndarray) -> np.ndarray:
    weights = np.zeros(n_classes**2)
    for block, pairs in _pairs(y_true, y_pred, n_classes):
        weights = weights + np.bincount(pairs, sample_weight[block], n_classes**2)
    return weights


def _pairs(y_true: np.ndarray, y_pred: np.ndarray, n_classes: int) -> Iterator[tuple[slice, np.ndarray]]:
    dtype = np.min_scalar_type(n_classes**2)
    for block in blocks(y_true):
        yield block, y_true[block].astype(dtype) * dtype.type(n_classes) + y_pred[block].astype(dtype)


# Tables of labels.


def label_tables(
    y_true: np.ndarray,
    y_pred: np.ndarray,
    sample_weight: np.ndarray | None = None,
    present: np.ndarray | None = None,
) -> np.ndarray:
    """Count each label of (N, L) bool arrays: L × 2 × 2 tables [[tn, fp], [fn, tp]], int64 or float64.

    Args:
        y_true: which labels are true.
        y_pred: which labels are predicted.
        sample_weight: None, or (N,), or (N, L).
        present: None, or (N, L) bool: which elements count.
    """
    tables = np.zeros((y_true.shape[1], 4), np.int64 if sample_weight is None else np.float64)
    for block in blocks(y_true):
        weight = None if sample_weight is None else sample_weight[block]
        if present is None and (weight is None or weight.ndim == 1):
            tables += _cells_of_labels(y_true[block], y_pred[block], weight)
        else:
            kept = np.ones(y_true[block].shape, bool) if present is None else present[block]
            tables += _cells_of_elements(y_true[block], y_pred[block], kept, weight)
    return tables.reshape(-1, 2, 2)


def _cells_of_elements(
    true: np.ndarray, predicted: np.ndarray, present: np.ndarray, sample_weight: np.ndarray | None
) -> np.ndarray:
    """Count tn, fp, fn and tp of a block of labels of which some elements are left out: (L, 4)."""
    cells = [~(true | predicted), ~true & predicted, true & ~predicted, true & predicted]
    if sample_weight is None:
        return np.stack([np.count_nonzero(which & present, axis=0) for which in cells], axis=1)
    weight = sample_weight if sample_weight.ndim == 2 else sample_weight[:, None]
    return np.stack([np.where(which & present, weight, 0.0).sum(axis=0) for which in cells], axis=1)


def _cells_of_labels(true: np.ndarray, predicted: np.ndarray, sample_weight: np.ndarray | None) -> np.ndarray:
    """Count tn, fp, fn and tp of a block of labels: (L, 4)."""
    if sample_weight is not None:
        # Each cell by itself: a difference of sums of weights is not exactly the sum of the rest.
        cells = ~(true | predicted), ~true & predicted, true & ~predicted, true & predicted
        return np.stack([sample_weight @ which for which in cells], axis=1)
    # A block has at most 65,536 rows, and float32 counts exactly to 2**24, four times as fast as integers in NumPy.
    ones = np.ones(len(true), np.float32)
    here, predicted_here, both = ((ones @ which).astype(np.int64) for which in (true, predicted, true & predicted))
    negatives = len(true) - here - predicted_here + both
    return np.stack([negatives, predicted_here - both, here - both, both], axis=1)


def single_cells(table: np.ndarray) -> Cells:
    """Return the cells of one table [[tn, fp], [fn, tp]] that are not empty: (y_true, y_pred, weights)."""
    occurring = np.flatnonzero(table)
    return occurring // 2, occurring % 2, table.ravel()[occurring]


def label_cells(tables: np.ndarray) -> Cells:
    """Make a multilabel problem with the TP, FP and FN of L × 2 × 2 tables: (y_true, y_pred, weights), 3 L + 1 rows.

    Precision, recall, F and Jaccard depend on nothing else, for every average but "samples". The last row has no label
    and stands for all true negatives, so that scikit-learn has a row even where there is nothing else. Its weight
    changes nothing; it has the size of the others.
    """
    n_labels = len(tables)
    eye, none = sparse.identity(n_labels, np.int8, "csr"), sparse.csr_matrix((n_labels, n_labels), dtype=np.int8)
    y_true = sparse.vstack([eye, none, eye, none[:1]], "csr")
    y_pred = sparse.vstack([eye, eye, none, none[:1]], "csr")
    last = max(tables.max(initial=0), np.finfo(float).smallest_subnormal) if tables.dtype.kind == "f" else 1
    weight = np.concatenate([tables[:, 1, 1], tables[:, 0, 1], tables[:, 1, 0], np.array([last], tables.dtype)])
    return y_true, y_pred, weight
