"""A fit whose F1 differs in every epoch and is known: the logit is shifted by a bias that each epoch sets."""

import keras
import numpy as np
from sklearn.metrics import f1_score

from tests.support.models import binary_rows

X, Y = binary_rows(40, logits=True)
SHIFTS = (-1.0, 0.25, 1.0)


def f1s(sign=1, shifts=SHIFTS):
    """scikit-learn's F1 of each epoch."""
    return [f1_score(Y, sign * X[:, 0] + shift > 0) for shift in shifts]


class Shift(keras.callbacks.Callback):
    """Sets the bias of each epoch."""

    def __init__(self, shifts=SHIFTS):
        super().__init__()
        self.shifts = shifts

    def on_epoch_begin(self, epoch, logs=None):
        self.model.layers[-1].bias.assign(np.array([self.shifts[epoch]]))


def logit_model(sign=1):
    """A compiled model whose logit is its input, or minus it, and that learns nothing."""
    kernel = keras.initializers.Constant(sign)
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, kernel_initializer=kernel)])
    model.compile(keras.optimizers.SGD(0.0), keras.losses.BinaryCrossentropy(from_logits=True))
    return model


def fit(callbacks, model=None):
    """Fit on the rows, with one epoch per shift; return Keras's history."""
    return (model or logit_model()).fit(
        X, Y, validation_data=(X, Y), epochs=len(SHIFTS), verbose=0, callbacks=[Shift(), *callbacks]
    )
