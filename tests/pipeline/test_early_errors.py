"""When a mistake is found: in the constructor, before training, or at the first validation batch."""

from dataclasses import dataclass, field

import keras
import numpy as np
import pytest
from keras import layers

from kerascb_metrics import Binary, DataError, Metrics, Multiclass, Multilabel, Regression
from tests.support.models import Batches

ROWS, SIZE = 24, 8  # three batches
RNG = np.random.default_rng(0)
BCE, SPARSE, ONE_HOT, MSE = (
    "binary_crossentropy",
    "sparse_categorical_crossentropy",
    "categorical_crossentropy",
    "mean_squared_error",
)
CLASSES = np.arange(ROWS) % 3
BITS = np.arange(ROWS) % 2
P1 = RNG.random((ROWS, 1)).astype("float32")
P3 = RNG.dirichlet(np.ones(3), ROWS).astype("float32")
P5 = RNG.dirichlet(np.ones(5), ROWS).astype("float32")
WEIGHT = np.ones(ROWS, "float32")


def any_targets(y_true, y_pred):
    """A loss that takes targets of any shape and says nothing about them."""
    return keras.ops.mean(y_pred, axis=-1)


def echo(columns, loss):
    """Returns its input; PyTorch's own losses would refuse some of the wrong targets first."""
    inputs = keras.Input((columns,))
    outputs = layers.Dense(columns, use_bias=False, kernel_initializer="identity")(inputs)
    return compiled(keras.Model(inputs, outputs), loss)


def compiled(model, loss):
    model.compile(keras.optimizers.SGD(0.0), loss, run_eagerly=True)
    return model


def lenient(name):
    """A loss that is read as a loss of Keras's, and that any targets fit."""
    base = {BCE: keras.losses.BinaryCrossentropy, SPARSE: keras.losses.SparseCategoricalCrossentropy}
    base |= {ONE_HOT: keras.losses.CategoricalCrossentropy, MSE: keras.losses.MeanSquaredError}

    class AnyTargets(base[name]):
        def __call__(self, y_true, y_pred, sample_weight=None):
            return keras.ops.mean(y_pred)

    return AnyTargets()


@dataclass
class Case:
    """A mistake, and where it is found if the validation data are arrays, and if not.

    Places: "constructor", "training" (before the first training batch), "batch" (after one validation batch), "pass".
    """

    arrays: str
    others: str
    message: str
    x: np.ndarray
    y: np.ndarray
    loss: object
    metrics: dict = field(default_factory=dict)
    weight: np.ndarray | None = None


def changed(values, row, value):
    values = values.copy()
    values[row] = value
    return values


