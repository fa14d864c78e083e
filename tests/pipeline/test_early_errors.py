"""When a mistake is found: in the constructor, before training, or at the first validation batch."""

import tracemalloc
from dataclasses import dataclass, field

import keras
import numpy as np
import pytest
from keras import layers

from kerascb_metrics import Binary, DataError, Metrics, Multiclass, Multilabel, Regression
from kerascb_metrics.pipeline.fit_start import check_outputs
from tests.support.models import Batches
from tests.support.three_batches import (
    BCE,
    BITS,
    CLASSES,
    MSE,
    ONE_HOT,
    P1,
    P3,
    P5,
    RNG,
    ROWS,
    SIZE,
    SPARSE,
    WEIGHT,
    Counts,
    any_targets,
    changed,
    compiled,
    echo,
    in_batches,
    lenient,
)


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
    "classification scores of a regression": Case(
        "training", "training", "regression task has no f1", P1, P1, MSE, {"scoring": "f1"}
    ),
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
        "training", "batch", "targets hold nan", P1, changed(P1, 4, NAN), MSE, {"task": Regression(), "scoring": "r2"}
    ),
    "floats for a loss that says nothing": Case(
        "training", "batch", "regression task has no f1", P1, P1, any_targets, {"scoring": "f1"}
    ),
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


@pytest.mark.parametrize("dtype", [str, object])
def test_targets_that_are_not_numbers_are_called_so(dtype):
    data = (P1, BITS.astype(dtype))
    with pytest.raises(DataError, match="received values that are not numbers among the targets"):
        echo(1, BCE).fit(P1, BITS, validation_data=data, verbose=0, callbacks=[Metrics("f1", task="binary")])


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


def test_the_shapes_of_large_images_are_checked_with_few_positions():
    inputs = keras.Input((1024, 1024, 1))
    model = keras.Model(inputs, layers.Activation("linear")(inputs))
    model.compile(loss=BCE)
    metrics = Metrics(memory="bounded", verbose=False)
    tracemalloc.start()
    try:
        check_outputs(metrics._plan, model, metrics.options)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 16 * 1024**2  # bytes; there are 1024**2 positions in a row
