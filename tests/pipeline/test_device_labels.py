"""Labels made on the device: label scores of counts, of which one or two bytes per row cross to the host."""

import warnings
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import pytest
from sklearn import metrics as sk

from kerascb_metrics import Binary, DataError, Metrics, Multiclass, Multilabel, Ordinal
from kerascb_metrics.collect import row_store
from kerascb_metrics.pipeline import label_rules
from kerascb_metrics.pipeline.label_rules import LabelRules
from tests.support.arrays import assert_same
from tests.support.models import BACKEND, Batches, echo_model, in_batches

NAMES = ["f1", "precision", "recall", "confusion"]
RNG = np.random.default_rng(0)
LOGITS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Parts of a few batches, as a large set has them; and small batches are labelled on the device, too."""
    monkeypatch.setattr(row_store, "PART", 2000)
    monkeypatch.setattr(label_rules, "LEAST_BYTES", 0)


@pytest.fixture
def crossed(monkeypatch):
    """What crosses to the host in place of each output: (rows, {output: dtype}) per batch."""
    seen = []
    add = row_store.RowStore.add

    def spy(self, part, leaves, count, *more):
        own = {
            path[1:]: leaf.dtype.name for path, leaf in leaves if path[0] in ("y_pred", "labels") and leaf is not None
        }
        seen.append((count, own if set(own) != {()} else own[()]))
        add(self, part, leaves, count, *more)

    monkeypatch.setattr(row_store.RowStore, "add", spy)
    return seen


class Unchanged(keras.layers.Layer):
    """Returns its input. It has a weight, because not every backend can train a model without any."""

    def build(self, shape):
        self.one = self.add_weight(shape=(), initializer="ones")

    def call(self, inputs):
        return inputs * self.one


class Hidden(Unchanged):
    """Returns NaN at the masked positions, which are zeros, and its input elsewhere."""

    def __init__(self):
        super().__init__()
        self.supports_masking = True

    def call(self, inputs):
        return keras.ops.where(inputs == 0.0, np.nan, inputs * self.one)


def echo(shape, loss, dtype="float32", mask=None, **options):
    """A model that returns its input of any shape, with a mask where all values of a position are `mask`."""
    inputs = keras.Input(shape, dtype=dtype if dtype == "float64" else "float32")
    hidden = inputs if mask is None else keras.layers.Masking(mask)(inputs)
    unchanged = Unchanged(dtype=dtype)
    unchanged.supports_masking = True
    model = keras.Model(inputs, unchanged(hidden))
    model.compile(keras.optimizers.SGD(0.0), loss, **options)
    return model


def fit(model, callbacks, data, epochs=1, **options):
    first = keras.tree.map_structure(lambda array: array[:8], tuple(data[:2]))
    options = {"batch_size": 16, "epochs": epochs, "verbose": 0, "callbacks": callbacks} | options
    return model.fit(*first, validation_data=data, **options)


def bounded(scoring=NAMES, **options):
    return Metrics(scoring, memory="bounded", verbose=False, **options)


def mean_output(y_true, y_pred):
    """A loss that takes any targets."""
    return keras.ops.mean(y_pred, axis=-1)


def softmax(logits):
    shares = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return (shares / shares.sum(axis=-1, keepdims=True)).astype("float32")


def normal(*shape):
    return RNG.normal(size=shape).astype("float32")


def ties(*shape):
    return RNG.integers(-1, 2, shape).astype("float32")


def sigmoid(*shape):
    return RNG.random(shape).astype("float32")


def highest(x):
    return x.reshape(-1, x.shape[-1]).argmax(axis=1)


def second(x):
    return x[:, 1] > x[:, 0]


def above(cut):
    return lambda x: (x > np.asarray(cut, "float32")).reshape(-1, x.shape[-1] if np.ndim(cut) else 1)


@dataclass(frozen=True)
class Case:
    """A fit whose outputs are `x`; `labels` returns the labels of its rows."""

    x: np.ndarray
    classes: int
    loss: Any
    labels: Any = highest
    task: Any = "auto"
    weight: str = ""  # "rows" or "positions"
    targets: str = "class"  # "hot", "bits"
    crosses: str = "uint8"
    dtype: str = "float32"
    ignored: int | None = None
    scoring: tuple = tuple(NAMES)

    def y(self):
        shape = self.x.shape[:-1]
        if self.targets == "bits":
            y = RNG.integers(0, 2, self.x.shape)
        elif self.targets == "hot":
            y = np.eye(self.classes)[RNG.integers(0, self.classes, shape)]
        else:
            y = RNG.integers(0, self.classes, shape)
        if self.ignored is not None:
            y[RNG.random(y.shape) < 0.2] = self.ignored
        return y

    def weights(self):
        shapes = {"rows": self.x.shape[:1], "positions": self.x.shape[:-1]}
        return RNG.random(shapes[self.weight]).astype("float32") if self.weight else None


SPARSE, BINARY = "sparse_categorical_crossentropy", "binary_crossentropy"
BINARY_LOGITS = keras.losses.BinaryCrossentropy(from_logits=True)
IGNORING = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=255)
CASES = {
    "logits": Case(normal(101, 4), 4, LOGITS),
    "softmax": Case(softmax(normal(101, 4)), 4, SPARSE),
    "ties": Case(ties(201, 5), 5, LOGITS),
    "one-hot targets": Case(softmax(normal(101, 3)), 3, "categorical_crossentropy", targets="hot"),
    "300 classes": Case(normal(64, 300), 300, LOGITS, crosses="uint16", scoring=("f1", "confusion")),
    "256 classes": Case(normal(64, 256), 256, LOGITS, scoring=("f1", "confusion")),
    "weights": Case(normal(101, 4), 4, LOGITS, weight="rows"),
    "pixels": Case(softmax(normal(20, 30, 7)), 7, SPARSE),
    "weighted pixels": Case(normal(20, 6, 5, 7), 7, LOGITS, weight="positions"),
    "ignored pixels": Case(normal(20, 6, 5, 7), 7, IGNORING, ignored=255),
    "ignored by the task": Case(normal(101, 4), 4, mean_output, task=Multiclass(True, ignore_class=-1), ignored=-1),
    "an ignored column": Case(
        normal(101, 4), 4, LOGITS, lambda x: x[:, 1:].argmax(axis=1) + 1, Multiclass(ignore_class=0), crosses="float32"
    ),
    "grades": Case(normal(101, 4), 4, LOGITS, task=Ordinal(), scoring=("f1", "mae", "confusion")),
    "float16": Case(normal(101, 4), 4, LOGITS, dtype="float16"),
    "bfloat16": Case(normal(101, 4), 4, LOGITS, dtype="bfloat16"),
    "float64": Case(normal(101, 4), 4, LOGITS, dtype="float64", crosses="float64"),
    "sigmoid": Case(sigmoid(101, 1), 2, BINARY, above(0.5)),
    "binary logits": Case(ties(101, 1), 2, BINARY_LOGITS, above(0.0)),
    "binary pixels": Case(sigmoid(20, 6, 5, 1), 2, BINARY, above(0.5)),
    "a threshold": Case(sigmoid(101, 1), 2, BINARY, above(0.3), Binary(threshold=0.3)),
    "own units": Case(normal(101, 1), 2, BINARY, above(-0.1), Binary(threshold=-0.1, from_logits=False)),
    "hinge": Case(normal(101, 1), 2, "hinge", above(0.0)),
    "two shares": Case(softmax(normal(101, 2)), 2, SPARSE, lambda x: x[:, 1] > 0.5),
    "two logits": Case(ties(101, 2), 2, LOGITS, second),
    "multilabel": Case(sigmoid(101, 4), 2, BINARY, above([0.5]), targets="bits"),
    "multilabel logits": Case(normal(101, 4), 2, BINARY_LOGITS, above([0.0]), targets="bits"),
    "thresholds": Case(
        sigmoid(101, 3), 2, BINARY, above([0.2, 0.5, 0.9]), Multilabel(threshold=[0.2, 0.5, 0.9]), targets="bits"
    ),
    "missing labels": Case(
        sigmoid(101, 3),
        2,
        mean_output,
        above([0.5]),
        Multilabel(ignore_class=-1),
        targets="bits",
        ignored=-1,
        scoring=("f1", "precision", "recall"),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_any_task(name, crossed, monkeypatch):
    case = CASES[name]
    if case.dtype == "float64" and BACKEND == "jax":
        pytest.skip("JAX has no float64 by default")
    data = tuple(part for part in (case.x, case.y(), case.weights()) if part is not None)
    model = echo(case.x.shape[1:], case.loss, case.dtype)
    scoring = case.scoring
    metrics = bounded(list(scoring), task=case.task)
    run = fit(model, [metrics], data, epochs=2)
    assert sum(count for count, _ in crossed) == 2 * len(case.x)
    assert {dtype for _, dtype in crossed} == {case.crosses}
    monkeypatch.setattr(LabelRules, "of", lambda *arguments: None)
    crossed.clear()
    other = bounded({f"h_{each}": each for each in scoring}, task=case.task)
    fit(model, [other], data)
    assert not {dtype for _, dtype in crossed} & {"uint8", "uint16"}
    for each in scoring:
        for epoch in (0, 1):
            np.testing.assert_array_equal(metrics.history[each][epoch], other.history[f"h_{each}"][0])
    assert_as_scikit_learn(case, data, metrics)
    assert run.history["val_f1"] == metrics.f1s


def assert_as_scikit_learn(case, data, metrics):
    x = case.x if case.dtype in ("float32", "float64") else rounded(case.x, case.dtype)
    labels, y = case.labels(x), data[1]
    if case.targets == "bits":
        y = y.reshape(-1, x.shape[-1])
        if case.ignored is not None:
            kept = y != case.ignored
            own = [sk.f1_score(y[k, i], labels[k, i]) for i, k in enumerate(kept.T)]
            assert_same(metrics.f1s[0], np.mean(own))
            return
        assert_same(metrics.f1s[0], sk.f1_score(y, labels, average="macro", zero_division=0))
        return
    y, labels = (y.argmax(axis=-1) if case.targets == "hot" else y).ravel(), labels.ravel().astype(int)
    weight = np.ones(y.shape) if len(data) < 3 else data[2].astype(float).ravel()
    kept = y != (case.ignored if case.ignored is not None else getattr(case.task, "ignore_class", None))
    y, labels, weight = y[kept], labels[kept], weight[kept]
    average = "binary" if case.classes == 2 else "macro"
    names = range(int(not kept.all() and case.ignored is None), case.classes)
    options = {"sample_weight": weight, "labels": names}
    matrix = sk.confusion_matrix(y, labels, **options)
    np.testing.assert_allclose(metrics.confusion[0], matrix, rtol=1e-12)
    occurring = np.union1d(y, labels)
    own = sk.f1_score(y, labels, sample_weight=weight, labels=occurring, average=average, zero_division=0)
    np.testing.assert_allclose(metrics.f1s[0], own, rtol=1e-12)


def rounded(x, dtype):
    """The outputs as the model returns them, in float32."""
    return keras.ops.convert_to_numpy(keras.ops.cast(keras.ops.cast(x, dtype), "float32"))


# When outputs are needed, or become labels later.


def dtypes(crossed):
    return [dtype for _, dtype in crossed]


def rows(columns=4, count=101):
    x = normal(count, columns)
    return x, (x + normal(count, columns)).argmax(axis=1)


def test_the_first_batch_is_labelled_too_but_a_task_read_from_values_only_after_the_first_part(crossed):
    x, y = rows()
    fit(echo((4,), LOGITS), [bounded()], (x, y))
    assert dtypes(crossed) == ["uint8"] * 7
    crossed.clear()
    x = softmax(x)
    metrics = bounded()
    fit(echo((4,), mean_output), [metrics], (x, y), epochs=2)
    assert dtypes(crossed)[0] == "float32"
    assert dtypes(crossed)[7:] == ["uint8"] * 7
    assert_same(metrics.f1s, [sk.f1_score(y, x.argmax(axis=1), average="macro")] * 2)


@pytest.mark.parametrize(
    "callbacks",
    [
        lambda: [bounded(["f1", "auc"])],
        lambda: [Metrics(["f1"], verbose=False)],
        lambda: [Metrics(["f1"], memory="exact", verbose=False)],
        lambda: [bounded(["f1"]), Metrics({"e": "recall"}, memory="exact", verbose=False)],
        lambda: [bounded(["f1"]), bounded(["auc"])],
    ],
    ids=["auc", "auto", "exact", "another keeps rows", "another ranks"],
)
def test_outputs_cross_where_something_needs_them(callbacks, crossed):
    x, y = rows()
    own = callbacks()
    fit(echo((4,), LOGITS), own, (x, y))
    assert set(dtypes(crossed)) == {"float32"}
    assert_same(own[0].f1s, [sk.f1_score(y, x.argmax(axis=1), average="macro")])


def test_small_batches_are_labelled_on_the_host(crossed, monkeypatch):
    """Unless the first ones were large: then the last one of a pass, too."""
    monkeypatch.setattr(label_rules, "LEAST_BYTES", 16 * 4 * 4)
    x, y = rows()
    fit(echo((4,), LOGITS), [bounded()], (x, y))
    assert set(dtypes(crossed)) == {"uint8"}
    crossed.clear()
    fit(echo((4,), LOGITS), [bounded()], (x, y), batch_size=15)
    assert set(dtypes(crossed)) == {"float32"}


def test_two_that_want_the_same_labels_share_them_and_others_do_not(crossed):
    x, y = sigmoid(101, 1), RNG.integers(0, 2, 101)
    model = echo((1,), BINARY)
    fit(model, [bounded(["f1"]), bounded(["recall"])], (x, y))
    assert set(dtypes(crossed)) == {"uint8"}
    crossed.clear()
    one, other = bounded(["f1"]), bounded({"g": "f1"}, task=Binary(threshold=0.3))
    fit(model, [one, other], (x, y))
    assert set(dtypes(crossed)) == {"float32"}
    assert_same(one.f1s, [sk.f1_score(y, x[:, 0] > 0.5)])
    assert_same(other.history["g"], [sk.f1_score(y, x[:, 0] > np.float32(0.3))])


def test_auto_after_a_pass_that_was_too_large(crossed, monkeypatch):
    monkeypatch.setattr(row_store, "LIMIT", 1000)
    x, y = rows()
    auto = Metrics(NAMES, verbose=False)
    with pytest.warns(UserWarning, match="epoch 0.*only counts were kept") as told:
        fit(echo((4,), LOGITS), [auto], (x, y), epochs=3)
    assert len([each for each in told if "memory" in str(each.message)]) == 1
    assert dtypes(crossed) == ["float32"] * 7 + ["uint8"] * 14
    assert_same(auto.f1s, [sk.f1_score(y, x.argmax(axis=1), average="macro")] * 3)
    with pytest.raises(ValueError, match="memory='exact'"):
        _ = auto.predictions


def test_given_data_and_evaluate(crossed):
    x, y = rows()
    model, metrics = echo((4,), LOGITS), bounded(validation_data=(x, y), validation_batch_size=16, prefix="test_")
    fit(model, [metrics], (x, y))
    assert set(dtypes(crossed)) == {"uint8"}
    np.testing.assert_array_equal(metrics.evaluate(model, (x, y))["confusion"], sk.confusion_matrix(y, highest(x)))


@pytest.mark.parametrize(
    "options", [{"jit_compile": True}, {"jit_compile": False}, {"run_eagerly": True}, {"steps_per_execution": 3}]
)
def test_however_the_step_runs(options, crossed):
    if BACKEND == "torch" and ("steps_per_execution" in options or options.get("jit_compile")):
        pytest.skip("not on PyTorch, or slow to compile")
    x, y = rows()
    metrics = bounded()
    fit(echo((4,), LOGITS, **options), [metrics], (x, y), epochs=2)
    np.testing.assert_array_equal(metrics.confusion[1], sk.confusion_matrix(y, highest(x)))
    is_compiled = options.get("jit_compile", True) and not options.get("run_eagerly")
    if is_compiled or BACKEND != "jax":  # outputs of a step that is not compiled are copied at once
        assert set(dtypes(crossed)) == {"uint8"}


# One label per row or position is made of columns only.


def test_grades_at_positions_whose_number_is_not_known():
    """As many positions as there are grades: each output is a grade of its own, and none is the highest of a row."""
    grades = np.array([0.0, 0.5, 1.0], "float32")
    x, y = sigmoid(101, 3), RNG.choice(grades, (101, 3))
    metrics = bounded(["confusion"], task=Ordinal(labels=grades))
    fit(echo((None,), "mse"), [metrics], (x, y))
    nearest = np.abs(x.reshape(-1, 1) - grades).argmin(axis=1)
    np.testing.assert_array_equal(
        metrics.confusion[0], sk.confusion_matrix(np.searchsorted(grades, y.ravel()), nearest)
    )


@pytest.mark.parametrize("columns", [1, 2])
def test_outputs_in_their_own_units_of_which_some_batches_look_like_probabilities(columns, crossed):
    """The label of one column is the same, whatever the unit; that of two is made of their difference, or of one."""
    x = np.repeat(np.array([[0.4, 0.6], [-3.0, 3.0]], "float32"), 400, axis=0)[:, -columns:]
    y = np.arange(800) % 2
    loss = SPARSE if columns == 2 else BINARY
    metrics = bounded(["confusion"], task=Binary(threshold=0.3, from_logits=False))
    if columns == 2:
        with pytest.raises(DataError, match=r"units, in different validation batches.*memory='exact'"):
            fit(echo((2,), loss), [metrics], (x, y))
        assert set(dtypes(crossed)) == {"float32"}
        return
    fit(echo((1,), loss), [metrics], (x, y))
    np.testing.assert_array_equal(metrics.confusion[0], sk.confusion_matrix(y, x[:, 0] > 0.3))


def test_a_mask_and_sequences_of_many_lengths(crossed):
    """Of the ninth length on they are labelled on the host: each new shape would be compiled."""
    batches = []
    for length in range(2, 14):
        x = normal(8, length, 3)
        x[:, -1] = np.where(RNG.random((8, 1)) < 0.5, -1.0, x[:, -1])
        batches.append((x, RNG.integers(0, 3, (8, length))))
    metrics = bounded()
    found = metrics.evaluate(echo((None, 3), LOGITS, mask=-1.0), Batches(batches))
    y = np.concatenate([own.ravel() for _, own in batches])
    outputs = np.concatenate([own.reshape(-1, 3) for own, _ in batches])
    kept = ~(outputs == -1.0).all(axis=1)
    np.testing.assert_array_equal(found["confusion"], sk.confusion_matrix(y[kept], highest(outputs)[kept]))
    assert dtypes(crossed) == ["uint8"] * 8 + ["float32"] * 4


def test_one_hot_sequences_of_several_lengths(crossed):
    batches = [(normal(8, length, 3), np.eye(3)[RNG.integers(0, 3, (8, length))]) for length in (2, 3, 5)]
    model = echo((None, 3), keras.losses.CategoricalCrossentropy(from_logits=True))
    found = bounded().evaluate(model, Batches(batches))
    y, labels = (np.concatenate([highest(own) for own in column]) for column in list(zip(*batches, strict=True))[::-1])
    np.testing.assert_array_equal(found["confusion"], sk.confusion_matrix(y, labels))
    assert set(dtypes(crossed)) == {"uint8"}


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.unchanged = Unchanged()

    def call(self, inputs):
        return self.unchanged(inputs)


def test_a_subclassed_model(crossed):
    x, y = rows()
    model, metrics = Subclassed(), bounded()
    model.compile(keras.optimizers.SGD(0.0), LOGITS)
    fit(model, [metrics], (x, y))
    np.testing.assert_array_equal(metrics.confusion[0], sk.confusion_matrix(y, highest(x)))
    assert set(dtypes(crossed)) == {"uint8"}


def test_several_outputs_some_of_which_are_ranked(crossed):
    inputs = keras.Input((4,))
    outputs = {name: Unchanged(name=name)(inputs) for name in ("a", "b", "c")}
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.SGD(0.0), dict.fromkeys(outputs, LOGITS))
    x, y = rows()
    metrics = bounded({"a": ["confusion"], "b": ["auc", "confusion"], "c": ["f1"]})
    fit(model, [metrics], (x, dict.fromkeys(outputs, y)), epochs=2)
    assert all(own == {("a",): "uint8", ("b",): "float32", ("c",): "uint8"} for own in dtypes(crossed))
    for name in ("a_confusion", "b_confusion"):
        np.testing.assert_array_equal(metrics.history[name][1], sk.confusion_matrix(y, highest(x)))


def test_slices_by_counts(crossed):
    x, y = rows()
    groups = np.arange(len(y)) % 3
    metrics = bounded(["f1"], slices={"g": groups})
    fit(echo((4,), LOGITS), [metrics], (x, y))
    assert set(dtypes(crossed)) == {"uint8"}
    own = groups == 1
    expected = sk.f1_score(y[own], highest(x)[own], average="macro", labels=range(4))
    assert_same(metrics.history["f1_g_1"], [expected])


# Outputs that are not what they should be.


def test_outputs_that_are_not_finite(crossed):
    x, y = rows()
    x[60, 2] = np.nan
    metrics = bounded()
    with pytest.warns(UserWarning, match="outputs are NaN or infinite"):
        fit(echo((4,), LOGITS), [metrics], (x, y))
    assert np.isnan(metrics.f1s[0])
    assert dtypes(crossed) == ["uint8"] * 3 + ["float32"] + ["uint8"] * 3


def test_nan_behind_a_mask_does_not_count(crossed):
    x, y = normal(40, 6, 3), RNG.integers(0, 3, (40, 6))
    x[:, 4:] = 7.0  # masked
    inputs = keras.Input((6, 3))
    model = keras.Model(inputs, Hidden()(keras.layers.Masking(7.0)(inputs)))
    model.compile(keras.optimizers.SGD(0.0), mean_output)
    metrics = bounded(task=Multiclass(from_logits=True))
    found = metrics.evaluate(model, (x, y))
    expected = sk.confusion_matrix(y[:, :4].ravel(), highest(x[:, :4]))
    np.testing.assert_array_equal(found["confusion"], expected)
    assert set(dtypes(crossed)) == {"float32"}


@pytest.mark.parametrize("far", [200, 3])
def test_outputs_that_are_no_probabilities(far, crossed):
    """The error is the host's own, from the first batch at once."""
    x, y = sigmoid(301, 1), RNG.integers(0, 2, 301)
    x[far] = 1.5
    with pytest.raises(DataError, match=r"should be probabilities, but range from .* to 1\.5.*from_logits=True"):
        fit(echo((1,), BINARY), [bounded()], (x, y))


