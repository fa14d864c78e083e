"""Models and data whose results are obvious: outputs are the inputs, and every row is counted."""

from functools import cache

import keras
import numpy as np

BACKEND = keras.backend.backend()


class RowCounter(keras.layers.Layer):
    """Returns its input, and counts the rows that it sees outside training."""

    def build(self, input_shape):
        self.rows = self.add_weight(shape=(), dtype="int32", initializer="zeros", trainable=False, name="rows")
        self.built = True

    def call(self, inputs, training=False):
        if not training:
            self.rows.assign(self.rows + keras.ops.shape(inputs)[0])
        return inputs

    def seen(self):
        """The rows since the last call."""
        rows = int(keras.ops.convert_to_numpy(self.rows.value))
        self.rows.assign(0)
        return rows


def echo_model(columns=1, loss="binary_crossentropy", learning_rate=0.0, counted=False, **compile_options):
    """A compiled model that returns its input exactly: it has an identity kernel, and a learning rate of 0.

    With `counted`, `model.counter` is a `RowCounter` that sees every row.
    """
    inputs = keras.Input((columns,))
    counter = RowCounter()
    outputs = counter(inputs) if counted else inputs
    outputs = keras.layers.Dense(columns, use_bias=False, kernel_initializer="identity", name="echo")(outputs)
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.SGD(learning_rate), loss, **compile_options)
    if counted:
        model.counter = counter
    return model


@cache
def shared_echo_model(columns=1, loss="binary_crossentropy"):
    """One `echo_model` for all tests of a process that only fit and evaluate it: it never changes."""
    return echo_model(columns, loss)


def binary_rows(rows=101, seed=0, logits=False):
    """Outputs `x` (rows, 1) float32, and 0/1 targets `y` (rows,) that they predict fairly well."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, rows)
    z = rng.normal(size=rows) + 1.5 * (y - 0.5)
    x = z if logits else 1 / (1 + np.exp(-z))
    return x.astype("float32")[:, None], y


class Batches(keras.utils.PyDataset):
    """A dataset of given batches."""

    def __init__(self, batches):
        super().__init__()
        self.batches = batches

    def __len__(self):
        return len(self.batches)

    def __getitem__(self, place):
        return self.batches[place]


def in_batches(x, y, size):
    """Rows in batches. For TensorFlow a dataset: from arrays Keras would make one at each call, which takes 0.1 s."""
    if BACKEND != "tensorflow":
        return Batches([(x[start : start + size], y[start : start + size]) for start in range(0, len(x), size)])
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices((x, y)).batch(size)
