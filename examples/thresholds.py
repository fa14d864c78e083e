"""Thresholds by cost
=====================

A tumour that is missed costs more than a false alarm. Thresholds are chosen on validation data, by F1, by a limit and
by cost, and test data show what each is worth. The same threshold then serves in scikit-learn's
`FixedThresholdClassifier`. Needs the extra `plot`.
"""

from pathlib import Path

import keras
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import confusion_matrix
from sklearn.model_selection import FixedThresholdClassifier, train_test_split
from sklearn.preprocessing import StandardScaler

from kerascb_metrics import Binary, Metrics

# %%
# `threshold="f1"` labels the rows of each epoch by the threshold with the best F1.
keras.utils.set_random_seed(0)
x, benign = load_breast_cancer(return_X_y=True)
y = 1 - benign  # 1: malignant
x_train, x_rest, y_train, y_rest = train_test_split(x, y, train_size=0.3, stratify=y, random_state=0)
x_val, x_test, y_val, y_test = train_test_split(x_rest, y_rest, test_size=0.5, stratify=y_rest, random_state=0)
scaler = StandardScaler().fit(x_train)
x_train, x_val, x_test = (scaler.transform(part) for part in (x_train, x_val, x_test))

model = keras.Sequential([keras.Input((30,)), keras.layers.Dense(1, activation="sigmoid")])
model.compile(keras.optimizers.Adam(0.02), "binary_crossentropy")
metrics = Metrics(task=Binary(threshold="f1", class_names=["benign", "malignant"]))
model.fit(x_train, y_train, validation_data=(x_val, y_val), epochs=8, verbose=0, callbacks=[metrics])
print(metrics)

# %%
# Other wishes, after training. `cross_fitted` is what to expect of rows that did not choose the threshold.
scores = metrics.history.at("last")
chosen = {
    "best F1": scores.best_threshold("f1"),
    "best recall, precision of at least 0.9": scores.best_threshold("recall", at_least={"precision": 0.9}),
    "least cost, a missed tumour costs 20 false alarms": scores.best_threshold(cost={"fp": 1, "fn": 20}),
}
outputs = model.predict(x_test, verbose=0)[:, 0]
print("On validation data, and what to expect of others:")
for wish, best in chosen.items():
    missed = int(((outputs <= best.threshold) & (y_test == 1)).sum())
    alarms = int(((outputs > best.threshold) & (y_test == 0)).sum())
    print(
        f"  {wish}: threshold {best.threshold:.3f}, value {best.value:.3f}, cross-fitted {best.cross_fitted:.3f}; "
        f"of {len(y_test)} test rows {missed} missed, {alarms} false alarms"
    )


# %%
# To the serving side: scikit-learn takes any classifier with probabilities, and the threshold.
class KerasProbabilities(ClassifierMixin, BaseEstimator):
    """The trained model as scikit-learn calls classifiers."""

    def fit(self, rows: np.ndarray, labels: np.ndarray) -> "KerasProbabilities":
        """Note the classes; the model is trained already."""
        self.classes_ = np.unique(labels)
        return self

    def predict_proba(self, rows: np.ndarray) -> np.ndarray:
        """Return the probabilities of both classes, (N, 2)."""
        positive = model.predict(rows, verbose=0)
        return np.hstack([1 - positive, positive])


by_cost = chosen["least cost, a missed tumour costs 20 false alarms"].threshold
serving = FixedThresholdClassifier(KerasProbabilities(), threshold=by_cost).fit(x_val, y_val)
print("FixedThresholdClassifier, confusion matrix of the test rows:")
print(confusion_matrix(y_test, serving.predict(x_test)))

# %%
# Precision, recall and F1 by threshold, with the chosen one.
pictures = Path("pictures")  # in the folder that this is run in
pictures.mkdir(exist_ok=True)
scores.plot_threshold().figure_.savefig(pictures / "chosen_threshold.png", dpi=100)
print(f"picture: {pictures}/chosen_threshold.png")

# %%
# Each wish has its price. The threshold of the least cost misses the fewest tumours, and raises the most false alarms.
