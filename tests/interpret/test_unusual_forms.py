"""Unusual forms that Keras accepts: losses as classes or methods, classes on other axes, columns without a softmax."""

import functools
from collections import namedtuple

import keras
import numpy as np
import pytest
from scipy import sparse
from sklearn import metrics as sk

from kerascb_metrics import Binary, DataError, Metrics, Multiclass, Predictions
from kerascb_metrics.interpret.losses import LossReading, read_loss, read_losses
from tests.support.arrays import assert_same, assessed
from tests.support.models import binary_rows, echo_model

LOGITS, Y = binary_rows(60, logits=True)
X, _ = binary_rows(60)
RNG = np.random.default_rng(0)
BCE = keras.losses.BinaryCrossentropy(from_logits=True)
SPARSE = keras.losses.SparseCategoricalCrossentropy


@pytest.mark.parametrize("loss", [BCE.call, BCE.__call__, functools.partial(BCE.call), functools.partial(BCE.__call__)])
def test_a_method_of_a_loss_object_is_read_as_the_object(loss):
    assert read_loss(loss) == read_loss(BCE)
    assert Metrics("f1").evaluate(echo_model(loss=loss), (LOGITS, Y))["f1"] == sk.f1_score(Y, LOGITS[:, 0] > 0)


@pytest.mark.parametrize("cls", [keras.losses.Hinge, keras.losses.MeanSquaredError, SPARSE])
def test_a_loss_class_is_read_as_its_default_object(cls):
    assert read_loss(cls) == read_loss(cls())


@pytest.mark.parametrize("loss", [keras.losses.Circle(), keras.losses.CTC(), keras.losses.ctc, keras.losses.Circle])
def test_losses_for_other_kinds_of_outputs_cannot_be_read(loss):
    assert "does not tell what the outputs are" in read_loss(loss).problem


def custom(y_true, y_pred):
    return y_pred


@pytest.mark.parametrize(
    ("losses", "reading"),
    [
        ([], LossReading("none")),
        (["mse", "mae"], LossReading("mean_squared_error + mean_absolute_error", "regression")),
        ([BCE, custom], LossReading("binary_crossentropy + custom", "binary", True)),
        ([custom, custom], LossReading("custom + custom")),
        (
            [SPARSE(ignore_class=255), SPARSE(ignore_class=255, axis=1)],
            LossReading(
                "sparse_categorical_crossentropy + sparse_categorical_crossentropy", "categorical", False, 255, axis=1
            ),
        ),
        (
            ["mse", BCE],
            LossReading(
                "mean_squared_error + binary_crossentropy",
                problem="the losses mean_squared_error + binary_crossentropy of this output contradict each other",
            ),
        ),
        (
            ["mse", BCE, keras.losses.CTC()],
            LossReading(
                "mean_squared_error + binary_crossentropy + CTC",
                problem="the loss CTC does not tell what the outputs are",
            ),
        ),
    ],
)
def test_several_losses_of_an_output(losses, reading):
    assert read_losses(losses) == reading


@pytest.mark.parametrize(
    "loss",
    [
        SPARSE(axis=1),
        keras.losses.CategoricalCrossentropy(axis=1),
        keras.losses.CategoricalFocalCrossentropy(axis=1),
        functools.partial(keras.losses.sparse_categorical_crossentropy, axis=1),
    ],
)
def test_classes_on_another_axis_raise_before_training(loss):
    p = RNG.dirichlet(np.ones(4), (8, 4)).astype("float32")
    inputs = keras.Input((4, 4))
    model = keras.Model(inputs, keras.layers.Dense(4, use_bias=False, kernel_initializer="identity")(inputs))
    model.compile("sgd", loss)
    y = p.argmax(axis=1)
    if not read_loss(loss).name.startswith("sparse"):
        y = np.moveaxis(np.eye(4, dtype="float32")[y], -1, 1)
    message = "has the classes on axis 1, but scores need them on the last axis"
    with pytest.raises(DataError, match=message):
        Metrics(verbose=False).evaluate(model, (p, y))
    with pytest.raises(DataError, match=message):
        model.fit(p, y, validation_data=(p, y), verbose=0, callbacks=[Metrics(verbose=False)])
    assert model.optimizer.iterations == 0


