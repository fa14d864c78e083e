"""MLflow
=========

Autologging records every score of every epoch, here in a local file. Needs `pip install mlflow`.
"""

import tempfile

import keras
import mlflow
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import scale

from kerascb_metrics import Metrics

folder = tempfile.mkdtemp()
mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
mlflow.create_experiment("breast cancer", artifact_location=folder)
mlflow.set_experiment("breast cancer")
mlflow.keras.autolog(log_models=False, log_datasets=False, silent=True)

keras.utils.set_random_seed(0)
x, y = load_breast_cancer(return_X_y=True)
model = keras.Sequential([keras.Input((30,)), keras.layers.Dense(16, "relu"), keras.layers.Dense(1, "sigmoid")])
model.compile("adam", "binary_crossentropy")

metrics = Metrics()
with mlflow.start_run() as run:
    model.fit(scale(x), y, validation_split=0.3, epochs=6, verbose=0, callbacks=[metrics])
    mlflow.log_text(metrics.history.report("best"), "report.txt")
    mlflow.log_figure(metrics.history.plot_confusion("best").figure_, "confusion.png")

print(f"mlflow ui --backend-store-uri sqlite:///{folder}/mlflow.db\n")
client = mlflow.MlflowClient()
for name in ("val_f1", "val_kappa", "val_auc", "val_tp", "val_loss"):
    values = [entry.value for entry in client.get_metric_history(run.info.run_id, name)]
    print(f"{name:>10}" + "".join(f"{value:10.4f}" for value in values))
print("artifacts:", *sorted(artifact.path for artifact in client.list_artifacts(run.info.run_id)))
