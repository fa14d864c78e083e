"""KerasTuner searches for the highest F1 of a rare class: the objective is a key of `logs`, as any other.

For the ranking alone, `tuner.search(…, callbacks=[Metrics()])` does. KerasTuner copies its callbacks for each trial and
keeps no copy, so to have the history of each trial a `HyperModel.fit` makes a `Metrics` of its own.

pip install keras-tuner
python examples/tuner.py
"""

import tempfile

import keras
import keras_tuner
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from kerascb_metrics import Metrics

x, digits = load_digits(return_X_y=True)
y = (digits == 8).astype(int)  # one row in ten is an eight
x_train, x_val, y_train, y_val = train_test_split(x / 16, y, test_size=0.4, stratify=y, random_state=0)


class EightOrNot(keras_tuner.HyperModel):
    """A small network, and the scores of every trial of it."""

    def __init__(self):
        super().__init__()
        self.trials = []

    def build(self, hp):
        """Build a network of one trial."""
        keras.utils.set_random_seed(0)
        units = hp.Choice("units", [8, 32, 128])
        model = keras.Sequential(
            [keras.Input((64,)), keras.layers.Dense(units, activation="relu"), keras.layers.Dense(1)]
        )
        optimizer = keras.optimizers.Adam(hp.Choice("learning_rate", [3e-3, 1e-2, 3e-2]))
        model.compile(optimizer, keras.losses.BinaryCrossentropy(from_logits=True))
        return model

    def fit(self, hp, model, *args, callbacks, **options):
        """Train it, and keep what it scored."""
        metrics = Metrics(["f1", "auc"])
        run = model.fit(*args, callbacks=[metrics, *callbacks], **options)
        self.trials.append((hp["units"], hp["learning_rate"], metrics.history))
        return run


hypermodel = EightOrNot()
tuner = keras_tuner.RandomSearch(
    hypermodel,
    keras_tuner.Objective("val_f1", "max"),
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

print("units  learning rate  best F1  in epoch  its AUC")
for units, learning_rate, history in hypermodel.trials:
    epoch, f1 = history.best("f1")
    auc = history["auc"][history.index_of(epoch)]
    print(f"{units:5d}{learning_rate:15.3f}{f1:9.4f}{epoch + 1:10d}{auc:9.4f}")

(best,) = tuner.get_best_hyperparameters()
print(f"\nbest: {best.values}")
