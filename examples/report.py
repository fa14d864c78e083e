"""One page of a whole run
==========================

Handwritten digits, as one HTML page with a slider for the epoch and one for the threshold.
"""

from pathlib import Path

import keras
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from kerascb_metrics import Metrics

# %%
# Twenty epochs.
keras.utils.set_random_seed(0)
x, y = load_digits(return_X_y=True)
x_train, x_val, y_train, y_val = train_test_split(x / 16, y, test_size=0.5, stratify=y, random_state=0)

model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(24, activation="relu"), keras.layers.Dense(10)])
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile(keras.optimizers.Adam(0.005), loss, metrics=["accuracy"])

metrics = Metrics()
model.fit(x_train, y_train, validation_data=(x_val, y_val), epochs=20, verbose=0, callbacks=[metrics])

# %%
# The page. With `Metrics(report_file="report.html")` it is rewritten after each epoch, while the fit goes on.
pictures = Path("pictures")  # in the folder that this is run in
pictures.mkdir(exist_ok=True)
path = pictures / "report.html"
metrics.history.save_report(path, title="Handwritten digits")
best, f1 = metrics.history.best("f1")
print(f"best macro F1 {f1:.4f} in epoch {best} of {len(metrics.f1s)}, counted from 0")
print(f"open {path} in a browser: {path.stat().st_size / 1e6:.2f} MB; it works offline")
