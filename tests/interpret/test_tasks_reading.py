"""Outputs and targets as each task reads them: rows, labels, scores, weights."""

import functools

import keras
import ml_dtypes
import numpy as np
import pytest

from kerascb_metrics import Binary, DataError, Multiclass, Multilabel, Ordinal, Regression, _blocks
from kerascb_metrics.collect.label_rule import LabelRule
from kerascb_metrics.interpret.infer_task import infer_task
from kerascb_metrics.interpret.losses import read_loss
from tests.support.arrays import assert_same, read, rows_of

BCE, SPARSE = "binary_crossentropy", "sparse_categorical_crossentropy"
BCE_LOGITS = keras.losses.BinaryCrossentropy(from_logits=True)
SPARSE_LOGITS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
P = np.array([0.2, 0.5, 0.6, 0.9], "float32")
Y = np.array([0, 1, 0, 1])
C3 = np.array([[0.2, 0.5, 0.3], [0.4, 0.4, 0.2], [0.1, 0.2, 0.7], [0.3, 0.3, 0.4]], "float32")
Y3 = np.array([1, 1, 2, 0])


def softmax(z):
    z = np.exp(z.astype("float64"))
    return z / z.sum(axis=-1, keepdims=True)


# Binary.


@pytest.mark.parametrize("y_true", [Y, Y[:, None], Y.astype("float32"), Y.astype(bool), Y.astype("uint8")], ids=str)
@pytest.mark.parametrize("y_pred", [P, P[:, None]], ids=["(N,)", "(N, 1)"])
def test_binary_probabilities(y_true, y_pred):
    tally = read(Binary(), y_true, y_pred, BCE)
    assert tally.y_true.tolist() == [0, 1, 0, 1]
    assert tally.y_pred.tolist() == [0, 0, 1, 1]  # exactly 0.5 is class 0, as in np.round
    assert tally.y_score.tolist() == P.tolist()
    assert (tally.scale, tally.class_names, tally.pos_index) == ("probability", ("0", "1"), 1)
    assert_same(tally.y_proba, np.stack([1 - P, P], axis=1))


@pytest.mark.parametrize("loss", [BCE_LOGITS, functools.partial(keras.losses.binary_crossentropy, from_logits=True)])
def test_binary_logits(loss):
    z = np.array([-2, 0, 0.001, 3], "float32")
    tally = read(Binary(), Y, z[:, None], loss)
    assert tally.y_pred.tolist() == [0, 0, 1, 1]
    assert tally.y_score.tolist() == z.tolist()
    assert_same(tally.y_proba[:, 1], 1 / (1 + np.exp(-z.astype("float64"))))


def test_from_logits_of_the_task_comes_before_the_loss():
    z = np.array([[-2.0], [0.2], [0.4], [3.0]])
    assert read(Binary(from_logits=True), Y, z, BCE).y_pred.tolist() == [0, 1, 1, 1]
    assert read(Binary(from_logits=False), Y, P, BCE_LOGITS).y_pred.tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize("threshold", [0.3, np.float64(0.3), np.float32(0.3)], ids=lambda t: type(t).__name__)
def test_only_greater_probabilities_pass_a_threshold(threshold):
    p = np.array([0.29, 0.3, np.nextafter(np.float32(0.3), np.float32(1)), 0.5], "float32")
    assert read(Binary(threshold=threshold), Y, p, BCE).y_pred.tolist() == [0, 0, 1, 1]


def test_a_threshold_is_a_probability_even_if_outputs_are_logits():
    z = np.log([[0.2 / 0.8], [0.29 / 0.71], [0.31 / 0.69], [0.9 / 0.1]]).astype("float32")
    assert read(Binary(threshold=0.3), Y, z, BCE_LOGITS).y_pred.tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize("loss", ["hinge", "squared_hinge", keras.losses.Hinge()])
@pytest.mark.parametrize("lowest", [-1, 0])
def test_the_default_threshold_of_hinge_margins_is_zero(loss, lowest):
    margins = np.array([[-1.5], [0.0], [0.1], [2.0]])
    tally = read(Binary(), np.where(Y, 1, lowest), margins, loss)
    assert tally.y_pred.tolist() == [0, 0, 1, 1]
    assert tally.y_true.tolist() == Y.tolist()
    assert tally.classes.tolist() == [lowest, 1]
    assert tally.y_score.tolist() == margins[:, 0].tolist()
    assert tally.y_proba is None
    assert read(Binary(threshold=0.5), Y, margins, loss).y_pred.tolist() == [0, 0, 0, 1]


