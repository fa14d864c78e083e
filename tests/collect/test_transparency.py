"""A fit with Metrics equals the fit without to the last bit: weights, state, History, random numbers.

Each kind of model and data is fitted three times from the same seeds: without Metrics, with captured data, with given
data. test_validation_hook_transparency.py has the plain case, and copies made during a fit.
"""

import random
from dataclasses import dataclass
from functools import cache

import keras
import numpy as np
import pytest
from keras import layers

from kerascb_metrics import Metrics
from tests.support.models import BACKEND, binary_rows

X, Y = binary_rows(37, seed=1, logits=True)
X_FIT, Y_FIT = binary_rows(32, seed=2, logits=True)
W = np.random.default_rng(3).uniform(0.5, 2, 37).astype("float32")
STEPS = 1 if BACKEND == "torch" else 3  # Keras on PyTorch refuses more than 1
HOW = {"jit_compile": False} if BACKEND == "tensorflow" else {}  # XLA takes longer than all the rest


# What a validation pass could change.


class OwnMetric(keras.metrics.Metric):
    """A compiled metric with its own state, which a second pass over the data would change."""

    def __init__(self):
        super().__init__(name="own")
        self.total = self.add_weight(shape=(), initializer="zeros", name="total")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.total.assign(0.9 * self.total + keras.ops.mean(y_pred))

    def result(self):
        return self.total + 0.0

    def reset_state(self):
        pass  # so that its state continues from pass to pass


class Noisy(layers.Layer):
    """Adds a loss, draws from its seed and counts its calls, outside training too."""

    def __init__(self):
        super().__init__()
        self.seeds = keras.random.SeedGenerator(0)

    def build(self, shape):
        self.calls = self.add_weight(shape=(), initializer="zeros", trainable=False, name="calls")

    def call(self, inputs):
        self.calls.assign(self.calls + 1)
        self.add_loss(0.01 * keras.ops.mean(inputs**2))
        return inputs + 0.1 * keras.random.normal(keras.ops.shape(inputs), seed=self.seeds)


def restless():
    """Custom and weighted metrics, `add_loss`, batch norm, dropout, noise in validation, several steps per call."""
    model = keras.Sequential(
        [
            keras.Input((1,)),
            layers.Dense(4, activation="tanh", activity_regularizer="l2"),
            Noisy(),
            layers.BatchNormalization(),
            layers.Dropout(0.5, seed=7),
            layers.GaussianNoise(0.1),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(
        keras.optimizers.SGD(0.1, momentum=0.9),
        "binary_crossentropy",
        metrics=["accuracy", OwnMetric()],
        weighted_metrics=[keras.metrics.MeanSquaredError(name="error")],
        steps_per_execution=STEPS,
        **HOW,
    )
    return model


def stateful():
    """An RNN that keeps its state from batch to batch, and from pass to pass; all batches have one size."""
    inputs = keras.Input(batch_shape=(8, 3, 1))
    hidden = layers.SimpleRNN(2, stateful=True)(inputs)
    model = keras.Model(inputs, layers.Dense(1, activation="sigmoid")(hidden))
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), "binary_crossentropy", **HOW)
    return model


class Two(keras.optimizers.Optimizer):
    """Two optimizers as one: the second has the last two weights, the first has the others."""

    def __init__(self):
        super().__init__(learning_rate=0.1)
        self.first, self.second = keras.optimizers.SGD(0.1, momentum=0.9), keras.optimizers.Adam(0.01)

    def build(self, variables):
        super().build(variables)
        self.first.build(variables[:-2])
        self.second.build(variables[-2:])

    @property
    def variables(self):
        return [*self.first.variables, *self.second.variables]

    def apply(self, grads, trainable_variables=None):
        self.first.apply(grads[:-2], trainable_variables and trainable_variables[:-2])
        self.second.apply(grads[-2:], trainable_variables and trainable_variables[-2:])


