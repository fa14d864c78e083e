"""What an epoch's scores take within `fit` however few rows there are, on the backend that KERAS_BACKEND names."""

import time
from statistics import quantiles

import keras

from benchmarks.fitting.models import Problem, mlp
from benchmarks.harness.table import bounded
from kerascb_metrics import Metrics

ROWS = 1_000  # in one validation batch
TRAINING_ROWS = 32
EPOCHS = 200
AT_MOST = {"jax": 0.7, "torch": 0.7, "tensorflow": 1.5}  # ms


def measure(quick):
    """Measure the time from the end of each validation pass to its scores."""
    problem, metrics = Problem("MLP", mlp, (20,), ROWS, (ROWS,)), TimedMetrics()
    (x, y), model = problem.data(seed=0), problem.build()
    options = {"validation_data": (x, y), "validation_batch_size": ROWS, "callbacks": [metrics], "verbose": 0}
    model.fit(x[:TRAINING_ROWS], y[:TRAINING_ROWS], epochs=5 if quick else EPOCHS, **options)
    low, middle, high = (1e3 * seconds for seconds in quantiles(metrics.seconds[1:]))  # the first settles the task
    backend = keras.backend.backend()
    note = f"half of the epochs are between {low:.2f} and {high:.2f}"
    return [bounded(f"{backend}, MLP: from pass to scores", ROWS, middle, "ms", AT_MOST[backend], note=note)]


class TimedMetrics(Metrics):
    """`Metrics` that notes how long it works after each validation pass."""

    def __init__(self):
        super().__init__()
        self.seconds = []

    def on_validation_pass(self, collect, logs):
        start = time.perf_counter()
        entries = super().on_validation_pass(collect, logs)
        self.seconds.append(time.perf_counter() - start)
        return entries
