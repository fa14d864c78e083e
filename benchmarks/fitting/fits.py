"""The time of `fit` with `Metrics()` in its callbacks, on the backend that KERAS_BACKEND names.

Each variant fits a model of its own, one epoch per round. The number of training rows is chosen so that training takes
about as long as validation.
"""

import math
import time
from dataclasses import dataclass
from statistics import median

import keras

from benchmarks.fitting.callbacks import Metrics2017, PredictOnce
from benchmarks.fitting.calls import measure_calls
from benchmarks.fitting.models import Problem, problems
from benchmarks.harness.table import Row, as_fast, as_long
from benchmarks.harness.timing import Times, interleave
from kerascb_metrics import Metrics

LONG_STEP = 0.002
AT_MOST_WITH_LONG_STEPS = 1.03
AT_LEAST_AS_FAST_AS_2017 = 2
HALF = (0.4, 0.6)  # the share of validation in an epoch that counts as half


def measure(quick):
    """Measure each problem at each batch size, then count the calls of the model."""
    rows = []
    for problem in problems(quick):
        for batch_size in problem.batch_sizes:
            rows += _fits(problem, batch_size).rows()
    return rows + measure_calls()


@dataclass(frozen=True)
class Fits:
    """The times of a problem at one batch size.

    Attributes:
        problem, batch_size: what was fitted, and how.
        training_rows: the number of training rows.
        times: the times of the variants.
    """

    problem: Problem
    batch_size: int
    training_rows: int
    times: Times

    def rows(self) -> list[Row]:
        """Return the rows of the table."""
        n, of, first = self.problem.validation_rows, self.times.of, self.times.first
        plain, ours = of("plain"), of("Metrics()")
        target = AT_MOST_WITH_LONG_STEPS if self._step >= LONG_STEP else None
        old = AT_LEAST_AS_FAST_AS_2017 if HALF[0] <= self._share <= HALF[1] else None
        note = f"first epoch {first['Metrics()']:.2f} s against {first['plain']:.2f} s; step {1e3 * self._step:.2f} ms"
        share = f"validation is {self._share:.0%} of an epoch with {self.training_rows:,} training rows"
        why = f"each of the two model.predict calls takes {self._predict:.0%} of a validation pass"
        return [
            as_long(self._case("Metrics()"), n, ours, "plain fit", plain, target, note=note),
            as_fast(self._case("Metrics()"), n, ours, "the callback of 2017", of("2017"), old, note=share, why=why),
            as_fast(self._case("Metrics()"), n, ours, "one model.predict, no scores", of("predict")),
        ]

    def _case(self, what):
        return f"{keras.backend.backend()}, {self.problem.name}, batch {self.batch_size}: {what}"

    @property
    def _step(self):
        """The mean time of a step of the plain fit, training and validation steps together."""
        steps = math.ceil(self.training_rows / self.batch_size)
        return self.times.of("plain") / (steps + math.ceil(self.problem.validation_rows / self.batch_size))

    @property
    def _predict(self):
        """The time of one `model.predict`, as a share of the validation pass of the plain fit."""
        of = self.times.of
        return (of("predict") - of("plain")) / (of("plain") - of("training"))

    @property
    def _share(self):
        """The share of validation in an epoch of the plain fit."""
        return 1 - self.times.of("training") / self.times.of("plain")


def _fits(problem, batch_size):
    (x, y), validation = problem.data(seed=0), problem.data(seed=1)
    rows = _training_rows(problem, x, y, batch_size)
    x, y = x[:rows], y[:rows]
    callbacks = {
        "plain": [],
        "Metrics()": [Metrics()],
        "predict": [PredictOnce(validation[0], batch_size)],
        "2017": [Metrics2017(*validation, batch_size)],
    }
    fits = {name: _one_epoch(problem, x, y, batch_size, validation, own) for name, own in callbacks.items()}
    fits["training"] = _one_epoch(problem, x, y, batch_size, None, [])
    return Fits(problem, batch_size, rows, interleave(fits, once=math.inf))


def _one_epoch(problem, x, y, batch_size, validation, callbacks):
    """Return a function that fits a new model for one more epoch at each call."""
    model = problem.build()
    options = {"validation_data": validation, "validation_batch_size": batch_size, "callbacks": callbacks}
    return lambda: model.fit(x, y, batch_size=batch_size, epochs=1, shuffle=False, verbose=0, **options)


def _training_rows(problem, x, y, batch_size):
    """Return the number of rows whose training takes about as long as the validation of all: whole batches of `x`."""
    some = max(batch_size, len(x) // 4)
    training = _one_epoch(problem, x[:some], y[:some], batch_size, None, [])
    model = problem.build()
    of_training = _warm_seconds(training)
    of_validation = _warm_seconds(lambda: model.evaluate(x, y, batch_size=batch_size, verbose=0))
    batches = round(of_validation / of_training * some / batch_size)
    return batch_size * min(max(1, batches), len(x) // batch_size)


def _warm_seconds(run):
    run()
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return median(seconds)
