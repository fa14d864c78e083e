"""`memory=`: fits that keep counts only, beside the same scores of the rows."""

import functools
import gc
import warnings

import keras
import numpy as np
import pytest
from sklearn import metrics as sk

from kerascb_metrics import Binary, DataError, Metrics, Multiclass, ScoreHistory
from kerascb_metrics.collect import row_store
from kerascb_metrics.collect.model_facts import loss_and_output_names
from kerascb_metrics.pipeline.fit_recorder import Recorder
from kerascb_metrics.tally import streaming
from tests.support.arrays import assert_same
from tests.support.models import Batches, binary_rows, echo_model, in_batches

X, Y = binary_rows(301)
BOUNDED = ["f1", "precision", "recall", "kappa", "confusion", "auc", "average_precision"]
RANKED = ("auc", "average_precision")


@pytest.fixture
def small_parts(monkeypatch):
    """Parts of a few batches, as a large set has them."""
    monkeypatch.setattr(row_store, "PART", 500)


@pytest.fixture
def low_limit(small_parts, monkeypatch):
    monkeypatch.setattr(row_store, "LIMIT", 1500)
    monkeypatch.setattr(streaming, "TABLE_BYTES", 1)


def fit(model, callbacks, data, epochs=1, **options):
    x, y = data[:2]
    first = keras.tree.map_structure(lambda array: array[:8], (x, y))
    options = {"batch_size": 16, "epochs": epochs, "verbose": 0, "callbacks": callbacks} | options
    return model.fit(*first, validation_data=data, **options)


def bounded_binary():
    return Metrics(task="binary", memory="bounded", verbose=False)


def mean_output(y_true, y_pred):
    """A loss that takes any targets."""
    return keras.ops.mean(y_pred, axis=-1)


def assert_alike(exact, bounded, names=BOUNDED, prefix=""):
    """Counts alone give the same label scores, and intervals round the others."""
    for name in (prefix + name for name in names):
        for place, (value, other) in enumerate(zip(exact[name], bounded[name], strict=True)):
            if not name.endswith(RANKED):
                assert_same(other, value)
                continue
            low, high = bounded.bounds[name][place]
            assert low - 1e-12 <= value <= high + 1e-12
            assert other == (low + high) / 2
            assert high - low < 0.01


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("task", [Binary(), Binary(pos_label=0), Binary(threshold=0.3)])
def test_a_binary_fit_by_counts(task, weighted):
    exact = Metrics(BOUNDED, task=task, memory="exact", verbose=False)
    bounded = Metrics({f"b_{name}": name for name in BOUNDED}, task=task, memory="bounded", verbose=False)
    weight = np.random.default_rng(0).random(len(Y)) if weighted else None
    x, _ = binary_rows(301, logits=True)
    model = echo_model(1, keras.losses.BinaryCrossentropy(from_logits=True), learning_rate=0.5)
    run = fit(model, [exact, bounded], (x, Y, weight) if weighted else (x, Y), epochs=2)
    history = ScoreHistory(bounded.history.directions)
    for epoch, place in ((0, 0), (1, 1)):
        values = {name: bounded.history[f"b_{name}"][place] for name in BOUNDED}
        own = {name.removeprefix("b_"): pair for name, pair in bounded.history._run.intervals[place].items()}
        history.append(epoch, values, None, own)
    assert_alike(exact.history, history)
    assert run.history["val_b_auc"] == bounded.history["b_auc"]
    with pytest.raises(ValueError, match="memory='exact'"):
        _ = bounded.predictions
    assert len(exact.predictions) == len(Y)
    assert exact.history.bounds == {}
    assert bounded.history.report() == exact.history.report()


def logits(columns):
    return np.random.default_rng(columns).normal(size=(200, columns)).astype("float32") * 3


