"""What the rows say, once the task is known: labels, scores, weights, and their counts."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar

import numpy as np
from scipy import sparse
from scipy.special import expit, softmax

from kerascb_metrics._blocks import blocks, columns_of
from kerascb_metrics.interpret.kinds import Kind, Scale
from kerascb_metrics.tally.ranking import rank, rank_columns

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
        if n_classes**2 > _DENSE_CELLS:
            pairs = y_true.astype(np.int64) * n_classes + y_pred
            cells, inverse, counts = np.unique(pairs, return_inverse=True, return_counts=True)
            weight = counts if sample_weight is None else np.bincount(inverse, sample_weight)
            return cls(cells // n_classes, cells % n_classes, weight, n_classes)
        counts = _cell_counts(y_true, y_pred, n_classes)
        cells = np.flatnonzero(counts)
        weight = counts if sample_weight is None else _cell_weights(y_true, y_pred, n_classes, sample_weight)
        return cls(cells // n_classes, cells % n_classes, weight[cells], n_classes)

    def __add__(self, other):
        """Return the counts of both."""
        cells = np.concatenate([one.y_true * one.n_classes + one.y_pred for one in (self, other)])
        occurring, place = np.unique(cells, return_inverse=True)
        weight = np.zeros(len(occurring), np.result_type(self.weight, other.weight))
        np.add.at(weight, place, np.concatenate([self.weight, other.weight]))
        return Counts(occurring // self.n_classes, occurring % self.n_classes, weight, self.n_classes)

    def matrix(self):
        """Return the C × C table, rows true, columns predicted."""
        table = np.zeros((self.n_classes, self.n_classes), self.weight.dtype)
        table[self.y_true, self.y_pred] = self.weight
        return table


def _cell_counts(y_true, y_pred, n_classes):
    if y_true.dtype == bool == y_pred.dtype:  # eight times as fast as to count cells
        true, predicted, both = (int(np.count_nonzero(which)) for which in (y_true, y_pred, y_true & y_pred))
        return np.array([len(y_true) - true - predicted + both, predicted - both, true - both, both])
    pairs = _pairs(y_true, y_pred, n_classes)
    return sum((np.bincount(pair, minlength=n_classes**2) for _, pair in pairs), np.zeros(n_classes**2, np.int64))


def _cell_weights(y_true, y_pred, n_classes, sample_weight):
    pairs = _pairs(y_true, y_pred, n_classes)
    return sum((np.bincount(pair, sample_weight[block], n_classes**2) for block, pair in pairs), np.zeros(n_classes**2))


def _pairs(y_true, y_pred, n_classes):
    for block in blocks(y_true):
        yield block, y_true[block].astype(np.int64) * n_classes + y_pred[block]


@dataclass(frozen=True, eq=False)
class Evidence:
    """Rows as a task reads them: positions flattened, masked ones gone, labels decided.

    Attributes:
        kind: "binary", "multiclass", "multilabel" or "regression".
        y_true, y_pred: binary (N,) bool; multiclass (N,) class indices; multilabel (N, L) bool; regression (N,) or
            (N, K) values.
        outputs: binary (N,), multiclass (N, C), multilabel (N, L); None for a regression.
        scale: what `outputs` are: "probability", "logit" or "margin".
        threshold: above it a score is a label, one for all or one a label; None for several classes.
        classes: the label of each index, as the targets have it.
        class_names: the names of classes (or labels) in keys and pictures.
        pos_index: the index of the positive class of a binary task.
        sample_weight: (N,) float64, or None.
        undefined: None, or why nothing can be scored (outputs that are not finite, no rows …).
        wants_precision: whether average precision will be asked for, so that one sort serves it too.
        shared: what several scores are made of, see `precision_recall_f1`.
    """

    kind: Kind
    y_true: np.ndarray
    y_pred: np.ndarray
    outputs: np.ndarray | None = None
    scale: Scale = "probability"
    threshold: float | np.ndarray | None = None
    classes: np.ndarray = field(default_factory=lambda: np.empty(0))
    class_names: tuple = ()
    pos_index: int = 1
    sample_weight: np.ndarray | None = None
    undefined: str | None = None
    wants_precision: bool = False
    rows_kept: ClassVar[bool] = True
    shared: dict = field(default_factory=dict)

    @property
    def rows(self):
        """How many rows there are."""
        return len(self.y_true)

    @property
    def weightless(self):
        """Whether there are weights, and all are zero."""
        return self.sample_weight is not None and not self.sample_weight.any()

    @property
    def has_proba(self):
        """Whether the outputs are probabilities, or logits of them."""
        return self.kind != "regression" and self.scale != "margin"

    @cached_property
    def counts(self):
        """The count table of a binary or multiclass task."""
        return Counts.of(self.y_true, self.y_pred, len(self.classes), self.sample_weight)

    @cached_property
    def label_tables(self):
        """The L × 2 × 2 tables [[tn, fp], [fn, tp]] of a multilabel task."""
        tables = np.zeros((len(self.classes), 4), np.int64 if self.sample_weight is None else np.float64)
        for block in blocks(self.y_true):
            weight = None if self.sample_weight is None else self.sample_weight[block]
            tables += _cells_of_labels(self.y_true[block], self.y_pred[block], weight)
        return tables.reshape(-1, 2, 2)

    @cached_property
    def cells(self):
        """Few rows that count as all do, in the targets' own labels: (y_true, y_pred, weights).

        A single label is a binary problem to scikit-learn, whose rows of neither true nor predicted label count too.
        """
        if self.kind != "multilabel":
            return self.classes[self.counts.y_true], self.classes[self.counts.y_pred], self.counts.weight
        if len(self.classes) > 1:
            return label_cells(self.label_tables)
        counts = Counts.of(self.y_true.ravel(), self.y_pred.ravel(), 2, self.sample_weight)
        return counts.y_true, counts.y_pred, counts.weight

    @cached_property
    def labels(self):
        """`(y_true, y_pred)` in the targets' own labels, for metric functions and scorers."""
        if self.kind == "regression":
            return self.y_true, self.y_pred
        if self.kind == "multilabel":
            return self.y_true.astype(np.int64), self.y_pred.astype(np.int64)
        return np.take(self.classes, self.y_true.astype(np.intp)), np.take(self.classes, self.y_pred.astype(np.intp))

    @cached_property
    def y_score(self):
        """What ranks the rows, in the shape of the outputs; None where nothing does.

        Several classes are ranked by probability: softmax is not monotone in each column, so raw logits are not it.
        """
        return self.outputs if self.score_scale == self.scale else _softmax(self.outputs)

    @property
    def score_scale(self):
        """What `y_score` is: "probability", "logit" or "margin"."""
        return "probability" if self.kind == "multiclass" and self.scale == "logit" else self.scale

    @cached_property
    def y_proba(self):
        """Probabilities as `predict_proba` gives them, (N, C) or (N, L); None where the outputs are margins."""
        if self.outputs is None or not self.has_proba:
            return None
        if self.kind == "multiclass":
            return _at_most_one(self.y_score)
        proba = expit(self.outputs.astype(np.float64)) if self.scale == "logit" else _at_most_one(self.outputs)
        return np.column_stack([1 - proba, proba]) if self.kind == "binary" else proba

    @cached_property
    def rankings(self):
        """Class index → its `Ranking`, of the classes that can be ranked; of a binary task the positive class alone."""
        y_score = rankable(self.y_score)
        if self.kind != "binary":
            some = np.flatnonzero(~self.one_sided)
            return rank_columns(self.are_of, y_score, some, self.sample_weight, precision=self.wants_precision)
        if self.missing:
            return {}
        y_score = y_score if self.pos_index == 1 else -y_score
        own = rank(self.is_of(self.pos_index), y_score, self.sample_weight, precision=self.wants_precision)
        return {self.pos_index: own}

    @property
    def pooled(self):
        """The `Ranking` of every (row, column) as a row of its own."""
        weight = None if self.sample_weight is None else np.repeat(self.sample_weight, len(self.classes))
        positive = np.stack(list(self.are_of(range(len(self.classes)))), axis=1)
        return rank(positive.ravel(), rankable(self.y_score).ravel(), weight)

    @property
    def curves(self):
        """Class name → its `Curve`, where the rows were ranked."""
        rankings = vars(self).get("rankings", {})
        return {self.class_names[index]: ranking.curve for index, ranking in rankings.items()}

    def is_of(self, index):
        """Tell which rows are of a class, or have a label."""
        return next(iter(self.are_of([index])))

    def are_of(self, indices):
        """Tell it of several classes or labels, one after the other."""
        if self.kind == "multilabel":
            return columns_of(self.y_true, indices)
        if self.kind == "binary":
            return (self.y_true if index else ~self.y_true for index in indices)
        return (self.y_true == index for index in indices)

    @cached_property
    def missing(self):
        """The names of the classes that nothing can be ranked for: all of the weight, or none, is theirs."""
        return [name for name, gone in zip(self.class_names, self.one_sided, strict=True) if gone]

    @cached_property
    def one_sided(self):
        """For each class or label, whether its true rows have no weight, or all of it."""
        here = self.true_mass > 0
        elsewhere = self.label_tables[:, 0].any(axis=1) if self.kind == "multilabel" else here.sum() > here
        return ~(here & elsewhere)

    @cached_property
    def true_mass(self):
        """The weight of the rows of each true class or label."""
        if self.kind == "multilabel":
            return self.label_tables[:, 1].sum(axis=1)
        return np.bincount(self.counts.y_true, self.counts.weight, minlength=len(self.classes))


