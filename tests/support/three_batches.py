"""Data of three batches, and models that return them, for tests of when a mistake is found."""

import keras
import numpy as np
from keras import layers

ROWS, SIZE = 24, 8  # three batches
RNG = np.random.default_rng(0)
BCE, SPARSE, ONE_HOT, MSE = (
    "binary_crossentropy",
    "sparse_categorical_crossentropy",
    "categorical_crossentropy",
    "mean_squared_error",
)
CLASSES = np.arange(ROWS) % 3
BITS = np.arange(ROWS) % 2
P1 = RNG.random((ROWS, 1)).astype("float32")
P3 = RNG.dirichlet(np.ones(3), ROWS).astype("float32")
P5 = RNG.dirichlet(np.ones(5), ROWS).astype("float32")
WEIGHT = np.ones(ROWS, "float32")


def any_targets(y_true, y_pred):
    """A loss that takes targets of any shape and says nothing about them."""
    return keras.ops.mean(y_pred, axis=-1)


def echo(columns, loss):
    """Returns its input; PyTorch's own losses would refuse some of the wrong targets first."""
    inputs = keras.Input((columns,))
    outputs = layers.Dense(columns, use_bias=False, kernel_initializer="identity")(inputs)
    return compiled(keras.Model(inputs, outputs), loss)


def compiled(model, loss):
    model.compile(keras.optimizers.SGD(0.0), loss, run_eagerly=True)
    return model


def lenient(name):
    """A loss that is read as a loss of Keras's, and that any targets fit."""
    base = {BCE: keras.losses.BinaryCrossentropy, SPARSE: keras.losses.SparseCategoricalCrossentropy}
    base |= {ONE_HOT: keras.losses.CategoricalCrossentropy, MSE: keras.losses.MeanSquaredError}

    class AnyTargets(base[name]):
        def __call__(self, y_true, y_pred, sample_weight=None):
            return keras.ops.mean(y_pred)

    return AnyTargets()


def in_batches(x, y, weight):
    arrays = (x, y) if weight is None else (x, y, weight)
    return [tuple(array[start : start + SIZE] for array in arrays) for start in range(0, ROWS, SIZE)]


def changed(values, row, value):
    values = values.copy()
    values[row] = value
    return values


class Counts(keras.callbacks.Callback):
    """Counts the training and the validation batches."""

    training = validation = 0

    def on_train_batch_begin(self, batch, logs=None):
        self.training += 1

    def on_test_batch_end(self, batch, logs=None):
        self.validation += 1
