"""`Scores.best_threshold`: equal to trying every cut that the unit can express, scored by scikit-learn."""

import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn import metrics as sk

from kerascb_metrics import Binary, Metrics, Multilabel
from kerascb_metrics.exceptions import MissingRowsError
from kerascb_metrics.interpret.kinds import CHOOSING

REFERENCES = {
    "f1": lambda y, p, **own: sk.f1_score(y, p, zero_division=0.0, **own),
    "precision": lambda y, p, **own: sk.precision_score(y, p, zero_division=0.0, **own),
    "recall": lambda y, p, **own: sk.recall_score(y, p, zero_division=0.0, **own),
    "iou": lambda y, p, **own: sk.jaccard_score(y, p, zero_division=0.0, **own),
    "f0_5": lambda y, p, **own: sk.fbeta_score(y, p, beta=0.5, zero_division=0.0, **own),
    "f2": lambda y, p, **own: sk.fbeta_score(y, p, beta=2.0, zero_division=0.0, **own),
    "accuracy": lambda y, p, **own: sk.accuracy_score(y, p),
    "balanced_accuracy": lambda y, p, **own: sk.balanced_accuracy_score(y, p),
    "kappa": lambda y, p, **own: sk.cohen_kappa_score(y, p),
    "kappa_linear": lambda y, p, **own: sk.cohen_kappa_score(y, p, weights="linear"),
    "kappa_quadratic": lambda y, p, **own: sk.cohen_kappa_score(y, p, weights="quadratic"),
    "mcc": lambda y, p, **own: sk.matthews_corrcoef(y, p),
}
COUNT = 160


def drawn(prevalence=0.2, count=COUNT, seed=0):
    """Targets, and logits that tell them apart more or less."""
    rng = np.random.default_rng(seed)
    y_true = (rng.random(count) < prevalence).astype(int)
    y_true[:2] = [0, 1]
    return y_true, rng.normal(size=count) + 1.5 * y_true - 1


def cases():
    """Name → targets, outputs, the task, and thresholds among which are all cuts that its unit can express."""
    y_true, z = drawn()
    steep = (18 * z).astype("float32")  # logits beyond 37, which no probability below 1 tells apart
    ends = np.clip(expit(z) * 1.6 - 0.3, 0, 1).astype("float32")  # exact 0 and 1 among them
    for name, outputs in {
        "float32 probabilities": expit(z).astype("float32"),
        "float64 probabilities": expit(z),
        "half precision": expit(z).astype("float16"),
        "tied probabilities": np.round(expit(z), 1).astype("float32"),
        "probabilities of exactly 0 and 1": ends,
        "neighbouring floats": np.float32(0.5) + (z * 4).astype(int) * np.float32(2**-24),
    }.items():
        yield name, y_true, outputs, {}, np.append(0.0, outputs[outputs < 1].astype(float))
    near = np.concatenate([np.nextafter(expit(z), side) for side in (0, 1)])
    yield "logits", y_true, z, {"from_logits": True}, np.concatenate([[0.0], expit(z), near])
    tried = np.linspace(0, 1, 2**11, endpoint=False)
    top = 1 - np.concatenate([2.0**-53 * np.arange(1, 500), np.geomspace(2.0**-45, 1e-3, 2**11)])
    low = expit(np.sort(steep[steep < 0].astype(float)))
    some = np.concatenate([tried, top, low, np.nextafter(low, 1), np.nextafter(low, 0), low / 2])
    yield "logits beyond what probabilities express", y_true, steep, {"from_logits": True}, some
    yield "margins", y_true, z.astype("float32"), {"from_logits": False}, np.append(-99, z.astype("float32"))


CASES = {name: own for name, *own in cases()}


def best_of_all(y_true, outputs, tried, score, from_logits=None):
    """The best value of a score over thresholds that are tried one by one."""
    outputs = np.asarray(outputs, np.float32 if outputs.dtype == np.float16 else None)
    labels = {}
    for threshold in tried:
        cut = float(logit(threshold)) if from_logits else float(threshold)
        predicted = outputs > cut
        labels[predicted.tobytes()] = predicted
    return max(score(y_true, predicted.astype(int)) for predicted in labels.values())


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
@pytest.mark.parametrize(
    ("case", "name"),
    [(case, name) for case in CASES for name in REFERENCES if case == "tied probabilities" or name in ("f1", "mcc")],
)
def test_it_is_the_best_of_all_cuts_that_the_unit_can_express(case, name):
    y_true, outputs, options, tried = CASES[case]
    chosen = Metrics(name, task=Binary(threshold="f1", **options)).score(y_true, outputs).best_threshold(name)
    expected = best_of_all(y_true, outputs, tried, REFERENCES[name], options.get("from_logits"))
    assert chosen.value == pytest.approx(expected, abs=1e-12)
    again = Metrics(name, task=Binary(threshold=chosen.threshold, **options)).score(y_true, outputs)
    assert again[name] == pytest.approx(chosen.value, abs=1e-12)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