NAN = np.nan
CASES = {
    "an unknown score": Case("constructor", "constructor", "did you mean", P1, BITS, BCE, {"scoring": "acuracy"}),
    "a function of other arguments": Case(
        "constructor", "constructor", "make_prediction_scorer", P1, BITS, BCE, {"scoring": {"own": lambda rows: 0.0}}
    ),
    "an unknown output in scoring": Case(
        "training", "training", "names head", P1, BITS, BCE, {"scoring": {"head": ["f1"]}}
    ),
    "an unknown output in task": Case(
        "training", "training", "names head", P1, BITS, BCE, {"task": {"head": "binary"}}
    ),
    "names of too many classes, binary": Case(
        "constructor",
        "constructor",
        "2 classes; received 3",
        P1,
        BITS,
        BCE,
        {"task": lambda: Binary(class_names="abc")},
    ),
    "names that are equal": Case(
        "constructor",
        "constructor",
        "must differ",
        P3,
        CLASSES,
        SPARSE,
        {"task": lambda: Multiclass(class_names="aab")},
    ),
    "names and labels": Case(
        "constructor",
        "constructor",
        "3 classes; received 2",
        P3,
        CLASSES,
        SPARSE,
        {"task": lambda: Multiclass(labels=[1, 2, 3], class_names="ab")},
    ),
    "multiclass on one column": Case(
        "training", "training", "C of 2 or more; received", P1, BITS, BCE, {"task": "multiclass"}
    ),
    "binary on five columns of classes": Case(
        "training", "training", "one or two columns", P5, np.arange(ROWS) % 5, SPARSE, {"task": "binary"}
    ),
    "binary on five one-hot columns": Case(
        "training", "training", "one or two columns", P5, np.eye(5)[np.arange(ROWS) % 5], ONE_HOT, {"task": "binary"}
    ),
    "multilabel of class numbers": Case(
        "training", "training", "same shape", P3, CLASSES, SPARSE, {"task": "multilabel"}
    ),
    "regression of class numbers": Case(
        "training", "training", "same size", P3, CLASSES, SPARSE, {"task": "regression", "scoring": "r2"}
    ),
    "too few labels": Case(
        "training", "training", "has 2 labels", P3, CLASSES, SPARSE, {"task": Multiclass(labels=[0, 1])}
    ),
    "too few names": Case(
        "training", "training", "3 classes; received 2", P3, CLASSES, SPARSE, {"task": Multiclass(class_names="ab")}
    ),
    "too few thresholds": Case(
        "training", "training", "2 thresholds", P3, np.eye(3)[CLASSES], BCE, {"task": Multilabel(threshold=[0.1, 0.2])}
    ),
    "an average that the task does not have": Case(
        "training", "training", "average='samples' needs", P3, CLASSES, SPARSE, {"average": "samples"}
    ),
    "classification scores of a regression": Case("training", "training", "regression task has no f1", P1, P1, MSE),
    "a label that no column has": Case("training", "batch", "targets hold 7", P3, changed(CLASSES, 3, 7), SPARSE),
    "a third label": Case("training", "batch", "received 2", P1, changed(BITS, 5, 2), BCE),
    "targets that are no labels": Case("training", "batch", "received 0.5", P1, changed(BITS * 1.0, 5, 0.5), BCE),
    "a third label late": Case("training", "pass", "received 2", P1, changed(BITS, 20, 2), BCE),
    "two labels in one-hot rows": Case(
        "training", "batch", "must be one-hot", P3, changed(np.eye(3)[CLASSES], 2, 1.0), ONE_HOT
    ),
    "targets of another shape": Case(
        "training", "batch", "do not fit", P3, RNG.random((ROWS, 2)), SPARSE, {"task": "multiclass"}
    ),
    "targets that are nan": Case(
        "training", "batch", "NaN or infinite", P1, changed(P1, 4, NAN), MSE, {"task": Regression(), "scoring": "r2"}
    ),
    "floats for a loss that says nothing": Case("training", "batch", "regression task has no f1", P1, P1, any_targets),
    "numbers for a loss that says nothing": Case(
        "training", "pass", "ambiguous", P1, np.arange(ROWS), any_targets, {"scoring": "f1"}
    ),
    "a negative weight": Case(
        "training", "batch", "finite and not negative", P1, BITS, BCE, weight=changed(WEIGHT, 1, -1)
    ),
    "a weight that is nan": Case("training", "batch", "finite and not negative", P1, BITS, BCE, weight=WEIGHT * NAN),
    "logits read as probabilities": Case("batch", "batch", "should be probabilities", P1 * 8 - 4, BITS, BCE),
    "no labels of the positive class": Case(
        "training", "batch", "pos_label=-1", P1, BITS, BCE, {"task": Binary(pos_label=-1)}
    ),
}
SOURCES = ["arrays", "split", "dataset", "generator", "given arrays", "given dataset"]


class Counts(keras.callbacks.Callback):
    """Counts the training and the validation batches."""

    training = validation = 0

    def on_train_batch_begin(self, batch, logs=None):
        self.training += 1

    def on_test_batch_end(self, batch, logs=None):
        self.validation += 1


def in_batches(x, y, weight):
    arrays = (x, y) if weight is None else (x, y, weight)
    return [tuple(array[start : start + SIZE] for array in arrays) for start in range(0, ROWS, SIZE)]


