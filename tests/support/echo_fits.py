"""Fits of a model that returns its input."""

from tests.support.models import binary_rows, echo_model

X, Y = binary_rows(100, seed=9)


def fit(metrics, model=None, data=(X, Y), **options):
    model = model or echo_model()
    callbacks = [*options.pop("callbacks", []), metrics]
    return model.fit(X, Y, **{"validation_data": data, "verbose": 0, "callbacks": callbacks, **options})
