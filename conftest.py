"""Collect the file of the backend that runs only: the others import backends that may not be installed."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Threads of NumPy's BLAS in two worker processes on two cores wait for each other: several times as slow as one.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from pathlib import Path

import keras

_OTHERS = {"tensorflow", "jax", "torch"} - {keras.backend.backend()}
_BACKENDS = Path(__file__).parent / "kerascb_metrics/collect/backends"
# A backend may have several files, such as torch.py and torch_processes.py.
collect_ignore = [str(path) for name in _OTHERS for path in _BACKENDS.glob(f"{name}*.py")]
