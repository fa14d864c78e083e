"""Every kind of data and model that Keras validates: all rows are scored once, with scikit-learn's numbers.

Left out because Keras does not accept them: string targets (see test_layouts.py), and tf.data on JAX and PyTorch
without TensorFlow.
"""

from dataclasses import dataclass, field
from functools import partial

import keras
import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as sk

from kerascb_metrics import Metrics
from tests.support import custom_steps as steps
from tests.support import kinds_of_model as kinds
from tests.support.models import BACKEND, binary_rows

N, BATCH = 50, 16  # 4 batches, the last has 2 rows
X, Y = binary_rows(N, seed=1)
W = np.random.default_rng(2).uniform(0.2, 2, N).astype("float32")
X_FIT, Y_FIT = binary_rows(32, seed=3)
# The outputs are the inputs, which are all different: each output identifies its row.
ROW_OF = {value: row for row, value in enumerate(X[:, 0].tolist())}


# Data: each returns the arguments of `fit` for validation.


def batches(x=X, y=Y):
    return [(x[start : start + BATCH], y[start : start + BATCH]) for start in range(0, N, BATCH)]


class Rows(keras.utils.PyDataset):
    def __len__(self):
        return 4

    def __getitem__(self, index):
        return batches()[index]


class Growing(Rows):
    """Its length differs in each epoch."""

    length = 1

    def __len__(self):
        return self.length

    def on_epoch_end(self):
        self.length = 1 + self.length % 4


def generator():
    def forever():
        while True:
            yield from batches()

    return {"validation_data": forever(), "validation_steps": 4}


def tf_data(change=lambda data: data, **options):
    import tensorflow as tf

    return {"validation_data": change(tf.data.Dataset.from_tensor_slices((X, Y))).batch(BATCH), **options}


def loader(**options):
    from torch import from_numpy
    from torch.utils.data import DataLoader, TensorDataset

    return {"validation_data": DataLoader(TensorDataset(from_numpy(X), from_numpy(Y)), BATCH, **options)}


# One row of the table.


@dataclass(frozen=True)
class Row:
    data: object = lambda: {"validation_data": (X, Y)}
    model: object = kinds.shared
    epochs: int = 1
    scored: list | None = None  # the scored epochs, if not all
    rows: object = None  # the rows of each epoch, if not N; "changing": as many as Keras validated
    ordered: bool = True
    weight: np.ndarray | None = None
    echoes: bool = True  # outputs are the inputs
    fit: dict = field(default_factory=dict)
    callbacks: object = list


DATA = {
    "NumPy": Row(),
    "NumPy, float64 and bool": Row(lambda: {"validation_data": (X.astype("float64"), Y.astype(bool))}),
    # For Keras a Series is (N, 1). On TensorFlow it fails if a compiled model has received targets of both ranks.
    "pandas": Row(lambda: {"validation_data": (pd.DataFrame(X), pd.Series(Y))}, kinds.through),
    "backend tensors": Row(lambda: {"validation_data": (keras.ops.array(X), keras.ops.array(Y))}),
    "PyDataset": Row(lambda: {"validation_data": Rows()}),
    "PyDataset, workers": Row(lambda: {"validation_data": Rows(workers=2)}, epochs=2),
    "PyDataset, length that changes": Row(lambda: {"validation_data": Growing()}, epochs=3, rows="changing"),
    "generator": Row(generator),
    "validation_split": Row(
        lambda: {"validation_split": 0.5, "x": np.concatenate([X, X]), "y": np.concatenate([Y, Y])}
    ),
    "validation_steps": Row(lambda: {"validation_data": (X, Y), "validation_steps": 2}, rows=[32]),
    "validation_batch_size": Row(lambda: {"validation_data": (X, Y), "validation_batch_size": 7}),
    "validation_freq": Row(epochs=4, scored=[1, 3], fit={"validation_freq": 2}),
    "validation_freq, a list": Row(epochs=4, scored=[0, 3], fit={"validation_freq": [1, 4]}),
    "sample_weight": Row(lambda: {"validation_data": (X, Y, W)}, weight=W),
    "sample_weight in training only": Row(fit={"sample_weight": np.ones(32)}),
    "class_weight": Row(fit={"class_weight": {0: 1.0, 1: 7.0}}),  # Keras applies it to training, not to validation
    "initial_epoch": Row(epochs=4, scored=[2, 3], fit={"initial_epoch": 2}),
}
if BACKEND == "tensorflow":
    DATA |= {
        "tf.data": Row(tf_data),
        "tf.data, unknown cardinality": Row(partial(tf_data, lambda data: data.filter(lambda *row: True))),
        "tf.data, shuffled": Row(partial(tf_data, lambda data: data.shuffle(N, seed=0)), epochs=2, ordered=False),
        "tf.data, infinite with steps": Row(
            lambda: {**tf_data(lambda data: data.repeat()), "validation_steps": 3}, rows=[48]
        ),
    }
