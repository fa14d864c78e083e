"""MLflow on a local SQLite store: its callback, and its autologging, which adds that callback by itself."""

import inspect

import keras
import mlflow
import pytest
from mlflow.keras import MlflowCallback

from kerascb_metrics import Metrics
from kerascb_metrics.collect import keras_internals
from tests.support.tool_fits import f1s, fit

# MLflow 3.17's own queries, under SQLAlchemy 2.1.
pytestmark = pytest.mark.filterwarnings(
    "ignore:The ``noload`` loader strategy is deprecated:sqlalchemy.exc.SADeprecationWarning"
)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mlflow")
    mlflow.set_tracking_uri(f"sqlite:///{folder / 'mlflow.db'}")
    mlflow.create_experiment("fits", artifact_location=str(folder))
    mlflow.set_experiment("fits")


@pytest.fixture(params=["keras", "sklearn"])
def autologging(request):
    """MLflow's patches of `keras.Model.fit`, and with them those of scikit-learn's estimators and metrics."""
    patches = [mlflow.keras, mlflow.sklearn] if request.param == "sklearn" else [mlflow.keras]
    options = {"log_models": False, "log_datasets": False, "silent": True}
    for module in patches:
        module.autolog(**options)
    yield
    for module in patches:
        module.autolog(disable=True)


def recorded(run, names):
    mlflow.flush_async_logging()
    client = mlflow.MlflowClient()
    return {name: [entry.value for entry in client.get_metric_history(run.info.run_id, name)] for name in names}


@pytest.mark.parametrize("last", [False, True])
def test_callback_at_both_places(store, last):
    metrics, tool = Metrics(verbose=False), MlflowCallback()
    with mlflow.start_run() as run:
        logged = fit([metrics, tool] if last else [tool, metrics]).history
    ours = [key for key in logged if key.startswith("val_")]
    assert "val_tp" in ours
    assert recorded(run, ours) == {key: logged[key] for key in ours}
    assert recorded(run, ["val_f1"])["val_f1"] == metrics.f1s == f1s()


def test_autolog(store, autologging):
    metrics = Metrics(["f1", "neg_log_loss", "auc"], verbose=False)
    with mlflow.start_run() as run:
        fit([metrics])
    expected = {f"val_{name}": metrics.history[name] for name in metrics.history}
    assert recorded(run, expected) == expected
    assert metrics.f1s == f1s()


def test_fit_is_known_under_autolog(autologging):
    # However early autologging starts: the seam finds fit's own frame by its code.
    assert inspect.unwrap(keras.Model.fit).__code__ is keras_internals._FIT_CODE
    assert hasattr(keras.Model.fit, "__wrapped__")
