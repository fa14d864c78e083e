"""Fits under MirroredStrategy: `python mirrored_fits.py REPLICAS` prints what test_mirrored.py asserts, as JSON.

There is one process per number of replicas: TensorFlow's collective ops allow groups of one size only in a process, and
its devices must be created before anything else.
"""

import json
import sys
import warnings
from functools import partial

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from kerascb_metrics import Metrics
from tests.support.models import Batches, binary_rows, echo_model

BATCH, EPOCHS = 12, 2
LENGTHS = (29, 25)  # the last batch has 5 rows, so that one replica gets fewer, or 1, so that others get none
X_FIT, Y_FIT = binary_rows(24, seed=3)
IDENTITY = {"use_bias": False, "kernel_initializer": "identity"}


# The validation rows, for the tests too.


def rows(count):
    """Return `count` rows x, y and weights."""
    return *binary_rows(count), np.random.default_rng(2).uniform(0.5, 2, count).astype("float32")


def masked_rows(count=25):
    """Return rows of three positions, some of them 0, and weights by position."""
    x, y, w = rows(count)
    x, y = np.stack([x, 1 - x, x], axis=1), np.stack([y, 1 - y, y], axis=1)[..., None]
    x[::2, 2] = 0
    return x, y, np.stack([w, 2 * w, 3 * w], axis=1)


def rows_of_two(count=25):
    """Return inputs and targets of two outputs: "one" is binary, "kind" has three classes."""
    x, y, _ = rows(count)
    rng = np.random.default_rng(4)
    return {"a": x, "b": rng.dirichlet([1, 1, 1], count).astype("float32")}, {
        "one": y,
        "kind": rng.integers(0, 3, count),
    }


# Models; all except the one that learns return their input.


class Traced(layers.Layer):
    """Counts how often Python runs it: at each trace, once per replica."""

    calls = 0

    def call(self, inputs):
        type(self).calls += 1
        return inputs


def traced():
    inputs = keras.Input((1,))
    return compiled(keras.Model(inputs, layers.Dense(1, **IDENTITY)(Traced()(inputs))))


def masking():
    inputs = keras.Input((3, 1))
    return compiled(keras.Model(inputs, layers.Dense(1, **IDENTITY)(layers.Masking(0.0)(inputs))))


def of_two():
    a, b = keras.Input((1,), name="a"), keras.Input((3,), name="b")
    outputs = {
        "one": layers.Dense(1, **IDENTITY, name="one")(a),
        "kind": layers.Dense(3, **IDENTITY, name="kind")(b),
    }
    model = keras.Model({"a": a, "b": b}, outputs)
    model.compile(keras.optimizers.SGD(0.0), {"one": "binary_crossentropy", "kind": "sparse_categorical_crossentropy"})
    return model


def learning():
    """A model that learns. Its dropout seed is state, which a pass over given data must not change."""
    keras.utils.set_random_seed(0)
    start = {"kernel_initializer": keras.initializers.Constant(4), "bias_initializer": keras.initializers.Constant(-2)}
    inputs = keras.Input((1,))
    hidden = layers.Dropout(0.1)(inputs)
    return compiled(keras.Model(inputs, layers.Dense(1, activation="sigmoid", **start)(hidden)), learning_rate=0.5)


def compiled(model, learning_rate=0.0):
    model.compile(keras.optimizers.SGD(learning_rate), "binary_crossentropy")
    return model


# What is returned.


class Look(keras.callbacks.Callback):
    """Notes the traces so far, and the predictions, after each epoch."""

    def __init__(self, *metrics):
        super().__init__()
        self.metrics, self.traces, self.epochs = metrics, [], []

    def on_epoch_end(self, epoch, logs=None):
        self.traces.append(Traced.calls)
        self.epochs.append([shown(one.predictions) for one in self.metrics])


def shown(predictions):
    """Return `Predictions` as lists by name."""
    if isinstance(predictions, dict):
        return {output: shown(one) for output, one in predictions.items()}
    return plain({name: value for name, value in vars(predictions).items() if name != "_reading"})  # no array


