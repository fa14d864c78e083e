"""`Ordinal` in `fit`: from one real column and from several, with everything that reads a run afterwards."""

import keras
import numpy as np
import pytest
from sklearn import metrics as sk

from kerascb_metrics import DataError, Metrics, Ordinal, ScoreHistory
from kerascb_metrics.interpret.join import Rows
from kerascb_metrics.interpret.losses import read_loss
from kerascb_metrics.pipeline.settling import padding_is_scored
from kerascb_metrics.score.panels import ORDINAL_PANEL
from tests.support.arrays import assert_same
from tests.support.models import echo_model, in_batches

RNG = np.random.default_rng(5)
N = 40
GRADES = np.array([1, 2, 3, 4, 5])
Y = RNG.choice(GRADES, N)
X = (Y + RNG.normal(size=N)).astype("float32")[:, None]
LABELS = GRADES[[np.abs(value - GRADES).argmin() for value in X[:, 0]]]
COLUMNS = (RNG.normal(size=(N, 5)) + 2 * np.eye(5)[Y - 1]).astype("float32")
WEIGHT = RNG.random(N).astype("float32")
OF_COLUMNS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def expected(y_true, y_pred, weight=None):
    weight = None if weight is None else weight.astype("float64")
    kappa = sk.cohen_kappa_score(y_true, y_pred, labels=GRADES, weights="quadratic", sample_weight=weight)
    return {"kappa_quadratic": kappa, "mae": sk.mean_absolute_error(y_true, y_pred, sample_weight=weight)}


@pytest.mark.parametrize("source", ["fit", "bounded", "given"])
@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["", "weights"])
def test_one_column(source, weight, capsys):
    data = (X, Y) if weight is None else (X, Y, weight)
    options = {"validation_data": data} if source == "given" else {}
    metrics = Metrics(task=Ordinal(GRADES), memory="bounded" if source == "bounded" else "auto", **options)
    given = {} if source == "given" else {"validation_data": data}
    run = echo_model(1, "mse").fit(X, Y, **given, epochs=2, batch_size=16, verbose=2, callbacks=[metrics])
    assert list(metrics.history) == list(ORDINAL_PANEL)
    for name, value in expected(Y, LABELS, weight).items():
        assert_same(metrics.history[name], [value, value])
        assert run.history[f"val_{name}"] == metrics.history[name]
    assert_same(metrics.confusion[0], sk.confusion_matrix(Y, LABELS, sample_weight=weight))
    assert "ordinal task (loss mean_squared_error, output (None, 1)), label is the nearest" in capsys.readouterr().out


@pytest.mark.parametrize("memory", ["exact", "bounded"])
@pytest.mark.parametrize("task", ["ordinal", Ordinal()], ids=["by name", "object"])
def test_several_columns_without_labels(task, memory):
    metrics = Metrics(task=task, memory=memory, verbose=False)
    data = in_batches(COLUMNS, Y - 1, 16)
    echo_model(5, OF_COLUMNS).fit(COLUMNS, Y - 1, validation_data=data, verbose=0, callbacks=[metrics])
    for name, value in expected(Y, GRADES[COLUMNS.argmax(1)]).items():
        assert_same(metrics.history[name], [value])


def test_positions_and_a_mask():
    """Sequences of three grades each, of which zeros are padding."""
    inputs = keras.Input((3, 1))
    hidden = keras.layers.Masking(0.0)(inputs)
    outputs = keras.layers.Dense(1, use_bias=False, kernel_initializer="identity")(hidden)
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.SGD(0.0), "mse")
    x, y = X[:39].reshape(13, 3, 1).copy(), Y[:39].reshape(13, 3).copy()
    x[:4, 2], y[:4, 2] = 0.0, 0
    metrics = Metrics(["mae"], task=Ordinal(GRADES), verbose=False)
    model.fit(x, y[..., None], validation_data=(x, y[..., None]), verbose=0, callbacks=[metrics])
    kept = y.ravel() > 0
    assert_same(metrics.history["mae"], [sk.mean_absolute_error(Y[:39][kept], LABELS[:39][kept])])


def test_outputs_of_two_kinds():
    one, several = keras.Input((1,), name="one"), keras.Input((5,), name="several")
    grade = keras.layers.Dense(1, use_bias=False, kernel_initializer="identity", name="grade")(one)
    kind = keras.layers.Activation("linear", name="kind")(several)
    model = keras.Model({"one": one, "several": several}, {"grade": grade, "kind": kind})
    model.compile(keras.optimizers.SGD(0.0), {"grade": "mse", "kind": OF_COLUMNS})
    x, y = {"one": X, "several": COLUMNS}, {"grade": Y, "kind": Y - 1}
    metrics = Metrics(task={"grade": Ordinal(GRADES), "kind": "multiclass"}, verbose=False)
    assert metrics.monitor("grade_kappa_quadratic")["mode"] == "max"
    model.fit(x, y, validation_data=(x, y), verbose=0, callbacks=[metrics])
    own = [f"grade_{name}" for name in ORDINAL_PANEL]
    others = [f"kind_{name}" for name in ("f1", "precision", "recall", "kappa", "auc", "confusion")]
    assert sorted(metrics.history) == sorted([*own, *others])
    assert_same(metrics.history["grade_mae"], [sk.mean_absolute_error(Y, LABELS)])


