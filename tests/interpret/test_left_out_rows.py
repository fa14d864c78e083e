"""Rows that are left out, whatever the task: by `ignore_class`, and by a weight of zero."""

import keras
import ml_dtypes
import numpy as np
import pytest

from kerascb_metrics import Binary, Multiclass, Multilabel, Ordinal, Regression
from kerascb_metrics.exceptions import DataError
from kerascb_metrics.interpret.losses import LossReading
from tests.support.arrays import read

NAN = float("nan")


@pytest.mark.parametrize(
    ("task", "y_true", "y_pred", "left", "label"),
    [
        (Binary(ignore_class=-1), [0, -1, 1, -1], [0.1, 0.2, 0.3, 0.9], [0, 2], [0, 1]),
        (Binary(ignore_class=NAN), [0, NAN, 1.0], [0.1, 0.2, 0.3], [0, 2], [0, 1]),
        (Binary(ignore_class=[7, NAN]), [0, NAN, 7, 1.0], [0.1, 0.2, 0.3, 0.4], [0, 3], [0, 1]),
        (Binary(ignore_class=NAN), [[0, 1], [NAN, NAN], [1, 0]], np.full((3, 2), 0.5), [0, 2], [1, 0]),
        (Binary(pos_label="b", ignore_class="?"), ["a", "?", "b"], [0.1, 0.2, 0.3], [0, 2], ["a", "b"]),
        (Multiclass(ignore_class=255), [2, 255, 0, 1], np.eye(4)[:, :3] / 2, [0, 2, 3], [2, 0, 1]),
        (Multiclass(ignore_class=[254, 255]), [2, 255, 254, 1], np.eye(4)[:, :3] / 2, [0, 3], [2, 1]),
        (Multiclass(ignore_class=NAN), [2.0, NAN, 0, 1], np.eye(4)[:, :3] / 2, [0, 2, 3], [2, 0, 1]),
        (Multiclass(ignore_class=NAN), [[0, 0, 1], [NAN] * 3, [1, 0, 0]], np.full((3, 3), 0.3), [0, 2], [2, 0]),
        (Multiclass(labels=["a", "b", "c"], ignore_class="?"), ["c", "?", "a"], np.eye(3), [0, 2], ["c", "a"]),
        (Multiclass(labels=["a", "b", "c"], ignore_class=["?", NAN]), ["c", "?", "a"], np.eye(3), [0, 2], ["c", "a"]),
        (Regression(ignore_class=[NAN, -1]), [1.5, NAN, -1, 2.5], [1.0, 2.0, 3.0, 4.0], [0, 3], [1.5, 2.5]),
    ],
)
def test_rows_are_left_out(task, y_true, y_pred, left, label):
    weight = np.arange(1.0, len(y_true) + 1)
    tally = read(task, y_true, y_pred, sample_weight=weight)
    assert tally.labels[0].tolist() == label
    assert tally.sample_weight.tolist() == weight[left].tolist()


@pytest.mark.parametrize("value", [0.1, np.float64(0.1), [np.float64(0.1)], np.array([0.1])], ids=repr)
def test_a_value_is_compared_in_the_precision_of_the_targets(value):
    """0.1 is another number in float32, and NumPy would compare its own float64 in float64."""
    assert len(read(Regression(ignore_class=value), np.array([0.1, 0.2, 0.3], "float32"), np.ones(3))) == 2


def test_the_loss_and_the_task_both_leave_out():
    tally = read(Multiclass(ignore_class=9), [0, 9, -1, 1], np.full((4, 2), 0.5), LossReading("own", ignore_class=-1))
    assert tally.labels[0].tolist() == [0, 1]


def test_an_ignored_column_is_no_class_of_the_task():
    tally = read(Multiclass(ignore_class=[0, 3]), [1, 0, 2, 3], np.full((4, 4), 0.25))
    assert tally.classes.tolist() == [1, 2]
    assert tally.y_proba.tolist() == [[0.5, 0.5], [0.5, 0.5]]


def test_a_one_hot_row_that_is_partly_nan_is_refused():
    with pytest.raises(DataError, match=r"partly float\('nan'\).*task=Multilabel\(ignore_class=float\('nan'\)\)"):
        read(Multiclass(ignore_class=NAN), [[0, NAN, 1], [1, 0, 0]], np.full((2, 3), 1 / 3))
    with pytest.raises(DataError, match=r"partly -1\..*task=Multilabel\(ignore_class=-1\)"):
        read(Multiclass(ignore_class=-1), [[0, -1, 1], [1, 0, 0]], np.full((2, 3), 1 / 3))


