"""Counts of five parts of the samples, for a threshold that a score is to choose."""

import numpy as np
import pytest
from sklearn import metrics as sk

from kerascb_metrics import Binary, Multilabel
from kerascb_metrics.interpret.losses import LossReading
from kerascb_metrics.tally.bins import binning_of
from kerascb_metrics.tally.folds import FOLDS, folds_of
from kerascb_metrics.tally.streaming_folds import FoldedAccumulator
from tests.support.arrays import rows_of

N = 60
RNG = np.random.default_rng(70)
Y, P = RNG.integers(0, 2, N), RNG.random(N)


def folded(task, *parts, dtype="float64", **options):
    """The tally of parts (y_true, y_pred)."""
    counts = FoldedAccumulator(**options)
    for y, p in parts:
        rows = rows_of(y, p)
        counts.add(task.read(rows, LossReading()), dtype, rows)
    return counts.tally()


def test_average_precision_and_the_process_are_optional():
    tally = folded(Binary(threshold="f1"), (Y, P))
    assert tally.rankings()[1].average_precision is None
    assert [len(own) for own in tally.folds] == np.bincount(folds_of(np.arange(N))).tolist()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_half_precision_has_its_own_bins(dtype):
    tally = folded(Binary(threshold="f1"), (Y, P.round(1).astype("float32")), dtype=dtype)
    assert {own.binning for own in (tally, *tally.folds)} == {binning_of("probability", dtype)}


def test_samples_of_labels_are_not_kept_before_a_threshold_is_chosen():
    y, p = RNG.integers(0, 2, (N, 3)), RNG.random((N, 3))
    tally = folded(Multilabel(threshold="f1"), (y[:20], p[:20]), (y[20:], p[20:]))
    assert [own.samples for own in (tally, *tally.folds)] == [None] * (1 + FOLDS)
    assert tally.label_tables.tolist() == sk.multilabel_confusion_matrix(y, p > 0.5).tolist()


def test_rows_are_of_positions_if_those_of_any_part_are():
    one, several = (Y[:20, None], P[:20, None, None]), (Y[20:].reshape(10, 4), P[20:].reshape(10, 4, 1))
    for parts, expected in (([one], False), ([one, several], True), ([several, one], True)):
        assert folded(Binary(threshold="f1"), *parts).of_positions == expected


def test_folds_without_the_other_class_take_its_label_from_the_others():
    y = np.ones(N, int)
    y[31] = -1
    tally = folded(Binary(threshold="f1"), (y[:30], P[:30]), (y[30:], P[30:]))
    for own in (tally, *tally.folds):
        assert own.classes.tolist() == [-1, 1]
        assert own.class_names == ("-1", "1")