def test_the_last_axis_given_by_its_number():
    p = RNG.dirichlet(np.ones(3), 40).astype("float32")
    y = RNG.integers(0, 3, 40)
    ours = Metrics("accuracy").evaluate(echo_model(3, loss=SPARSE(axis=1)), (p, y))
    assert ours["accuracy"] == sk.accuracy_score(y, p.argmax(axis=1))


@pytest.mark.parametrize("loss", ["sparse_categorical_crossentropy", "crossentropy", None])
def test_two_columns_that_do_not_add_up_to_one_raise(loss):
    p = RNG.random((60, 2)).astype("float32")
    with pytest.raises(DataError, match=r"must add up to 1.*task='multiclass'"):
        assessed(Binary(), Y, p, loss=loss)
    labels = assessed(Multiclass(), Y, p, ["accuracy"], loss=loss).values["accuracy"]
    assert labels == sk.accuracy_score(Y, p.argmax(axis=1))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_two_columns_of_a_softmax_in_any_precision(dtype):
    p = RNG.dirichlet(np.ones(2), 60).astype(dtype)
    assert_same(assessed(Binary(), Y, p).values["f1"], sk.f1_score(Y, p[:, 1] > 0.5))


Fields = namedtuple("Fields", "zed alpha")


class Named(keras.Model):
    """Returns a named tuple whose fields are not in alphabetical order."""

    def __init__(self, nested):
        super().__init__()
        self.same = keras.layers.Dense(4, use_bias=False, kernel_initializer="identity")
        self.nested = nested

    def call(self, inputs):
        columns = self.same(inputs)
        found = Fields(columns[:, :1], columns[:, 1:])
        return {"k": found} if self.nested else found


@pytest.mark.parametrize("nested", [False, True])
def test_the_fields_of_a_named_tuple_keep_their_order(nested):
    shares = RNG.dirichlet(np.ones(3), 60).astype("float32")
    classes = RNG.integers(0, 3, 60)
    model = Named(nested)
    loss, y = ["binary_crossentropy", "sparse_categorical_crossentropy"], Fields(Y, classes)
    model.compile(loss=loss)
    values = Metrics(["accuracy"]).evaluate(model, (np.concatenate([X, shares], axis=1), {"k": y} if nested else y))
    name = "k/output" if nested else "output"
    assert values[f"{name}_1_accuracy"] == sk.accuracy_score(Y, X[:, 0] > 0.5)
    assert values[f"{name}_2_accuracy"] == sk.accuracy_score(classes, shares.argmax(axis=1))


WEIGHT = np.arange(60.0)


@pytest.mark.parametrize("given", [None, np.linspace(1, 2, 60)])
@pytest.mark.parametrize(
    "score", [functools.partial(sk.f1_score, sample_weight=WEIGHT), sk.make_scorer(sk.f1_score, sample_weight=WEIGHT)]
)
def test_weights_bound_to_a_score(score, given):
    ours = assessed(Binary(), Y, X[:, 0], {"own": score}, sample_weight=given).values["own"]
    assert_same(ours, sk.f1_score(Y, X[:, 0] > 0.5, sample_weight=WEIGHT))
    with pytest.raises(ValueError, match=r"memory='bounded'.*own"):
        Metrics({"own": score}, task="binary", memory="bounded")


@pytest.mark.parametrize(
    ("task", "only", "greater"),
    [
        (Binary(pos_label=7), 3, 7),
        (Binary(pos_label=3), 7, 7),
        (Binary(pos_label=2), 1, 2),
        (Multiclass(labels=[3, 7]), 3, 7),
        (Multiclass(labels=[7, 3]), 7, 7),
        (Multiclass(labels=[7, 3]), 3, 7),
    ],
)
def test_the_brier_score_of_a_single_class_is_that_of_the_greater_label(task, only, greater):
    """As in a pass with both classes. scikit-learn's scorer would take the only label for the positive one."""
    columns = np.column_stack([1 - X[:, 0], X[:, 0]]).astype("float64")
    if task.kind == "binary":
        share = columns[:, int(task.pos_label == greater)]
        ours = assessed(task, np.full(60, only), columns[:, 1], "neg_brier_score")
    else:
        share = columns[:, list(task.labels).index(greater)]
        ours = assessed(task, np.full(60, only), columns, "neg_brier_score")
    assert_same(ours.values["neg_brier_score"], -np.mean((share - (only == greater)) ** 2), tolerance=1e-7)


