"""What a chosen threshold is worth on new rows: cross-fitting tells it, the score on the same rows does not."""

import numpy as np
import pytest
from scipy.stats import norm

from kerascb_metrics.insight.objective import Objective
from kerascb_metrics.insight.sorted_rows import Folds
from kerascb_metrics.insight.thresholds import fitted
from kerascb_metrics.interpret.labeled_rows import Labeling
from kerascb_metrics.tally.folds import folds_of

MARGINS = Labeling("binary", "margin", classes=np.array([0, 1]), class_names=("0", "1"))
DISTANCE = 1.5  # between the means of the two classes, in standard deviations


def true_f1(cut, prevalence):
    """F1 of a threshold over all rows that there could be."""
    tp, fp = prevalence * norm.sf(cut - DISTANCE), (1 - prevalence) * norm.sf(cut)
    return 2 * tp / (tp + fp + prevalence)


def biases(count, prevalence, replicates, seed=0):
    """How far F1 on the same rows, and cross-fitted F1, are from F1 of the chosen threshold on new rows, on average."""
    rng = np.random.default_rng(seed)
    objective, folds = Objective.of("f1"), folds_of(np.arange(count))
    even = DISTANCE / 2 + np.log(1 / prevalence - 1) / DISTANCE  # where a calibrated model has a probability of 0.5
    same, crossed = [], []
    for _ in range(replicates):
        y_true = rng.random(count) < prevalence
        if not y_true.any():
            continue
        found = fitted(Folds.of(y_true, rng.normal(size=count) + DISTANCE * y_true, folds), objective, MARGINS, even)
        true = true_f1(found.threshold, prevalence)
        same.append(found.value - true)
        crossed.append(found.cross_fitted - true)
    return float(np.mean(same)), float(np.mean(crossed))


@pytest.mark.simulation
def test_cross_fitting_is_right_where_the_same_rows_are_too_good():
    same, crossed = biases(1000, 0.05, 1000)
    assert same > 0.03
    assert abs(crossed) < 0.005


@pytest.mark.simulation
def test_also_where_a_fold_may_have_no_positive_row():
    """Two positive rows of 200 are expected: the same rows promise 0.2 too much, of which hardly anything is left."""
    same, crossed = biases(200, 0.01, 2000)
    assert same > 0.18
    assert abs(crossed) < 0.02
