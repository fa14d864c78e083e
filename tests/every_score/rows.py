"""Rows, and models that return them, for every_score. Each maker has its own seed: no case moves another."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import keras
import ml_dtypes
import numpy as np
from keras import layers, losses
from scipy.special import softmax

BACKEND = keras.backend.backend()
N = 90
HALVES = {"float16": np.float16, "bfloat16": ml_dtypes.bfloat16}


@dataclass(frozen=True)
class Rows:
    """What a model of one output returns, with targets.

    Attributes:
        x: what goes in, and comes out unless `front` changes it.
        y: the targets.
        loss: as in `compile`.
        options: of `Metrics`.
        weight: None, or sample weights.
        front: makers of the layers in the model.
        shape: of one input, None where a length is not known; None: that of `x`.
        dtype: of the outputs; None: that of `x`.
    """

    x: np.ndarray
    y: np.ndarray
    loss: Any
    options: dict = field(default_factory=dict)
    weight: np.ndarray | None = None
    front: tuple = ()
    shape: tuple | None = None
    dtype: str | None = None

    def __len__(self) -> int:
        return len(self.x)

    def with_(self, weight: np.ndarray | None = None, **options: Any) -> "Rows":
        """The same rows with other weights and more options of `Metrics`."""
        return replace(self, weight=weight, options={**self.options, **options})

    @property
    def data(self) -> tuple:
        return (self.x, self.y) if self.weight is None else (self.x, self.y, self.weight)

    def model(self, **options: Any) -> keras.Model:
        """A compiled model without weights to train; eager unless `options` say otherwise."""
        return compiled(model_of(self), self.loss, **options)


def model_of(rows: Rows) -> keras.Model:
    inputs = keras.Input(rows.x.shape[1:] if rows.shape is None else rows.shape, dtype=rows.x.dtype.name)
    hidden = inputs
    for make in rows.front:
        hidden = make()(hidden)
    dtype = rows.dtype or (rows.x.dtype.name if rows.x.dtype.kind == "f" else "float32")
    return keras.Model(inputs, layers.Activation("linear", dtype=dtype)(hidden))


def compiled(model: keras.Model, loss: Any, **options: Any) -> keras.Model:
    if not options:
        options = {"run_eagerly": True}
    if BACKEND == "tensorflow" and "run_eagerly" not in options:
        options = {"jit_compile": False, **options}
    model.compile(keras.optimizers.SGD(0.0), loss, **options)
    return model


def own_loss(y_true: Any, y_pred: Any) -> Any:
    """A loss that no task can be read from, for any targets and outputs."""
    return keras.ops.mean(y_pred, axis=-1)


# Outputs and targets.


def rng_of(*seed: int) -> np.random.Generator:
    return np.random.default_rng([17, *seed])


def mostly(rng: np.random.Generator, best: np.ndarray, choices: Any) -> np.ndarray:
    """Targets that agree with the outputs at two places of three."""
    return np.where(rng.random(best.shape) < 2 / 3, best, rng.choice(choices, best.shape)).astype("int32")


def one_column(*shape: int, logits: bool = False, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Outputs and 0/1 targets of the same shape."""
    rng = rng_of(1, seed)
    p = rng.random(shape).astype("float32")
    y = mostly(rng, p > 0.5, [0, 1])
    return (6 * p - 3 if logits else p), y


