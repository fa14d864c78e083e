"""The registry of named scores: every entry keeps what it promises, whatever the order of asking."""

import warnings

import numpy as np
import pytest
from sklearn.metrics import get_scorer_names

from kerascb_metrics import Binary, Multiclass, Multilabel, Regression
from kerascb_metrics.interpret.kinds import KINDS
from kerascb_metrics.score.panel import CONFUSION_CELLS, PANEL
from kerascb_metrics.score.registry import named_scores
from kerascb_metrics.score.score import AVERAGES, Options, Undefined
from kerascb_metrics.tally.streaming import Accumulator
from tests.support.arrays import read

RNG = np.random.default_rng(0)
P3 = RNG.dirichlet(np.ones(3), 60)
Y3 = np.resize([0, 1, 2], 60)
TALLIES = {
    "binary": (Binary(), Y3 % 2, P3[:, 0]),
    "multiclass": (Multiclass(), Y3, P3),
    "multilabel": (Multilabel(threshold=0.3), (P3 > 0.25).astype(int)[::-1], P3),
    "regression": (Regression(), P3[:, 1], P3[:, 0]),
}
SCORES = named_scores(Options())


def tally_of(kind):
    return read(*TALLIES[kind])


def value_of(score, tally):
    """The value of a score, or why it has none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return score.compute(tally)
        except (Undefined, ValueError, TypeError, AttributeError) as error:  # of scikit-learn, for another kind
            return f"{type(error).__name__}: {error}"


def test_it_has_the_panel_and_every_scorer_name():
    own = {"iou", "specificity", "f0_5", "f2", "mcc", "kappa_linear", "kappa_quadratic", "mae", "rmse"}
    assert set(SCORES) == {*PANEL, CONFUSION_CELLS, *own, *get_scorer_names()}


@pytest.mark.parametrize("average", ["auto", *AVERAGES])
def test_each_entry_has_its_own_name_and_known_needs(average):
    for name, score in named_scores(Options(average)).items():
        assert score.name == name
        assert set(score.needs) <= set(KINDS)
        assert set(score.needs.values()) <= {"counts", "ranking", "rows"}
        assert set(score.per_class) <= set(score.needs)


@pytest.mark.parametrize("name", SCORES)
def test_without_a_direction_are_confusion_matrices_only(name):
    score = SCORES[name]
    assert (score.greater_is_better is None) == bool(score.matrix)


@pytest.mark.parametrize("kind", TALLIES)
def test_asking_for_a_score_changes_no_other(kind):
    scores = [score for score in SCORES.values() if kind in score.needs]
    alone = {score.name: value_of(score, tally_of(kind)) for score in scores}
    for order in (scores, scores[::-1]):
        tally = tally_of(kind)
        for score in order:
            np.testing.assert_equal(value_of(score, tally), alone[score.name])


@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel"])
def test_asking_for_a_score_changes_no_curve(kind):
    fresh, asked = tally_of(kind), tally_of(kind)
    for score in SCORES.values():
        if kind in score.needs:
            value_of(score, asked)
    for name, curve in fresh.curves().items():
        np.testing.assert_array_equal(curve.tps, asked.curves()[name].tps)


@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel"])
def test_what_needs_counts_is_the_same_without_rows(kind):
    exact = tally_of(kind)
    accumulator = Accumulator(ranked=True, precision=True)
    accumulator.add(exact.labeled, "float64")
    counted = accumulator.tally()
    scores = [score for score in SCORES.values() if score.needs.get(kind) == "counts"]
    assert len(scores) > 5
    for score in scores:
        np.testing.assert_equal(value_of(score, counted), value_of(score, exact))


@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel"])
def test_what_needs_a_ranking_is_between_its_bounds(kind):
    exact = tally_of(kind)
    accumulator = Accumulator(ranked=True, precision=True)
    accumulator.add(exact.labeled, "float64")
    lowest, highest = accumulator.tally(), accumulator.tally().at_best()
    scores = [score for score in SCORES.values() if score.needs.get(kind) == "ranking"]
    assert scores
    for score in scores:
        assert value_of(score, lowest) - 1e-12 <= value_of(score, exact) <= value_of(score, highest) + 1e-12
