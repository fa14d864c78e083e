"""Kinds of models: each maker returns a new compiled model that returns its input, unless it says otherwise."""

from functools import cache

import keras
from keras import layers
from keras.initializers import Constant

from tests.support import custom_steps as steps
from tests.support.models import BACKEND, RowCounter, binary_rows, echo_model

X, _ = binary_rows(50, seed=1)
JIT = {"jit_compile": False} if BACKEND == "tensorflow" else {}  # XLA takes longer than everything else


def compiled(inputs, outputs, counter, cls=keras.Model, loss="binary_crossentropy", **options):
    model = cls(inputs, outputs)
    model.compile(options.pop("optimizer", None) or keras.optimizers.SGD(0.0), loss, **JIT, **options)
    model.counter = counter
    return model


def sequential():
    counter = RowCounter()
    model = keras.Sequential([keras.Input((1,)), counter, same()])
    model.compile(keras.optimizers.SGD(0.0), "binary_crossentropy", **JIT)
    model.counter = counter
    return model


def same(**options):
    return layers.Dense(1, use_bias=False, kernel_initializer="ones", **options)


def logistic(**options):
    return layers.Dense(
        1, activation="sigmoid", kernel_initializer=Constant(4.0), bias_initializer=Constant(-2.0), **options
    )


def through(*between, **options):
    """A functional model: the counter, some layers, and one layer that returns its input."""
    inputs, counter = keras.Input((1,)), RowCounter()
    hidden = counter(inputs)
    for layer in between:
        hidden = layer(hidden)
    return compiled(inputs, same()(hidden), counter, **options)


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.counter, self.dense = RowCounter(), same()

    def call(self, inputs, training=False):
        return self.dense(self.counter(inputs, training=training))


def subclassed():
    model = Subclassed()
    model(X[:1])
    model.compile(keras.optimizers.SGD(0.0), "binary_crossentropy", **JIT)
    return model


class OwnTrainStep(keras.Model):
    def train_step(self, *args):
        return super().train_step(*args)


class OwnMetrics(keras.Model):
    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        return {**super().compute_metrics(x, y, y_pred, sample_weight), "constant": 1.0}


class OwnEvaluate(keras.Model):
    def evaluate(self, *args, **kwargs):
        logs = super().evaluate(*args, **kwargs)
        return {**logs, "added": 1.0}


def with_steps(cls):
    return steps.as_class(cls, **JIT)


def stateful():
    """Keeps its state from batch to batch; accepts batches of 10 rows only. Does not return its input."""
    inputs, counter = keras.Input(batch_shape=(10, 3, 1)), RowCounter()
    cell = layers.SimpleRNN(1, kernel_initializer="ones", recurrent_initializer=Constant(-0.5), stateful=True)
    return compiled(inputs, logistic()(cell(counter(inputs))), counter)


def lora():
    model = learning()
    model.layers[-1].enable_lora(1)
    model.compile(keras.optimizers.SGD(2.0), "binary_crossentropy", **JIT)
    return model


def quantized():
    model = through()
    model.quantize("int8")
    model.compile(keras.optimizers.SGD(0.0), "binary_crossentropy", **JIT)
    return model


def mixed():
    """Half precision inside and a sigmoid in float32, as Keras's guide recommends. Does not return its input."""
    inputs, counter = keras.Input((1,)), RowCounter()
    hidden = layers.Dense(1, activation="relu", kernel_initializer="ones", dtype="mixed_bfloat16")(counter(inputs))
    return compiled(inputs, logistic(dtype="float32")(hidden), counter)


def learning(**optimizer):
    """Does not return its input."""
    inputs, counter = keras.Input((1,)), RowCounter()
    return compiled(inputs, logistic()(counter(inputs)), counter, optimizer=keras.optimizers.SGD(2.0, **optimizer))


def frozen():
    return through(same(trainable=False))


def nested():
    inner = keras.Sequential([keras.Input((1,)), keras.Sequential([keras.Input((1,)), same()])])
    return through(inner)


@cache
def shared():
    """One model for all rows of the table that differ only in their data; it never changes."""
    return echo_model(counted=True, **JIT)
