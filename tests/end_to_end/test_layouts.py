"""Layouts of outputs: for each shape, dtype, mask and loss the scores equal scikit-learn's."""

from dataclasses import dataclass, field, replace
from functools import partial

import keras
import ml_dtypes
import numpy as np
import pytest
from keras import layers, losses, ops
from scipy.special import softmax
from sklearn import metrics as sk

from kerascb_metrics import Binary, Metrics, Multiclass
from tests.support.models import BACKEND, Batches, RowCounter

N, BATCH = 16, 8
LABELS = (7, -3, 100)
RNG = np.random.default_rng(0)


# The data: outputs for the model to return, and targets that agree with them at two of three positions.


def _mostly(best, choices):
    return np.where(RNG.random(best.shape) < 2 / 3, best, RNG.choice(choices, best.shape))


def probabilities(*shape):
    """Outputs (*shape, 1) and 0/1 targets (*shape,)."""
    outputs = RNG.random((*shape, 1)).astype("float32")
    return outputs, _mostly(outputs[..., 0] > 0.5, [0, 1]).astype("int32")


def logits(*shape):
    outputs, y = probabilities(*shape)
    return 6 * outputs - 3, y


def softmaxes(*shape, classes=3):
    """Outputs (*shape, classes) and class numbers (*shape,)."""
    outputs = RNG.dirichlet(np.ones(classes), shape).astype("float32")
    return outputs, _mostly(outputs.argmax(-1), classes).astype("int32")


def class_logits(*shape):
    outputs, y = softmaxes(*shape)
    return 4 * outputs + RNG.normal(size=(*shape, 1)).astype("float32"), y


def weights(*shape):
    w = RNG.uniform(0.2, 2, shape).astype("float32")
    w[::5] = 0
    return w


# The models: each returns its input, through `front`.


def echo(shape, loss, *front, dtype=None):
    inputs, counter = keras.Input(shape, dtype=dtype), RowCounter()
    hidden = counter(inputs)
    for layer in front:
        hidden = layer(hidden)
    outputs = layers.Dense(hidden.shape[-1], use_bias=False, kernel_initializer="identity")(hidden)
    outputs = layers.Activation("linear")(outputs)  # Keras's matmul on PyTorch makes float32 of float64
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.SGD(0.0), loss, jit_compile=False if BACKEND == "tensorflow" else "auto")
    model.counter = counter
    return model


def own_focal(y_true, y_pred):
    y_true = ops.reshape(ops.cast(y_true, y_pred.dtype), ops.shape(y_pred))
    hit = y_true * y_pred + (1 - y_true) * (1 - y_pred)
    return ops.mean((1 - hit) ** 2 * -ops.log(hit + 1e-6), axis=-1)


def own_logistic(y_true, y_pred):
    """A loss of targets −1 and 1."""
    y_true = ops.reshape(ops.cast(y_true, y_pred.dtype), ops.shape(y_pred))
    return ops.mean(ops.softplus(-y_true * y_pred), axis=-1)


def of_labels(y_true, y_pred):
    """A loss of targets from `LABELS`."""
    hot = ops.equal(ops.reshape(ops.cast(y_true, "int32"), (-1, 1)), ops.array(LABELS, "int32"))
    return -ops.log(ops.sum(ops.cast(hot, y_pred.dtype) * y_pred, axis=-1) + 1e-6)


# One row of the table.


@dataclass(frozen=True)
class Layout:
    outputs: np.ndarray  # the model returns them
    y: np.ndarray
    loss: object
    weight: np.ndarray | None = None
    keep: np.ndarray | None = None  # the positions that count
    cut: float | None = None  # binary tasks: outputs above are positive
    labels: tuple = (0, 1, 2)
    task: object = "auto"
    x: np.ndarray | None = None  # the inputs, if not the outputs
    front: tuple = ()  # makers of layers
    data: object = None  # the validation data, if not the arrays
    ranked_by: object = staticmethod(lambda outputs, axis: outputs)
    floats: str = "float32"  # the policy
    dtype: object = np.float32  # of the captured outputs
    rows: int = N
    batches: list = field(default_factory=list)

    @property
    def inputs(self):
        return self.outputs if self.x is None else self.x

    def model(self):
        x = self.batches[0][0] if self.batches else self.inputs
        shape = (None, *x.shape[2:]) if self.batches else x.shape[1:]
        return echo(
            shape, self.loss, *(make() for make in self.front), dtype=x.dtype.name if self.x is not None else None
        )

    def validation(self):
        if self.data is not None:
            return self.data(self.batches)
        return {"validation_data": (self.inputs, self.y) if self.weight is None else (self.inputs, self.y, self.weight)}

    def first(self):
        return self.batches[0][:2] if self.batches else (self.inputs[:BATCH], self.y[:BATCH])


