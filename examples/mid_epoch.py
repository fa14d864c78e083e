"""Scores within an epoch: F1 and AUC after every few batches, in a history of their own.

python examples/mid_epoch.py
"""

from typing import Any

import keras
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from kerascb_metrics import Metrics


class EveryBatches(keras.callbacks.Callback):
    """Scores after every `every` batches of a fit, counted over all epochs. `docs/mid_epoch.md` describes it."""

    def __init__(self, metrics: Metrics, every: int) -> None:
        super().__init__()
        self.metrics, self.every, self.batches = metrics, every, 0

    def set_model(self, model: keras.Model) -> None:
        """Note the model."""
        super().set_model(model)
        self.metrics.set_model(model)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Begin a new history."""
        self.batches = 0
        self.metrics.on_train_begin()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Score after every `every` batches."""
        self.batches += 1
        if self.batches % self.every == 0:
            self.metrics.on_epoch_begin(self.batches)
            self.metrics.on_epoch_end(self.batches)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Leave the model as it was."""
        self.metrics.on_train_end()


keras.utils.set_random_seed(0)
x, digits = load_digits(return_X_y=True)
x_train, x_val, y_train, y_val = train_test_split(x / 16, digits == 8, test_size=0.4, stratify=digits, random_state=0)

model = keras.Sequential(
    [keras.Input((64,)), keras.layers.Dense(32, activation="relu"), keras.layers.Dense(1, activation="sigmoid")]
)
model.compile(keras.optimizers.Adam(0.02), "binary_crossentropy")

within = Metrics(["f1", "auc"], validation_data=(x_val, y_val), verbose=False)
after = Metrics(["f1", "auc"], verbose=False)
model.fit(
    x_train,
    y_train,
    batch_size=16,
    epochs=3,
    verbose=0,
    validation_data=(x_val, y_val),
    callbacks=[after, EveryBatches(within, every=20)],
)

print("  batch         f1        auc")
for batch, f1, auc in zip(within.history.epochs, within.f1s, within.auc, strict=True):
    print(f"{batch:7d}{f1:11.4f}{auc:11.4f}")
print(f"\nF1 at the end of each epoch: {', '.join(f'{f1:.4f}' for f1 in after.f1s)}")
