"""What kept and counted rows have in common: tables, cells, masses, and why nothing can be scored or ranked."""

import numpy as np
import pytest
from sklearn import metrics as sk

from kerascb_metrics import Binary, Multiclass, Multilabel, Ordinal
from kerascb_metrics.interpret.losses import LossReading
from kerascb_metrics.tally.exact import ExactTally
from kerascb_metrics.tally.streaming import Accumulator
from tests.support.arrays import assert_same, rows_of

N = 50
RNG = np.random.default_rng(50)
Y, P, WEIGHT = RNG.integers(0, 2, N), RNG.random(N), RNG.random(N) + 0.1
KINDS, SHARES = RNG.choice([0, 2, 3], N), RNG.dirichlet([1, 1, 1, 1e-3], N)
LABELS, OUTPUTS = RNG.integers(0, 2, (N, 3)), RNG.random((N, 3))
SINGLE = LABELS[:, :1], OUTPUTS[:, :1]
CASES = {
    "binary": (Binary(), Y, P),
    "classes": (Multiclass(), KINDS, SHARES),
    "grades": (Ordinal(labels=[4.0, 0.5, 2.0]), np.take([4.0, 0.5, 2.0], Y), OUTPUTS),
    "labels": (Multilabel(), LABELS, OUTPUTS),
    "one label": (Multilabel(), *SINGLE),
}


def tallies(task, y, p, weight=None):
    """The tallies of some rows: kept, and counted in two parts."""
    counts = Accumulator(task.kind != "ordinal")
    for part in (slice(20), slice(20, None)):
        rows = rows_of(y[part], p[part], None if weight is None else weight[part])
        counts.add(task.read(rows, LossReading()), "float64", rows)
    rows = rows_of(y, p, weight)
    return ExactTally(task.read(rows, LossReading()), rows=rows), counts.tally()


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["counted", "weighted"])
@pytest.mark.parametrize("case", CASES)
def test_tables_cells_and_masses_are_scikit_learns(case, weight):
    exact, counted = tallies(*CASES[case], weight)
    assert exact.weighted == (weight is not None)
    assert not counted.weighted  # no score has to be warned about weights
    for tally in (exact, counted):
        classes = np.arange(len(tally.classes))
        y_true, y_pred, own = exact.y_true, exact.y_pred, {"sample_weight": weight}
        if tally.kind == "multilabel":
            tables = [sk.confusion_matrix(y_true[:, k], y_pred[:, k], labels=[False, True], **own) for k in classes]
            assert_same(tally.label_tables, tables)
            true, predicted, found = ([t[1].sum() for t in tables], [t[:, 1].sum() for t in tables], classes)
            scores = y_true[:, 0] if case == "one label" else y_true, y_pred[:, 0] if case == "one label" else y_pred
        else:
            table = sk.confusion_matrix(y_true, y_pred, labels=classes, **own)
            assert_same(tally.matrix, table)
            true, predicted, found = table.sum(axis=1), table.sum(axis=0), np.union1d(y_true, y_pred).astype(int)
            scores = tally.codes[y_true.astype(int)], tally.codes[y_pred.astype(int)]
        assert_same(tally.true_mass, true)
        assert_same(tally.predicted_mass, predicted)
        assert tally.occurring.tolist() == sorted(found, key=lambda index: tally.codes[index])
        options = {"average": None, "zero_division": 0.0}
        cells_true, cells_pred, cells_weight = tally.cells
        theirs = sk.f1_score(*scores, **options, **own)
        assert_same(sk.f1_score(cells_true, cells_pred, sample_weight=cells_weight, **options), theirs)


@pytest.mark.parametrize(
    ("task", "y", "p", "codes"),
    [
        (Binary(), Y, P, [0, 1]),
        (Binary(pos_label=3), 3 + 6 * Y, P, [9, 3]),
        (Binary(pos_label=0.5), 0.5 + 1.25 * Y, P, [1, 0]),
        (Binary(pos_label="b"), np.where(Y, "b", "z"), P, ["z", "b"]),
        (Ordinal(labels=[4.0, 0.5, 2.0]), np.take([4.0, 0.5, 2.0], Y), OUTPUTS, [2, 0, 1]),
        (Ordinal(labels=[4.0, 1.0, 2.0]), np.take([4.0, 1.0, 2.0], Y), OUTPUTS, [4.0, 1.0, 2.0]),
    ],
)
def test_labels_that_are_fractions_have_their_ranks_for_codes(task, y, p, codes):
    for tally in tallies(task, y, p):
        assert tally.codes.tolist() == codes


def test_a_class_without_rows_or_with_all_of_the_weight_is_not_ranked():
    weight = np.where(KINDS == 3, 0.0, 2.0**-7)
    for given, one_sided, ranked in ((None, [0, 1, 0, 0], ["0", "2", "3"]), (weight, [0, 1, 0, 1], ["0", "2"])):
        for tally in tallies(Multiclass(), KINDS, SHARES, given):
            assert tally.one_sided.tolist() == [bool(own) for own in one_sided]
            assert tally.unranked == [name for name in "0123" if name not in ranked]
            assert list(tally.curves()) == ranked
            for name, curve in tally.curves().items():
                assert curve.positives == tally.true_mass[int(name)]
    for tally in tallies(Multiclass(), KINDS, SHARES, np.where(KINDS == 2, 1.0, 0.0)):
        assert tally.one_sided.all()
        assert tally.curves() == {}
    for tally in tallies(Binary(), Y, P, np.where(Y == 1, 1.0, 0.0)):
        assert tally.unranked == ["0", "1"]
        assert tally.rankings() == {}


def test_a_label_that_all_rows_or_none_have_is_not_ranked():
    y = np.stack([LABELS[:, 0], np.ones(N, int), np.zeros(N, int)], axis=1)
    for tally in tallies(Multilabel(class_names=["a", "b", "c"]), y, OUTPUTS):
        assert tally.one_sided.tolist() == [False, True, True]
        assert tally.unranked == ["b", "c"]
        assert list(tally.curves()) == ["a"]


def test_why_nothing_can_be_scored():
    for index, (task, y, p) in enumerate(CASES.values()):
        for tally in tallies(task, y, p, WEIGHT):
            assert tally.undefined is None
        for tally in tallies(task, y[:0], p[:0]):
            assert tally.undefined == "no row is left to score"
        for tally in tallies(task, y, p, WEIGHT * 0):
            assert tally.undefined == "all sample weights are zero"
        bad = np.where(np.arange(p.size).reshape(p.shape) == index, np.inf, p)
        for tally in tallies(task, y, bad, WEIGHT):
            assert "NaN or infinite" in tally.undefined
