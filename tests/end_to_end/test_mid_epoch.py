"""`metrics.evaluate` in the middle of an epoch: right scores, and a training that is the same to the last bit."""

import ast
from pathlib import Path

import keras
import numpy as np
import pytest
from sklearn import metrics as sk

from kerascb_metrics import Metrics
from tests.support.arrays import assert_same
from tests.support.models import BACKEND

RNG = np.random.default_rng(5)
X = RNG.normal(size=(96, 4)).astype("float32")
Y = (X[:, 0] + RNG.normal(size=96) > 0).astype("int64")
TEST = X[64:], Y[64:]


class EvaluateEvery(keras.callbacks.Callback):
    def __init__(self, batches):
        super().__init__()
        self.batches, self.metrics, self.history, self.outputs = batches, Metrics(["f1", "auc"]), [], []

    def on_train_batch_end(self, batch, logs=None):
        if (batch + 1) % self.batches == 0:
            self.history.append(self.metrics.evaluate(self.model, TEST))
            self.outputs.append([keras.ops.convert_to_numpy(v) for v in self.model.trainable_variables])


def model_of(layers):
    keras.utils.set_random_seed(3)
    model = keras.Sequential([keras.Input((4,)), *layers(), keras.layers.Dense(1, activation="sigmoid")])
    model.compile(keras.optimizers.Adam(0.05), "binary_crossentropy")
    return model


LAYERS = {
    "dense": lambda: [keras.layers.Dense(5, "relu")],
    "seeds and statistics": lambda: [keras.layers.Dropout(0.4, seed=1), keras.layers.BatchNormalization()],
}


def trained(layers, callbacks):
    model = model_of(LAYERS[layers])
    run = model.fit(
        X[:64], Y[:64], validation_data=TEST, batch_size=16, epochs=2, verbose=0, shuffle=True, callbacks=callbacks
    )
    return run.history, [keras.ops.convert_to_numpy(variable) for variable in model.variables]


@pytest.mark.parametrize(("layers", "beside"), [("dense", False), ("seeds and statistics", True)])
def test_training_is_the_same_to_the_last_bit(layers, beside):
    own = [Metrics(verbose=False)] if beside else []
    history, variables = trained(layers, own)
    seen, others = trained(layers, [EvaluateEvery(2), *own])
    assert {name: seen[name] for name in history} == history
    for one, two in zip(variables, others, strict=True):
        assert np.array_equal(one, two)


def test_the_scores_are_those_of_the_weights_at_that_batch():
    every = EvaluateEvery(2)
    trained("dense", [every])
    assert len(every.history) == 4
    replay = model_of(LAYERS["dense"])
    for found, weights in zip(every.history, every.outputs, strict=True):
        for variable, value in zip(replay.trainable_variables, weights, strict=True):
            variable.assign(value)
        p = replay.predict(TEST[0], verbose=0)[:, 0]
        assert_same(found["auc"], sk.roc_auc_score(TEST[1], p), 1e-6)
        assert_same(found["f1"], sk.f1_score(TEST[1], p > 0.5))


EXAMPLE = Path(__file__).parents[2] / "examples" / "mid_epoch.py"


def callback_of_example():
    """The class alone: importing the example would run it."""
    tree = ast.parse(EXAMPLE.read_text(encoding="utf-8"))
    tree.body = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    names = {"keras": keras, "Metrics": Metrics}
    exec(compile(tree, str(EXAMPLE), "exec"), names)
    return names["EvaluateEvery"]


def of_unknown_length():
    for start in range(0, 64, 16):
        yield X[start : start + 16], Y[start : start + 16, None]


COUNTED = {
    "arrays": ({"x": X[:64], "y": Y[:64], "batch_size": 16, "epochs": 2}, 1, [3, 6]),
    "unknown length": ({"x": of_unknown_length, "shuffle": False}, 1, [3]),
    "several steps per execution": ({"x": X[:64], "y": Y[:64], "batch_size": 16, "epochs": 3}, 2, [4, 6, 10, 12]),
}
if BACKEND == "torch":  # Keras on torch allows 1 only
    del COUNTED["several steps per execution"]


# Keras warns of this for every dataset of unknown length, at the end of the first epoch.
@pytest.mark.filterwarnings("ignore:Your input ran out of data")
@pytest.mark.parametrize(("data", "per_execution", "batches"), COUNTED.values(), ids=COUNTED)
def test_the_example_counts_the_batches_of_each_fit(data, per_execution, batches):
    every, model = callback_of_example()(3, TEST, "f1"), model_of(LAYERS["dense"])
    model.compile("sgd", "binary_crossentropy", steps_per_execution=per_execution)
    for _ in range(2):
        model.fit(**data | {"x": data["x"]() if callable(data["x"]) else data["x"]}, verbose=0, callbacks=[every])
        assert [scores["batch"] for scores in every.history] == batches
