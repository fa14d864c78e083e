"""Three positives in a hundred
===============================

Why F1 and not accuracy, and which threshold to use. While the model learns to find the rare class, accuracy hardly
changes and F1 rises. Needs the extra `plot`.
"""

from pathlib import Path

import keras
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from kerascb_metrics import Binary, Metrics

# %%
# The data, and a small network.
keras.utils.set_random_seed(0)
x, y = make_classification(
    10_000, 20, n_informative=6, n_clusters_per_class=3, weights=[0.97], flip_y=0.01, class_sep=1.2, random_state=3
)
x_train, x_val, y_train, y_val = train_test_split(x, y, test_size=0.5, stratify=y, random_state=0)
scaler = StandardScaler().fit(x_train)

model = keras.Sequential(
    [keras.Input((20,)), keras.layers.Dense(32, activation="relu"), keras.layers.Dense(1, activation="sigmoid")]
)
model.compile(keras.optimizers.Adam(0.005), "binary_crossentropy")

# %%
# Scores by name, and names for the two classes.
metrics = Metrics(
    ["f1", "precision", "recall", "average_precision", "accuracy"], task=Binary(class_names=["usual", "rare"])
)
model.fit(
    scaler.transform(x_train),
    y_train,
    validation_data=(scaler.transform(x_val), y_val),
    batch_size=32,
    epochs=15,
    verbose=0,
    callbacks=[metrics],
)

# %%
# Accuracy begins where a model that never says "rare" would be.
history = metrics.history
print(
    f"{y_val.mean():.1%} of {len(y_val)} validation rows are rare: without them accuracy is {1 - y_val.mean():.4f}.\n"
)
print(history)

# %%
# scikit-learn's report of the best epoch.
best, f1 = history.best("f1")
print(f"\nbest F1 {f1:.4f} in epoch {best}:\n\n{history.report(best)}")

# %%
# The scores by epoch, and those of the best epoch by threshold.
pictures = Path("pictures")  # in the folder that this is run in
pictures.mkdir(exist_ok=True)
history.plot().figure_.savefig(pictures / "scores.png", dpi=90)
threshold = history.plot_threshold("best")
threshold.figure_.savefig(pictures / "threshold.png", dpi=110)
cut, highest = threshold.best
print(f"with a threshold of {cut:.3f} instead of 0.5, F1 of that epoch would be {highest:.4f}")
print(f"pictures: {pictures}/scores.png, threshold.png")

# %%
# Accuracy says little here. F1 rises, and with a lower threshold than 0.5 it would be higher still.
# `examples/thresholds.py` chooses one, and says what it is worth on other rows.
