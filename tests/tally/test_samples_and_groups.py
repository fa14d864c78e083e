"""The counts of each sample and of each group of samples, of rows that are kept and of rows that are only counted."""

from itertools import pairwise

import numpy as np
import pytest
from sklearn import metrics

from kerascb_metrics import Binary, Multiclass, Multilabel
from kerascb_metrics.interpret.losses import LossReading
from kerascb_metrics.interpret.slices import Slicing
from kerascb_metrics.tally import sample_cells
from kerascb_metrics.tally.checksum import checksum
from kerascb_metrics.tally.exact import ExactTally
from kerascb_metrics.tally.sliced import SlicedCounts, rows_of_groups
from kerascb_metrics.tally.streaming import Accumulator
from tests.support.arrays import assert_same, read, rows_of

N = 60
RNG = np.random.default_rng(20)
WEIGHT = RNG.uniform(0.5, 2, N)
BINARY = RNG.integers(0, 2, N), RNG.random(N)
CLASSES = RNG.integers(0, 3, N), RNG.dirichlet(np.ones(3), N)
LABELS = RNG.integers(0, 2, (N, 3)), RNG.random((N, 3))
ABSENT = np.where(RNG.random((N, 3)) < [0.0, 0.2, 0.4], -1, LABELS[0])
ABSENT[2] = -1  # a sample of which nothing is left
POSITIONS = RNG.integers(0, 2, (N, 4)), RNG.random((N, 4, 1))
CASES = {
    "binary": (Binary(), *BINARY, None),
    "binary, weighted": (Binary(), *BINARY, WEIGHT),
    "classes": (Multiclass(), *CLASSES, None),
    "classes, weighted": (Multiclass(), *CLASSES, WEIGHT),
    "labels": (Multilabel(), *LABELS, None),
    "labels, weighted": (Multilabel(), *LABELS, WEIGHT),
    "two labels": (Multilabel(), LABELS[0][:, :2], LABELS[1][:, :2], None),
    "labels, some left out": (Multilabel(ignore_class=-1), ABSENT, LABELS[1], None),
    "positions": (Binary(), *POSITIONS, None),
}


def tables_of(y, p, weight, rows):
    """scikit-learn's table of some rows; of each label one."""
    y, p, weight = y[rows], p[rows], None if weight is None else weight[rows]
    if p.ndim == 1 or p.shape[-1] == 1:
        return metrics.confusion_matrix(y.ravel(), p.ravel() > 0.5, labels=[0, 1], sample_weight=weight)
    if y.ndim == 1:
        return metrics.confusion_matrix(y, p.argmax(axis=1), labels=range(3), sample_weight=weight)
    tables = []
    for label in range(y.shape[1]):
        there = y[:, label] >= 0
        if not there.any():
            tables.append(np.zeros((2, 2)))
            continue
        own = None if weight is None else weight[there]
        pair = y[there, label], p[there, label] > 0.5
        tables.append(metrics.confusion_matrix(*pair, labels=[0, 1], sample_weight=own))
    return np.array(tables)


def parts_of(case, cuts=(0, 25, N)):
    task, y, p, weight = CASES[case]
    for start, stop in pairwise(cuts):
        rows = rows_of(y[start:stop], p[start:stop], None if weight is None else weight[start:stop])
        yield task.read(rows, LossReading()), rows


def table_of(tally):
    return tally.label_tables if tally.kind == "multilabel" else tally.matrix


