"""`Metrics(mean_probability=True)`: the mean over epochs of the probability of each row's target, or an error."""

import pickle

import keras
import numpy as np
import pytest
from scipy.special import expit, softmax

from kerascb_metrics import Binary, Metrics, Multiclass, Multilabel
from kerascb_metrics.exceptions import DataError
from tests.support.models import shared_echo_model

N = 40
RNG = np.random.default_rng(4)
BITS = RNG.integers(0, 2, N)
CLASSES = RNG.integers(0, 3, N)
LABELS = RNG.integers(0, 2, (N, 3))
TAGS = np.where(RNG.random((N, 5)) < 0.3, -1, RNG.integers(0, 2, (N, 5)))


def fitted(metrics, epochs=3, callbacks=()):
    x, y = np.full((4, 1), 0.5, "float32"), np.array([0, 1, 0, 1])
    shared_echo_model(1).fit(x, y, epochs=epochs, verbose=0, callbacks=[*callbacks, metrics])
    return metrics


def given(y, z, task, function, epochs=3, size=16, **options):
    """Fit with validation outputs that differ in each epoch: `function` of z times the number of the epoch."""

    class Count(keras.callbacks.Callback):
        epoch = 0

        def on_epoch_begin(self, epoch, logs=None):
            Count.epoch = epoch

    def predict(x):
        return function(keras.ops.convert_to_numpy(x) * (1 + Count.epoch)).astype("float32")

    metrics = Metrics(
        ["f1"],
        task=task,
        validation_data=(z.astype("float32"), y),
        validation_batch_size=size,
        model=predict,
        mean_probability=True,
        verbose=False,
        **options,
    )
    return fitted(metrics, epochs, [Count()])


def same(z):
    return z


# task, targets, z, what the model returns for z, the probability of the targets for such an output
CASES = {
    "binary": ("binary", BITS, RNG.normal(size=(N, 1)), expit, lambda p: np.where(BITS, p[:, 0], 1 - p[:, 0])),
    "class 0 is positive": (
        Binary(pos_label=0),
        BITS,
        RNG.normal(size=(N, 1)),
        expit,
        lambda p: np.where(BITS, p[:, 0], 1 - p[:, 0]),
    ),
    "logits": (
        Multiclass(from_logits=True),
        CLASSES,
        RNG.normal(size=(N, 3)),
        same,
        lambda p: softmax(p.astype(float), axis=1)[np.arange(N), CLASSES],
    ),
    "labels": (
        Multilabel(from_logits=True),
        LABELS,
        RNG.normal(size=(N, 3)),
        same,
        lambda p: np.where(LABELS, expit(p.astype(float)), expit(-p.astype(float))).ravel(),
    ),
    "positions": (
        Binary(ignore_class=-1),
        TAGS,
        RNG.normal(size=(N, 5, 1)),
        expit,
        lambda p: np.where(TAGS == 1, p[..., 0], 1 - p[..., 0])[TAGS >= 0],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_it_is_the_mean_of_the_epochs(case):
    task, y, z, function, own = CASES[case]
    metrics = given(y, z, task, function)
    z = z.astype("float32")
    expected = np.mean([own(function(z * np.float32(1 + epoch)).astype("float32")) for epoch in range(3)], axis=0)
    frame = metrics.predictions.to_frame()
    np.testing.assert_allclose(frame["mean_probability"], expected, atol=1e-6)
    assert frame["mean_probability"].dtype == np.float32
    hardest = metrics.predictions.hardest(5)
    where = hardest.index if case != "labels" else None
    if where is not None:
        np.testing.assert_array_equal(hardest["mean_probability"], frame.loc[where, "mean_probability"])
    again = pickle.loads(pickle.dumps(metrics)).predictions.to_frame()
    np.testing.assert_array_equal(again["mean_probability"], frame["mean_probability"])


def test_a_new_fit_begins_anew_and_other_data_have_none():
    task, y, z, function, own = CASES["binary"]
    metrics = given(y, z, task, function)
    fitted(metrics, 1)
    outputs = metrics.predictions.y_pred
    np.testing.assert_allclose(metrics.predictions.to_frame()["mean_probability"], own(outputs), atol=1e-6)
    for scores in (metrics.score(y, outputs), metrics.evaluate(lambda x: x, outputs, y)):
        assert "mean_probability" not in scores.predictions.to_frame()


def test_it_is_not_there_unless_it_is_asked_for():
    metrics = Metrics(
        ["f1"], validation_data=(np.full((4, 1), 0.3), np.array([0, 1, 0, 1])), model=lambda x: x, verbose=False
    )
    assert "mean_probability" not in fitted(metrics, 1).predictions.to_frame()


# Keras 3.12 under NumPy 1.26, which catches what other tests raise for it.
@pytest.mark.filterwarnings("ignore:Conversion of an array:DeprecationWarning")
def test_other_rows_in_a_later_pass_end_it_with_one_warning():
    x, y = np.full((8, 1), 0.3), np.array([0, 1] * 4)

    class Turned(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            y[:] = 1 - y

    metrics = Metrics(
        ["f1"], task="binary", validation_data=(x, y), model=lambda x: x, mean_probability=True, verbose=False
    )
    with pytest.warns(UserWarning, match="rows of a pass are not those of the passes before it") as seen:
        fitted(metrics, 3, [Turned()])
    assert len([own for own in seen if "Metrics" in str(own.message)]) == 1
    assert "mean_probability" not in metrics.predictions.to_frame()


@pytest.mark.filterwarnings("ignore:Conversion of an array:DeprecationWarning")
def test_outputs_that_are_nan_in_one_epoch_do_not_end_the_run():
    task, y, z, function, own = CASES["binary"]
    broken = iter([True, False, False])

    def some_nan(x):
        return np.full(x.shape, np.nan) if next(broken) else function(x)

    with pytest.warns(UserWarning, match="NaN"):
        metrics = given(y, z, task, some_nan, size=N)
    first, last = (own(function(z.astype("float32") * np.float32(1 + epoch)).astype("float32")) for epoch in (1, 2))
    frame = metrics.predictions.to_frame()
    np.testing.assert_allclose(frame["mean_probability"], (first + last) / 2, atol=1e-6)


def test_what_has_no_probabilities_raises():
    with pytest.raises(ValueError, match="memory='bounded' keeps none"):
        Metrics(mean_probability=True, memory="bounded")
    with pytest.raises(ValueError, match="mean_probability must be one of True, False"):
        Metrics(mean_probability="yes")
    numbers = RNG.normal(size=(N, 1)).astype("float32")
    for task in ("regression", Binary(from_logits=False, threshold=0.2)):
        y = numbers if task == "regression" else BITS
        metrics = Metrics(
            ["r2"] if task == "regression" else ["f1"],
            task=task,
            validation_data=(numbers, y),
            model=lambda x: x,
            mean_probability=True,
            verbose=False,
        )
        with pytest.raises(DataError, match="mean_probability=True needs probabilities of classes"):
            fitted(metrics)
