"""Passes that end early or change, and models and callbacks in several fits, threads, copies and pickles."""

import copy
import pickle
import threading
from functools import cache

import keras
import numpy as np
import pytest
from sklearn import metrics as sk

from kerascb_metrics import DataError, Metrics, UndefinedScoreWarning
from tests.support.models import BACKEND, binary_rows, echo_model
from tests.support.short_fits import ours

X, Y = binary_rows(20, seed=1)
OTHER_X, OTHER_Y = binary_rows(13, seed=2)
X_FIT, Y_FIT = binary_rows(8, seed=3)
JIT = {"jit_compile": False} if BACKEND == "tensorflow" else {}


@cache
def shared_model():
    """A model that returns its input, and never changes."""
    return echo_model(**JIT)


def fit(metrics, validation=None, model=None, callbacks=(), **options):
    """Fit with one Metrics; return the predictions of each epoch that was scored."""
    if isinstance(validation, tuple):  # on TensorFlow Keras's functions fail after targets of both ranks
        validation = (validation[0], validation[1][:, None])
    each = EachEpoch(metrics)
    (model or shared_model()).fit(
        X_FIT,
        Y_FIT[:, None],
        batch_size=8,
        validation_data=validation,
        verbose=0,
        callbacks=[*callbacks, metrics, each],
        **options,
    )
    return each.predictions


class EachEpoch(keras.callbacks.Callback):
    """Notes the predictions of each scored epoch."""

    def __init__(self, metrics):
        super().__init__()
        self.metrics, self.predictions = metrics, []

    def on_epoch_end(self, epoch, logs=None):
        if self.metrics.history.epochs[-1:] == [epoch]:
            self.predictions.append(self.metrics.predictions)


def assert_scores(metrics, epoch, x, y):
    labels = x[:, 0] > 0.5
    assert metrics.history["f1"][epoch] == sk.f1_score(y, labels)
    assert metrics.history["auc"][epoch] == pytest.approx(sk.roc_auc_score(y, x[:, 0]), abs=1e-12)
    np.testing.assert_array_equal(metrics.history["confusion"][epoch], sk.confusion_matrix(y, labels))


def rows(x, y, size=4):
    return [(x[start : start + size], y[start : start + size, None]) for start in range(0, len(x), size)]


# Passes that end early.


@pytest.mark.parametrize("hook", ["on_train_batch_end", "on_test_batch_end", "on_test_end", "on_epoch_end"])
def test_stop_training_anywhere_leaves_the_epoch_scored(hook):
    def stop(self, *args, **kwargs):
        if self.model is not None and self.epochs == 2:
            self.model.stop_training = True

    def count(self, epoch, logs=None):
        self.epochs += 1

    stops = type("Stops", (keras.callbacks.Callback,), {hook: stop, "on_epoch_begin": count, "epochs": 0})()
    metrics = Metrics(verbose=False)
    seen = fit(metrics, (X, Y), callbacks=[stops], epochs=5)
    assert metrics.history.epochs == [0, 1]
    for epoch, predictions in enumerate(seen):
        np.testing.assert_array_equal(predictions.y_pred, X)
        assert_scores(metrics, epoch, X, Y)


class StopsEvaluating(keras.callbacks.Callback):
    """Cuts the pass of the second epoch short, after its second batch."""

    passes = 0

    def on_test_begin(self, logs=None):
        self.passes += 1

    def on_test_batch_end(self, batch, logs=None):
        self.model.stop_evaluating = self.passes == 2 and batch == 1


def test_stop_evaluating_scores_nothing_of_that_pass():
    """A part of the rows is not the whole: nan, with a warning; the passes before and after are complete."""
    metrics = Metrics(verbose=False)
    with pytest.warns(UndefinedScoreWarning, match="epoch 1 .*cut short by stop_evaluating") as warned:
        seen = fit(metrics, (X, Y), callbacks=[StopsEvaluating()], epochs=3, validation_batch_size=4)
    assert len(ours(warned)) == 1
    assert [len(predictions) for predictions in seen] == [20, 8, 20]
    assert np.isnan([metrics.history[name][1] for name in ("f1", "precision", "recall", "kappa", "auc")]).all()
    for epoch in (0, 2):
        assert_scores(metrics, epoch, X, Y)


# Data that changes from epoch to epoch.


class Changing(keras.utils.PyDataset):
    """Has the given number of rows in each epoch."""

    def __init__(self, lengths):
        super().__init__()
        self.lengths, self.epoch = lengths, 0

    def __len__(self):
        return -(-self.lengths[self.epoch % len(self.lengths)] // 4)

    def __getitem__(self, index):
        length = self.lengths[self.epoch % len(self.lengths)]
        return X[:length][4 * index : 4 * index + 4], Y[:length, None][4 * index : 4 * index + 4]

    def follow(self):
        return keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: setattr(self, "epoch", epoch))


