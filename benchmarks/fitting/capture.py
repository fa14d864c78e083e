"""The time that capture adds to a validation batch, on the backend that KERAS_BACKEND names.

A fit of one training batch is compared with the same fit whose validation rows are collected and joined, but not
scored. The short batch is that of a small model: 0.1 to 0.3 ms on JAX, 1 ms elsewhere, where no step of `fit` takes
less. The long one takes 2 ms or more and has 64 KiB of outputs.
"""

import math
import time
from dataclasses import dataclass
from statistics import median

import keras
import numpy as np
from keras import layers

from benchmarks.fitting.callbacks import CaptureOnly
from benchmarks.fitting.models import epochs
from benchmarks.harness.table import as_long, bounded
from benchmarks.harness.timing import interleave

AT_MOST = {"jax": 50, "torch": 50}  # µs per batch; nothing on TensorFlow
NOTHING = 0.02  # the share of a validation pass that counts as nothing: timing is no more precise
LONG_STEP, LONG_AT_MOST = 0.002, 1.03
ROUNDS, QUICK_ROUNDS = 101, 3
WHY = "each step also returns its targets and outputs, and both become NumPy arrays"


@dataclass(frozen=True)
class Batch:
    """A kind of validation batch.

    Attributes:
        name: its name in the table.
        rows: the number of its rows.
        classes: the number of outputs per row.
        batches: the number of batches in a pass.
        step: the seconds that a batch takes at least: the model is made wider until it does.
    """

    name: str
    rows: int
    classes: int
    batches: int
    step: float = 0.0

    def data(self):
        """Return x of 20 numbers a row, and class numbers."""
        rng = np.random.default_rng(0)
        n = self.rows * self.batches
        return rng.standard_normal((n, 20), np.float32), rng.integers(0, self.classes, n)

    def width(self):
        """Return how wide the hidden layers are, so that a batch takes as long as it should."""
        x, y = self.data()
        width = 32
        while _seconds(self.model(width), x, y, self.rows) / self.batches < self.step:
            width *= 2
        return width

    def model(self, width):
        """Return a new compiled model."""
        keras.utils.set_random_seed(0)
        hidden = [layers.Dense(width, activation="relu"), layers.Dense(width, activation="relu")]
        new = keras.Sequential([keras.Input((20,)), *hidden, layers.Dense(self.classes, activation="softmax")])
        new.compile("sgd", "sparse_categorical_crossentropy")
        return new


SHORT = Batch("short batches of 256 rows", rows=256, classes=2, batches=200)
LONG = Batch("long batches of 1,024 rows and 64 KiB", rows=1024, classes=16, batches=32, step=LONG_STEP)


def measure(quick):
    """Measure short and long batches."""
    return _measured(SHORT, quick) + _measured(LONG, quick)


def _measured(batch, quick):
    width, data = batch.width(), batch.data()
    variants = {"pass": [], "capture": [CaptureOnly()]}
    fits = {name: epochs(batch.model(width), data, batch.rows, own, number=1) for name, own in variants.items()}
    times = interleave(fits, once=math.inf, rounds=QUICK_ROUNDS if quick else ROUNDS)
    backend, n = keras.backend.backend(), batch.rows * batch.batches
    low, middle, high = (1e6 * extra / batch.batches for extra in times.extra("capture", "pass"))
    step = times.of("pass") / batch.batches
    note = f"half of the rounds are between {low:.0f} and {high:.0f}; a batch takes {1e3 * step:.2f} ms"
    at_most = AT_MOST.get(backend)
    if at_most is None:
        at_most = round(1e6 * NOTHING * step, 1)
        note += f"; the target is nothing, which means {NOTHING:.0%} of a batch here"
    case = f"{backend}, {batch.name}: capture"
    rows = [bounded(case, n, middle, "µs per batch", at_most, note=note, why=WHY)]
    if step >= LONG_STEP:
        rows.append(as_long(case, n, times.of("capture"), "plain pass", times.of("pass"), LONG_AT_MOST))
    return rows


def _seconds(model, x, y, batch_size):
    seconds = []
    for _ in range(4):
        start = time.perf_counter()
        model.evaluate(x, y, batch_size=batch_size, verbose=0)
        seconds.append(time.perf_counter() - start)
    return median(seconds[1:])
