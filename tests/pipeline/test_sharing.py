"""What is handed to the user is his: what he does to it changes no record, no later score and no file."""

import json

import numpy as np
import pytest
from sklearn import metrics as sk
from sklearn.metrics import make_scorer

from kerascb_metrics import Binary, Metrics, Multiclass, Multilabel, Regression, ScoreHistory
from kerascb_metrics.interpret.losses import LossReading
from kerascb_metrics.score.scoring import Scoring
from kerascb_metrics.tally.exact import ExactTally
from tests.support.arrays import assert_same, rows_of
from tests.support.models import binary_rows, echo_model

X, Y = binary_rows(40)
WEIGHT = np.random.default_rng(0).random(40) + 0.5


def spoil(array):
    """Write into an array, as far as it lets one."""
    if isinstance(array, np.ndarray) and array.flags.writeable:
        array[...] = 0


def writing(y_true, y_pred, sample_weight=None):
    for array in (y_true, y_pred, sample_weight):
        spoil(array)
    return 0.5


def writing_scorer(estimator, X, y, sample_weight=None):  # noqa: N803
    for array in (y, sample_weight, estimator.predict(X)):
        spoil(array)
    for method in ("predict_proba", "decision_function"):
        if hasattr(estimator, method):
            spoil(getattr(estimator, method)(X))
    spoil(getattr(estimator, "classes_", None))
    return 0.5


WRITERS = {
    "function": writing,
    "scorer": make_scorer(writing),
    "probabilities": make_scorer(writing, response_method="predict_proba"),
    "decisions": make_scorer(writing, response_method="decision_function"),
    "callable": writing_scorer,
}
P3 = np.random.default_rng(1).dirichlet(np.ones(3), 40).astype("float32")
TASKS = {
    "binary": (Binary(), Y, X, ["neg_log_loss", "roc_auc", "accuracy", "f1_macro"]),
    "multiclass": (Multiclass(), np.arange(40) % 3, P3, ["neg_log_loss", "roc_auc_ovr", "top_k_accuracy"]),
    "multilabel": (Multilabel(), (P3 > 0.3).astype(int)[::-1], P3, ["roc_auc", "accuracy", "f1_samples"]),
    "regression": (Regression(), X[::-1, 0] * 2, X, ["r2", "neg_mean_absolute_error"]),
}


@pytest.mark.parametrize("kind", TASKS)
@pytest.mark.parametrize("writer", WRITERS)
def test_a_function_that_writes_into_its_arguments_changes_no_other_score(writer, kind):
    if kind == "regression" and writer in ("probabilities", "decisions"):
        return
    task, y, p, names = TASKS[kind]
    rows = rows_of(y.copy(), p.copy(), sample_weight=WEIGHT.copy())
    before = Scoring(names).score(ExactTally(task.read(rows, LossReading()))).values
    first = {"own": WRITERS[writer]} | {name: name for name in names} | {"again": WRITERS[writer]}
    scores = Scoring(first).score(ExactTally(task.read(rows, LossReading())))
    assert not scores.errors
    for name in names:
        assert_same(scores.values[name], before[name], 0)
    for array, given in ((rows.y_true, y), (rows.y_pred, p), (rows.sample_weight, WEIGHT)):
        assert_same(array, given, 0)


def fitted(epochs=2, **options):
    metrics = Metrics(verbose=False, **options)
    logs = echo_model().fit(X, Y, validation_data=(X, Y), epochs=epochs, verbose=0, callbacks=[metrics]).history
    return metrics, logs


def saved(history, path):
    history.save(path)
    return json.loads(path.read_text())


def test_lists_and_matrices_of_the_record(tmp_path):
    metrics, logs = fitted(average=None)
    history = metrics.history
    before = saved(history, tmp_path / "before.json")
    report, table = history.report(), str(history)
    metrics.f1s.clear()
    metrics.auc.append(2.0)
    metrics.kappa[0] = 9.0
    metrics.confusion[-1][0, 0] = 99
    for matrix in metrics.confusion:
        matrix[...] = -1
    for matrix in reversed(history["confusion"]):
        matrix[...] = -1
    for matrix in history["confusion"][:1]:
        matrix[...] = -1
    for values in history.values():
        for value in values:
            spoil(value)
    history.epochs.append(7)
    history.tally().matrix()[...] = 5
    spoil(history.tally().counts.weight)
    for curve in history.tally().curves.values():
        spoil(curve.tps)
    history.report(output_dict=True).clear()
    history["f1"].pop()[...] = 5
    assert saved(history, tmp_path / "after.json") == before
    assert (history.report(), str(history), history.epochs) == (report, table, [0, 1])
    assert history["f1_1"] == logs["val_f1_1"]


