"""The column of the highest output, beside NumPy's argmax."""

import numpy as np
import pytest

from kerascb_metrics.interpret.columns import argmax_columns
from kerascb_metrics.interpret.targets import one_hot_to_index

RNG = np.random.default_rng(0)
# Few different values, so that most rows have ties; zeros of both signs.
VALUES = [-2.0, -0.0, 0.0, 1e-40, 0.5, 3.0]


@pytest.mark.parametrize("columns", [1, 2, 3, 10, 32, 33, 300])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "bool"])
@pytest.mark.parametrize("rows", [0, 1, 70_000 // 32])
def test_the_first_of_the_highest(rows, columns, dtype):
    outputs = RNG.choice(VALUES, (rows, columns)).astype(dtype)
    found = argmax_columns(outputs)
    assert found.dtype == (np.uint8 if columns <= 256 else np.uint16)
    np.testing.assert_array_equal(found, outputs.argmax(axis=1))


def test_rows_that_are_not_contiguous_and_of_several_blocks():
    outputs = RNG.choice(VALUES, (200_000, 6)).astype("float32")
    np.testing.assert_array_equal(argmax_columns(outputs[::-1, 1:5]), outputs[::-1, 1:5].argmax(axis=1))


@pytest.mark.parametrize("dtype", ["float32", "int64", "bool"])
@pytest.mark.parametrize("columns", [2, 40])
def test_one_hot_rows(columns, dtype):
    indices = RNG.integers(0, columns, 500)
    np.testing.assert_array_equal(one_hot_to_index(np.eye(columns, dtype=dtype)[indices], "multiclass"), indices)


@pytest.mark.parametrize("row", [[0, 0, 0], [1, 1, 0], [2, 0, 0], [-1, 1, 1], [np.nan, 0, 1]], ids=str)
def test_a_row_that_is_not_one_hot_is_refused_also_beside_one_that_makes_up_for_it(row):
    for others in ([[0, 1, 0]], [[1, 1, 0]], [[0, 0, 0]]):
        y_true = np.array([*others, row, [0, 0, 1]], "float32")
        with pytest.raises(ValueError, match="must be one-hot"):
            one_hot_to_index(y_true, "multiclass")