def rankable(y_score):
    """Scores in a dtype that is ranked."""
    return y_score if y_score.dtype in (np.float32, np.float64) else y_score.astype(np.float64)


def _at_most_one(proba):
    """Probabilities without what rounding adds to 1, which scikit-learn refuses."""
    return np.minimum(proba, proba.dtype.type(1)) if len(proba) and proba.max() > 1 else proba


def _softmax(outputs):
    proba = np.empty(outputs.shape, np.float64)
    for block in blocks(outputs):
        proba[block] = softmax(outputs[block].astype(np.float64), axis=1)
    return proba


def _cells_of_labels(true, predicted, sample_weight):
    """Count tn, fp, fn and tp of a block of labels: (L, 4)."""
    if sample_weight is not None:
        # Each cell for itself: with weights, what is left of a difference is not what was left out.
        cells = ~(true | predicted), ~true & predicted, true & ~predicted, true & predicted
        return np.stack([sample_weight @ which for which in cells], axis=1)
    # A block has 65,536 rows at most, float32 counts 2**24 exactly; and columns four times as fast as NumPy's integers.
    ones = np.ones(len(true), np.float32)
    here, said, both = ((ones @ which).astype(np.int64) for which in (true, predicted, true & predicted))
    return np.stack([len(true) - here - said + both, said - both, here - both, both], axis=1)


