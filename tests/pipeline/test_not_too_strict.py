"""What is known early, and the first batch, are judged no more strictly than the whole pass: these are no mistakes."""

import keras
import numpy as np
import pytest
from keras import layers
from sklearn.metrics import f1_score

from kerascb_metrics import Binary, DataError, Metrics
from tests.support.models import Batches
from tests.support.three_batches import (
    BCE,
    BITS,
    CLASSES,
    MSE,
    P1,
    P3,
    RNG,
    ROWS,
    SIZE,
    SPARSE,
    Counts,
    any_targets,
    changed,
    compiled,
    echo,
    in_batches,
    lenient,
)


def scored(model, metrics, data, x=P1[:SIZE], y=BITS[:SIZE], **options):
    model.fit(x, y, validation_data=data, verbose=0, callbacks=[metrics], **options)
    return metrics.history


def test_later_targets_decide_the_task():
    y = np.arange(ROWS) / np.where(np.arange(ROWS) < SIZE, 1.0, 3.0)
    history = scored(echo(1, any_targets), Metrics("r2", verbose=False), Batches(in_batches(P1, y, None)))
    assert np.isfinite(history["r2"]).all()


def test_a_first_batch_of_zeros_and_ones_may_be_of_a_regression():
    y = np.where(np.arange(ROWS) < SIZE, BITS, P1[:, 0]).astype("float32")
    history = scored(echo(1, MSE), Metrics("r2", verbose=False), Batches(in_batches(P1, y, None)))
    assert np.isfinite(history["r2"]).all()


@pytest.mark.parametrize("label", [1, -1])
def test_a_first_batch_of_one_class(label):
    y = np.where(np.arange(ROWS) < SIZE, label, np.where(BITS, 1, -1)).astype("float32")
    metrics = Metrics("f1", task=Binary(pos_label=-1), verbose=False)
    history = scored(echo(1, "hinge"), metrics, Batches(in_batches(P1 - 0.5, y, None)))
    assert np.isfinite(history["f1"]).all()


class Identity(keras.Model):
    """(B, T) outputs of positions; nothing tells that T is not a number of columns."""

    def __init__(self):
        super().__init__()
        self.same = layers.Dense(1, use_bias=False, kernel_initializer="identity")

    def call(self, inputs):
        return keras.ops.squeeze(self.same(inputs[..., None]), -1)


@pytest.mark.parametrize("scoring", [["f1", "kappa"], ["f1"]])
def test_later_lengths_show_that_the_last_axis_holds_positions(scoring):
    """`kappa` is not defined for a multilabel task, as which the first batch alone would be read."""
    batches = [(RNG.random((4, length)).astype("float32"), RNG.integers(0, 2, (4, length))) for length in (3, 5, 2)]
    metrics = Metrics(scoring, verbose=False)
    history = scored(compiled(Identity(), BCE), metrics, Batches(batches), *batches[0])
    assert np.isfinite(history["f1"]).all()


def test_targets_under_a_mask_need_not_be_labels():
    x = RNG.integers(1, 5, (ROWS, 4))
    x[:, 2:] = 0
    y = np.where(x == 0, 0, x % 2)
    wrong = np.where(x == 0, 99, y)
    inputs = keras.Input((4,))
    outputs = layers.Dense(2, activation="softmax")(layers.Embedding(5, 3, mask_zero=True)(inputs))
    model = compiled(keras.Model(inputs, outputs), lenient(SPARSE))
    assert np.isfinite(scored(model, Metrics("f1", verbose=False), (x, wrong), x, y)["f1"]).all()
    metrics = Metrics("f1", validation_data=(x, wrong), verbose=False)
    model.fit(x, y, verbose=0, callbacks=[metrics])
    assert np.isfinite(metrics.f1s).all()


def test_rows_that_the_pass_does_not_see():
    y = changed(BITS, slice(2 * SIZE, None), 7)
    options = {"batch_size": SIZE, "validation_steps": 2}
    assert len(scored(echo(1, BCE), Metrics("f1", verbose=False), (P1, y), **options)["f1"]) == 1
    metrics = Metrics("f1", validation_data=(P1, y), validation_batch_size=SIZE, validation_steps=2, verbose=False)
    echo(1, BCE).fit(P1, BITS, verbose=0, callbacks=[metrics])
    assert len(metrics.f1s) == 1