def test_copies_are_lists_all_the_same():
    history = ScoreHistory()
    matrices = [np.eye(2) * k for k in range(3)]
    for epoch, matrix in enumerate(matrices):
        history.append(epoch, {"confusion": matrix, "f1": 0.1 * epoch})
    assert isinstance(history["confusion"], list)
    assert_same(np.array(history["confusion"]), np.array(matrices))
    assert_same(np.array(history["confusion"][1:]), np.array(matrices[1:]))
    assert history["f1"] == [0.0, 0.1, 0.2]
    matrices[0][0, 0] = 99  # what was given is not shared either
    assert history["confusion"][0][0, 0] == 0


def test_bounds():
    metrics, _ = fitted(scoring=["auc", "average_precision"], memory="bounded")
    before = dict(metrics.history.bounds)
    metrics.history.bounds["auc"].clear()
    metrics.history.bounds.clear()
    assert metrics.history.bounds == before
    history = ScoreHistory()
    history.append(0, {"auc": np.array([0.5, 0.5])}, intervals={"auc": (np.array([0.4, 0.4]), np.array([0.6, 0.6]))})
    spoil(history.bounds["auc"][0][0])
    assert history.bounds["auc"][0][0].tolist() == [0.4, 0.4]


def test_predictions_and_what_evaluate_returns():
    metrics = Metrics(verbose=False)
    model = echo_model()

    class Spoils(type(metrics).__bases__[-1]):
        def on_epoch_end(self, epoch, logs=None):
            for array in (metrics.predictions.y_true, metrics.predictions.y_pred):
                spoil(array)

    y = Y.copy()
    model.fit(X, y, validation_data=(X, y), epochs=3, verbose=0, callbacks=[metrics, Spoils()])
    assert metrics.f1s == [sk.f1_score(Y, X[:, 0] > 0.5)] * 3
    assert y.tolist() == Y.tolist()
    found = metrics.evaluate(model, (X, y))
    spoil(found["confusion"])
    found.to_dict()["confusion"][0][0] = -1
    assert_same(metrics.evaluate(model, (X, y))["confusion"], sk.confusion_matrix(Y, X[:, 0] > 0.5))


def test_lists_that_the_user_gave():
    names, labels, thresholds, scoring = ["a", "b"], [5, 3], [0.5, 0.2], ["f1"]
    array = np.array(thresholds)
    tasks = [
        Binary(class_names=names),
        Multiclass(labels=labels, class_names=names),
        Multilabel(threshold=thresholds, class_names=names),
        Multilabel(threshold=array),
    ]
    metrics = Metrics(scoring, task=tasks[0], average=None, verbose=False)
    for given in (names, labels, thresholds, scoring):
        given[0] = "other" if isinstance(given[0], str) else 0.9
        given.append(given[0])
    array[0] = 0.9
    echo_model().fit(X, Y, validation_data=(X, Y), verbose=0, callbacks=[metrics])
    assert set(metrics.history) == {"f1", "f1_a", "f1_b"}
    assert [task.class_names for task in tasks[:3]] == [("a", "b")] * 3
    assert tasks[1].labels == (5, 3)
    assert tasks[2].threshold == (0.5, 0.2)
    assert tasks[3].threshold.tolist() == [0.5, 0.2]


@pytest.mark.parametrize(
    "joined", [lambda listed: listed.__add__([]), lambda listed: listed * 1, lambda listed: 1 * listed]
)
def test_lists_that_are_made_of_a_list_of_matrices(joined):
    metrics = Metrics(verbose=False)
    echo_model().fit(X, Y, validation_data=(X, Y), verbose=0, callbacks=[metrics])
    spoil(joined(metrics.confusion)[0])
    assert_same(metrics.confusion[0], sk.confusion_matrix(Y, X[:, 0] > 0.5))
