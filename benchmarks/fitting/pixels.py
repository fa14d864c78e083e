"""The time of `fit` with label scores of every pixel (`memory="bounded"`), on the backend that KERAS_BACKEND names.

Each variant fits a model of its own for some epochs per round: an epoch trains on one batch, and validates on all
images. What a fit does once, such as checking the targets before training, is spread over its epochs.
"""

import math

import keras
import numpy as np
from keras import layers

from benchmarks.fitting.models import epochs
from benchmarks.harness.table import as_long
from benchmarks.harness.timing import interleave
from kerascb_metrics import Metrics

CLASSES = 20
IMAGES, SIDE, BATCH, EPOCHS = 64, 128, 8, 5
QUICK_IMAGES, QUICK_SIDE = 16, 16
LABEL_SCORES = ["f1", "kappa", "confusion"]
AT_MOST, AT_MOST_ON_TORCH = 1.15, 1.4  # PyTorch's argmax is slow on the processor
WHY = "the labels are made on the device and counted on the host; see `label` in collect/backends/"


def measure(quick):
    """Measure softmax outputs, then logits."""
    images, side = (QUICK_IMAGES, QUICK_SIDE) if quick else (IMAGES, SIDE)
    return [_labels_only(images, side, activation) for activation in ("softmax", "linear")]


def _labels_only(images, side, activation):
    rows = data(images, side)
    fits = {
        "plain": epochs(model(side, activation), rows, BATCH, [], EPOCHS),
        "labels": epochs(
            model(side, activation), rows, BATCH, [Metrics(LABEL_SCORES, memory="bounded", verbose=False)], EPOCHS
        ),
    }
    backend, times = keras.backend.backend(), interleave(fits, once=math.inf)
    plain, ours = (times.of(name) / EPOCHS for name in ("plain", "labels"))
    outputs = "softmax" if activation == "softmax" else "logits"
    case = f"{backend}, {images} × {side} × {side} pixels, {CLASSES} classes, {outputs}: label scores, bounded"
    least = min(times.rounds["labels"]) / min(times.rounds["plain"])
    note = f"per epoch; the fastest rounds compared: {least:.2f} ×"
    target = AT_MOST_ON_TORCH if backend == "torch" else AT_MOST
    return as_long(case, images * side * side, ours, "plain fit", plain, target, note=note, why=WHY)


def data(images, side):
    """Return images of noise, and for each pixel a class that depends on its values."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((images, side, side, 3), np.float32)
    return x, (np.abs(x.sum(axis=-1)) * 4).astype("int32").reshape(images, -1) % CLASSES


def model(side, activation):
    """Return a compiled model whose outputs are probabilities ("softmax") or logits ("linear") of each pixel."""
    keras.utils.set_random_seed(0)
    hidden = layers.Conv2D(16, 3, padding="same", activation="relu")
    # As (N, pixels, classes): PyTorch cannot train on the softmax of more axes.
    outputs = [layers.Reshape((side * side, 16)), layers.Dense(CLASSES, activation=activation)]
    new = keras.Sequential([keras.Input((side, side, 3)), hidden, *outputs])
    new.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=activation == "linear"))
    return new