def test_targets_of_the_class_that_the_loss_ignores():
    model = echo(3, keras.losses.SparseCategoricalCrossentropy(ignore_class=-1))
    data = (P3, changed(CLASSES, 3, -1))
    assert np.isfinite(scored(model, Metrics("f1", verbose=False), data, P3, CLASSES)["f1"]).all()


def test_a_step_that_makes_its_own_targets():
    class Halves(keras.Model):
        def compute_metrics(self, x, y, y_pred, sample_weight=None):
            return super().compute_metrics(x, y, y_pred, sample_weight)

        def train_step(self, *args):
            return super().train_step(*args)

        def test_step(self, *args):
            *state, (x, y) = args
            return super().test_step(*state, (x, keras.ops.cast(y > 2, "float32")))

    inputs = keras.Input((1,))
    model = compiled(Halves(inputs, layers.Dense(1, activation="sigmoid")(inputs)), BCE)
    history = scored(model, Metrics("f1", verbose=False, zero_division=1.0), (P1, np.arange(ROWS) % 5))
    assert len(history["f1"]) == 1


def test_pandas_and_several_outputs_in_a_list():
    pandas = pytest.importorskip("pandas")
    inputs = keras.Input((3,))
    outputs = [layers.Dense(3, activation="softmax", name="a")(inputs), layers.Dense(1, name="b")(inputs)]
    model = compiled(keras.Model(inputs, outputs), [SPARSE, "mse"])
    y = [pandas.Series(CLASSES), pandas.DataFrame({"value": P1[:, 0]})]
    metrics = Metrics({"a": ["f1"], "b": "r2"}, verbose=False)
    arrays = [CLASSES, P1]
    assert len(scored(model, metrics, (P3, y), P3, arrays)["a_f1"]) == 1
    wrong, counts = [pandas.Series(CLASSES + 1), y[1]], Counts()
    again = Metrics({"a": ["f1"], "b": "r2"}, verbose=False)
    with pytest.raises(DataError, match="output 'a': the model has 3 classes"):
        model.fit(P3, arrays, validation_data=(P3, wrong), verbose=0, callbacks=[counts, again])
    assert counts.training == 0


@pytest.mark.parametrize("memory", ["exact", "bounded"])
def test_the_summary_is_printed_once(memory, capsys):
    metrics = Metrics("f1", memory=memory)
    echo(1, BCE).fit(P1, BITS, validation_data=Batches(in_batches(P1, BITS, None)), verbose=2, callbacks=[metrics])
    assert capsys.readouterr().out.count("Metrics: binary task") == 1


@pytest.mark.parametrize("dtype", ["int64", "float32"])
@pytest.mark.parametrize("given", [False, True])
def test_masked_arrays_that_hide_nothing(given, dtype):
    """Keras takes them for what is in them."""
    data, model = (P1, np.ma.masked_array(BITS.astype(dtype))), echo(1, BCE)
    if given:
        history = scored(model, Metrics("f1", verbose=False, validation_data=data), None)
    else:
        try:
            echo(1, BCE).evaluate(*data, verbose=0)
        except ValueError:  # from Keras 3.16 on, JAX takes none
            with pytest.raises(ValueError, match="masked arrays are not supported"):
                scored(model, Metrics("f1", verbose=False), data)
            return
        history = scored(model, Metrics("f1", verbose=False), data)
    assert history["f1"] == [f1_score(BITS, P1[:, 0] > 0.5)]


@pytest.mark.parametrize("place", [0, 1, 2])
def test_given_arrays_that_hide_values_are_refused_before_training(place):
    data = [P1, BITS, np.ones(ROWS)]
    data[place] = np.ma.masked_array(data[place], mask=np.arange(data[place].size).reshape(data[place].shape) < 3)
    with pytest.raises(DataError, match=r"masked array that hides 3 values.*sample_weight of 0"):
        scored(echo(1, BCE), Metrics("f1", verbose=False, validation_data=tuple(data)), None)
    with pytest.raises(DataError, match="masked array that hides 3 values"):
        Metrics("f1", verbose=False).evaluate(echo(1, BCE), *data)
