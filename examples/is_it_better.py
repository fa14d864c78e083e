"""Is the best epoch better, or lucky?
======================================

One of forty epochs has the best F1. How certain is it, is it better than others, and what would it score on new rows?
A small network finds the digit 8 in scikit-learn's digits. Needs the extra `plot`.
"""

from pathlib import Path

import keras
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from kerascb_metrics import Metrics

# %%
# Forty epochs.
keras.utils.set_random_seed(0)
x, digit = load_digits(return_X_y=True)
x, y = x / 16, (digit == 8).astype(int)
x_train, x_val, y_train, y_val = train_test_split(x, y, test_size=0.5, stratify=y, random_state=0)

model = keras.Sequential(
    [keras.Input((64,)), keras.layers.Dense(16, activation="relu"), keras.layers.Dense(1, activation="sigmoid")]
)
model.compile(keras.optimizers.Adam(0.02), "binary_crossentropy")
metrics = Metrics()
model.fit(x_train, y_train, validation_data=(x_val, y_val), epochs=40, verbose=0, callbacks=[metrics])
history = metrics.history
print(metrics)

# %%
# How certain are the scores of the best epoch?
best, f1 = history.best("f1")
print(f"\nF1 of epoch {best}, the best: {f1:.3f}. How certain is it? {y_val.sum()} of {len(y_val)} rows are an 8.")
for name in ("f1", "precision", "recall", "kappa", "auc"):
    low, high = history.at("best").confidence_interval(name)
    print(f"  {name:>9} {history.at('best')[name]:.3f}, 95 % interval {low:.3f} to {high:.3f}")

# %%
# Two epochs are compared row by row. The best one was chosen, which the test takes into account.
print(f"\nIs epoch 39 better than epoch 5?\n  {history.compare(39, 5, 'f1')}")
print(f"\nIs the best epoch better than epoch 20? It was chosen among 40:\n  {history.compare('best', 20, 'f1')}")
alone = history.compare(best, 20, "f1")
print(f"  As if it had not been chosen, p would be {alone.pvalue:.2g}.")
print(f"\nWhat to expect of it on new rows: F1 {history.corrected_best('f1').value:.3f}, not {f1:.3f}.")

# %%
# F1 with its 95 % band: after a few epochs the differences are smaller than what is known about them.
pictures = Path("pictures")  # in the folder that this is run in
pictures.mkdir(exist_ok=True)
history.plot("f1", confidence_level=0.95).figure_.savefig(pictures / "is_it_better.png", dpi=100)
print(f"picture: {pictures}/is_it_better.png")
