"""Elements of rows that are left out, by `ignore_class` or by weights per element; and what is left out in a fit."""

import keras
import numpy as np
import pytest
from sklearn import metrics as sk

from kerascb_metrics import Metrics, Multilabel, Regression, make_prediction_scorer
from kerascb_metrics.exceptions import DataError
from tests.support.arrays import assert_same, assessed, read
from tests.support.models import echo_model

NAN = float("nan")
N = 90
RNG = np.random.default_rng(17)
PROBA = RNG.random((N, 4)).astype("float32")
WEIGHT = RNG.random(N) + 0.1
ELEMENT_WEIGHT = RNG.random((N, 4)) + 0.1
MISSING = RNG.random((N, 4)) < 0.3
MISSING[:3] = True  # whole rows
MISSING[:, 3] &= RNG.random(N) < 0.1


def labels(low=0):
    """Multi-hot targets of `low` and 1 that the outputs predict fairly well."""
    return np.where(PROBA + RNG.normal(scale=0.4, size=(N, 4)) > 0.5, 1, low)


def reference(y, score, missing, weight, threshold=0.5):
    """scikit-learn's scores of each label on its own rows, and of the pooled elements that are left."""
    kept = [~missing[:, column] for column in range(4)]
    weight = np.ones((N, 4)) if weight is None else np.broadcast_to(weight.reshape(N, -1), (N, 4))
    own = [(y[rows, k] == 1, score[rows, k], weight[rows, k]) for k, rows in enumerate(kept)]
    pooled = tuple(np.concatenate(parts) for parts in zip(*own, strict=True))
    functions = {"f1": sk.f1_score, "precision": sk.precision_score, "recall": sk.recall_score}

    def of_labels(true, scores, w):
        return {name: function(true, scores > threshold, sample_weight=w) for name, function in functions.items()}

    def of_scores(true, scores, w):
        areas = {"auc": sk.roc_auc_score, "average_precision": sk.average_precision_score}
        return {name: function(true, scores, sample_weight=w) for name, function in areas.items()}

    each = [{**of_labels(*rows), **of_scores(*rows)} for rows in own]
    macro = {name: np.mean([values[name] for values in each]) for name in each[0]}
    return macro, {**of_labels(*pooled), "auc": sk.roc_auc_score(*pooled[:2], sample_weight=pooled[2])}, each


WEIGHTS = {"no weights": None, "weights per row": WEIGHT, "weights per element": ELEMENT_WEIGHT}


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize(
    ("low", "ignored", "dtype"), [(0, -1, "int64"), (0, NAN, "float32"), (-1, NAN, "float64"), (0, 255, "uint8")]
)
def test_each_label_is_scored_on_its_own_rows(low, ignored, dtype, weights):
    weight, y = WEIGHTS[weights], labels(low)
    y_true = np.where(MISSING, ignored, y).astype(dtype)
    task = Multilabel(ignore_class=ignored, from_logits=False)
    macro, micro, each = reference(y, PROBA, MISSING, weight)
    ours = assessed(task, y_true, PROBA, [*macro], sample_weight=weight)
    for name, value in macro.items():
        assert_same(ours.values[name], value)
    assert not ours.undefined
    ours = assessed(task, y_true, PROBA, list(micro), average="micro", sample_weight=weight)
    for name, value in micro.items():
        assert_same(ours.values[name], value)
    per_label = assessed(task, y_true, PROBA, ["f1", "auc"], average=None, sample_weight=weight)
    assert_same(per_label.values["f1"], [values["f1"] for values in each])
    assert_same(per_label.values["auc"], [values["auc"] for values in each])


def test_several_values_are_left_out():
    y = labels()
    y_true = np.where(MISSING, np.where(PROBA > 0.3, -1, 9), y)
    macro, _, _ = reference(y, PROBA, MISSING, None)
    assert_same(assessed(Multilabel(ignore_class=[-1, 9]), y_true, PROBA, "f1").values["f1"], macro["f1"])


def test_the_table_of_each_label_counts_its_own_rows():
    y_true = [[1, -1], [0, 1], [-1, -1], [1, 0]]
    tally = read(Multilabel(ignore_class=-1), y_true, [[0.9, 0.9], [0.9, 0.2], [0.9, 0.9], [0.1, 0.1]])
    assert tally.label_tables.tolist() == [[[0, 1], [1, 1]], [[1, 0], [1, 0]]]
    assert len(tally) == 3


