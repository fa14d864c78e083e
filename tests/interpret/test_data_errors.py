"""Data that does not fit the task: the error names what was received and a remedy. And outputs that are not finite."""

import keras
import numpy as np
import pytest

from kerascb_metrics import Binary, DataError, Multiclass, Multilabel, Ordinal, Regression
from tests.support.arrays import assessed, read

BCE = "binary_crossentropy"
LOGITS = keras.losses.BinaryCrossentropy(from_logits=True)
SPARSE = "sparse_categorical_crossentropy"
P3 = np.full((4, 3), 1 / 3, "float32")
P1 = np.full((4, 1), 0.5, "float32")


@pytest.mark.parametrize(
    ("task", "y_true", "y_pred", "what", "received", "remedy"),
    [
        (Binary(), [0, 1, 2, 1], P3, "one or two columns", "(4, 3)", "Pass task='multiclass'."),
        (Binary(), [0, 1, 2, 1], P1, "targets 0 and 1", "received 2", "one output column per class"),
        (Binary(), [0, 1, np.nan, 1], P1, "targets 0 and 1", "nan", "task=Binary(ignore_class=float('nan'))"),
        (Binary(), [-1, 0, 1, 1], P1, "targets 0 and 1 (or −1 and 1)", "received 0", "task=Binary(ignore_class=-1)"),
        (Binary(), list("abab"), P1, "targets 0 and 1", "received 'a', 'b'", "task=Binary(pos_label='b')"),
        (Binary(), list("0101"), P1, "targets 0 and 1", "received '0', '1'", "task=Binary(pos_label='1')"),
        (Binary(), [0.1, 0.9, 0, 1], P1, "targets 0 and 1", "0.1, 0.9", "task=Binary(soft_targets=True)"),
        (Binary(pos_label=2), [0, 1, 1, 1], P1, "pos_label=2", "0", "1"),
        (Binary(), [0, 1, 1], P1, "do not fit", "targets (3,)", "over (4,)"),
        (Binary(), [0, 1, 1, 1], P1 + 2, "probabilities", "2.5", "from_logits=True"),
        (Binary(threshold=0.3), [0, 1, 1, 1], P1 + 2, "probabilities", "2.5", "from_logits=True"),
        (Binary(), [0, 1, 1, 1], P1 - 2, "probabilities", "-1.5", "from_logits=True"),
        (Binary(), [0, 1, 1, 1], np.tile([-1.0, 2.0], (4, 1)), "probabilities", "from -1 to 2", "from_logits=True"),
        (Multiclass(), [0, 1, 2, 0], P3 + 2, "probabilities", "2.333", "=Multiclass(from_logits=True)"),
        (
            Multiclass(labels=(3, 5, 9)),
            [3, 5, 9, 3],
            P3 + 2,
            "probabilities",
            "2.333",
            "=Multiclass(labels=[3, 5, 9], from_logits=True)",
        ),
        (Multiclass(), [0, 1, 1, 1], P1, "(N, C) with C of 2 or more", "(4, 1)", "task='binary'"),
        (Multiclass(), [0, 1, 1, 1], P1[:, 0], "(N, C) with C of 2 or more", "(4,)", "task='binary'"),
        (Multiclass(), [1, 2, 3, 3], P3, "3 classes", "targets hold 3", "Multiclass(labels="),
        (Multiclass(), [0, 1, -1, 2], P3, "3 classes", "targets hold -1", "task=Multiclass(ignore_class=-1)"),
        (
            Multiclass(),
            [0, 1, np.nan, 2],
            P3,
            "3 classes",
            "targets hold nan",
            "task=Multiclass(ignore_class=float('nan'))",
        ),
        (Multiclass(), list("abcd"), P3, "3 classes", "targets hold 'a', 'b', 'c', 'd'", "Multiclass(labels="),
        (Multiclass(), [0, 1, 0.5, 2], P3, "3 classes", "targets hold 0.5", "Multiclass(labels="),
        (Multiclass(labels=[5, 6, 7]), [5, 6, 0, 1], P3, "(5, 6, 7)", "targets hold 0, 1", "Multiclass(labels="),
        (Multiclass(), [0, 1, 2, 2], P3 * 6, "probabilities", "to 2", "from_logits=True"),
        (Multiclass(class_names="ab"), [0, 1, 2, 2], P3, "3 classes", "2", "class_names"),
        (Multiclass(labels=[5, 6]), [5, 6, 5, 6], P3, "labels", "2", "3"),
        (Multilabel(), [0, 1, 2, 2], P3, "same shape (N, L)", "targets (4,) and outputs (4, 3)", "task='multiclass'"),
        (Multilabel(), [0, 1, 1, 1], P1[:, 0], "same shape (N, L)", "targets (4,)", "task='binary'"),
        (Multilabel(), np.full((4, 3), 2), P3, "targets 0 and 1", "received 2", "task='regression'"),
        (
            Multilabel(threshold=[0.1, 0.2]),
            np.eye(4, 3),
            P3,
            "2 thresholds",
            "3 labels",
            "Give one threshold, or one per label",
        ),
        (Multilabel(), np.eye(4, 3), P3 * 6, "probabilities", "to 2", "from_logits=True"),
        (Multilabel(class_names="ab"), np.eye(4, 3), P3, "3 classes", "2", "class_names"),
        (Regression(), [1.0, 2, 3], P1, "same size", "targets (3,) and outputs (4, 1)", "task"),
        (Regression(), [1.0, np.nan, 3, 4], P1, "targets hold", "nan", "task=Regression(ignore_class=float('nan'))"),
        (Regression(), ["1", "2.5", "3", "4"], P1, "must be numbers", "received text", "Give them as numbers."),
        (Regression(), np.arange(4).astype("datetime64[D]"), P1, "must be numbers", "datetime64[D]", "as numbers"),
        (Regression(), [1.0, np.inf, 3, 4], P1, "targets hold", "inf", "weights that are 0 there"),
    ],
)
def test_the_error_names_what_was_received_and_a_remedy(task, y_true, y_pred, what, received, remedy):
    with pytest.raises(DataError) as caught:
        read(task, y_true, y_pred)
    message = str(caught.value)
    assert message.startswith("Metrics: ")
    assert [part for part in (what, received, remedy) if part not in message] == []


