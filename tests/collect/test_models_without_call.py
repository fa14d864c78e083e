"""`validation_data=` for a model around others, such as a GAN: without a `call` it is refused before training."""

import keras
import numpy as np
import pytest
from sklearn import metrics as sk

from kerascb_metrics import CaptureError, Metrics
from tests.support.models import BACKEND, binary_rows, echo_model

X, Y = binary_rows(24, seed=1)
CONFUSION = sk.confusion_matrix(Y, X[:, 0] > 0.5)


class Trainer(keras.Model):
    """Trains an inner model in its own loop. It is built, as in Keras's examples of GANs, and has no `call`."""

    trained = 0

    def __init__(self):
        super().__init__()
        self.inner = echo_model(counted=True)  # every layer in it is built
        self.built = True

    if BACKEND == "jax":

        def train_step(self, state, data):
            type(self).trained += 1
            return {"own_loss": keras.ops.mean(data[0])}, state

    else:

        def train_step(self, data):
            type(self).trained += 1
            return {"own_loss": keras.ops.mean(data[0])}


class Raises(Trainer):
    def call(self, inputs):
        raise NotImplementedError("Call the inner model.")


class RaisesWithAReason(Trainer):
    def call(self, inputs, training=None):
        """A common way to write it."""
        raise NotImplementedError(f"{type(self).__name__} has none; call {self.inner.name}.")


class OwnStep(Trainer):
    if BACKEND == "jax":

        def predict_step(self, state, data):
            x, _, _ = keras.utils.unpack_x_y_sample_weight(data)
            return self.inner.stateless_call(*state, x)

    else:

        def predict_step(self, data):
            x, _, _ = keras.utils.unpack_x_y_sample_weight(data)
            return self.inner(x, training=False)


class OwnCall(Trainer):
    def call(self, inputs):
        if inputs is None:
            raise NotImplementedError
        return self.inner(inputs)


class Delegates(Trainer):
    """Its `predict` calls another model's, so nothing can be captured."""

    def predict(self, x, **options):
        return self.inner.predict(x, **options)


def compiled(cls):
    model = cls()
    model.compile("sgd", run_eagerly=True)
    cls.trained = 0
    return model


def fit(model, metrics):
    return model.fit(X, Y, batch_size=12, epochs=2, verbose=0, callbacks=[metrics])


@pytest.mark.parametrize("cls", [Trainer, Raises, RaisesWithAReason])
def test_a_model_without_call_is_refused_before_training(cls):
    model, metrics = compiled(cls), Metrics(validation_data=(X, Y), task="binary", verbose=False)
    message = rf"{cls.__name__} has no `call`.*metrics\.evaluate\(inner_model, data\)"
    with pytest.raises(CaptureError, match=message):
        fit(model, metrics)
    assert cls.trained == 0
    with pytest.raises(CaptureError, match=message):
        metrics.evaluate(model, (X, Y))
    # The workaround.
    np.testing.assert_array_equal(metrics.evaluate(model.inner, (X, Y))["confusion"], CONFUSION)


@pytest.mark.parametrize("cls", [OwnStep, OwnCall])
def test_a_model_that_can_predict_is_scored(cls):
    model, metrics = compiled(cls), Metrics(validation_data=(X, Y), task="binary", verbose=False)
    fit(model, metrics)
    assert cls.trained == 4
    np.testing.assert_array_equal(metrics.confusion, [CONFUSION] * 2)


def test_a_call_on_the_instance():
    model = compiled(Trainer)
    model.call = lambda inputs, training=None: model.inner(inputs)
    found = Metrics(task="binary", verbose=False).evaluate(model, (X, Y))
    np.testing.assert_array_equal(found["confusion"], CONFUSION)


@pytest.mark.parametrize("source", ["arrays", "dataset"])
def test_an_overridden_predict_that_is_not_captured_scores_nothing(source):
    def batches():
        while True:
            yield X, Y

    data = {"validation_data": (X, Y)} if source == "arrays" else {"validation_data": batches(), "validation_steps": 1}
    metrics = Metrics(task="binary", verbose=False, **data)
    with pytest.raises(CaptureError, match=r"Delegates override `predict`.*metrics\.evaluate\(inner_model, data\)"):
        fit(compiled(Delegates), metrics)
    assert metrics.history.epochs == []


class SeesHalf(keras.Model):
    """Its `predict` leaves rows out."""

    def call(self, inputs):
        return inputs

    def predict(self, x, **options):
        self.stop_predicting = False
        options["callbacks"] = [keras.callbacks.LambdaCallback(on_predict_batch_end=lambda batch, logs: self.stop())]
        return super().predict(x, **options)

    def stop(self):
        self.stop_predicting = True


def test_a_part_of_the_data_is_never_scored():
    model = SeesHalf()
    model.build((None, 1))
    with pytest.raises(CaptureError, match="12 of 24 rows of the given data went through"):
        Metrics(task="binary", verbose=False).evaluate(model, (X, Y), batch_size=12)
