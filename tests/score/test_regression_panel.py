"""`Metrics()` of a regression: r2, mae and rmse, alone and beside outputs of classes."""

import keras
import numpy as np
import pytest
from sklearn import metrics as sk

from kerascb_metrics import Metrics, Regression
from tests.support.arrays import assert_same
from tests.support.models import echo_model

RNG = np.random.default_rng(77)
N = 50
X = RNG.normal(size=(N, 3)).astype("float32")
Y = X + RNG.normal(size=(N, 3)).astype("float32") / 2
WEIGHT = (RNG.random(N) + 0.1).astype("float32")


def reference(y, p, weight=None):
    functions = {"r2": sk.r2_score, "mae": sk.mean_absolute_error, "rmse": sk.root_mean_squared_error}
    weight = None if weight is None else weight.astype("float64")
    return {name: function(y, p, sample_weight=weight) for name, function in functions.items()}


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["", "weights"])
@pytest.mark.parametrize("columns", [1, 3])
def test_fit(columns, weight, capsys):
    x, y = X[:, :columns], Y[:, :columns]
    metrics = Metrics(verbose=True)
    stop = keras.callbacks.EarlyStopping("val_rmse")
    data = (x, y) if weight is None else (x, y, weight)
    run = echo_model(columns, "mse").fit(x, y, validation_data=data, epochs=2, verbose=0, callbacks=[stop, metrics])
    for name, value in reference(y, x, weight).items():
        assert_same(metrics.history[name], [value, value])
        assert run.history[f"val_{name}"] == metrics.history[name]
    assert list(metrics.history) == metrics.history.settings["scoring"] == ["r2", "mae", "rmse"]
    assert (stop.mode, metrics.monitor("mae")["mode"], metrics.monitor("r2")["mode"]) == ("auto", "min", "max")
    assert metrics.history.best("mae")[1] == metrics.history["mae"][0]
    assert "regression task (loss mean_squared_error" in capsys.readouterr().out
    assert "rmse" in str(metrics)


def test_outputs_of_both_kinds():
    inputs = keras.Input((3,))
    value = keras.layers.Dense(3, use_bias=False, kernel_initializer="identity", name="value")(inputs)
    kind = keras.layers.Softmax(name="kind")(inputs)
    model = keras.Model(inputs, {"value": value, "kind": kind})
    model.compile(keras.optimizers.SGD(0.0), {"value": "mse", "kind": "sparse_categorical_crossentropy"})
    labels = Y.argmax(axis=1)
    metrics = Metrics(verbose=False)
    y = {"value": Y, "kind": labels}
    model.fit(X, y, validation_data=(X, y), verbose=0, callbacks=[metrics])
    of_kind = [f"kind_{name}" for name in ("f1", "precision", "recall", "kappa", "auc", "confusion")]
    assert set(metrics.history) == {*of_kind, "value_r2", "value_mae", "value_rmse"}
    assert_same(metrics.history["value_mae"], [sk.mean_absolute_error(Y, X)])
    assert_same(metrics.history["kind_f1"], [sk.f1_score(labels, X.argmax(axis=1), average="macro")])


def test_missing_targets_of_single_columns():
    y = np.where(RNG.random((N, 3)) < 0.3, np.nan, Y)
    found = Metrics(task=Regression(ignore_class=float("nan"))).evaluate(echo_model(3, "mse"), (X, y))
    for name in found:
        own = [reference(Y[kept, k], X[kept, k])[name] for k, kept in enumerate(~np.isnan(y).T)]
        assert_same(found[name], np.mean(own))


def test_a_compiled_metric_of_the_same_name_is_told_without_a_warning(capsys):
    model = echo_model(3, "mse", metrics=["mae"])
    metrics = Metrics(verbose=True)
    run = model.fit(X, Y, validation_data=(X, Y), epochs=2, verbose=0, callbacks=[metrics])
    assert capsys.readouterr().out.count("already uses 'val_mae'; logged as 'val_sklearn_mae' instead") == 1
    assert run.history["val_sklearn_mae"] == metrics.history["mae"]
    assert run.history["val_mae"] == pytest.approx(metrics.history["mae"], rel=1e-5)
    with pytest.warns(UserWarning, match="already uses 'val_mae'; logged as 'val_sklearn_mae'"):
        model.fit(X, Y, validation_data=(X, Y), verbose=0, callbacks=[Metrics(["mae"], verbose=False)])


def test_one_warning_covers_all_names_that_were_asked_for():
    model = echo_model(1, metrics=[keras.metrics.AUC(name="auc"), keras.metrics.Precision(name="precision")])
    x, y = np.abs(np.tanh(X[:, :1])), (Y[:, 0] > 0).astype(int)
    with pytest.warns(UserWarning, match="Metrics") as warned:
        model.fit(x, y, validation_data=(x, y), verbose=0, callbacks=[Metrics(["auc", "precision"], verbose=False)])
    (message,) = [str(warning.message) for warning in warned if "Metrics" in str(warning.message)]
    assert "'val_auc', 'val_precision'" in message
    assert "'val_sklearn_auc', 'val_sklearn_precision'" in message


def test_scores_of_classes_are_refused_if_they_are_asked_for():
    with pytest.raises(ValueError, match=r"a regression task has no f1.*scoring=\['r2'"):
        Metrics(["f1", "panel"], task="regression")


def test_two_metrics_may_share_a_fit_if_only_a_regression_would_collide():
    def mae(y_true, y_pred):
        return abs(y_true - y_pred).mean()

    x, y = np.abs(np.tanh(X[:, :1])), (Y[:, 0] > 0).astype(int)
    own, panel = Metrics({"mae": mae}, verbose=False), Metrics(verbose=False)
    echo_model().fit(x, y, validation_data=(x, y), verbose=0, callbacks=[own, panel])
    assert own.history["mae"] == [np.mean(y != (x[:, 0] > 0.5))]


def test_the_repr_lists_the_scores_that_the_loss_tells():
    metrics = Metrics()
    assert "f1, precision" in repr(metrics)
    metrics.set_model(echo_model(3, "mse"))
    assert repr(metrics) == "Metrics(val_…: r2, mae, rmse; 0 epochs)"
    metrics.set_model(echo_model(1))
    assert "f1, precision" in repr(metrics)