@pytest.mark.parametrize("y_true", [Y, Y[:, None], np.eye(2)[Y], np.eye(2, dtype=bool)[Y]], ids=str)
def test_two_columns_are_binary_with_class_one_positive(y_true):
    tally = read(Binary(), y_true, np.stack([1 - P, P], axis=1), "categorical_crossentropy")
    assert tally.y_true.tolist() == Y.tolist()
    assert tally.y_pred.tolist() == [0, 0, 1, 1]
    assert tally.y_score.tolist() == P.tolist()
    thresholded = read(Binary(threshold=0.7), y_true, np.stack([1 - P, P], axis=1), "categorical_crossentropy")
    assert thresholded.y_pred.tolist() == [0, 0, 0, 1]


def test_two_columns_of_logits_are_ranked_by_their_difference():
    z = np.array([[3, 1], [1, 1], [-1, 2], [0, 0.5]], "float32")
    tally = read(Binary(), Y, z, SPARSE_LOGITS)
    assert tally.y_score.tolist() == [-2, 0, 3, 0.5]
    assert tally.y_pred.tolist() == [0, 0, 1, 1]
    assert_same(tally.y_proba, softmax(z))


def test_pos_label_zero_and_class_names():
    tally = read(Binary(pos_label=0, class_names=["dog", "cat"]), Y, P, BCE)
    assert (tally.pos_index, tally.class_names) == (0, ("dog", "cat"))
    assert read(Binary(pos_label=-1), [-1, 1, 1, -1], P, BCE).pos_index == 0
    only = read(Binary(pos_label=-1), [1, 1, 1, 1], P, BCE)
    assert (only.pos_index, only.classes.tolist(), only.y_true.tolist()) == (0, [-1, 1], [1, 1, 1, 1])


# Multiclass.


@pytest.mark.parametrize(
    "y_true",
    [Y3, Y3[:, None], Y3.astype("float32"), Y3.astype("uint8"), np.eye(3)[Y3], np.eye(3, dtype=bool)[Y3]],
    ids=str,
)
def test_the_multiclass_label_is_the_first_highest_column(y_true):
    tally = read(Multiclass(), y_true, C3, SPARSE)
    assert tally.y_true.tolist() == [1, 1, 2, 0]
    assert tally.y_pred.tolist() == [1, 0, 2, 2]
    assert_same(tally.y_score, C3)
    assert (tally.scale, tally.class_names) == ("probability", ("0", "1", "2"))


def test_multiclass_logits_are_ranked_by_their_softmax_in_float64():
    z = np.array([[3, 1, 0], [30, 1, 29], [-1, -2, -9], [0, 0, 5]], "float32")
    tally = read(Multiclass(), Y3, z, SPARSE_LOGITS)
    assert tally.y_pred.tolist() == [0, 0, 0, 2]
    assert tally.y_score.dtype == np.float64
    assert_same(tally.y_score, softmax(z))
    assert_same(tally.y_proba, softmax(z))


def test_categorical_hinge_has_labels_but_no_probabilities():
    tally = read(Multiclass(), np.eye(3)[Y3], 4 * C3 - 2, "categorical_hinge")
    assert tally.y_pred.tolist() == [1, 0, 2, 2]
    assert tally.y_proba is None


@pytest.mark.parametrize("labels", [(7, -3, 100), [7, -3, 100], np.array([7, -3, 100])], ids=str)
@pytest.mark.parametrize("one_hot", [False, True])
def test_the_columns_may_have_custom_labels(labels, one_hot):
    y_true = np.eye(3)[Y3] if one_hot else np.array([-3, -3, 100, 7])
    tally = read(Multiclass(labels=labels), y_true, C3, SPARSE)
    assert tally.y_true.tolist() == [1, 1, 2, 0]
    assert tally.class_names == ("7", "-3", "100")
    assert [labels.tolist() for labels in tally.labels] == [[-3, -3, 100, 7], [-3, 7, 100, 100]]


