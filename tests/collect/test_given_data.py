"""Given data: every source is scored completely and aligned with its targets, and training is not changed."""

import random

import keras
import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as sk

from kerascb_metrics import DataError, Metrics, Multiclass
from tests.support.custom_steps import as_class
from tests.support.models import BACKEND, binary_rows, echo_model

X, Y = binary_rows(101, seed=1)
X_FIT, Y_FIT = binary_rows(32, seed=2)
WEIGHTS = np.random.default_rng(3).uniform(0.1, 2, 101)
TRUTH = {float(x): int(y) for x, y in zip(X[:, 0], Y, strict=True)}


class Reshuffled(keras.utils.PyDataset):
    """Other rows in each batch at every reading."""

    def __init__(self, **options):
        super().__init__(**options)
        self.order, self.rng = np.arange(101), np.random.default_rng(0)

    def __len__(self):
        return 7

    def __getitem__(self, batch):
        rows = self.order[16 * batch : 16 * (batch + 1)]
        return X[rows], Y[rows], WEIGHTS[rows]

    def on_epoch_end(self):
        self.rng.shuffle(self.order)


class Ordered(Reshuffled):
    """For workers: Keras reads ahead into the next epoch, so shuffling in place races with it, without Metrics too."""

    def on_epoch_end(self):
        pass


def endless():
    while True:
        for start in range(0, 101, 16):
            yield X[start : start + 16], Y[start : start + 16]


def native_dataset():
    if BACKEND == "tensorflow":
        import tensorflow as tf

        return tf.data.Dataset.from_tensor_slices((X, Y)).shuffle(101, seed=0).batch(16)
    if BACKEND == "torch":
        import torch

        rows = torch.utils.data.TensorDataset(torch.from_numpy(X), torch.from_numpy(Y))
        return torch.utils.data.DataLoader(rows, batch_size=16, shuffle=True)
    return Ordered(workers=2)


SOURCES = {
    "arrays": lambda: {"validation_data": (X, Y)},
    "arrays in small batches": lambda: {"validation_data": (X, Y), "validation_batch_size": 7},
    "weighted arrays": lambda: {"validation_data": (X, Y, WEIGHTS)},
    "pandas": lambda: {"validation_data": (pd.DataFrame(X), pd.Series(Y))},
    "backend tensors": lambda: {"validation_data": (keras.ops.array(X), keras.ops.array(Y))},
    "reshuffling PyDataset": lambda: {"validation_data": Reshuffled()},
    "the backend's own dataset": lambda: {"validation_data": native_dataset()},
    "generator": lambda: {"validation_data": endless(), "validation_steps": 7},
}


def fitted(metrics, epochs=2, model=None, **options):
    model = model or echo_model()
    others = options.pop("callbacks", [])
    return model, model.fit(X_FIT, Y_FIT, epochs=epochs, verbose=0, callbacks=[*others, metrics], **options)


@pytest.mark.parametrize("source", SOURCES)
def test_every_source_is_scored_completely_and_aligned(source):
    metrics = Metrics(**SOURCES[source]())
    fitted(metrics)
    rows = metrics.predictions
    assert len(rows) == 101
    np.testing.assert_array_equal(np.sort(rows.y_pred[:, 0]), np.sort(X[:, 0]))
    assert [TRUTH[float(output)] for output in rows.y_pred[:, 0]] == rows.y_true.ravel().tolist()
    weight = rows.sample_weight
    assert (weight is not None) == ("weighted" in source or isinstance(metrics.validation_data, Reshuffled))
    labels = rows.y_pred[:, 0] > 0.5
    assert metrics.f1s[-1] == pytest.approx(sk.f1_score(rows.y_true.ravel(), labels, sample_weight=weight), abs=1e-12)
    assert metrics.auc[-1] == pytest.approx(
        sk.roc_auc_score(rows.y_true.ravel(), rows.y_pred[:, 0], sample_weight=weight), abs=1e-12
    )


