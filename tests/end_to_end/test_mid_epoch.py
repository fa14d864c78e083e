"""`metrics.evaluate` in the middle of an epoch: right scores, and a training that is the same to the last bit."""

import keras
import numpy as np
import pytest
from sklearn import metrics as sk

from kerascb_metrics import Metrics
from tests.support.arrays import assert_same

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
