"""`per_class=True`: beside each average its value per class, or per column of a regression."""

from functools import partial

import numpy as np
import pytest
from sklearn import metrics as sk

from kerascb_metrics import Binary, Metrics, Multiclass, Multilabel, Regression, ScoreHistory, UndefinedScoreWarning
from tests.support.models import Batches, echo_model, shared_echo_model

RNG = np.random.default_rng(0)
N = 60
CLASSES = RNG.integers(0, 3, N)
SOFTMAX = (0.3 * np.eye(3)[CLASSES] + 0.7 * RNG.dirichlet(np.ones(3), N)).astype("float32")
BITS = RNG.integers(0, 2, (N, 3))
SIGMOID = np.clip(0.3 * BITS + 0.7 * RNG.random((N, 3)), 0, 1).astype("float32")
Y, P = BITS[:, 0], SIGMOID[:, :1]
VALUES, GUESSES = RNG.normal(size=(2, N, 3)).astype("float32")
W = RNG.uniform(0.5, 2, N).astype("float32")
FBETA = partial(sk.fbeta_score, beta=3, average="macro")
LABEL_SCORES = {
    "f1": sk.f1_score,
    "precision": sk.precision_score,
    "recall": sk.recall_score,
    "iou": sk.jaccard_score,
    "f0_5": partial(sk.fbeta_score, beta=0.5),
    "f2": partial(sk.fbeta_score, beta=2),
    "fbeta_score": partial(sk.fbeta_score, beta=3),
}
RANKED = {"auc": sk.roc_auc_score, "average_precision": sk.average_precision_score}
SCORING = ["panel", "average_precision", "iou", "specificity", "f0_5", "f2", "accuracy", FBETA]


def one_vs_rest(task):
    """Targets, labels and scores of each class against the others: (N, C) each."""
    if task == "binary":
        labels = P[:, 0] > 0.5
        return np.stack([1 - Y, Y], 1), np.stack([~labels, labels], 1), np.stack([-P[:, 0], P[:, 0]], 1)
    if task == "multiclass":
        return np.eye(3, dtype=int)[CLASSES], np.eye(3, dtype=int)[SOFTMAX.argmax(1)], SOFTMAX
    return BITS, SIGMOID > 0.5, SIGMOID


def expected_of(task, weight):
    found = {}
    for index, (true, label, score) in enumerate(zip(*map(np.transpose, one_vs_rest(task)), strict=True)):
        for name, function in LABEL_SCORES.items():
            found[f"{name}_{index}"] = function(true, label, sample_weight=weight)
        found[f"specificity_{index}"] = sk.recall_score(true == 0, label == 0, sample_weight=weight)
        for name, function in RANKED.items():
            found[f"{name}_{index}"] = function(true, score, sample_weight=weight)
    return found


DATA = {"binary": (Y, P), "multiclass": (CLASSES, SOFTMAX), "multilabel": (BITS, SIGMOID)}


def data_of(task, weight):
    return DATA[task] if weight is None else (*DATA[task], weight)


@pytest.mark.parametrize("weight", [None, W], ids=["unweighted", "weighted"])
@pytest.mark.parametrize("task", DATA)
def test_values_are_scikit_learns(task, weight):
    found = Metrics(SCORING, task=task, per_class=True).score(*data_of(task, weight))
    plain = Metrics(SCORING, task=task) if task != "binary" else Metrics(SCORING[:-1], task=task)
    averages = plain.score(*data_of(task, weight))
    expected = expected_of(task, weight)
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=0, abs=1e-12)
    for name, value in averages.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)
    # Nothing else has values per class: neither kappa, accuracy and the matrix, nor names that fix the average.
    assert found.keys() - expected.keys() == {*averages, "fbeta_score"}


@pytest.mark.parametrize("task", DATA)
def test_a_fit_logs_them(task):
    y, x = DATA[task]
    loss = {"multiclass": "sparse_categorical_crossentropy"}.get(task, "binary_crossentropy")
    metrics = Metrics(SCORING, task=task, per_class=True, verbose=False)
    model = shared_echo_model(x.shape[1], loss)
    run = model.fit(x, y, validation_data=(x, y), epochs=2, verbose=0, callbacks=[metrics])
    expected = expected_of(task, None)
    assert {name: run.history[f"val_{name}"] for name in expected} == {
        name: [pytest.approx(value, abs=1e-12)] * 2 for name, value in expected.items()
    }
    assert metrics.history.best("f1_1") == (0, expected["f1_1"])
    assert metrics.history.mode("auc_0") == "max"
    assert metrics.monitor("recall_1") == {"monitor": "val_recall_1", "mode": "max"}
    with pytest.raises(ValueError, match="'kappa_1' is not a score of this callback"):
        metrics.monitor("kappa_1")