def test_captured_and_given_data_have_the_same_scores():
    captured, given = Metrics(), Metrics(validation_data=(X, Y), prefix="test_")
    fitted(captured, callbacks=[given], validation_data=(X, Y))
    assert {
        name: list(map(np.asarray, values)) for name, values in captured.history.items()
    }.keys() == given.history.keys()
    for name in captured.history:
        np.testing.assert_array_equal(captured.history[name], given.history[name])


@pytest.mark.parametrize("fit_validates", [True, False])
def test_every_callback_sees_the_keys_wherever_it_is_listed(fit_validates):
    seen = []
    first = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(dict(logs)))
    metrics = Metrics(validation_data=(X, Y), prefix="test_", validation_freq=2)
    options = {"validation_data": (X_FIT, Y_FIT)} if fit_validates else {}
    _, run = fitted(metrics, epochs=4, callbacks=[first], **options)
    assert metrics.history.epochs == [1, 3]
    assert ["test_f1" in logs for logs in seen] == [False, True, False, True]
    assert run.history["test_f1"] == metrics.f1s
    assert isinstance(seen[1]["test_tp"], float)


def test_validation_freq_takes_a_list():
    metrics = Metrics("f1", validation_data=(X, Y), validation_freq=[1, 3])
    fitted(metrics, epochs=4)
    assert metrics.history.epochs == [0, 2]


def test_early_stopping_listed_first_stops_on_a_given_score():
    stop = keras.callbacks.EarlyStopping("test_f1", patience=1)
    metrics = Metrics(validation_data=(X, Y), prefix="test_")
    fitted(metrics, epochs=6, callbacks=[stop])
    assert len(metrics.f1s) == 2
    assert stop.mode == "auto"


def test_the_predict_function_is_built_once_per_fit(monkeypatch):
    built = []
    model = echo_model()
    make = type(model).make_predict_function
    monkeypatch.setattr(
        type(model), "make_predict_function", lambda self, force=False: (built.append(force), make(self, force))
    )
    fitted(Metrics(validation_data=(X, Y)), epochs=3, model=model)
    assert built.count(True) == 1
    assert model.predict_function is None


class Noisy(keras.layers.Layer):
    """Draws from its seed at every call, outside training too."""

    def __init__(self):
        super().__init__()
        self.seeds = keras.random.SeedGenerator(0)

    def call(self, inputs):
        return inputs + keras.random.normal(keras.ops.shape(inputs), seed=self.seeds)


def test_training_is_not_changed():
    def run(callbacks):
        keras.utils.set_random_seed(5)
        inputs = keras.Input((1,))
        outputs = keras.layers.Dense(1, activation="sigmoid")(keras.layers.Dropout(0.5)(Noisy()(inputs)))
        model = keras.Model(inputs, outputs)
        model.compile("sgd", "binary_crossentropy")
        history = model.fit(X_FIT, Y_FIT, epochs=3, verbose=0, validation_split=0.25, callbacks=callbacks)
        drawn = (random.random(), float(np.random.rand()))  # noqa: NPY002
        return model, history.history, drawn

    plain, history, drawn = run([])
    model, with_ours, drawn_after = run([Metrics(validation_data=native_dataset(), prefix="test_")])
    assert {key: value for key, value in with_ours.items() if not key.startswith("test_")} == history
    assert drawn == drawn_after
    assert set(vars(model)) == set(vars(plain))
    for ours, theirs in zip(model.variables, plain.variables, strict=True):
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(ours), keras.ops.convert_to_numpy(theirs))


def test_steps_per_execution():
    steps = 1 if BACKEND == "torch" else 3  # Keras refuses more on PyTorch
    metrics = Metrics(validation_data=Reshuffled())
    fitted(metrics, model=echo_model(steps_per_execution=steps))
    assert [TRUTH[float(output)] for output in metrics.predictions.y_pred[:, 0]] == metrics.predictions.y_true.tolist()
    assert len(metrics.predictions) == 101


