"""`Scores`: the result of scoring an epoch, a test set, or arrays at hand, which needs no model."""

import gc
import pickle
from copy import deepcopy

import keras
import numpy as np
import pytest
from sklearn import metrics as sk

from kerascb_metrics import (
    Binary,
    DataError,
    Metrics,
    Multilabel,
    Regression,
    ScoreHistory,
    Scores,
    ScoringError,
    UndefinedScoreWarning,
)
from kerascb_metrics.record.result_record import ResultRecord
from tests.support.models import Batches, binary_rows, shared_echo_model

X, Y = binary_rows()
P = X[:, 0].astype(float)
RNG = np.random.default_rng(0)
W = RNG.uniform(0.5, 2, len(Y)).astype("float32").astype(float)  # Keras casts weights
PANEL = ("f1", "precision", "recall", "kappa", "auc")
CLASSES, SOFTMAX = RNG.integers(0, 3, 50), RNG.dirichlet(np.ones(3), 50)
BITS, SIGMOID = RNG.integers(0, 2, (50, 4)), RNG.random((50, 4))
VALUES, GUESSES = RNG.normal(size=(30, 2)), RNG.normal(size=(30, 2))


def panel(y_true, labels, scores, weight=None, average="binary", **auc):
    """The panel, by scikit-learn."""
    options = {"sample_weight": weight}
    averaged = {"average": average, "zero_division": 0.0, **options}
    found = {name: getattr(sk, f"{name}_score")(y_true, labels, **averaged) for name in ("f1", "precision", "recall")}
    if y_true.ndim == 1:
        found["kappa"] = sk.cohen_kappa_score(y_true, labels, **options)
    return {**found, "auc": sk.roc_auc_score(y_true, scores, **options, **auc)}


def assert_scores(found, expected):
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=0, atol=1e-12, err_msg=name)


# Arrays at hand.

TASKS = {
    "binary": (Y, X, None, panel(Y, P > 0.5, P)),
    "binary with weights": (Y, P, W, panel(Y, P > 0.5, P, W)),
    "multiclass": (
        CLASSES,
        SOFTMAX,
        None,
        panel(CLASSES, SOFTMAX.argmax(1), SOFTMAX, average="macro", multi_class="ovr"),
    ),
    "multilabel": (BITS, SIGMOID, None, panel(BITS, SIGMOID > 0.5, SIGMOID, average="macro")),
    "regression": (
        VALUES,
        GUESSES,
        None,
        {"r2": sk.r2_score(VALUES, GUESSES), "mae": sk.mean_absolute_error(VALUES, GUESSES)},
    ),
}
FORMS = {
    "arrays": np.asarray,
    "lists": lambda array: array.tolist(),
    "tensors": lambda array: keras.ops.convert_to_tensor(array),
    "read-only arrays": lambda array: np.broadcast_to(array, array.shape),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("task", TASKS)
def test_arrays_are_scored(task, form):
    y_true, y_pred, weight, expected = TASKS[task]
    dtype = "float32" if form == "tensors" else "float64"  # JAX has no float64
    floats, weights = y_pred.astype(dtype), None if weight is None else weight.astype(dtype)
    kind = {"regression": Regression()}.get(task, "auto")
    given = [None if array is None else FORMS[form](array) for array in (y_true, floats, weights)]
    found = Metrics(task=kind).score(*given)
    assert isinstance(found, Scores)
    assert found.epoch is None
    np.testing.assert_array_equal(found.predictions.y_pred, floats)
    if form == "tensors":
        expected = {name: pytest.approx(value, abs=1e-5) for name, value in expected.items()}
        assert {name: found[name] for name in expected} == expected
    else:
        assert_scores(found, expected)


def test_columns_of_pandas_are_scored():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"y": Y, "p": P, "w": W})
    frame.index = frame.index[::-1]  # rows are in the order of the frame
    assert_scores(Metrics().score(frame.y, frame.p, frame.w), panel(Y, P > 0.5, P, W))
    found = Metrics().score(CLASSES, pd.DataFrame(SOFTMAX, columns=list("abc")))
    assert found["f1"] == sk.f1_score(CLASSES, SOFTMAX.argmax(1), average="macro")


