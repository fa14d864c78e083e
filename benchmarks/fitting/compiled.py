"""`Metrics()` compared with the same scores as compiled Keras metrics, on the backend that KERAS_BACKEND names.

Each variant fits a model of its own for some epochs per round: an epoch trains on one batch, and validates on all rows.
What either adds to the plain fit is compared. Keras computes compiled metrics for the training batch, too.
"""

import math
from dataclasses import dataclass

import keras
import numpy as np
from keras import layers

from benchmarks.fitting.models import epochs
from benchmarks.harness.table import as_long
from benchmarks.harness.timing import interleave
from kerascb_metrics import Metrics

BATCH, EPOCHS = 256, 5
ADDED_AT_MOST = 0.5  # what we add, as a share of what the compiled metrics add
SMALL_AT_MOST = 1.5  # a fit of 20,000 rows of 10 classes on JAX, against the plain fit


@dataclass(frozen=True)
class Task:
    """A task: its name in the table, its number of rows, and its number of classes (1: binary)."""

    name: str
    rows: int
    classes: int

    def data(self):
        """Return x of 20 numbers a row, and targets: 0 and 1 of shape (N, 1), or one-hot (N, C)."""
        rng = np.random.default_rng(0)
        x = rng.standard_normal((self.rows, 20), np.float32)
        best = (x[:, : max(2, self.classes)] + rng.standard_normal((self.rows, max(2, self.classes)))).argmax(axis=1)
        return x, best[:, None].astype("float32") if self.classes == 1 else np.eye(self.classes, dtype="float32")[best]

    def model(self, compiled=()):
        """Return a new compiled model."""
        keras.utils.set_random_seed(0)
        hidden = [layers.Dense(32, activation="relu"), layers.Dense(32, activation="relu")]
        loss, activation = (
            ("binary_crossentropy", "sigmoid") if self.classes == 1 else ("categorical_crossentropy", "softmax")
        )
        new = keras.Sequential([keras.Input((20,)), *hidden, layers.Dense(self.classes, activation=activation)])
        new.compile("sgd", loss, metrics=list(compiled))
        return new

    def keras_metrics(self):
        """Return Keras's metrics that come nearest to the default panel."""
        kinds = keras.metrics
        if self.classes == 1:
            return [
                kinds.BinaryAccuracy(),
                kinds.F1Score(threshold=0.5),
                kinds.Precision(),
                kinds.Recall(),
                kinds.AUC(),
            ]
        return [
            kinds.CategoricalAccuracy(),
            kinds.F1Score(average="macro"),
            kinds.Precision(),
            kinds.Recall(),
            kinds.AUC(multi_label=True, num_labels=self.classes),
        ]


TASKS = Task("binary MLP", 100_000, 1), Task("MLP of 10 classes", 20_000, 10)
QUICK_ROWS = 2_000


def measure(quick):
    """Measure a binary task, then a small one of several classes."""
    return [row for task in TASKS for row in _measured(Task(task.name, QUICK_ROWS, task.classes) if quick else task)]


def _measured(task):
    data, ours = task.data(), [Metrics(verbose=False)]
    fits = {
        "plain": epochs(task.model(), data, BATCH, [], EPOCHS),
        "Metrics()": epochs(task.model(), data, BATCH, ours, EPOCHS),
        "compiled": epochs(task.model(task.keras_metrics()), data, BATCH, [], EPOCHS),
    }
    times = interleave(fits, once=math.inf)
    plain, ours, theirs = (times.of(name) / EPOCHS for name in ("plain", "Metrics()", "compiled"))
    backend = keras.backend.backend()
    small = SMALL_AT_MOST if backend == "jax" and task.classes > 1 else None
    case = f"{backend}, {task.name}"
    added = f"{case}: what Metrics() adds"
    # A fit with Metrics() may be as fast as the plain one: what nothing adds is counted as one part in a thousand.
    more = max(ours - plain, plain / 1000), max(theirs - plain, plain / 1000)
    return [
        as_long(f"{case}: Metrics()", task.rows, ours, "plain fit", plain, small, note="per epoch"),
        as_long(f"{case}: compiled Keras metrics", task.rows, theirs, "plain fit", plain, note="per epoch"),
        as_long(added, task.rows, more[0], "what the compiled metrics add", more[1], ADDED_AT_MOST, note="per epoch"),
    ]
