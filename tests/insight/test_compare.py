"""Paired comparison of two results and of epochs: references, refusals, the best of many, and what is kept for it."""

import pickle
from functools import cache

import keras
import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import norm
from sklearn import metrics as sk
from statsmodels.stats.contingency_tables import mcnemar as reference_mcnemar

from kerascb_metrics import Binary, Metrics, compare_histories
from kerascb_metrics.exceptions import MissingRowsError
from kerascb_metrics.insight.best_of_many import corrected_best, fold_tables, max_t
from kerascb_metrics.insight.known_scores import KnownScore
from kerascb_metrics.insight.labelled_pass import LabelledPass, PassRows
from kerascb_metrics.insight.paired import Shares, mcnemar, paired_delta, right_and_wrong
from kerascb_metrics.insight.paired_areas import paired_delong
from kerascb_metrics.record import label_store
from kerascb_metrics.tally.folds import FOLDS, folds_of

F1 = KnownScore("f1", "binary")


def two(count=500, share=0.3, seed=0):
    """Targets, and the outputs of two models that agree on most rows."""
    rng = np.random.default_rng(seed)
    y_true = (rng.random(count) < share).astype(int)
    common = rng.normal(size=count) + 1.5 * y_true - 1
    return y_true, *(expit(common + rng.normal(size=count) * spread) for spread in (0.3, 0.8))


# Against references.


@pytest.mark.parametrize("table", [[[90, 8], [2, 5]], [[50, 0], [7, 3]], [[10, 4], [4, 2]], [[900, 61], [40, 99]]])
def test_mcnemar_is_that_of_statsmodels(table):
    """statsmodels has the exact test; the mid-p takes half of the probability of the table itself off, twice."""
    found = mcnemar(np.array(table), 0.95)
    first, second = table[0][1], table[1][0]
    exact = reference_mcnemar(table, exact=True).pvalue
    of_table = 0.0 if first == second else 2 * 0.5 * _probability(min(first, second), first + second)
    assert found.pvalue == pytest.approx(min(exact - of_table, 1.0), abs=1e-12)
    assert found.interval.low < found.difference < found.interval.high


def _probability(count, total):
    from scipy.stats import binom

    return binom.pmf(count, total, 0.5)


@pytest.mark.parametrize("average", ["micro", "macro"])
@pytest.mark.parametrize("of_elements", [False, True], ids=["weights of rows", "weights of elements"])
def test_the_share_of_a_row_of_labels_is_how_the_score_moves_with_its_weight(average, of_elements):
    rng = np.random.default_rng(0)
    y_true, y_pred, present = (rng.random((40, 3)) < share for share in (0.4, 0.5, 0.8))
    weight = rng.random((40, 3) if of_elements else 40) + 0.5
    rows = PassRows("multilabel", ("a", "b", "c"), y_true, weight, present, None, False, 40, 0)
    shares = Shares.of(LabelledPass(rows, y_pred, ""), KnownScore("f1", average), -1, 0.0)

    def f1(weight):
        elements = np.where(present, weight.reshape(40, -1), 0.0)
        if average == "micro":
            return sk.f1_score(y_true.ravel(), y_pred.ravel(), sample_weight=elements.ravel())
        columns = zip(y_true.T, y_pred.T, elements.T, strict=True)
        return np.mean([sk.f1_score(true, predicted, sample_weight=own) for true, predicted, own in columns])

    assert shares.value == pytest.approx(f1(weight), abs=1e-12)
    for row, share in enumerate(shares.of_rows()):
        more, less = (np.where(np.arange(40) == row, factor, 1.0) for factor in (1 + 1e-5, 1 - 1e-5))
        moved = (f1((weight.T * more).T) - f1((weight.T * less).T)) / 2e-5
        assert share == pytest.approx(moved, abs=1e-7)


