"""Comparisons with scikit-learn's scores of the rows of `process_cases.py`."""

import numpy as np
from sklearn.metrics import (
    cohen_kappa_score,
    confusion_matrix,
    f1_score,
    precision_score,
    recall_score,
    roc_auc_score,
)

from tests.support import process_cases as cases


def assert_panel(scores, y_true, probabilities, sample_weight=None):
    """Assert that the default scores of a binary task equal scikit-learn's on all rows."""
    labels, weight = probabilities > 0.5, {"sample_weight": sample_weight}
    for name, score in {
        "f1": f1_score,
        "precision": precision_score,
        "recall": recall_score,
        "kappa": cohen_kappa_score,
    }.items():
        np.testing.assert_allclose(scores[name], score(y_true, labels, **weight), rtol=0, atol=1e-12, err_msg=name)
    np.testing.assert_allclose(scores["auc"], roc_auc_score(y_true, probabilities, **weight), rtol=0, atol=1e-12)
    np.testing.assert_allclose(scores["confusion"], confusion_matrix(y_true, labels, **weight), rtol=1e-12)


def assert_binary(found, order, sample_weight=None, epochs=1):
    """Assert that the rows of X and Y came once per epoch, in `order`, and that the scores equal scikit-learn's."""
    rows = found["rows"]
    np.testing.assert_array_equal(rows["y_true"], cases.Y[order])
    np.testing.assert_array_equal(rows["y_pred"], cases.X[order])
    if sample_weight is None:
        assert rows["sample_weight"] is None
    else:
        np.testing.assert_array_equal(rows["sample_weight"], sample_weight[order])
    assert found["epochs"] == list(range(epochs))
    for epoch in range(epochs):
        scores = {name: values[epoch] for name, values in found["scores"].items()}
        assert_panel(scores, cases.Y[order], cases.X[order, 0], None if sample_weight is None else sample_weight[order])


def assert_multiclass(found, order):
    """Assert that the targets of a model that learns came once and in order, and the scores of the last epoch."""
    rows, last = found["rows"], {name: values[-1] for name, values in found["scores"].items()}
    np.testing.assert_array_equal(rows["y_true"], cases.KINDS[order])
    labels = rows["y_pred"].argmax(1)
    assert last["f1"] == f1_score(rows["y_true"], labels, average="macro", zero_division=0)
    np.testing.assert_array_equal(last["confusion"], confusion_matrix(rows["y_true"], labels))
    given = found.get("given")
    if given is not None:  # the same rows, by `predict`
        np.testing.assert_array_equal(given["confusion"], last["confusion"])
        np.testing.assert_allclose(given["auc"], last["auc"], rtol=0, atol=1e-6)


def assert_recorded_of_first(by_process):
    """Assert what two processes record of a score that fails in the second one, and that its warning is true."""
    first, second = by_process
    accuracy = np.mean((cases.X[:, 0] > 0.5) == cases.Y)
    assert first["own"] == second["own"] == [accuracy] * 4
    assert first["logs"] == second["logs"] == [accuracy] * 4
    assert first["warned"] == []
    (message,) = second["warned"]
    assert message.startswith("Metrics: epoch 1: recorded what the first process has, because the pass failed: ")
    assert "planted" in message
