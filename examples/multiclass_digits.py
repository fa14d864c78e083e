"""Handwritten digits: F1 of each class in every epoch, and scikit-learn's report of the best epoch.

python examples/multiclass_digits.py
"""

import keras
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from kerascb_metrics import Metrics

keras.utils.set_random_seed(0)
x, y = load_digits(return_X_y=True)
x_train, x_val, y_train, y_val = train_test_split(x / 16, y, test_size=0.3, stratify=y, random_state=0)

model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(32, activation="relu"), keras.layers.Dense(10)])
model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))

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

print("epoch  macro F1    " + "".join(f"{digit:>7}" for digit in range(10)))
for index, epoch in enumerate(metrics.history.epochs):
    classes = "".join(f"{value:7.3f}" for value in by_class.history["f1_digit"][index])
    print(f"{epoch:5d}{metrics.f1s[index]:10.4f}    {classes}")

best, value = metrics.history.best("f1")
print(f"\nbest macro F1 {value:.4f} in epoch {best}:\n\n{metrics.history.report(best)}")