if BACKEND == "torch":
    DATA |= {
        "DataLoader": Row(loader),
        "DataLoader, shuffled": Row(partial(loader, shuffle=True), epochs=2, ordered=False),
        "DataLoader, workers": Row(partial(loader, num_workers=1)),
    }

# Two full batches, so that each model is compiled for one shape only; the table above has partial batches.
FULL = {"validation_data": (X[:32], Y[:32])}
OfModel = partial(Row, lambda: FULL, rows=[32])
THREE = np.stack([X, X, X], axis=1)
MODELS = {
    "Sequential": OfModel(model=kinds.sequential),
    "functional": OfModel(model=kinds.through),
    "subclassed": OfModel(model=kinds.subclassed),
    "custom train_step": OfModel(model=partial(kinds.through, cls=kinds.OwnTrainStep)),
    "test_step, by super": OfModel(model=partial(kinds.with_steps, steps.SuperStep)),
    "test_step, by compute_metrics": OfModel(model=partial(kinds.with_steps, steps.MetricsOnlyStep)),
    "test_step, by compute_loss": OfModel(model=partial(kinds.with_steps, steps.LossOnlyStep)),
    "custom compute_metrics": OfModel(model=partial(kinds.through, cls=kinds.OwnMetrics)),
    "custom evaluate": OfModel(model=partial(kinds.through, cls=kinds.OwnEvaluate)),
    "stateful RNN": Row(
        lambda: {"x": THREE[:20], "y": Y[:20], "batch_size": 10, "validation_data": (THREE, Y)},
        kinds.stateful,
        echoes=False,
    ),
    "LoRA": OfModel(model=kinds.lora, echoes=False, epochs=2),
    "quantized int8": OfModel(model=kinds.quantized, echoes=False),
    "mixed precision": OfModel(model=kinds.mixed, echoes=False),
    "SwapEMAWeights": OfModel(
        model=partial(kinds.learning, use_ema=True, ema_momentum=0.9),
        echoes=False,
        callbacks=lambda: [keras.callbacks.SwapEMAWeights()],
    ),
    "frozen layers": OfModel(model=kinds.frozen),
    "nested models": OfModel(model=kinds.nested),
    "a model that learns": OfModel(model=kinds.learning, echoes=False, epochs=2),
}


class EachEpoch(keras.callbacks.Callback):
    """Records how many rows the model received, and the predictions of each scored epoch."""

    def __init__(self, metrics, counter):
        super().__init__()
        self.metrics, self.counter, self.seen, self.predictions = metrics, counter, [], []

    def on_epoch_end(self, epoch, logs=None):
        assert self.model is not None  # on JAX reading this updates the model's variables
        seen = self.counter.seen()
        if "val_f1" in logs:
            self.seen.append(seen)
            self.predictions.append(self.metrics.predictions)
        else:
            assert seen == 0


def fit(model, metrics, *, data=None, callbacks=(), **options):
    given = {"x": X_FIT, "y": Y_FIT, "batch_size": BATCH, **(data or {"validation_data": (X, Y)}), **options}
    first = metrics[0] if isinstance(metrics, list) else metrics
    each = EachEpoch(first, model.counter)
    model.counter.seen()
    ours = metrics if isinstance(metrics, list) else [metrics]
    run = model.fit(**given, verbose=0, callbacks=[*callbacks, *ours, each])
    return run, each


def assert_panel(metrics, epoch, y, outputs, weight=None):
    """Compare the panel of one epoch with scikit-learn on arrays."""
    y, outputs = np.asarray(y).ravel(), np.asarray(outputs).astype("float64").ravel()
    predicted, weighted = outputs > 0.5, {"sample_weight": None if weight is None else weight.astype("float64")}
    expected = {
        "f1": sk.f1_score(y, predicted, zero_division=0, **weighted),
        "precision": sk.precision_score(y, predicted, zero_division=0, **weighted),
        "recall": sk.recall_score(y, predicted, **weighted),
        "kappa": sk.cohen_kappa_score(y, predicted, **weighted),
        "auc": sk.roc_auc_score(y, outputs, **weighted),
        "confusion": sk.confusion_matrix(y, predicted, **weighted),
    }
    for name, value in expected.items():
        np.testing.assert_allclose(metrics.history[name][epoch], value, rtol=0, atol=1e-12, err_msg=name)


