"""Doctests of the backend that runs; each of the others imports a backend that need not be there."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras

_OTHERS = {"tensorflow", "jax", "torch"} - {keras.backend.backend()}
collect_ignore = [f"kerascb_metrics/collect/backends/{name}.py" for name in _OTHERS]