def test_columns_of_pandas_that_know_missing_values_are_scored():
    """pandas makes arrays of objects of several such columns."""
    pd = pytest.importorskip("pandas")
    outputs, targets = (pd.DataFrame(array).convert_dtypes() for array in (SIGMOID, BITS))
    assert_scores(Metrics().score(targets, outputs), panel(BITS, SIGMOID > 0.5, SIGMOID, average="macro"))
    targets.iloc[3, 1] = pd.NA
    with pytest.raises(DataError, match="received nan among the targets"):
        Metrics(task="multilabel").score(targets, outputs)
    with pytest.raises(DataError, match="y_pred must be an array of numbers or text"):
        Metrics().score(CLASSES, pd.DataFrame(SOFTMAX).assign(name="a"))


@pytest.mark.parametrize("place", [0, 1, 2])
def test_values_that_an_array_hides_are_not_scored_as_if_they_were_there(place):
    given = [Y, P, W]
    given[place] = np.ma.masked_array(given[place], mask=P > 0.9)
    name, hidden = ("y_true", "y_pred", "sample_weight")[place], (P > 0.9).sum()
    with pytest.raises(DataError, match=f"{name} is a masked array that hides {hidden} values.*mask="):
        Metrics().score(*given)
    given[place] = np.ma.masked_array(given[place].data)  # it hides none
    assert Metrics().score(*given)["f1"] == Metrics().score(Y, P, W)["f1"]


def test_logits_are_scored_with_their_task():
    logits = 4 * P - 2
    with pytest.raises(DataError, match="from_logits"):
        Metrics().score(Y, logits)
    found = Metrics(task=Binary(from_logits=True)).score(Y, logits)
    assert_scores(found, panel(Y, logits > 0, logits))


def test_masked_positions_do_not_count():
    mask = RNG.random((20, 5)) < 0.7
    targets, outputs = RNG.integers(0, 2, (20, 5)), RNG.random((20, 5))
    found = Metrics("f1", task="binary").score(targets[..., None], outputs[..., None], mask=mask)
    assert found["f1"] == sk.f1_score(targets[mask], outputs[mask] > 0.5)
    assert found.report(output_dict=True)["weighted avg"]["support"] == mask.sum()


def test_several_outputs_are_dicts():
    targets, outputs = {"a": Y[:50], "b": CLASSES}, {"a": P[:50], "b": SOFTMAX}
    found = Metrics({"a": ["f1"], "b": ["accuracy", "confusion"]}).score(targets, outputs, {"a": W[:50]})
    assert found["a_f1"] == pytest.approx(sk.f1_score(Y[:50], P[:50] > 0.5, sample_weight=W[:50]), abs=1e-12)
    assert found["b_accuracy"] == sk.accuracy_score(CLASSES, SOFTMAX.argmax(1))
    assert found.predictions.keys() == {"a", "b"}
    np.testing.assert_array_equal(
        found.plot_confusion(output="b").confusion_matrix if _has_matplotlib() else found["b_confusion"],
        sk.confusion_matrix(CLASSES, SOFTMAX.argmax(1)),
    )
    with pytest.raises(ValueError, match="output must be one of 'a', 'b'"):
        found.report()
    only = Metrics(output="b").score(targets, outputs)
    assert all(name.startswith("b_") for name in only)


def _has_matplotlib():
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        return False
    plt.close("all")
    return True


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((Y[:5], P), r"targets \(5,\) for outputs"),
        ((None, P), "y_true is None"),
        ((Y, None), "y_pred is None"),
        ((Y, 0.5), r"y_pred must be an array .* received float of shape \(\)"),
        ((Y, [P, P]), "do not fit"),
        ((Y, [[0.5], [0.5, 0.5]]), "y_pred cannot be read as an array"),
        ((Y, [None] * len(Y)), "y_pred must be an array of numbers"),
        ((Y, P, W[:7]), "weights"),
        ((CLASSES, CLASSES), r"y_pred holds labels such as \d, .*np.eye"),
        ((["a", "b"], ["a", "b"]), "y_pred holds labels such as a, "),
        ((P, Y), r"y_true holds values such as 0\.\d+ and y_pred only 0 and 1, .* score\(y_true, y_pred\)"),
        ((P, Y == 1), "in the wrong order"),
        ((P[:, None], Y.astype("float32")), "in the wrong order"),
        (([[0.1, 0.9], [0.7, 0.8]], [[0, 1], [1, 1]]), "in the wrong order"),
        (({"a": Y, "b": P}, {"a": P, "b": Y}), "in the wrong order"),
        (({"a": Y, "b": Y}, {"c": P, "d": P}), "cannot be paired"),
        (({"a": Y}, {"a": {"b": P}}), r"y_pred\['a'\] must be an array"),
        (({"a": Y}, {"a": None}), "y_pred is None"),
        ((np.full(len(Y), np.nan), P), "nan"),
    ],
)
def test_arrays_that_cannot_be_scored(arguments, message):
    with pytest.raises(DataError, match=message):
        Metrics().score(*arguments)