@pytest.mark.parametrize("task", DATA)
def test_bounded_counts_give_the_same(task):
    y, x = DATA[task]
    no_counts = {"binary": "average_precision", "multilabel": "accuracy"}.get(task)
    names = [name for name in SCORING if name != no_counts]
    metrics = Metrics(names, task=task, per_class=True, memory="bounded")
    found = metrics.evaluate(echo_model(x.shape[1], None), x, y)
    expected = expected_of(task, None)
    for name in found.keys() & expected.keys():
        low, high = found.bounds.get(name, (found[name], found[name]))
        assert low - 1e-12 <= expected[name] <= high + 1e-12, name
        assert (name in found.bounds) == name.startswith(("auc", "average_precision")), name
    missing = set() if task != "binary" else {"average_precision_0", "average_precision_1"}
    assert expected.keys() - found.keys() == missing


def test_average_precision_of_both_classes_needs_the_rows():
    options = {"task": "binary", "per_class": True, "memory": "bounded"}
    with pytest.raises(ValueError, match=r"average_precision cannot be computed from counts .* memory='exact'"):
        Metrics("average_precision", **options)


@pytest.mark.parametrize("left_out", [False, True])
def test_columns_of_a_regression(left_out):
    y = np.where(RNG.random(VALUES.shape) < 0.2, np.nan, VALUES) if left_out else VALUES
    task = Regression(ignore_class=np.nan) if left_out else "regression"
    functions = {"r2": sk.r2_score, "mae": sk.mean_absolute_error, "rmse": sk.root_mean_squared_error}
    scoring = ["panel", "neg_mean_squared_error", sk.mean_pinball_loss]
    functions.update(neg_mean_squared_error=lambda *rows: -sk.mean_squared_error(*rows))
    functions.update(mean_pinball_loss=sk.mean_pinball_loss)
    found = Metrics(scoring, task=task, per_class=True).score(y, GUESSES)
    for name, function in functions.items():
        rows = [~np.isnan(y[:, index]) for index in range(3)]
        each = [function(y[kept, index], GUESSES[kept, index]) for index, kept in enumerate(rows)]
        assert [found[f"{name}_{index}"] for index in range(3)] == pytest.approx(each, abs=1e-6)
        assert found[name] == pytest.approx(np.mean(each), abs=1e-6)
    assert found.directions["mae_0"] is False
    assert found.directions["r2_2"] is True


def test_one_column_has_no_values_beside_its_own():
    assert set(Metrics(per_class=True).score(VALUES[:, :1], GUESSES[:, :1])) == {"r2", "mae", "rmse"}


def test_names_of_classes_and_outputs():
    metrics = Metrics(["f1"], task={"a": Multiclass(class_names=["cat", "dog", "eel"]), "b": "binary"}, per_class=True)
    found = metrics.score({"a": CLASSES, "b": Y}, {"a": SOFTMAX, "b": P})
    assert list(found) == ["a_f1", "a_f1_cat", "a_f1_dog", "a_f1_eel", "b_f1", "b_f1_0", "b_f1_1"]
    assert found["a_f1_dog"] == sk.f1_score(CLASSES == 1, SOFTMAX.argmax(1) == 1)


def test_a_class_that_does_not_occur_is_undefined():
    targets = [CLASSES, np.where(CLASSES == 2, 0, CLASSES)]

    class Given(Batches):
        def __getitem__(self, index):
            return SOFTMAX, targets[len(metrics.history.epochs)]

    metrics = Metrics(["recall", "auc"], validation_data=Given([0]), per_class=True, verbose=False)
    model = shared_echo_model(3, "sparse_categorical_crossentropy")
    with pytest.warns(UndefinedScoreWarning) as warned:
        run = model.fit(SOFTMAX, CLASSES, epochs=2, verbose=0, callbacks=[metrics])
    assert any("class 2 is not the true label of any row" in str(each.message) for each in warned)
    assert np.isnan(run.history["val_auc_2"]).tolist() == [False, True]
    assert run.history["val_recall_2"][1] == 0.0
    assert np.isfinite(run.history["val_auc"]).all()


def test_a_pass_that_cannot_be_scored_has_the_same_names():
    outputs = SOFTMAX.copy()
    outputs[0] = np.nan
    with pytest.warns(UndefinedScoreWarning):
        found = Metrics(task=Multiclass(), per_class=True).score(CLASSES, outputs)
    assert found.keys() == Metrics(per_class=True).score(CLASSES, SOFTMAX).keys()
    assert all(np.isnan(found[name]).all() for name in found)