@pytest.mark.parametrize("given", [False, True], ids=["captured", "given"])
def test_data_that_shrinks_and_grows(given):
    """Each epoch scores the rows of that epoch. If they are captured, these are the rows that Keras validated."""
    data = Changing([20, 9, 16, 20])
    metrics = Metrics(verbose=False, validation_data=data if given else None)
    seen = fit(metrics, None if given else data, callbacks=[data.follow()], epochs=4)
    lengths = [len(predictions) for predictions in seen]
    assert len(lengths) == 4
    assert 9 in lengths
    for epoch, length in enumerate(lengths):
        np.testing.assert_array_equal(seen[epoch].y_pred, X[:length])
        assert_scores(metrics, epoch, X[:length], Y[:length])
    if given:
        assert lengths == data.lengths


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
@pytest.mark.parametrize("error_score", ["raise_first", 0.0])
def test_given_data_that_is_empty_in_one_epoch(error_score):
    """As in any pass that fails: nan, or the number of `error_score`, with one warning; the others are complete."""
    data = Changing([20, 0, 20])
    metrics = Metrics(verbose=False, validation_data=data, error_score=error_score)
    with pytest.warns(UserWarning, match="epoch 1: recorded") as warned:
        fit(metrics, callbacks=[data.follow()], epochs=3)
    assert len(ours(warned)) == 1
    assert metrics.history.epochs == [0, 1, 2]
    np.testing.assert_equal(metrics.f1s[1], np.nan if error_score == "raise_first" else 0.0)
    for epoch in (0, 2):
        assert_scores(metrics, epoch, X, Y)


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
@pytest.mark.filterwarnings("ignore:The dataset .*length")
def test_a_generator_that_ends_early():
    """It has batches for one and a half passes: the rows that Keras validates in the second are scored."""
    batches = (batch for batch in rows(X, Y) + rows(X, Y)[:2])
    metrics, model, validated = Metrics(verbose=False), echo_model(counted=True, **JIT), []

    class Count(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            assert self.model is model  # on JAX this brings the model's variables up to date
            validated.append(model.counter.seen())

    seen = fit(metrics, batches, model=model, callbacks=[Count()], epochs=2, validation_steps=5)
    # Keras peeks at the first batches, and yields them again; what it reads ahead in the first epoch may be lost.
    assert len(seen[0]) == 20
    assert 4 <= len(seen[1]) < 20
    assert [len(predictions) for predictions in seen] == validated
    for epoch, predictions in enumerate(seen):
        assert_scores(metrics, epoch, predictions.y_pred, predictions.y_true.ravel())


def test_a_given_generator_that_ends_in_a_later_epoch():
    batches = (batch for batch in rows(X, Y) + rows(X, Y)[:2])
    metrics = Metrics(verbose=False, validation_data=batches, validation_steps=5)
    with pytest.warns(UserWarning, match=r"recorded nan.*generator ended after 2 of 5|ran out of data") as warned:
        fit(metrics, epochs=2)
    assert sum("generator ended after 2 of 5" in str(one.message) for one in warned) == 1
    assert_scores(metrics, 0, X, Y)
    assert np.isnan(metrics.f1s[1])


# The model changes.


def test_weights_replaced_during_a_fit():
    """The scored outputs are those of the current weights."""
    model, metrics = echo_model(loss="mse", **JIT), Metrics(task="binary", verbose=False)
    kernels = [1.0, 0.875, 1.0]

    def replace(epoch, logs):
        model.get_layer("echo").set_weights([np.array([[kernels[epoch]]], "float32")])

    before = keras.callbacks.LambdaCallback(on_epoch_begin=replace)
    seen = fit(metrics, (X, Y), model, [before], epochs=3)
    for epoch, kernel in enumerate(kernels):
        np.testing.assert_array_equal(seen[epoch].y_pred, np.float32(kernel) * X)
        assert_scores(metrics, epoch, np.float32(kernel) * X, Y)


def test_one_callback_on_two_models_one_after_the_other():
    metrics, models = Metrics(verbose=False), [shared_model(), echo_model(columns=2, loss="mse", **JIT)]
    fit(metrics, (X, Y), models[0])
    first = metrics.history
    two, y = np.hstack([1 - OTHER_X, OTHER_X]), np.eye(2)[OTHER_Y]
    metrics.task = "binary"
    with pytest.raises(ValueError, match="task="):  # it is read in the constructor: a later change has no effect
        models[1].fit(two, y, validation_data=(two, y), verbose=0, callbacks=[metrics])
    models[1].compile(keras.optimizers.SGD(0.0), "categorical_crossentropy", **JIT)
    models[1].fit(two, y, validation_data=(two, y), verbose=0, callbacks=[metrics])
    assert_scores(metrics, 0, OTHER_X, OTHER_Y)
    fit(metrics, (OTHER_X, OTHER_Y), models[0])
    assert_scores(metrics, 0, OTHER_X, OTHER_Y)
    assert first["f1"] == [sk.f1_score(Y, X[:, 0] > 0.5)]
    assert all("evaluate" not in vars(model) for model in models)


def test_two_fits_in_two_threads_on_two_models():
    """Each scores its own rows, in every epoch."""
    models, data = [echo_model(**JIT), echo_model(**JIT)], [(X, Y), (OTHER_X, OTHER_Y)]
    for model, (x, y) in zip(models, data, strict=True):  # tracing is not tested here
        fit(Metrics(verbose=False), (x, y), model)
    all_metrics, seen, together = [Metrics(verbose=False), Metrics(verbose=False)], [None, None], threading.Barrier(2)
    wait = keras.callbacks.LambdaCallback

    def run(place):
        meet = wait(on_test_begin=lambda logs: together.wait(60), on_epoch_end=lambda epoch, logs: together.wait(60))
        seen[place] = fit(all_metrics[place], data[place], models[place], [meet], epochs=4)

    threads = [threading.Thread(target=run, args=(place,)) for place in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    for metrics, predictions, (x, y), model in zip(all_metrics, seen, data, models, strict=True):
        assert len(predictions) == 4
        for epoch in range(4):
            np.testing.assert_array_equal(predictions[epoch].y_pred, x)
            assert_scores(metrics, epoch, x, y)
        assert "evaluate" not in vars(model)


# Copies and pickles, of the callback and of the model.


def copied(thing):
    return copy.deepcopy(thing)


def pickled(thing):
    return pickle.loads(pickle.dumps(thing))


class Fails(keras.callbacks.Callback):
    def on_test_batch_end(self, batch, logs=None):
        raise RuntimeError("of mine")


@pytest.mark.parametrize("again", [copied, pickled])
def test_copies_of_a_callback_before_between_and_after_fits(again):
    """A copy keeps the scores so far, scores its own fits, and does not change the original."""
    before = again(Metrics(verbose=False))
    assert before.f1s == []
    fit(before, (X, Y))
    between = again(before)
    assert between.f1s == before.f1s == [sk.f1_score(Y, X[:, 0] > 0.5)]
    assert between.history.report() == before.history.report()
    fit(between, (OTHER_X, OTHER_Y), epochs=2)
    assert_scores(between, 1, OTHER_X, OTHER_Y)
    assert_scores(before, 0, X, Y)
    assert len(before.f1s) == 1
    np.testing.assert_array_equal(again(between).predictions.y_pred, OTHER_X)


def test_copies_of_a_callback_with_given_data():
    metrics = Metrics(verbose=False, validation_data=(X, Y), prefix="test_")
    fit(metrics)
    for other in (copied(metrics), pickled(metrics)):
        fit(other)
        assert_scores(other, 0, X, Y)


@pytest.mark.parametrize("again", [copied, pickled])
def test_copies_of_a_model_between_fits_and_after_an_interrupted_one(again):
    """A copy of a model has no hook, and fits like any other model; also with a copy of its callback."""
    model, metrics = echo_model(**JIT), Metrics(verbose=False)
    with pytest.raises(RuntimeError, match="of mine"):
        fit(metrics, (X, Y), model, [Fails()])
    assert "evaluate" in vars(model), "a fit that raised leaves a pass-through"
    other, history = again(model), again(metrics)
    assert "evaluate" not in vars(other)
    for one, of in ((other, history), (model, metrics)):
        fit(of, (X, Y), one)
        assert_scores(of, 0, X, Y)
        assert "evaluate" not in vars(one)


def test_copies_of_a_callback_during_a_fit():
    metrics, copies = Metrics(verbose=False), []
    take = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: copies.append(copied(metrics)))
    fit(metrics, (X, Y), callbacks=[take], epochs=2)
    assert [len(one.f1s) for one in copies] == [1, 2]
    fit(copies[0], (OTHER_X, OTHER_Y))
    assert_scores(copies[0], 0, OTHER_X, OTHER_Y)
    assert len(metrics.f1s) == 2


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
def test_given_data_that_is_empty_from_the_start():
    """In the first scored epoch there are no scores yet to record nan for. The model is not changed."""
    attributes = set(vars(shared_model()))
    # Keras's own `predict` fails first, in a different way on each backend.
    with pytest.raises((DataError, ValueError, UnboundLocalError, StopIteration)):
        fit(Metrics(verbose=False, validation_data=Changing([0])))
    assert set(vars(shared_model())) - attributes <= {"evaluate", "_eval_epoch_iterator"}  # the latter is Keras's own
    metrics = Metrics(verbose=False, validation_data=(X, Y))
    fit(metrics)
    assert_scores(metrics, 0, X, Y)
