"""The recipe of examples/mid_epoch.py: `metrics.evaluate` every n batches, in the middle of an epoch of `fit`."""

import ast
from pathlib import Path

import keras
import numpy as np
import pytest
from sklearn import metrics as sk

from kerascb_metrics import Metrics
from tests.support.models import BACKEND, Batches, binary_rows

EXAMPLE = Path(__file__).parents[2] / "examples" / "mid_epoch.py"
X, Y = binary_rows(96, seed=1, logits=True)
X_VAL, Y_VAL = binary_rows(40, seed=2, logits=True)
BATCHES = [(X[start : start + 8], Y[start : start + 8, None]) for start in range(0, 96, 8)]  # 12 in each epoch


def class_of_example():
    """The callback alone: importing the example would run it."""
    tree = ast.parse(EXAMPLE.read_text(encoding="utf-8"))
    tree.body = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    names = {"keras": keras, "Metrics": Metrics}
    exec(compile(tree, str(EXAMPLE), "exec"), names)
    return names["EvaluateEvery"]


EvaluateEvery = class_of_example()


def build(**options):
    """A model with everything that a pass could change: batch statistics, seeds, momentum, metrics."""
    keras.utils.set_random_seed(5)
    layers = [
        keras.Input((1,)),
        keras.layers.Dense(4, activation="tanh"),
        keras.layers.BatchNormalization(),
        keras.layers.Dropout(0.5),
        keras.layers.Dense(1, activation="sigmoid"),
    ]
    model = keras.Sequential(layers)
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), "binary_crossentropy", metrics=["accuracy"], **options)
    return model


def generator():
    while True:
        yield from BATCHES


ARRAYS = {"x": X, "y": Y, "batch_size": 8}
SOURCES = {
    "arrays": (ARRAYS, {}, [5, 10, 15, 20]),
    "run eagerly": (ARRAYS, {"run_eagerly": True}, [5, 10, 15, 20]),
    "PyDataset": ({"x": Batches(BATCHES), "shuffle": False}, {}, [5, 10, 15, 20]),
    "generator": ({"x": generator, "steps_per_epoch": 12}, {}, [5, 10, 15, 20]),
}
if BACKEND != "torch":  # Keras on torch allows 1 only
    SOURCES["steps_per_execution=3"] = (ARRAYS, {"steps_per_execution": 3}, [6, 12, 15, 21])


class Weights(keras.callbacks.Callback):
    """Keeps the weights after each batch."""

    def on_train_begin(self, logs=None):
        self.after, self.before_epoch = {}, 0

    def on_train_batch_end(self, batch, logs=None):
        self.last = self.before_epoch + batch + 1
        self.after[self.last] = self.model.get_weights()

    def on_epoch_end(self, epoch, logs=None):
        self.before_epoch = self.last


def train(source, options, callbacks):
    """A new model after two epochs, its history, and all values of it and its optimizer."""
    model = build(**options)
    given = {name: value() if callable(value) else value for name, value in source.items()}
    run = model.fit(**given, validation_data=(X_VAL, Y_VAL), epochs=2, verbose=0, callbacks=callbacks)
    variables = [*model.variables, *model.optimizer.variables]
    return model, run.history, [keras.ops.convert_to_numpy(variable) for variable in variables]


@pytest.mark.parametrize(("source", "options", "batches"), SOURCES.values(), ids=SOURCES)
def test_scores_are_those_of_the_weights_and_the_fit_is_unchanged(source, options, batches):
    _, plain, without = train(source, options, [])
    every, weights = EvaluateEvery(5, (X_VAL, Y_VAL), ["f1", "auc"]), Weights()
    model, history, values = train(source, options, [every, weights])

    assert history == plain
    assert len(values) == len(without)
    for value, other in zip(values, without, strict=True):
        np.testing.assert_array_equal(value, other)

    assert [scores["batch"] for scores in every.history] == batches
    for scores in every.history:
        model.set_weights(weights.after[scores["batch"]])
        outputs = model.predict(X_VAL, verbose=0)[:, 0]
        assert scores["f1"] == sk.f1_score(Y_VAL, outputs > 0.5, zero_division=0.0)
        assert scores["auc"] == pytest.approx(sk.roc_auc_score(Y_VAL, outputs), rel=0, abs=1e-12)


@pytest.mark.parametrize("options", [{}, {"validation_data": (X_VAL, Y_VAL)}], ids=["own pass", "given data"])
def test_with_metrics_in_the_same_fit(options):
    """The same `Metrics` may serve both: `evaluate` does not touch its history."""
    alone = Metrics(["f1", "auc"], verbose=False, **options)
    train(ARRAYS, {}, [alone])
    metrics, every = Metrics(["f1", "auc"], verbose=False, **options), EvaluateEvery(4, (X_VAL, Y_VAL))
    every.metrics = metrics
    train(ARRAYS, {}, [every, metrics])
    assert dict(metrics.history) == dict(alone.history)
    assert [scores["batch"] for scores in every.history] == [4, 8, 12, 16, 20, 24]
    # After batch 12 and batch 24 an epoch ends.
    assert [every.history[2]["f1"], every.history[5]["f1"]] == metrics.history["f1"]


def test_another_fit_begins_a_new_history():
    every = EvaluateEvery(6, (X_VAL, Y_VAL), "f1")
    for _ in range(2):
        train(ARRAYS, {}, [every])
        assert [scores["batch"] for scores in every.history] == [6, 12, 18, 24]