def plain(values):
    """Return scores as floats and lists."""
    return {name: value.tolist() if hasattr(value, "tolist") else value for name, value in values.items()}


def fit(model, callbacks=(), train=(X_FIT, Y_FIT), epochs=EPOCHS, **options):
    return model.fit(*train, batch_size=BATCH, epochs=epochs, shuffle=False, verbose=0, callbacks=callbacks, **options)


def three_ways(model, data, train=(X_FIT, Y_FIT)):
    """Score data in fit's own pass, as given data, and after the fit."""
    own = Metrics(verbose=False)
    given = Metrics(validation_data=data, validation_batch_size=BATCH, prefix="given_", verbose=False)
    look = Look(own, given)
    history = fit(model, [own, given, look], train, validation_data=data).history
    return {
        "epochs": look.epochs,
        "traces": look.traces,
        "logs": history,
        "own": [plain({name: own.history[name][-1] for name in own.history})],
        "given": [plain({name: given.history[name][-1] for name in given.history})],
        "evaluate": [plain(Metrics().evaluate(model, data, batch_size=BATCH))],
    }


# The cases.


def uneven(strategy):
    """Last batches of all kinds, with one model."""
    with strategy.scope():
        model = traced()
    return {count: three_ways(model, rows(count)) for count in LENGTHS}


def masks(strategy):
    with strategy.scope():
        model = masking()
    x, y, _ = masked_rows()
    return three_ways(model, masked_rows(), (x[:24], y[:24]))


def two_outputs(strategy):
    with strategy.scope():
        model = of_two()
    return three_ways(model, rows_of_two(), rows_of_two(24))


def sources(strategy):
    """Other kinds of data: the rows that were scored in the last epoch."""
    x, y, w = rows(25)
    batches = [tuple(part[start : start + BATCH] for part in (x, y, w)) for start in range(0, 25, BATCH)]
    dataset = tf.data.Dataset.from_tensor_slices((x, y, w))
    data = {
        "PyDataset": Batches(batches),
        "tf.data of unknown length": dataset.filter(lambda *row: True).batch(BATCH),
        "a distributed dataset": strategy.experimental_distribute_dataset(dataset.batch(BATCH)),
    }
    with strategy.scope():
        model = echo_model()
    metrics, found = Metrics(verbose=False), {}
    for name, one in data.items():
        fit(model, [metrics], epochs=1, validation_data=one)
        found[name] = shown(metrics.predictions)
    return found


def transparent(strategy):
    """A model that learns, with Metrics and without, and one with the same weights on a single device."""
    data = rows(29)
    with strategy.scope():
        ours, theirs = learning(), learning()
    metrics = Metrics(verbose=False)
    with_metrics = fit(ours, [metrics], validation_data=data).history
    without = fit(theirs, validation_data=data).history
    weights = [weight.tolist() for weight in ours.get_weights()]
    names, functions = sorted(vars(ours)), (ours.test_function, ours.predict_function)
    with warnings.catch_warnings(action="error"):
        Metrics().evaluate(ours, data, batch_size=BATCH)
    single = learning()
    single.set_weights(ours.get_weights())
    return {
        "with": {name: with_metrics[name] for name in without},
        "without": without,
        "weights": [weights, [weight.tolist() for weight in theirs.get_weights()]],
        "attributes": [names, sorted(vars(theirs))],
        "after evaluate": [
            [weight.tolist() for weight in ours.get_weights()] == weights,
            sorted(set(vars(ours)) - set(names) - {"stop_predicting"}),
            (ours.test_function, ours.predict_function) == functions,
        ],
        "scores": plain({name: metrics.history[name][-1] for name in metrics.history}),
        "of a single device": plain(Metrics().evaluate(single, data, batch_size=BATCH)),
        "predictions": shown(metrics.predictions),
        "predicted by a single device": single.predict(data[0], verbose=0).tolist(),
    }


