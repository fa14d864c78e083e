"""Scores in the middle of an epoch
===================================

A small callback scores the model every 20 batches and keeps its own list. The fit itself is unchanged, to the last
bit.
"""

from typing import Any

import keras
import numpy as np

from kerascb_metrics import Metrics


# %%
# The callback: `evaluate` of a `Metrics`, with the model that is being trained.
class EvaluateEvery(keras.callbacks.Callback):
    """Scores given data every `batches` training batches. The fit itself is unchanged, to the last bit."""

    def __init__(self, batches: int, data: Any, scoring: list[str] | None = None) -> None:
        super().__init__()
        self.batches, self.data, self.metrics = batches, data, Metrics(scoring)
        self.history: list[dict[str, Any]] = []  # one per evaluation

    def on_train_begin(self, logs: Any = None) -> None:
        """Begin a new history."""
        self.history, self.trained, self.before_epoch = [], 0, 0

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Score the data if it is time."""
        # `batch` is counted from 0 in each epoch. With steps_per_execution above 1 it is the last one of an execution.
        before, self.trained = self.trained, self.before_epoch + batch + 1
        if self.trained // self.batches > before // self.batches:
            self.history.append({"batch": self.trained, **self.metrics.evaluate(self.model, self.data)})

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Count the batches of the epoch."""
        self.before_epoch = self.trained


# %%
# The data, and a small network.
keras.utils.set_random_seed(0)
rng = np.random.default_rng(0)
x = rng.normal(size=(3000, 8)).astype("float32")
y = (x[:, 0] + x[:, 1] * x[:, 2] + 0.5 * rng.normal(size=3000) > 0).astype(int)

model = keras.Sequential(
    [keras.Input((8,)), keras.layers.Dense(32, activation="relu"), keras.layers.Dense(1, activation="sigmoid")]
)
model.compile("adam", "binary_crossentropy")

mid_epoch = EvaluateEvery(20, (x[2000:], y[2000:]), ["f1", "auc"])
model.fit(x[:2000], y[:2000], epochs=2, verbose=0, callbacks=[mid_epoch])

# %%
# Two epochs of 63 batches, scored six times.
print("  batch         f1        auc")
for scores in mid_epoch.history:
    print(f"{scores['batch']:7d}{scores['f1']:11.4f}{scores['auc']:11.4f}")

# %%
# Between two evaluations lie 20 batches: `val_f1` in `logs`, once per epoch, would show two values instead of six.
