"""Every advice in an error is taken literally, until the rows are scored: no loop, and no advice that fails."""

import re

import keras
import numpy as np
import pytest
from sklearn import metrics as sk

from kerascb_metrics import Binary, DataError, Metrics, Multiclass, Multilabel, Ordinal, Regression
from kerascb_metrics.interpret.infer_task import infer_task
from kerascb_metrics.interpret.losses import read_loss
from tests.support.arrays import read, rows_of
from tests.support.models import echo_model

RNG = np.random.default_rng(88)
N = 40
P1, P2, P3 = (RNG.dirichlet(np.ones(max(2, k)), N)[:, :k].astype("float32") for k in (1, 2, 3))
P2_SIGMOID = RNG.random((N, 2)).astype("float32")
Z1, Z2, Z3 = (RNG.normal(size=(N, k)).astype("float32") * 4 for k in (1, 2, 3))
BITS, CLASSES = RNG.integers(0, 2, N), np.arange(N) % 3
HOT, LABELS = np.eye(3)[CLASSES], RNG.integers(0, 2, (N, 3))
SOFT = (HOT * 0.8 + 0.2 / 3).astype("float32")
VALUES = RNG.normal(size=N)


def gaps(targets, value=np.nan):
    """Some of the targets are missing."""
    return np.where(RNG.random(np.shape(targets)) < 0.2, value, targets)


def own_loss(y_true, y_pred):
    return keras.ops.mean(y_pred, axis=-1)


class Unreadable(keras.losses.BinaryCrossentropy):
    """A loss of Keras's whose options cannot be read."""

    def get_config(self):
        raise NotImplementedError

    def __init__(self):
        super().__init__(from_logits=True)
        del self.from_logits
        del self._fn_kwargs


TASKS = {
    "one column of logits": (BITS, Z1, own_loss, "auto"),
    "two columns of logits": (BITS, Z2, own_loss, "auto"),
    "three columns of logits": (CLASSES, Z3, own_loss, "auto"),
    "several logits per row": (LABELS, Z3, own_loss, "auto"),
    "one-hot targets": (HOT, P3, own_loss, "auto"),
    "one-hot targets and logits": (HOT, Z3, own_loss, "auto"),
    "mean squared error on 0 and 1": (BITS, P1, "mse", "auto"),
    "mean squared error on 0 and 1, any output": (BITS, Z1, "mse", "auto"),
    "mean squared error on one-hot targets": (HOT, Z3, "mse", "auto"),
    "labels 1 and 2": (BITS + 1, P1, "binary_crossentropy", "auto"),
    "labels 1 and 2 and a custom loss": (BITS + 1, P1, own_loss, "auto"),
    "labels 1 and 2 and logits": (BITS + 1, Z1, own_loss, "auto"),
    "three labels and one column": (CLASSES, P1, own_loss, "auto"),
    "three labels and binary crossentropy": (CLASSES, P1, "binary_crossentropy", "auto"),
    "binary task, three columns, class numbers": (CLASSES, P3, own_loss, "binary"),
    "binary task, three columns, logits": (CLASSES, Z3, own_loss, "binary"),
    "multiclass task of one column": (BITS, P1, own_loss, "multiclass"),
    "multiclass task of one column, labels 1 and 2": (BITS + 1, P1, own_loss, "multiclass"),
    "multilabel task with class numbers": (CLASSES, P3, own_loss, "multilabel"),
    "multilabel task of one number": (BITS, P1[:, 0], own_loss, "multilabel"),
    "multilabel task of one-hot rows, numbers": (VALUES[:, None] + P3, P3, own_loss, "multilabel"),
    "classes numbered from 1": (CLASSES + 1, P3, own_loss, "auto"),
    "classes 10, 20 and 30, logits": (10 * CLASSES + 10, Z3, own_loss, Multiclass()),
    "padding of -1": (gaps(CLASSES, -1).astype(int), P3, own_loss, "auto"),
    "padding of 255": (gaps(CLASSES, 255).astype("uint8"), P3, "sparse_categorical_crossentropy", "auto"),
    "padding of -1 in a binary task": (gaps(BITS, -1), P1, "binary_crossentropy", "auto"),
    "missing labels": (gaps(LABELS), P3, own_loss, "auto"),
    "missing labels, logits": (gaps(LABELS), Z3, own_loss, "auto"),
    "missing labels, a task": (gaps(LABELS), P3, own_loss, Multilabel()),
    "missing labels of -1": (gaps(LABELS, -1), P3, own_loss, Multilabel()),
    "missing binary targets": (gaps(BITS), P1, own_loss, "auto"),
    "missing class numbers": (gaps(CLASSES), P3, own_loss, "auto"),
    "missing numbers": (gaps(VALUES), Z1, own_loss, "auto"),
    "missing numbers, a task": (gaps(VALUES), Z1, "mse", Regression()),
    "missing numbers and a mean squared error": (gaps(VALUES), Z1, "mse", "auto"),
    "soft targets": (SOFT, P3, "categorical_crossentropy", "auto"),
    "soft targets and logits": (SOFT, Z3, own_loss, Multiclass()),
    "soft targets of one column": (P1[::-1], P1, "binary_crossentropy", "auto"),
    "soft labels": (P2_SIGMOID[::-1], P2_SIGMOID, "binary_crossentropy", "auto"),
    "soft targets and a custom loss": (SOFT, P3, own_loss, "auto"),
    "soft targets with gaps": (gaps(P1[::-1]), P1, "binary_crossentropy", "auto"),
    "two sigmoids as one softmax": (BITS, P2_SIGMOID, "sparse_categorical_crossentropy", "auto"),
    "a threshold that is no probability": (BITS, Z1, own_loss, Binary(threshold=1.5)),
    "thresholds that are no probabilities": (LABELS, Z3, own_loss, Multilabel(threshold=[0.0, 1.5, -2.0])),
    "a threshold that is no probability, loss": (BITS, Z1, keras.losses.BinaryCrossentropy(True), Binary(1.5)),
    "a positive label that does not occur": (BITS, P1, own_loss, Binary(pos_label=-1)),
    "a positive label with two others": (CLASSES, P1, own_loss, Binary(pos_label=2)),
}


