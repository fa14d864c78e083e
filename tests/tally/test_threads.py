"""Threads over columns and blocks: results have the same bits with any number of threads, and errors come through."""

import os
import threading

import numpy as np
import pytest

from kerascb_metrics import Metrics, Multiclass, Multilabel, _blocks, _threads
from kerascb_metrics._threads import in_threads, thread_count
from kerascb_metrics.tally import ranking

N, C = 30_000, 12
RNG = np.random.default_rng(3)
Y, LOGITS = RNG.integers(0, C, N), RNG.normal(size=(N, C)).astype("float32")
LABELS = (RNG.random((N, C)) < 0.2).astype(int)
WEIGHT = RNG.uniform(0.5, 2, N)
NAMES = ["f1", "auc", "average_precision", "accuracy"]
CASES = {
    "logits": (Multiclass(from_logits=True), Y, LOGITS, None),
    "logits with weights": (Multiclass(from_logits=True), Y, LOGITS, WEIGHT),
    "half precision": (Multiclass(from_logits=True), Y, LOGITS.astype("float16"), None),
    "labels": (Multilabel(from_logits=True), LABELS, LOGITS, None),
    "labels with weights": (Multilabel(from_logits=True), LABELS, LOGITS, WEIGHT),
}


@pytest.fixture
def threads(monkeypatch):
    """Set how many threads work; also for arrays that are too small for several."""
    monkeypatch.setattr(_threads, "_FEWEST_VALUES", 0)
    monkeypatch.setattr(ranking, "_LONG", 0)
    monkeypatch.setattr(_blocks, "BLOCK", 1 << 12)

    def use(count):
        monkeypatch.setenv("OMP_NUM_THREADS", str(count))
        monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(count)), raising=False)
        assert thread_count() == count

    return use


@pytest.mark.parametrize("name", CASES)
def test_scores_and_curves_have_the_same_bits_with_any_number_of_threads(name, threads):
    task, y_true, y_pred, weight = CASES[name]
    found = []
    for count in (1, 2, 3, 4):
        threads(count)
        scores = Metrics(NAMES, task=task, verbose=False).score(y_true, y_pred, sample_weight=weight)
        curves = scores._record.tally().curves
        found.append((dict(scores), {of: (own.thresholds, own.tps, own.fps) for of, own in curves.items()}))
    assert len(found[0][1]) == C
    for values, curves in found[1:]:
        assert values == found[0][0]
        for of, arrays in curves.items():
            for one, other in zip(arrays, found[0][1][of], strict=True):
                np.testing.assert_array_equal(one, other)


def test_large_arrays_use_several_threads_and_none_is_left(threads):
    threads(3)
    seen, before = set(), threading.active_count()
    barrier = threading.Barrier(3, timeout=30)  # passes only if three threads wait at a time

    def work(item):
        barrier.wait()
        seen.add(threading.get_ident())
        return item

    assert in_threads(work, range(3), values=1) == [0, 1, 2]
    assert len(seen) == 3
    assert threading.active_count() == before


def test_small_arrays_are_left_to_the_thread_that_asks():
    assert in_threads(lambda _: threading.get_ident(), range(2), values=1000) == [threading.get_ident()] * 2


@pytest.mark.parametrize("count", [1, 4])
def test_an_error_in_a_thread_is_raised(count, threads):
    threads(count)
    with pytest.raises(ZeroDivisionError):
        in_threads(lambda item: 1 // item, [1, 0, 2], values=1)


@pytest.mark.parametrize(
    ("asked", "cores", "expected"),
    [
        (None, 2, 2),
        (None, 64, 4),
        ("1", 8, 1),
        ("2", 8, 2),
        ("16", 8, 4),
        ("3,2", 8, 3),
        ("0", 8, 1),
        ("many", 2, 2),
        ("", 1, 1),
    ],
)
def test_how_many_threads_there_are(asked, cores, expected, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if asked is not None:
        monkeypatch.setenv("OMP_NUM_THREADS", asked)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(cores)), raising=False)
    assert thread_count() == expected


def test_where_no_thread_can_be_started_the_caller_does_the_work(monkeypatch):
    def refuse(thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1}, raising=False)
    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert in_threads(abs, [-1, 2, -3], values=1 << 20) == [1, 2, 3]