def forever(batches):
    while True:
        yield from batches


def fitted(case, source, counts):
    """Fit with the mistake, on training data that have none."""
    model = echo(
        case.x.shape[1], case.loss if callable(case.loss) and not isinstance(case.loss, str) else lenient(case.loss)
    )
    arrays = (case.x, case.y) if case.weight is None else (case.x, case.y, case.weight)
    batches = in_batches(case.x, case.y, case.weight)
    options = {name: value() if name == "task" and callable(value) else value for name, value in case.metrics.items()}
    given = {"given arrays": arrays, "given dataset": Batches(batches)}.get(source)
    metrics = Metrics(**options, validation_data=given, verbose=False)
    x, y, weight = case.x[:SIZE], case.y[:SIZE], None
    own = {"arrays": {"validation_data": arrays}, "dataset": {"validation_data": Batches(batches)}}
    own |= {"generator": {"validation_data": forever(batches), "validation_steps": 3}}
    if source == "split":
        x, y = np.concatenate([x, case.x]), np.concatenate([y, case.y])
        weight = None if case.weight is None else np.concatenate([WEIGHT[:SIZE], case.weight])
        own["split"] = {"validation_split": ROWS / len(x)}
    model.fit(
        x, y, sample_weight=weight, batch_size=SIZE, verbose=0, callbacks=[counts, metrics], **own.get(source, {})
    )


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("name", CASES)
def test_when_a_mistake_is_found(name, source):
    case, counts = CASES[name], Counts()
    place = case.arrays if source in ("arrays", "split", "given arrays") else case.others
    with pytest.raises(ValueError, match=case.message):
        fitted(case, source, counts)
    if place in ("constructor", "training"):
        assert counts.training == 0
        assert counts.validation == 0
        assert (counts.params is None) == (place == "constructor")
    elif not source.startswith("given"):
        assert counts.training > 0
        assert counts.validation == (1 if place == "batch" else 3)


def test_messages_show_that_the_number_of_rows_is_not_known():
    with pytest.raises(DataError, match=r"received \(None, 1\)"):
        fitted(CASES["multiclass on one column"], "dataset", Counts())


def test_the_output_is_named():
    inputs = keras.Input((3,))
    outputs = {name: layers.Dense(3, activation="softmax", name=name)(inputs) for name in ("a", "b")}
    model = compiled(keras.Model(inputs, outputs), {"a": SPARSE, "b": SPARSE})
    metrics = Metrics(task={"b": Multiclass(class_names=["one", "two"])}, verbose=False)
    y = {"a": CLASSES, "b": CLASSES}
    with pytest.raises(DataError, match="output 'b': there are 3 classes; received 2"):
        model.fit(P3, y, validation_data=Batches([(P3, y)]), verbose=0, callbacks=[metrics])
    with pytest.raises(DataError, match=r"output 'b': the model has 3 classes .* hold 9"):
        model.fit(
            P3, y, validation_data=(P3, {"a": CLASSES, "b": CLASSES + 9}), verbose=0, callbacks=[Metrics(verbose=False)]
        )


class Subclassed(keras.Model):
    """Nothing of its outputs is known before a batch."""

    def __init__(self):
        super().__init__()
        self.same = layers.Dense(3, use_bias=False, kernel_initializer="identity")

    def call(self, inputs):
        return {"a": self.same(inputs), "b": inputs}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scoring": {"c": ["f1"]}}, "names c, but the model's outputs are a, b"),
        ({"task": {"a": Multiclass(class_names="ab")}}, "output 'a': there are 3 classes; received 2"),
        ({"scoring": {"a": ["f1"], "b": "r2"}, "task": {"b": "regression"}}, "output 'b': .* targets of the same size"),
    ],
)
def test_a_subclassed_model_is_known_at_the_first_batch(options, message):
    model, counts = compiled(Subclassed(), {"a": any_targets, "b": any_targets}), Counts()
    batches = [(x, {"a": y, "b": y}) for x, y in in_batches(P3, CLASSES, None)]
    callbacks = [counts, Metrics(**options, verbose=False)]
    with pytest.raises(ValueError, match=message):
        model.fit(*batches[0], validation_data=Batches(batches), verbose=0, callbacks=callbacks)
    assert counts.validation == 1


