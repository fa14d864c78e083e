"""Interrupted fits: the model is as Keras leaves it, the scores can be read, and the next fit is right.

A fit of two epochs is interrupted in the second. `FUSE` decides where: in the data, in the model's call, in a hook of a
callback listed before or after Metrics, or in a scorer.
"""

from functools import cache, partial

import keras
import numpy as np
import pytest
from sklearn import metrics as sk

from kerascb_metrics import Metrics, ScoringError
from tests.support.models import BACKEND, binary_rows
from tests.support.short_fits import ours

X, Y = binary_rows(7, seed=0)  # 2 batches, the last of 3
OTHER_X, OTHER_Y = binary_rows(6, seed=6)
HOOKS = [
    f"on_{of}_{when}"
    for of in ("train", "epoch", "train_batch", "test", "test_batch")
    for when in ("begin", "end")
]  # fmt: skip
LAST = ("on_epoch_end", "on_train_end")  # the second epoch is scored when these are called


class Fault(Exception):
    """An exception from code outside the package."""


class Fuse:
    """Raises at one place, from a given epoch on."""

    def __init__(self):
        self.put_out()

    def put_out(self):
        self.place, self.error, self.epoch, self.now = None, Fault, 1, -1

    def light(self, place, error, epoch=1):
        self.place, self.error, self.epoch = place, error, epoch

    def pass_by(self, place):
        if place == self.place and self.now >= self.epoch:
            raise self.error(place)


FUSE = Fuse()


@pytest.fixture(autouse=True)
def _put_out():
    yield
    FUSE.put_out()


class Rows(keras.utils.PyDataset):
    """Rows in batches of 4; each batch is a place that may raise."""

    def __init__(self, place, x, y):
        super().__init__()
        self.place, self.x, self.y = place, x, y[:, None]

    def __len__(self):
        return -(-len(self.x) // 4)

    def __getitem__(self, index):
        FUSE.pass_by(self.place)
        rows = slice(4 * index, 4 * index + 4)
        return self.x[rows], self.y[rows]


def data(place, x=X, y=Y):
    """`Rows`; for TensorFlow a dataset of them, because Keras would make one at each call."""
    rows = Rows(place, x, y)
    if BACKEND != "tensorflow":
        return rows
    import tensorflow as tf

    like = (tf.TensorSpec((None, 1), "float32"), tf.TensorSpec((None, 1), "int64"))
    dataset = tf.data.Dataset.from_generator(lambda: (rows[index] for index in range(len(rows))), output_signature=like)
    return dataset.apply(tf.data.experimental.assert_cardinality(len(rows)))


TRAINING = data("training data", X[:4], Y[:4])
VALIDATION, GIVEN = (data(f"{of} data") for of in ("validation", "given"))
OTHER_VALIDATION, OTHER_GIVEN = (data(f"{of} data", OTHER_X, OTHER_Y) for of in ("validation", "given"))


class Passed(keras.layers.Layer):
    """Returns its input; a place that may raise, in training and outside."""

    def call(self, inputs, training=False):
        place = "call in training" if training else "call in validation"
        if BACKEND == "tensorflow":
            import tensorflow as tf

            tf.py_function(partial(FUSE.pass_by, place), [], [])
        else:
            FUSE.pass_by(place)
        return inputs


@cache
def shared_model():
    """Echoes its input; its call runs Python for each batch. (TensorFlow's eager steps take ten times as long.)"""
    inputs = keras.Input((1,))
    outputs = keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")(Passed()(inputs))
    model = keras.Model(inputs, outputs)
    how = {"jit_compile": False} if BACKEND == "tensorflow" else {"run_eagerly": True}
    model.compile(keras.optimizers.SGD(0.0), "binary_crossentropy", **how)
    fit(model, [])
    model.predict(VALIDATION, verbose=0)
    return model


def other(where):
    """A callback; every hook is a place that may raise."""

    def hook(name):
        return lambda self, *args, **kwargs: FUSE.pass_by(f"{where} {name}")

    return type("Other", (keras.callbacks.Callback,), {name: hook(name) for name in HOOKS})()


def note_epoch():
    return keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: setattr(FUSE, "now", epoch))


def fit(model, callbacks, epochs=2, validation=VALIDATION):
    FUSE.now = -1
    return model.fit(
        TRAINING,
        validation_data=validation,
        epochs=epochs,
        shuffle=False,
        verbose=0,
        callbacks=[note_epoch(), other("before"), *callbacks, other("after")],
    )


def mine(y_true, y_pred):
    """A custom score."""
    FUSE.pass_by("scorer")
    return float(np.mean(y_true == y_pred))


def scoring(of=""):
    return {
        f"{of}{name}": score for name, score in [("f1", "f1"), ("auc", "auc"), ("matrix", "confusion"), ("mine", mine)]
    }


def captured(of="", **options):
    return Metrics(scoring(of), verbose=False, **options)


def given(of="", **options):
    return Metrics(scoring(of), verbose=False, prefix="test_", validation_data=GIVEN, **options)


# Which Metrics, and the data that `fit` validates.
SOURCES = {"captured": ([captured], VALIDATION), "given": ([given], None), "both": ([captured, given], VALIDATION)}


