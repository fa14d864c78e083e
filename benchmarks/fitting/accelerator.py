"""The time of `fit` with Metrics on a GPU or another accelerator, on the backend that KERAS_BACKEND names.

Each variant fits a model of its own for some epochs per round: an epoch trains on one batch, and validates on all rows.
"""

import functools
import math

import keras
import numpy as np

from benchmarks.fitting import pixels
from benchmarks.fitting.models import epochs, mlp
from benchmarks.harness.table import as_long, missing
from benchmarks.harness.timing import interleave
from kerascb_metrics import Metrics

ROWS, QUICK_ROWS, BATCH_SIZES = 100_000, 20_000, (1024, 8192)
IMAGES, QUICK_IMAGES, SIDE, QUICK_SIDE = 32, 16, 128, 16
EPOCHS = 5
PANEL, LABELS = "default panel", "label scores, bounded"
METRICS = {PANEL: {}, LABELS: {"scoring": pixels.LABEL_SCORES, "memory": "bounded"}}


def card():
    """Return the accelerator's name; None if Keras's backend has none."""
    if keras.backend.backend() == "torch":
        import torch

        return torch.cuda.get_device_name() if torch.cuda.is_available() else None
    if keras.backend.backend() == "jax":
        import jax

        device = jax.devices()[0]
        return None if device.platform == "cpu" else device.device_kind
    import tensorflow as tf

    found = tf.config.list_physical_devices("GPU")
    return tf.config.experimental.get_device_details(found[0]).get("device_name") if found else None


def measure(quick):
    """Measure a small model on many rows, then pixels."""
    name = card()
    if name is None and not quick:
        return [missing(f"accelerator ({keras.backend.backend()})", "this machine has no accelerator")]
    where = f"{keras.backend.backend()}, {name or 'processor'}"
    rows = QUICK_ROWS if quick else ROWS
    images, side = (QUICK_IMAGES, QUICK_SIDE) if quick else (IMAGES, SIDE)
    found = []
    for batch_size in BATCH_SIZES:
        case = f"{where}, binary MLP, batches of {batch_size}"
        found += _compared(case, rows, _rows(rows), mlp, batch_size)
    for activation, outputs in (("softmax", "softmax"), ("linear", "logits")):
        new = functools.partial(pixels.model, side, activation)
        case = f"{where}, {images} × {side} × {side} pixels, {pixels.CLASSES} classes, {outputs}"
        found += _compared(case, images * side * side, pixels.data(images, side), new, pixels.BATCH)
    return found


def _compared(case, rows, data, new, batch_size):
    fits = {"plain": epochs(new(), data, batch_size, [], EPOCHS)}
    for what, options in METRICS.items():
        fits[what] = epochs(new(), data, batch_size, [Metrics(**options, verbose=False)], EPOCHS)
    times = interleave(fits, once=math.inf)
    plain, least = times.of("plain") / EPOCHS, min(times.rounds["plain"])
    found = []
    for what in METRICS:
        note = f"per epoch; the fastest rounds compared: {min(times.rounds[what]) / least:.2f} ×"
        found.append(as_long(f"{case}: {what}", rows, times.of(what) / EPOCHS, "plain fit", plain, note=note))
    return found


def _rows(rows):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((rows, 20), np.float32)
    return x, (x[:, :5].sum(axis=1) + rng.standard_normal(rows, np.float32) > 0).astype(np.float32)[:, None]
