"""Two outputs
==============

One model reads the digit, and whether it is even. Each output has its own task, scores and report. Needs the extra
`plot`.
"""

from pathlib import Path

import keras
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from kerascb_metrics import Binary, Metrics, Multiclass

# %%
# The data.
keras.utils.set_random_seed(0)
x, digits = load_digits(return_X_y=True)
x_train, x_val, train, val = train_test_split(x / 16, digits, test_size=0.4, stratify=digits, random_state=0)


def targets(digits: np.ndarray) -> dict[str, np.ndarray]:
    """Return the targets of both outputs by name."""
    return {"digit": digits, "even": (digits % 2 == 0)[:, None].astype("float32")}


# %%
# The model, its two losses, and what to score of each output. `monitor` gives other callbacks the key of a score and
# its direction.
inputs = keras.Input((64,))
hidden = keras.layers.Dense(32, activation="relu")(inputs)
model = keras.Model(
    inputs,
    {
        "digit": keras.layers.Dense(10, activation="softmax", name="digit")(hidden),
        "even": keras.layers.Dense(1, activation="sigmoid", name="even")(hidden),
    },
)
model.compile(keras.optimizers.Adam(0.005), {"digit": "sparse_categorical_crossentropy", "even": "binary_crossentropy"})

metrics = Metrics(
    scoring={"digit": ["f1", "kappa", "confusion"], "even": ["f1", "precision", "recall", "auc"]},
    task={"digit": Multiclass(), "even": Binary(class_names=["odd", "even"])},
)
model.fit(
    x_train,
    targets(train),
    validation_data=(x_val, targets(val)),
    epochs=20,
    verbose=0,
    callbacks=[
        metrics,
        keras.callbacks.EarlyStopping(**metrics.monitor("even_f1"), patience=3),
        keras.callbacks.ReduceLROnPlateau(**metrics.monitor("digit_f1"), patience=3),
    ],
)

# %%
# The scores by epoch, then the report of the best epoch of each output.
print(metrics.history)
for output in ("digit", "even"):
    best, value = metrics.history.best(f"{output}_f1")
    print(f"\n{output}: best F1 {value:.4f} in epoch {best}\n\n{metrics.history.report(best, output=output)}")

# %%
# All scores in one figure. Each output has a best epoch of its own.
pictures = Path("pictures")  # in the folder that this is run in
pictures.mkdir(exist_ok=True)
metrics.history.plot().figure_.savefig(pictures / "outputs.png", dpi=90)
print(f"picture: {pictures}/outputs.png")
