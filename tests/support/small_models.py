"""Small models with states, made in the three ways that Keras has, and rows for them."""

from functools import cache

import keras
from keras import layers

from tests.support.models import BACKEND, binary_rows

X, Y = binary_rows(60, seed=1, logits=True)
HOW = {"jit_compile": False} if BACKEND == "tensorflow" else {}  # XLA takes longer than all the rest


class Subclassed(keras.Model):
    """Its own layers; it sets an attribute in `call`, and has a `predict_step` that calls Keras's."""

    def __init__(self):
        super().__init__()
        self.hidden, self.norm, self.top = layers.Dense(4, "tanh"), layers.BatchNormalization(), layers.Dense(1)
        self.dropped = layers.Dropout(0.5)
        self.last_rank = 0

    def call(self, inputs, training=False):
        self.last_rank = len(inputs.shape)
        hidden = self.dropped(self.norm(self.hidden(inputs), training=training), training=training)
        return keras.ops.sigmoid(self.top(hidden))

    def predict_step(self, *args):
        return super().predict_step(*args)


def functional():
    inputs = keras.Input((1,))
    hidden = layers.Dropout(0.5)(layers.BatchNormalization()(layers.Dense(4, "tanh")(inputs)))
    return keras.Model(inputs, layers.Dense(1, "sigmoid")(hidden))


def sequential():
    hidden = [layers.Dense(4, "tanh"), layers.BatchNormalization(), layers.Dropout(0.5)]
    return keras.Sequential([*hidden, layers.Dense(1, "sigmoid")])


MAKERS = {"functional": functional, "sequential": sequential, "subclassed": Subclassed}


@cache
def trained(kind):
    model = MAKERS[kind]()
    model.compile("sgd", "binary_crossentropy", **HOW)
    model.fit(X, Y, batch_size=30, verbose=0)
    return model
