"""The chosen threshold as a score: one number, or one per label, and why there is none."""

from dataclasses import replace

import numpy as np
import pytest

from kerascb_metrics import Binary, Multilabel
from kerascb_metrics.score.scoring import Scoring
from kerascb_metrics.score.threshold import THRESHOLD, threshold_score
from kerascb_metrics.tally.chosen import ChosenThreshold
from tests.support.arrays import assert_same, read

RNG = np.random.default_rng(5)
BITS = RNG.integers(0, 2, (20, 8))
P = RNG.random((20, 8))
NAMES = list("abcdefgh")


def chosen(thresholds, class_names=None):
    """The tally of rows whose thresholds were chosen: of a binary task for one of them."""
    one = len(thresholds) == 1
    task = Binary(class_names=class_names) if one else Multilabel(class_names=class_names)
    count = len(thresholds)
    exact = read(task, BITS[:, 0] if one else BITS[:, :count], P[:, 0] if one else P[:, :count])
    values = np.array(thresholds, "float64")
    return replace(exact, chosen=ChosenThreshold(values, np.tile(values, (4, 1))), memo={})


def scored(tally):
    """The values of "f1" and the threshold."""
    scoring = Scoring("f1", chooses=True)
    assert scoring.check(tally.kind) is None
    return scoring.score(tally)


def test_a_binary_task_has_one():
    found = scored(chosen([0.3]))
    assert list(found.values) == ["f1", THRESHOLD]
    assert type(found.values[THRESHOLD]) is float
    assert found.values[THRESHOLD] == 0.3
    assert not found.undefined


def test_labels_have_one_each_that_the_user_may_change():
    tally = chosen([0.3, 0.6, 0.2])
    found = scored(tally)
    assert_same(found.values[THRESHOLD], [0.3, 0.6, 0.2])
    found.values[THRESHOLD][:] = 0
    assert_same(tally.chosen.thresholds, [0.3, 0.6, 0.2])


@pytest.mark.parametrize("pos", [0, 1])
def test_none_for_a_binary_task(pos):
    tally = chosen([np.nan], ["no", "yes"])
    if pos == 0:
        rows = read(Binary(pos_label=0, class_names=["no", "yes"]), BITS[:, 0], P[:, 0])
        tally = replace(rows, chosen=tally.chosen, memo={})
    found = scored(tally)
    assert np.isnan(found.values[THRESHOLD])
    assert f"class {['no', 'yes'][pos]}" in found.undefined[THRESHOLD]


@pytest.mark.parametrize("gone", [1, 4, 5, 6, 8])
def test_none_for_some_labels(gone):
    thresholds = np.where(np.arange(8) < gone, np.nan, 0.5)
    found = scored(chosen(thresholds, NAMES))
    assert_same(found.values[THRESHOLD], thresholds)
    named = ", ".join(NAMES[: min(gone, 5)]) + (", …" if gone > 5 else "")
    assert found.undefined[THRESHOLD].endswith(f" for label {named}")


def test_it_is_of_a_whole_pass_and_has_no_direction():
    score = threshold_score()
    assert score.greater_is_better is None
    for kind in ("binary", "multilabel"):
        scoring = Scoring("f1", chooses=True, memory="bounded")  # the counts have it
        scoring.check(kind)
        assert THRESHOLD not in [one.name for one in scoring.of_groups(kind)]
        assert scoring.names == ("f1", THRESHOLD)
    assert score.needs == {"binary": "counts", "multilabel": "counts"}
    assert (score.per_class, score.whole) == (("multilabel",), True)
