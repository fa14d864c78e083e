"""The panel: f1, precision, recall, kappa, auc and confusion of one pass, by scikit-learn, from the counts."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from sklearn import metrics

from kerascb_metrics.evidence import Evidence
from kerascb_metrics.ranking import roc_auc

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
    that occur, with `sample_weight=counts`: N rows become a handful, and the result is the same to the last bit.
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
        """Cohen's kappa, as `sklearn.metrics.cohen_kappa_score`."""
        counts = self.evidence.counts
        true, predicted = self._true_mass, self._predicted_mass
        if not (np.outer(true, predicted) & ~np.eye(len(true), dtype=bool)).any():
            raise Undefined("true and predicted labels are all of one class")
        return metrics.cohen_kappa_score(counts.y_true, counts.y_pred, sample_weight=counts.weight)

    def auc(self):
        """Area under the ROC curve, as `sklearn.metrics.roc_auc_score`; one-vs-rest for several classes."""
        evidence = self.evidence
        if evidence.y_score is None or (evidence.kind == "multiclass" and evidence.scale == "margin"):
            raise Undefined("the outputs are margins, which one-vs-rest AUC does not compare")
        if evidence.kind == "binary":
            return binary_auc(evidence)
        average = "macro" if self.average == "binary" else self.average
        return average_of_columns(metrics.roc_auc_score, evidence, average)

    def confusion(self):
        """The confusion matrix, C × C, rows true, columns predicted; multilabel L × 2 × 2."""
        evidence = self.evidence
        return evidence.label_tables if evidence.kind == "multilabel" else self._matrix

    @cached_property
    def _ratios(self):
        evidence = self.evidence
        options: dict = {"average": self.average, "zero_division": self.zero_division}
        if evidence.kind != "multilabel":
            y_true, y_pred, weight = evidence.counts.y_true, evidence.counts.y_pred, evidence.counts.weight
            options["labels"] = range(len(evidence.classes)) if self.average is None else None
            if self.average == "binary":
                options["pos_label"] = evidence.pos_index
        elif self.average == "samples":
            y_true, y_pred, weight = evidence.y_true, evidence.y_pred, evidence.sample_weight
        else:
            y_true, y_pred, weight = evidence.label_cells
        return metrics.precision_recall_fscore_support(y_true, y_pred, sample_weight=weight, **options)

    def _ratio(self, index, undefined, cause):
        value = self._ratios[index]
        names = [name for name, gone in zip(self.evidence.class_names, undefined & self._counted, strict=True) if gone]
        if names and self.average not in ("samples", "micro"):
            raise Undefined(f"class {', '.join(names[:5])}{', …' if len(names) > 5 else ''} is {cause}", value)
        return value

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


def one_sided(evidence):
    """Say which classes cannot be ranked."""
    empty = [name for name, mass in zip(evidence.class_names, evidence.true_mass, strict=True) if mass == 0]
    names = ", ".join((empty or evidence.missing)[:5])
    return f"no true label of class {names}" if empty else f"every row has the label {names}"


def binary_auc(evidence):
    """ROC AUC of a binary task: from one sort, or with weights by scikit-learn."""
    if evidence.missing:
        raise Undefined(one_sided(evidence))
    if evidence.sample_weight is None and evidence.y_score.dtype in (np.float32, np.float64):
        return roc_auc(evidence.y_true, evidence.y_score)
    return metrics.roc_auc_score(evidence.y_true, evidence.y_score, sample_weight=evidence.sample_weight)


def average_of_columns(score, evidence, average, empty=float("nan")):
    """A ranking score one-vs-rest, or of labels, by scikit-learn; `Undefined` where a column is one-sided.

    scikit-learn's own one-vs-rest is this too, past its check that rows sum to one, which half-precision softmax
    fails.

    Args:
        score: `roc_auc_score` or `average_precision_score`.
        evidence: of a multiclass or multilabel task.
        average: as in scikit-learn.
        empty: the value of a column without true rows.
    """
    hot, weight = evidence.hot, evidence.sample_weight
    if average == "samples":
        rows = hot.sum(axis=1)
        if ((rows == 0) | (rows == hot.shape[1])).any():
            raise Undefined("a row has none of the labels, or all")
    if average in ("micro", "samples") or not evidence.missing:
        return score(hot, evidence.y_score, average=average, sample_weight=weight)
    values = np.full(hot.shape[1], np.nan)
    for column in np.flatnonzero(~evidence.one_sided):
        values[column] = score(hot[:, column], evidence.y_score[:, column], sample_weight=weight)
    mass = evidence.true_mass
    values[mass == 0] = empty
    if average == "weighted" and mass.any():
        value = np.average(values[mass > 0], weights=mass[mass > 0])
        if not np.isnan(value):
            return value  # a class without weight has none in the average
    else:
        value = values if average is None else values.mean()
    raise Undefined(one_sided(evidence), value)
