"""Histories for the page, made of rows that a test keeps, so that it can count them again."""

import keras
import numpy as np

from kerascb_metrics import Binary, Metrics, Multiclass, Regression, ScoreHistory
from kerascb_metrics.pipeline.epoch_result import EpochResult
from tests.support.arrays import assessed
from tests.support.models import shared_echo_model

HOSTILE = "<script>window.hacked = 1</script>"
HOSTILE_NAMES = [HOSTILE, "</script><img src=x onerror='window.hacked = 2'>", 'a "quoted" & \u2028 name']


def history_of(task, epochs, scoring=("f1", "auc", "confusion"), weight=None, output=None, **options):
    """Return the history of several epochs of rows, each `(y_true, y_pred)`."""
    history = ScoreHistory({"f1": True, "auc": True})
    for epoch, rows in enumerate(epochs):
        found = assessed(task, *rows, list(scoring), sample_weight=weight, **options)
        history.append(epoch, found.values, {output: found.records[None]})
        history.logs[-1].update(loss=1 / (epoch + 1), val_loss=2 / (epoch + 1))
    history.settings["task"] = task.kind
    return history


def binary_epochs(epochs=3, rows=300):
    """Return rows of each epoch, better each time: targets (N,), float32 probabilities (N, 1)."""
    rng = np.random.default_rng(5)
    y, noise = rng.integers(0, 2, rows), rng.normal(size=rows)
    return [(y, _sigmoid(noise + (y - 0.5) * (1 + epoch))[:, None]) for epoch in range(epochs)]


def class_epochs(n_classes, epochs=3, rows=300):
    """Return the same for several classes: targets (N,), float32 probabilities (N, C)."""
    rng = np.random.default_rng(6)
    y, noise = rng.integers(0, n_classes, rows), rng.normal(size=(rows, n_classes))
    odds = [np.exp(noise + (y[:, None] == np.arange(n_classes)) * (1 + epoch / epochs)) for epoch in range(epochs)]
    return [(y, (odd / odd.sum(axis=1, keepdims=True)).astype("float32")) for odd in odds]


def label_epochs(labels=3, epochs=3, rows=300):
    """Return the same for several labels: targets and float32 probabilities (N, L)."""
    rng = np.random.default_rng(7)
    y, noise = (rng.random((rows, labels)) < 0.3).astype(int), rng.normal(size=(rows, labels))
    return [(y, _sigmoid(noise + (y - 0.5) * (1 + epoch))) for epoch in range(epochs)]


def fit_of(rows_of_epochs, scoring=("f1", "auc"), **options):
    """Return the history of a fit whose rows in each epoch are given, with the same targets: it keeps the labels."""
    y, first = rows_of_epochs[0]
    own = {"task": "binary", "validation_data": (first.copy(), y), "model": lambda x: x, "verbose": False}
    metrics = Metrics(list(scoring), **own, **options)
    outputs = iter(p for _, p in rows_of_epochs)

    class Next(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            metrics.validation_data[0][:] = next(outputs)

    small = np.full((4, 1), 0.5, "float32"), np.array([0, 1, 0, 1])
    shared_echo_model(1).fit(*small, epochs=len(rows_of_epochs), verbose=0, callbacks=[Next(), metrics])
    return metrics.history


def regression():
    """Return a history without counts: one score, with a gap and an infinite value."""
    history = ScoreHistory({"r2": True})
    for epoch, value in enumerate([0.1, 0.3, float("nan"), 0.2, float("inf")]):
        history.append(epoch, {"r2": value}, {None: None})
    return history


def regressions(outputs=(None,), epochs=3, rows=300, columns=1, weight=None):
    """Return the history of regressions, better each time, and the rows of each epoch: targets and outputs (N, K)."""
    rng = np.random.default_rng(8)
    y, noise = rng.normal(100, 20, (rows, columns)), rng.normal(size=(rows, columns))
    history, of_epochs = ScoreHistory({"r2": True}), []
    for epoch in range(epochs):
        found = EpochResult()
        of_epochs.append((y, (y + noise * 20 / (epoch + 1) + 3).astype("float32")))
        for output in outputs:
            found.add(output, assessed(Regression(), *of_epochs[-1], ["r2", "mae"], sample_weight=weight))
        history._run.append(epoch, found.values, found.records, found.bounds, found.regressions)
    return history, of_epochs


def two_outputs():
    """Return a history of two outputs: "kind" has three classes, "rain" has two."""
    kind = history_of(Multiclass(class_names=["cat", "dog", "eel"]), class_epochs(3), output="kind")
    history = ScoreHistory({"kind_f1": True})
    for epoch, rows in enumerate(binary_epochs()):
        rain = assessed(Binary(class_names=["dry", "wet"]), *rows, ["f1", "auc", "confusion"])
        values = {f"kind_{name}": values[epoch] for name, values in kind.items()}
        history.append(epoch, values, {"kind": kind.tally(epoch, "kind"), "rain": rain.records[None]})
    return history


def _sigmoid(logits):
    return (1 / (1 + np.exp(-logits))).astype("float32")