def advised(message):
    """The arguments that a message tells to pass, the last line of code in it first."""
    known = {"Binary": Binary, "Multiclass": Multiclass, "Multilabel": Multilabel, "Regression": Regression}
    tasks = re.findall(r"task=('[a-z]+'|[A-Z][a-z]+\((?:[^()]|\([^()]*\))*\))", message)
    scorings = re.findall(r"scoring=(\[[^\]]*\])", message)
    arguments = {}
    if tasks:
        arguments["task"] = eval(tasks[-1 if "logits" in message else 0], {**known, "float": float})
    if scorings and (not tasks or arguments["task"] == "regression" or isinstance(arguments["task"], Regression)):
        arguments["scoring"] = eval(scorings[0])
    return arguments


SPARSE = "sparse_categorical_crossentropy"
Z, INTS = np.array([2.0, -1.0, 0.5, 3.0]), np.array([0, 1, 1, 0])
BCE = keras.losses.BinaryCrossentropy
INSTEAD = " If the model is trained on them, change them instead: {}_crossentropy takes"
# The rows and the loss → the sentence: only the options that these rows need.
SENTENCES = [
    ([3, 7, 7, 3], Z, own_loss, Binary(), "task=Binary(pos_label=7, from_logits=True)."),
    ([3, 7, 7, 3], Z, "mse", Binary(), "task=Binary(pos_label=7, threshold=0.5, from_logits=False)."),
    ([3, 7, 7, 3], Z, own_loss, Binary(threshold=1.5), "task=Binary(threshold=1.5, pos_label=7, from_logits=False)."),
    ([3, 7, 7, 3], Z, "hinge", Binary(), "task=Binary(pos_label=7)."),
    ([3, 7, 7, 3], Z, BCE(from_logits=True), Binary(), f"task=Binary(pos_label=7).{INSTEAD.format('binary')} 0 and 1."),
    ([3, 7, 7, 3], INTS, own_loss, Binary(), "task=Binary(pos_label=7)."),
    ([3, 7, 7, 3], INTS / 2, own_loss, Binary(), "task=Binary(pos_label=7)."),
    ([3, 7, 7, 3], INTS / 2, Unreadable, Binary(from_logits=False), "task=Binary(from_logits=False, pos_label=7)."),
    (
        [5, 6, 6, 7],
        P3[:4],
        SPARSE,
        Multiclass(),
        f"task=Multiclass(labels=[5, 6, 7]).{INSTEAD.format('sparse_categorical')} class numbers from 0.",
    ),
    ([5, 6, 6, 7], Z3[:4], own_loss, Multiclass(), "task=Multiclass(labels=[5, 6, 7], from_logits=True)."),
    ([0, 1, 3, 1], Z, "mse", Ordinal(labels=[0, 1, 2]), "task=Ordinal(labels=[0, 1, 2, 3])."),
    ([0, 1, 3, 1], Z, "mse", Ordinal(), "task=Ordinal(labels=[0, 1, 3])."),
]


