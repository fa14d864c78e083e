"""A long run by hand: many epochs, several fits; what grows, what is traced again, how long an epoch takes.

    python -m tests.robustness.soak --epochs 300 --fits 3

prints, for each fit, memory, live objects, open files, runs of the Python of `test_step`, and the time that scoring
takes in the first and the last tenth of the epochs. test_soak.py is a short run that measures no time.
"""

import argparse
import gc
import os
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

import keras

from kerascb_metrics import Metrics
from tests.support.custom_steps import SuperStep
from tests.support.models import BACKEND, Batches, binary_rows, echo_model

X, Y = binary_rows(64, seed=1)
GIVEN_X, GIVEN_Y = binary_rows(48, seed=2)


def batches(x, y):
    """Batches of 16, made once: on TensorFlow Keras would make a dataset of arrays at each call."""
    y = y[:, None]
    if BACKEND == "tensorflow":
        import tensorflow as tf

        return tf.data.Dataset.from_tensor_slices((x, y)).batch(16)
    return Batches([(x[start : start + 16], y[start : start + 16]) for start in range(0, len(x), 16)])


TRAINING, VALIDATION, GIVEN = batches(X[:16], Y[:16]), batches(X, Y), batches(GIVEN_X, GIVEN_Y)


class CountedStep(SuperStep):
    """Counts how often Python runs the step: for each trace if it is compiled, else for each batch."""

    steps = 0

    def test_step(self, *args):
        CountedStep.steps += 1
        return super().test_step(*args)


@dataclass(frozen=True)
class Sample:
    """What exists at the end of an epoch."""

    objects: int
    memory: int  # bytes, resident
    files: int
    traces: int
    seconds: float  # the duration of the epoch


class Watch(keras.callbacks.Callback):
    """Takes a sample at the end of the given epochs. Listed last."""

    def __init__(self, epochs):
        super().__init__()
        self.epochs, self.samples, self.seconds = set(epochs), {}, []

    def on_epoch_begin(self, epoch, logs=None):
        self.began = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        self.seconds.append(time.perf_counter() - self.began)
        if epoch in self.epochs:
            gc.collect()
            self.samples[epoch] = Sample(
                len(gc.get_objects()), resident(), open_files(), CountedStep.steps, self.seconds[-1]
            )


def resident():
    """Return the bytes of memory in use; 0 if the system does not tell."""
    statm = Path("/proc/self/statm")
    return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") if statm.exists() else 0


def open_files():
    """Return how many files are open; 0 if the system does not tell."""
    descriptors = Path("/proc/self/fd")
    return len(list(descriptors.iterdir())) if descriptors.exists() else 0


def counting_model():
    """The echo model, with a `test_step` that counts how often Python runs it."""
    CountedStep.steps = 0
    echo = echo_model()
    model = CountedStep(echo.input, echo.output)
    model.compile(keras.optimizers.SGD(0.0), "binary_crossentropy")
    return model


def metrics_of_a_fit(**options):
    """A Metrics that scores fit's own pass, and one with given data."""
    return [Metrics(verbose=False, **options), Metrics(verbose=False, validation_data=GIVEN, prefix="test_", **options)]


def fit(model, epochs, callbacks, samples):
    """Fit, take samples in the given epochs, and return the `Watch`."""
    watch = Watch(samples)
    model.fit(
        TRAINING, validation_data=VALIDATION, epochs=epochs, shuffle=False, verbose=0, callbacks=[*callbacks, watch]
    )
    model.history = None  # Keras's own, which holds the callbacks
    return watch


def main():
    """Run by hand."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--epochs", type=int, default=300)
    parser.add_argument("--fits", type=int, default=3)
    parser.add_argument("--without", action="store_true", help="without Metrics, for comparison")
    options = parser.parse_args()
    model, epochs = counting_model(), options.epochs
    metrics = [] if options.without else metrics_of_a_fit()
    tenth = max(1, epochs // 10)
    print(f"{BACKEND}: {options.fits} fits of {epochs} epochs" + (" without Metrics" if options.without else ""))
    for number in range(options.fits):
        watch = fit(model, epochs, metrics, [tenth, epochs // 2, epochs - 1])
        for epoch, at in watch.samples.items():
            print(
                f"fit {number + 1} epoch {epoch + 1:4}: {at.objects} objects, {at.memory / 2**20:.1f} MiB, "
                f"{at.files} files, {at.traces} runs of test_step's Python"
            )
        first, last = (statistics.median(part) for part in (watch.seconds[tenth : 2 * tenth], watch.seconds[-tenth:]))
        print(f"fit {number + 1}: an epoch took {1e3 * first:.2f} ms at first, {1e3 * last:.2f} ms at last")


if __name__ == "__main__":
    main()
