"""The names of the scores of slices, their directions, and those that collide with another score."""

from contextlib import nullcontext

import pytest
from sklearn.metrics import accuracy_score

from kerascb_metrics.interpret.slices import slicings_of
from kerascb_metrics.score.scoring import Scoring
from kerascb_metrics.score.slice_keys import directions_of_slices, example_of_slices, refuse_slices

SITE = slicings_of({"site": ["ulm", "bern"], "old": [True, False]})


def test_each_score_of_each_group_has_a_direction():
    scoring = Scoring({"f1": "f1", "mae": "mae", "own": accuracy_score})
    found = directions_of_slices(SITE, scoring, ["ordinal", "multilabel"])
    ends = {"f1": (True, "min"), "mae": (False, "max"), "own": (None, "min")}
    assert found == {
        f"{name}_{key}": better
        for name, (better, worst) in ends.items()
        for key in ("site_ulm", "site_bern", f"site_{worst}", "old_True", "old_False", f"old_{worst}")
    }
    assert not any(key.startswith("mae") for key in directions_of_slices(SITE, scoring, ["multilabel"]))


def test_scores_without_one_number_have_no_groups():
    scoring = Scoring(["f1", "confusion", "auc"], average=None)
    assert directions_of_slices(SITE, scoring, ["multiclass"]) == {}
    per_class = Scoring(["f1", "confusion"], per_class=True)
    assert {key.split("_")[0] for key in directions_of_slices(SITE, per_class, ["multiclass"])} == {"f1"}


def test_only_what_counts_suffice_for_where_the_rows_are_not_kept():
    scoring = Scoring(["f1", "auc", "iou"], memory="bounded")
    found = directions_of_slices(SITE, scoring, ["binary"])
    assert {key.split("_")[0] for key in found} == {"f1", "iou"}


@pytest.mark.parametrize(
    ("scoring", "options", "kind", "names", "double"),
    [
        ({"f1": "f1", "f1_site_ulm": "recall"}, {}, "binary", (), "f1_site_ulm"),
        ({"f1": "f1", "f1_site_ulm": "recall", "f1_old_min": "mcc"}, {}, "binary", (), "f1_old_min, f1_site_ulm"),
        ({"f1": "f1", "f1_site_ulm": "f1"}, {}, "regression", (), None),
        ({"f1": "f1", "f1_site_max": "recall"}, {}, "binary", (), None),
        ("f1", {"per_class": True}, "binary", ("site_ulm", "b"), "f1_site_ulm"),
        ("kappa", {"per_class": True}, "binary", ("site_ulm", "b"), None),
        ("f1", {}, "binary", ("site_ulm", "b"), None),
        ({"f1": "f1", "f1_site_ulm": "recall"}, {"per_class": True}, "binary", ("a", "b"), "f1_site_ulm"),
    ],
)
def test_two_scores_of_one_name_are_refused(scoring, options, kind, names, double):
    checked = Scoring(scoring, **options)
    words = rf"^Metrics: .* would both write {double}\. "
    with nullcontext() if double is None else pytest.raises(ValueError, match=words):
        refuse_slices(SITE, checked, kind, names)
    refuse_slices((), checked, kind, names)


@pytest.mark.parametrize("slices", [(), SITE], ids=["", "slices"])
@pytest.mark.parametrize("memory", ["exact", "bounded"])
@pytest.mark.parametrize("chooses", [False, True])
def test_a_chosen_threshold_needs_the_rows_for_slices(chooses, memory, slices):
    refused = bool(slices and chooses and memory == "bounded")
    words = r"^Metrics: .*threshold.*memory='exact'"
    with pytest.raises(ValueError, match=words) if refused else nullcontext():
        refuse_slices(slices, Scoring("f1", memory=memory, chooses=chooses), "binary")


@pytest.mark.parametrize(
    ("names", "example"),
    [
        ([], ""),
        (["f1_site_ulm"], ""),
        (["f1_site_ulm", "f1_site_min", "mae_site_max"], ", and of slices such as f1_site_min"),
        (["mae_site_ulm", "mae_site_max"], ", and of slices such as mae_site_max"),
    ],
)
def test_the_worst_group_is_the_example(names, example):
    assert example_of_slices(dict.fromkeys(names)) == example