@pytest.mark.parametrize("average", ["macro", "micro", "weighted", None])
@pytest.mark.parametrize("name", ["f1", "precision", "recall", "iou", "f2"])
def test_it_averages_as_the_panel_does(average, name):
    y_true, z = drawn()
    outputs = expit(z)
    chosen = Metrics(name, average=average, task="binary").score(y_true, outputs).best_threshold(name)
    own = {"average": average or "binary"}
    expected = best_of_all(y_true, outputs, [0, *outputs], lambda y, p: REFERENCES[name](y, p, **own))
    assert chosen.value == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("name", ["f1", "precision", "recall", "f2"])
def test_the_positive_class_may_be_the_one_of_low_outputs(name):
    y_true, z = drawn(0.7)
    outputs = expit(z)
    chosen = Metrics(name, task=Binary(pos_label=0)).score(y_true, outputs).best_threshold(name)
    expected = best_of_all(y_true, outputs, [0, *outputs], lambda y, p: REFERENCES[name](y, p, pos_label=0))
    assert chosen.value == pytest.approx(expected, abs=1e-12)


def test_specificity_is_that_of_the_panel():
    y_true, z = drawn()
    scores = Metrics("specificity", task="binary").score(y_true, expit(z))
    assert scores.best_threshold("specificity", at_least={"recall": 0.9}).value == pytest.approx(
        max(
            sk.recall_score(y_true, expit(z) > cut, pos_label=0)
            for cut in expit(z)
            if sk.recall_score(y_true, expit(z) > cut) >= 0.9
        )
    )


@pytest.mark.parametrize("name", ["f1", "accuracy", "kappa", "mcc"])
@pytest.mark.parametrize("scale", [1.0, 1e-300, 1e250])
def test_weights_count(name, scale):
    y_true, z = drawn()
    weight = np.random.default_rng(1).uniform(0, 3, COUNT)
    weight[::7] = 0
    outputs = expit(z)
    reference = {
        "f1": sk.f1_score,
        "accuracy": sk.accuracy_score,
        "kappa": sk.cohen_kappa_score,
        "mcc": sk.matthews_corrcoef,
    }[name]
    chosen = Metrics(name, task="binary").score(y_true, outputs, weight * scale).best_threshold(name)
    expected = best_of_all(y_true, outputs, [0, *outputs], lambda y, p: reference(y, p, sample_weight=weight))
    assert chosen.value == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("precision", [0.3, 0.6, 0.9])
def test_at_least_leaves_out_what_is_not_allowed(precision):
    y_true, z = drawn(0.3)
    outputs = expit(z)
    chosen = Metrics(task="binary").score(y_true, outputs).best_threshold("recall", at_least={"precision": precision})
    allowed = [
        sk.recall_score(y_true, outputs > cut)
        for cut in [0, *outputs]
        if (outputs > cut).any() and sk.precision_score(y_true, outputs > cut) >= precision
    ]
    assert chosen.value == pytest.approx(max(allowed), abs=1e-12)
    labels = outputs > chosen.threshold
    assert sk.precision_score(y_true, labels) >= precision
    assert sk.recall_score(y_true, labels) == pytest.approx(chosen.value)


def test_where_nothing_is_allowed_it_is_nan_and_no_number():
    y_true, outputs = np.array([0, 1, 0, 1]), np.array([0.9, 0.1, 0.8, 0.2])
    chosen = Metrics(task="binary").score(y_true, outputs).best_threshold("recall", at_least={"precision": 0.9})
    assert np.isnan(chosen).all()