@pytest.mark.parametrize(("y_true", "y_pred", "loss", "task", "sentence"), SENTENCES)
def test_a_task_is_named_with_the_options_that_it_needs(y_true, y_pred, loss, task, sentence):
    with pytest.raises(DataError) as caught:
        read(task, y_true, y_pred, loss)
    assert str(caught.value).endswith(f" Pass {sentence}")


@pytest.mark.parametrize(("y_true", "y_pred"), [(BITS, P1), (BITS, Z1)], ids=["probabilities", "logits"])
def test_a_loss_that_cannot_be_read_needs_to_be_told_what_the_outputs_are(y_true, y_pred):
    logits = y_pred is Z1
    with pytest.raises(DataError, match=rf"cannot be read.*Pass task=Binary\(from_logits={logits}\)\.$"):
        infer_task(rows_of(y_true, y_pred), read_loss(Unreadable()))


@pytest.mark.filterwarnings("ignore::kerascb_metrics.UndefinedScoreWarning")
@pytest.mark.parametrize("case", TASKS)
def test_the_task_that_an_error_names_reads_the_rows(case):
    y_true, y_pred, loss, task = TASKS[case]
    model = echo_model(y_pred.shape[1] if y_pred.ndim > 1 else 1, loss)
    data = (y_pred if y_pred.ndim > 1 else y_pred[:, None], y_true)
    arguments, messages = {"task": task}, []
    while (message := refusal(model, data, arguments)) is not None:
        assert message not in messages, "a loop"
        messages.append(message)
        assert len(messages) <= 2, messages
        change = advised(message)
        assert change, f"no advice in: {message}"
        arguments.update(change)
    assert messages


def refusal(model, data, arguments):
    """The message of the error, or None where the scores are numbers."""
    try:
        found = Metrics(**arguments, verbose=False).evaluate(model, data)
    except ValueError as error:
        return str(error)
    assert np.isfinite([np.sum(value) for value in found.values()]).all()
    return None


ARRAYS = ["missing labels", "missing binary targets", "missing class numbers", "missing numbers", "soft targets"]


@pytest.mark.filterwarnings("ignore::kerascb_metrics.UndefinedScoreWarning")
@pytest.mark.parametrize("case", [*ARRAYS, "three labels and one column", "classes numbered from 1"])
def test_the_same_in_fit_where_arrays_are_read_before_training(case):
    y_true, y_pred, loss, task = TASKS[case]
    model = echo_model(y_pred.shape[1], loss)
    arguments, messages = {"task": task}, []
    for _ in range(2):
        with pytest.raises(ValueError, match="Metrics: ") as caught:
            model.fit(y_pred, y_true, validation_data=(y_pred, y_true), verbose=0, callbacks=[Metrics(**arguments)])
        messages.append(str(caught.value))
        arguments |= advised(messages[-1])
        if refusal(model, (y_pred, y_true), arguments) is None:
            break
    assert len(messages) == 1, messages


FUNCTIONS = ["ndcg_score", "log_loss", "roc_auc_score", "average_precision_score", "brier_score_loss", "hinge_loss"]
MORE = ["label_ranking_loss", "label_ranking_average_precision_score", "coverage_error", "dcg_score"]


@pytest.mark.parametrize("name", [*FUNCTIONS, *MORE, "d2_log_loss_score", "top_k_accuracy_score"])
def test_a_function_that_needs_scores_names_the_scorer(name):
    function = getattr(sk, name)
    with pytest.raises(ValueError, match=f"{name} needs") as caught:
        Metrics(function)
    advice = re.search(r"Pass a scorer, scoring=(.*)\.$", str(caught.value))[1]
    several = name in ("ndcg_score", "dcg_score", "coverage_error") or name.startswith("label_ranking")
    y_true, y_pred, task = (LABELS, P3, "multilabel") if several else (BITS, P1, "binary")
    if name == "top_k_accuracy_score":
        y_true, y_pred, task = CLASSES, P3, "multiclass"
    scoring = eval(advice, {**vars(sk)})
    found = Metrics(scoring, task=task, verbose=False).evaluate(echo_model(y_pred.shape[1]), (y_pred, y_true))
    assert all(np.isfinite(value) for value in found.values())