def single_cells(table: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the cells of one table [[tn, fp], [fn, tp]] that are not empty: (y_true, y_pred, weights)."""
    occurring = np.flatnonzero(table)
    return occurring // 2, occurring % 2, table.ravel()[occurring]


def label_cells(tables):
    """Make of L × 2 × 2 tables a multilabel problem of the same TP, FP and FN: (y_true, y_pred, weights), 3 L + 1 rows.

    Precision, recall, F and Jaccard see nothing else, at every average but "samples". A last row without any label
    stands for all true negatives: where there is nothing else, scikit-learn still has a row to see. Its weight, which
    changes nothing, is of the size of the others.
    """
    n_labels = len(tables)
    eye, none = sparse.identity(n_labels, np.int8, "csr"), sparse.csr_matrix((n_labels, n_labels), dtype=np.int8)
    y_true = sparse.vstack([eye, none, eye, none[:1]], "csr")
    y_pred = sparse.vstack([eye, eye, none, none[:1]], "csr")
    last = max(tables.max(initial=0), np.finfo(float).smallest_subnormal) if tables.dtype.kind == "f" else 1
    weight = np.concatenate([tables[:, 1, 1], tables[:, 0, 1], tables[:, 1, 0], np.array([last], tables.dtype)])
    return y_true, y_pred, weight
