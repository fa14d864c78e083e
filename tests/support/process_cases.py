"""Cases for processes that train together, on JAX and on PyTorch: the rows, the fits, and what both backends run.

Each case takes a `Here` and returns what its test compares. `jax_cases.py` and `torch_cases.py` have those of one
backend.
"""

import warnings

import keras
import numpy as np

from kerascb_metrics import Metrics
from tests.support.failures import FailsInOne
from tests.support.launch import BATCH
from tests.support.models import binary_rows, echo_model

ROWS = 80  # 40 in each of two processes of JAX: batches of 16, 16 and 8
X, Y = binary_rows(ROWS)
RNG = np.random.default_rng(1)
WEIGHTS = RNG.uniform(0, 2, ROWS).astype("float32")
LOGITS = RNG.normal(size=(ROWS, 4)).astype("float32")
KINDS = (LOGITS + RNG.normal(size=(ROWS, 4))).argmax(1)
STEPS = RNG.uniform(0.01, 1, (ROWS, 5, 1)).astype("float32") * RNG.integers(0, 2, (ROWS, 5, 1))  # 0 is masked
TAGS = (STEPS[..., 0] + RNG.normal(scale=0.4, size=(ROWS, 5)) > 0.5).astype("int32")
MASKED = (STEPS, TAGS[..., None])


def own(here, arrays):
    """Return this process's part of `arrays`, any of which may be a dict."""
    return keras.tree.map_structure(here.part, tuple(arrays))


def fit(here, model, metrics, arrays, epochs=1, callbacks=(), **options):
    """Train on this process's part of `arrays` and validate on the same part."""
    data = own(here, arrays)
    options = {"validation_data": data, "batch_size": BATCH, "shuffle": False, "verbose": 0, **options}
    return model.fit(*data[:2], epochs=epochs, callbacks=[*callbacks, *metrics], **options)


def scored(metrics, history=None):
    """The scores and rows of a `Metrics`, ready to be written to a file."""
    rows = metrics.predictions
    rows = {name: _arrays_of(each) for name, each in rows.items()} if isinstance(rows, dict) else _arrays_of(rows)
    return {"epochs": metrics.history.epochs, "scores": dict(metrics.history), "rows": rows, "logs": history}


def _arrays_of(rows):
    return {name: value for name, value in vars(rows).items() if name != "_reading"}  # what labels them is no array


def echoed(here, arrays, columns=1, loss="binary_crossentropy", epochs=1, **options):
    """The scores of a model that returns its input."""
    metrics = Metrics(verbose=False, **options)
    run = fit(here, echo_model(columns, loss), [metrics], arrays, epochs)
    return scored(metrics, run.history)


def small_net():
    model = keras.Sequential(
        [keras.Input((1,)), keras.layers.Dense(4, "tanh", name="hidden"), keras.layers.Dense(1, "sigmoid")]
    )
    model.compile(keras.optimizers.SGD(0.5), "binary_crossentropy")
    return model


def masked_model():
    inputs = keras.Input((5, 1))
    hidden = keras.layers.Masking(0.0)(inputs)
    outputs = keras.layers.Dense(1, use_bias=False, kernel_initializer="identity")(hidden)
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.SGD(0.0), "binary_crossentropy")
    return model


# The rows and scores of fit's own pass.


def weighted(here):
    return echoed(here, (X, Y, WEIGHTS))


def multiclass(here):
    return echoed(here, (LOGITS, KINDS), 4, keras.losses.SparseCategoricalCrossentropy(from_logits=True))


def several_outputs(here):
    inputs = keras.Input((1,))
    layers = {name: keras.layers.Dense(1, use_bias=False, kernel_initializer="identity", name=name) for name in "ab"}
    model = keras.Model(inputs, {name: layer(inputs) for name, layer in layers.items()})
    model.compile(keras.optimizers.SGD(0.0), dict.fromkeys("ab", "binary_crossentropy"))
    metrics = Metrics(verbose=False)
    fit(here, model, [metrics], (X, {"a": Y, "b": 1 - Y}))
    return scored(metrics)


def masked(here):
    metrics = Metrics(verbose=False)
    fit(here, masked_model(), [metrics], MASKED)
    return scored(metrics)


def score_that_fails_later(here):
    """A score that fails in the second process, from the second epoch on."""
    metrics = Metrics({"own": FailsInOne(here)}, verbose=False)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        run = fit(here, echo_model(), [metrics], (X, Y), epochs=4)
    messages = [str(each.message) for each in warned if str(each.message).startswith("Metrics: ")]
    return {"own": metrics.history["own"], "logs": run.history["val_own"], "warned": messages}


def half_precision(here):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        return echoed(here, (X, Y))
    finally:
        keras.config.set_dtype_policy("float32")
