"""Precision, recall and F1, which share all that they are made of: one call of scikit-learn's for the three."""

import numpy as np
from sklearn import metrics

from kerascb_metrics.interpret.weights import for_sums

# What each function is in what `precision_recall_fscore_support` returns.
RATIOS = {metrics.precision_score: 0, metrics.recall_score: 1, metrics.f1_score: 2}

RATIO_OPTIONS = {"average", "labels", "pos_label", "zero_division"}


def precision_recall_f1(evidence, *, average, zero_division, labels=None, pos_label=1):
    """Return `sklearn.metrics.precision_recall_fscore_support` of an `Evidence`, worked out once for each options.

    It sees the pairs (true, predicted) only through their counts, but for `average="samples"`.

    Args:
        evidence: of a binary, multiclass or multilabel task.
        average: as in scikit-learn, and so are the others.
        zero_division: 0, 1 or nan.
        labels: in the targets' own values.
        pos_label: in the targets' own values.
    """
    listed = None if labels is None else tuple(np.asarray(labels).tolist())
    key = (average, str(zero_division), listed, pos_label)
    if key not in evidence.shared:
        y_true, y_pred, weight = _cells(evidence, average)
        weight = None if weight is None else for_sums(weight)
        evidence.shared[key] = metrics.precision_recall_fscore_support(
            y_true,
            y_pred,
            labels=labels,
            pos_label=pos_label,
            average=average,
            sample_weight=weight,
            zero_division=zero_division,
        )
    return evidence.shared[key]


def _cells(evidence, average):
    if average == "samples":
        return *evidence.labels, evidence.sample_weight
    return evidence.cells
