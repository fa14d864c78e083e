"""The module of the backend that Keras is set to: no other is imported.

Each has the same functions: `build`, `to_numpy`, `is_host_memory`, `start_copy` and `refuse_unsupported`.
"""

import functools
import importlib

import keras


@functools.cache
def backend():
    """Return `backends.tensorflow`, `backends.jax` or `backends.torch`."""
    return importlib.import_module(f"kerascb_metrics.collect.backends.{keras.backend.backend()}")
