"""What the rows say, once the task is known: labels, scores, weights, and their counts."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy import sparse
from scipy.special import expit

from kerascb_metrics.curves import curve

# Past this many cells a dense count table costs more than sorting the pairs.
_DENSE_CELLS = 2**22


@dataclass(frozen=True, eq=False)
class Counts:
    """How often each pair (true, predicted) occurs: all that a label score can depend on.

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
    def of(cls, y_true, y_pred, n_classes, sample_weight=None):
        """Count (N,) class indices below `n_classes`; weights in float64, counts in int64.

        >>> counts = Counts.of(np.array([0, 1, 1]), np.array([0, 0, 1]), 2)
        >>> counts.matrix()
        array([[1, 0],
               [1, 1]])
        """
        pairs = y_true.astype(np.int64) * n_classes + y_pred
        if n_classes**2 <= _DENSE_CELLS:
            counts = np.bincount(pairs, minlength=n_classes**2)
            cells = np.flatnonzero(counts)
            weight = counts[cells] if sample_weight is None else np.bincount(pairs, sample_weight)[cells]
        else:
            cells, inverse, counts = np.unique(pairs, return_inverse=True, return_counts=True)
            weight = counts if sample_weight is None else np.bincount(inverse, sample_weight)
        return cls(cells // n_classes, cells % n_classes, weight, n_classes)

    def matrix(self):
        """Return the C × C table, rows true, columns predicted."""
        table = np.zeros((self.n_classes, self.n_classes), self.weight.dtype)
        table[self.y_true, self.y_pred] = self.weight
        return table


@dataclass(frozen=True, eq=False)
class Evidence:
    """Rows as a task reads them: positions flattened, masked ones gone, labels decided.

    Attributes:
        kind: "binary", "multiclass", "multilabel" or "regression".
        y_true, y_pred: (N,) class indices; multilabel (N, L) 0/1; regression (N,) or (N, K) values.
        y_score: what ranks the rows: binary (N,), multiclass (N, C), multilabel (N, L); None where nothing does.
        scale: what `y_score` is: "probability", "logit" or "margin".
        threshold: above it a score is a label, one for all or one a label; None for several classes.
        classes: the label of each index, as the targets have it.
        class_names: the names of classes (or labels) in keys and pictures.
        pos_index: the index of the positive class of a binary task.
        sample_weight: (N,) float64, or None.
        undefined: None, or why nothing can be scored (outputs that are not finite, no rows …).
    """

    kind: str
    y_true: np.ndarray
    y_pred: np.ndarray
    y_score: np.ndarray | None = None
    scale: str = "probability"
    threshold: float | np.ndarray | None = None
    classes: np.ndarray = field(default_factory=lambda: np.empty(0))
    class_names: tuple = ()
    pos_index: int = 1
    sample_weight: np.ndarray | None = None
    undefined: str | None = None

    @cached_property
    def counts(self):
        """The count table of a binary or multiclass task."""
        return Counts.of(self.y_true, self.y_pred, len(self.classes), self.sample_weight)

    @cached_property
    def label_tables(self):
        """The L × 2 × 2 tables [[tn, fp], [fn, tp]] of a multilabel task."""
        pairs = 2 * self.y_true.astype(np.int8) + self.y_pred
        weight = self.sample_weight
        counted = [
            np.count_nonzero(pairs == cell, axis=0) if weight is None else weight @ (pairs == cell) for cell in range(4)
        ]
        return np.stack(counted, axis=1).reshape(-1, 2, 2)

    @cached_property
    def label_cells(self):
        """The cells of the label tables, see `label_cells`."""
        return label_cells(self.label_tables)

    @cached_property
    def labels(self):
        """`(y_true, y_pred)` in the targets' own labels, for metric functions and scorers."""
        if self.kind in ("multilabel", "regression"):
            return self.y_true, self.y_pred
        return self.classes[self.y_true], self.classes[self.y_pred]

    @cached_property
    def y_proba(self):
        """Probabilities as `predict_proba` gives them, (N, C) or (N, L); None where the outputs are margins."""
        if self.y_score is None or self.scale == "margin":
            return None
        proba = expit(self.y_score.astype(np.float64)) if self.scale == "logit" else self.y_score
        return np.column_stack([1 - proba, proba]) if self.kind == "binary" else proba

    @cached_property
    def curves(self):
        """Class name → its `Curve`, of the classes that can be ranked; a binary task's positive class."""
        if self.y_score is None:
            return {}
        if self.kind == "binary":
            ranks = self.y_score if self.pos_index == 1 else -self.y_score
            columns = {self.class_names[self.pos_index]: (self.y_true == self.pos_index, ranks)}
        else:
            columns = {name: (self.hot[:, i], self.y_score[:, i]) for i, name in enumerate(self.class_names)}
        ranked = {name: column for name, column in columns.items() if name not in self.missing}
        return {name: curve(*column, self.sample_weight) for name, column in ranked.items()}

    @cached_property
    def missing(self):
        """The names of the classes that nothing can be ranked for: all of the weight, or none, is theirs."""
        return [name for name, gone in zip(self.class_names, self.one_sided, strict=True) if gone]

    @cached_property
    def one_sided(self):
        """For each class or label, whether its true rows have no weight, or all of it."""
        share = self.true_mass
        total = len(self.y_true) if self.sample_weight is None else self.sample_weight.sum()
        return (share == 0) | (share == total)

    @cached_property
    def true_mass(self):
        """The weight of the rows of each true class or label."""
        if self.kind == "multilabel":
            return self.label_tables[:, 1].sum(axis=1)
        return np.bincount(self.y_true, self.sample_weight, minlength=len(self.classes))

    @cached_property
    def hot(self):
        """True labels as (N, C) or (N, L) indicators."""
        return self.y_true if self.kind == "multilabel" else self.y_true[:, None] == np.arange(len(self.classes))


def label_cells(tables):
    """Make of L × 2 × 2 tables a multilabel problem of 3 L rows with the same TP, FP and FN: (y_true, y_pred, weights).

    Precision, recall, F and Jaccard see nothing else, at every average but "samples".
    """
    n_labels = len(tables)
    eye, none = sparse.identity(n_labels, np.int8, "csr"), sparse.csr_matrix((n_labels, n_labels), dtype=np.int8)
    y_true = sparse.vstack([eye, none, eye], "csr")
    y_pred = sparse.vstack([eye, eye, none], "csr")
    return y_true, y_pred, np.concatenate([tables[:, 1, 1], tables[:, 0, 1], tables[:, 1, 0]])
