"""A loss for several labels, with targets and outputs of one class per row: said once, and scored as the loss says."""

import warnings

import numpy as np
import pytest
from scipy.special import softmax

from kerascb_metrics import Metrics
from tests.support.models import shared_echo_model

RNG = np.random.default_rng(5)
ROWS = 40
ONE = np.eye(3, dtype="float32")[RNG.integers(0, 3, ROWS)]
SEVERAL = np.concatenate([ONE[:-1], [[1, 0, 1]]]).astype("float32")
SHARES = softmax(RNG.normal(size=(ROWS, 3)), axis=1).astype("float32")
OTHERS = RNG.uniform(size=(ROWS, 3)).astype("float32")
# Name → outputs, targets, loss, task, whether it is said.
CASES = {
    "one class per row": (SHARES, ONE, "binary_crossentropy", "auto", True),
    "several labels in one row": (SHARES, SEVERAL, "binary_crossentropy", "auto", False),
    "outputs that are no shares": (OTHERS, ONE, "binary_crossentropy", "auto", False),
    "the task is named": (SHARES, ONE, "binary_crossentropy", "multilabel", False),
    "a loss for one class": (SHARES, ONE, "categorical_crossentropy", "auto", False),
    "few rows": (SHARES[:6], ONE[:6], "binary_crossentropy", "auto", False),
}


@pytest.mark.parametrize("memory", ["exact", "bounded"])
@pytest.mark.parametrize("name", CASES)
def test_what_looks_like_one_class_per_row_is_said_once(name, memory):
    x, y, loss, task, is_said = CASES[name]
    metrics = Metrics(["f1"], task=task, memory=memory, verbose=False)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        shared_echo_model(3, loss).fit(x, y, validation_data=(x, y), callbacks=[metrics], epochs=2, verbose=0)
    said = [str(each.message) for each in caught if "one class per row" in str(each.message)]
    assert len(said) == is_said, said
    if is_said:
        assert "makes this a multilabel task" in said[0]
        assert "Metrics(task='multiclass')" in said[0]