def one_replica(strategy):
    """What is refused with several replicas works with one."""
    device, found = tf.config.list_logical_devices("CPU")[0].name, {}
    strategies = {
        "MirroredStrategy": (tf.distribute.MirroredStrategy([device]), {"steps_per_execution": 2, "jit_compile": True}),
        "OneDeviceStrategy": (tf.distribute.OneDeviceStrategy(device), {"steps_per_execution": 2}),
        "MultiWorkerMirroredStrategy": (
            tf.distribute.MultiWorkerMirroredStrategy(),
            {},
        ),  # without a cluster it has one worker
    }
    for name, (one, options) in strategies.items():
        with one.scope():
            model = echo_model(**options)
        metrics = Metrics(verbose=False)
        fit(model, [metrics], epochs=1, validation_data=rows(25))
        found[name] = shown(metrics.predictions)
    return found


# What Keras itself cannot do: the options of `compile`, then those of `fit`.

IMPOSSIBLE: dict = {
    "an uneven first batch": ({}, {"validation_data": rows(25), "validation_batch_size": 7}),
    "a default batch of too few rows": ({}, {"validation_data": rows(1)}),
    "an uneven first batch, split off": ({}, {"validation_split": 0.3, "validation_batch_size": 5}),
    "jit_compile": ({"jit_compile": True}, {"validation_data": rows(24)}),
    "steps_per_execution": ({"steps_per_execution": 2}, {"validation_data": rows(24)}),
}


def outcome(strategy, compile_options, fit_options, callbacks=(), **more):
    """Return how many steps were trained, and the type and message of the error."""
    with strategy.scope():
        model = echo_model(**compile_options)
    try:
        fit(model, list(callbacks), **{"epochs": 1, **fit_options, **more})
    except Exception as error:
        return int(model.optimizer.iterations.numpy()), type(error).__name__, str(error)
    return int(model.optimizer.iterations.numpy()), None, ""


def refused(strategy):
    return {name: outcome(strategy, *options, [Metrics(verbose=False)]) for name, options in IMPOSSIBLE.items()}


def not_refused(strategy):
    """What is close to the impossible, but works."""
    found, metrics = {}, Metrics(verbose=False)
    uneven_start = IMPOSSIBLE["an uneven first batch"]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Metrics: no epoch of this fit was scored")
        found["never validated"] = outcome(strategy, *uneven_start, [Metrics(verbose=False)], validation_freq=2)[1:]
    eagerly = {"steps_per_execution": 2, "run_eagerly": True}
    found["eagerly"] = outcome(strategy, eagerly, {"validation_data": rows(26)}, [metrics])[1:]
    found["eagerly scored"] = shown(metrics.predictions)
    for name in ("jit_compile", "steps_per_execution"):
        with strategy.scope():
            model = echo_model(**IMPOSSIBLE[name][0])
        found[f"evaluate with {name}"] = plain(Metrics().evaluate(model, rows(25), batch_size=BATCH))
    return found


def keras_alone(strategy):
    """The same without Metrics. It is the last case, because TensorFlow's collective ops do not work after it."""
    return {name: outcome(strategy, *options) for name, options in IMPOSSIBLE.items()}


CASES = {
    2: (uneven, two_outputs, sources, transparent, one_replica, refused, not_refused, keras_alone),
    3: (uneven, masks),
}


def main(replicas):
    """Run the cases of a number of replicas; an error ends only its case."""
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * replicas)
    strategy = tf.distribute.MirroredStrategy([device.name for device in tf.config.list_logical_devices("CPU")])
    warnings.simplefilter("error")
    # Keras warns of this for every dataset of unknown length.
    warnings.filterwarnings("ignore", "Your input ran out of data")
    # And NumPy for Keras, if a weight on several devices is converted to an array.
    warnings.filterwarnings("ignore", "__array__ implementation doesn't accept a copy keyword")
    print(json.dumps({case.__name__: attempt(partial(case, strategy)) for case in CASES[replicas]}))


def attempt(case):
    """Return the result of a case, or its error, so that the other cases still run."""
    try:
        return case()
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"[-2000:]}


if __name__ == "__main__":
    main(int(sys.argv[1]))
