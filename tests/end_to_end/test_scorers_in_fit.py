"""Every scorer name of scikit-learn, through fit, for each kind of model."""

import inspect

import keras
import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.metrics import get_scorer, get_scorer_names

from kerascb_metrics import Metrics
from tests.support.models import binary_rows, echo_model


class Classifier(ClassifierMixin, BaseEstimator):
    """Returns given probabilities; independent of the package's own estimators."""

    def __init__(self, proba=None):
        self.proba = proba
        self.classes_ = np.arange(proba.shape[1])

    def fit(self, X, y):  # noqa: N803
        return self

    def predict(self, X):  # noqa: N803
        return (self.proba[:, 1] > 0.5).astype(int) if self.proba.shape[1] == 2 else self.proba.argmax(1)

    def predict_proba(self, X):  # noqa: N803
        return self.proba


class Regressor(RegressorMixin, BaseEstimator):
    def __init__(self, values=None):
        self.values = values

    def fit(self, X, y):  # noqa: N803
        return self

    def predict(self, X):  # noqa: N803
        return self.values


def binary():
    x, y = binary_rows(80)
    return echo_model(), x, y, Classifier(np.column_stack([1 - x[:, 0], x[:, 0]]))


def multiclass():
    rng = np.random.default_rng(4)
    y = rng.integers(0, 4, 80)
    z = rng.normal(size=(80, 4)) + 1.5 * np.eye(4)[y]
    x = (np.exp(z) / np.exp(z).sum(1, keepdims=True)).astype("float32")
    return echo_model(4, "sparse_categorical_crossentropy"), x, y, Classifier(x)


def regression():
    rng = np.random.default_rng(5)
    x = rng.uniform(0.5, 2, size=(80, 1)).astype("float32")
    return echo_model(1, "mse"), x, x[:, 0] + rng.uniform(0, 0.3, 80), Regressor(x[:, 0])


@pytest.mark.filterwarnings("ignore:.*:UserWarning", "ignore:.*:RuntimeWarning")  # from scikit-learn, about odd pairs
@pytest.mark.parametrize("kind", [binary, multiclass, regression])
@pytest.mark.parametrize("weighted", [False, True])
def test_every_scorer_name(kind, weighted):
    model, x, y, estimator = kind()
    weight = np.random.default_rng(6).uniform(0.5, 2, 80) if weighted else None
    left_out = {"f1", "precision", "recall"}  # the panel's own
    left_out |= {"jaccard"} if kind is multiclass else set()  # refused before training, see below
    names = [name for name in get_scorer_names() if name not in left_out]
    metrics = Metrics(names, error_score=-99.0, task=kind.__name__)
    data = (x, y) if weight is None else (x, y, weight)
    run = model.fit(x, y, validation_data=data, verbose=0, callbacks=[metrics])
    y = metrics.predictions.y_true.ravel()  # float32 if Keras converted them
    if weighted:
        weight = metrics.predictions.sample_weight.astype("float64")
    failed = []
    for name in names:
        try:
            options = {"sample_weight": weight} if weighted and name not in without_weights(names) else {}
            expected = get_scorer(name)(estimator, None, y, **options)
        except (AttributeError, ValueError):
            failed.append(name)
            expected = -99.0
        assert metrics.history[name][0] == pytest.approx(expected, abs=1e-9, nan_ok=True), name
        assert run.history[f"val_{name}"] == pytest.approx(metrics.history[name], nan_ok=True)
    assert len(names) - len(failed) > 20  # so many names fit each kind and are compared


def test_jaccard_of_several_classes_is_refused_before_training():
    model, x, y, _ = multiclass()
    with pytest.raises(ValueError, match=r"jaccard is not defined for a multiclass task.*iou instead of jaccard"):
        Metrics("jaccard", task="multiclass")
    metrics = Metrics("jaccard", verbose=False)
    with pytest.raises(ValueError, match="iou instead of jaccard"):
        model.fit(x, y, validation_data=(x, y), verbose=0, callbacks=[metrics])
    assert int(model.optimizer.iterations.value) == 0


def without_weights(names):
    return {name for name in names if "sample_weight" not in inspect.signature(get_scorer(name)._score_func).parameters}


def test_a_scorer_that_fails_raises_with_its_name_epoch_and_shapes():
    model, x, y, _ = multiclass()
    with pytest.raises(ValueError, match=r"score 'roc_auc' failed in epoch 0 .*targets \(80,\) and outputs \(80, 4\)"):
        model.fit(x, y, validation_data=(x, y), verbose=0, callbacks=[Metrics("roc_auc")])


LAYOUTS = {
    "binary (N, 1)": lambda x, y: (x, y, "binary_crossentropy", 1),
    "binary (N, 1) targets": lambda x, y: (x, y[:, None], "binary_crossentropy", 1),
    "binary logits": lambda x, y: (np.log(x / (1 - x)), y, keras.losses.BinaryCrossentropy(from_logits=True), 1),
    "two columns": lambda x, y: (np.hstack([1 - x, x]), y, "sparse_categorical_crossentropy", 2),
    "two columns, one-hot": lambda x, y: (np.hstack([1 - x, x]), np.eye(2)[y], "categorical_crossentropy", 2),
    "hinge": lambda x, y: (2 * x - 1, 2 * y - 1, "hinge", 1),
}


@pytest.mark.parametrize("source", ["captured", "given"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_scores_the_same_through_fit(layout, source):
    from sklearn import metrics as sk

    x, y = binary_rows(70)
    outputs, targets, loss, columns = LAYOUTS[layout](x, y)
    model = echo_model(columns, loss)
    ours = Metrics(**({"validation_data": (outputs, targets)} if source == "given" else {}))
    model.fit(outputs, targets, validation_data=(outputs, targets), verbose=0, callbacks=[ours])
    labels = x[:, 0] > 0.5
    assert ours.f1s == [pytest.approx(sk.f1_score(y, labels), abs=1e-12)]
    assert ours.kappa == [pytest.approx(sk.cohen_kappa_score(y, labels), abs=1e-12)]
    assert ours.auc == [pytest.approx(sk.roc_auc_score(y, x[:, 0]), abs=1e-6)]  # float32 logits may tie
    np.testing.assert_array_equal(ours.confusion[0], sk.confusion_matrix(y, labels))
