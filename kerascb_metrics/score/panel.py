"""The panel: f1, precision, recall, kappa, auc and confusion of one pass, as scikit-learn has them, from the counts."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from kerascb_metrics.interpret.weights import for_sums, tamed
from kerascb_metrics.score.precision_recall_f1 import precision_recall_f1
from kerascb_metrics.tally.exact import Evidence
from kerascb_metrics.tally.ranking import auc_of_rows

PANEL = ("f1", "precision", "recall", "kappa", "auc", "confusion")
AVERAGES = ("binary", "micro", "macro", "weighted", "samples", None)


class Undefined(Exception):
    """A score that the rows leave undefined: the value to record, and the cause in words."""

    def __init__(self, cause, value=float("nan")):
        super().__init__(cause)
        self.cause, self.value = cause, value


@dataclass(frozen=True, eq=False)
class Panel:
    """The panel's scores of one `Evidence`; each a method that returns a value or raises `Undefined`.

    A label score depends on the pairs (true, predicted) only through their counts, so scikit-learn gets the cells
    that occur, with `sample_weight=counts`: N rows become a handful, and the result is the same to the last bit. Kappa
    is worked out here, from the table of these cells.
    """

    evidence: Evidence
    average: str | None
    zero_division: float

    def f1(self):
        """F1, as `sklearn.metrics.f1_score`."""
        return self._ratio(2, ~self._true_mass & ~self._predicted_mass, "neither true nor predicted")

    def precision(self):
        """Precision, as `sklearn.metrics.precision_score`."""
        return self._ratio(0, ~self._predicted_mass, "not predicted for any row")

    def recall(self):
        """Recall, as `sklearn.metrics.recall_score`."""
        return self._ratio(1, ~self._true_mass, "not the true label of any row")

    def kappa(self):
        """Cohen's kappa, as `sklearn.metrics.cohen_kappa_score`; from the table itself, see `kappa_of`."""
        return kappa_of(self._matrix)

    def auc(self):
        """Area under the ROC curve, as `sklearn.metrics.roc_auc_score`; one-vs-rest for several classes."""
        evidence = self.evidence
        if evidence.kind == "multiclass" and evidence.scale == "margin":
            raise Undefined("the outputs are margins, which one-vs-rest AUC does not compare")
        if evidence.kind == "binary":
            return binary_auc(evidence)
        return auc_of_columns(evidence, self.average)

    def confusion(self):
        """The confusion matrix, C × C, rows true, columns predicted; multilabel L × 2 × 2."""
        evidence = self.evidence
        return (evidence.label_tables if evidence.kind == "multilabel" else self._matrix).copy()  # it is the user's

    def _ratio(self, index, undefined, cause):
        evidence, by_class = self.evidence, self.average is None and self.evidence.kind != "multilabel"
        # The average over one label is its own value; scikit-learn would average over those with and without it.
        single = evidence.kind == "multilabel" and len(evidence.classes) == 1 and self.average != "samples"
        value = precision_recall_f1(
            evidence,
            average="binary" if single else self.average,
            zero_division=self.zero_division,
            labels=evidence.classes if by_class else None,
            pos_label=evidence.classes[evidence.pos_index] if self.average == "binary" else 1,
        )[index]
        value = np.array([value]) if single and self.average is None else value
        names = [name for name, gone in zip(evidence.class_names, undefined & self._counted, strict=True) if gone]
        if names and self.average not in ("samples", "micro"):
            raise Undefined(f"class {', '.join(names[:5])}{', …' if len(names) > 5 else ''} is {cause}", value)
        return np.array(value) if np.ndim(value) else value

    @cached_property
    def _matrix(self):
        return self.evidence.counts.matrix()

    @property
    def _true_mass(self):
        return self.evidence.true_mass > 0

    @cached_property
    def _predicted_mass(self):
        if self.evidence.kind == "multilabel":
            return self.evidence.label_tables[:, :, 1].sum(axis=1) > 0
        return self._matrix.sum(axis=0) > 0

    @cached_property
    def _counted(self):
        """The classes that go into the average: scikit-learn leaves out those that occur nowhere."""
        if self.average == "binary":
            return np.arange(len(self._true_mass)) == self.evidence.pos_index
        if self.average is None or self.evidence.kind == "multilabel":
            return np.ones(len(self._true_mass), bool)
        return np.isin(np.arange(len(self._true_mass)), [self.evidence.counts.y_true, self.evidence.counts.y_pred])


