"""A loss that does not fit its targets, though Keras trains with it: said once, and scored as the loss says."""

import warnings

import keras
import numpy as np
import pytest
from scipy.special import softmax

from kerascb_metrics import Binary, Metrics
from tests.support.models import echo_model, shared_echo_model

RNG = np.random.default_rng(5)
ROWS = 40
ONE = np.eye(3, dtype="float32")[RNG.integers(0, 3, ROWS)]
SEVERAL = np.concatenate([ONE[:-1], [[1, 0, 1]]]).astype("float32")
SIGNS = np.where(ONE[:, :1] == 1, 1, -1).astype("float32")
LOGITS = RNG.normal(size=(ROWS, 3)).astype("float32")
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


ENTROPY = keras.losses.BinaryCrossentropy(from_logits=True)  # PyTorch itself refuses targets of one of probabilities
# Name → columns, targets, weights, loss, task, what is said of them.
TARGETS = {
    "signs": (1, SIGNS, None, ENTROPY, "auto", "received -1.0."),
    "signs of several labels": (3, 2 * SEVERAL - 1, None, ENTROPY, "auto", "received -1.0."),
    "one and two": (1, SIGNS / 2 + 1.5, None, ENTROPY, Binary(pos_label=2), "received 2.0."),
    "signs of a hinge loss": (1, SIGNS, None, "hinge", "auto", ""),
    "signs of another loss": (1, SIGNS, None, "mse", Binary(threshold=0.0, from_logits=False), ""),
    "zeros and ones": (1, ONE[:, :1], None, ENTROPY, "auto", ""),
    "shares": (1, SHARES[:, :1], None, ENTROPY, Binary(soft_targets=True), ""),
    "a missing target": (1, np.where(np.arange(ROWS) < 9, -1, ONE[:, 0]), None, ENTROPY, Binary(ignore_class=-1), ""),
    "padding": (1, np.where(np.arange(ROWS) < 9, -1, ONE[:, 0]), np.arange(ROWS) >= 9, ENTROPY, "auto", ""),
}


@pytest.mark.parametrize("memory", ["exact", "bounded"])
@pytest.mark.parametrize("name", TARGETS)
def test_targets_that_are_not_of_the_loss_are_said_once(name, memory):
    columns, y, weight, loss, task, received = TARGETS[name]
    x = LOGITS[:, :columns]
    metrics = Metrics(["f1"], task=task, memory=memory, verbose=False)
    data = (x, y) if weight is None else (x, y, weight.astype("float32"))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        echo_model(columns, loss).fit(x, y, validation_data=data, callbacks=[metrics], epochs=2, verbose=0)
    said = [str(each.message) for each in caught if "takes targets from 0 to 1" in str(each.message)]
    assert len(said) == bool(received), said
    assert all(received in each for each in said)
