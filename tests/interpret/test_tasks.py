"""The task: from the argument, the loss, or shapes and values; and the error if none of them decides."""

import functools

import keras
import numpy as np
import pytest

from kerascb_metrics import Binary, DataError, Multiclass, Multilabel, Ordinal, Regression
from kerascb_metrics.interpret.infer_task import infer_task
from kerascb_metrics.interpret.losses import LossReading, read_loss
from kerascb_metrics.interpret.tasks import as_task, needs_loss
from kerascb_metrics.pipeline.settling import describe, settle_task
from kerascb_metrics.score.scoring import Scoring
from tests.support.arrays import rows_of

FAMILIES = {
    "binary_crossentropy": "binary",
    "binary_focal_crossentropy": "binary",
    "categorical_crossentropy": "categorical",
    "categorical_focal_crossentropy": "categorical",
    "categorical_generalized_cross_entropy": "categorical",
    "sparse_categorical_crossentropy": "categorical",
    "hinge": "hinge",
    "squared_hinge": "hinge",
    "categorical_hinge": "categorical_hinge",
    "cosine_similarity": "regression",
    "huber": "regression",
    "log_cosh": "regression",
    "mean_absolute_error": "regression",
    "mean_absolute_percentage_error": "regression",
    "mean_squared_error": "regression",
    "mean_squared_logarithmic_error": "regression",
    "poisson": "regression",
}  # kl_divergence, dice, tversky, ctc and circle do not decide the task
FUNCTIONS = [
    name
    for name in dir(keras.losses)
    if name.islower() and not name.startswith("_") and name not in ("get", "serialize", "deserialize")
]
CLASSES = [
    name
    for name in dir(keras.losses)
    if isinstance(getattr(keras.losses, name), type) and name not in ("Loss", "LossFunctionWrapper")
]


class OwnLoss(keras.losses.Loss):
    def __init__(self, from_logits=False):
        super().__init__()
        self.from_logits = from_logits

    def call(self, y_true, y_pred):
        return y_pred


# Losses.


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_loss_name_and_function_is_read(name):
    function = getattr(keras.losses, name)
    named = [] if name == "categorical_generalized_cross_entropy" else [name]  # Keras 3.15 does not find it by name
    for loss in (*named, function, functools.partial(function)):
        reading = read_loss(loss)
        assert (reading.name, reading.family) == (name, FAMILIES.get(name))
        assert (reading.from_logits, reading.ignore_class) == (False, None)


def test_keras_has_every_loss_in_the_table():
    assert set(FAMILIES) <= set(FUNCTIONS)


@pytest.mark.parametrize("name", CLASSES)
def test_every_loss_object_is_read_like_its_function(name):
    loss = getattr(keras.losses, name)()
    assert read_loss(loss).family == FAMILIES.get(loss.name.removesuffix("_loss"))  # Huber's name is huber_loss


@pytest.mark.parametrize(
    ("alias", "name"),
    [("mse", "mean_squared_error"), ("MAE", "mean_absolute_error"), ("bce", "binary_crossentropy")],
)
def test_an_alias_is_read_as_its_loss(alias, name):
    assert read_loss(alias).name == name


@pytest.mark.parametrize(
    "name",
    ["BinaryCrossentropy", "BinaryFocalCrossentropy", "CategoricalCrossentropy", "CategoricalFocalCrossentropy"],
)
def test_from_logits_of_a_loss_object(name):
    loss = getattr(keras.losses, name)
    assert read_loss(loss(from_logits=True)).from_logits is True
    assert read_loss(loss(from_logits=False)).from_logits is False


def test_from_logits_and_ignore_class_of_partials_and_objects():
    partial = functools.partial(keras.losses.sparse_categorical_crossentropy, from_logits=True)
    nested = functools.partial(partial, ignore_class=255)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=255)
    assert read_loss(partial) == LossReading("sparse_categorical_crossentropy", "categorical", True, None)
    assert read_loss(nested) == read_loss(loss) == LossReading(partial.func.__name__, "categorical", True, 255)


def test_unknown_losses_have_no_family():
    assert read_loss(None) == LossReading("none")
    assert read_loss(lambda y_true, y_pred: y_pred).family is None
    assert read_loss(OwnLoss()) == LossReading("OwnLoss")
    assert read_loss(OwnLoss(from_logits=True)).from_logits is True


# Inferred from the loss.