@pytest.mark.parametrize("name", ["f1", "precision", "kappa", "balanced_accuracy"])
def test_the_paired_delta_method_is_a_bootstrap_of_rows_without_drawing(name):
    y_true, first, second = two(800)
    functions = {
        "f1": sk.f1_score,
        "precision": sk.precision_score,
        "recall": sk.recall_score,
        "kappa": sk.cohen_kappa_score,
        "mcc": sk.matthews_corrcoef,
        "balanced_accuracy": sk.balanced_accuracy_score,
        "iou": sk.jaccard_score,
        "f2": lambda y, p: sk.fbeta_score(y, p, beta=2),
    }
    score, metrics = functions[name], Metrics([name], task="binary")
    found = metrics.score(y_true, first).compare(metrics.score(y_true, second), name)
    labels = first > 0.5, second > 0.5
    assert found.difference == pytest.approx(score(y_true, labels[0]) - score(y_true, labels[1]), abs=1e-9)
    rng, drawn = np.random.default_rng(0), []
    for _ in range(400):
        rows = rng.integers(0, 800, 800)
        drawn.append(score(y_true[rows], labels[0][rows]) - score(y_true[rows], labels[1][rows]))
    low, high = found.confidence_interval
    assert high - low == pytest.approx(2 * 1.963 * np.std(drawn), rel=0.12)
    assert found.n_changed == (labels[0] != labels[1]).sum()
    right = [labels[0] == y_true, labels[1] == y_true]
    expected = [[(right[0] & right[1]).sum(), (right[0] & ~right[1]).sum()], [(~right[0] & right[1]).sum(), 0]]
    expected[1][1] = 800 - sum(map(sum, expected))
    np.testing.assert_array_equal(found.table, expected)


def test_delong_is_that_over_all_pairs():
    y_true, first, second = two(300)
    positive = y_true == 1
    wins = [np.sign(own[positive][:, None] - own[~positive]) / 2 + 0.5 for own in np.round([first, second], 2)]
    difference = wins[0] - wins[1]
    variance = difference.mean(axis=1).var(ddof=1) / positive.sum()
    variance += difference.mean(axis=0).var(ddof=1) / (~positive).sum()
    found = paired_delong(positive, *np.round([first, second], 2), 0.95)
    assert found.difference == pytest.approx(difference.mean(), abs=1e-12)
    assert found.pvalue == pytest.approx(2 * norm.sf(abs(difference.mean()) / np.sqrt(variance)), abs=1e-9)
    metrics = Metrics("auc", task="binary")
    again = metrics.score(y_true, np.round(first, 2)).compare(metrics.score(y_true, np.round(second, 2)), "auc")
    assert again.pvalue == pytest.approx(found.pvalue, abs=1e-12)
    assert again.method == "paired DeLong"


def test_classes_labels_weights_and_positions():
    rng = np.random.default_rng(0)
    y_true, p = rng.integers(0, 4, 600), rng.dirichlet(np.ones(4), 600)
    q = np.where(rng.random((600, 1)) < 0.2, rng.dirichlet(np.ones(4), 600), p)
    for metrics, rows in {
        Metrics(["f1", "accuracy", "kappa"]): (y_true, p, q, {}),
        Metrics(["f1"]): (y_true, p, q, {"sample_weight": rng.random(600)}),
        Metrics(["f1"], task="multilabel"): ((rng.random((600, 4)) < 0.4).astype(int), p * 2, q * 2, {}),
        Metrics(["f1", "accuracy"], task="binary"): (
            y_true.reshape(60, 10) % 2,
            p[:, 0].reshape(60, 10),
            q[:, 0].reshape(60, 10),
            {},
        ),
    }.items():
        truth, one, other, own = rows
        one, other = np.clip(one, 0, 1), np.clip(other, 0, 1)
        first, second = metrics.score(truth, one, **own), metrics.score(truth, other, **own)
        for name in first:
            found = first.compare(second, name)
            assert found.difference == pytest.approx(first[name] - second[name], abs=1e-9)
            assert 0 < found.pvalue <= 1
            turned = second.compare(first, name)
            assert turned.difference == pytest.approx(-found.difference, abs=1e-12)
            assert turned.pvalue == pytest.approx(found.pvalue, abs=1e-9)


def test_groups_of_rows_widen_the_interval():
    rng = np.random.default_rng(0)
    patients = np.repeat(np.arange(50), 20)
    y_true = (rng.random(1000) < 0.4).astype(int)
    harm = rng.normal(size=50)[patients]
    first = expit(rng.normal(size=1000) + 1.5 * y_true - 0.7)
    second = expit(rng.normal(size=1000) + (1.5 + 2 * harm) * (y_true - 0.5))
    metrics = Metrics(["accuracy", "f1"], task="binary")
    one, other = metrics.score(y_true, first), metrics.score(y_true, second)
    for name in one:
        alone, grouped = one.compare(other, name), one.compare(other, name, groups=patients)
        assert np.ptp(grouped.confidence_interval) > 1.3 * np.ptp(alone.confidence_interval)