# After an error at the first batch the model is as it was.


@pytest.mark.parametrize("source", ["dataset", "given dataset"])
def test_the_model_is_as_it_was(source):
    inputs = keras.Input((3,))
    outputs = layers.Dense(3, activation="softmax")(layers.BatchNormalization()(inputs))
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.SGD(0.0), SPARSE)
    bad = Batches([(P3[:SIZE], CLASSES[:SIZE]), (P3, CLASSES)])
    task = Multiclass(labels=[0, 1, 5])
    options = {"validation_data": bad} if source == "dataset" else {}
    metrics = Metrics(task=task, validation_data=None if options else bad, verbose=False)
    with pytest.raises(DataError, match="targets hold 2"):
        model.fit(P3, CLASSES, verbose=0, callbacks=[metrics], **options)
    weights = model.get_weights()
    assert all(np.isfinite(weight).all() for weight in weights)
    metrics = Metrics("f1", verbose=False)
    model.fit(P3, CLASSES, validation_data=(P3, CLASSES), epochs=2, verbose=0, callbacks=[metrics])
    assert len(metrics.f1s) == 2
    assert model.predict(P3, verbose=0).shape == (ROWS, 3)


# What is not a mistake: the first batch, or what is known before, is judged no more strictly than the whole pass.


def scored(model, metrics, data, x=P1[:SIZE], y=BITS[:SIZE], **options):
    model.fit(x, y, validation_data=data, verbose=0, callbacks=[metrics], **options)
    return metrics.history


def test_later_targets_decide_the_task():
    y = np.arange(ROWS) / np.where(np.arange(ROWS) < SIZE, 1.0, 3.0)
    history = scored(echo(1, any_targets), Metrics("r2", verbose=False), Batches(in_batches(P1, y, None)))
    assert np.isfinite(history["r2"]).all()


def test_a_first_batch_of_zeros_and_ones_may_be_of_a_regression():
    y = np.where(np.arange(ROWS) < SIZE, BITS, P1[:, 0]).astype("float32")
    history = scored(echo(1, MSE), Metrics("r2", verbose=False), Batches(in_batches(P1, y, None)))
    assert np.isfinite(history["r2"]).all()


@pytest.mark.parametrize("label", [1, -1])
def test_a_first_batch_of_one_class(label):
    y = np.where(np.arange(ROWS) < SIZE, label, np.where(BITS, 1, -1)).astype("float32")
    metrics = Metrics("f1", task=Binary(pos_label=-1), verbose=False)
    history = scored(echo(1, "hinge"), metrics, Batches(in_batches(P1 - 0.5, y, None)))
    assert np.isfinite(history["f1"]).all()


class Identity(keras.Model):
    """(B, T) outputs of positions; nothing tells that T is not a number of columns."""

    def __init__(self):
        super().__init__()
        self.same = layers.Dense(1, use_bias=False, kernel_initializer="identity")

    def call(self, inputs):
        return keras.ops.squeeze(self.same(inputs[..., None]), -1)


@pytest.mark.parametrize("scoring", [["f1", "kappa"], ["f1"]])
def test_later_lengths_show_that_the_last_axis_holds_positions(scoring):
    """`kappa` is not defined for a multilabel task, as which the first batch alone would be read."""
    batches = [(RNG.random((4, length)).astype("float32"), RNG.integers(0, 2, (4, length))) for length in (3, 5, 2)]
    metrics = Metrics(scoring, verbose=False)
    history = scored(compiled(Identity(), BCE), metrics, Batches(batches), *batches[0])
    assert np.isfinite(history["f1"]).all()