def test_a_score_that_fails_is_raised():
    def broken(y_true, y_pred):
        raise KeyError("lost")

    with pytest.raises(ScoringError, match=r"'broken' failed in Metrics\.score, on"):
        Metrics({"broken": broken}, error_score=0.0).score(Y, P)


def test_an_undefined_score_is_nan_with_a_warning_at_the_line_of_the_user():
    with pytest.warns(UndefinedScoreWarning, match="auc") as warned:
        found = Metrics("auc").score(np.ones(4, int), P[:4])
    assert np.isnan(found["auc"])
    assert [each.filename for each in warned] == [__file__]
    assert "undefined in Metrics.score: auc: no true label of class 0" in str(warned[0].message)
    assert "Recorded: auc nan, where `zero_division` stands for 0/0." in str(warned[0].message)
    with pytest.raises(ValueError, match="a single output, without a name: leave output='a' out"):
        Metrics("f1").score(Y, P).report(output="a")


def test_a_warning_of_a_test_set_is_at_the_line_of_the_user():
    with pytest.warns(UndefinedScoreWarning) as warned:
        Metrics("auc").evaluate(shared_echo_model(), X[:4], np.ones(4, int))
    assert {each.filename for each in warned if each.category is UndefinedScoreWarning} == {__file__}


def test_no_earlier_fit_has_an_influence():
    model = shared_echo_model(3, "sparse_categorical_crossentropy")
    metrics = Metrics(verbose=False)
    with pytest.warns(UndefinedScoreWarning):
        model.fit(SOFTMAX, 0 * CLASSES, validation_data=(SOFTMAX, 0 * CLASSES), verbose=0, callbacks=[metrics])
    epochs, rows = dict(metrics.history), metrics.predictions
    assert_scores(metrics.score(Y, P), panel(Y, P > 0.5, P))
    assert metrics.history.keys() == epochs.keys()
    assert metrics.predictions is rows


def test_counts_are_exact_even_where_a_fit_would_be_bounded():
    found = Metrics(memory="bounded").score(Y, P)
    assert found["auc"] == pytest.approx(sk.roc_auc_score(Y, P), abs=1e-12)
    assert found.bounds == {}
    assert len(found.predictions) == len(Y)


# A test set.


@pytest.mark.parametrize(
    "data",
    [
        lambda: ((X, Y, W), {}),
        lambda: (((X, Y, W),), {}),
        lambda: ((), {"data": (X, Y, W)}),
        lambda: ((), {"x": X, "y": Y, "sample_weight": W}),
        lambda: ((Batches([(X[:60], Y[:60], W[:60]), (X[60:], Y[60:], W[60:])]),), {}),
    ],
)
def test_a_test_set_is_scored(data):
    arguments, named = data()
    found = Metrics().evaluate(shared_echo_model(), *arguments, **named)
    labels = found.predictions.y_pred.ravel() > 0.5
    assert_scores(found, panel(Y, labels, X.ravel(), W))
    assert found.epoch is None
    assert len(found.predictions) == len(Y)
    assert found.to_dict() == {**dict(found), "confusion": found["confusion"].tolist()}


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ({}, r"evaluate\(model, x, y\)"),
        ({"x": X, "data": (X, Y)}, "takes the data once"),
        ({"data": (X, Y), "y": Y}, "takes y and sample_weight with x"),
        ({"x": X, "sample_weight": W}, "takes y and sample_weight with x"),
    ],
)
def test_data_of_evaluate_are_given_once(named, message):
    with pytest.raises(TypeError, match=message):
        Metrics().evaluate(shared_echo_model(), **named)


def test_a_test_set_in_bounds_has_no_rows():
    found = Metrics(memory="bounded").evaluate(shared_echo_model(), X, Y)
    low, high = found.bounds["auc"]
    assert low - 1e-12 <= sk.roc_auc_score(Y, P) <= high + 1e-12
    with pytest.raises(ValueError, match="memory='exact'"):
        _ = found.predictions
    assert not hasattr(found, "predictions")


