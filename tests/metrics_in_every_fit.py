"""A pytest plugin for Keras's own tests, with a `Metrics()` of ours in every `fit`. `.ci/keras_suite` loads it.

Without the environment variable KERASCB_METRICS_IN_EVERY_FIT it leaves `fit` alone, and registers Keras's markers only.
"""

import functools
import inspect
import os

import keras

from kerascb_metrics import Metrics


def pytest_configure(config):
    for marker in ("requires_trainable_backend", "multi_device"):
        config.addinivalue_line("markers", f"{marker}: one of Keras's own")
    if os.environ.get("KERASCB_METRICS_IN_EVERY_FIT"):
        trainer = next(cls for cls in keras.Model.__mro__ if "fit" in vars(cls))
        trainer.fit = with_metrics(trainer.fit)


class MetricsOfAnything(Metrics):
    """Captures every pass, and scores it where it has scores: Keras's tests train on targets of all kinds."""

    def on_validation_pass(self, collect, logs):
        try:
            return super().on_validation_pass(collect, logs)
        except ValueError as error:  # not one of capture, which is a RuntimeError
            if not str(error).startswith("Metrics:"):
                raise
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
    metrics = MetricsOfAnything(verbose=False)
    if not isinstance(callbacks, keras.callbacks.CallbackList):
        return [*(keras.tree.flatten(callbacks) if callbacks else []), metrics]
    metrics.set_model(model)
    metrics.set_params(callbacks.params)
    callbacks.append(metrics)
    return callbacks