def columns(*shape: int, classes: int = 3, logits: bool = False, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Outputs (*shape, classes) and class numbers (*shape,)."""
    rng = rng_of(2, seed)
    z = rng.normal(size=(*shape, classes)).astype("float32") * 2
    return (z if logits else softmax(z, axis=-1)), mostly(rng, z.argmax(-1), classes)


def weights(*shape: int, kind: str = "plain") -> np.ndarray:
    rng = rng_of(3, len(shape))
    w = rng.uniform(0.2, 2, shape).astype("float32")
    if kind == "zeros":
        w[::3] = 0
    scale = {"huge": 1e30, "tiny": 1e-30, "tenths": None}.get(kind, 1)
    return (np.round(w, 1) if scale is None else w * scale).astype("float32")


def hot(y: np.ndarray, classes: int = 3) -> np.ndarray:
    return np.eye(classes, dtype="float32")[y]


SPARSE, SPARSE_LOGITS = "sparse_categorical_crossentropy", losses.SparseCategoricalCrossentropy(from_logits=True)
BCE, BCE_LOGITS = "binary_crossentropy", losses.BinaryCrossentropy(from_logits=True)
CCE, CCE_LOGITS = "categorical_crossentropy", losses.CategoricalCrossentropy(from_logits=True)


def binary(*shape: int, logits: bool = False, loss: Any = None, **more: Any) -> Rows:
    x, y = one_column(*shape, logits=logits)
    return Rows(x, y, loss or (BCE_LOGITS if logits else BCE), **more)


def classes_of(*shape: int, classes: int = 3, logits: bool = False, one_hot: bool = False, **more: Any) -> Rows:
    x, y = columns(*shape, classes=classes, logits=logits)
    loss = (CCE_LOGITS if logits else CCE) if one_hot else (SPARSE_LOGITS if logits else SPARSE)
    loss = more.pop("loss", loss)
    return Rows(x, hot(y, classes) if one_hot else y, loss, **more)


def labels_of(*shape: int, logits: bool = False, **more: Any) -> Rows:
    return binary(*shape, logits=logits, **more).with_(task="multilabel")


def regression(*shape: int, **more: Any) -> Rows:
    rng = rng_of(4)
    x = rng.normal(size=shape).astype("float32")
    y = (x + rng.normal(size=shape)).astype("float32")
    names = ["r2", "neg_mean_absolute_error", "neg_root_mean_squared_error", "explained_variance", "neg_max_error"]
    names = names[:4] if len(shape) > 1 else names  # the others take one column only
    return Rows(x, y, "mse", {"scoring": names, "task": "regression"}, **more)


def signs(rows: Rows, loss: Any) -> Rows:
    return replace(rows, y=2 * rows.y - 1, loss=loss)


PLAIN = {
    "binary (N,)": binary(N),
    "binary (N,1)": binary(N, 1),
    "binary (N,1), logits": binary(N, 1, logits=True),
    "binary (N,1), hinge": signs(binary(N, 1, logits=True), "hinge"),
    "binary (N,1), targets 0 and 1, hinge": binary(N, 1, logits=True, loss="hinge"),
    "binary (N,1), mse": binary(N, 1, loss="mse", options={"task": "binary"}),
    "binary (N,2), ints": classes_of(N, classes=2),
    "binary (N,2), one-hot": classes_of(N, classes=2, one_hot=True),
    "binary (N,2), ints, logits": classes_of(N, classes=2, logits=True),
    "binary (N,2), one-hot, logits": classes_of(N, classes=2, logits=True, one_hot=True),
    "two classes as multiclass": classes_of(N, classes=2, options={"task": "multiclass"}),
    "multiclass, ints": classes_of(N),
    "multiclass, ints, logits": classes_of(N, logits=True),
    "multiclass, one-hot": classes_of(N, one_hot=True),
    "multiclass, one-hot, logits": classes_of(N, one_hot=True, logits=True),
    "multiclass, categorical hinge": classes_of(N, one_hot=True, logits=True, loss="categorical_hinge"),
    "multilabel": labels_of(N, 4),
    "multilabel, logits": labels_of(N, 4, logits=True),
    "multilabel, hinge": signs(labels_of(N, 4, logits=True), "hinge"),
    "multilabel of one": labels_of(N, 1),
}
LAYOUTS = {
    "binary (N,T,1)": binary(30, 4, 1),
    "binary (N,T,1), logits": binary(30, 4, 1, logits=True),
    "binary (N,H,W,1)": binary(20, 3, 2, 1),
    "binary (N,T), length not known": binary(30, 4, shape=(None,), options={"task": "binary"}),
    "binary (N,T,2)": classes_of(30, 4, classes=2, one_hot=True),
    "multiclass (N,T,C)": classes_of(30, 4),
    "multiclass (N,T,C), logits": classes_of(30, 4, logits=True),
    "multiclass (N,T,C), length not known": classes_of(30, 4, shape=(None, 3)),
    "multiclass (N,H,W,C), one-hot": classes_of(20, 3, 2, one_hot=True),
    "multiclass (N,H,W,C), logits": classes_of(20, 3, 2, logits=True),
    "multilabel (N,T,L)": labels_of(30, 4, 3),
    "multilabel (N,H,W,L), logits": labels_of(20, 3, 2, 3, logits=True),
}
REGRESSIONS = {
    "regression (N,)": regression(N),
    "regression (N,1)": regression(N, 1),
    "regression (N,3)": regression(N, 3),
    "regression (N,T,1)": regression(30, 4, 1),
    "regression (N,T,2)": regression(30, 4, 2),
    "regression (N,T), length not known": regression(30, 4, shape=(None,)),
    "regression (N,T,2), length not known": regression(30, 4, 2, shape=(None, 2)),
}
ALL = PLAIN | LAYOUTS | REGRESSIONS
ONE_OF_EACH = ("binary (N,1)", "multiclass, ints", "multilabel", "regression (N,3)")


# Masks.


def masked_steps(binary_task: bool = False) -> Rows:
    rows = binary(30, 4, 1) if binary_task else classes_of(30, 4)
    x = rows.x.copy()
    x[16::3, 2:] = 0
    return replace(rows, x=x, front=(layers.Masking,))


def masked_tokens(logits: bool = False) -> Rows:
    """Tokens, 0 for padding; the embedding of a token is its outputs."""
    rng = rng_of(5)
    table = rng.normal(size=(9, 3)).astype("float32")
    table = table if logits else softmax(table, axis=-1)
    tokens = rng.integers(1, 9, (30, 5)).astype("int32")
    tokens[np.arange(5) >= rng.integers(1, 6, 30)[:, None]] = 0
    start = keras.initializers.Constant(table)
    front = (lambda: layers.Embedding(9, 3, mask_zero=True, embeddings_initializer=start, trainable=False),)
    y = mostly(rng, table[tokens].argmax(-1), 3)
    return Rows(tokens, y, SPARSE_LOGITS if logits else SPARSE, front=front)


MASKED: dict[str, Callable[[], Rows]] = {
    "Masking": masked_steps,
    "Masking, binary": lambda: masked_steps(binary_task=True),
    "Embedding": masked_tokens,
    "Embedding, logits": lambda: masked_tokens(logits=True),
}


# A class that the loss ignores.


def ignoring(ignored: int, *shape: int, classes: int = 3, logits: bool = False) -> Rows:
    x, y = columns(*shape, classes=classes, logits=logits)
    y[rng_of(6).random(y.shape) < 0.3] = ignored
    return Rows(x, y, losses.SparseCategoricalCrossentropy(from_logits=logits, ignore_class=ignored))


# Many rows, so that what works by blocks takes several.


def many(kind: str, rows: int = 20_001, ties: bool = False) -> Rows:
    makers = {"binary": partial(binary, rows, 1), "multiclass": partial(classes_of, rows, logits=True)}
    made = makers.get(kind, partial(labels_of, rows, 3))()
    return replace(made, x=np.round(made.x * 16) / 16) if ties else made