def test_probabilities_may_be_rounded_to_slightly_more_than_one():
    p = np.array([[0.0], [1.0000001]], "float32")
    assert read(Binary(), [0, 1], p, BCE).y_pred.tolist() == [0, 1]


# Outputs that are not finite make every score undefined, without a warning from NumPy or scikit-learn.

BAD = [np.nan, np.inf, -np.inf]
FIT = [
    (Binary(), [0, 1, 1, 0], P1, BCE),
    (Binary(), [0, 1, 1, 0], P1, LOGITS),
    (Binary(), [0, 1, 1, 0], P1, "hinge"),
    (Binary(), [0, 1, 1, 0], np.full((4, 2), 0.5), SPARSE),
    (Binary(from_logits=True), [0, 1, 1, 0], np.full((4, 2), 0.5), SPARSE),
    (Multiclass(), [0, 1, 2, 0], P3, SPARSE),
    (Multiclass(from_logits=True), [0, 1, 2, 0], P3, SPARSE),
    (Multilabel(), np.eye(4, 3), P3, BCE),
    (Multilabel(), np.eye(4, 3), P3, LOGITS),
]


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize(("task", "y_true", "y_pred", "loss"), FIT)
def test_outputs_that_are_not_finite_make_every_score_undefined(task, y_true, y_pred, loss, bad):
    y_pred = y_pred.copy()
    y_pred[1] = bad
    assessment = assessed(task, y_true, y_pred, loss=loss)
    assert all(np.isnan(value).all() for value in assessment.values.values())
    assert set(assessment.undefined) == set(assessment.values)
    assert {cause.split(" ", 3)[3] for cause in assessment.undefined.values()} == {"outputs are NaN or infinite"}


def test_a_regression_that_is_not_finite_is_undefined():
    assessment = assessed(Regression(), [1.0, 2.0], [np.nan, 2.0], ["r2", "neg_mean_squared_error"])
    assert np.isnan(list(assessment.values.values())).all()
    assert set(assessment.undefined) == {"r2", "neg_mean_squared_error"}


@pytest.mark.parametrize("average", ["auto", "micro", None])
@pytest.mark.parametrize(("task", "y_true", "y_pred", "loss"), FIT)
def test_undefined_scores_have_the_same_keys_as_defined_ones(task, y_true, y_pred, loss, average):
    scored = assessed(task, y_true, y_pred, average=average, loss=loss)
    blank = assessed(task, y_true, y_pred * np.nan, average=average, loss=loss)
    assert blank.entries.keys() == scored.entries.keys()
    shapes = {name: np.shape(value) for name, value in scored.values.items()}
    assert {name: np.shape(value) for name, value in blank.values.items()} == shapes


@pytest.mark.parametrize(("task", "y_true", "y_pred", "loss"), FIT)
def test_scores_are_undefined_if_no_row_is_left(task, y_true, y_pred, loss):
    assessment = assessed(task, y_true, y_pred, loss=loss, mask=np.zeros(4, bool))
    assert all(np.isnan(value).all() for value in assessment.values.values())
    assert set(assessment.undefined.values()) == {"no row is left to score"}


def test_duplicate_labels_raise_in_the_constructor():
    with pytest.raises(ValueError, match=r"labels must differ from each other; received \[5, 6, 6\]"):
        Multiclass(labels=[5, 6, 6])


@pytest.mark.parametrize("task", [Multiclass, Ordinal])
def test_class_names_are_as_many_as_labels(task):
    with pytest.raises(ValueError, match=rf"{task.__name__}: there are 3 classes; received 2 class_names"):
        task(labels=[5, 6, 7], class_names=["a", "b"])


@pytest.mark.parametrize("kind", [list, np.array])
@pytest.mark.parametrize(
    ("task", "name"),
    [
        (Binary, "class_names"),
        (Binary, "ignore_class"),
        (Multiclass, "labels"),
        (Multiclass, "class_names"),
        (Multiclass, "ignore_class"),
        (Multilabel, "threshold"),
        (Multilabel, "class_names"),
        (Multilabel, "ignore_class"),
        (Ordinal, "labels"),
        (Ordinal, "class_names"),
        (Ordinal, "ignore_class"),
        (Regression, "ignore_class"),
    ],
)
def test_a_task_keeps_its_arguments_when_the_originals_change(task, name, kind):
    values = ["a", "b"] if name == "class_names" else [0.25, 0.75]
    given = kind(values)
    made = task(**{name: given})
    given[0] = given[1]
    assert list(getattr(made, name)) == values
