"""KerasTuner
=============

A search for the highest F1 of a rare class; the objective is a key of `logs`, like any other.
`tuner.search(…, callbacks=[Metrics()])` is enough to rank the trials. KerasTuner copies its callbacks for each trial
and does not keep the copies, so `HyperModel.fit` makes a new `Metrics` here, to keep the history of each trial. Needs
`pip install keras-tuner`, and the extra `plot`.
"""

import tempfile
from pathlib import Path
from typing import Any

import keras
import keras_tuner
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from kerascb_metrics import Metrics, ScoreHistory, compare_histories

# %%
# One in ten rows is an eight.
x, digits = load_digits(return_X_y=True)
y = (digits == 8).astype(int)
x_train, x_val, y_train, y_val = train_test_split(x / 16, y, test_size=0.4, stratify=y, random_state=0)


# %%
# What is searched.
class EightOrNot(keras_tuner.HyperModel):
    """A small network, and the scores of every trial."""

    def __init__(self) -> None:
        super().__init__()
        self.trials: dict[str, ScoreHistory] = {}

    def build(self, hp: keras_tuner.HyperParameters) -> keras.Model:
        """Return the network of one trial."""
        keras.utils.set_random_seed(0)
        units = hp.Choice("units", [8, 32, 128])
        model = keras.Sequential(
            [keras.Input((64,)), keras.layers.Dense(units, activation="relu"), keras.layers.Dense(1)]
        )
        optimizer = keras.optimizers.Adam(hp.Choice("learning_rate", [3e-3, 1e-2, 3e-2]))
        model.compile(optimizer, keras.losses.BinaryCrossentropy(from_logits=True))
        return model

    def fit(
        self, hp: keras_tuner.HyperParameters, model: keras.Model, *args: Any, callbacks: list[Any], **options: Any
    ) -> Any:
        """Train the network and keep its scores."""
        metrics = Metrics("f1")
        fit_result = model.fit(*args, callbacks=[metrics, *callbacks], **options)
        self.trials[f"{hp['units']} units, learning rate {hp['learning_rate']}"] = metrics.history
        return fit_result


# %%
# The search.
hypermodel = EightOrNot()
tuner = keras_tuner.RandomSearch(
    hypermodel,
    Metrics().objective("f1"),
    max_trials=3,
    seed=1,
    directory=tempfile.mkdtemp(),
    project_name="eights",
)
tuner.search(
    x_train,
    y_train,
    validation_data=(x_val, y_val),
    epochs=12,
    batch_size=16,
    verbose=0,
    callbacks=[keras.callbacks.EarlyStopping("val_f1", patience=4)],
)

# %%
# The best F1 of every trial, and F1 epoch by epoch as a figure.
trials = compare_histories(hypermodel.trials)
print(trials.table("f1"))
(best,) = tuner.get_best_hyperparameters()
print(f"\nbest: {best.values}")

pictures = Path("pictures")  # in the folder that this is run in
pictures.mkdir(exist_ok=True)
trials.plot("f1").figure_.savefig(pictures / "trials.png", dpi=90)
print(f"picture: {pictures}/trials.png")
