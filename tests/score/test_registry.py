"""The registry of named scores: every entry keeps what it promises, whatever the order of asking."""

import warnings

import numpy as np
import pytest
from sklearn.metrics import get_scorer_names

from kerascb_metrics import Binary, Multiclass, Multilabel, Ordinal, Regression
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
    "ordinal": (Ordinal([0, 1, 2]), Y3, P3[:, 0] * 2),
}
SCORES = named_scores(Options())
GRID = [(kind, average) for kind in ("binary", "multiclass", "multilabel") for average in ("auto", "micro", None)]
GRID += [("multilabel", "samples")]


PAIR = P3[:, :2] / P3[:, :2].sum(axis=1, keepdims=True)
# Name: (task, targets, outputs, the loss that says their scale).
RANKED = {
    "binary": (*TALLIES["binary"], None),
    "one class of two": (Binary(), np.zeros(60, int), P3[:, 0], None),
    "two columns": (Multiclass(), Y3 % 2, PAIR, None),
    "two columns, one class": (Multiclass(), np.zeros(60, int), PAIR, None),
    "two columns, none of them class 1": (Multiclass(labels=[5, 2]), np.array([5, 2])[Y3 % 2], PAIR, None),
    "two margins": (Multiclass(), Y3 % 2, P3[:, :2], "categorical_hinge"),
    "multiclass": (*TALLIES["multiclass"], None),
    "a class is missing": (Multiclass(), Y3 % 2, P3, None),
    "margins": (Multiclass(), Y3, P3, "categorical_hinge"),
    "multilabel": (*TALLIES["multilabel"], None),
    "margins of labels": (Multilabel(), (P3 > 0.25).astype(int)[::-1], P3 - 0.5, "hinge"),
    "one label": (Multilabel(), (P3[:, 1:2] > 0.25).astype(int), P3[:, :1], None),
    "one label of no row": (Multilabel(), np.zeros((60, 1), int), P3[:, :1], None),
    "two labels of no row": (Multilabel(), np.zeros((60, 2), int), P3[:, :2], None),
    "regression": (*TALLIES["regression"], None),
}


def tally_of(kind):
    return read(*TALLIES[kind])


def counted(exact):
    """The same without the rows."""
    accumulator = Accumulator(ranked=True, precision=True)
    accumulator.add(exact.labeled, "float64")
    return accumulator.tally()


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
    assert list(SCORES)[:7] == [*PANEL, CONFUSION_CELLS]


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


@pytest.mark.parametrize("name", SCORES)
def test_the_errors_of_the_panel_are_the_only_scores_of_which_less_is_better(name):
    assert (SCORES[name].greater_is_better is False) == (name in ("mae", "rmse"))


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


@pytest.mark.parametrize(("kind", "average"), GRID)
def test_what_needs_counts_is_the_same_without_rows(kind, average):
    exact = tally_of(kind)
    tally = counted(exact)
    scores = [score for score in named_scores(Options(average)).values() if score.needs.get(kind) == "counts"]
    assert len(scores) > 5
    for score in scores:
        np.testing.assert_equal(value_of(score, tally), value_of(score, exact))


@pytest.mark.parametrize(("kind", "average"), GRID)
def test_what_needs_the_rows_asks_for_them(kind, average):
    tally = counted(tally_of(kind))
    for score in named_scores(Options(average)).values():
        if kind in score.needs:
            assert (score.needs[kind] == "rows") == ("it needs" in str(value_of(score, tally))), score.name


@pytest.mark.parametrize(("kind", "average"), GRID)
def test_what_needs_a_ranking_is_between_its_bounds(kind, average):
    exact = tally_of(kind)
    lowest, highest = counted(exact), counted(exact).at_best()
    scores = [score for score in named_scores(Options(average)).values() if score.needs.get(kind) == "ranking"]
    assert scores
    for score in scores:
        low, value, high = (value_of(score, tally) for tally in (lowest, exact, highest))
        assert np.all(low - 1e-12 <= value)
        assert np.all(value <= high + 1e-12)


@pytest.mark.parametrize(("kind", "average"), [*GRID, ("regression", "auto"), ("ordinal", "auto")])
def test_the_shape_of_a_value_is_known_before(kind, average):
    tally = tally_of(kind)
    each = (len(tally.classes),)
    for score in named_scores(Options(average)).values():
        if kind in score.needs and not isinstance(value := value_of(score, tally), str):
            assert np.shape(value) == np.shape(score.blank(tally)), score.name
            assert np.isnan(score.blank(tally)).all()
            assert (np.shape(value) == each) == (kind in score.per_class)
            assert np.ndim(value) < 2 or score.matrix
            assert score.of_classes is None or np.shape(score.of_classes(tally)) == each


@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel"])
def test_no_average_is_the_values_of_the_classes(kind):
    tally, averages = tally_of(kind), named_scores(Options())
    for name, score in named_scores(Options(None)).items():
        if kind in score.per_class:
            np.testing.assert_equal(score.compute(tally), averages[name].of_classes(tally))


@pytest.mark.parametrize("with_rows", [True, False], ids=["rows", "counts"])
@pytest.mark.parametrize("weight", [None, np.full(60, 2.0)], ids=["", "weights"])
@pytest.mark.parametrize("case", RANKED)
def test_a_score_ranks_the_classes_if_it_says_so(case, weight, with_rows, monkeypatch):
    *rows, loss = RANKED[case]
    exact = read(*rows, loss, sample_weight=weight)
    tally, asked = exact if with_rows or exact.kind == "regression" else counted(exact), []
    rankings = type(tally).rankings
    monkeypatch.setattr(type(tally), "rankings", lambda *own, **how: asked.append(own) or rankings(*own, **how))
    for average in ("auto", "micro", *(["samples"] if exact.kind == "multilabel" else [])):
        for score in named_scores(Options(average)).values():
            asked.clear()
            if exact.kind in score.needs and (score.ranks or score.name == "auc"):
                value_of(score, tally)
                assert score.ranks_classes(tally) == bool(asked) or case == "one class of two", (score.name, average)


@pytest.mark.parametrize("kind", ["multilabel", "regression"])
def test_single_elements_are_enough_where_a_score_says_so(kind):
    left_out = np.random.default_rng(1).random(P3.shape) < 0.3
    task = Multilabel(ignore_class=2) if kind == "multilabel" else Regression(ignore_class=np.nan)
    targets = (P3 > 0.25).astype(int)[::-1] if kind == "multilabel" else P3[::-1]
    tally = read(task, np.where(left_out, 2 if kind == "multilabel" else np.nan, targets), P3)
    assert tally.by_element
    for score in SCORES.values():
        if kind in score.needs:
            assert ("needs whole rows" in str(value_of(score, tally))) == score.needs_whole_rows(kind), score.name


@pytest.mark.parametrize("case", ["binary", "one class of two", "margins", "margins of labels"])
def test_margins_are_enough_where_a_score_says_so(case):
    task, targets, outputs, loss = RANKED[case]
    tally = read(task, targets, outputs, loss or "hinge")
    assert not tally.labeling.has_proba
    for score in SCORES.values():
        if tally.kind in score.needs:
            assert ("predict_proba" in str(value_of(score, tally))) == score.needs_proba, score.name
