"""The pairs of epochs that the page compares: those that `history.compare` finds, within a budget."""

from itertools import combinations

import numpy as np

from kerascb_metrics import Binary
from kerascb_metrics.show.report import comparisons
from kerascb_metrics.show.report.comparisons import compared_pairs
from tests.support.page_histories import binary_epochs, fit_of, history_of


def noisy_epochs(count):
    """Return rows of each epoch that differ by noise alone."""
    rng, (y, p) = np.random.default_rng(3), binary_epochs(1)[0]
    return [(y, np.clip(p + rng.normal(0, 0.1, p.shape), 0, 1).astype("float32")) for _ in range(count)]


def test_all_pairs_of_a_short_run_are_compared():
    history = fit_of(binary_epochs(5)[::-1])
    best = history.best("f1")[0]
    pairs = compared_pairs(history._run, "f1")
    assert {frozenset(pair[:2]) for pair in pairs} == set(map(frozenset, combinations(range(5), 2)))
    for first, second, sentence in pairs:
        assert first == best or first > second
        assert sentence == str(history.compare("best" if first == best else first, second, "f1"))


def test_in_a_long_run_the_best_is_compared_with_few_and_some_with_each_other(monkeypatch):
    history = fit_of(noisy_epochs(8))
    monkeypatch.setattr(comparisons, "_MOST_EPOCHS", 5)
    best = history.best("f1")[0]
    few = {best, max(best - 1, 0), 7}
    pairs = [pair[:2] for pair in compared_pairs(history._run, "f1")]
    assert {other for first, other in pairs if first == best} == few - {best}
    others = few.union([0, 2, 4, 5, 7]) - {best}
    assert {pair for pair in pairs if best not in pair} == {(j, i) for i, j in combinations(sorted(others), 2)}


def test_with_many_rows_the_best_the_one_before_and_the_last_are_compared(monkeypatch):
    history = fit_of(noisy_epochs(6))
    monkeypatch.setattr(comparisons, "_MOST_ROWS", 6 * 300 * 3)
    best = history.best("f1")[0]
    found = {index for pair in compared_pairs(history._run, "f1") for index in pair[:2]}
    assert found == {best, max(best - 1, 0), 5}


def test_a_second_page_of_a_growing_run_compares_the_best_with_all_epochs_again():
    history = fit_of(noisy_epochs(4))
    first = compared_pairs(history._run, "f1")
    assert compared_pairs(history._run, "f1") == first
    assert all("over 4 epochs" in sentence for one, _, sentence in first if one == history.best("f1")[0])


def test_without_labels_or_a_score_nothing_is_compared():
    assert compared_pairs(history_of(Binary(), binary_epochs())._run, "f1") == []
    assert compared_pairs(fit_of(binary_epochs(3))._run, None) == []
    assert compared_pairs(fit_of(binary_epochs(1))._run, "f1") == []
    assert compared_pairs(fit_of(binary_epochs(3))._run, "auc") == []  # no test is known for the best of many