def binary(data, loss, cut=0.5, **more):
    outputs, y = data
    return Layout(outputs, y, loss, cut=cut, **more)


def classes(data, loss="sparse_categorical_crossentropy", **more):
    outputs, y = data
    return Layout(outputs, y, loss, **more)


def one_hot(data, loss="categorical_crossentropy", **more):
    outputs, y = data
    return Layout(outputs, np.eye(outputs.shape[-1], dtype="float32")[y], loss, **more)


def with_last_axis(layout):
    """Keras accepts weights per position only with targets of the outputs' own rank."""
    return replace(layout, y=layout.y[..., None])


def masked_tokens(**more):
    """Tokens, 0 for padding; the embedding of a token is its probabilities."""
    table = RNG.dirichlet(np.ones(3), 9).astype("float32")
    tokens = RNG.integers(1, 9, (N, 5))
    tokens[np.arange(5) >= RNG.integers(1, 6, N)[:, None]] = 0
    front = partial(layers.Embedding, 9, 3, mask_zero=True, embeddings_initializer=lambda *a, **k: ops.array(table))
    y = _mostly(table[tokens].argmax(-1), 3)
    return classes((table[tokens], y), x=tokens.astype("int32"), keep=tokens > 0, front=(front,), **more)


def masked_steps(**more):
    outputs, y = softmaxes(N, 4)
    outputs[BATCH::3, 2:] = 0  # not in the training batch: the loss of zeros is nan
    return classes((outputs, y), keep=(outputs != 0).any(-1), front=(layers.Masking,), **more)


def ignoring(ignored):
    outputs, y = softmaxes(N, 4)
    y[RNG.random(y.shape) < 0.3] = ignored
    return classes((outputs, y), losses.SparseCategoricalCrossentropy(ignore_class=ignored), keep=y != ignored)


def as_pydataset(batches):
    return {"validation_data": Batches(batches)}


def as_generator(batches):
    def forever():
        while True:
            yield from batches

    return {"validation_data": forever(), "validation_steps": len(batches)}


def of_different_length(data, make=softmaxes, masked=False, weighted=False, **more):
    """Batches (8, 5, C) and (8, 3, C): each position becomes a row."""
    batches = []
    for rows, length in [(8, 5), (8, 3)]:
        outputs, y = make(rows, length)
        if masked and batches:
            outputs[::3, 1:] = 0  # not in the first, the training batch
        batches.append((outputs, y, weights(rows, length)) if weighted else (outputs, y))
    flat = [
        np.concatenate([array.reshape(-1, *array.shape[2:]) for array in arrays])
        for arrays in zip(*batches, strict=True)
    ]
    keep = (flat[0] != 0).any(-1) if masked else None
    front = (layers.Masking,) if masked else ()
    weight = flat[2] if weighted else None
    return Layout(
        *flat[:2],
        weight=weight,
        keep=keep,
        front=front,
        data=data,
        batches=batches,
        rows=sum(map(len, flat[:1])),
        **more,
    )