def test_a_saved_history_has_them(tmp_path):
    metrics = Metrics(per_class=True, verbose=False)
    shared_echo_model().fit(P, Y, validation_data=(P, Y), verbose=0, callbacks=[metrics])
    metrics.history.save(tmp_path / "scores.json")
    loaded = ScoreHistory.load(tmp_path / "scores.json")
    assert loaded["f1_0"] == metrics.history["f1_0"]
    assert loaded.best("f1_0") == metrics.history.best("f1_0")
    assert loaded.settings["per_class"] is True


# Mistakes.


def test_not_with_average_none():
    with pytest.raises(ValueError, match=r"per_class=True gives both. Pass one of them"):
        Metrics(average=None, per_class=True)
    with pytest.raises(ValueError, match="per_class must be True or False; received 'yes'"):
        Metrics(per_class="yes")
    with pytest.raises(ValueError, match="per_class=True, instead of average=None, gives 'f1' as well"):
        Metrics(average=None).monitor("f1")


NAMED = Multiclass(class_names=["macro", "b", "c"])


@pytest.mark.parametrize("options", [{"per_class": True}, {"average": None}])
@pytest.mark.parametrize("task", [NAMED, Multilabel(class_names=["macro", "b", "c"])])
def test_a_class_with_the_name_of_a_score_is_refused_at_once(task, options):
    with pytest.raises(ValueError, match="a score and the value of a class would both write f1_macro"):
        Metrics(["f1", "f1_macro"], task=task, **options)


def test_a_class_with_the_name_of_a_score_is_refused_before_training():
    metrics = Metrics({"f1": "f1", "f1_1": "accuracy"}, per_class=True, verbose=False)
    model = shared_echo_model()
    before = int(model.optimizer.iterations.value)
    with pytest.raises(ValueError, match="would both write f1_1"):
        model.fit(P, Y, validation_data=(P, Y), verbose=0, callbacks=[metrics])
    assert int(model.optimizer.iterations.value) == before


def test_a_function_that_knows_no_average_none():
    def own(y_true, y_pred, average="macro"):
        return sk.f1_score(y_true, y_pred, average="macro")

    with pytest.raises(ValueError, match=r"'own' failed .*with average=None it returned an array of shape \(\)"):
        Metrics(own, per_class=True).score(CLASSES, SOFTMAX)


def test_an_inverted_binary_task():
    task = Binary(pos_label=0, class_names=["no", "yes"])
    found = Metrics(["f1", "auc", "average_precision"], task=task, per_class=True).score(Y, P)
    labels = P[:, 0] <= 0.5
    assert found["f1"] == found["f1_no"] == sk.f1_score(Y == 0, labels)
    assert found["f1_yes"] == sk.f1_score(Y == 1, ~labels)
    assert found["auc_no"] == pytest.approx(sk.roc_auc_score(Y == 0, -P[:, 0]), abs=1e-12)
    assert found["average_precision_yes"] == pytest.approx(sk.average_precision_score(Y, P[:, 0]), abs=1e-12)


def test_a_plot_shows_the_averages_and_classes_on_request():
    plt = pytest.importorskip("matplotlib.pyplot")
    metrics = Metrics(["f1", "auc", "f1_macro"], per_class=True, verbose=False)
    model = shared_echo_model(3, "sparse_categorical_crossentropy")
    model.fit(SOFTMAX, CLASSES, validation_data=(SOFTMAX, CLASSES), verbose=0, callbacks=[metrics])
    assert list(metrics.history.plot().scores) == ["f1", "auc", "f1_macro"]
    assert list(metrics.history.plot(["f1", "f1_0", "f1_2"]).scores) == ["f1", "f1_0", "f1_2"]
    assert metrics.history.plot_roc(classes=["1"]).names == [f"class 1, auc {metrics.history['auc_1'][0]:.3f}"]
    plt.close("all")


def test_a_column_without_rows_is_nan_and_named():
    missing = np.where([False, True, False], np.nan, VALUES)
    metrics = Metrics("r2", task=Regression(ignore_class=float("nan")), per_class=True, verbose=False)
    with pytest.warns(UndefinedScoreWarning, match="column 1: no row is left to score"):
        scores = metrics.score(missing, GUESSES)
    assert np.isnan([scores["r2"], scores["r2_1"]]).all()
    for column in (0, 2):
        expected = sk.r2_score(VALUES[:, column], GUESSES[:, column])
        assert scores[f"r2_{column}"] == pytest.approx(expected, abs=1e-12)
