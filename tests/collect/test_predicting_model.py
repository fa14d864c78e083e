"""`model=` with the trainers that people write: distiller, autoencoder, two towers, encoder with a probe, GAN."""

import contextlib

import keras
import numpy as np
import pytest
from sklearn import metrics as sk

from kerascb_metrics import Binary, CaptureError, Metrics, Multiclass
from tests.support.arrays import assert_same
from tests.support.models import BACKEND, echo_model

N = 48
RNG = np.random.default_rng(33)
X = RNG.normal(size=(N, 4)).astype("float32")
OTHER = RNG.normal(size=(N, 4)).astype("float32")
CLASSES = (X @ RNG.normal(size=(4, 3))).argmax(axis=1)
SIMILAR = ((X * OTHER).sum(axis=1) > 0).astype("int64")


def dense(inputs, units, activation=None):
    return keras.layers.Dense(units, activation)(inputs)


def distiller():
    """A functional model that trains a student to the teacher's outputs; the student returns logits."""
    inputs = keras.Input((4,))
    student = keras.Model(inputs, dense(inputs, 3))
    student.compile(loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    trainer = keras.Model(inputs, [student(inputs), dense(inputs, 3)])
    trainer.compile(keras.optimizers.SGD(0.5), ["mse", "mse"])
    return trainer, student, (X, [np.eye(3)[CLASSES], np.eye(3)[CLASSES]]), (X, CLASSES), "auto"


def autoencoder():
    """The reconstruction error ranks anomalies: a function of the outputs, in units of its own."""
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2), keras.layers.Dense(4)])
    model.compile(keras.optimizers.SGD(0.1), "mse")

    def error(x):
        return keras.ops.mean(keras.ops.square(model(x) - x), axis=-1)

    return model, error, (X, X), (X, SIMILAR), Binary(threshold=0.5, from_logits=False)


def two_towers():
    """The similarity of two embeddings is the score; the trainer returns the embeddings."""
    query, item = keras.Input((4,), name="query"), keras.Input((4,), name="item")
    towers = dense(query, 3), dense(item, 3)
    trainer = keras.Model([query, item], list(towers))
    trainer.compile(keras.optimizers.SGD(0.1), ["mse", "mse"])

    def similarity(x):
        one, two = trainer(x)
        return keras.ops.sum(one * two, axis=-1, keepdims=True)

    targets = [np.ones((N, 3)), np.zeros((N, 3))]
    return trainer, similarity, ([X, OTHER], targets), ([X, OTHER], SIMILAR), Binary(threshold=0.0, from_logits=False)


def encoder_with_a_probe():
    """A function that returns NumPy arrays: an encoder, then another library."""
    inputs = keras.Input((4,))
    encoder = keras.Model(inputs, dense(inputs, 5, "tanh"))
    trainer = keras.Model(inputs, dense(encoder(inputs), 4))
    trainer.compile(keras.optimizers.SGD(0.2), "mse")
    weights = RNG.normal(size=(5, 3))

    def probe(x):
        return keras.ops.convert_to_numpy(encoder(x)) @ weights

    return trainer, probe, (X, OTHER), (X, CLASSES), Multiclass(from_logits=True)


CASES = {case.__name__: case for case in (distiller, autoencoder, two_towers, encoder_with_a_probe)}


class Reference(keras.callbacks.Callback):
    """Predicts the data itself at each epoch's end."""

    def __init__(self, predictor, x):
        super().__init__()
        self.predictor, self.x, self.outputs = predictor, x, []

    def on_epoch_end(self, epoch, logs=None):
        if isinstance(self.predictor, keras.Model):
            self.outputs.append(self.predictor.predict(self.x, verbose=0))
            return
        tensors = keras.tree.map_structure(keras.ops.convert_to_tensor, self.x)
        with without_gradients():
            self.outputs.append(np.asarray(keras.ops.convert_to_numpy(self.predictor(tensors))))


def without_gradients():
    if BACKEND != "torch":
        return contextlib.nullcontext()
    import torch

    return torch.no_grad()


@pytest.mark.parametrize("case", CASES)
def test_the_scores_of_each_epoch_are_those_of_the_model(case):
    keras.utils.set_random_seed(1)
    trainer, predictor, (x, y), data, task = CASES[case]()
    metrics = Metrics(validation_data=data, model=predictor, task=task, validation_batch_size=20, verbose=False)
    reference = Reference(predictor, data[0])
    trainer.fit(x, y, epochs=3, verbose=0, callbacks=[metrics, reference])
    for epoch, outputs in enumerate(reference.outputs):
        if isinstance(task, Binary):
            y_pred, average = outputs.ravel() > np.float32(task.threshold), "binary"
            tolerance = 0.1  # a row near the threshold may be on the other side: batches round differently
            assert_same(metrics.auc[epoch], sk.roc_auc_score(data[1], outputs.ravel()), 1e-3)
        else:
            y_pred, average, tolerance = outputs.argmax(axis=1), "macro", 1e-12
        assert_same(metrics.f1s[epoch], sk.f1_score(data[1], y_pred, average=average, zero_division=0), tolerance)
    np.testing.assert_allclose(np.squeeze(metrics.predictions.y_pred), np.squeeze(reference.outputs[-1]), atol=1e-5)
    assert not np.array_equal(reference.outputs[0], reference.outputs[-1])  # the model was trained


def test_a_trainer_without_a_call_is_scored_by_its_inner_model():
    class Gan(keras.Model):
        def __init__(self):
            super().__init__()
            self.critic, self.built = echo_model(counted=True), True

        def train_step(self, *args):
            return ({"own": 0.0}, args[0]) if BACKEND == "jax" else {"own": 0.0}

    gan = Gan()
    gan.compile("sgd", run_eagerly=True)
    x = RNG.random((20, 1)).astype("float32")
    data = (x, x[:, 0] > 0.4)
    with pytest.raises(CaptureError, match=r"model=inner_model"):
        gan.fit(x, verbose=0, callbacks=[Metrics(validation_data=data)])
    metrics = Metrics(validation_data=data, model=gan.critic, verbose=False)
    gan.fit(x, verbose=0, callbacks=[metrics])
    assert_same(metrics.f1s, [sk.f1_score(data[1], x[:, 0] > 0.5)])
    assert gan.critic.counter.seen() == 0  # state is restored


def test_data_from_a_generator_and_names_of_outputs():
    inputs = keras.Input((4,))
    inner = keras.Model(inputs, {"a": dense(inputs, 1, "sigmoid"), "b": dense(inputs, 3, "softmax")})
    inner.compile(loss={"a": "binary_crossentropy", "b": "sparse_categorical_crossentropy"})
    trainer = keras.Model(inputs, dense(keras.ops.concatenate(list(inner(inputs).values()), axis=-1), 1))
    trainer.compile("sgd", "mse")

    def batches():
        while True:
            yield X[:30], {"a": SIMILAR[:30], "b": CLASSES[:30]}
            yield X[30:], {"a": SIMILAR[30:], "b": CLASSES[30:]}

    metrics = Metrics("f1", validation_data=batches(), validation_steps=2, model=inner, verbose=False)
    trainer.fit(X, SIMILAR, epochs=2, verbose=0, callbacks=[metrics])
    a, b = (inner.predict(X, verbose=0)[name] for name in "ab")
    assert_same(metrics.history["a_f1"][-1], sk.f1_score(SIMILAR, a[:, 0] > 0.5, zero_division=0))
    assert_same(metrics.history["b_f1"][-1], sk.f1_score(CLASSES, b.argmax(axis=1), average="macro"))
    assert metrics.monitor("b_f1")["monitor"] == "val_b_f1"
