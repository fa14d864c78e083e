"""Targets that are probabilities: the label is the most likely one. Otherwise the error names `soft_targets=True`."""

import keras
import numpy as np
import pytest
from scipy.special import softmax
from sklearn import metrics as sk

from kerascb_metrics import Binary, DataError, Metrics, Multiclass, Multilabel, Ordinal
from tests.support.arrays import assert_same, assessed, read
from tests.support.models import echo_model

N = 60
RNG = np.random.default_rng(4)
PROBA = softmax(RNG.normal(size=(N, 3)) * 2, axis=1).astype("float32")
SIGMOID = RNG.random((N, 3)).astype("float32")


def mixup(classes=3):
    """Mixed one-hot rows, as mixup makes them."""
    one, other = np.eye(classes)[RNG.integers(0, classes, (2, N))]
    share = RNG.uniform(0.55, 1.0, (N, 1))
    return (share * one + (1 - share) * other).astype("float32")


def smoothed(classes=3):
    return (np.eye(classes)[RNG.integers(0, classes, N)] * 0.9 + 0.1 / classes).astype("float32")


@pytest.mark.parametrize("make", [mixup, smoothed])
def test_multiclass_labels_are_the_most_likely_ones(make):
    soft = make()
    ours = assessed(Multiclass(soft_targets=True), soft, PROBA, ["f1", "auc", "kappa"])
    hard, y_pred = soft.argmax(axis=1), PROBA.argmax(axis=1)
    assert_same(ours.values["f1"], sk.f1_score(hard, y_pred, average="macro"))
    assert_same(ours.values["auc"], np.mean([sk.roc_auc_score(hard == k, PROBA[:, k]) for k in range(3)]))
    assert_same(ours.values["kappa"], sk.cohen_kappa_score(hard, y_pred))


@pytest.mark.parametrize("columns", [1, 2])
def test_binary_labels_are_those_above_one_half(columns):
    p1 = RNG.random(N).astype("float32")
    p1[:2] = 0.5
    soft, y_pred = (p1, SIGMOID[:, 0]) if columns == 1 else (np.stack([1 - p1, p1], 1), PROBA[:, :2])
    y_pred = y_pred if columns == 1 else y_pred / y_pred.sum(axis=1, keepdims=True)
    ours = assessed(Binary(soft_targets=True), soft, y_pred, ["f1", "auc"])
    score = y_pred if columns == 1 else y_pred[:, 1]
    assert_same(ours.values["f1"], sk.f1_score(p1 > 0.5, score > 0.5))
    assert_same(ours.values["auc"], sk.roc_auc_score(p1 > 0.5, score))


def test_multilabel_labels_are_those_above_one_half_where_they_are_present():
    soft = RNG.random((N, 3)).astype("float32")
    missing = RNG.random((N, 3)) < 0.2
    task = Multilabel(soft_targets=True, ignore_class=float("nan"))
    ours = assessed(task, np.where(missing, np.nan, soft), SIGMOID, ["f1"])
    own = [sk.f1_score(soft[~missing[:, k], k] > 0.5, SIGMOID[~missing[:, k], k] > 0.5) for k in range(3)]
    assert_same(ours.values["f1"], np.mean(own))


def test_grades_are_the_most_likely_ones():
    soft = mixup()
    assert read(Ordinal(soft_targets=True), soft, PROBA).labels[0].tolist() == soft.argmax(axis=1).tolist()


def test_the_first_of_several_most_likely_classes_is_the_label():
    assert read(Multiclass(soft_targets=True), [[0.5, 0.5, 0.0]], PROBA[:1]).labels[0].tolist() == [0]


def test_hard_targets_are_soft_targets_too():
    hard = np.eye(3)[RNG.integers(0, 3, N)]
    ours = assessed(Multiclass(soft_targets=True), hard, PROBA, "f1")
    assert ours.values == assessed(Multiclass(), hard, PROBA, "f1").values


def test_an_ignored_class_may_be_the_most_likely_one():
    tally = read(Multiclass(soft_targets=True, ignore_class=0), [[0.8, 0.1, 0.1], [0.1, 0.8, 0.1]], PROBA[:2])
    assert tally.labels[0].tolist() == [1]


@pytest.mark.parametrize(
    ("task", "y_true", "y_pred", "message"),
    [
        (Binary(), [0.05, 0.95], [0.2, 0.7], r"received 0.05, 0.95.*task=Binary\(soft_targets=True\)"),
        (Binary(), [[0.9, 0.1], [0.2, 0.8]], np.full((2, 2), 0.5), r"one-hot.*task=Binary\(soft_targets=True\)"),
        (Multiclass(), mixup()[:5], PROBA[:5], r"one-hot.*task=Multiclass\(soft_targets=True\)"),
        (Multilabel(), [[0.3, 0.9, 0.0]], SIGMOID[:1], r"received 0.3.*task=Multilabel\(soft_targets=True\)"),
        (Multiclass(soft_targets=True), [0, 2, 1], PROBA[:3], r"one probability per class.*pass task=Multiclass\(\)"),
        (Multiclass(soft_targets=True), [[1.0, 1, 0]], PROBA[:1], r"add up to 1.*Multilabel\(soft_targets=True\)"),
        (Multiclass(soft_targets=True), [[2.0, -1, 0]], PROBA[:1], "from 0 to 1; received -1 to 2"),
        (Binary(soft_targets=True), [0.3, np.nan], [0.2, 0.7], r"soft_targets=True, ignore_class=float\('nan'\)"),
        (Binary(soft_targets=True), ["a", "b"], [0.2, 0.7], "must be probabilities from 0 to 1"),
    ],
)
def test_other_targets_raise_and_the_error_names_what_to_pass(task, y_true, y_pred, message):
    with pytest.raises(DataError, match=message):
        read(task, y_true, y_pred)


@pytest.mark.parametrize("task", [Binary, Multiclass, Multilabel])
def test_soft_targets_is_true_or_false(task):
    with pytest.raises(ValueError, match="soft_targets must be True or False; received 'yes'"):
        task(soft_targets="yes")


def test_soft_targets_have_the_classes_0_and_1():
    with pytest.raises(ValueError, match="pos_label=2"):
        Binary(soft_targets=True, pos_label=2)
    assert Binary(soft_targets=True, pos_label=0).pos_label == 0


@pytest.mark.parametrize("memory", ["exact", "bounded"])
def test_fit_says_that_targets_are_soft(memory, capsys):
    soft = mixup()
    model = echo_model(3, keras.losses.CategoricalCrossentropy(label_smoothing=0.1))
    with pytest.raises(DataError, match=r"task=Multiclass\(soft_targets=True\)"):
        model.fit(PROBA, soft, validation_data=(PROBA, soft), verbose=0, callbacks=[Metrics()])
    metrics = Metrics(["f1"], task=Multiclass(soft_targets=True), memory=memory, verbose=True)
    model.fit(PROBA, soft, validation_data=(PROBA, soft), verbose=0, callbacks=[metrics])
    assert_same(metrics.f1s, [sk.f1_score(soft.argmax(axis=1), PROBA.argmax(axis=1), average="macro")])
    assert "label is the highest output, and so is that of the targets" in capsys.readouterr().out
