"""Precision, recall and F1, which share all that they are made of: one scikit-learn call for the three."""

from typing import Any

import numpy as np
from sklearn import metrics

from kerascb_metrics.interpret.weights import for_sums
from kerascb_metrics.score.score import rows_of
from kerascb_metrics.tally.tally import Tally

# Where each function's result is in the result of `precision_recall_fscore_support`.
RATIOS = {metrics.precision_score: 0, metrics.recall_score: 1, metrics.f1_score: 2}

RATIO_OPTIONS = {"average", "labels", "pos_label", "zero_division"}


def precision_recall_f1(
    tally: Tally, *, average: str | None, zero_division: float, labels: Any = None, pos_label: Any = 1
) -> tuple[Any, ...]:
    """Return `sklearn.metrics.precision_recall_fscore_support` of a `Tally`, computed once for each set of options.

    It depends on the pairs (true, predicted) only through their counts, except with `average="samples"`.

    Args:
        tally: of classes or labels.
        average: as in scikit-learn, like the others.
        zero_division: 0, 1 or nan.
        labels: as `Tally.codes`.
        pos_label: as `Tally.codes`.
    """
    listed = None if labels is None else tuple(np.asarray(labels).tolist())
    key = ("precision_recall_f1", average, str(zero_division), listed, pos_label)
    if key not in tally.memo:
        y_true, y_pred, weight = _cells(tally, average)
        weight = None if weight is None else for_sums(weight)
        tally.memo[key] = metrics.precision_recall_fscore_support(
            y_true,
            y_pred,
            labels=labels,
            pos_label=pos_label,
            average=average,
            sample_weight=weight,
            zero_division=zero_division,
        )
    found: tuple[Any, ...] = tally.memo[key]
    return found


def _cells(tally: Tally, average: str | None) -> tuple[Any, Any, np.ndarray | None]:
    if average == "samples":
        exact = rows_of(tally)
        return *exact.labels, exact.sample_weight
    return tally.cells
