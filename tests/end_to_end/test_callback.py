"""Recording: the lists, `logs`, the history, names, and what is printed."""

import keras
import numpy as np
import pytest
from sklearn import metrics as sk

from kerascb_metrics import Metrics
from tests.support.models import binary_rows, echo_model

EPOCHS = 3
X, Y = binary_rows()


class Watch(keras.callbacks.Callback):
    """Keeps the logs and predictions that a callback sees at the end of each epoch."""

    def __init__(self, metrics=None):
        super().__init__()
        self.metrics, self.logs, self.predictions = metrics, [], []

    def on_epoch_end(self, epoch, logs=None):
        self.logs.append(dict(logs))
        self.predictions.append(self.metrics and self.metrics.predictions)


# One learning model for each form of binary outputs: its last layer, its loss, and how to read its outputs.


def rank_of_one(outputs):
    return outputs.ravel()


def rank_of_probabilities(outputs):
    return outputs[:, 1]


def rank_of_logits(outputs):
    return outputs[:, 1].astype(float) - outputs[:, 0].astype(float)


FORMS = {
    "(N,) probabilities": (1, "sigmoid", "binary_crossentropy", rank_of_one, 0.5),
    "(N, 1) probabilities": (1, "sigmoid", "binary_crossentropy", rank_of_one, 0.5),
    "(N, 1) logits": (1, None, keras.losses.BinaryCrossentropy(from_logits=True), rank_of_one, 0),
    "(N, 2) softmax": (2, "softmax", "sparse_categorical_crossentropy", rank_of_probabilities, 0.5),
    "(N, 2) logits": (2, None, keras.losses.SparseCategoricalCrossentropy(from_logits=True), rank_of_logits, 0),
}


def learning_model(form):
    columns, activation, loss, *_ = FORMS[form]
    inputs = keras.Input((1,))
    outputs = keras.layers.Dense(columns, activation=activation)(keras.layers.Dense(4, activation="tanh")(inputs))
    if form.startswith("(N,)"):
        outputs = keras.layers.Reshape(())(outputs)
    model = keras.Model(inputs, outputs)
    # Both classes must be predicted from the start. Keras's random weights differ by release and do not ensure it.
    slopes, signs = np.linspace(1, 2, 4), [[1.0]] if columns == 1 else [[-1.0, 1.0]]
    model.set_weights([slopes[None], -slopes / 2, np.repeat(signs, 4, axis=0), np.zeros(columns)])
    model.compile(keras.optimizers.SGD(0.2), loss)
    return model


@pytest.mark.parametrize("form", FORMS)
def test_six_lists_equal_scikit_learn(form):
    *_, rank, cut = FORMS[form]
    train_x, train_y = binary_rows(24, seed=1)
    metrics = Metrics(verbose=False)
    watch = Watch(metrics)
    model = learning_model(form)
    history = model.fit(
        train_x, train_y, batch_size=4, epochs=EPOCHS, validation_data=(X, Y), verbose=0, callbacks=[metrics, watch]
    ).history

    expected = {name: [] for name in ("f1", "precision", "recall", "kappa", "auc")}
    for epoch, rows in enumerate(watch.predictions):
        y_score = rank(rows.y_pred)
        y_pred = (y_score > cut).astype(int)
        expected["f1"].append(sk.f1_score(Y, y_pred, zero_division=0))
        expected["precision"].append(sk.precision_score(Y, y_pred, zero_division=0))
        expected["recall"].append(sk.recall_score(Y, y_pred, zero_division=0))
        expected["kappa"].append(sk.cohen_kappa_score(Y, y_pred))
        expected["auc"].append(sk.roc_auc_score(Y, y_score))
        matrix = sk.confusion_matrix(Y, y_pred, labels=[0, 1])
        np.testing.assert_array_equal(metrics.confusion[epoch], matrix)
        cells = [history[f"val_{cell}"][epoch] for cell in ("tn", "fp", "fn", "tp")]
        assert cells == matrix.ravel().tolist()
    lists = {"f1": metrics.f1s, "precision": metrics.precision, "recall": metrics.recall}
    lists |= {"kappa": metrics.kappa, "auc": metrics.auc}
    for name, values in lists.items():
        np.testing.assert_allclose(values, expected[name], rtol=0, atol=1e-12, err_msg=name)
        assert history[f"val_{name}"] == metrics.history[name] == values
    assert len({rows.y_pred.tobytes() for rows in watch.predictions}) == EPOCHS, "the model should change"


@pytest.fixture(scope="module")
def model():
    """A model that echoes its input, for all tests that do not change it."""
    return echo_model()


def fit(model, callbacks, epochs=2, verbose=0, **options):
    options = {"validation_data": (X, Y), **options}
    return model.fit(X[:8], Y[:8], epochs=epochs, verbose=verbose, callbacks=callbacks, **options)


def test_callbacks_listed_before_see_python_floats(model):
    watch, metrics = Watch(), Metrics(verbose=False)
    fit(model, [watch, metrics])
    for logs in watch.logs:
        assert set(logs) == {"loss", "val_loss"} | {
            f"val_{name}" for name in ("f1", "precision", "recall", "kappa", "auc", "tn", "fp", "fn", "tp")
        }
        assert {type(value) for name, value in logs.items() if name != "loss"} == {float}
    assert [logs["val_f1"] for logs in watch.logs] == metrics.f1s


def test_only_epochs_with_validation_are_recorded(model):
    metrics = Metrics("f1", verbose=False)
    history = fit(model, [metrics], epochs=5, validation_freq=2).history
    assert metrics.history.epochs == [1, 3]
    assert history["val_f1"] == metrics.f1s == [sk.f1_score(Y, X[:, 0] > 0.5)] * 2