def test_targets_under_a_mask_need_not_be_labels():
    x = RNG.integers(1, 5, (ROWS, 4))
    x[:, 2:] = 0
    y = np.where(x == 0, 0, x % 2)
    wrong = np.where(x == 0, 99, y)
    inputs = keras.Input((4,))
    outputs = layers.Dense(2, activation="softmax")(layers.Embedding(5, 3, mask_zero=True)(inputs))
    model = compiled(keras.Model(inputs, outputs), lenient(SPARSE))
    assert np.isfinite(scored(model, Metrics("f1", verbose=False), (x, wrong), x, y)["f1"]).all()
    metrics = Metrics("f1", validation_data=(x, wrong), verbose=False)
    model.fit(x, y, verbose=0, callbacks=[metrics])
    assert np.isfinite(metrics.f1s).all()


def test_rows_that_the_pass_does_not_see():
    y = changed(BITS, slice(2 * SIZE, None), 7)
    options = {"batch_size": SIZE, "validation_steps": 2}
    assert len(scored(echo(1, BCE), Metrics("f1", verbose=False), (P1, y), **options)["f1"]) == 1
    metrics = Metrics("f1", validation_data=(P1, y), validation_batch_size=SIZE, validation_steps=2, verbose=False)
    echo(1, BCE).fit(P1, BITS, verbose=0, callbacks=[metrics])
    assert len(metrics.f1s) == 1


def test_targets_of_the_class_that_the_loss_ignores():
    model = echo(3, keras.losses.SparseCategoricalCrossentropy(ignore_class=-1))
    data = (P3, changed(CLASSES, 3, -1))
    assert np.isfinite(scored(model, Metrics("f1", verbose=False), data, P3, CLASSES)["f1"]).all()


def test_a_step_that_makes_its_own_targets():
    class Halves(keras.Model):
        def compute_metrics(self, x, y, y_pred, sample_weight=None):
            return super().compute_metrics(x, y, y_pred, sample_weight)

        def train_step(self, *args):
            return super().train_step(*args)

        def test_step(self, *args):
            *state, (x, y) = args
            return super().test_step(*state, (x, keras.ops.cast(y > 2, "float32")))

    inputs = keras.Input((1,))
    model = compiled(Halves(inputs, layers.Dense(1, activation="sigmoid")(inputs)), BCE)
    history = scored(model, Metrics("f1", verbose=False, zero_division=1.0), (P1, np.arange(ROWS) % 5))
    assert len(history["f1"]) == 1


def test_pandas_and_several_outputs_in_a_list():
    pandas = pytest.importorskip("pandas")
    inputs = keras.Input((3,))
    outputs = [layers.Dense(3, activation="softmax", name="a")(inputs), layers.Dense(1, name="b")(inputs)]
    model = compiled(keras.Model(inputs, outputs), [SPARSE, "mse"])
    y = [pandas.Series(CLASSES), pandas.DataFrame({"value": P1[:, 0]})]
    metrics = Metrics({"a": ["f1"], "b": "r2"}, verbose=False)
    arrays = [CLASSES, P1]
    assert len(scored(model, metrics, (P3, y), P3, arrays)["a_f1"]) == 1
    wrong, counts = [pandas.Series(CLASSES + 1), y[1]], Counts()
    again = Metrics({"a": ["f1"], "b": "r2"}, verbose=False)
    with pytest.raises(DataError, match="output 'a': the model has 3 classes"):
        model.fit(P3, arrays, validation_data=(P3, wrong), verbose=0, callbacks=[counts, again])
    assert counts.training == 0


@pytest.mark.parametrize("memory", ["exact", "bounded"])
def test_the_summary_is_printed_once(memory, capsys):
    metrics = Metrics("f1", memory=memory)
    echo(1, BCE).fit(P1, BITS, validation_data=Batches(in_batches(P1, BITS, None)), verbose=2, callbacks=[metrics])
    assert capsys.readouterr().out.count("Metrics: binary task") == 1