@pytest.mark.parametrize(
    ("task", "y_true", "y_pred", "weight", "label"),
    [
        (Binary(), [0, -1, 1, -1], [0.1, 0.2, 0.3, 0.9], [1, 0, 2, 0], [0, 1]),
        (Binary(), [-1, 0, 1, 9], [0.1, 0.2, 0.3, 0.9], [1, 0, 2, 0], [-1, 1]),
        (Binary(), [0, 0, 1, NAN], [0.1, 0.2, 0.3, 0.9], [1, 0, 2, 0], [0, 0, 1]),
        (Binary(), [0, 1, 1, 9], [0.1, 0.2, 0.3, 0.9], [1, 1, 0, 0], [0, 1, 1]),
        (Binary(), [1, 1, 0, 5], [0.1, 0.2, 0.3, 0.9], [1, 1, 0, 0], [1, 1, 0]),
        (Binary(), [-1, 1, -1, 0], [0.1, 0.2, 0.3, 0.9], [1, 1, 0, 0], [-1, 1, -1]),
        (Binary(pos_label=-1), [-1, -1, 1, 0], [0.1, 0.2, 0.3, 0.9], [1, 1, 0, 0], [-1, -1, 1]),
        (Binary(pos_label=7), [7, 3, 3, 3, 9], [0.1, 0.2, 0.3, 0.9, 0.8], [1, 1, 1, 0, 0], [7, 3, 3, 3]),
        (Binary(pos_label=7), [7, 7, 3, 9], [0.1, 0.2, 0.3, 0.9], [1, 1, 0, 0], [7, 7]),
        (Binary(), [[0, 1], [0, 0], [1, 0]], np.full((3, 2), 0.5), [1, 0, 1], [1, 0]),
        (Binary(), [[0, 1], [0, 0], [1, 0]], np.full((3, 2), 0.5), [1, 0, 0], [1, 0]),
        (Multiclass(), [2, -1, 0, 1], np.eye(4)[:, :3] / 2, [1, 0, 0, 1], [2, 0, 1]),
        (Multiclass(), [[0, 0, 1], [0, 0, 0], [1, 0, 0]], np.full((3, 3), 0.3), [1, 0, 0], [2, 0]),
        (Multilabel(), [[0, 1], [9, 9], [1, 0]], np.full((3, 2), 0.3), [1, 0, 0], [[0, 1], [1, 0]]),
        (Multilabel(), [[0, 1], [-1, -1], [1, 0]], np.full((3, 2), 0.3), [1, 0, 1], [[0, 1], [1, 0]]),
        (Multilabel(), [[-1, 1], [0, 0], [1, -1]], np.full((3, 2), 0.3), [1, 0, 1], [[0, 1], [1, 0]]),
        (Regression(), [1.0, NAN, 2.0], [1.0, 2.0, 3.0], [1, 0, 0], [1.0, 2.0]),
    ],
)
def test_rows_of_weight_zero_may_have_targets_that_are_not_valid(task, y_true, y_pred, weight, label):
    tally = read(task, y_true, y_pred, sample_weight=weight)
    assert np.asarray(tally.labels[0]).tolist() == label


def test_a_target_that_is_not_valid_is_an_error_where_it_has_weight():
    with pytest.raises(DataError, match="received 9"):
        read(Binary(), [0, 9, 1, -1], [0.1, 0.2, 0.3, 0.9], sample_weight=[1, 1, 2, 0])


@pytest.mark.parametrize("task", [Binary, Multiclass, Multilabel, Regression])
@pytest.mark.parametrize("ignore_class", [True, {0: 1}, object(), [1, None]])
def test_an_ignore_class_that_is_no_target_value_raises(task, ignore_class):
    with pytest.raises(ValueError, match=f"{task.__name__}: ignore_class must be a target value"):
        task(ignore_class=ignore_class)


@pytest.mark.parametrize("value", [0, 1, [1, 7]])
@pytest.mark.parametrize("task", [Binary, Multilabel])
def test_a_value_of_the_task_cannot_be_ignored(task, value):
    with pytest.raises(ValueError, match="ignore_class=-1"):
        task(ignore_class=value)


@pytest.mark.parametrize(("pos_label", "value"), [(0, 0), (0, 1), (-1, 0), (-1, 1), (-1, -1), (7, 7)])
def test_neither_class_can_be_ignored_whichever_is_positive(pos_label, value):
    with pytest.raises(DataError, match=f"class {value} is ignored"):
        Binary(pos_label=pos_label, ignore_class=value)


def test_zero_and_one_may_be_ignored_where_the_labels_are_others():
    assert len(read(Binary(pos_label=7, ignore_class=[0, 1]), [7, 0, 1, 3], np.full(4, 0.5))) == 2


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("value", [-999, -999.9, 0.1])
def test_values_are_rounded_as_the_targets_are(dtype, value):
    """-999 is -1000 in bfloat16."""
    y = np.linspace(1, 2, 6)
    y[1:3] = value
    y_true = np.asarray(keras.ops.convert_to_numpy(keras.ops.cast(y, dtype)))
    y_true = y_true.astype(ml_dtypes.bfloat16) if dtype == "bfloat16" else y_true.astype(dtype)
    tally = read(Regression(ignore_class=value), y_true, y)
    assert len(tally) == 4


