"""Models that train another model in their `train_step`, and have no `call`, the same on the three backends."""

import keras
from keras import layers

from tests.support.models import BACKEND


class Around(keras.Model):
    """Trains the model `inner`: each step multiplies its weights by 0.7. It is built, as Keras's own GAN is."""

    if BACKEND == "jax":

        def train_step(self, state, data):
            trainable, *others = state
            return {"own_loss": keras.ops.mean(trainable[0])}, ([value * 0.7 for value in trainable], *others)

    else:

        def train_step(self, data):
            for variable in self.trainable_variables:
                variable.assign(variable * 0.7)
            return {"own_loss": keras.ops.mean(self.trainable_variables[0])}

    def __init__(self, inner):
        super().__init__()
        self.inner = inner
        self.built = True


def around(inner=None, **options):
    """A compiled `Around`."""
    model = Around(inner or classifier())
    model.compile(keras.optimizers.SGD(0.0), **options)
    return model


def classifier(activation="sigmoid", loss=None):
    """One input, one probability (or logit); it has a Dropout and a BatchNormalization."""
    inputs = keras.Input((1,))
    hidden = layers.Dropout(0.5)(layers.BatchNormalization()(layers.Dense(4, "tanh")(inputs)))
    model = keras.Model(inputs, layers.Dense(1, activation, bias_initializer="ones")(hidden))
    if loss is not None:
        model.compile("sgd", loss)
    return model
