"""Weights of any finite size: what exact rational arithmetic makes of the same floats, to 1e-12."""

import functools
from fractions import Fraction

import numpy as np
import pytest
from sklearn import metrics as sk

from kerascb_metrics import Binary, Multiclass, Multilabel, Regression
from kerascb_metrics.exceptions import DataError
from kerascb_metrics.interpret.losses import LossReading
from kerascb_metrics.pipeline.epoch_result import score_output
from kerascb_metrics.score.scoring import Scoring
from kerascb_metrics.tally.exact import ExactTally
from kerascb_metrics.tally.ranking import rank
from kerascb_metrics.tally.streaming import Accumulator
from tests.support.arrays import assert_same, assessed, read, rows_of

N = 24
ODD = np.arange(N) % 2 == 1
SIZES = {
    "1": lambda w, y: w,
    "1e-30": lambda w, y: w * 1e-30,
    "1e200": lambda w, y: w * 1e200,
    "1e-200": lambda w, y: w * 1e-200,
    "1e305": lambda w, y: w * 1e305,
    "1e-300": lambda w, y: w * 1e-300,
    "subnormal": lambda w, y: np.ceil(w * 9) * 5e-324,
    "1 and 3e-12": lambda w, y: w * np.where(ODD, 1.0, 3e-12),
    "1e200 and 1e-200": lambda w, y: w * np.where(ODD, 1e200, 1e-200),
    "1e200 of the class": lambda w, y: w * np.where(y == 1, 1e200, 1e-200),
    "1e-200 of the class": lambda w, y: w * np.where(y == 1, 1e-200, 1e200),
    "1e-280 of the other class, 1e-50 of the class": lambda w, y: w * np.where(y == 1, 1e-50, 1e-280),
    "1e-280 of the class": lambda w, y: w * np.where(y == 1, 1e-280, 1e-50),
    "zeros among 1e200": lambda w, y: w * np.where(ODD | (y == 1), 1e200, 0.0),
}
SEEDS = range(3)


def exact(weight):
    return [Fraction(float(w)) for w in weight]


def area(positive, score, weight):
    ones = [(s, w) for s, w, own in zip(score, exact(weight), positive, strict=True) if own]
    others = [(s, w) for s, w, own in zip(score, exact(weight), positive, strict=True) if not own]
    won = sum(v * w * (2 * (s > t) + (s == t)) for s, v in ones for t, w in others)
    return float(won / (2 * sum(w for _, w in ones) * sum(w for _, w in others)))


def precision(positive, score, weight):
    rows = list(zip(score, exact(weight), positive, strict=True))
    total = Fraction(0)
    for cut in set(score):
        own = sum(w for s, w, one in rows if one and s == cut)
        if own:
            total += own * sum(w for s, w, one in rows if one and s >= cut) / sum(w for s, w, _ in rows if s >= cut)
    return float(total / sum(w for _, w, one in rows if one))


def table(y_true, y_pred, weight, n_classes):
    cells = [[Fraction(0)] * n_classes for _ in range(n_classes)]
    for true, predicted, own in zip(y_true, y_pred, exact(weight), strict=True):
        cells[true][predicted] += own
    return cells


def of_table(cells):
    """F1, recall of each class; kappa, accuracy, MCC squared with its sign."""
    classes = range(len(cells))
    true, predicted = [sum(row) for row in cells], [sum(column) for column in zip(*cells, strict=True)]
    differ = sum(cells[i][j] for i in classes for j in classes if i != j)
    by_chance = sum(true[i] * predicted[j] for i in classes for j in classes if i != j)
    f1 = [2 * cells[c][c] / (true[c] + predicted[c]) for c in classes]
    recall = [cells[c][c] / true[c] for c in classes]
    correct = sum(cells[c][c] for c in classes)
    covariance = correct * sum(true) - sum(t * p for t, p in zip(true, predicted, strict=True))
    spread = [sum(true) ** 2 - sum(n * n for n in each) for each in (true, predicted)]
    return {
        "f1": f1,
        "recall": recall,
        "weighted": sum(f * t for f, t in zip(f1, true, strict=True)) / sum(true),
        "kappa": 1 - differ * sum(true) / by_chance,
        "accuracy": correct / sum(true),
        "mcc": float(np.sign(covariance)) * float(Fraction(covariance * covariance, spread[0] * spread[1])) ** 0.5,
    }


def binary(size, seed):
    rng = np.random.default_rng(seed)
    score = rng.random(N).round(1 if seed else 3)
    y = (rng.random(N) < 0.3 + 0.4 * score).astype(int)
    return y, score, SIZES[size](rng.random(N) + 0.1, y)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("seed", SEEDS)