@pytest.mark.parametrize(
    "cost", [{"fp": 1, "fn": 20}, {"fp": 5, "fn": 1}, {"fp": 1, "fn": 2, "tp": -1, "tn": 0.5}, {"fn": 1}]
)
def test_the_least_cost_per_row(cost):
    y_true, z = drawn()
    outputs = expit(z)
    chosen = Metrics(task="binary").score(y_true, outputs).best_threshold(cost=cost)

    def cost_of(labels):
        tn, fp, fn, tp = sk.confusion_matrix(y_true, labels).ravel()
        counts = {"tn": tn, "fp": fp, "fn": fn, "tp": tp}
        return sum(cost.get(cell, 0) * count for cell, count in counts.items()) / COUNT

    assert chosen.value == pytest.approx(min(cost_of(outputs > cut) for cut in [0, *outputs]), abs=1e-12)
    assert cost_of(outputs > chosen.threshold) == pytest.approx(chosen.value, abs=1e-12)


def test_each_label_has_its_own():
    rng = np.random.default_rng(0)
    y_true = (rng.random((300, 3)) < [0.1, 0.5, 0.3]).astype(int)
    outputs = expit(rng.normal(size=(300, 3)) + y_true)
    y_true[::5, 1] = -1  # missing
    scores = Metrics(task=Multilabel(ignore_class=-1)).score(y_true, outputs)
    chosen = scores.best_threshold("f1")
    for label in range(3):
        there = y_true[:, label] >= 0
        own_true, own = y_true[there, label], outputs[there, label]
        assert chosen.value[label] == pytest.approx(best_of_all(own_true, own, [0, *own], sk.f1_score), abs=1e-12)
    again = Metrics("f1", average=None, task=Multilabel(threshold=chosen.threshold, ignore_class=-1))
    np.testing.assert_allclose(again.score(y_true, outputs)["f1"], chosen.value, atol=1e-12)


def test_a_large_pass_is_searched_in_rounds_with_the_same_result():
    y_true, z = drawn(0.05, 60_000)
    outputs = expit(z - 2)
    scores = Metrics(task="binary").score(y_true, outputs)
    rising = np.argsort(outputs)
    tp, rows = np.cumsum(y_true[rising][::-1]), np.arange(1, len(z) + 1)
    f1 = 2 * tp / (rows + y_true.sum())
    assert scores.best_threshold("f1").value == pytest.approx(f1.max(), abs=1e-12)
    costs = (rows - tp) + 9 * (y_true.sum() - tp)
    assert scores.best_threshold(cost={"fp": 1, "fn": 9}).value == pytest.approx(costs.min() / len(z), abs=1e-12)
    recall = (tp / y_true.sum())[tp / rows >= 0.5].max()
    assert scores.best_threshold("recall", at_least={"precision": 0.5}).value == pytest.approx(recall, abs=1e-12)


def test_two_peaks_are_both_looked_at():
    """Two groups of scores, each with a peak of almost the same F1: the search must not settle for the first."""
    rng = np.random.default_rng(0)
    outputs = np.concatenate([rng.uniform(0.8, 1, 20_000), rng.uniform(0.1, 0.3, 20_000)])
    chance = np.concatenate([np.where(outputs[:20_000] > 0.9, 0.8, 0.05), np.where(outputs[20_000:] > 0.2, 0.75, 0.02)])
    y_true = (rng.random(40_000) < chance).astype(int)
    rising = np.argsort(outputs)
    tp, rows = np.cumsum(y_true[rising][::-1]), np.arange(1, 40_001)
    for name, values in {
        "f1": 2 * tp / (rows + y_true.sum()),
        "accuracy": (2 * tp - rows) / 4e4 + 1 - y_true.mean(),
    }.items():
        chosen = Metrics(task="binary").score(y_true, outputs).best_threshold(name)
        assert chosen.value == pytest.approx(values.max(), abs=1e-12)


# What is worth on other rows.


def test_cross_fitting_adds_the_counts_of_five_fifths():
    from kerascb_metrics.tally.folds import folds_of

    y_true, z = drawn(0.3)
    outputs = expit(z)
    folds, labels = folds_of(np.arange(COUNT)), np.zeros(COUNT, bool)
    for fold in range(5):
        others = folds != fold
        threshold = Metrics(task="binary").score(y_true[others], outputs[others]).best_threshold("f1").threshold
        labels[~others] = outputs[~others] > threshold
    chosen = Metrics(task="binary").score(y_true, outputs).best_threshold("f1")
    assert chosen.cross_fitted == pytest.approx(sk.f1_score(y_true, labels), abs=1e-12)


