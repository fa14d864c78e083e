"""Regression: the model's static shape decides whether the last axis holds columns, whatever the batches' shapes."""

import keras
import numpy as np
import pytest
from sklearn import metrics as sk

from kerascb_metrics import Metrics, Regression
from kerascb_metrics.exceptions import DataError
from kerascb_metrics.interpret.losses import LossReading
from kerascb_metrics.tally.exact import ExactTally
from tests.support.arrays import assert_same, read, rows_of
from tests.support.models import Batches

SCORES = ["r2", "neg_mean_absolute_error", "explained_variance"]
RNG = np.random.default_rng(0)


def values(*shape):
    """Targets and outputs whose columns differ in scale: scores are wrong if another axis is read as columns."""
    y = RNG.normal(size=shape) * (1 + np.arange(shape[-1]))
    return y.astype("float32"), (y + RNG.normal(size=shape) * 0.5).astype("float32")


def expected(y, p, weight=None):
    own = {"sample_weight": weight}
    return {
        "r2": sk.r2_score(y, p, **own),
        "neg_mean_absolute_error": -sk.mean_absolute_error(y, p, **own),
        "explained_variance": sk.explained_variance_score(y, p, **own),
    }


SHAPES = {
    "(N,)": ((12,), (12,), (12,)),
    "(N, 1)": ((12, 1), (12,), (12,)),
    "(N, 3)": ((12, 3), (12, 3), (12, 3)),
    "(N, 1, 1, 8)": ((12, 1, 1, 8), (12, 1, 1, 8), (12, 8)),
    "(N, 1, 1, 8), targets (N, 8)": ((12, 1, 1, 8), (12, 8), (12, 8)),
    "(N, 8), targets (N, 1, 8)": ((12, 8), (12, 1, 8), (12, 8)),
    "(N, T, 1)": ((4, 3, 1), (4, 3, 1), (12,)),
    "(N, T, 1), targets (N, T)": ((4, 3, 1), (4, 3), (12,)),
    "(N, T, 5)": ((4, 3, 5), (4, 3, 5), (12, 5)),
    "(N, T, 5), targets (N, T, 1, 5)": ((4, 3, 5), (4, 3, 1, 5), (12, 5)),
    "(N, H, W, 2)": ((2, 3, 2, 2), (2, 3, 2, 2), (12, 2)),
    "(1, T, 2)": ((1, 12, 2), (1, 12, 2), (12, 2)),
}


@pytest.mark.parametrize("name", SHAPES)
def test_shapes(name):
    outputs, targets, flat = SHAPES[name]
    y, p = values(*outputs)
    tally = read(Regression(), y.reshape(targets), p, "mse")
    assert (tally.y_true.shape, tally.y_pred.shape) == (flat, flat)
    assert_same(tally.y_true, y.reshape(flat), 0)
    assert_same(tally.y_pred, p.reshape(flat), 0)


@pytest.mark.parametrize(
    ("targets", "outputs"), [((4, 5, 3), (4, 3, 5)), ((4, 15), (4, 3, 5)), ((12, 5), (4, 3, 5)), ((8, 4), (4, 8))]
)
def test_targets_of_another_shape_raise(targets, outputs):
    with pytest.raises(DataError, match="targets"):
        read(Regression(), np.ones(targets), np.ones(outputs), "mse")


@pytest.mark.parametrize("shape", [(4,), (4, 1), (4, 3), (4, 3, 1)])
def test_weights_and_masks_per_row_or_per_position(shape):
    y, p = values(4, 3, 5)
    weight = RNG.random(shape) + 0.1
    mask = RNG.random((4, 3)) < 0.7
    tally = read(Regression(), y, p, "mse", sample_weight=weight, mask=mask)
    spread = np.broadcast_to(weight.reshape(*shape, *[1] * (2 - len(shape))).reshape(4, -1), (4, 3))
    assert_same(tally.sample_weight, spread[mask], 0)
    assert_same(tally.y_pred, p[mask], 0)


def test_a_last_axis_of_positions_is_flattened():
    rows = rows_of(*values(4, 3))
    tally = ExactTally(Regression().read(type(rows)(rows.y_true, rows.y_pred, has_columns=False), LossReading()))
    assert tally.y_pred.tolist() == rows.y_pred.ravel().tolist()


# Through fit.


class Echo(keras.Model):
    """A model without static shapes."""

    def __init__(self, squeeze=False):
        super().__init__()
        self.scale, self.squeeze = self.add_weight(shape=(), initializer="ones", trainable=True), squeeze

    def call(self, inputs):
        outputs = inputs * self.scale
        return keras.ops.squeeze(outputs, -1) if self.squeeze else outputs


def functional(*shape, squeeze=False):
    inputs = keras.Input(shape)
    outputs = keras.layers.Dense(shape[-1], use_bias=False, kernel_initializer="identity")(inputs)
    if squeeze:
        outputs = keras.layers.Reshape((-1,))(outputs)
    return keras.Model(inputs, outputs)


def fit(model, batches, **options):
    """Fit on the first of the batches (x, y) or (x, y, weights), and validate on all of them."""
    model.compile(keras.optimizers.SGD(0.0), "mse", **options)
    metrics = Metrics(SCORES, verbose=False)
    model.fit(Batches(batches[:1]), validation_data=Batches(batches), epochs=1, verbose=0, callbacks=[metrics])
    return {name: metrics.history[name][0] for name in SCORES}, metrics


