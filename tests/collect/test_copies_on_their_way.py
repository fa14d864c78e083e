"""Copies that a device makes while the next batch runs: with a stand-in for a GPU."""

import keras
import numpy as np
import pytest
from sklearn import metrics as sk

from kerascb_metrics import Metrics
from kerascb_metrics.collect.backend import backend
from kerascb_metrics.pipeline import label_rules
from tests.support.models import BACKEND, binary_rows, echo_model

X, Y = binary_rows(101, seed=1)
X_FIT, Y_FIT = binary_rows(8, seed=2)


class OnItsWay:
    """The values that a tensor had when the copy began."""

    def __init__(self, tensor):
        self.values = np.array(keras.ops.convert_to_numpy(tensor))


@pytest.fixture
def device(monkeypatch):
    """Make the backend copy as from a GPU; return what happened: "start" and "wait", each with the number of rows."""
    seen, own = [], type(backend())
    to_numpy = own.to_numpy

    def start_copy(self, tensor):
        seen.append(("start", *tensor.shape[:1]))
        return OnItsWay(tensor)

    def wait(self, tensor):
        if not isinstance(tensor, OnItsWay):
            return to_numpy(self, tensor)
        seen.append(("wait", *tensor.values.shape[:1]))
        return tensor.values

    monkeypatch.setattr(own, "start_copy", start_copy)
    monkeypatch.setattr(own, "to_numpy", wait)
    monkeypatch.setattr(own, "is_host_memory", lambda self, tensor: False)
    monkeypatch.setattr(label_rules, "LEAST_BYTES", 0)
    return seen


def fit(metrics, *callbacks):
    """Fit for two epochs: the first batch of a fit is read at once, to find mistakes."""
    jit = {"jit_compile": False} if BACKEND == "tensorflow" else {}
    options = {"batch_size": 16, "epochs": 2, "verbose": 0, "callbacks": [metrics, *callbacks]}
    echo_model(**jit).fit(X_FIT, Y_FIT[:, None], validation_data=(X, Y[:, None]), **options)
    return metrics


@pytest.mark.parametrize("memory", ["exact", "bounded"])
def test_each_row_is_scored_once(memory, device):
    metrics = fit(Metrics(["f1", "confusion"], memory=memory, verbose=False))
    starts, waits = ([event[1:] for event in device if event[0] == what] for what in ("start", "wait"))
    assert {(16,), (5,)} <= set(starts)
    assert sorted(waits) == sorted(starts)
    labels = X[:, 0] > 0.5
    for epoch in range(2):
        np.testing.assert_array_equal(metrics.confusion[epoch], sk.confusion_matrix(Y, labels))
        assert metrics.f1s[epoch] == sk.f1_score(Y, labels)


def test_a_copy_is_waited_for_when_the_next_batch_has_been_queued(device):
    begin = keras.callbacks.LambdaCallback()
    begin.on_test_batch_begin = lambda batch, logs=None: device.append(("batch", batch))
    metrics = fit(Metrics(["f1"], memory="exact", verbose=False), begin)
    np.testing.assert_array_equal(metrics.predictions.y_pred.reshape(-1), X[:, 0])
    second = device[max(place for place, event in enumerate(device) if event == ("batch", 0)) :]
    copies = [("start", 16)] * 2
    waits = [("wait", 16)] * 2  # targets and outputs
    assert second[: 2 * 5 + 1] == [("batch", 0), *copies, ("batch", 1), *waits, *copies, ("batch", 2), *waits]
