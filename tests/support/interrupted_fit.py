"""A fit that kills its own process when epoch 2 begins: `python -m tests.support.interrupted_fit FOLDER`."""

import os
import signal
import sys
from pathlib import Path

import keras

from kerascb_metrics import Metrics
from tests.support.models import binary_rows

X, Y = binary_rows(40)
EPOCHS = 6


def train(log_file, *callbacks):
    """Train a model of one weight, whose scores change from epoch to epoch, and return its `Metrics`."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, "sigmoid", kernel_initializer="ones")])
    eagerly = keras.backend.backend() == "tensorflow"  # faster there than to compile it
    model.compile(keras.optimizers.Adam(0.5), "binary_crossentropy", run_eagerly=eagerly)
    metrics = Metrics(log_file=log_file, verbose=False)
    rows = {"validation_data": (X, Y), "batch_size": 20, "shuffle": False}
    model.fit(X, Y, **rows, epochs=EPOCHS, verbose=0, callbacks=[*callbacks, metrics])
    return metrics


class Kill(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 2:
            os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    train(folder / "scores.jsonl", keras.callbacks.BackupAndRestore(folder / "backup"), Kill())