class TwoOptimizers(keras.Model):
    """Its own train step, with an optimizer for each of two parts; Keras's test step."""

    if BACKEND == "tensorflow":

        def train_step(self, data):
            import tensorflow as tf

            x, y, weight = keras.utils.unpack_x_y_sample_weight(data)
            with tf.GradientTape() as tape:
                y_pred = self(x, training=True)
                loss = self.compute_loss(x, y, y_pred, weight)
            self._apply(tape.gradient(loss, self.trainable_weights))
            return self.compute_metrics(x, y, y_pred, weight)

    if BACKEND == "torch":

        def train_step(self, data):
            import torch

            x, y, weight = keras.utils.unpack_x_y_sample_weight(data)
            self.zero_grad()
            y_pred = self(x, training=True)
            self.compute_loss(x, y, y_pred, weight).backward()
            with torch.no_grad():
                self._apply([variable.value.grad for variable in self.trainable_weights])
            return self.compute_metrics(x, y, y_pred, weight)

    def _apply(self, grads):
        self.optimizer.first.apply(grads[:-2], self.trainable_variables[:-2])
        self.optimizer.second.apply(grads[-2:], self.trainable_variables[-2:])


def two_optimizers():
    inputs = keras.Input((1,))
    hidden = layers.Dropout(0.3)(layers.Dense(3, activation="tanh")(inputs))
    model = TwoOptimizers(inputs, layers.Dense(1, activation="sigmoid")(hidden))
    model.compile(Two(), "binary_crossentropy", metrics=["accuracy"], **HOW)
    model.optimizer.build(model.trainable_variables)
    return model


# Data: for training and validation, and as given data.


def arrays():
    fit = {"x": X_FIT, "y": Y_FIT, "batch_size": 8, "validation_data": (X, Y, W)}
    return fit, {"validation_data": (X_FIT[:21], Y_FIT[:21]), "validation_batch_size": 8}


def sequences():
    rows, more = (np.stack([x, x, x], axis=1) for x in (X_FIT, X[:24]))
    fit = {"x": rows, "y": Y_FIT, "batch_size": 8, "validation_data": (more, Y[:24])}
    return fit, {"validation_data": (more[:16], Y[:16]), "validation_batch_size": 8}


class Shuffled(keras.utils.PyDataset):
    """Shuffles by NumPy's global random state, at every reading."""

    def __init__(self, x, y):
        super().__init__()
        self.x, self.y = x, y
        self.on_epoch_end()

    def __len__(self):
        return 4

    def __getitem__(self, index):
        rows = self.order[8 * index : 8 * index + 8]
        return self.x[rows], self.y[rows]

    def on_epoch_end(self):
        self.order = np.random.permutation(len(self.x))  # noqa: NPY002


def shuffled():
    """Data that draws from the global random state; on PyTorch its own kind of data."""

    def data(x, y):
        if BACKEND == "torch":
            from torch import from_numpy
            from torch.utils.data import DataLoader, TensorDataset

            return DataLoader(TensorDataset(from_numpy(x), from_numpy(y)), 8, shuffle=True)
        return Shuffled(x, y)

    fit = {"x": data(X_FIT, Y_FIT), "shuffle": False, "validation_data": data(X, Y)}  # the data shuffles itself
    return fit, {"validation_data": data(X_FIT, Y_FIT)}


class ByChance(keras.callbacks.Callback):
    """Draws from the global random states in each epoch, and changes the learning rate accordingly."""

    def on_epoch_begin(self, epoch, logs=None):
        drawn = random.random() + np.random.rand()  # noqa: NPY002
        if isinstance(self.model.optimizer, Two):
            return
        self.model.optimizer.learning_rate = self.model.optimizer.learning_rate * (0.9 + 0.1 * drawn)


def schedules():
    return [
        keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.9),
        keras.callbacks.ReduceLROnPlateau("val_loss", patience=0, min_delta=10, factor=0.5),
        ByChance(),
    ]


KINDS = {
    "restless": (restless, arrays, schedules),
    "stateful": (stateful, sequences, list),
    "two optimizers, shuffled data": (two_optimizers, shuffled, lambda: [ByChance()]),
}
# The first kind has the most that a pass could change. Some fits of the others are slow tests.
FIRST, *OTHERS = KINDS