CASES = {
    "multiclass logits": (4, keras.losses.SparseCategoricalCrossentropy(from_logits=True), "class", {}),
    "two columns": (2, keras.losses.SparseCategoricalCrossentropy(from_logits=True), "class", {}),
    "one value per class": (
        3,
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        "class",
        {"average": None},
    ),
    "weighted average": (3, keras.losses.CategoricalCrossentropy(from_logits=True), "hot", {"average": "weighted"}),
    "multilabel": (3, keras.losses.BinaryCrossentropy(from_logits=True), "labels", {}),
    "multilabel micro": (3, keras.losses.BinaryCrossentropy(from_logits=True), "labels", {"average": "micro"}),
    "binary logits": (1, keras.losses.BinaryCrossentropy(from_logits=True), "labels", {}),
    "hinge": (1, "hinge", "labels", {}),
}


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("case", CASES)
def test_any_task_by_counts(case):
    columns, loss, targets, options = CASES[case]
    x = logits(columns)
    y = (x + logits(columns + 7)[:, :columns]).argmax(axis=1)
    y = {"class": y, "hot": np.eye(columns)[y], "labels": (logits(columns) + logits(9)[:, :columns] > 0).astype(int)}[
        targets
    ]
    names = [name for name in BOUNDED if name != "kappa" or targets != "labels" or columns == 1]
    model = echo_model(columns, loss)
    exact, bounded = (Metrics(names, memory=memory, verbose=False, **options) for memory in ("exact", "bounded"))
    for metrics in (exact, bounded):
        fit(model, [metrics], (x, y))
    if options.get("average", "") is None:
        low, high = bounded.history.bounds["auc"][0]
        assert (low - 1e-12 <= exact.auc[0]).all()
        assert (exact.auc[0] <= high + 1e-12).all()
        assert bounded.history.bounds["auc_1"][0] == (low[1], high[1])
        names = [name for name in names if name not in RANKED]
    assert_alike(exact.history, bounded.history, names)


@pytest.mark.usefixtures("small_parts")
def test_several_outputs_masks_and_files(tmp_path):
    inputs = keras.Input((6, 3))
    hidden = keras.layers.Masking(-1.0)(inputs)
    outputs = {
        "tag": keras.layers.Dense(3, use_bias=False, kernel_initializer="identity", name="tag")(hidden),
        "yes": keras.layers.Dense(1, activation="sigmoid", name="yes")(keras.layers.Flatten()(inputs)),
    }
    model = keras.Model(inputs, outputs)
    losses = {"tag": keras.losses.SparseCategoricalCrossentropy(from_logits=True), "yes": "binary_crossentropy"}
    model.compile(keras.optimizers.SGD(0.0), losses)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(90, 6, 3)).astype("float32")
    x[:, 4:][rng.random((90, 2)) < 0.5] = -1.0
    y = {"tag": rng.integers(0, 3, (90, 6)), "yes": rng.integers(0, 2, (90, 1))}
    exact, bounded = (Metrics(BOUNDED, memory=memory, verbose=False) for memory in ("exact", "bounded"))
    for metrics in (exact, bounded):
        fit(model, [metrics], (x, y))
    for output in ("tag_", "yes_"):
        assert_alike(exact.history, bounded.history, prefix=output)
    masked = (x == -1.0).all(axis=2)
    assert exact.history["tag_confusion"][0].sum() == (~masked).sum() < masked.size
    for ending in (".json", ".jsonl"):
        path = tmp_path / f"scores{ending}"
        bounded.history.save(path)
        assert ScoreHistory.load(path).bounds == bounded.history.bounds
    bounded.history.save_report(tmp_path / "report.html")
    path = tmp_path / "scores.json"
    path.write_text(path.read_text().replace('"bounds": {"tag_auc"', '"bounds": {"tag_acu"'))
    with pytest.raises(ValueError, match="'bounds' are of scores that are not there"):
        ScoreHistory.load(path)


def test_given_data_and_evaluate_by_counts():
    metrics = Metrics(BOUNDED, validation_data=(X, Y), prefix="test_", memory="bounded", verbose=False)
    exact = Metrics(BOUNDED, memory="exact", verbose=False)
    model = echo_model()
    fit(model, [metrics, exact], (X, Y))
    assert_alike(exact.history, metrics.history)
    assert metrics.evaluate(model, (X, Y))["f1"] == exact.f1s[0]


def squared(y_true, y_pred):
    return float(((y_true - y_pred) ** 2).mean())


@pytest.mark.parametrize("scoring", ["neg_log_loss", "roc_auc_ovo", "r2", squared, {"a": sk.mean_squared_error}])
def test_scores_that_need_rows_are_refused_at_once(scoring):
    if scoring == "roc_auc_ovo":  # of two classes it is the plain area
        model = echo_model(3, "sparse_categorical_crossentropy")
        with pytest.raises(
            ValueError, match=r"bounded.*roc_auc_ovo cannot be computed from counts of a multiclass task"
        ):
            fit(model, [Metrics(scoring, task="multiclass", memory="bounded")], (np.eye(3), np.arange(3)))
        return
    with pytest.raises(ValueError, match=r"memory='bounded' keeps counts and no rows.*memory='exact'"):
        Metrics(scoring, memory="bounded")