def test_outputs_may_be_anything_where_the_target_is_left_out():
    p = np.where(MISSING, np.nan, PROBA)
    ours = assessed(Multilabel(ignore_class=-1), np.where(MISSING, -1, labels()), p, ["f1", "auc"])
    assert not ours.undefined


def test_a_label_without_rows_is_undefined():
    y_true = [[1, -1], [0, -1], [1, -1]]
    ours = assessed(Multilabel(ignore_class=-1), y_true, np.full((3, 2), 0.6), ["f1"], average=None)
    assert "class 1 is neither true nor predicted" in ours.undefined["f1"]


def test_without_any_row_nothing_is_scored():
    ours = assessed(Multilabel(ignore_class=-1), np.full((3, 2), -1), np.full((3, 2), 0.6))
    assert set(ours.undefined.values()) == {"no row is left to score"}


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("ignored", [NAN, -9.0])
def test_each_column_of_a_regression_is_scored_on_its_own_rows(ignored, weights):
    weight, y = WEIGHTS[weights], PROBA + RNG.normal(size=(N, 4))
    functions = {
        "r2": sk.r2_score,
        "neg_mean_absolute_error": lambda *rows, **w: -sk.mean_absolute_error(*rows, **w),
        "neg_root_mean_squared_error": lambda *rows, **w: -sk.root_mean_squared_error(*rows, **w),
        "own": sk.median_absolute_error,
    }
    scoring = {name: sk.median_absolute_error if name == "own" else name for name in functions}
    y_true = np.where(MISSING, ignored, y)
    ours = assessed(Regression(ignore_class=ignored), y_true, PROBA, scoring, sample_weight=weight)
    for name, function in functions.items():
        values = []
        for k in range(4):
            rows = ~MISSING[:, k]
            w = None if weight is None else np.broadcast_to(weight.reshape(N, -1), (N, 4))[rows, k]
            values.append(function(y[rows, k], PROBA[rows, k], sample_weight=w))
        assert_same(ours.values[name], np.mean(values))


def test_a_regression_of_one_column_has_every_score():
    y = np.where(MISSING[:, 0], np.nan, PROBA[:, 1])
    ours = assessed(Regression(ignore_class=NAN), y, PROBA[:, :1], ["neg_max_error", "r2"])
    kept = ~MISSING[:, 0]
    assert_same(ours.values["r2"], sk.r2_score(y[kept], PROBA[kept, 0]))
    assert_same(ours.values["neg_max_error"], -sk.max_error(y[kept], PROBA[kept, 0]))


def test_a_column_of_a_regression_without_rows_is_undefined():
    y_true = [[1.0, NAN], [2.0, NAN], [3.0, NAN]]
    ours = assessed(Regression(ignore_class=NAN), y_true, np.ones((3, 2)), ["r2"])
    assert ours.undefined["r2"] == "column 1: no row is left to score"


def own_f1(y_true, y_pred):
    return sk.f1_score(y_true, y_pred, average="macro")


@pytest.mark.parametrize(
    ("task", "scoring", "average", "refused"),
    [
        (Multilabel(ignore_class=-1), ["f1", "accuracy"], "auto", r"accuracy .*scoring=\['f1'\]"),
        (Multilabel(ignore_class=-1), own_f1, "auto", "own_f1"),
        (Multilabel(ignore_class=-1), ["neg_log_loss"], "auto", r"neg_log_loss.*scoring=\['f1'\]"),
        (Multilabel(ignore_class=-1), None, "samples", "f1, precision, recall, auc"),
        (Regression(ignore_class=-1), ["r2", "neg_max_error"], "auto", r"neg_max_error .*scoring=\['r2'\]"),
    ],
)
def test_scores_of_whole_rows_are_refused(task, scoring, average, refused):
    model = echo_model(4, lambda y_true, y_pred: keras.ops.mean(y_pred, axis=-1))
    metrics = Metrics(scoring, task=task, average=average, verbose=False)
    with pytest.raises(ValueError, match=refused):
        metrics.evaluate(model, (PROBA, np.where(MISSING, -1, labels()).astype("float32")))


# Through fit, with a loss of the user's own.


def masked(y_true, y_pred):
    """Squared error of the elements that have a target."""
    present = keras.ops.logical_not(keras.ops.isnan(y_true))
    error = keras.ops.square(y_pred - keras.ops.where(present, y_true, 0.0))
    return keras.ops.where(present, error, 0.0)


