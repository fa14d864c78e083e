"""Counts of several processes are added up only where they mean the same. What the others send is a stand-in here."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from sklearn import metrics

from kerascb_metrics import Binary, CaptureError, DataError, Multiclass, Multilabel
from kerascb_metrics.collect import processes
from kerascb_metrics.interpret.join import Rows
from kerascb_metrics.interpret.losses import LossReading
from kerascb_metrics.tally import across_processes
from kerascb_metrics.tally.folds import folds_of
from kerascb_metrics.tally.streaming import Accumulator
from kerascb_metrics.tally.streaming_folds import FoldedAccumulator
from tests.support.arrays import assert_same

RNG = np.random.default_rng(5)
N = 30
Y, P, Z = RNG.integers(0, 2, N), RNG.random((N, 1)).astype("float32"), RNG.normal(size=(N, 1)).astype("float32") * 9
KINDS, SHARES = RNG.integers(0, 3, N), RNG.dirichlet(np.ones(3), N).astype("float32")
WEIGHTS = RNG.random(N)
LOGITS = LossReading("binary_crossentropy", "binary", from_logits=True)


def counted(task, y_true, y_pred, weight=None, loss=None, dtype="float32", ranked=True):
    counts = Accumulator(ranked)
    rows = Rows(y_true, y_pred, sample_weight=weight)
    counts.add(task.read(rows, loss or LossReading()), dtype, rows)
    return {None: counts.tally()}


BINARY = counted(Binary(), Y, P)
ALIKE = {
    "other rows": (BINARY, counted(Binary(), 1 - Y, P[::-1])),
    "one label only": (BINARY, counted(Binary(), np.ones(9, int), P[:9])),
    "the other label not seen": (counted(Binary(), 2 * Y - 1, P), counted(Binary(), np.ones(9, int), P[:9])),
    "several labels": [
        counted(Multilabel(), (SHARES > 0.3)[rows].astype(int), SHARES[rows]) for rows in (slice(9), slice(9, N))
    ],
    "labels of another dtype": (BINARY, counted(Binary(), Y.astype("float64"), P)),
    "classes": (counted(Multiclass(), KINDS, SHARES), counted(Multiclass(), KINDS * 0, SHARES)),
}
UNLIKE = {
    "logits": counted(Binary(), Y, Z, loss=LOGITS),
    "weights": counted(Binary(), Y, P, WEIGHTS),
    "half precision": counted(Binary(), Y, P.astype("float16").astype("float32"), dtype="float16"),
    "another task": counted(Multiclass(), KINDS, SHARES),
    "positions": counted(Binary(), np.stack([Y, Y], axis=1), np.stack([P, P], axis=1)),
    "an output by name": {"a": BINARY[None]},
    "not ranked": counted(Binary(), Y, P, ranked=False),
    "no rows": {},
}


def number_of(tallies):
    """The number that a process sends to the others."""
    with pytest.MonkeyPatch.context() as patch:
        sent = []
        patch.setattr(
            across_processes, "meet", lambda action, error, numbers: sent.append(numbers) or np.array([numbers])
        )
        across_processes.refuse_if_any(None, tallies)
    return sent[0]


def with_other(tallies, other):
    numbers = np.array([number_of(tallies), number_of(other)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(across_processes, "meet", lambda *arguments: numbers)
        across_processes.refuse_if_any(None, tallies)


@pytest.mark.parametrize("case", ALIKE)
def test_rows_that_were_read_alike_are_accepted(case):
    with_other(*ALIKE[case])


@pytest.mark.parametrize("case", UNLIKE)
def test_rows_that_were_read_in_another_way_are_refused(case):
    with pytest.raises(CaptureError, match=r"have read their rows in different ways.*Pass task="):
        with_other(BINARY, UNLIKE[case])


def test_other_class_names_are_refused():
    named = [counted(Multiclass(class_names=names), KINDS, SHARES) for names in (["a", "b", "c"], ["a", "c", "b"])]
    with pytest.raises(CaptureError, match="in different ways"):
        with_other(*named)


# What they add up to.


class Together:
    """Processes that train together: threads here, each of which gets the arrays of all of them."""

    def __init__(self, count):
        self._barrier, self._sent, self._own = threading.Barrier(count, timeout=60), [None] * count, threading.local()

    def spans_processes(self):
        return True

    def from_processes(self, array):
        self._sent[self._own.index] = array
        self._barrier.wait()
        assert len({own.dtype for own in self._sent}) == 1
        found = np.stack(self._sent)
        self._barrier.wait()  # all have read them
        return found

    def merge(self, tallies):
        def work(index):
            self._own.index = index
            return across_processes.merged(tallies[index])

        with ThreadPoolExecutor(len(tallies)) as pool:
            return list(pool.map(work, range(len(tallies))))


@pytest.fixture
def merge(monkeypatch):
    """Return what each process gets from `merged`."""

    def merge_all(tallies):
        together = Together(len(tallies))
        monkeypatch.setattr(processes, "backend", lambda: together)
        return together.merge(tallies)

    return merge_all


LABELS, LABEL_SHARES = RNG.integers(0, 2, (N, 3)), RNG.random((N, 3)).astype("float32")
PARTS = slice(0, 7), slice(7, 8), slice(8, N)
SUMMED = {
    "binary": (Binary(), Y, P, None),
    "with weights": (Binary(), Y, P, WEIGHTS),
    "classes": (Multiclass(), KINDS, SHARES, WEIGHTS),
    "labels": (Multilabel(), LABELS, LABEL_SHARES, None),
}


@pytest.mark.parametrize("case", SUMMED)
def test_every_process_gets_the_counts_of_all_rows(case, merge):
    task, y, p, weight = SUMMED[case]
    own = [counted(task, y[rows], p[rows], None if weight is None else weight[rows])[None] for rows in PARTS]
    own[0].memo["a result"] = "of the rows of one process"
    whole = counted(task, y, p, weight)[None]
    options = {"sample_weight": weight}
    for found in merge(own):
        assert len(found) == N
        assert not found.memo
        assert not found.undefined
        if case == "labels":
            assert_same(found.label_tables, metrics.multilabel_confusion_matrix(y, p > 0.5))
        else:
            y_pred = p.argmax(axis=1) if case == "classes" else p[:, 0] > 0.5
            assert_same(found.matrix, metrics.confusion_matrix(y, y_pred, **options))
        assert_same(found.bins, whole.bins)
        assert found.bins.dtype == whole.bins.dtype
        assert found.folds == ()
        assert found.samples is None or case == "labels"


def test_every_process_gets_each_fold_of_all_rows(merge):
    own = []
    for process, rows in enumerate(PARTS):
        counts, part = FoldedAccumulator(process=process), Rows(Y[rows], P[rows])
        counts.add(Binary().read(part, LossReading()), "float32", part)
        own.append(counts.tally())
    folds = np.concatenate([folds_of(np.arange(len(Y[rows])), process) for process, rows in enumerate(PARTS)])
    for found in merge(own):
        assert_same(found.matrix, metrics.confusion_matrix(Y, P[:, 0] > 0.5))
        for number, fold in enumerate(found.folds):
            rows = folds == number
            assert len(fold) == rows.sum()
            assert_same(fold.matrix, metrics.confusion_matrix(Y[rows], P[rows, 0] > 0.5, labels=[0, 1]))


@pytest.mark.parametrize("names", [None, ["no", "yes"]])
@pytest.mark.parametrize(
    ("pos_label", "labels", "expected"),
    [
        (1, [[1], [-1, 1]], [-1, 1]),
        (1, [[-1, 1], [1]], [-1, 1]),
        (1, [[1], [1]], [0, 1]),
        (3, [[3], [3, 9], [9]], [9, 3]),
        (3, [[3], [0.5, 3]], [0.5, 3.0]),
    ],
)
def test_a_process_without_the_other_class_takes_its_label_from_the_others(pos_label, labels, expected, names, merge):
    task = Binary(pos_label=pos_label, class_names=names)
    tallies = [counted(task, np.array(y), np.full((len(y), 1), 0.9))[None] for y in labels]
    positives = sum(own.count(pos_label) for own in labels)
    for found in merge(tallies):
        assert found.classes.tolist() == expected
        assert found.classes.dtype == np.array(expected).dtype
        assert found.class_names == tuple(names or map(str, expected))
        assert found.matrix.tolist() == [[0, sum(map(len, labels)) - positives], [0, positives]]


def test_processes_with_other_negative_labels_are_refused(merge):
    tallies = [counted(Binary(), np.array([other, 1]), np.full((2, 1), 0.9))[None] for other in (0, -1)]
    with pytest.raises(DataError, match=r"different negative labels: -1(.0)?, 0.*same labels in every process"):
        merge(tallies)


def test_outputs_that_are_not_finite_in_one_process_are_scored_in_none(merge):
    bad = P.copy()
    bad[3] = np.nan
    tallies = [counted(Binary(), Y, p, ranked=False)[None] for p in (P, bad)]
    here, there = merge(tallies)
    assert here.undefined == "outputs of another process are NaN or infinite"
    assert there.undefined == "some outputs are NaN or infinite"


def test_sums_of_all_processes_that_float64_does_not_hold_are_an_error(merge):
    tallies = [counted(Binary(), Y, P, np.full(N, 3e305))[None] for _ in range(3)]
    with pytest.raises(DataError, match="sum of the sample weights is too large"):
        merge(tallies)


def test_every_process_gets_the_samples_of_all(merge):
    """Positions of a sample depend on each other, so their cells are kept apart."""
    y, p = np.random.default_rng(6).integers(0, 2, (9, 4)), np.random.default_rng(7).random((9, 4, 1))
    expected = np.array(
        [metrics.confusion_matrix(*pair, labels=[0, 1]).ravel() for pair in zip(y, p[..., 0] > 0.5, strict=True)]
    )
    tallies = [counted(Binary(), y[rows], p[rows])[None] for rows in (slice(4), slice(4, 9))]
    for found in merge(tallies):
        tn, fp, fn, tp = expected.T
        assert_same(found.samples, np.stack([[tn, tp], [fn, fp], [fp, fn], [tp, tn]]).transpose(2, 0, 1))
