"""Collect the file of the backend that runs only: the others import backends that may not be installed."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras

_OTHERS = {"tensorflow", "jax", "torch"} - {keras.backend.backend()}
collect_ignore = [f"kerascb_metrics/collect/backends/{name}.py" for name in _OTHERS]
