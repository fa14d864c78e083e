"""A tour of real data
======================

Breast cancer, wine and digits: two classes, three, and ten. The same lines train and score all three, because
`Metrics()` reads the task from the loss. How much the scores are worth differs with the number of rows, and the
intervals say it. Needs the extra `plot`.
"""

from pathlib import Path

import keras
import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from kerascb_metrics import Metrics, ScoreHistory, compare_histories


# %%
# One column and a binary loss for two classes, else one column per class.
def train(x: np.ndarray, y: np.ndarray) -> ScoreHistory:
    """Train a small network and return the scores of its epochs."""
    keras.utils.set_random_seed(0)
    x_train, x_val, y_train, y_val = train_test_split(x, y, test_size=0.5, stratify=y, random_state=0)
    scaler = StandardScaler().fit(x_train)
    classes = int(y.max()) + 1
    last, activation = (1, "sigmoid") if classes == 2 else (classes, "softmax")
    model = keras.Sequential([keras.layers.Dense(16, activation="relu"), keras.layers.Dense(last, activation)])
    loss = "binary_crossentropy" if classes == 2 else "sparse_categorical_crossentropy"
    model.compile(keras.optimizers.Adam(0.01), loss)
    metrics = Metrics()
    validation = (scaler.transform(x_val), y_val)
    model.fit(scaler.transform(x_train), y_train, validation_data=validation, epochs=12, verbose=0, callbacks=[metrics])
    return metrics.history


loaders = {"breast cancer": load_breast_cancer, "wine": load_wine, "digits": load_digits}
runs = {name: train(*load(return_X_y=True)) for name, load in loaders.items()}

# %%
# F1, Cohen's kappa and ROC AUC of the last epoch; of several classes F1 and AUC are their averages.
print(f"{'data':<14}{'classes':>8}{'rows':>6}{'F1':>8}   95 % interval{'kappa':>8}{'AUC':>8}")
for name, history in runs.items():
    scores = history.at("last")
    low, high = scores.confidence_interval("f1")
    print(
        f"{name:<14}{len(scores['confusion']):8d}{scores['confusion'].sum():6d}{scores['f1']:8.3f}   "
        f"{low:.3f} to {high:.3f}{scores['kappa']:8.3f}{scores['auc']:8.3f}"
    )

# %%
# F1 of the three by epoch, the best epoch of each marked.
pictures = Path("pictures")  # in the folder that this is run in
pictures.mkdir(exist_ok=True)
compare_histories(runs).plot("f1").figure_.savefig(pictures / "real_data.png", dpi=90)
print(f"picture: {pictures}/real_data.png")

# %%
# In the last epochs F1 changes by less than its interval is wide: none of the three is known to three digits.