def assert_scores(metrics, epochs, x=X, y=Y, of=""):
    """Compare the scores of exactly these epochs, the rows, the matrix and the best epoch with scikit-learn."""
    history, labels = metrics.history, (x[:, 0] > 0.5).astype(int)
    assert history.epochs == epochs
    assert list(history) == (list(scoring(of)) if epochs else [])
    if not epochs:
        return
    assert history[f"{of}f1"] == [sk.f1_score(y, labels)] * len(epochs)
    assert history[f"{of}mine"] == [sk.accuracy_score(y, labels)] * len(epochs)
    np.testing.assert_allclose(history[f"{of}auc"], [sk.roc_auc_score(y, x[:, 0])] * len(epochs), rtol=0, atol=1e-12)
    np.testing.assert_array_equal(history[f"{of}matrix"], [sk.confusion_matrix(y, labels)] * len(epochs))
    np.testing.assert_array_equal(metrics.predictions.y_pred, x)
    np.testing.assert_array_equal(metrics.predictions.y_true.ravel(), y)
    assert history.best(f"{of}f1") == (epochs[0], sk.f1_score(y, labels))
    np.testing.assert_array_equal(history.tally().matrix(), sk.confusion_matrix(y, labels))


@cache
def expected_of_evaluate():
    return shared_model().evaluate(VALIDATION, verbose=0)


def state(model):
    """What a fit may leave behind: attributes of the instance, and functions that replace Keras's own."""
    state = dict.fromkeys(vars(model), "")
    for name in ("evaluate", "_eval_epoch_iterator"):  # the latter is Keras's own, which the next fit resets
        state.pop(name, None)
    kept = ("train_function", "test_function", "predict_function", "stop_predicting")
    return state | {name: vars(model)[name] for name in kept}


def variables(model):
    return [*model.variables, *model.optimizer.variables]


def weights_are_there(model):
    """Return whether Keras left the weights in the model.

    On JAX it detaches them from the variables for a pass, and a batch that raises may lose them, also without Metrics.
    """
    model.jit_compile = model.jit_compile  # on JAX setting any attribute syncs the state
    return all(variable._value is not None for variable in variables(model))


def interrupted_fit(callbacks, validation, place, error):
    """Fit, check that it raises at that place, and return whether the weights are still there."""
    allowed = (error, ScoringError)
    if BACKEND == "tensorflow":
        import tensorflow as tf

        allowed = (*allowed, tf.errors.OpError)  # tf.data wraps an error in a generator
    FUSE.light(place, error, epoch=-1 if "on_train_begin" in place else 1)
    with pytest.raises(allowed) as raised:
        fit(shared_model(), callbacks, validation=validation)
    assert place in str(raised.value)
    FUSE.put_out()
    return weights_are_there(shared_model())


def put_weights_back(model, values):
    for variable, value in zip(variables(model), values, strict=True):
        variable.assign(value)


def after_a_fault(source, place, error, epochs):
    """Interrupt a fit at one place; check the scores, the model and the next fit."""
    model, (make, validation) = shared_model(), SOURCES[source]
    expected = expected_of_evaluate()
    values = [keras.ops.convert_to_numpy(variable.value) for variable in variables(model)]
    alone = validation is not None and place in KERAS_MAY_LOSE
    kept = interrupted_fit([], validation, place, error) if alone else True
    put_weights_back(model, values)
    before = state(model)

    same = [one(error_score="raise") for one in make]
    assert interrupted_fit(same, validation, place, error) == kept, (
        "weights are lost only if Keras alone loses them too"
    )
    if not kept:
        put_weights_back(model, values)
    for metrics in same:
        assert_scores(metrics, epochs)
    assert state(model) == before
    assert model.evaluate(VALIDATION, verbose=0) == expected

    new = [one("new_") for one in make]
    for metrics in (*same, *new):
        metrics.validation_data = None if metrics.uses_fit_validation else OTHER_GIVEN
    fit(model, [*same, *new], epochs=1, validation=OTHER_VALIDATION if validation is not None else None)
    for metrics in same:
        assert_scores(metrics, [0], OTHER_X, OTHER_Y)
    for metrics in new:
        assert_scores(metrics, [0], OTHER_X, OTHER_Y, "new_")
    assert "evaluate" not in vars(model)
    assert state(model) == before


KERAS_MAY_LOSE = ("training data", "validation data", "call in training", "call in validation")


@pytest.mark.parametrize("error", [Fault, KeyboardInterrupt])
@pytest.mark.parametrize(
    ("source", "place"),
    [
        *[("captured", place) for place in (*KERAS_MAY_LOSE, "scorer")],
        *[("given", place) for place in ("given data", "call in validation", "scorer")],
    ],
)
def test_data_the_model_or_a_scorer_raises(source, place, error):
    after_a_fault(source, place, error, [0])


@pytest.mark.parametrize("turn", [0, 1])
@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_of_another_callback_raises(hook, turn):
    """Every hook of a callback listed before or after two Metrics: once with an error, once with an interrupt."""
    where = ("before", "after")[turn]
    error = (Fault, KeyboardInterrupt)[(turn + HOOKS.index(hook)) % 2]
    epochs = [] if hook == "on_train_begin" else [0, 1] if hook in LAST else [0]
    after_a_fault("both", f"{where} {hook}", error, epochs)


@pytest.mark.parametrize("place", ["given data", "call in validation"])
def test_a_given_pass_that_fails_later_does_not_end_the_training(place):
    """The default of `error_score`: nan and one warning."""
    metrics = given()
    FUSE.light(place, Fault)
    with pytest.warns(UserWarning, match=f"(?s)epoch 1: recorded nan, because the pass failed.*{place}") as warned:
        fit(shared_model(), [metrics], epochs=4, validation=None)
    assert len(ours(warned)) == 1
    assert metrics.history.epochs == [0, 1, 2, 3]
    values = [sk.accuracy_score(Y, X[:, 0] > 0.5), *[np.nan] * 3]
    np.testing.assert_array_equal(metrics.history["mine"], values)
    assert weights_are_there(shared_model())
    FUSE.put_out()
    fit(shared_model(), [metrics], validation=None)
    assert_scores(metrics, [0, 1])
