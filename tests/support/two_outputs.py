"""Models that return the two parts of their input: three logits, and one value."""

import keras
import numpy as np
from keras import layers
from sklearn import metrics as sk

ROWS = 24
RNG = np.random.default_rng(0)
LOGITS = (RNG.normal(size=(ROWS, 3)) * 3).astype("float32")
LABELS = np.where(RNG.random(ROWS) < 0.6, LOGITS.argmax(axis=1), RNG.integers(0, 3, ROWS)).astype("int32")
SHARES = RNG.dirichlet(np.ones(3), ROWS).astype("float32")
VALUES = RNG.normal(size=(ROWS, 1)).astype("float32")
X = np.concatenate([LOGITS, VALUES], axis=1)
SPARSE = keras.losses.SparseCategoricalCrossentropy


def subclassed(form):
    class Form(keras.Model):
        def __init__(self):
            super().__init__()
            self.same = layers.Dense(4, use_bias=False, kernel_initializer="identity")

        def call(self, inputs):
            columns = self.same(inputs)
            return form(columns[:, :3], columns[:, 3:])

    return Form()


def functional(form, names=("logits", "value")):
    inputs = keras.Input((4,))
    columns = layers.Dense(4, use_bias=False, kernel_initializer="identity")(inputs)
    cuts = (columns[:, :3], columns[:, 3:])
    return keras.Model(inputs, form(*(layers.Identity(name=name)(cut) for name, cut in zip(names, cuts, strict=True))))


def compiled(model, loss):
    model.compile(keras.optimizers.SGD(0.0), loss, run_eagerly=True)
    return model


def fit(model, loss, y, metrics, x=X, **options):
    model.compile(keras.optimizers.SGD(0.0), loss, run_eagerly=True)
    return model.fit(x, y, batch_size=8, validation_data=(x, y), verbose=0, callbacks=[metrics], **options).history


def as_dict(logits, value):
    return {"logits": logits, "value": value}


def as_tuple(logits, value):
    return logits, value


def softmax_auc(y=LABELS, logits=LOGITS):
    z = np.exp(logits.astype(float))
    return sk.roc_auc_score(y, z / z.sum(axis=1, keepdims=True), multi_class="ovr")