def test_one_hot_targets_mean_columns_not_labels():
    tally = read(Multiclass(labels=[2, 0, 1]), np.eye(3)[Y3], np.eye(3)[Y3], "categorical_crossentropy")
    assert tally.y_true.tolist() == tally.y_pred.tolist() == [1, 1, 2, 0]
    assert tally.labels[0].tolist() == [0, 0, 1, 2]


def test_labels_and_class_names_together():
    tally = read(Multiclass(labels=[7, -3, 100], class_names=["a", "b", "c"]), [7, 7, 100, -3], C3, SPARSE)
    assert tally.class_names == ("a", "b", "c")
    assert tally.classes.tolist() == [7, -3, 100]


@pytest.mark.parametrize(("ignored", "dtype"), [(-1, "int32"), (255, "uint8"), (-1, "float32")])
def test_ignore_class_drops_the_rows_and_their_weights(ignored, dtype):
    y_true = np.array([1, ignored, 2, 1]).astype(dtype)
    loss = keras.losses.SparseCategoricalCrossentropy(ignore_class=ignored)
    tally = read(Multiclass(), y_true, C3, loss, sample_weight=[1.0, 2.0, 3.0, 4.0])
    assert tally.labels[0].tolist() == [1, 2, 1]
    assert tally.y_pred.tolist() == [1, 2, 2]
    assert tally.y_score.tolist() == C3[[0, 2, 3]].tolist()
    assert tally.sample_weight.tolist() == [1, 3, 4]


def test_ignoring_the_class_of_a_column_drops_the_column():
    loss = keras.losses.SparseCategoricalCrossentropy(ignore_class=0)
    tally = read(Multiclass(), np.array([1, 0, 2, 1]), C3, loss, sample_weight=[1.0, 2.0, 3.0, 4.0])
    assert tally.labels[0].tolist() == [1, 2, 1]
    assert tally.labels[1].tolist() == (1 + C3[[0, 2, 3], 1:].argmax(axis=1)).tolist()
    assert tally.classes.tolist() == [1, 2]
    assert tally.sample_weight.tolist() == [1, 3, 4]


# Multilabel.


def test_multilabel_probabilities_and_thresholds():
    p = np.array([[0.5, 0.51, 0.1], [0.3, 0.2, 0.9]], "float32")
    y = np.array([[1, 1, 0], [0, 0, 1]])
    tally = read(Multilabel(), y, p, BCE)
    assert tally.y_true.tolist() == y.tolist()
    assert tally.y_pred.tolist() == [[0, 1, 0], [0, 0, 1]]
    assert_same(tally.y_score, p)
    assert_same(tally.y_proba, p)
    assert read(Multilabel(threshold=0.3), y, p, BCE).y_pred.tolist() == [[1, 1, 0], [0, 0, 1]]
    assert read(Multilabel(threshold=[0.5, 0.1, 0.95]), y, p, BCE).y_pred.tolist() == [[0, 1, 0], [0, 1, 0]]
    assert read(Multilabel(class_names="abc"), y, p, BCE).class_names == ("a", "b", "c")


def test_multilabel_logits():
    p = np.array([[0.45, 0.51, 0.1], [0.31, 0.2, 0.9]])
    tally = read(Multilabel(threshold=[0.5, 0.1, 0.3]), p > 0.5, np.log(p / (1 - p)), BCE_LOGITS)
    assert tally.y_pred.tolist() == [[0, 1, 0], [0, 1, 1]]
    assert_same(tally.y_proba, p)


@pytest.mark.parametrize("lowest", [0, -1])
def test_the_default_threshold_of_multilabel_hinge_margins_is_zero(lowest):
    y = np.array([[1, 1, 0], [0, 0, 1]])
    tally = read(Multilabel(), np.where(y, 1, lowest), [[0.1, 2, -1], [0.0, -0.5, 0.4]], "hinge")
    assert tally.y_true.tolist() == y.tolist()
    assert tally.y_pred.tolist() == [[1, 1, 0], [0, 0, 1]]


# Regression.


@pytest.mark.parametrize("targets", [(4,), (4, 1)])
@pytest.mark.parametrize("outputs", [(4,), (4, 1)])
def test_regression_outputs_are_compared_as_they_are(targets, outputs):
    tally = read(Regression(), np.reshape([1.5, -2, 0, 3], targets), np.reshape([1, -2, 0.5, 3], outputs))
    assert tally.y_true.tolist() == [1.5, -2, 0, 3]
    assert tally.y_pred.tolist() == [1, -2, 0.5, 3]