def kappa_of(matrix):
    """Cohen's kappa of a C × C table, as `sklearn.metrics.cohen_kappa_score` works it out.

    Called, that function would check the cells and make the table of them again: 1 to 2 ms, of 6 for a small pass.

    >>> kappa_of(np.array([[20, 5], [10, 15]]))
    0.4
    """
    occurring = np.flatnonzero(matrix.any(axis=0) | matrix.any(axis=1))
    matrix = tamed(matrix[np.ix_(occurring, occurring)])
    true, predicted = matrix.sum(axis=1, dtype=np.float64), matrix.sum(axis=0, dtype=np.float64)
    differ = ~np.eye(len(matrix), dtype=bool)
    by_chance = np.outer(true, predicted)[differ].sum()
    if by_chance == 0:
        raise Undefined("true and predicted labels are all of one class")
    return float(1 - matrix[differ].sum() * true.sum() / by_chance)


def one_sided(evidence):
    """Say which classes cannot be ranked."""
    empty = [name for name, mass in zip(evidence.class_names, evidence.true_mass, strict=True) if mass == 0]
    names = ", ".join((empty or evidence.missing)[:5])
    return f"no true label of class {names}" if empty else f"every row has the label {names}"


def binary_auc(evidence):
    """ROC AUC of a binary task."""
    if evidence.missing:
        raise Undefined(one_sided(evidence))
    return evidence.rankings[evidence.pos_index].auc


def auc_of_columns(evidence, average):
    """ROC AUC one-vs-rest, or of labels, averaged as scikit-learn does; `Undefined` where a column is one-sided.

    Args:
        evidence: of a multiclass or multilabel task.
        average: as in `sklearn.metrics.roc_auc_score`.
    """
    if average == "samples":
        rows = evidence.y_true.sum(axis=1)
        if ((rows == 0) | (rows == evidence.y_true.shape[1])).any():
            raise Undefined("a row has none of the labels, or all")
        weight = evidence.sample_weight
        return auc_of_rows(evidence.y_true, evidence.y_score, None if weight is None else for_sums(weight))
    if average == "micro":
        return _auc_of_all(evidence)
    values = np.full(len(evidence.classes), np.nan)
    for index, ranking in evidence.rankings.items():
        values[index] = ranking.auc
    return average_of_classes(values, evidence, average)


def _auc_of_all(evidence):
    """Every (row, column) a row of its own."""
    if not evidence.true_mass.any():
        raise Undefined("no row has a label")
    if evidence.kind == "multilabel" and not evidence.label_tables[:, 0].any():
        raise Undefined("every row has every label")
    return evidence.pooled.auc


def average_of_classes(values, evidence, average):
    """Average a ranking score over classes; `Undefined` where a class is one-sided.

    Args:
        values: one a class; nan, or scikit-learn's own value, where it is one-sided.
        evidence: of a multiclass or multilabel task.
        average: "macro", "weighted" or None.
    """
    mass = evidence.true_mass
    if average == "weighted" and mass.any():
        occurring = mass > 0  # a class without weight has none in the average
        value = np.average(values[occurring], weights=for_sums(mass[occurring]))
    else:
        value = values if average is None else values.mean()
    if evidence.missing and (average != "weighted" or np.isnan(value)):
        raise Undefined(one_sided(evidence), value)
    return value