N = 6
INTS = np.array([0, 1, 1, 0, 1, 0])
CLASS_NUMBERS = np.array([0, 1, 2, 2, 1, 0])
ONE_HOT = np.eye(3)[CLASS_NUMBERS]
MULTI_HOT = np.array([[1, 1, 0], [0, 0, 0], [0, 1, 1], [1, 0, 0], [1, 1, 1], [0, 0, 1]])
REALS = np.linspace(-1.5, 2, N)
SHARES = np.linspace(0.1, 0.9, N)


def outputs(*shape):
    return np.full((N, *shape), 0.25, "float32")


@pytest.mark.parametrize(
    ("loss", "y_true", "y_pred", "task"),
    [
        ("binary_crossentropy", INTS, outputs(), Binary()),
        ("binary_crossentropy", INTS, outputs(1), Binary()),
        ("binary_crossentropy", INTS[:, None].astype("float32"), outputs(1), Binary()),
        ("binary_focal_crossentropy", INTS.astype(bool), outputs(1), Binary()),
        ("hinge", 2 * INTS - 1, outputs(1), Binary()),
        ("squared_hinge", INTS, outputs(1), Binary()),
        ("sparse_categorical_crossentropy", INTS, outputs(2), Binary()),
        ("categorical_crossentropy", np.eye(2)[INTS], outputs(2), Binary()),
        ("sparse_categorical_crossentropy", CLASS_NUMBERS, outputs(3), Multiclass()),
        ("sparse_categorical_crossentropy", CLASS_NUMBERS[:, None], outputs(3), Multiclass()),
        ("categorical_crossentropy", ONE_HOT, outputs(3), Multiclass()),
        ("categorical_focal_crossentropy", ONE_HOT, outputs(3), Multiclass()),
        (keras.losses.CategoricalGeneralizedCrossEntropy(), ONE_HOT, outputs(3), Multiclass()),
        ("categorical_hinge", ONE_HOT, outputs(3), Multiclass()),
        ("categorical_hinge", np.eye(2)[INTS], outputs(2), Multiclass()),
        ("binary_crossentropy", MULTI_HOT, outputs(3), Multilabel()),
        ("binary_crossentropy", ONE_HOT, outputs(3), Multilabel()),
        ("binary_crossentropy", np.eye(2)[INTS], outputs(2), Multilabel()),
        ("hinge", MULTI_HOT, outputs(3), Multilabel()),
        ("sparse_categorical_crossentropy", np.zeros((N, 4), int), outputs(4, 3), Multiclass()),
        ("binary_crossentropy", np.zeros((N, 4, 4, 1)), outputs(4, 4, 1), Binary()),
        ("crossentropy", INTS, outputs(1), Binary()),
        ("crossentropy", INTS, outputs(2), Binary()),
        ("crossentropy", CLASS_NUMBERS, outputs(3), Multiclass()),
        ("crossentropy", ONE_HOT, outputs(3), Multiclass()),
        ("CE", np.eye(2)[INTS], outputs(2), Binary()),
        ("mean_squared_error", REALS, outputs(1), Regression()),
        ("huber", np.arange(N), outputs(1), Regression()),
        ("mean_absolute_error", np.stack([REALS, REALS], 1), outputs(2), Regression()),
    ],
)
def test_the_loss_tells_the_task(loss, y_true, y_pred, task):
    assert infer_task(rows_of(y_true, y_pred), read_loss(loss)) == task


@pytest.mark.parametrize("loss", [None, "kl_divergence", "dice", OwnLoss()])
@pytest.mark.parametrize(
    ("y_true", "y_pred", "task"),
    [
        (INTS, outputs(), Binary()),
        (INTS.astype("float32")[:, None], outputs(1), Binary()),
        (INTS.astype(bool), outputs(1), Binary()),
        (INTS, outputs(2), Binary()),
        (CLASS_NUMBERS, outputs(3), Multiclass()),
        (CLASS_NUMBERS.astype("float32")[:, None], outputs(3), Multiclass()),
        (MULTI_HOT, outputs(3), Multilabel()),
        (MULTI_HOT[:, :2], outputs(2), Multilabel()),
        (np.array(list("abcabc")), outputs(3), Multiclass()),
        (REALS, outputs(), Regression()),
        (np.full(N, 1 / N), outputs(), Regression()),
        (np.tile([2.0, -1.5, 0.5], (N, 1)), outputs(3), Regression()),
        (REALS[:, None], outputs(1), Regression()),
        (np.stack([REALS, REALS], 1), outputs(2), Regression()),
        (np.stack([SHARES, SHARES], 1), outputs(2), Regression()),
        (np.zeros((N, 4), int), outputs(4, 3), Multiclass()),
        (np.zeros((N, 2, 2, 1)), outputs(2, 2, 1), Binary()),
    ],
)
def test_shapes_and_values_tell_the_task_of_an_unknown_loss(loss, y_true, y_pred, task):
    assert infer_task(rows_of(y_true, y_pred), read_loss(loss)) == task