def test_uint8_outputs_do_not_wrap_around():
    p = (X[:, 0] > 0.5).astype("uint8")
    y = np.where(Y == 1, 3, 7)
    scorer = sk.make_scorer(sk.roc_auc_score, response_method=("decision_function", "predict_proba"))
    ours = assessed(Binary(pos_label=3), y, p, {"own": scorer}).values["own"]
    assert_same(ours, sk.roc_auc_score(y, -p.astype(float)))


def test_log_loss_of_probabilities_rounded_to_more_than_one():
    p = np.where(Y == 1, np.float32(1.0000005), np.float32(0.2))
    ours = assessed(Binary(), Y, p, "neg_log_loss").values["neg_log_loss"]
    assert_same(ours, -sk.log_loss(Y, np.minimum(p, np.float32(1))))


def test_sparse_inputs():
    x = sparse.csr_matrix(X)
    assert Metrics("f1").evaluate(echo_model(), (x, Y))["f1"] == sk.f1_score(Y, X[:, 0] > 0.5)


def batch(y_true, y_pred, sample_weight=None):
    return {"y_true": y_true, "y_pred": y_pred, "sample_weight": sample_weight, "mask": None}


def test_batches_with_and_without_a_last_axis_of_one():
    """Keras accepts them on JAX and PyTorch, and raises on TensorFlow."""
    weight = np.linspace(1, 2, 60)
    rows = Predictions.join([batch(Y[:20], X[:20], weight[:20, None]), batch(Y[20:, None], X[20:], weight[20:])])
    assert rows.y_true.tolist() == Y.tolist()
    assert rows.sample_weight.tolist() == weight.tolist()


def test_class_numbers_in_one_batch_and_one_hot_rows_in_another_raise():
    p, y = RNG.dirichlet(np.ones(3), 60), RNG.integers(0, 3, 60)
    with pytest.raises(
        DataError, match=r"y_true has different shapes in different validation batches: \(None, 3\), \(None,\)"
    ):
        Predictions.join([batch(y[:20], p[:20]), batch(np.eye(3)[y[20:]], p[20:])])


def test_a_loss_without_an_axis_uses_the_last():
    assert read_loss(keras.losses.BinaryCrossentropy()) == LossReading("binary_crossentropy", "binary")


Wrapper = keras.losses.BinaryCrossentropy.__mro__[1]  # what Keras makes of a function


@pytest.mark.parametrize(
    ("function", "options", "reading"),
    [
        ("binary_crossentropy", {}, LossReading("binary_crossentropy", "binary")),
        ("binary_crossentropy", {"from_logits": True}, LossReading("binary_crossentropy", "binary", True)),
        (
            "sparse_categorical_crossentropy",
            {"ignore_class": 9, "axis": 1},
            LossReading("sparse_categorical_crossentropy", "categorical", False, 9, axis=1),
        ),
        ("mean_squared_error", {}, LossReading("mean_squared_error", "regression")),
    ],
)
def test_a_wrapped_function_is_read_as_the_function(function, options, reading):
    assert read_loss(Wrapper(getattr(keras.losses, function), **options)) == reading
    assert read_loss(Wrapper(custom)) == LossReading("custom")


class WithoutConfig(keras.losses.Loss):
    """Computes something else than the function that it keeps."""

    fn = staticmethod(keras.losses.binary_crossentropy)

    def call(self, y_true, y_pred):
        return keras.ops.mean(y_pred, axis=-1)

    def get_config(self):
        return None


def binary_crossentropy(y_true, y_pred):
    return y_pred


@pytest.mark.parametrize("loss", [WithoutConfig(), binary_crossentropy])
def test_what_only_looks_like_a_loss_of_keras_is_unknown(loss):
    assert read_loss(loss) == LossReading(getattr(loss, "__name__", "WithoutConfig"))


def test_from_logits_is_one_value():
    partial = functools.partial(keras.losses.binary_crossentropy, from_logits=np.array([True, False]))
    problem = "from_logits of the loss binary_crossentropy must be True or False; received an array"
    assert read_loss(partial) == LossReading("binary_crossentropy", problem=problem)
