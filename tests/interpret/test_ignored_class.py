"""The class that the loss ignores is left out of rows, classes, labels, matrix, averages and columns."""

from functools import cache

import keras
import numpy as np
import pytest
from scipy.special import softmax
from sklearn import metrics as sk

from kerascb_metrics import Binary, Metrics, Multiclass
from kerascb_metrics.exceptions import DataError
from kerascb_metrics.interpret.losses import LossReading, read_loss
from tests.support.arrays import assert_same, assessed, read
from tests.support.models import Batches, echo_model

N = 80
RNG = np.random.default_rng(3)
LOGITS = RNG.normal(size=(N, 4)).astype("float32") * 2
WEIGHT = RNG.random(N) + 0.1
# The ignored value → whether it is one of four columns.
VALUES = {-1: False, 255: False, 4: False, 0: True, 2: True, 3: True}


def targets(columns, ignored, rng=RNG):
    """Class numbers; a third of them is the ignored one."""
    classes = [c for c in range(columns) if c != ignored]
    return np.where(rng.random(N) < 1 / 3, ignored, rng.choice(classes, N))


def outputs(columns, logits):
    z = LOGITS[:, :columns]
    return z if logits else softmax(z, axis=1)


def sparse(ignored, logits=False):
    return keras.losses.SparseCategoricalCrossentropy(from_logits=logits, ignore_class=ignored)


def left(y, p, ignored, logits):
    """Rows, classes, float64 probabilities that add up to 1 and predicted classes for scikit-learn."""
    keep = y != ignored
    columns = [c for c in range(p.shape[1]) if c != ignored]
    z = p[keep][:, columns].astype("float64")
    proba = softmax(z, axis=1) if logits else z / z.sum(axis=1, keepdims=True)
    if len(columns) == p.shape[1]:
        proba = softmax(z, axis=1) if logits else p[keep]
    return y[keep], np.array(columns), proba, np.array(columns)[z.argmax(axis=1)], keep


def expected(y, classes, proba, y_pred, weight=None):
    own = {"sample_weight": weight}
    ratio = {"average": "macro", "labels": classes, "zero_division": 0.0, **own}
    hot = (y[:, None] == classes).astype(int)
    areas = [sk.roc_auc_score(hot[:, k], proba[:, k], **own) for k in range(len(classes))]
    precisions = [sk.average_precision_score(hot[:, k], proba[:, k], **own) for k in range(len(classes))]
    return {
        "f1": sk.f1_score(y, y_pred, **ratio),
        "precision": sk.precision_score(y, y_pred, **ratio),
        "recall": sk.recall_score(y, y_pred, **ratio),
        "kappa": sk.cohen_kappa_score(y, y_pred, **own),
        "auc": np.mean(areas),
        "confusion": sk.confusion_matrix(y, y_pred, labels=classes, **own),
        "accuracy": sk.accuracy_score(y, y_pred, **own),
        "balanced_accuracy": sk.balanced_accuracy_score(y, y_pred, **own),
        "average_precision": np.mean(precisions),
        "neg_log_loss": -sk.log_loss(y, proba, labels=classes, **own),
        "roc_auc_ovr": sk.roc_auc_score(y, proba, multi_class="ovr", labels=classes, **own),
        "top_k_accuracy": sk.top_k_accuracy_score(y, proba, labels=classes, **own),
    }


@pytest.mark.parametrize("logits", [False, True], ids=["probabilities", "logits"])
@pytest.mark.parametrize("weighted", [False, True], ids=["", "weights"])
@pytest.mark.parametrize("ignored", VALUES)
def test_four_classes(ignored, weighted, logits):
    y, p = targets(4, ignored), outputs(4, logits)
    y_true, classes, proba, y_pred, keep = left(y, p, ignored, logits)
    weight = WEIGHT if weighted else None
    theirs = expected(y_true, classes, proba, y_pred, None if weight is None else weight[keep])
    ours = assessed(Multiclass(), y, p, list(theirs), loss=sparse(ignored, logits), sample_weight=weight)
    assert not ours.undefined
    for name, value in theirs.items():
        assert_same(ours.values[name], value)
    assert list(ours.records[None].class_names) == [str(c) for c in classes]
    assert list(ours.records[None].curves) == [str(c) for c in classes]


