"""Counts of several processes are added up only where they mean the same. What the others send is a stand-in here."""

import numpy as np
import pytest

from kerascb_metrics import Binary, CaptureError, Multiclass
from kerascb_metrics.interpret.join import Rows
from kerascb_metrics.interpret.losses import LossReading
from kerascb_metrics.tally import across_processes
from kerascb_metrics.tally.streaming import Accumulator

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
    "labels of another dtype": (BINARY, counted(Binary(), Y.astype("float64"), P)),
    "classes": (counted(Multiclass(), KINDS, SHARES), counted(Multiclass(), KINDS * 0, SHARES)),
}
UNLIKE = {
    "logits": counted(Binary(), Y, Z, loss=LOGITS),
    "weights": counted(Binary(), Y, P, WEIGHTS),
    "half precision": counted(Binary(), Y, P.astype("float16").astype("float32"), dtype="float16"),
    "another task": counted(Multiclass(), KINDS, SHARES),
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