def test_a_sentence_says_it():
    y_true, first, second = two()
    metrics = Metrics(["f1", "accuracy"], task="binary")
    one, other = metrics.score(y_true, first), metrics.score(y_true, second)
    found = one.compare(other, "f1")
    low, high = found.confidence_interval
    assert str(found) == (
        f"f1 is {found.difference:.4f} higher in the first result than in the second result (95 % interval {low:+.4f} "
        f"to {high:+.4f}, p = {found.pvalue:.2g}, paired delta method); {found.n_changed} of 500 rows changed their "
        "label."
    )
    same = one.compare(one, "f1")
    assert (same.difference, same.pvalue, same.n_changed) == (0, 1, 0)
    assert "the same in" in str(same)


# Refusals.


def test_other_rows_are_refused():
    y_true, first, second = two()
    metrics = Metrics(["f1", "auc"], task="binary")
    one, order = metrics.score(y_true, first), np.random.default_rng(0).permutation(500)
    others = {
        "another order": metrics.score(y_true[order], second[order]),
        "other weights": metrics.score(y_true, second, np.ones(500)),
        "fewer rows": metrics.score(y_true[:400], second[:400]),
        "a mask": metrics.score(y_true, second, mask=np.arange(500) > 3),
    }
    for other in others.values():
        with pytest.raises(ValueError, match="of other rows, or of the same rows in another order"):
            one.compare(other, "f1")


def test_what_cannot_be_compared_says_why(tmp_path):
    y_true, first, second = two()
    metrics = Metrics(["f1", "neg_log_loss", "confusion"], task="binary")
    one, other = metrics.score(y_true, first), metrics.score(y_true, second)
    with pytest.raises(ValueError, match="not made of the labels alone"):
        one.compare(other, "neg_log_loss")
    with pytest.raises(ValueError, match="not made of the labels alone"):
        one.compare(other, "confusion")
    with pytest.raises(KeyError, match="no score 'f2'"):
        one.compare(other, "f2")
    with pytest.raises(ValueError, match="between 0 and 1"):
        one.compare(other, "f1", confidence_level=95)
    one.save(tmp_path / "one.json")
    with pytest.raises(MissingRowsError, match="rows are not at hand"):
        type(one).load(tmp_path / "one.json").compare(other, "f1")


@pytest.mark.parametrize(
    ("name", "task", "reason"),
    [
        ("mae", "regression", "score of a regression, .* confidence_interval\\('mae'\\)"),
        ("average_precision", None, "a test is known for ROC AUC alone"),
        ("r2", None, "not made of the labels alone"),
    ],
)
def test_a_score_without_a_test_is_refused_for_what_it_is(name, task, reason, tmp_path):
    """Not because labels were not kept: no labels would do."""
    history = run(3, scoring=name, task=task).history
    history.save(tmp_path / "run.json")
    loaded = type(history).load(tmp_path / "run.json")
    for call in (
        lambda: history.compare(0, 1, name),
        lambda: history.compare("best", "last", name),
        lambda: history.at(0).compare(history.at("last"), name),
        lambda: loaded.compare(0, 1, name),
    ):
        with pytest.raises(ValueError, match=f"^{name} cannot be compared: .*{reason}"):
            call()
    history.save_report(tmp_path / "report.html")  # leaves the comparisons out


def test_an_undefined_score_is_not_compared():
    y_true, first, _ = two()
    metrics = Metrics("recall", task="binary", zero_division=float("nan"))
    with pytest.warns(UserWarning, match="recall"):
        one = metrics.score(np.zeros_like(y_true), first)
    with pytest.raises(ValueError, match="recall cannot be compared: it is undefined in this result"):
        one.compare(one, "recall")


