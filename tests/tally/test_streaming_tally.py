"""`StreamingTally` beside `ExactTally`: what it says of rows that came in parts, and were only counted."""

import numpy as np
import pytest

from kerascb_metrics import Binary, DataError, Multiclass, Multilabel
from kerascb_metrics.interpret.losses import LossReading
from kerascb_metrics.tally.bin_bounds import bounds_of
from kerascb_metrics.tally.bins import BINS, binning_of
from kerascb_metrics.tally.exact import ExactTally
from kerascb_metrics.tally.ranking import points_each
from kerascb_metrics.tally.streaming import Accumulator
from tests.support.arrays import rows_of

N = 400
RNG = np.random.default_rng(30)
Y, P = RNG.integers(0, 2, N), RNG.random(N).astype("float32")
KINDS, SHARES = RNG.integers(0, 3, N), RNG.dirichlet(np.ones(3), N).astype("float32")
LABELS, OUTPUTS = RNG.integers(0, 2, (N, 3)), RNG.random((N, 3)).astype("float32")
WEIGHT = RNG.integers(1, 5, N) / 4
LOGITS = LossReading("categorical_crossentropy", "categorical", from_logits=True)
OWN = Binary(threshold=0.3, from_logits=False)
MISSING = np.where(RNG.random((N, 3)) < 0.2, -1, LABELS)
CASES = {
    "binary": (Binary(), Y, P),
    "low scores of the class": (Binary(pos_label=0), Y, P),
    "low scores of the class, weighted": (Binary(pos_label=0), Y, P, WEIGHT),
    "logits": (Binary(from_logits=True), Y, np.log(P / (1 - P))),
    "classes": (Multiclass(), KINDS, SHARES),
    "classes, weighted": (Multiclass(), KINDS, SHARES, WEIGHT),
    "labels": (Multilabel(), LABELS, OUTPUTS),
    "labels, some left out": (Multilabel(ignore_class=-1), MISSING, OUTPUTS),
    "labels, some left out, weighted": (Multilabel(ignore_class=-1), MISSING, OUTPUTS, WEIGHT),
}


def both(task, y, p, weight=None, precision=False, loss=None):
    """The tallies of some rows: kept, and counted in two parts."""
    counts = Accumulator(True, precision)
    for part in (slice(70), slice(70, len(y))):
        rows = rows_of(y[part], p[part], None if weight is None else weight[part])
        counts.add(task.read(rows, loss or LossReading()), p.dtype.name, rows)
    rows = rows_of(y, p, weight)
    return ExactTally(task.read(rows, loss or LossReading()), precision, rows=rows), counts.tally()


@pytest.mark.parametrize("case", CASES)
def test_its_rankings_and_its_points_hold_those_of_the_rows(case):
    exact, worst = both(*CASES[case], precision=True)
    best = worst.at_best()
    assert list(worst.rankings()) == list(best.rankings()) == list(exact.rankings())
    widths = 0
    for index, own in exact.rankings().items():
        low, high = worst.rankings()[index], best.rankings()[index]
        for name in ("auc", "average_precision"):
            assert getattr(low, name) - 1e-12 <= getattr(own, name) <= getattr(high, name) + 1e-12
            assert getattr(high, name) - getattr(low, name) < 0.02
            widths += getattr(high, name) - getattr(low, name)
        points = dict(zip(own.curve.thresholds, zip(own.curve.tps, own.curve.fps, strict=True), strict=True))
        for threshold, tps, fps in zip(low.curve.thresholds, low.curve.tps, low.curve.fps, strict=True):
            reached = [point for point in points if point >= threshold]
            assert (tps, fps) == points[min(reached)]
    assert widths > 0
    if exact.kind != "binary":
        assert worst.pooled().auc - 1e-12 <= exact.pooled().auc <= best.pooled().auc + 1e-12
        assert worst.pooled().average_precision is None


@pytest.mark.parametrize("case", ["binary", "classes"])
def test_average_precision_is_known_if_a_score_will_ask_or_asks_for_it(case):
    for announced in (False, True):
        _, tally = both(*CASES[case], precision=announced)
        assert tally.precision == announced
        first = {index: own.average_precision for index, own in tally.rankings().items()}
        assert (None in first.values()) == (not announced)
        asked = tally.rankings(precision=True)
        assert None not in [own.average_precision for own in asked.values()]
        assert tally.rankings(precision=True) is asked
        assert (tally.rankings() is asked) == announced
        assert {index: own.average_precision for index, own in tally.rankings().items()} == first


def test_many_labels_share_the_points_of_their_curves():
    y, p = np.random.default_rng(0).integers(0, 2, (3000, 25)), np.random.default_rng(1).random((3000, 25))
    _, tally = both(Multilabel(), y, p)
    for index in (0, 24):
        expected = bounds_of(tally.bins[index], tally.binning, most=points_each(25))[0].curve
        assert tally.rankings()[index].curve.thresholds.tolist() == expected.thresholds.tolist()