BCE, SPARSE = "binary_crossentropy", "sparse_categorical_crossentropy"
SPARSE_LOGITS = losses.SparseCategoricalCrossentropy(from_logits=True)
LAYOUTS = {
    "segmentation (N,H,W,C), one-hot": one_hot(softmaxes(N, 3, 2)),
    "segmentation (N,H,W,1)": binary(probabilities(N, 3, 2), BCE),
    "segmentation (N,H,W,1), logits": binary(logits(N, 3, 2), losses.BinaryCrossentropy(from_logits=True), cut=0),
    "segmentation (N,H,W,C), logits": classes(class_logits(N, 3, 2), SPARSE_LOGITS, ranked_by=softmax),
    "segmentation (N,H,W,C), logits, weights per pixel": classes(
        class_logits(N, 3, 2), SPARSE_LOGITS, ranked_by=softmax, weight=weights(N, 3, 2)
    ),
    "tagging (N,T,C), Embedding(mask_zero)": masked_tokens(),
    "tagging (N,T,C), Embedding(mask_zero), weights per token": masked_tokens(weight=weights(N, 5)),
    "tagging (N,T,C), Masking": masked_steps(),
    "tagging (N,T,C), Masking, weights per step": masked_steps(weight=weights(N, 4)),
    "tagging (N,T,C), ignore_class=-1": ignoring(-1),
    "tagging (N,T,C), ignore_class=255": ignoring(255),
    "tagging (N,T,C), weights per position": classes(softmaxes(N, 4), weight=weights(N, 4)),
    "tagging (N,T,1), weights per position": with_last_axis(binary(probabilities(N, 4), BCE, weight=weights(N, 4))),
    "batches of different length, PyDataset": of_different_length(as_pydataset, loss=SPARSE),
    "batches of different length, Masking": of_different_length(as_pydataset, masked=True, loss=SPARSE),
    "batches of different length, weights": of_different_length(as_pydataset, weighted=True, loss=SPARSE),
    "batches of different length, generator": of_different_length(as_generator, loss=SPARSE),
    "batches of different length, (N,T,1)": of_different_length(as_pydataset, probabilities, loss=BCE, cut=0.5),
}
# Keras on PyTorch cannot train on (N,H,W,C) probabilities and class numbers: "grad_input must be contiguous".
if BACKEND != "torch":
    LAYOUTS["segmentation (N,H,W,C)"] = classes(softmaxes(N, 3, 2))
# There Keras multiplies the weights by the mask in place, which needs weights of the mask's own shape.
if BACKEND != "torch":
    LAYOUTS["tagging (N,T,C), Masking, weights per row"] = masked_steps(weight=weights(N, 1))
for name, loss, task in [
    ("hinge", "hinge", "auto"),
    ("squared_hinge", losses.SquaredHinge(), "auto"),
    ("a custom loss", own_logistic, Binary(from_logits=True)),
]:
    outputs, y = logits(N)
    LAYOUTS[f"targets −1 and 1, {name}"] = Layout(outputs, 2 * y - 1, loss, cut=0, labels=(-1, 1), task=task)
LAYOUTS |= {
    "label smoothing, binary": binary(probabilities(N), losses.BinaryCrossentropy(label_smoothing=0.2)),
    "label smoothing, categorical": one_hot(softmaxes(N), losses.CategoricalCrossentropy(label_smoothing=0.2)),
    "focal, binary": binary(probabilities(N), losses.BinaryFocalCrossentropy(gamma=3.0)),
    "focal, categorical": one_hot(softmaxes(N), "categorical_focal_crossentropy"),
    "a custom loss function": binary(probabilities(N), own_focal, task="binary"),
    "a custom loss function, one-hot": one_hot(softmaxes(N), own_focal, task="multiclass"),
}
outputs, y = softmaxes(N)
LAYOUTS["arbitrary integer labels"] = Layout(
    outputs, np.array(LABELS)[y], of_labels, labels=LABELS, task=Multiclass(labels=LABELS)
)
for floats, dtype in [("mixed_float16", np.float16), ("mixed_bfloat16", ml_dtypes.bfloat16), ("float64", np.float64)]:
    if floats == "float64" and BACKEND == "jax":
        continue  # JAX converts it to float32, unless jax_enable_x64 is set
    LAYOUTS |= {
        f"{floats}, binary": binary(probabilities(N), BCE, floats=floats, dtype=dtype),
        f"{floats}, classes": classes(softmaxes(N), floats=floats, dtype=dtype, weight=weights(N)),
    }