def test_directions():
    metrics = Metrics(task=Ordinal(GRADES), verbose=False)
    assert metrics.monitor("kappa_quadratic") == {"monitor": "val_kappa_quadratic", "mode": "max"}
    assert metrics.monitor("mae") == {"monitor": "val_mae", "mode": "min"}
    assert repr(metrics).split(": ")[1].startswith(", ".join(ORDINAL_PANEL[:5]))
    with pytest.raises(ValueError, match="'auc' is not a score of this callback"):
        metrics.monitor("auc")
    with pytest.raises(ValueError, match="'kappa_quadratic' is not a score of this callback"):
        Metrics().monitor("kappa_quadratic")
    stop = keras.callbacks.EarlyStopping("val_mae", patience=9)
    model = echo_model(1, "mse")
    model.fit(X, Y, validation_data=(X, Y), epochs=2, verbose=0, callbacks=[metrics, stop])
    assert stop.monitor_op(0, 1)  # lower is better
    assert metrics.history.best("mae") == (0, metrics.history["mae"][0])


def test_what_reads_a_run(tmp_path):
    names = ["none", "mild", "moderate", "severe", "proliferative"]
    metrics = Metrics(task=Ordinal(GRADES, names), log_file=tmp_path / "log.jsonl", verbose=False)
    echo_model(1, "mse").fit(X, Y, validation_data=(X, Y), verbose=0, callbacks=[metrics])
    metrics.history.save(tmp_path / "run.json")
    wanted = sk.classification_report(Y, LABELS, target_names=names, zero_division=0.0)
    for history in (metrics.history, *(ScoreHistory.load(tmp_path / file) for file in ("run.json", "log.jsonl"))):
        scores = history.at("last")
        assert scores.report() == wanted
        assert_same(
            [scores[name] for name in ("mae", "kappa_quadratic")],
            [metrics.history[name][0] for name in ("mae", "kappa_quadratic")],
        )
        assert history.directions["mae"] is False
        figure = scores.plot_confusion().ax_
        assert [text.get_text() for text in figure.get_yticklabels()] == names
        with pytest.raises(ValueError, match="nothing ranks the rows of an ordinal task"):
            scores.plot_roc()
        history.save_report(tmp_path / "report.html")
        page = (tmp_path / "report.html").read_text()
        assert "kappa_quadratic" in page
        assert "proliferative" in page


EARLY = {
    "no labels": (Ordinal(), Y, r"needs the grades. Pass task=Ordinal\(labels=\[1, 2, 3, 4, 5\]\)"),
    "another grade": (Ordinal([1, 2, 3]), Y, r"targets hold 4, 5. Pass task=Ordinal\(labels=\[1, 2, 3, 4, 5\]\)"),
    "soft": (Ordinal(GRADES, soft_targets=True), Y, r"needs one output column per grade.*Pass task=Ordinal\(labels="),
}


@pytest.mark.parametrize("as_arrays", [True, False], ids=["arrays", "dataset"])
@pytest.mark.parametrize("case", EARLY)
def test_errors_before_training(case, as_arrays):
    """A dataset is not read before training: only its grades are unknown then."""
    task, y, message = EARLY[case]
    if not as_arrays and case == "another grade":
        message = "targets hold 4, 5"
    elif not as_arrays:
        message = message.split("Pass")[0]
    data = (X, y) if as_arrays else in_batches(X, y, 16)
    with_model = echo_model(1, "mse")
    begun = []
    noted = keras.callbacks.LambdaCallback(on_train_batch_begin=lambda batch, logs=None: begun.append(batch))
    with pytest.raises(DataError, match=message):
        with_model.fit(X, y, validation_data=data, verbose=0, callbacks=[Metrics(task=task, verbose=False), noted])
    assert bool(begun) == (case == "another grade" and not as_arrays)


def test_a_wrong_count_of_labels_is_found_before_training():
    begun = []
    noted = keras.callbacks.LambdaCallback(on_train_batch_begin=lambda batch, logs=None: begun.append(batch))
    metrics = Metrics(task=Ordinal([0, 1, 2]), verbose=False)
    data = in_batches(COLUMNS, Y - 1, 16)
    with pytest.raises(DataError, match=r"has 3 labels, but the outputs \(None, 5\) have 5 columns"):
        echo_model(5, OF_COLUMNS).fit(COLUMNS, Y - 1, validation_data=data, verbose=0, callbacks=[metrics, noted])
    assert not begun


def test_it_is_never_inferred():
    metrics = Metrics(verbose=False)
    echo_model(1, "mse").fit(X, Y, validation_data=(X, Y), verbose=0, callbacks=[metrics])
    assert list(metrics.history) == ["r2", "mae", "rmse"]
    with pytest.raises(DataError) as caught:
        Metrics().score(Y, X)
    assert "Ordinal" not in str(caught.value)


@pytest.mark.parametrize(
    ("labels", "remedy"), [([1, 2], "(1, 2), ignore_class=-1"), ([-1, 2], "(-1, 2), ignore_class=-2")]
)
def test_the_hint_about_padding_repeats_the_grades(labels, remedy):
    rows = Rows(np.ones((4, 3)), np.ones((4, 3, 1)))
    hint = padding_is_scored(Ordinal(labels), rows, read_loss("mse"), "words")
    assert hint.endswith(f"pass task=Ordinal(labels={remedy}).")
