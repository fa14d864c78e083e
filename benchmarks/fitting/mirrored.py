"""The time of `fit` with `Metrics()` under TensorFlow's MirroredStrategy, on two logical devices of the processor."""

import math

import tensorflow as tf

from benchmarks.fitting.models import Problem, mlp
from benchmarks.harness.table import as_long
from benchmarks.harness.timing import interleave
from kerascb_metrics import Metrics

REPLICAS = 2
BATCH = 64 * REPLICAS
TRAINING_BATCHES = 8


def measure(quick):
    """Measure a fit with the panel against a fit without."""
    strategy = _two_devices()
    problem = Problem("MLP", mlp, (20,), 1_100 if quick else 5_000, (BATCH,))
    fits = {
        "plain": _one_epoch(strategy, problem, []),
        "Metrics()": _one_epoch(strategy, problem, [Metrics()]),
    }
    times, case = interleave(fits, once=math.inf), f"tensorflow, MirroredStrategy of {REPLICAS}, MLP, batch {BATCH}"
    plain, ours = times.of("plain"), times.of("Metrics()")
    note = f"first epoch {times.first['Metrics()']:.2f} s against {times.first['plain']:.2f} s"
    return [as_long(f"{case}: Metrics()", problem.validation_rows, ours, "plain fit", plain, note=note)]


def _two_devices():
    (processor,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * REPLICAS)
    return tf.distribute.MirroredStrategy([device.name for device in tf.config.list_logical_devices("CPU")])


def _one_epoch(strategy, problem, callbacks):
    """Return a function that fits a new model for one more epoch at each call."""
    x, y = (part[: TRAINING_BATCHES * BATCH] for part in problem.data(seed=0))
    options = {"validation_data": problem.data(seed=1), "callbacks": callbacks}
    with strategy.scope():
        model = problem.build()
    return lambda: model.fit(x, y, batch_size=BATCH, epochs=1, shuffle=False, verbose=0, **options)