# An epoch.


@pytest.fixture(scope="module")
def fitted():
    """A fit of three epochs, of which the second is the best."""
    metrics = Metrics(["f1", "auc", "confusion"], verbose=False)
    flips = iter([0.4, 0.0, 0.2])

    class Flips(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            share = next(flips)
            self.model.get_layer("echo").set_weights([np.array([[1.0 if share == 0 else -share]])])

    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False, name="echo")])
    model.compile(keras.optimizers.SGD(0.0), keras.losses.BinaryCrossentropy(from_logits=True))
    logits = X - 0.5
    model.fit(logits, Y, validation_data=(logits, Y), epochs=3, verbose=0, callbacks=[Flips(), metrics])
    return metrics


def test_an_epoch_of_the_history(fitted):
    history = fitted.history
    assert [history.at(epoch).epoch for epoch in (0, "best", "last", -1)] == [0, 1, 2, 2]
    best = history.at("best")
    assert best["f1"] == sk.f1_score(Y, P > 0.5)
    assert {name: best[name] for name in ("f1", "auc")} == {name: history[name][1] for name in ("f1", "auc")}
    assert best.report() == history.report(1)
    assert best.directions["f1"] is True
    assert best.settings["scoring"] == ["f1", "auc", "confusion"]
    with pytest.raises(ValueError, match=r"epoch 7 was not scored; the scored epochs are \[0, 1, 2\]"):
        history.at(7)
    with pytest.raises(KeyError, match="no score 'kappa' was computed; there are: f1, auc, confusion"):
        best["kappa"]


def test_only_the_last_epoch_has_rows(fitted):
    assert fitted.history.at("last").predictions is fitted.predictions
    with pytest.raises(ValueError, match="rows of epoch 0 are gone, because only those of the last scored epoch"):
        _ = fitted.history.at(0).predictions


@pytest.mark.parametrize("copied", [deepcopy, lambda metrics: pickle.loads(pickle.dumps(metrics))])
def test_a_copy_has_its_own_rows(fitted, copied):
    copy = copied(fitted)
    assert copy.history.at("last").predictions is copy.predictions
    np.testing.assert_array_equal(copy.predictions.y_pred, fitted.predictions.y_pred)
    with pytest.raises(ValueError, match="copies of a history hold none"):
        _ = copied(fitted.history).at("last").predictions


def test_a_history_keeps_no_rows_alive():
    metrics = Metrics("f1", verbose=False)
    shared_echo_model().fit(X, Y, validation_data=(X, Y), verbose=0, callbacks=[metrics])
    history = metrics.history
    metrics._reset()  # as the next fit does
    gc.collect()
    assert history.at("last")["f1"] == sk.f1_score(Y, P > 0.5)
    with pytest.raises(ValueError, match="not at hand"):
        _ = history.at("last").predictions


def test_a_pass_that_fails_has_no_rows_of_an_earlier_one():
    targets = [Y, np.full(len(Y), 7)]

    class Given(Batches):
        def __getitem__(self, index):
            return X, targets[min(len(metrics.history.epochs), 1)]

    metrics = Metrics("f1", validation_data=Given([0]), verbose=False)
    with pytest.warns(UserWarning, match="epoch 1: recorded nan"):
        shared_echo_model().fit(X, Y, epochs=2, verbose=0, callbacks=[metrics])
    assert np.isnan(metrics.history.at("last")["f1"])
    with pytest.raises(ValueError, match="no predictions"):
        _ = metrics.history.at("last").predictions


# What a result offers.

RESULTS = {
    "arrays": lambda: Metrics().score(Y, P),
    "multilabel arrays": lambda: Metrics(task=Multilabel(class_names=["a", "b", "c", "<d>"])).score(BITS, SIGMOID),
    "a regression": lambda: Metrics().score(VALUES, GUESSES),
    "values per class": lambda: Metrics(average=None).score(CLASSES, SOFTMAX),
    "a test set": lambda: Metrics().evaluate(shared_echo_model(), X, Y),
}


@pytest.mark.parametrize("result", RESULTS)
def test_a_result_is_printed_on_few_lines(result):
    found = RESULTS[result]()
    assert len(repr(found)) <= 100
    assert "\n" not in repr(found)
    assert max(map(len, str(found).splitlines())) <= 100
    assert "<d>" not in found._repr_html_()
    first = next(iter(found))
    assert f"{first}=" in repr(found)
    assert first in str(found)


