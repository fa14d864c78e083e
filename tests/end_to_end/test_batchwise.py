"""The functions of older recipes, as on the pages that made them popular."""

import keras
import numpy as np
import pytest
from sklearn.metrics import f1_score

from kerascb_metrics.batchwise import batchwise_f1, batchwise_f1_counts
from tests.support.models import binary_rows, echo_model

Y = [[0, 1, 0], [0, 0, 1]]
P = [[0.0, 0.0, 1.0], [0.0, 0.0, 1.0]]


def value(tensor):
    return float(keras.ops.convert_to_numpy(tensor))


def test_first_recipe_on_its_example():
    assert value(batchwise_f1(Y, P)) == pytest.approx(0.5, abs=1e-6)
    assert value(batchwise_f1(Y, P)) < 0.5  # epsilon lowers it
    assert f1_score(Y, np.round(P), average="micro") == 0.5


def test_second_recipe_is_f1_of_the_batch():
    x, y = binary_rows(40)
    assert value(batchwise_f1_counts(y[:, None], x)) == pytest.approx(f1_score(y, x[:, 0] > 0.5), abs=1e-6)
    assert np.isnan(value(batchwise_f1_counts([[0], [0]], [[0.1], [0.2]])))


@pytest.mark.parametrize("function", [batchwise_f1, batchwise_f1_counts])
def test_compiled_functions_are_averaged_over_batches(function):
    x, y = binary_rows(64)
    model = echo_model(metrics=[function])
    shown = model.evaluate(x, y[:, None], batch_size=16, verbose=0, return_dict=True)[function.__name__]
    batches = [f1_score(y[start : start + 16], x[start : start + 16, 0] > 0.5) for start in range(0, 64, 16)]
    assert shown == pytest.approx(np.mean(batches), abs=1e-6)
    assert abs(shown - f1_score(y, x[:, 0] > 0.5)) > 1e-4  # so it is not the F1 of all rows