def test_initial_epoch_is_respected(model):
    metrics = Metrics("f1", verbose=False)
    fit(model, [metrics], epochs=5, initial_epoch=3)
    assert metrics.history.epochs == [3, 4]


def test_sample_weights_are_used_unless_disabled(model):
    w = np.random.default_rng(1).uniform(0.1, 2, len(X)).astype("float32")
    y_pred = X[:, 0] > 0.5
    for use, weight in ((True, w.astype(float)), (False, None)):
        metrics = Metrics(use_sample_weight=use, verbose=False)
        fit(model, [metrics], epochs=1, validation_data=(X, Y, w))
        assert metrics.f1s == [pytest.approx(sk.f1_score(Y, y_pred, sample_weight=weight), abs=1e-12)]
        assert metrics.auc == [pytest.approx(sk.roc_auc_score(Y, X[:, 0], sample_weight=weight), abs=1e-12)]


def test_matrix_cells_of_several_classes_on_request():
    rng = np.random.default_rng(0)
    x = rng.dirichlet([1, 1, 1], 40).astype("float32")
    y = rng.integers(0, 3, 40)
    metrics = Metrics(["f1", "confusion_cells"], verbose=False)
    model = echo_model(3, "sparse_categorical_crossentropy")
    history = model.fit(x, y, epochs=1, validation_data=(x, y), verbose=0, callbacks=[metrics]).history
    matrix = sk.confusion_matrix(y, x.argmax(axis=1))
    for true in range(3):
        for predicted in range(3):
            assert history[f"val_confusion_{true}_{predicted}"] == [matrix[true, predicted]]
    assert metrics.f1s == [pytest.approx(sk.f1_score(y, x.argmax(axis=1), average="macro"), abs=1e-12)]


# Names.


def test_a_compiled_metric_keeps_its_name():
    model = echo_model(metrics=[keras.metrics.AUC(name="auc")])
    metrics = Metrics(["f1", "auc"], verbose=False)
    with pytest.warns(UserWarning, match=r"a compiled Keras metric .*uses 'val_auc'.*'val_sklearn_auc'") as warned:
        history = fit(model, [metrics], epochs=3).history
    (message,) = [str(warning.message) for warning in warned if "Metrics" in str(warning.message)]
    assert "scoring={" in message
    plain = fit(model, [], epochs=3).history
    assert history["val_auc"] == plain["val_auc"]
    assert history["val_sklearn_auc"] == metrics.auc == [pytest.approx(sk.roc_auc_score(Y, X[:, 0]), abs=1e-12)] * 3
    assert history["val_auc"] != history["val_sklearn_auc"]

    metrics = Metrics(verbose=False)
    assert metrics.monitor("auc") == {"monitor": "val_auc", "mode": "max"}
    with pytest.raises(ValueError, match=r"metrics\.monitor\('auc'\) returned 'val_auc'.*scoring="):
        fit(model, [metrics])

    metrics = Metrics(scoring={"exact_auc": "roc_auc"}, verbose=False)  # as the warning proposes
    assert fit(model, [metrics]).history["val_exact_auc"] == metrics.history["exact_auc"]


def test_two_metrics_with_the_same_name_raise_at_the_start(model):
    watch = Watch()
    with pytest.raises(ValueError, match=r"two Metrics .* both write f1, recall under 'val_'.*scoring="):
        fit(model, [Metrics(verbose=False), watch, Metrics(["recall", "f1"], verbose=False)])
    assert watch.logs == []


def test_lists_of_scores_that_are_not_computed(model):
    metrics = Metrics("f1", verbose=False)
    with pytest.raises(AttributeError, match=r"no score 'kappa'; it has: f1"):
        metrics.kappa  # noqa: B018
    assert metrics.f1s == []
    fit(model, [metrics])
    with pytest.raises(KeyError, match=r"no score 'kappa' was recorded; there are: f1"):
        metrics.history["kappa"]


# What is printed.

READING = "Metrics: binary task (loss binary_crossentropy, output (None, 1)), positive when probability > 0.5."


@pytest.mark.parametrize(
    ("verbose", "fit_verbose", "times"),
    [("auto", 2, 1), ("auto", 1, 1), ("auto", 0, 0), (True, 0, 1), (False, 2, 0)],
)
def test_interpretation_is_printed_once(model, capsys, verbose, fit_verbose, times):
    fit(model, [Metrics(verbose=verbose)], epochs=3, verbose=fit_verbose)
    out = capsys.readouterr().out
    assert out.count("Metrics: ") == times + 3 * (verbose is True)
    assert out.splitlines().count(READING) == times
    if fit_verbose == 0 and not times:
        assert out == ""


def test_progress_bar_shows_the_scores(model, capsys):
    metrics = Metrics(verbose=False)
    fit(model, [metrics], verbose=2)
    assert f"val_f1: {metrics.f1s[-1]:.4f}" in capsys.readouterr().out


def test_interpretation_of_logits_is_printed(capsys):
    model = echo_model(2, keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    x = np.random.default_rng(0).normal(size=(9, 2)).astype("float32")
    model.fit(x, Y[:9], validation_data=(x, Y[:9]), verbose=0, callbacks=[Metrics("f1", verbose=True)])
    message = "Metrics: binary task (loss sparse_categorical_crossentropy, output (None, 2)), positive when"
    assert message in capsys.readouterr().out


def test_list_has_the_score_of_its_name_if_no_output_was_chosen():
    x, y = binary_rows(20)
    metrics = Metrics({"f1": "precision", "None_f1": "recall"}, task="binary", verbose=False)
    echo_model().fit(x, y, validation_data=(x, y), verbose=0, callbacks=[metrics])
    assert metrics.f1s == metrics.history["f1"] != metrics.history["None_f1"]
