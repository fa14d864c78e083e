"""Quickstart: breast cancer
============================

F1, kappa and AUC of the whole validation set in every epoch, and early stopping on F1.
"""

import keras
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from kerascb_metrics import Metrics

# %%
# The data, and a small network.
keras.utils.set_random_seed(0)
x, y = load_breast_cancer(return_X_y=True)
x_train, x_val, y_train, y_val = train_test_split(x, y, test_size=0.3, stratify=y, random_state=0)
scaler = StandardScaler().fit(x_train)

model = keras.Sequential(
    [keras.Input((30,)), keras.layers.Dense(16, activation="relu"), keras.layers.Dense(1, activation="sigmoid")]
)
model.compile("adam", "binary_crossentropy")

# %%
# `Metrics()` is all that it takes. `EarlyStopping`, like every other callback, finds its scores in `logs`.
metrics = Metrics()
model.fit(
    scaler.transform(x_train),
    y_train,
    validation_data=(scaler.transform(x_val), y_val),
    epochs=30,
    verbose=0,
    callbacks=[keras.callbacks.EarlyStopping("val_f1", patience=5), metrics],
)

# %%
# The scores of every epoch, and the confusion matrix of the last one.
names = ("f1", "precision", "recall", "kappa", "auc")
best, _ = metrics.history.best("f1")
print("epoch" + "".join(f"{name:>11}" for name in names))
for index, epoch in enumerate(metrics.history.epochs):
    row = "".join(f"{metrics.history[name][index]:11.4f}" for name in names)
    print(f"{epoch:5d}{row}{'   <- best F1' if epoch == best else ''}")

(tn, fp), (fn, tp) = metrics.confusion[-1]
print(f"\nconfusion matrix after epoch {metrics.history.epochs[-1]}, {len(y_val)} validation rows:")
print(f"                  predicted 0   predicted 1\n        true 0 {tn:14d}{fp:14d}\n        true 1 {fn:14d}{tp:14d}")

# %%
# `EarlyStopping` ended the fit, long before epoch 29: the F1 of all rows had not risen for five epochs.