# Ambiguous.


@pytest.mark.parametrize(
    ("loss", "y_true", "y_pred", "received", "remedies"),
    [
        (None, ONE_HOT, outputs(3), r"targets \(6, 3\)", ["multiclass", "multilabel"]),
        (None, np.eye(2)[INTS], outputs(2), r"targets \(6, 2\)", ["multiclass", "multilabel"]),
        ("kl_divergence", ONE_HOT.astype(bool), outputs(3), r"targets \(6, 3\)", ["multiclass", "multilabel"]),
        ("mean_squared_error", INTS, outputs(1), "mean_squared_error", ["binary", "regression"]),
        ("mean_squared_error", ONE_HOT, outputs(3), "mean_squared_error", ["multiclass", "multilabel", "regression"]),
        ("mse", INTS.astype(bool), outputs(), "mean_squared_error", ["binary"]),
        ("huber", np.zeros(N), outputs(1), "huber", ["binary", "regression"]),
        (None, np.stack([ONE_HOT, ONE_HOT], 1), outputs(2, 3), r"targets \(6, 2, 3\)", ["multiclass", "multilabel"]),
        (None, np.stack([SHARES, 1 - SHARES], 1), outputs(2), "add up to 1", ["regression"]),
        (None, np.stack([ONE_HOT * 0.9 + 0.1 / 3] * 2, 1), outputs(2, 3), "add up to 1", ["regression"]),
        (None, np.tile([0.332, 0.332, 0.332], (N, 1)), outputs(3), "add up to 1", ["regression"]),  # as of bfloat16
        (None, CLASS_NUMBERS, outputs(1), "0, 1, 2", ["regression"]),
        (None, np.arange(N), outputs(), "0, 1, 2, 3, 4, …", ["regression"]),
    ],
)
def test_an_ambiguous_task_raises_and_names_the_choices(loss, y_true, y_pred, received, remedies):
    with pytest.raises(DataError, match=received) as caught:
        infer_task(rows_of(y_true, y_pred), read_loss(loss))
    assert [task for task in remedies if f"'{task}'" not in str(caught.value)] == []


@pytest.mark.parametrize("values", [[0.2, 0.8], [0.5, 1.5], [-3.25, 7.0]])
def test_missing_numbers_are_those_of_a_regression(values):
    with pytest.raises(
        DataError, match=r"1 of 3 targets are NaN\. Pass task=Regression\(ignore_class=float\('nan'\)\)\.$"
    ):
        infer_task(rows_of([*values, np.nan], np.full((3, 1), 0.5)), read_loss(None))


def test_missing_numbers_that_no_task_reads_are_to_be_mended():
    y_true = np.array([[0.2, np.nan], [1.0, 2.0], [3.0, 4.0]])
    with pytest.raises(DataError, match=r"1 of 6 targets are NaN\. Mend them, or give their rows sample weight 0\.$"):
        infer_task(rows_of(y_true, np.full((3, 3), 0.5)), read_loss(None))


HIDDEN = {"weight zero": {"sample_weight": [1, 1, 1, 1, 1, 0]}, "masked": {"mask": [True] * 5 + [False]}}


@pytest.mark.parametrize("hidden", HIDDEN)
@pytest.mark.parametrize("padding", [np.nan, 0.5, -1, 7])
def test_padding_does_not_tell_the_task(padding, hidden):
    """NaN would make real numbers of targets that are 0 and 1, and so a regression of a binary task."""
    y_true = np.append(INTS[:5], padding)
    assert infer_task(rows_of(y_true, outputs(1), **HIDDEN[hidden]), read_loss(None)) == Binary()
    with pytest.raises(DataError, match="suggests regression, but all targets are 0 or 1"):
        infer_task(rows_of(y_true, outputs(1), **HIDDEN[hidden]), read_loss("mse"))
    rows = rows_of(np.vstack([MULTI_HOT[:5], [padding] * 3]), outputs(3), **HIDDEN[hidden])
    assert infer_task(rows, read_loss(None)) == Multilabel()