@dataclass
class Run:
    """A new model after a fit, and its results."""

    model: keras.Model
    history: dict
    drawn: list
    attributes: set
    evaluated: dict
    predicted: np.ndarray

    @property
    def variables(self):
        optimizer = self.model.optimizer
        return {
            "weights": [keras.ops.convert_to_numpy(one.value) for one in self.model.variables],
            "optimizer": [keras.ops.convert_to_numpy(one.value) for one in optimizer.variables],
        }


def run(kind, source):
    make, data, callbacks = KINDS[kind]
    keras.utils.set_random_seed(5)
    model, (fit, given) = make(), data()
    ours = {
        "without": list,
        "captured": lambda: [Metrics(verbose=False)],
        "given": lambda: [Metrics(verbose=False, prefix="test_", **given)],
    }[source]()
    history = model.fit(**fit, epochs=3, verbose=0, callbacks=[*ours, *callbacks()]).history
    drawn = [random.random(), np.random.rand(), *np.ravel(keras.random.normal((2,)))]  # noqa: NPY002
    assert all(len(metrics.f1s) == 3 for metrics in ours)
    x, y = fit["validation_data"][:2] if isinstance(fit["validation_data"], tuple) else (X, Y)
    attributes = set(vars(model))
    evaluated = model.evaluate(x, y, batch_size=8, verbose=0, return_dict=True)
    return Run(model, history, drawn, attributes, evaluated, model.predict(x, batch_size=8, verbose=0))


@cache
def without(kind):
    return run(kind, "without")


@pytest.mark.filterwarnings("ignore::kerascb_metrics.UndefinedScoreWarning")  # few rows, barely trained
@pytest.mark.parametrize(
    ("kind", "source"),
    [
        pytest.param(kind, source, marks=[pytest.mark.slow] if source == "given" and kind in OTHERS else [])
        for kind in KINDS
        for source in ("captured", "given")
    ],
)
def test_a_fit_is_the_same_with_and_without(kind, source):
    plain, scored = without(kind), run(kind, source)
    assert scored.attributes == plain.attributes
    assert scored.drawn == plain.drawn, "the global random states"
    for of, expected in plain.variables.items():
        for place, (ours, theirs) in enumerate(zip(scored.variables[of], expected, strict=True)):
            np.testing.assert_array_equal(ours, theirs, f"{of} {place}")
    for name, values in plain.history.items():
        # In a captured pass another compiled program computes Keras's own numbers: the last digit may differ.
        exact = source == "given" or not name.startswith("val_")
        assert scored.history[name] == (values if exact else pytest.approx(values, rel=1e-6, abs=1e-7)), name
    prefix = {"captured": "val_", "given": "test_"}[source]
    new = {"f1", "precision", "recall", "kappa", "auc", "tn", "fp", "fn", "tp"}
    assert set(scored.history) - set(plain.history) == {f"{prefix}{name}" for name in new}
    assert scored.evaluated == plain.evaluated
    np.testing.assert_array_equal(scored.predicted, plain.predicted)


@pytest.mark.parametrize("kind", [FIRST, *(pytest.param(kind, marks=pytest.mark.slow) for kind in OTHERS)])
def test_the_comparison_can_fail(kind):
    """Each kind has something that an extra pass changes: the comparison must notice one more `predict`."""
    if (BACKEND, kind) == ("jax", "stateful"):
        pytest.skip("on JAX a Keras RNN loses its state at the end of each batch")
    plain = without(kind)
    make, data, callbacks = KINDS[kind]
    keras.utils.set_random_seed(5)
    model, (fit, given) = make(), data()
    x = given["validation_data"][0] if isinstance(given["validation_data"], tuple) else given["validation_data"]

    class Predicts(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.model.predict(x, batch_size=8, verbose=0)

    history = model.fit(**fit, epochs=3, verbose=0, callbacks=[Predicts(), *callbacks()]).history
    variables = [keras.ops.convert_to_numpy(one.value) for one in model.variables]
    same = all(np.array_equal(*pair) for pair in zip(variables, plain.variables["weights"], strict=True))
    assert not (same and history == plain.history)
