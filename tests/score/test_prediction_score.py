"""The `Score` of a prediction scorer, without a fit: what it needs, its direction, and what it is called."""

from functools import partial

import numpy as np
import pytest

from kerascb_metrics import Binary, make_prediction_scorer
from kerascb_metrics.interpret.kinds import KINDS
from kerascb_metrics.score.prediction_scorers import can_be_called
from kerascb_metrics.score.scoring import Scoring
from kerascb_metrics.tally.streaming import Accumulator
from tests.support.arrays import read


def rows(predictions, least=0):
    return len(predictions) + least


@pytest.mark.parametrize("kind", KINDS)
def test_it_takes_single_elements_and_has_no_groups(kind):
    scoring = Scoring([make_prediction_scorer(rows), "f1" if kind != "regression" else "r2"])
    scoring.check(kind, by_element=kind == "multilabel")
    assert scoring.check(kind) is None
    assert [score.name for score in scoring.of_groups(kind)] == [scoring.names[1]]


@pytest.mark.parametrize(("options", "greater"), [({}, True), ({"greater_is_better": False}, False)])
def test_its_direction(options, greater):
    scorer = make_prediction_scorer(rows, **options)
    assert scorer.greater_is_better is greater
    assert Scoring(scorer).scores[0].greater_is_better is greater


def test_it_needs_the_predictions():
    exact = read(Binary(), [0, 1, 1], [0.2, 0.8, 0.4])
    counts = Accumulator(ranked=False)
    counts.add(exact.labeled, "float64")
    for tally in (exact, counts.tally()):
        found = Scoring(make_prediction_scorer(rows)).score(tally)
        assert np.isnan(found.values["rows"])
        assert "needs the predictions of a whole pass" in str(found.errors["rows"])


def test_a_function_without_a_name_is_shown():
    assert repr(make_prediction_scorer(partial(rows, least=2))).startswith("make_prediction_scorer(functools")
    with pytest.raises(ValueError, match=r"received functools.*\(predictions, least, "):
        make_prediction_scorer(partial(lambda predictions, least, most, bound: 0.0, bound=1))


@pytest.mark.parametrize(
    ("function", "arguments", "names", "possible"),
    [
        (rows, 1, (), True),
        (rows, 2, (), True),
        (rows, 3, (), False),
        (rows, 0, (), False),
        (rows, 1, ("least",), True),
        (rows, 1, ("most",), False),
        (rows, 2, ("least",), False),
        (max, 7, ("sample_weight",), True),  # whose signature nobody knows
    ],
)
def test_what_a_function_can_be_called_with(function, arguments, names, possible):
    assert can_be_called(function, arguments, *names) is possible