def test_regression_with_several_columns():
    y = np.arange(8.0).reshape(4, 2)
    tally = read(Regression(), y, y + 0.5, "mse", sample_weight=[1, 2, 3, 4])
    assert tally.y_pred.tolist() == (y + 0.5).tolist()
    assert tally.sample_weight.tolist() == [1, 2, 3, 4]


# Half precision.


@pytest.mark.parametrize("dtype", ["float16", ml_dtypes.bfloat16])
def test_half_precision_outputs_are_widened_exactly(dtype):
    half = P.astype(dtype)
    tally = read(Binary(), Y.astype(dtype), half[:, None], BCE)
    assert tally.y_score.dtype in (np.float32, np.float64)
    assert tally.y_score.tolist() == half.astype("float64").tolist()
    assert tally.y_pred.tolist() == [0, 0, 1, 1]
    assert tally.y_true.tolist() == Y.tolist()
    many = read(Multiclass(), np.eye(3)[Y3].astype(dtype), C3.astype(dtype), SPARSE)
    assert (many.y_true.tolist(), many.y_pred.tolist()) == ([1, 1, 2, 0], [1, 0, 2, 2])
    several = read(Multilabel(threshold=0.3), np.eye(3)[Y3].astype(dtype), C3.astype(dtype), BCE)
    assert several.y_pred.tolist() == (C3.astype(dtype).astype("float64") > np.float32(0.3)).astype(int).tolist()
    real = read(Regression(), P.astype(dtype), half)
    assert real.y_pred.tolist() == real.y_true.tolist() == half.astype("float64").tolist()


def test_the_inferred_task_of_bfloat16_targets():
    rows = rows_of(Y.astype(ml_dtypes.bfloat16), P.astype(ml_dtypes.bfloat16))
    assert infer_task(rows, read_loss(None)) == Binary()


# Labels other than 0 and 1.


@pytest.mark.parametrize(
    ("pos_label", "y_true"),
    [
        ("yes", np.array(["yes", "no", "yes", "no"])),
        ("yes", np.array([b"yes", b"no", b"yes", b"no"], dtype=object)),  # as TensorFlow returns strings
        (7, np.array([7, 3, 7, 3])),
    ],
)
def test_a_positive_label_of_any_value(pos_label, y_true):
    tally = read(Binary(pos_label=pos_label), y_true, [0.9, 0.8, 0.2, 0.1], BCE)
    np.testing.assert_array_equal(tally.y_true, [1, 0, 1, 0])
    np.testing.assert_array_equal(tally.labels[1][:2], [pos_label, pos_label])
    assert tally.pos_index == 1


def test_only_the_positive_label_occurs():
    tally = read(Binary(pos_label=7), [7, 7], [0.9, 0.1], BCE)
    np.testing.assert_array_equal(tally.y_pred, [1, 0])


def test_a_positive_label_among_three_values_raises():
    with pytest.raises(DataError, match=r"pos_label=7\) the targets may have only one other value; received 1, 2"):
        read(Binary(pos_label=7), [7, 1, 2], [0.9, 0.1, 0.2], BCE)


def test_string_labels_of_columns():
    y_true = np.array([b"cat", b"eel", b"dog"], dtype=object)
    tally = read(Multiclass(labels=["cat", "dog", "eel"]), y_true, np.eye(3), "categorical_crossentropy")
    np.testing.assert_array_equal(tally.y_true, [0, 2, 1])
    assert tally.class_names == ("cat", "dog", "eel")


def test_labels_that_float32_rounds_are_those_of_float32_targets():
    y_true = np.array([0.2, 0.1, 0.7, 0.2], "float32")
    assert read(Multiclass(labels=[0.1, 0.2, 0.7]), y_true, C3, SPARSE).y_true.tolist() == [1, 0, 2, 1]


# Large arrays are read in blocks: what is wrong in one of them is seen, wherever it is.