def test_averages_over_rare_classes_are_refused_in_words():
    rng = np.random.default_rng(0)
    y_true = np.array([0] * 150 + [1] * 45 + [2] * 5)
    p, q = rng.dirichlet(np.ones(3), (2, 200))
    metrics = Metrics("f1")
    found = metrics.score(y_true, p).compare(metrics.score(y_true, q), "f1")
    assert np.isnan(found.pvalue)
    assert "a class has 5 rows" in found.confidence_interval.reason
    assert "No interval: a class has 5 rows" in str(found)


# Epochs.


class _Drifting(keras.callbacks.Callback):
    """Moves the only weight before each validation, so that labels change from epoch to epoch."""

    def on_epoch_begin(self, epoch, logs=None):
        self.model.layers[-1].set_weights([np.array([[1.0 + 0.15 * epoch]])])


@cache
def run(epochs=4, shuffled=False, scoring=None, task=None, memory="auto"):
    """A `Metrics` after a fit; kept, because the tests only read it."""
    y_true, p, _ = two()
    logits = np.log(p / (1 - p)).astype("float32")[:, None] - 0.4
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, activation="sigmoid", use_bias=False)])
    model.add(keras.layers.Dense(1, use_bias=False))
    model.compile(keras.optimizers.SGD(0.0), keras.losses.MeanSquaredError())
    model.layers[0].set_weights([np.array([[1.0]])])
    metrics = Metrics(scoring, task=task or Binary(0.5, from_logits=False), memory=memory, verbose=False)
    callbacks = [_Drifting(), metrics]
    data = (logits, y_true.astype("float32"))
    if shuffled:

        class Shuffled(keras.utils.PyDataset):
            def __len__(self):
                return 2

            def __getitem__(self, index):
                rows = np.random.default_rng().permutation(500)[index::2]
                return logits[rows], y_true[rows].astype("float32")

        data = Shuffled()
    model.fit(logits[:8], y_true[:8], validation_data=data, epochs=epochs, verbose=0, callbacks=callbacks)
    return metrics


def test_epochs_are_compared_by_their_labels():
    metrics = run()
    history = metrics.history
    found = history.compare(3, 0, "f1")
    assert found.difference == pytest.approx(history["f1"][3] - history["f1"][0], abs=1e-9)
    assert found.n_changed > 0
    assert "in epoch 3 than in epoch 0" in str(found)
    by_scores = history.at(3).compare(history.at(0), "f1")
    assert by_scores.pvalue == found.pvalue
    np.testing.assert_array_equal(by_scores.table, found.table)
    again = pickle.loads(pickle.dumps(history)).compare(3, 0, "f1")
    assert again.pvalue == found.pvalue


def test_best_is_tested_with_all_epochs():
    history = run().history
    best = history.best("f1")[0]
    other = next(epoch for epoch in history.epochs if epoch != best)
    alone, chosen = history.compare(best, other, "f1"), history.compare("best", other, "f1")
    assert chosen.method == "paired delta method, max-t over 4 epochs"
    assert chosen.difference == pytest.approx(alone.difference)
    assert chosen.pvalue > alone.pvalue
    turned = history.compare(other, "best", "f1")
    assert turned.difference == pytest.approx(-chosen.difference)
    assert turned.confidence_interval == pytest.approx([-end for end in chosen.confidence_interval[::-1]])
    at_best = history.at("best")
    assert at_best.compare(history.at(other), "f1").pvalue == chosen.pvalue


def test_the_corrected_best_is_one_of_epochs_that_other_folds_chose():
    history = run(6).history
    metrics = run(6)
    y_true, labels = two()[0], []
    folds = folds_of(np.arange(500))
    for epoch in range(6):
        labels.append(metrics.history._run.labels.pass_of(epoch, None).y_pred)
    chosen = np.zeros(500, bool)
    for fold in range(FOLDS):
        others = folds != fold
        values = [sk.f1_score(y_true[others], own[others]) for own in labels]
        chosen[~others] = labels[int(np.argmax(values))][~others]
    found = history.corrected_best("f1")
    assert found.value == pytest.approx(sk.f1_score(y_true, chosen), abs=1e-12)
    assert (found.epochs, found.reason) == (6, "")
    text = f"corrected for choosing among 6 epochs: {found.value:.4f}"
    assert text in str(history)
    assert text in history._repr_html_()
    assert f"{found.value:.4f}" in compare_histories({"a": history, "b": history}).table("f1")