@pytest.mark.parametrize(
    ("task", "y_true", "columns", "left"),
    [
        (Binary(ignore_class=-999), [0, -999, 1], (), [0, 1]),
        (Binary(ignore_class=-999), [0, -999, 1], (2,), [0, 1]),
        (Multiclass(ignore_class=-999), [0, -999, 1], (3,), [0, 1]),
        (Ordinal(ignore_class=-999), [0, -999, 1], (3,), [0, 1]),
        (Ordinal(labels=[0, 1], ignore_class=-999), [0, -999, 1], (), [0, 1]),
        (Multilabel(ignore_class=-999), [[0, 1], [-999, -999], [1, 0]], (2,), [[0, 1], [1, 0]]),
    ],
)
def test_every_task_leaves_out_a_value_that_half_precision_rounds(task, y_true, columns, left):
    tally = read(task, np.asarray(y_true).astype(ml_dtypes.bfloat16), np.full((3, *columns), 0.5))
    assert tally.labels[0].tolist() == left


@pytest.mark.parametrize("value", range(3))
def test_one_hot_rows_of_an_ignored_class_are_left_out(value):
    classes = [0, 1, 2, 1]
    tally = read(Multiclass(ignore_class=value), np.eye(3)[classes], np.full((4, 3), 1 / 3))
    assert tally.labels[0].tolist() == [c for c in classes if c != value]


def test_which_positions_of_the_pass_are_left():
    y_true = [[1, -1], [-1, -1], [0, 1], [1, 1]]
    rows = read(Multilabel(ignore_class=-1), y_true, np.full((4, 2), 0.5), mask=[True, True, True, False])
    assert rows.labeled.kept.tolist() == [True, False, True, False]


@pytest.mark.parametrize("value", [-1, 255, NAN, [254, -1]])
@pytest.mark.parametrize("soft", [False, True])
def test_one_hot_rows_of_the_value_are_left_out(value, soft):
    marker = value[0] if isinstance(value, list) else value
    y_true = [[0, 0, 1], [marker] * 3, [1, 0, 0]]
    task = Multiclass(ignore_class=value, soft_targets=soft)
    assert read(task, y_true, np.full((3, 3), 1 / 3)).labels[0].tolist() == [2, 0]


@pytest.mark.parametrize("dtype", ["int64", "float16"])
@pytest.mark.parametrize("task", [Multiclass(ignore_class="0"), Binary(ignore_class="?")])
def test_text_among_numbers_is_refused(task, dtype):
    with pytest.raises(DataError, match="is text, but the targets are numbers"):
        read(task, np.array([0, 1], dtype), np.full((2, 2), 0.5))


@pytest.mark.parametrize("task", [Regression, Multilabel, Ordinal])
def test_text_is_no_target_value_of_numbers(task):
    with pytest.raises(ValueError, match=f"{task.__name__}: ignore_class must be a target value"):
        task(ignore_class="?")


@pytest.mark.parametrize(
    ("task", "y_true", "y_pred"),
    [
        (Binary(soft_targets=True), [0.3, -1, 0.9], [0.1, 0.2, 0.3]),
        (Binary(soft_targets=True), [0.3, 2, 0.0], [0.1, 0.2, 0.3]),
        (Binary(soft_targets=True), [0.3, 2, 1.0], [0.1, 0.2, 0.3]),
        (Multiclass(soft_targets=True), [[0.3, 0.7], [0.3, 0.3], [0, 1]], np.full((3, 2), 0.5)),
        (Multiclass(soft_targets=True), [[0.3, 0.7], [2, -1], [1, 0]], np.full((3, 2), 0.5)),
        (Multiclass(soft_targets=True), [[0.3, 0.7], [-1, -1], [0.9, 0.1]], np.full((3, 2), 0.5)),
        (Multilabel(soft_targets=True), [[0.3, 0.7], [-1, -1], [0.9, 0.1]], np.full((3, 2), 0.5)),
    ],
)
def test_soft_targets_of_weight_zero_may_be_anything(task, y_true, y_pred):
    assert len(read(task, y_true, y_pred, sample_weight=[1, 0, 1])) == 2
    assert len(read(task, y_true, y_pred, sample_weight=[1, 0, 0])) == 2  # the third row has a target


@pytest.mark.parametrize("task", [NAN, None, [1]])
def test_a_positive_label_that_is_no_target_value_raises(task):
    with pytest.raises(ValueError, match="pos_label must be one target value"):
        Binary(pos_label=task)
