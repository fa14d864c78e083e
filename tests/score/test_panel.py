"""The panel of a single label, which scikit-learn takes for a binary task."""

from functools import partial

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
@pytest.mark.parametrize("average", ["auto", "micro", "macro", "weighted", None])
def test_a_single_label_has_its_own_value(average, weight):
    functions = {"f1": sk.f1_score, "precision": sk.precision_score, "recall": sk.recall_score}
    found = assessed(Multilabel(), Y, P, list(functions), average=average, sample_weight=weight)
    for name, function in functions.items():
        expected = function(Y[:, 0], P[:, 0] > 0.5, sample_weight=weight)
        assert_same(found.values[name], [expected] if average is None else expected)


def test_the_average_over_samples_of_a_single_label_is_an_error_as_in_scikit_learn():
    for call in (partial(sk.f1_score, Y, P > 0.5), partial(assessed, Multilabel(), Y, P, "f1")):
        with pytest.raises(ValueError, match="Samplewise metrics are not available"):
            call(average="samples")