@pytest.fixture
def floats():
    """Sets the dtype policy for the duration of the test."""
    policy, floatx = keras.config.dtype_policy(), keras.config.floatx()

    def set_policy(name):
        keras.config.set_dtype_policy(name)
        keras.config.set_floatx("float64" if name == "float64" else "float32")

    yield set_policy
    keras.config.set_dtype_policy(policy)
    keras.config.set_floatx(floatx)


def by_scikit_learn(layout, y, outputs, weight, keep):
    """The panel from scikit-learn, with positions flattened."""
    outputs = outputs.astype("float64")
    y = y.argmax(-1) if y.shape == outputs.shape and outputs.shape[-1] > 1 else y.reshape(outputs.shape[:-1])
    weight = np.ones(y.shape[0]) if weight is None else weight.astype("float64")
    weight = np.broadcast_to(weight.reshape(*weight.shape, *[1] * (y.ndim - weight.ndim)), y.shape)
    keep = np.ones(y.shape, bool) if keep is None else keep
    y, outputs, weight = y[keep], outputs[keep], weight[keep]
    labels = np.array(layout.labels if layout.cut is None else layout.labels[:2])
    binary = layout.cut is not None
    predicted = labels[(outputs[:, 0] > layout.cut).astype(int) if binary else outputs.argmax(-1)]
    options = {"average": "binary" if binary else "macro", "sample_weight": weight}
    ranked = outputs[:, 0] if binary else layout.ranked_by(outputs, axis=1)
    hot = y if binary else y[:, None] == labels
    return {
        "f1": sk.f1_score(y, predicted, **options),
        "precision": sk.precision_score(y, predicted, **options),
        "recall": sk.recall_score(y, predicted, **options),
        "kappa": sk.cohen_kappa_score(y, predicted, sample_weight=weight),
        "auc": sk.roc_auc_score(hot, ranked, average="macro", sample_weight=weight),
        "confusion": sk.confusion_matrix(y, predicted, labels=labels, sample_weight=weight),
    }


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_scores_equal_those_of_scikit_learn(layout, floats):
    floats(layout.floats)
    model, metrics = layout.model(), Metrics(task=layout.task)
    model.counter.seen()
    model.fit(*layout.first(), batch_size=BATCH, verbose=0, callbacks=[metrics], **layout.validation())
    assert model.counter.seen() == N
    rows = metrics.predictions
    assert rows.y_pred.dtype == layout.dtype
    assert len(rows) == layout.rows
    assert (rows.sample_weight is None) == (layout.weight is None)
    assert (rows.mask is None) == (not layout.front)
    outputs = layout.outputs.astype(layout.dtype)
    np.testing.assert_array_equal(rows.y_pred, outputs)
    np.testing.assert_array_equal(rows.y_true.ravel(), layout.y.ravel())

    plain = by_scikit_learn(layout, layout.y, outputs, layout.weight, layout.keep)
    keep = layout.keep if rows.mask is None else rows.mask
    captured = by_scikit_learn(layout, rows.y_true, rows.y_pred, rows.sample_weight, keep)
    assert list(metrics.history) == list(plain)
    for name, (value,) in metrics.history.items():
        np.testing.assert_allclose(value, captured[name], rtol=0, atol=1e-12, err_msg=name)
        np.testing.assert_allclose(value, plain[name], rtol=0, atol=1e-12, err_msg=name)


def test_keras_takes_no_string_targets():
    """Keras accepts numbers only: pass class numbers, and the names as `Multiclass(class_names=…)`."""
    outputs, y = softmaxes(N)
    names = ("cat", "dog", "eel")
    metrics = Metrics(task=Multiclass(class_names=names), average=None)
    with pytest.raises(ValueError, match="Invalid dtype"):
        echo((3,), SPARSE).fit(outputs, np.array(names)[y], verbose=0)
    run = echo((3,), SPARSE).fit(outputs, y, verbose=0, callbacks=[metrics], validation_data=(outputs, y))
    expected = sk.f1_score(y, outputs.argmax(-1), average=None)
    assert [run.history[f"val_f1_{name}"][0] for name in names] == pytest.approx(expected, abs=1e-12)
