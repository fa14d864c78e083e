"""Scores and callbacks that fail in one of several processes."""

import keras
import numpy as np


class FailsInOne:
    """A score that fails in process 1 from its second pass on."""

    def __init__(self, here):
        self.here, self.calls = here, 0

    def __call__(self, y_true, y_pred):
        self.calls += 1
        if self.here.index == 1 and self.calls > 1:
            raise ZeroDivisionError("planted")
        return float(np.mean(y_true == y_pred))


class Ends(keras.callbacks.Callback):
    """Ends one process when its third epoch begins."""

    def __init__(self, here, index, end):
        super().__init__()
        self.mine, self.end = here.index == index, end

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 2 and self.mine:
            self.end()