def test_where_there_is_no_corrected_best_it_says_why(tmp_path):
    history = run().history
    assert "not one of labels" in history.corrected_best("auc").reason
    history.save(tmp_path / "run.json")
    loaded = type(history).load(tmp_path / "run.json")
    assert "were not kept" in loaded.corrected_best("f1").reason
    assert "corrected" not in str(loaded)
    chosen = run(task=Binary(from_logits=False, threshold="f1")).history
    assert "threshold was chosen" in chosen.corrected_best("f1").reason
    with pytest.raises(KeyError):
        history.corrected_best("f3")


def test_areas_of_the_best_and_the_last_epoch_are_compared():
    """One weight that grows does not change the order, so the rows are ranked alike; other epochs have no outputs."""
    history = run(4).history
    best = history.best("f1")[0]
    found = history.compare(best, "last", "auc")
    assert found.method == "paired DeLong"
    assert (found.difference, found.pvalue) == (0, 1)
    other = next(epoch for epoch in (0, 1, 2) if epoch != best)
    with pytest.raises(ValueError, match="outputs, which are kept of the best and the last epoch only"):
        history.compare(3, other, "auc")
    with pytest.raises(ValueError, match="it was chosen among all"):
        history.compare("best", "last", "auc")


def test_groups_of_samples_are_compared_by_epoch_too():
    history = run(4).history
    patients = np.arange(500) // 10
    alone, grouped = history.compare(3, 0, "f1"), history.compare(3, 0, "f1", groups=patients)
    assert grouped.difference == alone.difference
    assert grouped.pvalue != alone.pvalue
    same = history.compare(3, 0, "f1", groups=[f"patient {i}" for i in range(500)])
    assert same.pvalue == pytest.approx(alone.pvalue, rel=1e-6)
    best = history.compare("best", 0, "f1", groups=patients)
    assert best.method.endswith("max-t over 4 epochs")
    with pytest.raises(ValueError, match=r"one value per sample, so the shape \(500,\)"):
        history.compare(3, 0, "f1", groups=patients[:-1])


def test_each_epoch_has_its_groups_by_the_labels_that_are_kept():
    history, groups = run(3).history, np.arange(500) % 4
    y_true = two()[0]
    found = history.by_group(groups, "f1")
    for epoch, own in enumerate(found):
        labels = history._run.labels.pass_of(epoch, None).y_pred
        for group in range(4):
            expected = sk.f1_score(y_true[groups == group], labels[groups == group])
            assert own[group] == pytest.approx(expected, abs=1e-12)
    with pytest.raises(ValueError, match="auc of epoch 0 has no groups"):
        history.at(0).by_group(groups, "auc")
    assert set(history.at("last").by_group(groups, "auc")) == {0, 1, 2, 3}


def test_shuffled_rows_are_refused():
    history = run(2, shuffled=True).history
    with pytest.raises(ValueError, match="not those of the last epoch, or have another order"):
        history.compare(1, 0, "f1")
    assert "another order" in history.corrected_best("f1").reason


def test_of_counted_rows_accuracy_alone_is_compared(tmp_path):
    """With memory="bounded" one bit per row tells whether it was right."""
    exact = run(4, scoring=("accuracy", "f1", "auc")).history
    bounded = run(4, scoring=("accuracy", "f1", "auc"), memory="bounded").history
    for pair in ((3, 0), ("best", 1)):
        expected, found = exact.compare(*pair, "accuracy"), bounded.compare(*pair, "accuracy")
        assert found.difference == pytest.approx(expected.difference, abs=1e-12)
        assert found.pvalue == pytest.approx(expected.pvalue, abs=1e-9)
        np.testing.assert_array_equal(found.table, expected.table)
    assert bounded.corrected_best("accuracy").value == pytest.approx(exact.corrected_best("accuracy").value, abs=1e-12)
    again = pickle.loads(pickle.dumps(bounded))
    for name in ("f1", "auc"):
        with pytest.raises(ValueError, match="only right or wrong is kept of each row"):
            again.compare(3, 0, name)
        with pytest.raises(ValueError, match="only right or wrong is kept of each row"):
            bounded.compare(3, 0, name)
    assert "only right or wrong" in bounded.corrected_best("f1").reason
    assert "not one of labels" in bounded.corrected_best("auc").reason
    with pytest.raises(ValueError, match="was not scored"):
        bounded.compare(7, 0, "accuracy")
    bounded.save(tmp_path / "run.json", labels=True)
    assert "were not kept" in type(bounded).load(tmp_path / "run.json").corrected_best("accuracy").reason