@pytest.mark.parametrize("scoring", ["accuracy", {"a": "balanced_accuracy"}, ["f1", sk.hamming_loss]])
def test_a_task_that_is_told_is_checked_at_once(scoring):
    """Of a binary task counts are enough for these; of labels they are not."""
    assert Metrics(scoring, task="binary", memory="bounded").memory == "bounded"
    with pytest.raises(ValueError, match="cannot be computed from counts of a multilabel task"):
        Metrics(scoring, task="multilabel", memory="bounded")


def test_a_told_task_is_checked_of_each_output_that_is_scored():
    with pytest.raises(ValueError, match="accuracy cannot be computed from counts of a multilabel task"):
        Metrics({"a": ["accuracy"], "b": ["f1"]}, task={"a": "multilabel"}, memory="bounded")
    Metrics({"a": ["accuracy"], "b": ["f1"]}, task={"a": "multilabel"}, memory="bounded", output="b")
    Metrics({"a": "f1", "b": "accuracy"}, task="multilabel", memory="bounded", output="a")
    with pytest.raises(ValueError, match="r2, mae, rmse cannot be computed from counts of a regression task"):
        Metrics(task="regression", memory="bounded")


def test_scores_of_labels_need_no_rows():
    """Metric functions and scorers that are known to depend on counts alone."""
    scoring = {
        "f2": sk.make_scorer(sk.fbeta_score, beta=2),
        "errors": sk.zero_one_loss,
        "fewer_errors": sk.make_scorer(sk.zero_one_loss, greater_is_better=False),
        "half": functools.partial(sk.fbeta_score, beta=0.5),
        "accuracy": "accuracy",
        "jaccard": "jaccard",
        "mcc": "matthews_corrcoef",
    }
    bounded, exact = (Metrics(scoring, memory=memory, verbose=False) for memory in ("bounded", "exact"))
    model = echo_model()
    for metrics in (bounded, exact):
        fit(model, [metrics], (X, Y))
    for name in scoring:
        assert_same(bounded.history[name], exact.history[name])


@pytest.mark.usefixtures("low_limit")
def test_auto_changes_over_past_the_limit_and_says_so():
    auto, exact = (Metrics(BOUNDED, memory=memory, verbose=False) for memory in ("auto", "exact"))
    model = echo_model()
    fit(model, [exact], (X, Y))
    with pytest.warns(
        UserWarning, match=r"epoch 0.*more than memory='auto' keeps, so only counts were kept.*memory='exact'"
    ):
        fit(model, [auto], (X, Y), epochs=2)
    with pytest.raises(ValueError, match="memory='exact'"):
        _ = auto.predictions
    assert len(auto.history.bounds["auc"]) == 2
    for place in (0, 1):
        low, high = auto.history.bounds["auc"][place]
        assert low <= exact.auc[0] <= high
        assert auto.f1s[place] == exact.f1s[0]


@pytest.mark.usefixtures("low_limit")
def test_auto_keeps_rows_that_a_score_needs():
    auto = Metrics(["auc", "neg_log_loss"], verbose=False)
    with pytest.warns(UserWarning, match="were kept: they are needed for neg_log_loss"):
        fit(echo_model(), [auto], (X, Y))
    assert_same(auto.auc, [sk.roc_auc_score(Y, X[:, 0])])
    np.testing.assert_array_equal(auto.predictions.y_pred, X)
    np.testing.assert_array_equal(auto.predictions.y_true.ravel(), Y)
    assert auto.history.bounds == {}


@pytest.mark.usefixtures("low_limit")
def test_auto_keeps_rows_that_take_less_than_the_counts_of_many_classes(monkeypatch):
    monkeypatch.setattr(streaming, "TABLE_BYTES", 1 << 20)
    auto = Metrics(verbose=False)
    with pytest.warns(UserWarning, match="were kept: the counts of 1 classes take 1 MiB"):
        fit(echo_model(), [auto], (X, Y))
    assert len(auto.predictions) == len(Y)


