"""The groups of slices on the page: each has the recorded scores, its samples and the intervals of `by_group`."""

import numpy as np
import pytest

from kerascb_metrics import Binary, ScoreHistory
from kerascb_metrics.show.report import slices
from kerascb_metrics.show.report.render import report_page
from kerascb_metrics.show.report.slices import slices_of
from tests.support.page_histories import binary_epochs, fit_of, history_of

SITE = np.array(["Bern", "Graz", "Ulm"])[np.arange(300) % 3]
OLD = np.arange(300) < 40
GIVEN = {"site": SITE, "site_old": OLD}


def test_groups_are_found_by_the_names_of_scores_and_counted():
    history = fit_of(binary_epochs(3), slices=GIVEN)
    site, both = slices_of(history._run, "f1")
    assert (site.name, site.groups, site.n, site.of) == ("site", ["Bern", "Graz", "Ulm"], [100, 100, 100], "f1")
    assert (both.name, both.groups, both.n) == ("site_old", ["False", "True"], [260, 40])
    assert site.scores == {name: [f"{name}_site_{group}" for group in site.groups] for name in ("f1", "auc")}
    assert site.worst == {"f1": "f1_site_min", "auc": "auc_site_min"}
    assert both.worst == {"f1": "f1_site_old_min", "auc": "auc_site_old_min"}
    assert {key for one in (site, both) for keys in one.scores.values() for key in keys} < set(history)


def test_intervals_are_those_of_by_group():
    history = fit_of(binary_epochs(3), slices=GIVEN)
    for found in slices_of(history._run, "f1"):
        assert list(found.intervals) == [0, 1, 2]
        for epoch, (intervals, sentence) in found.intervals.items():
            theirs = history.at(epoch).by_group(found.name, "f1")
            assert np.ravel(intervals) == pytest.approx(
                np.ravel(list(theirs.confidence_interval.values())), abs=5.001e-5
            )
            assert sentence == theirs.summary


def test_with_many_rows_some_epochs_have_intervals_the_best_and_the_last_among_them(monkeypatch):
    history = fit_of(binary_epochs(6)[::-1], slices={"site": SITE})
    monkeypatch.setattr(slices, "_MOST_ROWS", 300 * 3)
    (found,) = slices_of(history._run, "f1")
    best = history.best("f1")[0]
    assert set(found.intervals) == {0, 2, 5, best}


def test_of_a_score_where_less_is_better_the_worst_is_the_highest():
    history = ScoreHistory({"mae": False})
    history.append(0, {"mae": 0.5, "mae_site_a": 0.25, "mae_site_min": 0.75, "mae_site_max": 0.75})
    history.settings.update(slices=["site"], scoring=["mae"])
    (found,) = slices_of(history._run, "mae")
    assert (found.groups, found.worst) == (["a", "min"], {"mae": "mae_site_max"})


def test_a_score_that_is_not_made_of_labels_has_no_intervals():
    (found,) = slices_of(fit_of(binary_epochs(2), ["auc"], slices={"site": SITE})._run, "auc")
    assert (found.of, found.intervals) == ("auc", {})


def test_a_loaded_history_has_groups_without_their_samples(tmp_path):
    history = fit_of(binary_epochs(3), slices=GIVEN)
    history.save(tmp_path / "run.json")
    here, there = slices_of(history._run, "f1"), slices_of(ScoreHistory.load(tmp_path / "run.json")._run, "f1")
    for one, other in zip(here, there, strict=True):
        assert (other.groups, other.scores, other.worst) == (one.groups, one.scores, one.worst)
        assert (other.n, other.of, other.intervals) == (None, None, {})


def test_a_class_that_looks_like_a_group_is_none(tmp_path):
    history = ScoreHistory({"f1": True, "recall": True})
    values = {"f1": 0.5, "f1_site_a": 0.4, "f1_site_b": 0.6, "f1_site_min": 0.4, "recall": 0.5, "recall_site_own": 0.7}
    history.append(
        0, {**values, "auc": 0.5, "auc_site_a": 0.5, "auc_site_b": 0.5, "auc_site_min": 0.5, "f1_site_own": 0.1}
    )
    history.settings.update(slices=["site"], scoring=["f1", "recall", "auc"])
    (found,) = slices_of(history._run, "f1")
    assert (found.groups, list(found.scores)) == (["a", "b"], ["f1", "auc"])


def test_a_run_without_slices_has_no_table():
    assert slices_of(history_of(Binary(), binary_epochs())._run, "f1") == []


def test_a_hundred_epochs_of_five_scores_of_a_hundred_groups_stay_under_two_mebibytes():
    scoring = ["f1", "precision", "recall", "kappa", "auc"]
    keys = [f"{name}_site_{group}" for name in scoring for group in [*range(100), "min"]]
    few, rng, history = history_of(Binary(), binary_epochs()), np.random.default_rng(0), ScoreHistory({"f1": True})
    for epoch in range(100):
        values = dict(zip([*scoring, *keys], rng.random(len(scoring) + len(keys)).tolist(), strict=True))
        history.append(epoch, values, {None: few.tally(epoch % 3)})
    history.settings.update(slices=["site"], scoring=scoring)
    page = report_page(history._run)
    assert all(f'"{key}"' in page for key in keys)
    assert len(page.encode()) < 2**21