def test_a_chosen_threshold_of_counts_is_not_compared():
    history = run(2, memory="bounded", task=Binary(from_logits=False, threshold="f1")).history
    with pytest.raises(ValueError, match="the labels of epoch 1 were not kept"):
        history.compare(1, 0, "f1")


def test_past_the_limit_the_best_and_the_last_epoch_keep_their_labels(monkeypatch):
    monkeypatch.setattr(label_store, "_MOST_BYTES", 100)  # an epoch takes 63
    history = run.__wrapped__(4).history
    best = history.best("f1")[0]
    other = next(epoch for epoch in (0, 1, 2) if epoch != best)
    with pytest.raises(ValueError, match="past 64 MiB only the best and the last epoch keep theirs"):
        history.compare(3, other, "f1")


# Simulations.


def equal_epochs(rng, count, share, epochs, distance=1.5, cut=1.2, common=0.85):
    y_true = rng.random(count) < share
    both = np.sqrt(common) * rng.normal(size=count)
    rows = PassRows("binary", ("0", "1"), y_true, None, None, None, False, count, 0)
    own = np.sqrt(1 - common) * rng.normal(size=(epochs, count))
    return [LabelledPass(rows, both + noise + distance * y_true > cut, "") for noise in own]


@pytest.mark.simulation
@pytest.mark.parametrize(("count", "share"), [(200, 0.3), (1000, 0.3), (1000, 0.05)])
def test_equal_models_are_rarely_told_apart(count, share):
    rng = np.random.default_rng(0)
    rejected = {"accuracy": [], "f1": [], "kappa": []}
    for _ in range(800):
        first, second = equal_epochs(rng, count, share, 2)
        rejected["accuracy"].append(mcnemar(right_and_wrong(first, second), 0.95).pvalue < 0.05)
        rejected["f1"].append(paired_delta(first, second, F1, 1, 0.0, 0.95).pvalue < 0.05)
        rejected["kappa"].append(paired_delta(first, second, KnownScore("kappa"), 1, 0.0, 0.95).pvalue < 0.05)
    assert all(np.mean(own) <= 0.07 for own in rejected.values())
    assert np.mean(rejected["f1"]) >= 0.03


@pytest.mark.simulation
def test_equal_areas_are_rarely_told_apart():
    rng = np.random.default_rng(0)
    rejected = []
    for _ in range(600):
        positive = rng.random(500) < 0.2
        common = rng.normal(size=500) + 1.5 * positive
        first, second = (common + 0.5 * rng.normal(size=500) for _ in range(2))
        rejected.append(paired_delong(positive, first, second, 0.95).pvalue < 0.05)
    assert np.mean(rejected) <= 0.07


@pytest.mark.simulation
def test_the_best_of_a_plateau_is_rarely_better_and_its_score_is_corrected():
    """Forty equal epochs: the best one would test as better than the last in a quarter of the runs."""
    rng, replicates = np.random.default_rng(0), 150
    tp, fp = 0.05 * norm.sf(1.2 - 1.5), 0.95 * norm.sf(1.2)
    true = 2 * tp / (2 * tp + fp + 0.05 - tp)
    naive, corrected, highest, rejected = [], [], [], []
    for _ in range(replicates):
        passes = equal_epochs(rng, 1000, 0.05, 40)
        values = [Shares.of(own, F1, 1, 0.0).value for own in passes]
        best = int(np.argmax(values))
        naive.append(paired_delta(passes[best], passes[-1], F1, 1, 0.0, 0.95).pvalue < 0.05)
        rejected.append(max_t(best, 39, passes, F1, 1, 0.0, 0.95).pvalue < 0.05)
        corrected.append(corrected_best([fold_tables(own) for own in passes], F1, 1, 0.0))
        highest.append(max(values))
    assert np.mean(rejected) <= 0.05
    assert np.mean(naive) > 0.15
    assert np.mean(highest) - true > 0.03
    assert abs(np.mean(corrected) - true) < 0.01
