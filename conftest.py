"""Collect the file of the backend that runs only: the others import backends that may not be installed."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Threads of NumPy's BLAS in two worker processes on two cores wait for each other: several times as slow as one.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import keras

_OTHERS = {"tensorflow", "jax", "torch"} - {keras.backend.backend()}
collect_ignore = [f"kerascb_metrics/collect/backends/{name}.py" for name in _OTHERS]
