"""Which models can predict, and which arguments of `Metrics` help where the model of a fit cannot."""

from typing import Any

import keras

from kerascb_metrics.collect.backend import backend
from kerascb_metrics.collect.shadow import has_call


def can_predict(model: Any) -> bool:
    """Return whether Keras's `predict` can run: the model has a `call`, or a `predict` of its own that needs none."""
    own = {name for name in ("predict", "make_predict_function", "predict_step") if _is_own(model, name)}
    needs_call = not own or (own == {"predict_step"} and backend().predict_calls_unbuilt_model and not model.built)
    return has_call(model) or not needs_call


def given_data_arguments(model: Any) -> str:
    """Return the arguments that score given data for a fit of `model`, as code.

    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    >>> given_data_arguments(model)
    'Metrics(validation_data=(x_val, y_val))'
    """
    model_argument = "" if can_predict(model) else f", model={inner_model(model)}"
    return f"Metrics(validation_data=(x_val, y_val){model_argument})"


def inner_model(model: Any) -> str:
    """Return the code that names a model inside a trainer model: an attribute that can predict, if it has one.

    >>> class GAN(keras.Model):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.generator = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    >>> inner_model(GAN())
    'model.generator'
    """
    attributes = {**vars(model), **vars(model).get("_modules", {})}  # PyTorch keeps modules in a dict
    for name, value in attributes.items():
        if isinstance(value, keras.Model) and not name.startswith("_") and can_predict(value):
            return f"model.{name}"
    return "inner_model"


def _is_own(model: Any, name: str) -> bool:
    return name in vars(model) or getattr(type(model), name) is not getattr(keras.Model, name)
