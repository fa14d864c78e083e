"""scikeras
===========

It makes a scikit-learn estimator of a Keras model; each fold of a cross-validation has its own `Metrics`. Needs
`pip install scikeras`.
"""

import keras
from scikeras.wrappers import KerasClassifier
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from kerascb_metrics import Metrics


def network(units: int) -> keras.Model:
    """Return a compiled model."""
    model = keras.Sequential([keras.Input((30,)), keras.layers.Dense(units, "relu"), keras.layers.Dense(1, "sigmoid")])
    model.compile("adam", "binary_crossentropy")
    return model


x, y = load_breast_cancer(return_X_y=True)
classifier = KerasClassifier(
    network,
    units=16,
    epochs=8,
    verbose=0,
    random_state=0,
    validation_split=0.2,
    callbacks=[Metrics(), keras.callbacks.EarlyStopping("val_f1", patience=2)],
)
folds = cross_validate(
    make_pipeline(StandardScaler(), classifier), x, y, cv=3, scoring="f1", return_estimator=True, error_score="raise"
)

print("fold  F1 on its test rows   best validation F1")
for fold, (pipeline, score) in enumerate(zip(folds["estimator"], folds["test_score"], strict=True)):
    metrics = pipeline[-1].callbacks[0]  # scikit-learn clones estimator and callbacks for each fold
    epoch, value = metrics.history.best("f1")
    print(f"{fold + 1:4d}{score:21.4f}{value:21.4f} in epoch {epoch}")