def test_positions_of_a_sample_stay_in_one_fold():
    rng = np.random.default_rng(0)
    y_true = (rng.random((40, 25)) < 0.3).astype(int)
    outputs = expit(rng.normal(size=(40, 25)) + y_true)
    y_true[rng.random((40, 25)) < 0.1] = -1
    scores = Metrics(task=Binary(threshold="f1", ignore_class=-1)).score(y_true, outputs)
    labels = scores.predictions.labels
    for row in range(40):  # one threshold separates the positions of a sample
        kept = ~np.ma.getmaskarray(labels[row])
        ones, zeros = outputs[row][kept & (labels[row] == 1)], outputs[row][kept & (labels[row] == 0)]
        assert not len(ones) or not len(zeros) or ones.min() > zeros.max()


# Errors.


def test_what_cannot_be_chosen_for_is_refused():
    y_true, z = drawn()
    scores = Metrics(task="binary").score(y_true, expit(z))
    with pytest.raises(TypeError, match="takes a score"):
        scores.best_threshold()
    with pytest.raises(TypeError, match="takes a score"):
        scores.best_threshold("f1", cost={"fp": 1})
    for name in ("auc", "f3", 0.5, ["f1"]):
        with pytest.raises(ValueError, match="counts suffice for"):
            scores.best_threshold(name)
    for limits in ({"auc": 0.5}, {"precision": "high"}, ["precision"], {"precision": np.nan}):
        with pytest.raises(ValueError, match=r"counts suffice for|at_least must be a dict"):
            scores.best_threshold("recall", at_least=limits)
    for cost in ({}, {"false alarm": 1}, {"fp": np.inf}, 3.0):
        with pytest.raises(ValueError, match="cost must be a dict"):
            scores.best_threshold(cost=cost)
    with pytest.raises(ValueError, match="reward mistakes"):
        scores.best_threshold(cost={"fp": 1, "tn": 2, "fn": 1})
    with pytest.raises(ValueError, match="single output"):
        scores.best_threshold("f1", output="a")
    with pytest.raises(ValueError, match="a regression task has no threshold"):
        Metrics(task="regression").score([0.1, 2.0], [0.3, 1.0]).best_threshold("f1")
    with pytest.raises(ValueError, match="a multiclass task has no threshold"):
        Metrics().score([0, 1, 2], np.eye(3)).best_threshold("f1")


def test_the_output_may_be_in_the_names_of_scores():
    y_true, z = drawn()
    scores = Metrics("f1").score({"a": y_true, "b": 1 - y_true}, {"a": expit(z), "b": expit(-z)})
    expected = scores.best_threshold("recall", at_least={"precision": 0.6}, output="b")
    for name, limited, output in [
        ("b_recall", "b_precision", None),
        ("b_recall", "precision", None),
        ("recall", "b_precision", None),
        ("b_recall", "b_precision", "b"),
    ]:
        assert scores.best_threshold(name, at_least={limited: 0.6}, output=output) == expected
    cost = {"fp": 1, "fn": 1}
    found = scores.best_threshold(cost=cost, at_least={"b_recall": 0.5})
    assert found == scores.best_threshold(cost=cost, at_least={"recall": 0.5}, output="b")
    for name, limited, output in [("b_recall", "precision", "a"), ("a_recall", "b_precision", None)]:
        with pytest.raises(ValueError, match=r"a threshold is of one output; received .*a.* and 'b_"):
            scores.best_threshold(name, at_least={limited: 0.6}, output=output)
    with pytest.raises(ValueError, match="at_least has a score twice"):
        scores.best_threshold("b_f1", at_least={"precision": 0.5, "b_precision": 0.9})
    with pytest.raises(ValueError, match="output must be one of 'a', 'b'"):
        scores.best_threshold("a_recall", output="c")


def test_rows_that_are_gone_are_named(tmp_path):
    y_true, z = drawn()
    scores = Metrics(task="binary").score(y_true, expit(z))
    scores.save(tmp_path / "scores.json")
    with pytest.raises(MissingRowsError, match="rows are not at hand"):
        type(scores).load(tmp_path / "scores.json").best_threshold("f1")


def test_the_names_of_the_tasks_are_those_of_the_scores():
    y_true, z = drawn()
    scores = Metrics(task="binary").score(y_true, expit(z))
    assert [np.isfinite(scores.best_threshold(name).value) for name in CHOOSING] == [True] * len(CHOOSING)