@pytest.mark.parametrize("logits", [False, True], ids=["probabilities", "logits"])
@pytest.mark.parametrize("ignored", [0, 1, 2])
def test_two_classes_left_of_three_stay_multiclass(ignored, logits):
    y, p = targets(3, ignored), outputs(3, logits)
    y_true, classes, proba, y_pred, _ = left(y, p, ignored, logits)
    greater = (y_true == classes[1]).astype(int)
    ours = assessed(
        Multiclass(), y, p, ["f1", "auc", "confusion", "roc_auc", "neg_brier_score"], loss=sparse(ignored, logits)
    )
    assert_same(ours.values["f1"], sk.f1_score(y_true, y_pred, average="macro"))
    assert_same(ours.values["confusion"], sk.confusion_matrix(y_true, y_pred, labels=classes))
    assert_same(ours.values["auc"], sk.roc_auc_score(greater, proba[:, 1]))
    assert_same(ours.values["roc_auc"], sk.roc_auc_score(greater, proba[:, 1]))
    assert_same(ours.values["neg_brier_score"], -sk.brier_score_loss(greater, proba[:, 1]))


@pytest.mark.parametrize("logits", [False, True], ids=["probabilities", "logits"])
@pytest.mark.parametrize(
    ("ignored", "dtype"), [(-1, "int64"), (-1, "float32"), (255, "uint8"), (255, "float32"), (2, "int64")]
)
def test_two_columns(ignored, dtype, logits):
    y, p = targets(2, ignored).astype(dtype), outputs(2, logits)
    keep = y != ignored
    score = p[keep, 1].astype("float64") - p[keep, 0] if logits else p[keep, 1]
    y_pred = score > (0 if logits else 0.5)
    ours = assessed(Binary(), y, p, loss=sparse(ignored, logits), sample_weight=WEIGHT)
    own = {"sample_weight": WEIGHT[keep]}
    assert_same(ours.values["f1"], sk.f1_score(y[keep], y_pred, **own))
    assert_same(ours.values["kappa"], sk.cohen_kappa_score(y[keep], y_pred, **own))
    assert_same(ours.values["auc"], sk.roc_auc_score(y[keep], score, **own))
    assert_same(ours.values["confusion"], sk.confusion_matrix(y[keep], y_pred, **own))
    assert ours.records[None].class_names == ("0", "1")


@pytest.mark.parametrize("others", [[1], [0, 1]])
def test_minus_one_is_not_a_label_if_it_is_ignored(others):
    y = np.array([-1, *others, -1, *others])
    p = np.linspace(0.1, 0.9, len(y))
    tally = read(Binary(), y, np.column_stack([1 - p, p]), sparse(-1))
    assert tally.classes.tolist() == [0, 1]
    assert tally.labels[0].tolist() == y[y != -1].tolist()


def test_one_column_with_a_loss_that_ignores_a_value():
    loss = LossReading("own", ignore_class=9)
    tally = read(Binary(), [0, 9, 1], [[0.2], [0.9], [0.7]], loss)
    assert (tally.labels[0].tolist(), tally.y_pred.tolist()) == ([0, 1], [False, True])


@pytest.mark.parametrize(("task", "ignored"), [(Binary(), 0), (Binary(), 1), (Multiclass(), 0), (Multiclass(), 1)])
def test_ignoring_one_of_two_classes_raises(task, ignored):
    with pytest.raises(DataError, match=rf"class {ignored} is ignored, and the one class.*ignore_class=-1"):
        read(task, np.array([0, 1]), np.full((2, 2), 0.5), sparse(ignored))


def test_one_hot_rows_and_custom_labels():
    p = outputs(4, False)
    y = targets(4, 2)
    hot = read(Multiclass(), np.eye(4)[y], p, LossReading("own", ignore_class=2))
    numbers = read(Multiclass(), y, p, sparse(2))
    assert hot.labels[0].tolist() == numbers.labels[0].tolist()
    own = read(Multiclass(labels=[7, 5, 2, 9]), np.array([7, 5, 2, 9])[y], p, LossReading("own", ignore_class=2))
    assert own.classes.tolist() == [7, 5, 9]
    assert own.y_true.tolist() == numbers.y_true.tolist()


def test_class_names_are_given_for_all_columns():
    y, p = targets(4, 1), outputs(4, False)
    ours = assessed(Multiclass(class_names=["a", "void", "c", "d"]), y, p, "f1", average=None, loss=sparse(1))
    assert set(ours.entries) == {"f1_a", "f1_c", "f1_d"}
    assert ours.records[None].class_names == ("a", "c", "d")
    with pytest.raises(DataError, match="4 classes; received 3 class_names"):
        read(Multiclass(class_names=["a", "c", "d"]), y, p, sparse(1))


def test_other_columns_are_equal_if_the_ignored_one_has_all_probability():
    tally = read(Multiclass(), [1, 2], [[1.0, 0.0, 0.0], [0.5, 0.0, 0.5]], sparse(0))
    assert tally.y_proba.tolist() == [[0.5, 0.5], [0.0, 1.0]]
    assert tally.y_pred.tolist() == [0, 1]