def test_targets_out_of_range_in_a_later_batch():
    x, y = rows(count=301)
    y[250] = 9
    data = in_batches(x, y, 16)  # of arrays it would be known before training
    with pytest.raises(DataError, match="9"):
        echo((4,), mean_output).fit(
            x[:8], y[:8], validation_data=data, verbose=0, callbacks=[bounded(task=Multiclass(from_logits=True))]
        )


class Counting(Unchanged):
    """Counts the calls of its Python code."""

    calls = 0

    def call(self, inputs):
        self.calls += 1
        return super().call(inputs)


@pytest.mark.parametrize("limit", [None, 1000])
def test_no_model_is_traced_again(limit, monkeypatch):
    if limit is not None:
        monkeypatch.setattr(row_store, "LIMIT", limit)
    x, y = rows(count=96)
    calls = []
    for callbacks in ([], [bounded() if limit is None else Metrics(NAMES, verbose=False)]):
        counting = Counting()
        model = keras.Sequential([keras.Input((4,)), counting])
        model.compile(keras.optimizers.SGD(0.0), LOGITS)
        before = counting.calls
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            fit(model, callbacks, (x, y), epochs=3)
        calls.append(counting.calls - before)
    assert calls[0] == calls[1]


def test_weights_and_rows_are_counted_once():
    model, metrics = echo_model(4, LOGITS, counted=True), bounded()
    x, y = rows()
    model.counter.seen()
    fit(model, [metrics], (x, y), epochs=2)
    assert model.counter.seen() == 2 * len(y)
    assert metrics.confusion[0].sum() == len(y)
