"""The panel of a single label, which scikit-learn takes for a binary task."""

import numpy as np
import pytest
from sklearn import metrics as sk

from kerascb_metrics import Multilabel
from tests.support.arrays import assert_same, assessed

RNG = np.random.default_rng(6)
Y = RNG.integers(0, 2, (20, 1))
P = np.clip(0.4 * Y + 0.6 * RNG.random((20, 1)), 0, 1)
WEIGHT = RNG.random(20) + 0.1


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["", "weights"])
@pytest.mark.parametrize("average", ["auto", "micro", "macro", "weighted", "samples", None])
def test_a_single_label_has_its_own_value_but_for_the_average_over_samples(average, weight):
    functions = {"f1": sk.f1_score, "precision": sk.precision_score, "recall": sk.recall_score}
    found = assessed(Multilabel(), Y, P, list(functions), average=average, sample_weight=weight)
    options = {"average": "samples" if average == "samples" else "binary", "sample_weight": weight}
    rows = (Y, (P > 0.5).astype(int))
    if average != "samples":
        rows = tuple(map(np.ravel, rows))
    for name, function in functions.items():
        expected = function(*rows, zero_division=0.0, **options)
        assert_same(found.values[name], [expected] if average is None else expected)
