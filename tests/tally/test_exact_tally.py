"""`ExactTally`: the samples and folds of rows, rows by number, and what scikit-learn's functions are given."""

import numpy as np
import pytest
from scipy.special import expit, softmax
from sklearn import metrics as sk

from kerascb_metrics import Binary, Multiclass, Multilabel, Ordinal, Regression
from kerascb_metrics.interpret.losses import LossReading
from kerascb_metrics.tally.exact import ExactTally
from kerascb_metrics.tally.folds import FOLDS, folds_of
from kerascb_metrics.tally.ranking import points_each, rank
from kerascb_metrics.tally.streaming_folds import FoldedAccumulator
from tests.support.arrays import assert_same, rows_of

N = 60
RNG = np.random.default_rng(40)
Y, P, WEIGHT = RNG.integers(0, 2, N), RNG.random(N), RNG.random(N)
KINDS, LOGITS = RNG.integers(0, 3, N), RNG.normal(size=(N, 3))
LABELS, SHARES = RNG.integers(0, 2, (N, 3)), RNG.random((N, 3))
KEPT, KEPT_POSITIONS = RNG.random(N) < 0.7, RNG.random((N // 4, 4)) < 0.7
POSITIONS = Y.reshape(-1, 4), P.reshape(-1, 4, 1)


def tally_of(task, y, p, weight=None, mask=None, loss=None, flattened=False, **options):
    rows = rows_of(y, p, weight, mask)
    return ExactTally(task.read(rows, loss or LossReading()), rows=None if flattened else rows, **options)


# The targets and outputs, the mask, the sample of each row that is left, the number of samples.
SAMPLES = {
    "rows": (Y, P, None, np.arange(N), N),
    "some rows": (Y, P, KEPT, np.flatnonzero(KEPT), N),
    "positions": (*POSITIONS, None, np.repeat(np.arange(N // 4), 4), N // 4),
    "some positions": (*POSITIONS, KEPT_POSITIONS, np.nonzero(KEPT_POSITIONS)[0], N // 4),
}


@pytest.mark.parametrize("case", SAMPLES)
def test_each_row_has_the_fold_of_its_sample(case):
    y, p, mask, numbers, samples = SAMPLES[case]
    tally = tally_of(Binary(), y, p, mask=mask)
    assert tally.samples == samples
    assert tally.positions == N
    assert tally.of_positions == ("positions" in case)
    assert tally.numbers_of_samples.tolist() == numbers.tolist()
    assert tally.folds.tolist() == folds_of(np.arange(samples))[numbers].tolist()
    for first, process in ((7, 0), (0, 2), (7, 2)):
        expected = folds_of(np.arange(first, first + samples), process)[numbers]
        assert tally.folds_from(first, process).tolist() == expected.tolist()
    assert tally.folds_from(7).tolist() == folds_of(np.arange(7, 7 + samples))[numbers].tolist()


@pytest.mark.parametrize("mask", [None, KEPT])
def test_rows_whose_shape_is_not_at_hand_are_samples(mask):
    tally, numbers = tally_of(Binary(), Y, P, mask=mask, flattened=True), np.arange(N) if mask is None else mask
    assert (tally.samples, tally.positions, tally.of_positions) == (N, N, False)
    assert tally.numbers_of_samples.tolist() == np.arange(N)[numbers].tolist()
    assert tally.folds.tolist() == folds_of(np.arange(N))[numbers].tolist()


@pytest.mark.parametrize("process", [0, 3])
@pytest.mark.parametrize("precision", [False, True])
@pytest.mark.parametrize("case", SAMPLES)
def test_parts_are_counted_in_the_folds_of_their_samples(case, precision, process):
    y, p, mask, numbers, samples = SAMPLES[case]
    task = Binary(threshold="f1", pos_label=1)
    counts = FoldedAccumulator(precision, process)
    for part in (slice(0, 6), slice(6, 7), slice(7, samples)):
        rows = rows_of(y[part], p[part], None, None if mask is None else mask[part])
        counts.add(task.read(rows, LossReading()), "float64", rows)
    found, whole = counts.tally(), tally_of(task, y, p, mask=mask)
    assert found.of_positions == ("positions" in case)
    assert found.matrix.tolist() == whole.matrix.tolist()
    assert found.bins.shape == (1, 2, 1 << 16)
    assert found.bins.sum() == len(found) == len(numbers)
    assert len(found.folds) == FOLDS
    assert (found.rankings()[1].average_precision is not None) == precision
    folds = folds_of(np.arange(samples), process)[numbers]
    for fold, own in enumerate(found.folds):
        assert own.rule is found.rule
        table = sk.confusion_matrix(whole.y_true[folds == fold], whole.y_pred[folds == fold], labels=[False, True])
        assert own.matrix.tolist() == table.tolist()
        assert own.bins.sum() == len(own) == (folds == fold).sum()
        assert own.samples is None


def test_rows_by_number_keep_their_labels_and_nothing_that_was_computed():
    given, numbers = Y[::-1] == 1, np.random.default_rng(0).integers(0, N, 80)
    for labels in (None, given):
        tally = tally_of(Binary(), Y, P, WEIGHT, given_labels=labels, precision=True)
        tally.memo["f1"] = 0.5
        some = tally.of_rows(numbers)
        assert some.y_true.tolist() == (Y == 1)[numbers].tolist()
        assert some.y_pred.tolist() == ((P > 0.5) if labels is None else given)[numbers].tolist()
        assert some.outputs.tolist() == P[numbers].tolist()
        assert some.sample_weight.tolist() == WEIGHT[numbers].tolist()
        assert (some.memo, some.rows, some.precision) == ({}, None, True)
        assert tally.memo == {"f1": 0.5}


@pytest.mark.parametrize("announced", [False, True])
def test_average_precision_is_known_if_a_score_will_ask_or_asks_for_it(announced):
    for task, y, p in ((Binary(), Y, P), (Multilabel(), LABELS, SHARES), (Multilabel(ignore_class=2), LABELS, SHARES)):
        tally = tally_of(task, y, p, precision=announced)
        assert {own.average_precision is None for own in tally.rankings().values()} == {not announced}
        asked = tally.rankings(precision=True)
        assert {own.average_precision is None for own in asked.values()} == {False}
        assert tally.rankings(precision=True) is asked
        assert (tally.rankings() is asked) == announced
        assert tally.rankings() is tally.rankings()


BINARY_LOGITS = LossReading("binary_crossentropy", "binary", from_logits=True)
CLASS_LOGITS = LossReading("categorical_crossentropy", "categorical", from_logits=True)
OVER = np.where(P > 0.9, 1 + 5e-7, P)
PROBABILITIES = {
    "binary": (Binary(), Y, P, None, P, np.stack([1 - P, P], axis=1)),
    "above 1": (Binary(), Y, OVER, None, OVER, np.stack([1 - OVER.clip(max=1), OVER.clip(max=1)], axis=1)),
    "binary logits": (Binary(), Y, P * 9, BINARY_LOGITS, P * 9, np.stack([1 - expit(P * 9), expit(P * 9)], axis=1)),
    "margins": (Binary(threshold=0.0, from_logits=False), Y, P * 9 - 4, None, P * 9 - 4, None),
    "classes": (Multiclass(), KINDS, softmax(LOGITS, axis=1), None, softmax(LOGITS, axis=1), softmax(LOGITS, axis=1)),
    "class logits": (Multiclass(), KINDS, LOGITS, CLASS_LOGITS, softmax(LOGITS, axis=1), softmax(LOGITS, axis=1)),
    "labels": (Multilabel(), LABELS, SHARES, None, SHARES, SHARES),
    "label logits": (Multilabel(), LABELS, LOGITS, BINARY_LOGITS, LOGITS, expit(LOGITS)),
    "regression": (Regression(), P, P * 2, None, P * 2, None),
}


@pytest.mark.parametrize("case", PROBABILITIES)
def test_what_ranks_rows_and_their_probabilities(case):
    task, y, p, loss, score, proba = PROBABILITIES[case]
    tally = tally_of(task, y, p, loss=loss)
    assert_same(tally.y_score, score, 1e-15)
    if proba is None:
        assert tally.y_proba is None
    else:
        assert_same(tally.y_proba, proba, 1e-15)
        assert tally.y_proba.max() <= 1


def test_no_rows_have_no_probabilities():
    assert tally_of(Binary(), Y[:0], P[:0]).y_proba.shape == (0, 2)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int8", "int64"])
def test_outputs_of_any_dtype_are_ranked(dtype):
    outputs = (LOGITS * 9).astype(dtype)
    for task, y, p in ((Binary(from_logits=True), Y, outputs[:, 0]), (Multilabel(from_logits=True), LABELS, outputs)):
        for index, own in tally_of(task, y, p).rankings().items():
            truth, score = (y, p) if y.ndim == 1 else (y[:, index], p[:, index])
            assert_same(own.auc, sk.roc_auc_score(truth, score.astype("float64")))


@pytest.mark.parametrize("value", [2, -1])
def test_many_labels_share_the_points_of_their_curves(value):
    """2 does not occur; -1 leaves elements out."""
    y, p = np.random.default_rng(0).integers(0, 2, (3000, 25)), np.random.default_rng(1).random((3000, 25))
    y[0, ::2] = np.where(value == -1, -1, y[0, ::2])
    tally = tally_of(Multilabel(ignore_class=value), y, p)
    assert tally.by_element == (value == -1)
    for index in (0, 24):
        rows = y[:, index] >= 0
        expected = rank(y[rows, index] == 1, p[rows, index], most=points_each(25)).curve
        assert tally.rankings()[index].curve.thresholds.tolist() == expected.thresholds.tolist()


@pytest.mark.parametrize(
    ("task", "y", "p", "predicted"),
    [
        (Binary(), 2 * Y - 1, P, np.where(P > 0.5, 1, -1)),
        (Binary(pos_label="b"), np.where(Y, "b", "a"), P, np.where(P > 0.5, "b", "a")),
        (Multiclass(), KINDS, softmax(LOGITS, axis=1), LOGITS.argmax(axis=1)),
        (Ordinal(labels=[0.5, 2.0, 4.0]), np.take([0.5, 2.0, 4.0], KINDS), P, np.where(P <= 1.25, 0.5, 2.0)),
        (Multilabel(), LABELS, SHARES, (SHARES > 0.5).astype(int)),
        (Multilabel(), LABELS[:, :1], SHARES[:, :1], (SHARES[:, :1] > 0.5).astype(int)),
        (Regression(), P, P * 2, P * 2),
    ],
)
def test_labels_are_those_of_the_targets(task, y, p, predicted):
    found = tally_of(task, y, p).labels
    for ours, theirs in zip(found, (y, predicted), strict=True):
        assert ours.dtype.kind == theirs.dtype.kind
        assert np.array_equal(ours, theirs)


@pytest.mark.parametrize("weight", [None, WEIGHT, RNG.random((N, 3))], ids=["counted", "of rows", "of elements"])
@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("labels", [1, 3])
def test_elements_are_counted_and_ranked_by_label_and_pooled(labels, missing, weight):
    y, p, there = LABELS[:, :labels], SHARES[:, :labels], np.ones((N, labels), bool)
    if missing:
        there = np.random.default_rng(1).random((N, labels)) < 0.7
    if weight is not None:
        weight = weight[:, :labels] if weight.ndim == 2 else weight
    tally = tally_of(Multilabel(ignore_class=-1), np.where(there, y, -1), p, weight)
    weights = np.ones((N, labels)) if weight is None else np.broadcast_to(weight.reshape(N, -1), (N, labels))
    assert_same(tally.pooled().auc, sk.roc_auc_score(y[there], p[there], sample_weight=weights[there]))
    for index, own in tally.rankings(precision=True).items():
        kept = there[:, index]
        table = sk.confusion_matrix(y[kept, index], p[kept, index] > 0.5, sample_weight=weights[kept, index])
        assert_same(tally.label_tables[index], table)
        rows = {"y_score": p[kept, index], "sample_weight": weights[kept, index]}
        assert_same(own.auc, sk.roc_auc_score(y[kept, index], **rows))
        assert_same(own.average_precision, sk.average_precision_score(y[kept, index], **rows))