@pytest.mark.parametrize(
    ("task", "y", "p", "loss", "dtype", "expected"),
    [
        (Binary(), Y, P, None, "float32", ("probability", "float32")),
        (Binary(), Y, P.astype("float64"), None, "float64", ("probability", "float64")),
        (Binary(), Y, P.astype("float16").astype("float32"), None, "float16", ("probability", "float16")),
        (Binary(from_logits=True), Y, 9 * P - 4, None, "float32", ("logit", "float32")),
        (Multiclass(), KINDS, SHARES, None, "float32", ("probability", "float32")),
        (Multiclass(), KINDS, 9 * SHARES, LOGITS, "float32", ("probability", "float64")),  # softmax is in float64
        (Multiclass(), KINDS, 9 * SHARES, LOGITS, "bfloat16", ("probability", "float64")),
        (Multilabel(), LABELS, OUTPUTS, None, "float32", ("probability", "float32")),
    ],
)
@pytest.mark.parametrize("weighted", [False, True])
def test_scores_fall_into_the_bins_of_their_scale_and_dtype(task, y, p, loss, dtype, expected, weighted):
    counts, rows = Accumulator(True), rows_of(y, p, WEIGHT if weighted else None)
    counts.add(task.read(rows, loss or LossReading()), dtype, rows)
    tally = counts.tally()
    assert not tally.precision  # unless it is asked for
    assert tally.binning is binning_of(*expected)
    assert tally.dtype == ("float64" if "float64" in expected else "float32")
    assert tally.bins.shape == (1 if tally.kind == "binary" else 3, 2, BINS)
    assert tally.bins.dtype == ("float64" if weighted else "int64")


def added(*parts, task=OWN, ranked=False):
    """The tally of parts (y_true, y_pred)."""
    counts = Accumulator(ranked)
    for y, p in parts:
        rows = rows_of(y, p)
        counts.add(task.read(rows, LossReading()), "float32", rows)
    return counts.tally()


def test_two_columns_must_stay_in_the_units_that_their_first_values_showed():
    shares, own = (Y, np.stack([1 - P, P], axis=1)), (Y, np.stack([1 - P, P], axis=1) * 9 - 4)
    bad, none = (Y, shares[1] * np.nan), (Y[:0], own[1][:0])
    for parts in ([shares, shares], [own, own], [none, own], [bad, own], [own, bad, none, own]):
        assert len(added(*parts)) == sum(len(y) for y, _ in parts)
    for parts in ([shares, own], [own, shares], [bad, own, shares], [own, none, bad, shares]):
        with pytest.raises(DataError, match="units"):
            added(*parts)


def test_one_column_may_pass_the_range_of_probabilities_later():
    """Its labels are those of the threshold either way."""
    assert added((Y, P), (Y, P * 9 - 4)).matrix.sum() == 2 * N


@pytest.mark.parametrize("bad", [{0}, {1}, {0, 2}])
def test_an_output_that_is_not_finite_in_any_part_leaves_all_unreadable(bad):
    for task, y, p in (CASES["binary"], CASES["classes"], CASES["labels"]):
        parts = [
            (y, np.where(np.arange(p.size).reshape(p.shape) == 5, np.nan, p) if own in bad else p) for own in range(3)
        ]
        assert "NaN" in added(*parts, task=task).undefined
        assert added(*[(y, p)] * 3, task=task).undefined is None


def test_rows_are_of_positions_if_those_of_any_part_are():
    one, several = (Y[:8, None], P[:8, None, None]), (Y[:8].reshape(2, 4), P[:8].reshape(2, 4, 1))
    for parts, expected in (([one], False), ([one, several], True), ([several, one], True), ([several] * 2, True)):
        assert added(*parts, task=Binary()).of_positions == expected


def test_what_no_score_ranks_has_no_bins():
    tally = added((Y, P), task=Binary())
    assert tally.bins is tally.binning is None
    assert len(tally) == N


@pytest.mark.parametrize(
    ("task", "parts", "classes", "pos_index"),
    [
        (Binary(), [[1], [-1, 1]], [-1, 1], 1),
        (Binary(), [[-1, 1], [1]], [-1, 1], 1),
        (Binary(), [[1], [1], [-1]], [-1, 1], 1),
        (Binary(), [[1], [1]], [0, 1], 1),
        (Binary(), [[1], [0]], [0, 1], 1),
        (Binary(pos_label=-1), [[-1], [1, -1]], [-1, 1], 0),
        (Binary(pos_label=3), [[3], [3, 9], [9]], [9, 3], 1),
        (Multiclass(), [[2], [0, 1]], [0, 1, 2], 1),
    ],
)
def test_the_label_of_class_0_is_that_of_the_parts_that_have_it(task, parts, classes, pos_index):
    outputs = [np.full((len(y), 3) if task.kind == "multiclass" else (len(y), 1), 0.3) for y in parts]
    tally = added(*[(np.array(y), p) for y, p in zip(parts, outputs, strict=True)], task=task)
    assert tally.classes.tolist() == classes
    assert tally.class_names == tuple(map(str, classes))
    assert tally.pos_index == pos_index
    labels = [label for y in parts for label in y]
    assert tally.true_mass.tolist() == [labels.count(label) for label in classes]


def test_parts_with_other_labels_of_class_0_are_refused():
    with pytest.raises(DataError, match=r"-1, 1 in some batches and 0, 1 in others"):
        added((np.array([-1, 1]), P[:2]), (np.array([1]), P[:1]), (np.array([0, 1]), P[:2]), task=Binary())


@pytest.mark.parametrize("weighted", [[True, False], [False, True], [True, True, False]])
@pytest.mark.parametrize("ranked", [False, True])
def test_weights_in_some_parts_only_are_refused(weighted, ranked):
    counts = Accumulator(ranked)
    *first, last = (Binary().read(rows_of(Y, P, WEIGHT if own else None), LossReading()) for own in weighted)
    for labeled in first:
        counts.add(labeled, "float32")
    with pytest.raises(DataError, match="sample_weight"):
        counts.add(last, "float32")