@pytest.mark.usefixtures("low_limit")
def test_what_one_cannot_do_without_is_kept_for_the_other():
    one, other = Metrics("auc", verbose=False), Metrics({"loss_": "neg_log_loss"}, verbose=False)
    with pytest.warns(UserWarning, match="were kept: ") as warned:
        fit(echo_model(), [one, other], (X, Y))
    told = [str(each.message) for each in warned if str(each.message).startswith("Metrics: ")]
    assert len(told) == 1
    assert "needed for loss_" in told[0]
    assert len(one.predictions) == len(Y)
    assert one.history.bounds == {}


@pytest.mark.usefixtures("low_limit")
def test_a_warning_that_is_an_error_comes_when_the_pass_has_ended():
    model = echo_model(counted=True)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="Metrics: ")
        with pytest.raises(UserWarning, match="only counts were kept"):
            fit(model, [Metrics(verbose=False)], (X, Y))
    assert model.counter.seen() == len(Y)
    assert model.predict(X, verbose=0).shape == X.shape


@pytest.mark.usefixtures("low_limit")
def test_rows_that_one_keeps_are_kept_for_all():
    """They are in memory anyway; and who asks for counts gets counts."""
    auto, exact = Metrics("auc", verbose=False), Metrics({"exact": "auc"}, memory="exact", verbose=False)
    bounded = Metrics({"bounded": "auc"}, memory="bounded", verbose=False)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="Metrics: ")
        fit(echo_model(), [auto, exact, bounded], (X, Y))
    assert auto.auc == exact.history["exact"]
    low, high = bounded.history.bounds["bounded"][0]
    assert low < auto.auc[0] < high


def test_no_more_room_is_made_than_the_limit():
    """The rows to come may be more than there is memory for."""
    leaves = [(("y_pred",), np.zeros((10, 100), "float32")), (("y_true",), np.zeros(10, "float32"))]
    part = {name: leaf for (name,), leaf in leaves}
    place = row_store.RowStore(10**15, (), limit=1 << 20)
    place.add(part, leaves, 10)
    assert [len(batch["y_pred"]) for batch in place.finish()] == [10]


def test_auto_keeps_what_is_below_the_limit():
    auto = Metrics(verbose=False)
    fit(echo_model(), [auto], (X, Y))
    assert auto.history.bounds == {}
    assert len(auto.predictions) == len(Y)
    assert row_store.LIMIT == 4 << 30


@pytest.mark.usefixtures("small_parts")
def test_an_error_in_a_part_waits_for_the_end_of_the_pass():
    y = Y.astype(float)
    y[250] = 7
    model = echo_model(loss=mean_output, counted=True)
    data = in_batches(X, y, 16)  # of arrays it would be known before training
    with pytest.raises(DataError, match="a binary task needs targets 0 and 1"):
        model.fit(X[:8], Y[:8], validation_data=data, verbose=0, callbacks=[bounded_binary()])
    assert model.counter.seen() == len(y), "the pass went on to its end"


@pytest.mark.usefixtures("small_parts")
def test_labels_that_no_binary_task_has_together():
    y = np.where(Y == 1, 1, np.where(np.arange(len(Y)) < 128, 0, -1)).astype("float32")  # two parts of 64 rows
    model = echo_model(loss=mean_output)
    with pytest.raises(DataError, match="two target labels; received 0, 1 in some batches and -1, 1 in others"):
        model.fit(X[:8], y[:8], validation_data=in_batches(X, y, 16), verbose=0, callbacks=[bounded_binary()])


@pytest.mark.usefixtures("small_parts")
def test_outputs_that_are_not_finite_leave_nan():
    x = X.copy()
    x[200] = np.nan
    metrics = Metrics(memory="bounded", verbose=False)
    with pytest.warns(UserWarning, match="outputs are NaN or infinite"):
        fit(echo_model(1, keras.losses.BinaryCrossentropy(from_logits=True)), [metrics], (x, Y))
    assert np.isnan([metrics.f1s[0], metrics.auc[0]]).all()
    assert np.isnan(metrics.history.bounds["auc"][0]).all()


def test_how_wide_is_told_once(capsys):
    fit(echo_model(), [Metrics(memory="bounded", verbose=True)], (X, Y), epochs=2)
    told = capsys.readouterr().out
    assert (
        told.count("auc: midpoint of an interval that holds the exact value, see history.bounds. Width in epoch 0") == 1
    )


