"""Every row of fit's own validation pass is captured once and in order, whatever the layout."""

from dataclasses import dataclass, field
from functools import cache, partial
from itertools import accumulate, cycle, takewhile

import keras
import numpy as np
import pytest

from kerascb_metrics import Metrics
from tests.support import custom_steps as steps
from tests.support.models import BACKEND, RowCounter, binary_rows, echo_model

ROWS, BATCH, EPOCHS = 101, 16, 2  # 7 batches, the last of 5 rows
N_BATCHES = 7


# The arguments of fit for the validation rows x, y and weights w.


def arrays(x, y, w):
    return {"validation_data": (x, y)}


def weighted(x, y, w):
    return {"validation_data": (x, y, w)}


def split(x, y, w):
    return {"x": np.concatenate([1 - x, x]), "y": np.concatenate([1 - y, y]), "validation_split": 0.5}


def in_batches(*arrays_, sizes=(BATCH,)):
    """Cut arrays into batches of these sizes, repeated until there are no rows left."""
    starts = takewhile(lambda start: start < ROWS, accumulate(cycle(sizes), initial=0))
    cuts = list(starts)[1:]
    return list(zip(*(np.split(array, cuts) for array in arrays_), strict=True))


class _PyDataset(keras.utils.PyDataset):
    def __init__(self, batches, **options):
        super().__init__(**options)
        self.batches = batches

    def __len__(self):
        return len(self.batches)

    def __getitem__(self, index):
        return self.batches[index]


def pydataset(x, y, w, sizes=(BATCH,), **options):
    return {"validation_data": _PyDataset(in_batches(x, y, w, sizes=sizes), **options)}


def generator(x, y, w):
    def forever():
        while True:
            yield from in_batches(x, y)

    return {"validation_data": forever(), "validation_steps": N_BATCHES}


def tf_dataset(x, y, w):
    import tensorflow as tf

    of_unknown_length = tf.data.Dataset.from_tensor_slices((x, y)).filter(lambda *row: True)
    return {"validation_data": of_unknown_length.batch(BATCH)}


def tf_endless(x, y, w):
    return {"validation_data": tf_dataset(x, y, w)["validation_data"].repeat(), "validation_steps": N_BATCHES}


def torch_loader(x, y, w):
    from torch import from_numpy
    from torch.utils.data import DataLoader, TensorDataset

    return {"validation_data": DataLoader(TensorDataset(from_numpy(x), from_numpy(y)), batch_size=BATCH)}


# Models; each returns its input.


@cache
def _echo(**options):
    """One model for all layouts that differ only in their data: it never changes."""
    return echo_model(counted=True, **options)


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.counter = RowCounter()
        self.dense = keras.layers.Dense(1, use_bias=False, kernel_initializer="identity")

    def call(self, inputs, training=False):
        return self.dense(self.counter(inputs, training=training))


def subclassed(**options):
    model = Subclassed()
    model(np.zeros((1, 1), "float32"))
    model.compile(keras.optimizers.SGD(0.0), "binary_crossentropy", **options)
    return model


def masking(**options):
    """Positions of value 0 are masked."""
    inputs, counter = keras.Input((3, 1)), RowCounter()
    outputs = keras.layers.Masking(0.0)(counter(inputs))
    model = keras.Model(inputs, keras.layers.Dense(1, use_bias=False, kernel_initializer="identity")(outputs))
    model.compile(keras.optimizers.SGD(0.0), "binary_crossentropy", **options)
    model.counter = counter
    return model


def learning(**options):
    """A model that learns, and so does not return its input."""
    inputs, counter = keras.Input((1,)), RowCounter()
    hidden = keras.layers.Dense(8, activation="relu")(counter(inputs))
    model = keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(hidden))
    model.compile(keras.optimizers.SGD(1.0), "binary_crossentropy", **options)
    model.counter = counter
    return model


@dataclass(frozen=True)
class Layout:
    data: object = arrays
    model: object = _echo
    batch: int = BATCH
    weights: bool = False
    epochs: int = EPOCHS
    compile: dict = field(default_factory=dict)


LAYOUTS = {
    "numpy arrays, the last batch is partial": Layout(),
    "validation_split": Layout(split),
    "one batch": Layout(batch=ROWS),
    "batches of one row left over": Layout(batch=50),
    "run_eagerly": Layout(compile={"run_eagerly": True}),
    "sample weights": Layout(weighted, weights=True),
    "a Keras mask": Layout(model=masking),
    "a Keras mask and sample weights": Layout(weighted, masking, weights=True),
    "PyDataset with weights": Layout(pydataset, weights=True),
    "PyDataset with workers": Layout(partial(pydataset, workers=2), weights=True),
    "generator with validation_steps": Layout(generator, epochs=1),  # for more see below
    "subclassed model": Layout(model=subclassed),
    "a model that learns": Layout(model=learning),
    "test_step calls super": Layout(weighted, partial(steps.as_class, steps.SuperStep), weights=True),
    "test_step calls compute_metrics only": Layout(
        weighted, partial(steps.as_class, steps.MetricsOnlyStep), weights=True
    ),
    "test_step calls compute_loss only": Layout(weighted, partial(steps.as_class, steps.LossOnlyStep), weights=True),
    "test_step in keras.io style": Layout(weighted, partial(steps.as_class, steps.KerasIoStep), weights=True),
    "compute_metrics with renamed parameters": Layout(
        weighted, partial(steps.as_class, steps.RenamedMetrics), weights=True
    ),
    "compute_metrics by renamed keywords": Layout(
        weighted, partial(steps.as_class, steps.RenamedKeywords), weights=True
    ),
}
# Keras on torch: "`steps_per_execution` must be 1 with the PyTorch backend"; and torch.compile takes minutes here
# (with it, this test passed on torch 2.13).
if BACKEND != "torch":
    LAYOUTS |= {
        "jit_compile, the other way than auto": Layout(compile={"jit_compile": BACKEND != "jax"}),
        "steps_per_execution=3, run_eagerly": Layout(compile={"steps_per_execution": 3, "run_eagerly": True}),
        "steps_per_execution=3, jit_compile=False": Layout(compile={"steps_per_execution": 3, "jit_compile": False}),
    }
    # From 3.16 on Keras on JAX stacks the batches of an execution if they have the same shape.
    LAYOUTS |= {
        f"steps_per_execution={count}{what}": Layout(**options, compile={"steps_per_execution": count})
        for count in (3, 4, 7, 100)
        for what, options in (
            ("", {}),
            (", a Keras mask and sample weights", {"data": weighted, "model": masking, "weights": True}),
            (", a model that learns", {"data": weighted, "model": learning, "weights": True}),
            (", PyDataset", {"data": pydataset, "weights": True}),
            (", PyDataset of unequal batches", {"data": partial(pydataset, sizes=(16, 16, 20)), "weights": True}),
        )
    }
