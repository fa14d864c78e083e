"""`keras.distribution` in one process: four devices that share the rows of each batch, or the model too."""

import numpy as np
import pytest

from tests.support import process_cases as cases
from tests.support.jax_launch import results
from tests.support.process_references import assert_binary, assert_multiclass, assert_panel

CASES = ["weighted", "model_parallel", "model_parallel_across", "given", "trained", "uneven", "parts"]


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    return results(CASES, 1, tmp_path_factory.mktemp("one_process"))[0]


def test_rows_shared_by_four_devices(found):
    assert_binary(found["weighted"], np.arange(cases.ROWS), cases.WEIGHTS)


@pytest.mark.parametrize("case", ["model_parallel", "model_parallel_across"])
def test_model_shared_by_four_devices(found, case):
    assert found[case]["kernel"] == "P(None, 'model')"
    assert_multiclass(found[case], np.arange(cases.ROWS))


def test_given_data(found):
    assert_binary(found["given"], np.arange(cases.ROWS), cases.WEIGHTS, epochs=2)
    assert_panel(found["given"]["evaluated"], cases.Y, cases.X[:, 0], cases.WEIGHTS)
    np.testing.assert_array_equal(found["given"]["by_keras"], cases.X)


def test_weights_equal_those_of_a_fit_without_metrics(found):
    for ours, theirs in zip(found["trained"]["with"], found["trained"]["without"], strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_all_rows_are_on_the_one_process(found):
    held = found["parts"]["binary"]
    np.testing.assert_array_equal(np.concatenate([part["y_true"] for part in held]), cases.Y)
    np.testing.assert_array_equal(np.concatenate([part["sample_weight"] for part in held]), cases.WEIGHTS)


# Batches that cannot be cut evenly: Keras fails on them without Metrics too.

_ADDED = "added ones with a sample weight of 0"
_REMEDIES = [
    f"a batch of 13 rows (13 rows, in batches of 16). Pass 12 or 16 rows, {_ADDED}.",
    "a batch of 6 rows (40 rows, in batches of 6). Pass a batch size of 4.",
    f"a batch of 7 rows (41 rows, in batches of 7). Pass a batch size of 4, and 40 or 44 rows, {_ADDED}.",
    "a batch of 3 rows (3 rows, in batches of 16). Pass 4 rows.",
]


def test_error_for_an_uneven_batch_names_a_remedy(found):
    *errors, given = found["uneven"]["errors"]
    assert [name for name, _ in errors] == ["CaptureError", "IndivisibleError"] * 4
    for (_, message), remedy in zip(errors[::2], _REMEDIES, strict=True):
        assert message.endswith(
            f"cuts each validation batch of this process into 4 equal parts, so Keras cannot take {remedy}"
        )
    assert given[0] == "CaptureError"
    assert "(13 rows, in batches of 32). Pass 12 or 16 rows" in given[1]


def test_rows_beyond_validation_steps_do_not_matter(found):
    assert found["uneven"]["rows"] == 16