def test_memory_is_one_of_three():
    with pytest.raises(ValueError, match="memory must be one of 'auto', 'exact', 'bounded'; received 'low'"):
        Metrics(memory="low")


@pytest.mark.usefixtures("small_parts")
def test_labels_of_ones_own_by_counts():
    y = np.where(Y == 1, 5, 3)
    task = Binary(pos_label=5)
    metrics = Metrics(["f1", "confusion"], task=task, memory="bounded", verbose=False)
    order = np.argsort(-y, kind="stable")  # the positive ones come first
    model = echo_model(loss=mean_output)
    fit(model, [metrics], (X[order], y[order]))
    assert_same(metrics.f1s, [sk.f1_score(y, np.where(X[:, 0] > 0.5, 5, 3), pos_label=5)])
    metrics = Metrics(["f1"], task=Multiclass(labels=[3, 5, 7]), memory="bounded", verbose=False)
    x = np.eye(3)[np.arange(60) % 3].astype("float32")
    model = echo_model(3, mean_output)
    fit(model, [metrics], (x, np.array([3, 5, 7])[np.arange(60) % 3]))
    assert metrics.f1s == [1.0]


def sequences(lengths, columns):
    """Batches (8, T) or (8, T, C) of several lengths T, and targets a position."""
    rng = np.random.default_rng(0)
    for length in lengths:
        p = rng.random((8, length, columns) if columns else (8, length)).astype("float32")
        yield p, rng.integers(0, 3, (8, length)) if columns else (rng.random((8, length)) < p).astype("float32")


def positions_model(columns):
    """A model that returns its input of any length."""
    model = keras.Sequential([keras.Input((None, columns) if columns else (None,)), keras.layers.Activation("linear")])
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(True) if columns else mean_output)
    return model


@pytest.mark.usefixtures("low_limit")
@pytest.mark.parametrize("memory", ["auto", "bounded"])
@pytest.mark.parametrize("columns", [0, 3])
def test_sequences_of_several_lengths(memory, columns):
    """A part of one length alone looks like outputs of as many columns: of two, like a softmax."""
    batches = list(sequences([3, 2, 4, *[2] * 20], columns))
    rows = [(p.reshape(-1, columns or 1), y.ravel()) for p, y in batches]
    y_pred, y_true = (np.concatenate(column) for column in zip(*rows, strict=True))
    task = "multiclass" if columns else "binary"
    metrics = Metrics(["f1", "confusion", "auc"], task=task, memory=memory, verbose=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        found = metrics.evaluate(positions_model(columns), Batches(batches))
    labels = y_pred.argmax(axis=1) if columns else y_pred[:, 0] > 0.5
    np.testing.assert_array_equal(found["confusion"], sk.confusion_matrix(y_true, labels))


@pytest.mark.usefixtures("small_parts")
def test_a_class_whose_rows_weigh_nothing_has_its_label():
    y = np.where(Y == 1, 7, 3)
    y[:64] = 7  # a part without the other one
    metrics = Metrics(["recall", "confusion"], task=Binary(pos_label=7), memory="bounded", verbose=False)
    fit(echo_model(loss=mean_output), [metrics], (X, y, (y == 7).astype("float32")))
    assert metrics.history.tally().class_names == ("3", "7")


def test_nothing_of_a_fit_is_held():
    """What `evaluate` read is freed with it; what is pickled has nothing of the model's loss."""
    model = echo_model(loss=lambda y_true, y_pred: keras.ops.mean(y_pred, axis=-1))
    metrics = Metrics(task="binary", verbose=False)
    fit(model, [metrics], (X, Y))
    metrics._recorder.begin(0, loss_and_output_names(model))  # as a fit leaves it that is interrupted in a pass
    assert metrics._recorder.reader.__getstate__()["_facts"].loss is None
    gc.collect()
    before = [each for each in gc.get_objects() if type(each) is Recorder]
    gc.disable()
    try:
        metrics.evaluate(model, (X, Y))
        assert [each for each in gc.get_objects() if type(each) is Recorder] == before
    finally:
        gc.enable()


def test_margins_have_no_probabilities_by_counts_either():
    metrics = Metrics("roc_auc_ovr", memory="bounded", verbose=False)
    with pytest.raises(ValueError, match="roc_auc_ovr needs probabilities, but the outputs are margins"):
        fit(echo_model(loss="hinge"), [metrics], (X, Y))