def test_binary(size, seed):
    y, score, weight = binary(size, seed)
    cells = table(y, (score > 0.5).astype(int), weight, 2)
    theirs = of_table(cells)
    ranked = ["auc", "average_precision", "roc_auc"]
    counted = ["f1", "recall", "kappa", "accuracy", "balanced_accuracy", "f1_weighted", "confusion"]
    made = sk.make_scorer(sk.cohen_kappa_score)
    scoring = {name: name for name in [*ranked, *counted]} | {"made": made, "loss": "neg_brier_score"}
    ours = assessed(Binary(), y, score, scoring, sample_weight=weight).values
    assert_same(ours["auc"], area(y == 1, score, weight))
    assert_same(ours["roc_auc"], ours["auc"])
    assert_same(ours["average_precision"], precision(y == 1, score, weight))
    assert_same(ours["f1"], float(theirs["f1"][1]))
    assert_same(ours["recall"], float(theirs["recall"][1]))
    assert_same(ours["kappa"], float(theirs["kappa"]))
    assert_same(ours["made"], float(theirs["kappa"]))
    assert_same(ours["accuracy"], float(theirs["accuracy"]))
    assert_same(ours["balanced_accuracy"], float(sum(theirs["recall"]) / 2))
    assert_same(ours["f1_weighted"], float(theirs["weighted"]))
    squares = [Fraction(float(square)) for square in (y - score) ** 2]
    brier = sum(w * s for w, s in zip(exact(weight), squares, strict=True)) / sum(exact(weight))
    assert_same(ours["loss"], -float(brier))
    np.testing.assert_allclose(ours["confusion"], np.array(cells, float), rtol=1e-14, atol=0)


@pytest.mark.parametrize("size", SIZES)
def test_counted(size):
    y, score, weight = binary(size, 1)
    scoring = Scoring(["f1", "kappa", "confusion", "auc", "average_precision"])
    counting = Accumulator(True)
    for part in (slice(0, 10), slice(10, N)):
        counting.add(read(Binary(), y[part], score[part], sample_weight=weight[part]).labeled, "float64")
    ours = score_output(counting.tally(), scoring, on_error=None)
    rows = score_output(read(Binary(), y, score, sample_weight=weight), scoring, on_error=None)
    for name in ("f1", "kappa"):
        assert_same(ours.values[name], rows.values[name])
    np.testing.assert_allclose(ours.values["confusion"], rows.values["confusion"], rtol=1e-14, atol=0)
    for name, theirs in (("auc", area(y == 1, score, weight)), ("average_precision", precision(y == 1, score, weight))):
        low, high = ours.bounds[name]
        assert low - 1e-12 <= theirs <= high + 1e-12
        assert high - low < 0.3
    curve = ours.records[None].curves["1"]
    for sums, own in ((curve.tps, y == 1), (curve.fps, y == 0)):
        np.testing.assert_allclose(sums[-1], float(sum(exact(weight[own]))), rtol=1e-14)


@pytest.mark.parametrize("size", SIZES)
def test_the_points_of_a_curve_are_sums_of_the_weights_given(size):
    y, score, weight = binary(size, 1)
    curve = rank(y == 1, score, weight).curve
    for threshold, *sums in zip(curve.thresholds, curve.tps, curve.fps, strict=True):
        for found, own in zip(sums, (y == 1, y == 0), strict=True):
            expected = float(sum(exact(weight[own & (score >= threshold)])))
            np.testing.assert_allclose(found, expected, rtol=1e-13, atol=0)


@pytest.mark.parametrize("size", SIZES)
def test_matthews_correlation(size):
    y, score, weight = binary(size, 1)
    if "of the class" in size:
        return  # scikit-learn multiplies four sums, which no size of weights 400 powers of ten apart allows
    theirs = of_table(table(y, (score > 0.5).astype(int), weight, 2))["mcc"]
    ours = assessed(Binary(), y, score, "matthews_corrcoef", sample_weight=weight).values["matthews_corrcoef"]
    assert_same(ours, theirs)


@pytest.mark.parametrize("size", [size for size in SIZES if "zeros" not in size])
@pytest.mark.parametrize("average", ["macro", "micro", "weighted"])
def test_several_classes(size, average):
    rng = np.random.default_rng(5)
    p = rng.dirichlet(np.ones(3), N)
    y = np.where(rng.random(N) < 0.5, p.argmax(axis=1), rng.integers(0, 3, N))
    weight = SIZES[size](rng.random(N) + 0.1, y)
    theirs = of_table(table(y, p.argmax(axis=1), weight, 3))
    areas = [area(y == c, p[:, c], weight) for c in range(3)]
    mass = [sum(w for w, true in zip(exact(weight), y, strict=True) if true == c) for c in range(3)]
    ours = assessed(Multiclass(), y, p, ["f1", "kappa", "auc"], average=average, sample_weight=weight).values
    assert_same(ours["kappa"], float(theirs["kappa"]))
    if average == "macro":
        assert_same(ours["f1"], float(sum(theirs["f1"]) / 3))
        assert_same(ours["auc"], np.mean(areas))
    elif average == "weighted":
        assert_same(ours["f1"], float(theirs["weighted"]))
        assert_same(ours["auc"], float(sum(Fraction(a) * m for a, m in zip(areas, mass, strict=True)) / sum(mass)))
    else:
        hot = (y[:, None] == range(3)).ravel()
        assert_same(ours["auc"], area(hot, p.ravel(), np.repeat(weight, 3)))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("average", ["macro", "micro", "weighted", "samples"])