if BACKEND == "tensorflow":
    LAYOUTS |= {
        "tf.data of unknown cardinality": Layout(tf_dataset),
        "tf.data of unknown cardinality, steps_per_execution=3": Layout(tf_dataset, compile={"steps_per_execution": 3}),
        "tf.data without an end, validation_steps": Layout(tf_endless),
    }
if BACKEND == "torch":
    LAYOUTS |= {"DataLoader": Layout(torch_loader)}


class EachEpoch(keras.callbacks.Callback):
    """Notes after each epoch how many rows the model saw, and the last predictions."""

    def __init__(self, metrics, counter):
        super().__init__()
        self.metrics, self.counter, self.seen, self.predictions = metrics, counter, [], []

    def on_epoch_end(self, epoch, logs=None):
        assert self.model is not None  # on JAX this brings the model's variables up to date
        self.seen.append(self.counter.seen())
        self.predictions.append(self.metrics.predictions)


def _never(*args, **kwargs):
    raise AssertionError("model.predict was called")


def _rows(masked):
    """Validation rows and weights. If `masked`, rows have three positions, and positions of value 0 are masked."""
    x, y = binary_rows(ROWS)
    w = np.random.default_rng(2).uniform(0.5, 2, ROWS).astype("float32")
    if masked:
        x, y = np.stack([x, 1 - x, x], axis=1), np.stack([y, 1 - y, y], axis=1)[..., None]
        x[::2, 2] = 0
        w = np.stack([w, 2 * w, 3 * w], axis=1)
    return x, y, w


# Keras warns of this for every dataset of unknown length, at the end of the first pass.
@pytest.mark.filterwarnings("ignore:Your input ran out of data")
@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_every_row_once_and_in_order(layout, monkeypatch):
    model = layout.model(**layout.compile)
    x, y, w = _rows(masked=layout.model is masking)
    metrics = Metrics(verbose=False)
    each = EachEpoch(metrics, model.counter)
    given = {"x": x[:BATCH], "y": y[:BATCH], "batch_size": layout.batch, **layout.data(x, y, w)}
    model.counter.seen()
    with monkeypatch.context() as patch:
        patch.setattr(keras.Model, "predict", _never)
        model.fit(**given, epochs=layout.epochs, verbose=0, callbacks=[metrics, each])

    assert each.seen == [ROWS] * layout.epochs
    for rows in each.predictions:
        assert len(rows) == len(rows.y_true) == ROWS
        np.testing.assert_array_equal(rows.y_true.ravel(), y.ravel())
        if layout.model is not learning:
            np.testing.assert_array_equal(rows.y_pred.ravel(), x.ravel())
        if layout.weights:
            np.testing.assert_array_equal(rows.sample_weight.ravel(), w.ravel())
        else:
            assert rows.sample_weight is None
        if layout.model is masking:
            np.testing.assert_array_equal(rows.mask, x[..., 0] != 0)
        else:
            assert rows.mask is None
    predicted = model.predict(x, batch_size=layout.batch, verbose=0)
    np.testing.assert_allclose(metrics.predictions.y_pred, predicted, rtol=0, atol=1e-6)
    assert len(metrics.f1s) == layout.epochs


@pytest.mark.parametrize("per_execution", [1] if BACKEND == "torch" else [1, 3, 7, 100])
def test_a_generator_scores_what_keras_scored(per_execution):
    """Keras 3.15 starts each epoch with the generator's first two batches again, then continues where it was.

    It reads whole executions: more than `validation_steps` batches, if those are not a multiple of their steps.
    """
    model, metrics = _echo(steps_per_execution=per_execution), Metrics(verbose=False)
    x, y, w = _rows(masked=False)
    each = EachEpoch(metrics, model.counter)
    model.counter.seen()
    model.fit(x[:BATCH], y[:BATCH], **generator(x, y, w), epochs=3, verbose=0, callbacks=[metrics, each])
    assert each.seen == [len(rows) for rows in each.predictions]
    target_of = dict(zip(x[:, 0], y, strict=True))
    for rows in each.predictions:
        assert [target_of[value] for value in rows.y_pred[:, 0]] == rows.y_true.ravel().tolist()