# Keras warns about every dataset of unknown length at the end of the first pass.
@pytest.mark.filterwarnings("ignore:Your input ran out of data")
# It warns about every layer that cannot be quantized; from Keras 3.16 on in one warning.
@pytest.mark.filterwarnings("ignore:Layer (InputLayer|RowCounter) does not have a `quantize` method")
@pytest.mark.filterwarnings("ignore:`model.quantize\\(\\)`. 1 layer\\(s\\) were skipped")
@pytest.mark.filterwarnings("ignore:The model does not have any trainable weights")
@pytest.mark.parametrize("row", [*DATA.values(), *MODELS.values()], ids=[*DATA, *MODELS])
def test_what_works(row):
    model, metrics = row.model(), Metrics()
    run, each = fit(model, metrics, data=row.data(), epochs=row.epochs, callbacks=row.callbacks(), **row.fit)

    assert metrics.history.epochs == (row.scored or list(range(row.epochs)))
    expected_rows = (row.rows or [N]) * len(metrics.history.epochs)
    if row.rows == "changing":
        expected_rows = [len(rows) for rows in each.predictions]
        assert len(set(expected_rows)) > 1
    assert each.seen == expected_rows  # each row went through the model once
    assert run.history["val_f1"] == metrics.f1s
    for epoch, (rows, count) in enumerate(zip(each.predictions, expected_rows, strict=True)):
        order = [ROW_OF[value] for value in rows.y_pred[:, 0].tolist()] if row.echoes else list(range(count))
        assert sorted(order) == list(range(count))
        assert order == sorted(order) or not row.ordered
        np.testing.assert_array_equal(rows.y_true.ravel(), Y[order])
        if row.weight is None:
            assert rows.sample_weight is None
        else:
            np.testing.assert_array_equal(rows.sample_weight.ravel(), row.weight)
        assert_panel(metrics, epoch, rows.y_true, rows.y_pred, rows.sample_weight)
        if row.echoes:
            assert_panel(metrics, epoch, Y[order], X[order], row.weight)


def test_swap_ema_weights_scores_the_averaged_weights():
    model, metrics = kinds.learning(use_ema=True, ema_momentum=0.9), Metrics("roc_auc")
    seen = {}

    class Look(keras.callbacks.Callback):
        def on_test_end(self, logs=None):
            seen["ema"] = self.model.predict(X, batch_size=BATCH, verbose=0)

        def on_epoch_end(self, epoch, logs=None):
            seen["trained"] = self.model.predict(X, batch_size=BATCH, verbose=0)

    model.fit(
        X_FIT,
        Y_FIT,
        8,
        verbose=0,
        validation_data=(X, Y),
        callbacks=[Look(), keras.callbacks.SwapEMAWeights(), metrics],
    )
    np.testing.assert_allclose(metrics.predictions.y_pred, seen["ema"], rtol=0, atol=1e-6)
    assert np.abs(seen["ema"] - seen["trained"]).max() > 1e-3


def test_recompiled_between_fits():
    model, metrics = kinds.through(), Metrics()
    fit(model, metrics)
    model.compile(keras.optimizers.SGD(0.0), "hinge", **kinds.JIT)
    _, each = fit(model, metrics)
    assert each.seen == [N]
    predicted = X[:, 0] > 0  # a margin now
    assert metrics.recall == [sk.recall_score(Y, predicted)] == [1.0]
    assert metrics.precision[0] == pytest.approx(sk.precision_score(Y, predicted), abs=1e-12)


def test_two_metrics_share_one_pass():
    panel, more = Metrics(), Metrics(["accuracy", "average_precision"])
    run, each = fit(kinds.shared(), [panel, more])
    assert each.seen == [N]
    assert_panel(panel, 0, Y, X)
    assert run.history["val_accuracy"] == more.history["accuracy"] == [sk.accuracy_score(Y, X[:, 0] > 0.5)]
    assert more.history["average_precision"] == [pytest.approx(sk.average_precision_score(Y, X[:, 0]), abs=1e-12)]


def test_several_validation_sets():
    others = [binary_rows(rows, seed=rows) for rows in (23, 40)]
    given = [
        Metrics(validation_data=data, prefix=prefix) for data, prefix in zip(others, ("old_", "new_"), strict=True)
    ]
    captured = Metrics()
    run, each = fit(kinds.shared(), [captured, *given], epochs=2)
    assert each.seen == [N] * 2  # the state of the model is restored after given data, the counter too
    for metrics, (x, y), prefix in zip([captured, *given], [(X, Y), *others], ("val_", "old_", "new_"), strict=True):
        np.testing.assert_array_equal(metrics.predictions.y_pred, x)
        assert_panel(metrics, 1, y, x)
        assert run.history[f"{prefix}auc"] == metrics.auc