@pytest.mark.parametrize("spare", [0, 2])
@pytest.mark.parametrize("case", CASES)
def test_the_counts_of_each_group_are_scikit_learns(case, spare):
    """If more samples are divided than come, the last group has no rows."""
    numbers = np.append(np.random.default_rng(1).integers(0, 4, N), [4] * spare)
    others = np.append(np.arange(N) // 50, [0, 1][:spare])
    slicings = [Slicing.of("site", numbers), Slicing.of("age", others)]
    counted, counts = SlicedCounts(slicings), Accumulator(True)
    for labeled, rows in parts_of(case):
        counted.add(counts.add(labeled, "float64", rows))
    assert counted.samples == N
    whole = counts.tally()
    found = counted.tallies(whole)
    (labeled, rows), *_ = parts_of(case, (0, N))
    exact, left = ExactTally(labeled, rows=rows), (CASES[case][1] >= 0).reshape(N, -1).any(axis=1)
    for slicing, own in zip(slicings, found, strict=True):
        for numbers_of, kept, group in zip(own, rows_of_groups(exact, slicing), slicing.grouping.names, strict=True):
            rows = slicing.grouping.numbers[:N] == group
            if not rows.any():
                assert numbers_of is None
                assert kept is None
                continue
            assert numbers_of.bins is numbers_of.samples is None  # those of all rows say nothing of a group
            assert numbers_of.memo is not whole.memo
            expected = tables_of(*CASES[case][1:], rows)
            for tally in (numbers_of, kept):
                assert_same(table_of(tally), expected)
                assert len(tally) == (4 * rows.sum() if case == "positions" else (rows & left).sum())


def test_more_samples_than_are_divided_are_counted_no_further():
    counted = SlicedCounts([Slicing.of("site", np.zeros(N - 1, int))])
    for labeled, rows in parts_of("binary"):
        counted.add(ExactTally(labeled, rows=rows))
    assert counted.samples == N


def test_a_checksum_tells_targets_weights_and_what_is_left_out_apart_and_nothing_else():
    y, p = BINARY
    y_labels, p_labels = LABELS
    task, kept = Binary(), np.arange(N) < N - 1
    one = checksum(read(task, y, p))
    assert checksum(read(task, y, 1 - p)) == one
    others = [
        read(task, 1 - y, p),
        read(task, 2 * y - 1, p),  # other labels
        read(task, y, p, sample_weight=WEIGHT),
        read(task, y, p, sample_weight=WEIGHT[::-1]),
        read(task, y, p, mask=kept),
        read(task, y, p, mask=kept[::-1]),
        read(Multilabel(), y_labels, p_labels),
        read(Multilabel(ignore_class=-1), ABSENT, p_labels),
        read(Binary(pos_label="b"), np.where(y == 1, "b", "a"), p),
        read(Binary(pos_label="b"), np.where(y == 1, "b", "c"), p),
        read(Binary(pos_label="b"), np.where(y == 0, "b", "a"), p),
    ]
    assert len({one, *map(checksum, others)}) == 1 + len(others)
    sums = []
    for first in (read(task, y, p), others[0]):
        counted = SlicedCounts([Slicing.of("site", np.zeros(2 * N, int))])
        counted.add(first)
        counted.add(read(task, y, p))
        sums.append(counted.checksum)
    assert sums[0] != sums[1]
    assert checksum(others[0], one) != checksum(others[0]) != checksum(others[0], 1)


# Cells.


@pytest.mark.parametrize("left_out", [False, True], ids=["all elements", "some left out"])
@pytest.mark.parametrize("weights", ["none", "of rows", "of elements"])
@pytest.mark.parametrize("mixed", [False, True], ids=["in order", "mixed"])
@pytest.mark.parametrize("count", [30, 400, 9000])  # a byte holds 255: none, the last number or all have more rows
def test_the_cells_of_labels_by_number_are_scikit_learns(count, mixed, weights, left_out):
    rng = np.random.default_rng(2)
    numbers = np.sort(rng.choice([0, 1, 3], count, p=[0.2, 0.1, 0.7]))  # none of 2 and 4
    numbers = rng.permutation(numbers) if mixed else numbers
    y_true, y_pred = rng.random((2, count, 3)) < 0.6
    weight = {"none": None, "of rows": rng.random(count), "of elements": rng.random((count, 3))}[weights]
    present = rng.random((count, 3)) < 0.7 if left_out else None
    found = sample_cells.cells_by_number(y_true, y_pred, numbers, 5, 3, weight, present)
    assert found.shape == (5, 4, 3)
    for number in range(5):
        for label in range(3):
            rows = (numbers == number) & (True if present is None else present[:, label])
            if not rows.any():
                assert not found[number, :, label].any()
                continue
            own = None if weight is None else (weight if weight.ndim == 1 else weight[:, label])[rows]
            pair = y_true[rows, label], y_pred[rows, label]
            tn, fp, fn, tp = metrics.confusion_matrix(*pair, labels=[False, True], sample_weight=own).ravel()
            assert_same(found[number, :, label], [tp, fp, fn, tn], 1e-9)


@pytest.mark.parametrize("count", [255, 256, 257])
def test_more_rows_of_a_label_than_a_byte_holds(count):
    labels = np.ones((count, 2), bool)
    cells = sample_cells.cells_by_number(labels, labels, np.zeros(count, int), 1, 2)
    assert cells.tolist() == [[[count] * 2, [0] * 2, [0] * 2, [0] * 2]]


@pytest.mark.parametrize(
    ("limit", "size", "most"),
    [("_MOST_SAMPLES", 5, 5), ("_MOST_SAMPLES", 13, 13), ("_MOST_BYTES", 32 * 3 * 5 + 40, 5), ("_MOST_BYTES", 1, 2)],
)
@pytest.mark.parametrize("weighted", [False, True])
def test_many_samples_are_counted_in_as_many_groups_as_there_may_be(weighted, limit, size, most, monkeypatch):
    monkeypatch.setattr(sample_cells, limit, size)
    y, p = CLASSES
    numbers, weight = np.arange(N) // 5, WEIGHT if weighted else None
    found = sample_cells.cells_of_samples(read(Multiclass(), y, p, sample_weight=weight), numbers)
    groups = np.arange(12) * most // 12 if most < 12 else np.arange(12)
    assert len(found) == min(most, 12)
    for group, cells in enumerate(found):
        table = tables_of(y, p, weight, groups[numbers] == group)
        tp = np.diag(table)
        fp, fn = table.sum(axis=0) - tp, table.sum(axis=1) - tp
        assert_same(cells, [tp, fp, fn, table.sum() - tp - fp - fn])


@pytest.mark.parametrize("most", [3, 1000])
@pytest.mark.parametrize("case", ["positions", "labels", "two labels", "labels, weighted", "labels, some left out"])
def test_rows_that_depend_on_each_other_have_the_cells_of_their_samples(case, most, monkeypatch):
    monkeypatch.setattr(sample_cells, "_MOST_SAMPLES", most)
    counts = Accumulator(False)
    for labeled, rows in parts_of(case, (0, 2, 3, 7, 8, 16, 30, N)):
        counts.add(labeled, "float64", rows)
    found = counts.tally().samples
    own = np.array([tables_of(*CASES[case][1:], [row]) for row in range(N)])
    tn, fp, fn, tp = own.reshape(N, -1, 4).transpose(2, 0, 1)
    expected = np.stack([tp, fp, fn, tn], axis=1)
    expected = expected[expected.any(axis=(1, 2))]
    if case == "positions":  # of both classes
        expected = np.concatenate([expected[:, [3, 2, 1, 0]], expected], axis=2)
    if most == 3:
        assert len(found) <= 3
        assert_same(found.sum(axis=0), expected.sum(axis=0))
    else:
        assert_same(found, expected)


@pytest.mark.parametrize(
    "why",
    [
        "independent rows",
        "a single label",
        "weights of no ordinary size",
        "such weights at first",
        "such weights at last",
    ],
)
def test_no_samples_are_kept_where_they_would_say_nothing(why):
    task, y, p, weight = {
        "independent rows": CASES["classes"],
        "a single label": (Multilabel(), LABELS[0][:, :1], LABELS[1][:, :1], None),
        "weights of no ordinary size": (Multilabel(), *LABELS, WEIGHT * 1e-200),
        "such weights at first": (Multilabel(), *LABELS, WEIGHT * np.where(np.arange(N) < 30, 1e-200, 1)),
        "such weights at last": (Multilabel(), *LABELS, WEIGHT * np.where(np.arange(N) < 30, 1, 1e-200)),
    }[why]
    counts = Accumulator(False)
    for part in (slice(30), slice(30, N)):
        rows = rows_of(y[part], p[part], None if weight is None else weight[part])
        counts.add(task.read(rows, LossReading()), "float64", rows)
    assert counts.tally().samples is None
