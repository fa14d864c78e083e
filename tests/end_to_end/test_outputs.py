"""Models with several outputs: each has its own targets, weights, task and scores."""

from dataclasses import dataclass
from functools import cache

import keras
import numpy as np
import pytest
from keras import layers
from sklearn import metrics as sk

from kerascb_metrics import Binary, DataError, Metrics
from tests.support.models import BACKEND, RowCounter

N, BATCH = 16, 8
NAMES = ("a", "b", "c")  # binary, of three classes, and a regression
RNG = np.random.default_rng(0)
A = RNG.random((N, 1)).astype("float32")
B = RNG.dirichlet(np.ones(3), N).astype("float32")
C = RNG.normal(size=(N, 1)).astype("float32")
X = np.concatenate([A, B, C], axis=1)
Y = {
    "a": np.where(RNG.random(N) < 0.7, A[:, 0] > 0.5, RNG.random(N) < 0.5).astype("int32"),
    "b": np.where(RNG.random(N) < 0.7, B.argmax(-1), RNG.integers(0, 3, N)).astype("int32"),
    "c": C[:, 0] + RNG.normal(size=N).astype("float32"),
}
W = {name: RNG.uniform(0.2, 2, N).astype("float32") for name in NAMES}
LOSS = {"a": "binary_crossentropy", "b": "sparse_categorical_crossentropy", "c": "mean_squared_error"}
AB = {"a": LOSS["a"], "b": LOSS["b"]}


class Slices(keras.Model):
    """Returns the columns of its input as three outputs, through a kernel that is 1."""

    def __init__(self, form):
        super().__init__()
        self.form, self.counter = form, RowCounter()
        self.same = layers.Dense(5, use_bias=False, kernel_initializer="identity")

    def call(self, inputs, training=False):
        columns = self.same(self.counter(inputs, training=training))
        return self.form({"a": columns[:, :1], "b": columns[:, 1:4], "c": columns[:, 4:]})


def as_list(by_name):
    return list(by_name.values())


def in_the_order_bca(by_name):
    return {name: by_name[name] for name in ("b", "c", "a")}


def built(form, functional):
    if not functional:
        model = Slices(form)
        model(X[:1])
        return model
    inputs, counter = keras.Input((5,)), RowCounter()
    columns = layers.Dense(5, use_bias=False, kernel_initializer="identity")(counter(inputs))
    cuts = {"a": columns[:, :1], "b": columns[:, 1:4], "c": columns[:, 4:]}
    same = {name: layers.Identity(name=name)(cut) for name, cut in cuts.items()}
    model = keras.Model(inputs, form(same))
    model.counter = counter
    return model


def model_of(form=dict, loss=AB, functional=True):
    model = built(form, functional)
    jit = False if BACKEND == "tensorflow" else "auto"
    model.compile(keras.optimizers.SGD(0.0), loss, jit_compile=jit)
    return model


_shared = cache(model_of)  # for tests that differ only in their scores


def fit(metrics, model=None, y=None, w=None, callbacks=(), epochs=1):
    y = {name: Y[name] for name in AB} if y is None else y
    model = model or _shared()
    first = keras.tree.map_structure(lambda leaf: leaf[:BATCH], y)
    return model.fit(
        X[:BATCH],
        first,
        batch_size=BATCH,
        epochs=epochs,
        verbose=0,
        callbacks=[*callbacks, metrics],
        validation_data=(X, y) if w is None else (X, y, w),
    )


def panel(name, weight=None):
    """scikit-learn's scores of an output."""
    y, binary = Y[name], name == "a"
    predicted = A[:, 0] > 0.5 if binary else B.argmax(-1)
    options = {"average": "binary" if binary else "macro", "sample_weight": weight}
    hot, ranked = (y, A[:, 0]) if binary else (np.eye(3)[y], B)
    return {
        f"{name}_f1": sk.f1_score(y, predicted, **options),
        f"{name}_precision": sk.precision_score(y, predicted, **options),
        f"{name}_recall": sk.recall_score(y, predicted, **options),
        f"{name}_kappa": sk.cohen_kappa_score(y, predicted, sample_weight=weight),
        f"{name}_auc": sk.roc_auc_score(hot, ranked, average="macro", sample_weight=weight),
        f"{name}_confusion": sk.confusion_matrix(y, predicted, sample_weight=weight),
    }


