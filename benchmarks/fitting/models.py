"""The small models that are fitted, and their data."""

from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np
from keras import layers


@dataclass(frozen=True)
class Problem:
    """A model and its data.

    Attributes:
        name: its name in the table.
        build: returns a new compiled model.
        row: the shape of one row of x.
        validation_rows: the number of validation rows.
        batch_sizes: the batch sizes to fit with.
    """

    name: str
    build: Callable
    row: tuple
    validation_rows: int
    batch_sizes: tuple

    def data(self, seed):
        """Return x and y with `validation_rows` rows; y is float32, 0 and 1, of shape (N, 1)."""
        rng = np.random.default_rng(seed)
        x = rng.standard_normal((self.validation_rows, *self.row), np.float32)
        noise = rng.standard_normal(len(x), np.float32)
        return x, (x.reshape(len(x), -1)[:, :5].sum(axis=1) + noise > 0).astype(np.float32)[:, None]


def problems(quick):
    """Return the problems; tiny ones with `quick`."""
    if quick:
        return [Problem("MLP", mlp, (20,), 2_000, (32,)), Problem("conv net", conv_net, (28, 28, 1), 256, (32,))]
    return [
        Problem("MLP", mlp, (20,), 10_000, (32,)),
        Problem("MLP", mlp, (20,), 100_000, (256, 2048)),
        Problem("conv net", conv_net, (28, 28, 1), 10_000, (32, 256)),
    ]


def mlp(*first):
    """Return a compiled multilayer perceptron on 20 numbers; the given layers come first."""
    hidden = [layers.Dense(32, activation="relu"), layers.Dense(32, activation="relu")]
    return _compiled([keras.Input((20,)), *first, *hidden])


def conv_net():
    """Return a compiled model with two convolutions on images of 28 × 28."""
    convolutions = [
        layers.Conv2D(16, 3, activation="relu"),
        layers.MaxPooling2D(),
        layers.Conv2D(32, 3, activation="relu"),
        layers.MaxPooling2D(),
        layers.Flatten(),
    ]
    return _compiled([keras.Input((28, 28, 1)), *convolutions])


def epochs(model, data, batch_size, callbacks, number):
    """Return a function that fits a model for some more epochs at each call: one batch, validated on all rows."""
    x, y = data
    options = {"validation_data": data, "validation_batch_size": batch_size, "callbacks": callbacks}
    options |= {"batch_size": batch_size, "epochs": number, "shuffle": False, "verbose": 0}
    return lambda: model.fit(x[:batch_size], y[:batch_size], **options)


def _compiled(parts):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([*parts, layers.Dense(1, activation="sigmoid")])
    model.compile("adam", "binary_crossentropy")
    return model
