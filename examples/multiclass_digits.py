"""F1 of each class
===================

Handwritten digits: F1 of each class in every epoch, scikit-learn's report of the best epoch, and which digits are
taken for which. Needs the extra `plot`.
"""

from pathlib import Path

import keras
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from kerascb_metrics import Metrics

# %%
# A network that returns logits: the loss says so, and `Metrics` reads the loss.
keras.utils.set_random_seed(0)
x, y = load_digits(return_X_y=True)
x_train, x_val, y_train, y_val = train_test_split(x / 16, y, test_size=0.3, stratify=y, random_state=0)

model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(32, activation="relu"), keras.layers.Dense(10)])
model.compile(keras.optimizers.Adam(0.005), keras.losses.SparseCategoricalCrossentropy(from_logits=True))

# %%
# Two callbacks: the default scores, and F1 with one value per class.
metrics = Metrics()
by_class = Metrics({"f1_digit": "f1"}, average=None)
model.fit(
    x_train,
    y_train,
    validation_data=(x_val, y_val),
    epochs=12,
    verbose=0,
    callbacks=[metrics, by_class],
)

# %%
# F1 of each digit, epoch by epoch.
print("epoch  macro F1    " + "".join(f"{digit:>7}" for digit in range(10)))
for index, epoch in enumerate(metrics.history.epochs):
    classes = "".join(f"{value:7.3f}" for value in by_class.history["f1_digit"][index])
    print(f"{epoch:5d}{metrics.f1s[index]:10.4f}    {classes}")

# %%
# The best epoch.
best, value = metrics.history.best("f1")
print(f"\nbest macro F1 {value:.4f} in epoch {best}:\n\n{metrics.history.report(best)}")

# %%
# Rows are true digits, columns what the model read.
pictures = Path("pictures")  # in the folder that this is run in
pictures.mkdir(exist_ok=True)
metrics.history.plot_confusion("best").figure_.savefig(pictures / "digits.png", dpi=90)
print(f"picture: {pictures}/digits.png")

# %%
# The average hides that 1 and 8 are the most difficult digits.
