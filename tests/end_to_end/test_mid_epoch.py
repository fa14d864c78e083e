"""Scoring a part of the fitted model in any hook: the scores are those of the weights at that time, and the fit is the
same. On JAX only the state of fit has these weights; on PyTorch the part must return to its training mode.
"""

import ast
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from sklearn import metrics as sk

from kerascb_metrics import Metrics
from tests.support.models import BACKEND, binary_rows
from tests.support.small_models import HOW

X_FIT, Y_FIT = binary_rows(40, seed=1, logits=True)
X, Y = binary_rows(30, seed=2, logits=True)
SCORE = "neg_brier_score"


def new_model():
    """It has everything that a pass could change: batch statistics, dropout and its seed, an optimizer with momentum.

    Returns the model, and a part of it that is a model too.
    """
    keras.utils.set_random_seed(4)
    inputs = keras.Input((1,))
    hidden = layers.Dropout(0.5)(layers.BatchNormalization()(layers.Dense(4, "tanh")(inputs)))
    part = keras.Model(inputs, layers.Dense(1, "sigmoid")(hidden))
    model = keras.Sequential([part, layers.Identity()])
    model.compile(keras.optimizers.Adam(0.1), "binary_crossentropy", **HOW)
    return model, part


class Evaluates(keras.callbacks.Callback):
    """Calls `metrics.evaluate` in a hook, and keeps the scores in a list."""

    def __init__(self, predicts, every, hook):
        super().__init__()
        self.predicts, self.every, self.batches, self.scores = predicts, every, 0, []
        self.metrics = Metrics(SCORE, verbose=False)
        setattr(self, hook, self.score)

    def score(self, batch, logs=None):
        self.batches += 1
        if self.batches % self.every == 0:
            self.scores.append(self.metrics.evaluate(self.predicts, (X, Y), batch_size=16)[SCORE])


class Weights(keras.callbacks.Callback):
    """The weights at the batches that are scored."""

    def __init__(self):
        super().__init__()
        self.batches, self.seen = 0, []

    def on_train_batch_end(self, batch, logs=None):
        self.batches += 1
        if self.batches % 3 == 0:
            self.seen.append(self.model.get_weights())


WAYS = {
    "the fitted model": lambda model, part: model,
    "a part of it": lambda model, part: part,
    "a function of a part": lambda model, part: lambda x: part(x, training=False),
}


def fit(model, *callbacks):
    metrics = Metrics(verbose=False)
    run = model.fit(
        X_FIT, Y_FIT, validation_data=(X, Y), batch_size=8, epochs=2, verbose=0, callbacks=[metrics, *callbacks]
    )
    return run.history, model.get_weights(), metrics.history.epochs


@pytest.fixture(scope="module")
def plain():
    """A fit without scoring within the epoch; and the score of its weights after the batches 3, 6 and 9."""
    model, _ = new_model()
    weights = Weights()
    found = fit(model, weights)
    expected = []
    for seen in weights.seen:
        model.set_weights(seen)
        expected.append(-sk.brier_score_loss(Y, model.predict(X, verbose=0)[:, 0]))
    return found, expected


@pytest.mark.parametrize("way", WAYS)
def test_scores_within_an_epoch(way, plain):
    (history, weights, epochs), expected = plain
    model, part = new_model()
    callback = Evaluates(WAYS[way](model, part), 3, "on_train_batch_end")
    history_with, weights_with, epochs_with = fit(model, callback)
    assert callback.scores == pytest.approx(expected, abs=1e-6)
    assert len(expected) == 3
    assert np.ptp(expected) > 1e-3
    assert history_with == history
    assert epochs_with == epochs == [0, 1]
    for ours, theirs in zip(weights_with, weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.slow
@pytest.mark.parametrize("hook", ["on_train_batch_begin", "on_test_batch_end", "on_epoch_begin"])
def test_evaluate_in_other_hooks(hook, plain):
    """The fit is not changed, wherever in it other data is scored."""
    model, part = new_model()
    callback = Evaluates(part, 1, hook)
    history, weights, _ = fit(model, callback)
    assert len(callback.scores) == callback.batches > 0
    assert history == plain[0][0]
    for ours, theirs in zip(weights, plain[0][1], strict=True):
        np.testing.assert_array_equal(ours, theirs)


# The recipe.

EXAMPLE = Path(__file__).parents[2] / "examples" / "mid_epoch.py"


def callback_of_example():
    """The class alone: importing the example would run it."""
    tree = ast.parse(EXAMPLE.read_text(encoding="utf-8"))
    tree.body = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    names = {"keras": keras, "Metrics": Metrics, "Any": Any}
    exec(compile(tree, str(EXAMPLE), "exec"), names)
    return names["EvaluateEvery"]


def of_unknown_length():
    for start in range(0, 40, 10):
        yield X_FIT[start : start + 10], Y_FIT[start : start + 10, None]


COUNTED = {
    "arrays": ({"x": X_FIT, "y": Y_FIT, "batch_size": 10, "epochs": 2}, 1, [3, 6]),
    "unknown length": ({"x": of_unknown_length, "shuffle": False}, 1, [3]),
    "several steps per execution": ({"x": X_FIT, "y": Y_FIT, "batch_size": 10, "epochs": 3}, 2, [4, 6, 10, 12]),
}
if BACKEND == "torch":  # Keras on torch allows 1 only
    del COUNTED["several steps per execution"]


# Keras warns of this for every dataset of unknown length, at the end of the first epoch.
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Your input ran out of data")
@pytest.mark.parametrize(("data", "per_execution", "batches"), COUNTED.values(), ids=COUNTED)
def test_the_example_counts_the_batches_of_each_fit(data, per_execution, batches):
    every, model = (
        callback_of_example()(3, (X, Y), "f1"),
        keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, activation="sigmoid")]),
    )
    model.compile("sgd", "binary_crossentropy", steps_per_execution=per_execution)
    for _ in range(2):
        model.fit(**data | {"x": data["x"]() if callable(data["x"]) else data["x"]}, verbose=0, callbacks=[every])
        assert [scores["batch"] for scores in every.history] == batches