def cut(arrays, sizes):
    """Cut arrays of sequences (N, T, …) into batches of the given sizes."""
    stops = np.cumsum(sizes)
    return [tuple(array[stop - size : stop] for array in arrays) for size, stop in zip(sizes, stops, strict=True)]


Y, P = values(8, 6, 3)
WEIGHT = (RNG.random((8, 6)) + 0.1).astype("float32")
CUTS = [[8], [4, 4], [3, 5], [1] * 8]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("make", [lambda: functional(None, 3), lambda: functional(6, 3), Echo], ids=["T", "6", "own"])
@pytest.mark.parametrize("sizes", CUTS[:3], ids=str)
def test_sequences_in_batches_of_any_size(sizes, make, weighted):
    arrays = (P, Y, WEIGHT) if weighted else (P, Y)
    ours, _ = fit(make(), cut(arrays, sizes))
    theirs = expected(Y.reshape(-1, 3), P.reshape(-1, 3), WEIGHT.ravel().astype("float64") if weighted else None)
    for name, value in theirs.items():
        assert_same(ours[name], value)


LENGTHS = [6, 4, 6, 5]


def ragged(columns):
    """Batches of two sequences each; the length differs between batches."""
    return [tuple(array[2 * i : 2 * i + 2, :length, :columns] for array in (P, Y)) for i, length in enumerate(LENGTHS)]


@pytest.mark.parametrize("columns", [1, 3])
@pytest.mark.parametrize("own", [False, True], ids=["functional", "subclassed"])
def test_sequences_of_different_length(columns, own):
    batches = ragged(columns)
    ours, _ = fit(Echo() if own else functional(None, columns), batches)
    p, y = (np.concatenate([batch[i].reshape(-1, columns) for batch in batches]) for i in (0, 1))
    for name, value in expected(y, p).items():
        assert_same(ours[name], value)


@pytest.mark.parametrize("lengths", [[6] * 4, LENGTHS, [1] * 4, [2] * 4], ids=str)
def test_a_last_axis_of_unknown_length_holds_positions(lengths):
    batches = [(P[2 * i : 2 * i + 2, :t, :1], Y[2 * i : 2 * i + 2, :t, 0]) for i, t in enumerate(lengths)]
    ours, metrics = fit(functional(None, 1, squeeze=True), batches)
    p, y = (np.concatenate([batch[i].ravel() for batch in batches]) for i in (0, 1))
    for name, value in expected(y, p).items():
        assert_same(ours[name], value)
    if len(set(lengths)) == 1:
        assert metrics.predictions.y_pred.shape == (8, lengths[0])
        assert not metrics.predictions.has_columns or lengths == [1] * 4


def test_an_unknown_last_axis_that_differs_between_batches_raises():
    batches = [(x, y[..., 0]) for x, y in ragged(1)]
    with pytest.raises(DataError, match=r"last axis of the outputs differs in length.*\(N, T, 1\).*keras.Input"):
        fit(Echo(squeeze=True), batches)


def test_columns_after_axes_of_length_one():
    y, p = values(12, 1, 1, 8)
    ours, _ = fit(functional(1, 1, 8), cut((p, y), [6, 6]))
    for name, value in expected(y.reshape(12, 8), p.reshape(12, 8)).items():
        assert_same(ours[name], value)


@pytest.mark.parametrize(
    ("loss", "one_hot"),
    [
        (None, False),
        ("crossentropy", False),
        ("crossentropy", True),
        ("sparse_categorical_crossentropy", False),
        (lambda y_true, y_pred: keras.ops.mean(y_pred, axis=-1), False),
    ],
)
def test_a_last_axis_of_unknown_length_holds_classes_if_the_loss_or_the_targets_need_them(loss, one_hot):
    """The model accepts any number of columns; class numbers have one target for all columns of a row."""
    p = RNG.dirichlet(np.ones(3), 40).astype("float32")
    y = np.where(RNG.random(40) < 0.6, p.argmax(axis=1), RNG.integers(0, 3, 40))
    inputs = keras.Input((None,))
    model = keras.Model(inputs, keras.layers.Activation("linear")(inputs))
    if loss is not None:
        model.compile(loss=loss)
    ours = Metrics(["f1", "accuracy"]).evaluate(model, (p, np.eye(3)[y] if one_hot else y))
    assert_same(ours["f1"], sk.f1_score(y, p.argmax(axis=1), average="macro"))
    assert_same(ours["accuracy"], sk.accuracy_score(y, p.argmax(axis=1)))


@pytest.mark.parametrize("memory", ["exact", "bounded"])
@pytest.mark.parametrize("length", [2, 5])
def test_binary_positions_of_unknown_length_are_rows(length, memory):
    x = RNG.random((8, length, 1)).astype("float32")
    y = (RNG.random((8, length)) < x[..., 0]).astype("float32")
    model = functional(None, 1, squeeze=True)
    model.compile(keras.optimizers.SGD(0.0), "binary_crossentropy")
    metrics = Metrics(["f1", "confusion"], memory=memory, verbose=False)
    model.fit(x, y, validation_data=(x, y), epochs=1, verbose=0, callbacks=[metrics])
    assert_same(metrics.f1s, [sk.f1_score(y.ravel(), x.ravel() > 0.5)])
    assert_same(metrics.confusion[0], sk.confusion_matrix(y.ravel(), x.ravel() > 0.5))