def assert_values(values, expected):
    assert set(values) == set(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(values[name], value, rtol=0, atol=1e-12, err_msg=name)


# Ways to pass outputs, losses, targets and weights; a and b are always the outputs with targets.


@dataclass(frozen=True)
class Form:
    outputs: object = dict
    loss: object = None
    y: object = None
    w: object = None
    functional: bool = True


BY_NAME = {name: Y[name] for name in AB}
FORMS = {
    "dicts, one output without loss and targets": Form(loss=AB, y=BY_NAME),
    "dicts, one loss None": Form(loss={**AB, "c": None}, y=BY_NAME),
    "dicts in another order": Form(in_the_order_bca, AB, BY_NAME),
    "dicts, weights by output": Form(loss=AB, y=BY_NAME, w={name: W[name] for name in AB}),
    "lists, one loss None": Form(as_list, [*AB.values(), None], as_list(BY_NAME)),
    "lists, weights by output": Form(as_list, [*AB.values(), None], as_list(BY_NAME), [W["a"], W["b"]]),
    "a subclassed model's dict": Form(loss=AB, y=BY_NAME, functional=False),
    "a subclassed model's dict, weights by output": Form(
        loss=AB, y=BY_NAME, w={name: W[name] for name in AB}, functional=False
    ),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_each_output_with_targets_is_scored(form):
    model, metrics = model_of(form.outputs, form.loss, form.functional), Metrics()
    model.counter.seen()
    run = fit(metrics, model, form.y, form.w)
    assert model.counter.seen() == N
    assert set(metrics.predictions) == {"a", "b"}
    expected = {}
    for name, outputs in (("a", A), ("b", B)):
        rows = metrics.predictions[name]
        weight = None if form.w is None else W[name]
        np.testing.assert_array_equal(rows.y_pred, outputs)
        np.testing.assert_array_equal(rows.y_true.ravel(), Y[name])
        if weight is None:
            assert rows.sample_weight is None
        else:
            np.testing.assert_array_equal(rows.sample_weight.ravel(), weight)
        expected |= panel(name, weight)
    assert_values({name: value for name, (value,) in metrics.history.items()}, expected)
    assert run.history["val_b_f1"] == metrics.history["b_f1"]
    assert run.history["val_a_tp"] == [expected["a_confusion"][1, 1]]


@pytest.mark.parametrize("given", ["lists", "a dict of targets", "a subclassed model's list"])
def test_a_list_of_outputs_with_targets_for_all(given):
    """The outputs of a subclassed model have no names."""
    functional, metrics = "subclassed" not in given, Metrics("r2", task="regression")
    y = [Y["a"].astype("float32"), np.eye(3, dtype="float32")[Y["b"]], Y["c"]]
    targets = dict(zip(NAMES, y, strict=True)) if "dict" in given else y
    fit(metrics, model_of(as_list, ["mse"] * 3, functional), targets)
    names = NAMES if functional else ("output_1", "output_2", "output_3")
    expected = [sk.r2_score(of, outputs) for of, outputs in zip(y, (A, B, C), strict=True)]
    assert list(metrics.history) == [f"{name}_r2" for name in names]
    assert [metrics.history[name][0] for name in metrics.history] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("name", ["a", "b"])
def test_one_output(name):
    metrics = Metrics(output=name)
    run = fit(metrics)
    assert_values({key: values[0] for key, values in metrics.history.items()}, panel(name))
    assert metrics.f1s == run.history[f"val_{name}_f1"]
    assert metrics.confusion[0].sum() == N
    other = "ab".replace(name, "")
    assert not [key for key in run.history if key.startswith(f"val_{other}_") and "loss" not in key]


def test_two_metrics_on_two_outputs():
    a, b = Metrics(output="a"), Metrics(output="b")
    fit(a, callbacks=[b])
    assert_values(
        {key: values[0] for metrics in (a, b) for key, values in metrics.history.items()}, {**panel("a"), **panel("b")}
    )


def test_scoring_and_task_by_output():
    metrics = Metrics(
        {"a": ["f1", "average_precision"], "b": {"kept": "balanced_accuracy"}, "c": ["r2"]},
        task={"a": Binary(threshold=0.3), "c": "regression"},
    )
    fit(metrics, model_of(loss=LOSS), Y, W)
    assert_values(
        {name: values[0] for name, values in metrics.history.items()},
        {
            "a_f1": sk.f1_score(Y["a"], A[:, 0] > 0.3, sample_weight=W["a"]),
            "a_average_precision": sk.average_precision_score(Y["a"], A[:, 0], sample_weight=W["a"]),
            "b_kept": sk.balanced_accuracy_score(Y["b"], B.argmax(-1), sample_weight=W["b"]),
            "c_r2": sk.r2_score(Y["c"], C[:, 0], sample_weight=W["c"].astype("float64")),
        },
    )


def test_one_score_name_by_output():
    """A flat dict whose keys are all outputs is read by output; an output that is not in it is not scored."""
    metrics = Metrics({"b": "accuracy"})
    fit(metrics)
    assert_values(
        {name: values[0] for name, values in metrics.history.items()},
        {"b_accuracy": sk.accuracy_score(Y["b"], B.argmax(-1))},
    )


def test_the_same_scoring_for_all_outputs():
    metrics = Metrics({"exact": "accuracy"})
    fit(metrics)
    assert_values(
        {name: values[0] for name, values in metrics.history.items()},
        {"a_exact": sk.accuracy_score(Y["a"], A[:, 0] > 0.5), "b_exact": sk.accuracy_score(Y["b"], B.argmax(-1))},
    )


def test_monitors_need_no_mode():
    metrics, modes = Metrics({"a": ["f1"], "b": ["neg_log_loss"]}), []
    early = [keras.callbacks.EarlyStopping("val_a_f1", patience=1), keras.callbacks.EarlyStopping("val_b_neg_log_loss")]
    look = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: modes.extend(one.mode for one in early))
    run = fit(metrics, callbacks=[*early, look], epochs=4)
    assert set(modes) == {"max"}
    assert [one.mode for one in early] == ["auto", "auto"]
    assert len(run.history["val_a_f1"]) == 2  # nothing improves
    assert metrics.monitor("a_f1") == {"monitor": "val_a_f1", "mode": "max"}
    assert Metrics().monitor("a_f1") == {"monitor": "val_a_f1", "mode": "max"}
    before_the_fit = Metrics({"a": ["f1"], "b": ["neg_log_loss"]}, average=None)
    assert before_the_fit.monitor("b_neg_log_loss") == {"monitor": "val_b_neg_log_loss", "mode": "max"}
    with pytest.raises(ValueError, match="'a_f1' has one value per class"):
        before_the_fit.monitor("a_f1")
    with pytest.raises(ValueError, match=r"'c_f1' is not a score .* those are: a_f1, b_neg_log_loss"):
        Metrics({"a": ["f1"], "b": ["neg_log_loss"]}).monitor("c_f1")
    with pytest.raises(ValueError, match="'c_f1' is not a score"):
        metrics.monitor("c_f1")


def test_report_of_an_output():
    metrics = Metrics()
    fit(metrics)
    ours = metrics.history.report(output="b", output_dict=True)
    theirs = sk.classification_report(Y["b"], B.argmax(-1), output_dict=True)
    assert ours.keys() == theirs.keys()
    for row in theirs:
        assert ours[row] == pytest.approx(theirs[row], abs=1e-12)
    with pytest.raises(ValueError, match="output must be one of 'a', 'b'"):
        metrics.history.report()


@pytest.mark.parametrize("compiled", [True, False])
def test_evaluate(compiled):
    model = _shared() if compiled else built(dict, functional=True)
    values = Metrics().evaluate(model, (X, BY_NAME, {name: W[name] for name in AB}), batch_size=BATCH)
    assert_values(values, {**panel("a", W["a"]), **panel("b", W["b"])})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"output": "d"}, "task= or output= names d, but the model's outputs are a, b, c"),
        ({"output": "c"}, "output 'c' has no targets"),
        ({"scoring": {"a": ["f1"], "d": ["f1"]}}, "names d, but the model's outputs are a, b"),
        ({"task": {"d": "binary"}}, "names d, but the model's outputs are a, b"),
        ({"task": {"b": "binary"}}, "output 'b': a binary task needs outputs with one or two columns"),
    ],
    ids=str,
)
def test_arguments_that_do_not_fit_the_model(options, message):
    with pytest.raises(ValueError, match=message):
        fit(Metrics(**options))


@pytest.mark.parametrize(
    ("form", "y", "message"),
    [
        (dict, Y["a"], r"cannot be paired .*received \(16,\).*dict by output name"),
        (as_list, [Y["a"], Y["b"]], r"cannot be paired .*received .\(16,\), \(16,\)."),
        (dict, {"a": Y["a"], "d": Y["b"]}, r"y_true cannot be paired with the outputs \(a, b, c\): received {'a'"),
        (dict, {"d": Y["b"]}, r"y_true cannot be paired with the outputs \(a, b, c\): received {'d'"),
    ],
)
def test_targets_that_cannot_be_paired(form, y, message):
    """In `fit` Keras itself raises; given data is only checked by us."""
    with pytest.raises(DataError, match=message):
        Metrics().evaluate(model_of(form, LOSS if form is dict else as_list(LOSS)), (X, y))


def test_output_names_an_output_of_a_single_output_model():
    model = keras.Sequential([keras.Input((1,)), layers.Identity()])
    with pytest.raises(ValueError, match="names a, but the model has a single output"):
        Metrics(output="a").evaluate(model, (A, Y["a"]))