@pytest.mark.parametrize("suffix", ["json", "jsonl"])
@pytest.mark.parametrize("result", RESULTS)
def test_a_result_is_saved_and_loaded(result, suffix, tmp_path):
    found, path = RESULTS[result](), tmp_path / f"scores.{suffix}"
    found.save(path)
    loaded = Scores.load(path)
    assert loaded.to_dict() == found.to_dict()
    assert loaded.epoch is None
    assert loaded.directions == found.directions
    assert loaded.settings == found.settings
    assert repr(loaded) == repr(found)
    if result != "a regression":
        assert loaded.report() == found.report()
    with pytest.raises(ValueError, match="files and copies of a history hold none"):
        _ = loaded.predictions


def test_an_epoch_is_saved_and_loaded(fitted, tmp_path):
    fitted.history.at("best").save(tmp_path / "best.json")
    assert Scores.load(tmp_path / "best.json").epoch == 1
    assert ScoreHistory.load(tmp_path / "best.json").epochs == [1]
    fitted.history.save(tmp_path / "all.json")
    with pytest.raises(ValueError, match=r"all\.json: it holds 3 epochs, .* ScoreHistory\.load"):
        Scores.load(tmp_path / "all.json")


def test_counts_are_shown_whole():
    record = ResultRecord({"confusion": np.array([[12345678, 1], [0, 2]])})
    assert "<td>12345678</td>" in Scores(record)._repr_html_()
    assert "12345678" in str(Scores(record))


def test_a_result_is_not_changed_by_what_is_read():
    found = RESULTS["arrays"]()
    expected = sk.confusion_matrix(Y, P > 0.5)
    found["confusion"][...] = 0
    dict(found)["confusion"][...] = 0
    found.settings["task"] = "mine"
    found.directions.clear()
    np.testing.assert_array_equal(found["confusion"], expected)
    assert found.directions["f1"] is True
    assert found != RESULTS["arrays"]()
    assert found == found


def test_a_report_page_of_a_result(tmp_path):
    RESULTS["arrays"]().save_report(tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<h1>Scores</h1>" in page
    assert "Metrics.score" in page


# Lines for each epoch.


@pytest.mark.parametrize("given", [False, True])
def test_one_line_for_each_scored_epoch(given, capsys):
    options = {"validation_data": (X, Y)} if given else {}
    metrics = Metrics(verbose=True, **options)
    data = {} if given else {"validation_data": (X, Y)}
    shared_echo_model().fit(X, Y, epochs=3, verbose=2, callbacks=[metrics], **data)
    printed = capsys.readouterr().out.splitlines()
    name = "Metrics (val_…)" if given else "Metrics"
    lines = [index for index, line in enumerate(printed) if line.startswith(f"{name}: epoch")]
    f1 = f"{sk.f1_score(Y, P > 0.5):.4f}"
    assert printed[lines[0]].startswith(f"{name}: epoch 0: f1 {f1} *, precision ")
    assert [printed[index].split(",")[0] for index in lines[1:]] == [f"{name}: epoch {n}: f1 {f1}" for n in (1, 2)]
    assert all(len(printed[index]) <= 100 for index in lines)
    assert [printed[index - 1].startswith("4/4 - ") for index in lines] == [True] * 3
    assert printed[lines[0] + 1] == "Epoch 2/3"


def test_reprs_are_short():
    targets, outputs = np.arange(300) % 60, np.eye(60)[np.arange(300) % 60]
    metrics = Metrics(per_class=True, verbose=False)
    model = shared_echo_model(60, "sparse_categorical_crossentropy")
    model.fit(outputs, targets, validation_data=(outputs, targets), verbose=0, callbacks=[metrics])
    for shown in (metrics, metrics.history, metrics.history.at("last"), metrics.predictions):
        assert "\n" not in repr(shown)
        assert len(repr(shown)) < 200


def test_help_shows_the_methods_of_the_package_first():
    import pydoc

    for documented in (ScoreHistory, Scores):
        own, *inherited = pydoc.plain(pydoc.render_doc(documented)).split("inherited from ")
        of_package = [base for base in inherited if base.startswith("kerascb_metrics.")]
        assert inherited[: len(of_package)] == of_package  # before those of Mapping
        for method in ("plot_confusion(", "report(", "confidence_interval(", "compare(", "save("):
            assert any(method in part for part in (own, *of_package))
