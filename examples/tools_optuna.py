"""Optuna
=========

A search for the highest F1 of a rare class, which stops trials whose F1 is too low. Needs
`pip install optuna optuna-integration`.
"""

import keras
import optuna
from optuna_integration import KerasPruningCallback
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from kerascb_metrics import Metrics

x, digits = load_digits(return_X_y=True)
y = (digits == 8).astype(int)  # one in ten rows is an eight
x_train, x_val, y_train, y_val = train_test_split(x / 16, y, test_size=0.4, stratify=y, random_state=0)


def best_f1(trial: optuna.Trial) -> float:
    """Train one network; Optuna reads its score after every epoch."""
    keras.utils.set_random_seed(0)
    units = trial.suggest_int("units", 4, 64, log=True)
    model = keras.Sequential(
        [
            keras.Input((64,)),
            keras.layers.Dense(units, activation="relu"),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(keras.optimizers.Adam(trial.suggest_float("learning_rate", 1e-3, 3e-2, log=True)), "bce")
    metrics = Metrics("f1")
    pruning = KerasPruningCallback(trial, metrics.monitor("f1")["monitor"])
    model.fit(
        x_train,
        y_train,
        validation_data=(x_val, y_val),
        epochs=8,
        batch_size=16,
        verbose=0,
        callbacks=[metrics, pruning],
    )
    return metrics.history.best("f1")[1]


optuna.logging.set_verbosity(optuna.logging.WARNING)
study = optuna.create_study(
    direction="maximize",
    sampler=optuna.samplers.TPESampler(seed=0),
    pruner=optuna.pruners.MedianPruner(n_startup_trials=2, n_warmup_steps=2),
)
study.optimize(best_f1, n_trials=5)

print("trial  units  learning rate     F1  ended")
for trial in study.trials:
    units, learning_rate = trial.params["units"], trial.params["learning_rate"]
    ended = "pruned after" if trial.state is optuna.trial.TrialState.PRUNED else "all"
    print(
        f"{trial.number:5d}{units:7d}{learning_rate:15.4f}{trial.value:7.4f}  {ended} "
        f"{len(trial.intermediate_values)} epochs"
    )
print(f"\nbest F1 {study.best_value:.4f} with {study.best_params}")
