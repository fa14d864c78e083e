"""Weights & Biases
===================

It logs every score of every epoch, here offline, without an account. Needs `pip install wandb`.
"""

import tempfile

import keras
import wandb
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import scale
from wandb.integration.keras import WandbMetricsLogger

from kerascb_metrics import Metrics

keras.utils.set_random_seed(0)
x, y = load_breast_cancer(return_X_y=True)
model = keras.Sequential([keras.Input((30,)), keras.layers.Dense(16, "relu"), keras.layers.Dense(1, "sigmoid")])
model.compile("adam", "binary_crossentropy")

metrics = Metrics()
with wandb.init(project="breast cancer", mode="offline", dir=tempfile.mkdtemp()) as run:
    model.fit(scale(x), y, validation_split=0.3, epochs=6, verbose=0, callbacks=[metrics, WandbMetricsLogger()])
    # WandbMetricsLogger needs TensorFlow. With only JAX or PyTorch use instead:
    # keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: run.log(logs, step=epoch))
    run.log({"confusion": wandb.Image(metrics.history.plot_confusion("best").figure_)})
    summary = dict(run.summary)

for name in ("epoch/val_f1", "epoch/val_kappa", "epoch/val_auc", "epoch/val_tp", "epoch/val_loss"):
    print(f"{name:>16}{summary[name]:10.4f}")
print(summary["epoch/val_f1"] == metrics.f1s[-1])