def test_several_labels_are_as_on_weights_of_about_one(size, average):
    rng = np.random.default_rng(6)
    p = rng.random((N, 3))
    y = (rng.random((N, 3)) < p).astype(int)
    weight = SIZES[size](rng.random(N) + 0.1, ODD)
    one = np.ldexp(weight, -np.frexp(weight.max())[1])
    scoring = ["f1"] if average == "samples" else ["f1", "auc", "average_precision"]
    ours = assessed(Multilabel(), y, p, scoring, average=average, sample_weight=weight).values
    own = {"average": average, "sample_weight": one}
    assert_same(ours["f1"], sk.f1_score(y, p > 0.5, zero_division=0.0, **own))
    if average != "samples":
        assert_same(ours["auc"], sk.roc_auc_score(y, p, **own))
        assert_same(ours["average_precision"], sk.average_precision_score(y, p, sample_weight=one))


@pytest.mark.parametrize("size", SIZES)
def test_regression_is_as_on_weights_of_about_one(size):
    rng = np.random.default_rng(7)
    y, p = rng.normal(size=(2, N))
    weight = SIZES[size](rng.random(N) + 0.1, ODD)
    one = np.ldexp(weight, -np.frexp(weight.max())[1])
    names = ["r2", "neg_mean_squared_error", "neg_median_absolute_error", "d2_absolute_error_score"]
    ours = assessed(Regression(), y, p, names, sample_weight=weight).values
    for name in names:
        scorer = sk.get_scorer(name)
        assert_same(ours[name], scorer._sign * scorer._score_func(y, p, sample_weight=one))


def test_a_function_of_the_users_own_gets_the_weights_as_they_are():
    y, score, weight = binary("1e200", 0)
    seen = []

    def total(y_true, y_pred, sample_weight):
        seen.append(sample_weight)
        return sample_weight.max()

    scoring = {"own": total, "made": sk.make_scorer(total), "table": sk.confusion_matrix}
    ours = assessed(Binary(), y, score, scoring, sample_weight=weight).values
    assert [each.tolist() for each in seen] == [weight.tolist()] * 2
    np.testing.assert_allclose(ours["table"], sk.confusion_matrix(y, score > 0.5, sample_weight=weight))


@pytest.mark.parametrize("task", [Binary(), Multilabel()], ids=["binary", "multilabel"])
def test_sums_that_float64_does_not_hold_are_an_error(task):
    p = np.full((4, 2), 0.6) if task.kind == "multilabel" else np.full(4, 0.6)
    with pytest.raises(
        DataError,
        match=r"weights is too large.*largest weight is 1.5e\+308.*Divide all weights by their largest",
    ):
        read(task, np.ones(p.shape, int), p, sample_weight=np.full(4, 1.5e308))


def test_sums_of_parts_that_float64_does_not_hold_are_an_error():
    counting = Accumulator(False)
    for _ in range(100):
        counting.add(read(Binary(), [0, 1], np.array([0.2, 0.9]), sample_weight=[1e306, 1e305]).labeled, "float64")
    with pytest.raises(DataError, match="sum of the sample weights is too large"):
        counting.tally()


def test_a_million_equal_weights_change_nothing():
    """Added up one by one, 0.1 drifts."""
    rng = np.random.default_rng(0)
    score = rng.random(1_000_000, "float32")
    positive = rng.random(1_000_000) < 0.3
    plain, weighted = (rank(positive, score, weight, precision=True) for weight in (None, np.full(1_000_000, 0.1)))
    assert abs(plain.auc - weighted.auc) < 1e-13
    assert abs(plain.average_precision - weighted.average_precision) < 1e-13


def test_ordinary_weights_are_handed_on_as_they_are():
    weight = np.array([1e-3, 1.0, 1e9])
    seen = []
    rows = rows_of([0, 1, 1], [0.1, 0.9, 0.7], sample_weight=weight)
    tally = ExactTally(Binary().read(rows, LossReading()))
    score = sk.make_scorer(lambda y_true, y_pred, sample_weight: seen.append(sample_weight) or 0.0)
    Scoring({"own": score}).score(tally)
    assert seen[0].tolist() == weight.tolist()


@pytest.mark.parametrize("size", [1e-9, 1.0, 1e300])
def test_sums_of_weights_that_a_function_returns_are_those_given(size):
    y, p = np.array([0, 1, 1, 0, 1, 0]), np.array([0.2, 0.9, 0.4, 0.6, 0.8, 0.1])
    function = functools.partial(sk.precision_recall_fscore_support, average=None)
    weight = np.full(6, size)
    ours = assessed(Binary(), y, p, {"own": function}, sample_weight=weight).values["own"]
    np.testing.assert_allclose(ours, function(y, p > 0.5, sample_weight=weight), rtol=1e-12)
