"""A fit with Metrics trains, validates and leaves the model as a fit without it."""

import copy
import pickle
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import pytest

from kerascb_metrics import Metrics
from tests.support.models import BACKEND, binary_rows

X, Y = binary_rows(37, logits=True)  # on both sides of 0, so that both classes are predicted from the start
W = np.random.default_rng(3).uniform(0.5, 2, 37).astype("float32")


def build():
    """A model with everything that a validation pass could change."""
    keras.utils.set_random_seed(5)
    layers = [
        keras.Input((1,)),
        keras.layers.Dense(4, activation="tanh"),
        keras.layers.BatchNormalization(),
        keras.layers.Dropout(0.5),
        keras.layers.Dense(1, activation="sigmoid"),
    ]
    model = keras.Sequential(layers)
    model.compile(
        keras.optimizers.SGD(0.1, momentum=0.9),
        "binary_crossentropy",
        metrics=["accuracy"],
        weighted_metrics=[keras.metrics.MeanSquaredError(name="error")],
        steps_per_execution=1 if BACKEND == "torch" else 3,  # Keras on torch allows 1 only
    )
    return model


@dataclass
class Run:
    """A new model after a fit, and its results."""

    model: keras.Model
    history: dict
    attributes: set
    evaluated: dict


def run(callbacks):
    model = build()
    history = model.fit(
        X,
        Y,
        sample_weight=W,
        validation_data=(X[::-1], Y[::-1], W),
        batch_size=8,
        epochs=2,
        verbose=0,
        callbacks=callbacks,
    ).history
    return Run(model, history, set(vars(model)), model.evaluate(X, Y, batch_size=8, verbose=0, return_dict=True))


class Copy(keras.callbacks.Callback):
    """Copies and saves the model during a fit."""

    def __init__(self, folder):
        super().__init__()
        self.path = folder / "model.keras"

    def on_epoch_end(self, epoch, logs=None):
        model = self.model
        model.save(self.path)
        self.copies = [keras.models.load_model(self.path), copy.deepcopy(model), pickle.loads(pickle.dumps(model))]
        self.clone = keras.models.clone_model(model)


@pytest.fixture(scope="module")
def plain():
    return run([])


@pytest.fixture(scope="module")
def copying(tmp_path_factory):
    return Copy(tmp_path_factory.mktemp("during_fit"))


@pytest.fixture(scope="module")
def scored(copying):
    return run([Metrics(verbose=False), copying])


def test_the_same_weights_with_and_without(plain, scored):
    ours, theirs = ([*run.model.variables, *run.model.optimizer.variables] for run in (scored, plain))
    assert len(ours) > 10
    for variable, expected in zip(ours, theirs, strict=True):
        given, wanted = (keras.ops.convert_to_numpy(one.value) for one in (variable, expected))
        np.testing.assert_array_equal(given, wanted, variable.path)


def test_the_same_history_and_our_keys(plain, scored):
    ours = ("f1", "precision", "recall", "kappa", "auc", "tn", "fp", "fn", "tp")
    assert set(scored.history) - set(plain.history) == {f"val_{name}" for name in ours}
    assert set(plain.history) == {"accuracy", "loss", "error"} | {
        "val_accuracy", "val_loss", "val_error"
    }  # fmt: skip
    for name, values in plain.history.items():
        # Two compiled programs may differ in the last digit.
        assert scored.history[name] == pytest.approx(values, rel=1e-6, abs=0), name


def test_evaluate_returns_the_same_values_afterwards(plain, scored):
    assert scored.evaluated == plain.evaluated


def test_the_same_attributes(plain, scored):
    assert scored.attributes == plain.attributes
    for name in ("evaluate", "test_step", "compute_metrics", "compute_loss", "make_test_function", "predict"):
        assert getattr(scored.model, name).__func__ is getattr(keras.Sequential, name)


def test_copies_made_during_the_fit_have_no_hook(scored, copying):
    for other in (*copying.copies, copying.clone):
        assert "evaluate" not in vars(other)
        assert [weight.shape for weight in other.weights] == [weight.shape for weight in scored.model.weights]
    for other in copying.copies:
        for given, expected in zip(other.get_weights(), scored.model.get_weights(), strict=True):
            np.testing.assert_array_equal(given, expected)


ALIVE = """
import gc, weakref
from kerascb_metrics import Metrics
from tests.support.models import binary_rows, echo_model
x, y = binary_rows(20)
model, metrics = echo_model(), Metrics(verbose=False)
model.fit(x, y, validation_data=(x, y), verbose=0, callbacks=[metrics])
alive = weakref.ref(metrics)
del metrics
model.history = None  # Keras's History holds the callback list
gc.collect()
assert alive() is None
"""


@pytest.mark.slow
def test_the_model_does_not_keep_the_callback_alive():
    """In a process of its own: in a long one, other tests leave references behind."""
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", ALIVE], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
