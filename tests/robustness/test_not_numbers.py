"""Targets, weights or outputs that are NaN or infinite, or lack a class, in one epoch of a fit: nan and one warning."""

from functools import cache

import keras
import numpy as np
import pytest
from sklearn import metrics as sk

from kerascb_metrics import DataError, Metrics
from tests.support.models import BACKEND, binary_rows, echo_model
from tests.support.short_fits import ours

X, Y = binary_rows(12)
NAN, INF = np.full(12, np.nan, "float32"), np.full(12, np.inf, "float32")
ONES = np.ones(12, "float32")
JIT = {"jit_compile": False} if BACKEND == "tensorflow" else {}


@cache
def shared_model():
    """Its loss accepts any targets; PyTorch's binary cross-entropy would raise first."""
    return echo_model(loss="mse", **JIT)


class Turning(keras.utils.PyDataset):
    """One batch, which is spoiled in the second epoch."""

    def __init__(self, **spoiled):
        super().__init__()
        self.spoiled, self.epoch = spoiled, 0

    def __len__(self):
        return 1

    def __getitem__(self, index):
        batch = {"x": X, "y": Y.astype("float32"), "weight": ONES}
        batch |= self.spoiled if self.epoch == 1 else {}
        return batch["x"].reshape(-1, 1), batch["y"].reshape(-1, 1), batch["weight"]

    def follow(self):
        return keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: setattr(self, "epoch", epoch))


def fit(data, given, **options):
    own = {"validation_data": data} if given else {}
    metrics = Metrics(task="binary", verbose=False, **own, **options)
    fits = {} if given else {"validation_data": data}
    callbacks = [data.follow(), metrics]
    run = shared_model().fit(X[:8], Y[:8, None], epochs=3, verbose=0, callbacks=callbacks, **fits)
    return metrics, run.history


@pytest.mark.parametrize("given", [False, True], ids=["captured", "given"])
@pytest.mark.parametrize("error_score", ["raise_first", 0.25])
@pytest.mark.parametrize(
    ("spoiled", "cause", "failed"),
    [
        ({"y": NAN}, "targets", True),
        ({"y": INF}, "targets", True),
        ({"weight": NAN}, "weight", True),
        ({"weight": INF}, "weight", True),
        ({"x": NAN}, "12 of 12 outputs are NaN or infinite", False),
        ({"x": INF}, "12 of 12 outputs are NaN or infinite", False),
    ],
    ids=lambda value: "-".join(f"{key} {array[0]}" for key, array in value.items()) if isinstance(value, dict) else "",
)
def test_one_epoch_that_is_not_finite(spoiled, cause, failed, error_score, given):
    """Data that cannot be scored is an error, see `error_score`; outputs that diverged make the scores nan."""
    with pytest.warns(UserWarning, match="Metrics: ") as warned:
        metrics, logged = fit(Turning(**spoiled), given, error_score=error_score)
    (warning,) = ours(warned)
    assert "epoch 1" in str(warning.message)
    assert cause in str(warning.message)
    value = error_score if failed and error_score == 0.25 else np.nan
    expected = sk.f1_score(Y, X[:, 0] > 0.5)
    np.testing.assert_equal(metrics.f1s, [expected, value, expected])
    np.testing.assert_equal(logged["val_f1"], metrics.f1s)
    assert [np.isnan(matrix).all() for matrix in metrics.confusion] == [False, True, False]


@pytest.mark.parametrize("given", [False, True], ids=["captured", "given"])
def test_one_epoch_that_is_not_finite_raises_if_asked_to(given):
    with pytest.raises(DataError, match="weight"):
        fit(Turning(weight=NAN), given, error_score="raise")


def test_one_epoch_of_one_class():
    """Undefined scores are nan in that epoch, with one warning; the others have scikit-learn's value."""
    with pytest.warns(UserWarning, match=r"epoch 1.*auc: no true label of class 0") as warned:
        metrics, _ = fit(Turning(y=ONES), given=False)
    assert len(ours(warned)) == 1
    assert np.isnan(metrics.auc).tolist() == [False, True, False]
    assert metrics.f1s[1] == sk.f1_score(ONES, X[:, 0] > 0.5)


def test_one_epoch_without_one_of_three_classes():
    """The macro average is scikit-learn's over the classes that occur; so is that of the AUC, which warns."""
    rng = np.random.default_rng(0)
    outputs, y = rng.dirichlet(np.ones(3), 12).astype("float32"), np.arange(12) % 3

    class Missing(Turning):
        def __getitem__(self, index):
            return outputs, (np.where(y == 2, 1, y) if self.epoch == 1 else y)[:, None]

    data, metrics, model = Missing(), Metrics(verbose=False), echo_model(3, "sparse_categorical_crossentropy", **JIT)
    callbacks = [data.follow(), metrics]
    with (
        pytest.warns(UserWarning, match=r"epoch 1 .*recall: class 2 is not the true label"),
        pytest.warns(UserWarning, match=r"epoch 1 .*: auc averages over 2 of 3 classes: no row has '2'"),
    ):
        model.fit(outputs, y[:, None], epochs=3, validation_data=data, verbose=0, callbacks=callbacks)
    areas = [sk.roc_auc_score(np.where(y == 2, 1, y) == k, outputs[:, k]) for k in (0, 1)]
    assert metrics.auc[1] == pytest.approx(np.mean(areas), abs=1e-12)
    expected = sk.f1_score(np.where(y == 2, 1, y), outputs.argmax(1), average="macro", zero_division=0)
    assert metrics.f1s[1] == pytest.approx(expected, abs=1e-12)
    assert [matrix.shape for matrix in metrics.confusion] == [(3, 3)] * 3
