"""The custom `test_step`s of Keras's guides: which are captured, and which need given data, as the error says.

docs/custom_steps.md shows this table.
"""

import re

import keras
import numpy as np
import pytest
from sklearn import metrics as sk

from kerascb_metrics import Metrics
from kerascb_metrics.exceptions import CaptureError
from tests.support import custom_steps as steps
from tests.support.models import BACKEND, binary_rows, echo_model

X, Y = binary_rows(40, seed=3)
Y = Y[:, None]  # the guides' losses and metrics want the outputs' shape
W = np.random.default_rng(3).uniform(0.5, 2, len(X)).astype("float32")
WEIGHTED, PLAIN = (X, Y, W), (X, Y)

# name: (class, validation data, options of compile)
ACCURACY = {"metrics": ["accuracy"]}
CAPTURED = {
    "Keras's own step, called by super": (steps.SuperStep, WEIGHTED, {}),
    "compute_metrics only": (steps.MetricsOnlyStep, WEIGHTED, {}),
    "compute_loss only": (steps.LossOnlyStep, WEIGHTED, {}),
    "the loop over self.metrics": (steps.KerasIoStep, WEIGHTED, ACCURACY),
    "the loop over self.metrics, none compiled": (steps.KerasIoStep, WEIGHTED, {}),
    "the loop over self.metrics, without weights": (steps.UnweightedKerasIoStep, PLAIN, ACCURACY),
    "weights for the metrics only": (steps.WeightsForMetricsStep, WEIGHTED, ACCURACY),
    "weights for the loss only": (steps.WeightsForLossStep, WEIGHTED, ACCURACY),
    "labels for the metrics, outputs for the loss": (steps.LabelsForMetricsStep, PLAIN, ACCURACY),
    "smoothed targets for the loss": (steps.SoftTargetsForLossStep, PLAIN, ACCURACY),
    "own loss and metrics": (steps.LowLevelStep, WEIGHTED, {}),
    "own loss and metrics, no weights": (steps.LowLevelStep, PLAIN, {}),
    "own metrics, run eagerly": (steps.LowLevelStep, WEIGHTED, {"run_eagerly": True}),
}
if BACKEND == "tensorflow":
    CAPTURED |= {
        "compiled_loss and compiled_metrics": (steps.CompiledLossStep, WEIGHTED, ACCURACY),
        "compiled_metrics only": (steps.CompiledMetricsStep, WEIGHTED, ACCURACY),
        "compiled_metrics only, none compiled": (steps.CompiledMetricsStep, WEIGHTED, {}),
        "compiled_metrics only, no weights": (steps.CompiledMetricsStep, PLAIN, ACCURACY),
    }
if BACKEND == "jax":
    CAPTURED |= {
        "stateless loss and metrics": (steps.StatelessStep, WEIGHTED, ACCURACY),
        "stateless loss and metrics, run eagerly": (steps.StatelessStep, WEIGHTED, {**ACCURACY, "run_eagerly": True}),
        "stateless own loss and metrics": (steps.StatelessLowLevelStep, WEIGHTED, {}),
    }
NEED_GIVEN_DATA = {
    "nothing is handed over": (steps.NoCallStep, PLAIN, {}, "nothing can be captured"),
    "own loss only": (steps.OwnLossOnlyStep, PLAIN, {}, "nothing can be captured"),
    "own metrics of labels": (steps.OwnMetricOfLabelsStep, PLAIN, {}, "nothing can be captured"),
    "own metrics of other targets": (steps.OwnMetricOfOtherTargetsStep, PLAIN, {}, "nothing can be captured"),
    "own metrics of two calls": (steps.TwoCallsStep, PLAIN, {}, "nothing can be captured"),
    "own metrics without the weights": (
        steps.LowLevelUnweightedStep,
        WEIGHTED,
        {},
        "hands no metric the sample weights",
    ),
    "own metrics with other weights": (steps.OwnMetricOfOtherWeightsStep, WEIGHTED, {}, "or hands it others"),
    "two different targets": (steps.OtherTargetsTwiceStep, PLAIN, ACCURACY, "other targets or outputs"),
    "two different weights": (steps.SeveralWeightsStep, PLAIN, ACCURACY, "several different sample weights"),
    "compute_metrics twice": (steps.TwiceStep, PLAIN, {}, "2 times per batch"),
}
# Keras's own words about `compiled_metrics` and `compiled_loss`.
pytestmark = pytest.mark.filterwarnings(r"ignore:`model\.compiled_:UserWarning")


