"""The time of `fit` with scores of every pixel of 20 classes, on the backend that KERAS_BACKEND names.

Each variant fits a model of its own for some epochs per round: an epoch trains on one batch, and validates on all
images. What a fit does once, such as checking the targets before training, is spread over its epochs. What the whole
panel adds is compared with the least that its AUC needs: the columns sorted by two threads, for logits after their
softmax in float64.
"""

import math
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
from keras import layers
from scipy.special import softmax

from benchmarks.fitting.models import epochs
from benchmarks.harness.table import as_long
from benchmarks.harness.timing import interleave
from kerascb_metrics import Metrics
from kerascb_metrics._blocks import blocks

CLASSES = 20
IMAGES, SIDE, BATCH, EPOCHS = 64, 128, 8, 5
QUICK_IMAGES, QUICK_SIDE = 16, 16
LABEL_SCORES = ["f1", "kappa", "confusion"]
BOUNDED_AT_MOST, BOUNDED_AT_MOST_ON_TORCH = 1.15, 1.4  # PyTorch's argmax is slow on the processor
KEPT_AT_MOST = 1.35
PANEL_AT_MOST_SORTS = {"softmax": 3.5, "logits": 1.6}
SORTS = {"softmax": "the columns sorted by two threads", "logits": "softmax and sort by two threads"}
WHY = "the labels are made on the device and counted on the host; see `label` in collect/backends/"


def measure(quick):
    """Measure softmax outputs, then logits."""
    images, side = (QUICK_IMAGES, QUICK_SIDE) if quick else (IMAGES, SIDE)
    return [row for outputs in SORTS for row in _fits(images, side, outputs)]


def _fits(images, side, outputs):
    rows, activation = data(images, side), "softmax" if outputs == "softmax" else "linear"
    variants = {
        "plain": [],
        "bounded": [Metrics(LABEL_SCORES, memory="bounded", verbose=False)],
        "kept": [Metrics(LABEL_SCORES, verbose=False)],
        "panel": [Metrics(verbose=False)],
    }
    fits = {name: epochs(model(side, activation), rows, BATCH, own, EPOCHS) for name, own in variants.items()}
    times = interleave(fits | {"sort": sorting(model(side, activation), rows[0], outputs)}, once=math.inf)
    n, backend = images * side * side, keras.backend.backend()
    plain, bounded, kept, panel = (times.of(name) / EPOCHS for name in variants)
    least = min(times.rounds["bounded"]) / min(times.rounds["plain"])
    note = f"per epoch; the fastest rounds compared: {least:.2f} ×"
    target = BOUNDED_AT_MOST_ON_TORCH if backend == "torch" else BOUNDED_AT_MOST
    case = f"{backend}, {images} × {side} × {side} pixels, {CLASSES} classes, {outputs}"
    added, sort = panel - plain, times.of("sort")
    return [
        as_long(f"{case}: label scores, bounded", n, bounded, "plain fit", plain, target, note=note, why=WHY),
        as_long(f"{case}: label scores, outputs kept", n, kept, "plain fit", plain, KEPT_AT_MOST, note="per epoch"),
        as_long(f"{case}: default panel", n, panel, "plain fit", plain, note="per epoch"),
        as_long(f"{case}: what the panel adds", n, added, SORTS[outputs], sort, PANEL_AT_MOST_SORTS[outputs]),
    ]


def sorting(new, x, outputs):
    """Return a function that sorts the columns of the model's outputs with two threads, after a softmax of logits."""
    y_pred = np.asarray(new.predict(x, batch_size=BATCH, verbose=0)).reshape(-1, CLASSES)
    columns = np.ascontiguousarray(y_pred.T)
    shares = np.empty(columns.shape, np.float64)

    def lay_out(block):
        shares[:, block] = softmax(y_pred[block].astype(np.float64), axis=1).T

    def run():
        with ThreadPoolExecutor(2) as pool:
            if outputs == "logits":
                list(pool.map(lay_out, blocks(y_pred)))
            list(pool.map(np.sort, columns if outputs == "softmax" else shares))

    return run


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