@pytest.mark.parametrize("memory", ["exact", "bounded"])
@pytest.mark.parametrize("weights", WEIGHTS)
def test_fit_with_missing_labels(memory, weights):
    weight, y = WEIGHTS[weights], labels()
    y_true = np.where(MISSING, NAN, y).astype("float32")
    model = echo_model(4, masked)
    metrics = Metrics(["f1", "auc"], task=Multilabel(ignore_class=NAN, from_logits=False), memory=memory, verbose=False)
    data = (PROBA, y_true) if weight is None else (PROBA, y_true, weight.astype("float32"))
    if weights == "weights per row":  # what a loss per element multiplies
        data = (PROBA, y_true, weight.astype("float32")[:, None])
    run = model.fit(PROBA, y_true, validation_data=data, batch_size=30, verbose=0, callbacks=[metrics])
    used = None if weight is None else weight.astype("float32").astype("float64")
    macro, _, _ = reference(y, PROBA, MISSING, used)
    assert_same(run.history["val_f1"], [macro["f1"]])
    if memory == "exact":
        assert_same(metrics.auc, [macro["auc"]])
    else:
        low, high = metrics.history.bounds["auc"][0]
        assert low - 1e-12 <= macro["auc"] <= high + 1e-12


def test_keras_own_loss_takes_no_weights_per_element():
    model = echo_model(4)
    y, x = labels().astype("float32")[:8], PROBA[:8]
    metrics = Metrics(["f1"], verbose=False)
    data = (x[:4], y[:4], np.ones((4, 4), "float32"))  # as many rows as columns: Keras multiplies without an error
    with pytest.raises(DataError, match=r"binary_crossentropy takes one sample weight per row.*validation_data=\(x, y"):
        model.fit(x, y, validation_data=data, verbose=0, callbacks=[metrics])
    assert metrics.evaluate(model, data)["f1"] == sk.f1_score(y[:4], x[:4] > 0.5, average="macro", zero_division=0)


def test_missing_targets_without_a_word_are_an_error_that_names_the_task():
    y_true = np.where(MISSING, NAN, labels()).astype("float32")
    with pytest.raises(DataError, match=r"targets are NaN.*task=Multilabel\(ignore_class=float\('nan'\)\)"):
        Metrics().evaluate(echo_model(4, masked), (PROBA, y_true))


class Unmasked(keras.layers.Layer):
    """A layer after which there is no mask."""

    def __init__(self):
        super().__init__()
        self.supports_masking = True

    def call(self, inputs):
        return inputs + 0.0

    def compute_mask(self, inputs, previous_mask):
        return None


def test_padding_that_the_model_hides_is_told_once(capsys):
    inputs = keras.Input((5,))
    hidden = keras.layers.Embedding(7, 3, mask_zero=True, name="words")(inputs)
    outputs = keras.layers.Reshape((5, 2))(keras.layers.Dense(10)(keras.layers.Flatten()(Unmasked()(hidden))))
    model = keras.Model(inputs, keras.layers.Softmax()(outputs))
    model.compile("sgd", "sparse_categorical_crossentropy")
    x = np.array([[1, 2, 3, 0, 0], [4, 5, 0, 0, 0]])
    y = np.array([[1, 0, 1, 0, 0], [0, 1, 0, 0, 0]])
    metrics = Metrics(["f1"], verbose=True)
    model.fit(x, y, validation_data=(x, y), epochs=2, verbose=0, callbacks=[metrics])
    told = capsys.readouterr().out
    assert told.count("All positions are scored, because the mask of layer 'words' does not reach the output") == 1
    assert metrics.history.settings["task"].count("All positions are scored") == 1


def test_a_score_of_whole_predictions_takes_elements_too():
    def present(predictions):
        return float((predictions.y_true != -1).sum())

    y_true = np.where(MISSING, -1, labels()).astype("float32")
    metrics = Metrics([make_prediction_scorer(present)], task=Multilabel(ignore_class=-1), verbose=False)
    assert dict(metrics.evaluate(echo_model(4), (PROBA, y_true))) == {"present": float((~MISSING).sum())}


def test_elements_are_left_out_by_their_value_and_by_their_weight():
    weight = np.array([[1.0, 2.0], [0.0, 3.0], [4.0, 0.0]])
    rows = read(Multilabel(ignore_class=-1), [[1, -1], [9, 0], [0, 1]], np.full((3, 2), 0.5), sample_weight=weight)
    assert rows.labeled.present.tolist() == [[True, False], [False, True], [True, True]]
    assert rows.sample_weight.tolist() == [[1, 0], [0, 3], [4, 0]]