def fit(model, metrics, data):
    model.fit(X, Y, validation_data=data, batch_size=16, epochs=2, verbose=0, callbacks=[metrics])


def assert_scores(metrics, model, data):
    """The rows are the batch's and `predict`'s, and the scores scikit-learn's."""
    rows, weights = metrics.predictions, data[2] if len(data) == 3 else None
    np.testing.assert_array_equal(rows.y_true, Y)
    np.testing.assert_array_equal(rows.y_pred, model.predict(X, batch_size=16, verbose=0))
    if weights is None:
        assert rows.sample_weight is None
    else:
        np.testing.assert_array_equal(rows.sample_weight.ravel(), weights)
    labels = X[:, 0] > 0.5
    assert metrics.history.epochs == [0, 1]
    assert metrics.f1s == [sk.f1_score(Y[:, 0], labels, sample_weight=weights)] * 2
    auc = sk.roc_auc_score(Y[:, 0], X[:, 0], sample_weight=weights)
    np.testing.assert_allclose(metrics.auc, [auc] * 2, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("step", "data", "options"), CAPTURED.values(), ids=CAPTURED)
def test_captured(step, data, options):
    model, metrics = steps.as_class(step, **options), Metrics(verbose=False)
    before = [set(vars(owner)) for owner in (model, *model.metrics)]
    fit(model, metrics, data)
    assert_scores(metrics, model, data)
    for owner, names in zip((model, *model.metrics), before, strict=False):
        assert not {"call", "update_state", "compute_loss", "compute_metrics"} & (set(vars(owner)) - names)


@pytest.mark.slow
@pytest.mark.parametrize(("step", "data", "options", "what"), NEED_GIVEN_DATA.values(), ids=NEED_GIVEN_DATA)
def test_need_given_data(step, data, options, what):
    model = steps.as_class(step, **options)
    with pytest.raises(CaptureError, match=what) as raised:
        fit(model, Metrics(verbose=False), data)
    message = str(raised.value).splitlines()[0]  # JAX adds a line about tracebacks
    line = re.search(r"metrics = Metrics\(validation_data=\(x_val, y_val\)\)$", message).group()
    names = {"Metrics": Metrics, "x_val": X, "y_val": Y}
    exec(line, names)
    fit(model, names["metrics"], data)
    assert_scores(names["metrics"], model, PLAIN)


def test_a_trainer_without_call():
    """As the guides' GAN and VAE: the error names the way that works, and so does that of the given data."""
    inner = echo_model()
    model = steps.NoCall(inner)
    model.compile()
    with pytest.raises(CaptureError, match="inner model that predicts: metrics = ") as caught:
        fit(model, Metrics(verbose=False), PLAIN)
    names = {"Metrics": Metrics, "inner_model": inner, "x_val": X, "y_val": Y}
    exec(str(caught.value).rpartition("predicts: ")[2], names)
    fit(model, names["metrics"], PLAIN)
    assert names["metrics"].f1s[-1] == sk.f1_score(Y[:, 0], X[:, 0] > 0.5)


class TwoOutputs(steps.LowLevelStep):
    """Its metrics get one of two outputs: a part of what the model validates."""

    def finish(self, x, y, y_pred, sample_weight):
        return super().finish(x, y[0], y_pred[0], sample_weight)


def test_a_metric_of_one_of_two_outputs_is_a_part():
    echo = echo_model()
    model = TwoOutputs(echo.input, [echo.output, keras.layers.Dense(1, activation="sigmoid")(echo.input)])
    model.compile("sgd", ["binary_crossentropy", "binary_crossentropy"])
    with pytest.raises(CaptureError, match="nothing can be captured"):
        model.fit(X, [Y, Y], validation_data=(X, [Y, Y]), verbose=0, callbacks=[Metrics(verbose=False)])