# Through fit: rows that are kept, and rows that are only counted.


def positions(y, p):
    """Rows as sequences (10, 8), targets as Keras's loss takes them."""
    return p.reshape(10, 8, -1), y.reshape(10, 8)


@cache
def model_of_sequences(columns, ignored):
    """Returns its input; both values of `memory` share it, because it never changes."""
    inputs = keras.Input((8, columns))
    same = keras.layers.Dense(columns, use_bias=False, kernel_initializer="identity")
    model = keras.Model(inputs, same(inputs))
    model.compile(keras.optimizers.SGD(0.0), sparse(ignored, True))
    return model


@pytest.mark.parametrize("memory", ["exact", "bounded"])
@pytest.mark.parametrize(("columns", "ignored"), [(4, -1), (4, 255), (4, 0), (4, 3), (3, 1), (2, -1), (2, 255)])
def test_fit(columns, ignored, memory):
    y, p = targets(columns, ignored), outputs(columns, True)
    x, y_seq = positions(y, p)
    metrics = Metrics(memory=memory, verbose=False)
    fit = {"validation_data": (x, y_seq), "epochs": 1, "verbose": 0, "callbacks": [metrics]}
    model_of_sequences(columns, ignored).fit(x, y_seq, **fit)
    y_true, classes, proba, y_pred, keep = left(y, p, ignored, True)
    if columns == 2:
        z = p[keep].astype("float64")
        theirs = {"f1": sk.f1_score(y_true, y_pred), "auc": sk.roc_auc_score(y_true, z[:, 1] - z[:, 0])}
    else:
        theirs = {
            "f1": sk.f1_score(y_true, y_pred, average="macro"),
            "auc": np.mean([sk.roc_auc_score(y_true == c, proba[:, k]) for k, c in enumerate(classes)]),
        }
    assert_same(metrics.f1s, [theirs["f1"]])
    assert_same(metrics.confusion[-1], sk.confusion_matrix(y_true, y_pred, labels=classes))
    if memory == "exact":
        assert_same(metrics.auc, [theirs["auc"]])
    else:
        low, high = metrics.history.bounds["auc"][-1]
        assert low - 1e-12 <= theirs["auc"] <= high + 1e-12
    assert np.isfinite(metrics.auc[-1])


def test_ignoring_one_of_two_classes_raises_in_the_first_epoch():
    model = echo_model(2, sparse(1))
    x = softmax(LOGITS[:8, :2], axis=1)
    y = np.array([0, 1] * 4)
    with pytest.raises(DataError, match="class 1 is ignored, and the one class that is left"):
        model.fit(x, y, validation_data=Batches([(x, y)]), epochs=1, verbose=0, callbacks=[Metrics(verbose=False)])


def test_a_third_target_value_may_be_ignored_with_a_custom_pos_label():
    y, p = np.array([0, 1, 2, 2, 1, 0]), np.array([0.9, 0.2, 0.8, 0.4, 0.6, 0.1])
    tally = read(Binary(pos_label=2), y, p, LossReading("own", ignore_class=0))
    assert tally.labels[0].tolist() == [1, 2, 2, 1]
    assert tally.labels[1].tolist() == [1, 2, 1, 2]


class Own(keras.losses.Loss):
    """A custom loss with an option of the name that Keras uses."""

    def __init__(self, ignore_class):
        super().__init__()
        self.ignore_class = ignore_class

    def call(self, y_true, y_pred):
        return keras.ops.mean(y_pred, axis=-1)


def test_a_loss_may_ignore_several_classes():
    loss = read_loss(Own([7, 8]))
    assert loss.ignore_class == (7, 8)
    tally = read(Multiclass(), [0, 7, 1, 8, 2], np.full((5, 3), 1 / 3), loss)
    assert tally.labels[0].tolist() == [0, 1, 2]


def test_a_loss_may_ignore_an_array_of_classes():
    assert read_loss(Own(np.array([7, 8]))).ignore_class == (7, 8)


def test_a_switch_that_is_off_ignores_no_class():
    assert read_loss(Own(False)).ignore_class is None


@pytest.mark.parametrize("ignore_class", ["7", [7, "8"], {"a": 1}, True, [True, 2]])
def test_a_loss_that_ignores_anything_else_cannot_be_read(ignore_class):
    reading = read_loss(Own(ignore_class))
    assert reading.problem.startswith("ignore_class of the loss Own must be numbers")
    assert reading == LossReading("Own", problem=reading.problem)
