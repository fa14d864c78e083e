"""The rates of a curve, from its counts."""

import numpy as np
import pytest
from sklearn import metrics as sk

from kerascb_metrics.tally.ranking import rank
from tests.support.arrays import assert_same


@pytest.mark.parametrize("scale", [None, 1.0, 1e-9])
@pytest.mark.parametrize("first", [False, True], ids=["another row on top", "one of the class on top"])
def test_rates_are_scikit_learns_also_of_little_weight(first, scale):
    rng = np.random.default_rng(0)
    positive, scores = rng.random(80) < 0.4, rng.random(80).round(2)
    positive[scores.argmax()], scores[scores.argmax()] = first, 1.5
    weight = None if scale is None else rng.random(80) * scale
    curve = rank(positive, scores, weight).curve
    precision, recall, _ = sk.precision_recall_curve(positive, scores, sample_weight=weight)
    fpr, tpr, thresholds = sk.roc_curve(positive, scores, sample_weight=weight, drop_intermediate=False)
    assert curve.thresholds.tolist() == thresholds.tolist()
    for ours, theirs in (
        (curve.precision, precision[::-1]),
        (curve.tpr, recall[::-1]),
        (curve.tpr, tpr),
        (curve.fpr, fpr),
    ):
        assert_same(ours, theirs)