@pytest.mark.parametrize("loss", [None, "mse"])
@pytest.mark.parametrize(
    "hidden", [{"sample_weight": np.zeros(N)}, {"mask": np.zeros(N, bool)}], ids=["weight", "mask"]
)
def test_targets_tell_the_task_where_all_rows_are_padding(hidden, loss):
    assert infer_task(rows_of(REALS, outputs(1), **hidden), read_loss(loss)) == Regression()


# The argument comes first.


def test_the_task_argument_comes_before_the_loss():
    rows, loss = rows_of(INTS, outputs(1)), read_loss("mean_squared_error")
    task = Binary(threshold=0.3)
    assert settle_task(task, rows, loss, Scoring()) is task


def test_a_task_is_checked_against_the_scores():
    rows = rows_of(REALS, outputs(1))
    with pytest.raises(ValueError, match=r"regression task has no .*r2"):
        settle_task("auto", rows, read_loss("mse"), Scoring("f1"))
    assert settle_task("auto", rows, read_loss("mse"), Scoring("r2")) == Regression()


@pytest.mark.parametrize("task", [Binary(), Multiclass(), Multilabel(), Ordinal(), Regression()])
def test_a_task_is_given_by_name_or_as_an_object(task):
    assert as_task(task.kind) == task
    assert as_task(task) is task
    assert as_task("auto") == "auto"


@pytest.mark.parametrize("task", ["Binary", "multi", None, Binary, 1, {"binary": 1}], ids=str)
def test_an_unknown_task_raises(task):
    with pytest.raises(ValueError, match=r"task must be 'auto', 'binary', 'multiclass'.*received"):
        as_task(task)


@pytest.mark.parametrize("task", [Binary, Multiclass, Multilabel, Ordinal])
def test_a_task_needs_the_loss_unless_from_logits_is_given(task):
    assert needs_loss(task())
    assert not any(needs_loss(task(from_logits=given)) for given in (False, True))
    assert not needs_loss(Regression())


@pytest.mark.parametrize("task", [Binary, Multiclass, Multilabel])
def test_from_logits_is_checked(task):
    with pytest.raises(ValueError, match=rf"{task.__name__}: from_logits must be .* received 'yes'"):
        task(from_logits="yes")


def test_a_binary_task_has_one_threshold():
    with pytest.raises(ValueError, match=r"received \[0.3, 0.5\].*Multilabel\(threshold"):
        Binary(threshold=[0.3, 0.5])


def test_multiclass_takes_no_threshold():
    with pytest.raises(TypeError, match="threshold"):
        Multiclass(threshold=0.3)


# Descriptions.


@pytest.mark.parametrize(
    ("task", "loss", "y_pred", "words"),
    [
        (Binary(), "binary_crossentropy", outputs(1), "(None, 1)), positive when probability > 0.5"),
        (Binary(threshold=0.3), "binary_crossentropy", outputs(), "(None,)), positive when probability > 0.3"),
        (Binary(), "hinge", outputs(1), "positive when output > 0"),
        (Binary(threshold=-0.5), "hinge", outputs(1), "positive when output > -0.5"),
        (Multiclass(), "sparse_categorical_crossentropy", outputs(4, 3), "(None, 4, 3)), label is the highest output"),
        (Multilabel(), "binary_crossentropy", outputs(3), "label given when probability > 0.5"),
        (Multilabel(), "hinge", outputs(3), "label given when output > 0"),
        (Binary(threshold=0.3, from_logits=False), "binary_crossentropy", outputs(1), "positive when output > 0.3"),
        (Multilabel(threshold=0.3), "binary_crossentropy", outputs(3), "label given when probability > 0.3"),
        (Multilabel(threshold=0.3, from_logits=False), "binary_crossentropy", outputs(3), "given when output > 0.3"),
        (Multiclass(ignore_class=7), "categorical_crossentropy", outputs(3), "highest output, 7 is ignored"),
        (Multiclass(ignore_class=[7, 8]), "categorical_crossentropy", outputs(3), "highest output, 7, 8 are ignored"),
        (Ordinal(soft_targets=True), "huber", outputs(3), "highest output, and so is that of the targets"),
        (Regression(ignore_class=-1), "huber", outputs(1), "as they are, targets of -1 are left out"),
        (Regression(), "mean_squared_error", outputs(1), "outputs are compared as they are"),
    ],
)
def test_the_description_of_a_task(task, loss, y_pred, words):
    description = describe(task, rows_of(INTS, y_pred), read_loss(loss))
    assert description.startswith(f"{task.kind} task (loss {loss}, output (None")
    assert description.endswith(words)
