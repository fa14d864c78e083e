"""A pytest plugin for Keras's own tests, with a `Metrics` in every `fit`. `.ci/keras_suite` loads it.

Without the environment variable KERASCB_METRICS_IN_EVERY_FIT it leaves `fit` alone, and registers Keras's markers only.
"""

import functools
import inspect
import os

import keras

from kerascb_metrics import DataError, Metrics


def pytest_configure(config):
    for marker in ("requires_trainable_backend", "multi_device"):
        config.addinivalue_line("markers", f"{marker}: one of Keras's own")
    if os.environ.get("KERASCB_METRICS_IN_EVERY_FIT"):
        trainer = next(cls for cls in keras.Model.__mro__ if "fit" in vars(cls))
        trainer.fit = with_metrics(trainer.fit)


class CountedRows(Metrics):
    """Captures every pass. Its only score is the number of rows, if targets and outputs have the same shape.

    Keras's tests train on targets of all kinds, for which the default scores have no meaning.
    """

    def __init__(self):
        super().__init__({"rows": lambda y_true, y_pred: float(len(y_pred))}, task="regression", verbose=False)

    def on_validation_pass(self, collect, logs):
        try:
            return super().on_validation_pass(collect, logs)
        except DataError:  # what cannot be captured is a CaptureError
            return {}


def with_metrics(fit):
    signature = inspect.signature(fit)

    @functools.wraps(fit)
    def fit_with_metrics(*args, **kwargs):
        bound = signature.bind(*args, **kwargs)
        bound.arguments["callbacks"] = one_more(bound.arguments.get("callbacks"), bound.arguments["self"])
        return fit(*bound.args, **bound.kwargs)

    return fit_with_metrics


def one_more(callbacks, model):
    metrics = CountedRows()
    if not isinstance(callbacks, keras.callbacks.CallbackList):
        return [*(keras.tree.flatten(callbacks) if callbacks else []), metrics]
    metrics.set_model(model)
    metrics.set_params(callbacks.params)
    callbacks.append(metrics)
    return callbacks
