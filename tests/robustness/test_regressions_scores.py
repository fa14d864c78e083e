"""Bugs found once, in arguments, scores, keys and monitors: each test describes one."""

import functools

import keras
import numpy as np
import pytest
from sklearn import metrics as sk

from kerascb_metrics import Binary, DataError, Metrics, Multiclass, Multilabel
from tests.support.arrays import assessed
from tests.support.echo_fits import X, Y, fit
from tests.support.models import echo_model


@pytest.mark.parametrize("own", [{"error": "neg_log_loss"}, {"loss": "neg_log_loss"}])
def test_monitors_of_keras_own_keys_keep_their_direction(own):
    stop = keras.callbacks.EarlyStopping("val_loss" if "loss" in own else "val_mean_absolute_error")
    model = echo_model(metrics=["mean_absolute_error"])
    seen = []
    watch = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: seen.append(stop.mode))
    metrics = Metrics(own)
    if "loss" in own:
        with pytest.warns(UserWarning, match="val_sklearn_loss"):
            fit(metrics, model, callbacks=[stop, watch])
    else:
        fit(metrics, model, callbacks=[stop, watch])
    assert seen == ["auto"]


@pytest.mark.parametrize("function", [sk.roc_auc_score, sk.log_loss, functools.partial(sk.ndcg_score, k=3)])
def test_functions_that_need_scores_raise(function):
    with pytest.raises(ValueError, match=r"but a metric function receives labels. Pass a scorer, scoring="):
        Metrics({"score": function})


def test_monitors_of_one_value_per_class():
    metrics = Metrics(average=None)
    assert metrics.monitor("f1_1") == {"monitor": "val_f1_1", "mode": "max"}
    with pytest.raises(ValueError, match=r"average=None 'f1' has one value per class.*'f1_1'"):
        metrics.monitor("f1")
    assert Metrics({"macro_f1": "f1_macro"}, average=None).monitor("macro_f1")["mode"] == "max"  # one value
    with pytest.raises(ValueError, match="the name of a score without prefix, 'f1'"):
        Metrics().monitor("val_f1")


def test_several_values_of_a_function_are_numbered():
    metrics = Metrics({"share": lambda y_true, y_pred: np.array([0.25, 0.5, 1.0])})
    run = fit(metrics)
    assert [run.history[f"val_share_{place}"] for place in range(3)] == [[0.25], [0.5], [1.0]]


@pytest.mark.parametrize(("arguments", "message"), [(((X, Y), echo_model), "then the data; received a tuple")])
def test_evaluate_takes_the_model_first(arguments, message):
    with pytest.raises(TypeError, match=message):
        Metrics().evaluate(*arguments)


@pytest.mark.parametrize("scoring", [(X, Y), [["f1", "recall"]]])
def test_data_passed_as_scoring(scoring):
    received = r"(a ndarray|\['f1', 'recall'\] \(list\))"
    with pytest.raises(ValueError, match=rf"received {received}\. For other data pass validation_data="):
        Metrics(scoring)


@pytest.mark.parametrize(
    "options",
    [
        {"output": "zz"},
        {"task": "multiclass"},
        {"task": "regression", "scoring": "f1"},
        {"average": "binary", "task": Multiclass()},
    ],
)
def test_a_number_for_error_score_does_not_hide_wrong_arguments(options):
    with pytest.raises(ValueError, match=r"zz|multiclass|regression"):
        fit(Metrics(error_score=0.0, **options))


def test_the_task_argument_is_checked_before_training():
    begun = []
    watch = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: begun.append(epoch))
    with pytest.raises(ValueError, match="regression task has no "):
        fit(Metrics("f1", task="regression"), callbacks=[watch])
    assert begun == []


def test_two_scores_with_one_key_raise():
    with pytest.raises(ValueError, match="two scores would both write tn"):
        fit(Metrics({"tn": sk.accuracy_score, "confusion": "confusion"}))
    with pytest.raises(ValueError, match="class_names must differ"):
        fit(Metrics(task=Binary(class_names=["cat", "cat"])))


@pytest.mark.parametrize("threshold", [50, 1, -0.2])
def test_a_threshold_outside_its_range_raises(threshold):
    with pytest.raises(DataError, match="at least 0 and below 1"):
        fit(Metrics(task=Binary(threshold=threshold)))


def test_binary_scores_follow_pos_label():
    scores = ["f1", "jaccard", "average_precision"]
    values = Metrics(scores, task=Binary(pos_label=0)).evaluate(echo_model(), (X, Y))
    assert values["average_precision"] == pytest.approx(sk.average_precision_score(1 - Y, -X[:, 0]), abs=1e-12)
    assert values["jaccard"] == sk.jaccard_score(Y, X[:, 0] > 0.5, pos_label=0)
    assert values["f1"] == sk.f1_score(Y, X[:, 0] > 0.5, pos_label=0)


def test_a_renamed_score_of_an_output_can_be_monitored():
    inputs = keras.Input((1,))
    a = keras.layers.Dense(1, activation="sigmoid", name="a")(inputs)
    b = keras.layers.Dense(1, activation="sigmoid", name="b")(inputs)
    model = keras.Model(inputs, {"a": a, "b": b})
    model.compile("sgd", "binary_crossentropy", metrics={"a": [keras.metrics.AUC(name="auc")], "b": []})
    stop = keras.callbacks.EarlyStopping("val_sklearn_a_auc")
    y = {"a": Y, "b": Y}
    with pytest.warns(UserWarning, match="val_sklearn_a_auc"):
        model.fit(X, y, validation_data=(X, y), epochs=2, verbose=0, callbacks=[stop, Metrics("auc")])
    assert stop.mode == "auto"
    assert stop.best is not None


def test_a_single_output_selected_by_name():
    inputs = keras.Input((1,))
    model = keras.Model(inputs, {"a": keras.layers.Dense(1, kernel_initializer="identity", name="a")(inputs)})
    model.compile(keras.optimizers.SGD(0.0), "binary_crossentropy")
    metrics = Metrics(output="a")
    model.fit(X, {"a": Y}, validation_data=(X, {"a": Y}), verbose=0, callbacks=[metrics])
    assert len(metrics.f1s) == 1


def test_a_score_that_cannot_be_hashed():
    class Share:
        __hash__ = None

        def __call__(self, y_true, y_pred):
            return float((y_true == y_pred).mean())

    values = Metrics({"share": Share(), "most": max}, error_score=-1.0)
    with pytest.warns(UserWarning, match="'most' failed"):
        fit(values)
    assert values.history["share"] == [sk.accuracy_score(Y, X[:, 0] > 0.5)]


def test_histories_compare_by_identity():
    metrics = Metrics()
    fit(metrics)
    assert metrics.history == metrics.history
    assert metrics.history != dict(metrics.history)


def test_a_partial_with_other_options_is_called_itself():
    score = functools.partial(sk.f1_score, average="macro", sample_weight=None)
    metrics = Metrics({"own": score})
    fit(metrics)
    assert metrics.history["own"] == [sk.f1_score(Y, X[:, 0] > 0.5, average="macro")]


def test_changing_a_returned_matrix_does_not_change_the_report():
    task, y, p = Multilabel(), np.array([[1, 0], [0, 1]]), np.array([[0.9, 0.2], [0.6, 0.8]])
    found = assessed(task, y, p)
    before = found.records[None].report()
    found.values["confusion"][:] = 0
    assert found.records[None].report() == before