@pytest.mark.parametrize("place", [0, 13, 29])
def test_every_block_is_read(place, monkeypatch):
    monkeypatch.setattr(_blocks, "BLOCK", 8)
    y, p = np.arange(30) % 2, np.linspace(0, 1, 30)
    columns = np.stack([1 - p, p], axis=1)
    assert read(Binary(), y, p).y_true.tolist() == y.tolist()
    assert read(Multiclass(), y, columns).y_pred.tolist() == columns.argmax(axis=1).tolist()
    assert read(Binary(soft_targets=True), columns, columns).y_true.tolist() == (p > 0.5).tolist()
    wrong = np.arange(30) == place
    for task, y_true, y_pred, message in [
        (Binary(), np.where(wrong, 9, y), p, "received 9"),
        (Binary(), y, np.where(wrong, 9, p), "range from 0 to 9" if place else "to 9"),
        (Binary(), y, np.where(wrong[:, None], 0.9, columns), "must add up to 1"),
        (Binary(soft_targets=True), np.where(wrong[:, None], 0.9, columns), columns, "must add up to 1"),
    ]:
        with pytest.raises(DataError, match=message):
            read(task, y_true, y_pred)
    assert read(Binary(), y, np.where(wrong, np.nan, p)).undefined == "1 of 30 outputs are NaN or infinite"


# What the device may label by itself: only where its labels are those of the task.

MOST = 1 + 1e-6  # a mean of probabilities may be rounded to slightly more than 1
HINGE = "hinge"


@pytest.mark.parametrize(
    ("task", "columns", "loss", "rule"),
    [
        (Binary(), 1, BCE, LabelRule(None, (0.5,), MOST)),
        (Binary(threshold=0.3), 1, BCE, LabelRule(None, (0.3,), MOST)),
        (Binary(), 1, BCE_LOGITS, LabelRule(None, (0.0,))),
        (Binary(), 1, HINGE, LabelRule(None, (0.0,))),
        (Binary(threshold="f1"), 1, BCE, None),
        (Binary(threshold=0.3), 2, SPARSE, LabelRule(2, (0.3,), MOST)),
        (Binary(), 2, SPARSE_LOGITS, LabelRule(2)),
        (Binary(threshold=0.3), 2, SPARSE_LOGITS, None),
        (Binary(from_logits=False), 2, SPARSE, LabelRule(2, (0.5,), MOST)),
        (Binary(threshold=0.3, from_logits=False), 2, SPARSE, None),
        (Multiclass(), 3, SPARSE, LabelRule(3, highest=MOST)),
        (Multiclass(), 3, SPARSE_LOGITS, LabelRule(3)),
        (Multiclass(), 1, SPARSE, None),
        (Multiclass(labels=[5, 6]), 3, SPARSE, None),
        (Multiclass(labels=[5, 6, 7]), 3, SPARSE, LabelRule(3, highest=MOST)),
        (Multiclass(ignore_class=3), 3, SPARSE, LabelRule(3, highest=MOST)),
        (Multiclass(ignore_class=0), 3, SPARSE, None),
        (Multiclass(ignore_class=2), 3, SPARSE, None),
        (Multiclass(ignore_class=2.001), 3, SPARSE, None),  # in half precision it is 2
        (Multiclass(labels=[5, 6, 7], ignore_class=6), 3, SPARSE, None),
        (Multiclass(labels=[5, 6, 7], ignore_class=2), 3, SPARSE, LabelRule(3, highest=MOST)),
        (Multiclass(labels=["a", "b"], ignore_class="b"), 2, SPARSE, None),
        (Multiclass(labels=["a", "b"], ignore_class="?"), 2, SPARSE, LabelRule(2, highest=MOST)),
        (Ordinal(labels=[5, 6, 7], ignore_class=6), 3, SPARSE, None),
        (Ordinal(labels=[5, 6, 7], ignore_class=2), 3, SPARSE, LabelRule(3, highest=MOST)),
        (Ordinal(), 3, SPARSE, LabelRule(3, highest=MOST)),
        (Ordinal(labels=[5, 6, 7]), 1, "mse", None),
        (Multilabel(), 3, BCE, LabelRule(None, (0.5,), MOST)),
        (Multilabel(threshold=[0.25, 0.5, 0.75]), 3, BCE, LabelRule(None, (0.25, 0.5, 0.75), MOST)),
        (Multilabel(threshold=[0.5, 0.5, 0.5]), 3, BCE_LOGITS, LabelRule(None, (0.0, 0.0, 0.0))),
        (Multilabel(threshold="f1"), 3, BCE, None),
        (Regression(), 1, "mse", None),
    ],
)
def test_what_the_device_may_label(task, columns, loss, rule):
    assert task.label_rule(columns, read_loss(loss)) == rule