def test_masks_are_used():
    tokens = np.array([[1, 2, 0], [2, 0, 0], [1, 1, 2]])
    tags = np.array([[0, 1, 9], [1, 9, 9], [0, 0, 1]])
    model = keras.Sequential(
        [keras.layers.Embedding(3, 2, mask_zero=True), keras.layers.Dense(2, activation="softmax")]
    )
    model.compile(loss="sparse_categorical_crossentropy")
    model(tokens)
    values = Metrics("accuracy", task=Multiclass()).evaluate(model, (tokens, np.where(tags == 9, 0, tags)))
    labels = model.predict(tokens, verbose=0).argmax(-1)
    assert values["accuracy"] == sk.accuracy_score(tags[tokens > 0], labels[tokens > 0])


@pytest.mark.parametrize("compiled", [True, False])
def test_evaluate_scores_a_test_set(compiled):
    model = echo_model() if compiled else keras.Sequential([keras.Input((1,)), keras.layers.Identity()])
    metrics = Metrics()
    values = metrics.evaluate(model, (X, Y), batch_size=13)
    assert values["f1"] == sk.f1_score(Y, X[:, 0] > 0.5)
    np.testing.assert_array_equal(values["confusion"], sk.confusion_matrix(Y, X[:, 0] > 0.5))
    assert metrics.f1s == []
    assert Metrics("accuracy").evaluate(model, endless(), steps=7)["accuracy"] == values["confusion"].trace() / 101


def test_progress_bar_of_a_long_pass(monkeypatch, capsys):
    monkeypatch.setattr("kerascb_metrics.collect.given_data._LONG_PASS", 0.0)
    model = echo_model()
    model.fit(X_FIT, Y_FIT, verbose=2, callbacks=[Metrics(validation_data=(X, Y))])
    assert "4/4" in capsys.readouterr().out
    model.fit(X_FIT, Y_FIT, verbose=0, callbacks=[Metrics(validation_data=(X, Y))])
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"validation_data": (X,)}, "must hold targets"),
        ({"validation_data": (X, None)}, "must hold targets"),
        ({"prefix": "test_"}, "needs validation_data="),
        ({"validation_steps": 3}, "needs validation_data="),
        ({"validation_data": (X, Y), "prefix": 3}, "prefix must be a string"),
        ({"validation_data": (X, Y), "validation_freq": 0}, "validation_freq must be a positive int"),
        ({"validation_data": endless()}, "validation_steps="),
    ],
)
def test_wrong_arguments_raise_in_the_constructor(options, message):
    with pytest.raises(ValueError, match=message):
        Metrics(**options)


def test_data_without_targets_raises():
    def inputs_only():
        while True:
            yield (X[:16],)

    with pytest.raises(DataError, match="yields no targets"):
        fitted(Metrics(validation_data=inputs_only(), validation_steps=2))


def test_a_generator_that_ends_early_raises():
    def short():
        yield X[:16], Y[:16]
        yield X[16:32], Y[16:32]

    metrics = Metrics(validation_data=short(), validation_steps=7)
    with pytest.warns(UserWarning, match="ran out of data"), pytest.raises(DataError, match="ended after 2 of 7"):
        fitted(metrics)


def test_two_callbacks_that_would_write_the_same_keys():
    with pytest.raises(ValueError, match="would both write"):
        fitted(Metrics(validation_data=(X, Y)), callbacks=[Metrics()], validation_data=(X, Y))


class CountedStep(keras.Model):
    """Counts how often Python runs the step: once per trace if it is compiled, otherwise once per batch."""

    steps = 0

    def predict_step(self, *args):
        type(self).steps += 1
        return super().predict_step(*args)


def test_later_epochs_are_not_traced():
    CountedStep.steps = 0
    model = as_class(CountedStep)
    after = []
    count = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: after.append(CountedStep.steps))
    fitted(Metrics(validation_data=(X, Y)), epochs=4, model=model, callbacks=[count])
    assert after == ([4, 8, 12, 16] if BACKEND == "torch" else [after[0]] * 4)
    assert after[0] <= (4 if BACKEND == "torch" else 2)
