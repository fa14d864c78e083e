"""How often the model's Python code runs in a fit: once for each compiled function; on PyTorch once per batch."""

import keras

from benchmarks.fitting.models import Problem, mlp
from benchmarks.harness.table import bounded
from kerascb_metrics import Metrics

PROBLEM = Problem("MLP", mlp, (20,), 100, (32,))


class Counting(keras.layers.Layer):
    """Returns its input, and counts the calls of its Python code."""

    calls = 0

    def call(self, inputs):
        self.calls += 1
        return inputs


def measure_calls():
    """Count with and without `Metrics()`, in a fit of two epochs and in a second fit of the same model."""
    plain, ours = _calls([]), _calls([Metrics()])
    what = "forward passes" if keras.backend.backend() == "torch" else "forward passes traced to be compiled"
    case, unit = f"{keras.backend.backend()}, {what} with Metrics(): ", "calls"
    against = [f"without: {calls}" for calls in plain]
    return [
        bounded(case + "fit of 2 epochs", 100, ours[0], unit, plain[0], note=against[0]),
        bounded(case + "a second fit", 100, ours[1], unit, plain[1], note=against[1]),
    ]


def _calls(callbacks):
    counting = Counting()
    model, (x, y) = mlp(counting), PROBLEM.data(seed=0)
    calls = []
    for _ in range(2):
        before = counting.calls
        model.fit(x, y, batch_size=32, epochs=2, shuffle=False, verbose=0, validation_data=(x, y), callbacks=callbacks)
        calls.append(counting.calls - before)
    return calls
