"""`Scores.calibration`: equal to scikit-learn from the rows, close to it from the curve, and honest about chance."""

import numpy as np
import pytest
from scipy.special import expit, softmax
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss, log_loss

from kerascb_metrics import Binary, Metrics, Multiclass, Multilabel, Ordinal
from kerascb_metrics.scores import Scores


def drawn(count, overconfidence=1.0, shift=0.0, seed=0):
    """Return targets, and logits that are right if divided by `overconfidence`."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=count) * 1.5 + shift
    y_true = (rng.random(count) < expit(logits)).astype(int)
    y_true[:2] = [0, 1]
    return y_true, logits * overconfidence


def without_rows(scores):
    """Return what is left of a result whose rows are gone."""
    return Scores(scores._record)


def weights_of(count):
    weight = np.random.default_rng(1).uniform(0, 3, count)
    weight[::7] = 0
    return weight


OUTPUTS = {
    "logits": (lambda z: z, {"from_logits": True}),
    "probabilities": (expit, {}),
    "float32 probabilities": (lambda z: expit(z).astype("float32"), {}),
    "float32 logits": (lambda z: z.astype("float32"), {"from_logits": True}),
}


def proba_of(case, outputs):
    """Return the probability of class 1 in the dtype that scikit-learn would get."""
    return expit(outputs.astype(np.float64)) if "logits" in case else outputs


# Against scikit-learn.


@pytest.mark.parametrize("pos_label", [0, 1])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("case", OUTPUTS)
def test_rows_have_the_scores_of_scikit_learn(case, weighted, pos_label):
    y_true, z = drawn(1000, 1.5, 0.5)
    make, options = OUTPUTS[case]
    outputs, weight = make(z), weights_of(1000) if weighted else None
    found = Metrics("f1", task=Binary(pos_label=pos_label, **options)).score(y_true, outputs, weight).calibration()
    proba = proba_of(case, outputs)
    assert found.class_name == str(pos_label)
    assert found.log_loss == pytest.approx(log_loss(y_true, proba, sample_weight=weight), abs=1e-12)
    own = brier_score_loss(y_true, proba, sample_weight=weight)
    assert found.brier == pytest.approx(own, abs=1e-12 if proba.dtype == np.float64 else 1e-7)


@pytest.mark.parametrize("n_bins", [1, 2, 7, 10, 50])
@pytest.mark.parametrize("digits", [1, 2, 16])
@pytest.mark.parametrize("count", [20, 203, 1000])
def test_bins_are_those_of_scikit_learn(count, digits, n_bins):
    y_true, z = drawn(count)
    proba = np.round(expit(z), digits)
    found = Metrics().score(y_true, proba).calibration(n_bins=n_bins)
    prob_true, prob_pred = calibration_curve(y_true, proba, n_bins=n_bins, strategy="quantile")
    np.testing.assert_allclose(found.prob_true, prob_true, atol=1e-12)
    np.testing.assert_allclose(found.prob_pred, prob_pred, atol=1e-12)
    assert found.n.sum() == count
    assert found.ece == pytest.approx(found.n / count @ np.abs(prob_true - prob_pred), abs=1e-12)


def test_a_curve_of_few_rows_has_the_bins_of_the_rows():
    y_true, z = drawn(200)
    scores = Metrics().score(y_true, np.round(expit(z), 2))
    rows, curve = scores.calibration(), without_rows(scores).calibration()
    for name in ("prob_pred", "prob_true", "n", "low", "high", "brier", "log_loss", "ece", "ece_if_calibrated"):
        np.testing.assert_allclose(getattr(curve, name), getattr(rows, name), atol=1e-9)


@pytest.mark.parametrize("count", [200, 1000, 100_000])
@pytest.mark.parametrize("overconfidence", [1.0, 1.5])
@pytest.mark.parametrize("shift", [-3, 0, 1])
@pytest.mark.parametrize(("case", "pos_label"), [*((case, 1) for case in OUTPUTS), ("logits", 0), ("probabilities", 0)])
def test_the_curve_agrees_with_the_rows(case, pos_label, shift, overconfidence, count):
    y_true, z = drawn(count, overconfidence, shift)
    make, options = OUTPUTS[case]
    outputs = make(z)
    scores = Metrics("auc", task=Binary(pos_label=pos_label, **options)).score(y_true, outputs)
    found, proba = without_rows(scores).calibration(), proba_of(case, outputs)
    assert found.brier == pytest.approx(brier_score_loss(y_true, proba), abs=2e-4)
    assert found.log_loss == pytest.approx(log_loss(y_true, proba), abs=2e-4)
    assert found.ece == pytest.approx(scores.calibration().ece, abs=1e-3)
    assert found.n.sum() == count


@pytest.mark.parametrize("count", [200, 100_000])
def test_the_curve_of_weighted_rows_agrees_too_but_has_no_band(count):
    y_true, z = drawn(count, 1.5)
    weight = weights_of(count)
    scores = Metrics("auc", task="binary").score(y_true, expit(z), weight)
    found = without_rows(scores).calibration()
    assert found.brier == pytest.approx(brier_score_loss(y_true, expit(z), sample_weight=weight), abs=2e-4)
    assert found.log_loss == pytest.approx(log_loss(y_true, expit(z), sample_weight=weight), abs=2e-4)
    assert found.n.sum() == pytest.approx(weight.sum())
    assert np.isnan(found.low).all()
    assert np.isnan(found.ece_if_calibrated)
    assert "does not tell how many rows" in str(found)
    assert "ECE" not in str(found)


def test_probabilities_of_exactly_0_and_1_and_ties():
    y_true, z = drawn(20_000, 1.5)
    proba = np.round(expit(2 * z), 1).astype("float32")
    scores = Metrics("auc", task="binary").score(y_true, proba)
    rows, curve = scores.calibration(), without_rows(scores).calibration()
    assert rows.log_loss == pytest.approx(log_loss(y_true, proba), abs=1e-12)
    assert curve.log_loss == pytest.approx(rows.log_loss, abs=0.01)
    assert curve.brier == pytest.approx(rows.brier, abs=2e-4)
    for found in (rows, curve):
        assert len(found.n) < 10  # rows of a probability are in one bin
        assert np.isin(rows.prob_pred.round(2), np.arange(11) / 10).sum() >= 2


@pytest.mark.parametrize("scale", [1e-300, 1e250])
def test_weights_of_any_size(scale):
    y_true, z = drawn(300)
    weight = weights_of(300)
    plain, scaled = (Metrics(task="binary").score(y_true, expit(z), own) for own in (weight, weight * scale))
    for one, other in zip(*((s.calibration(), without_rows(s).calibration()) for s in (plain, scaled)), strict=True):
        np.testing.assert_allclose(other.prob_true, one.prob_true, atol=1e-12)
        assert other.brier == pytest.approx(one.brier, abs=1e-12)
    assert scaled.temperature() == pytest.approx(plain.temperature())
    assert without_rows(scaled).temperature() == pytest.approx(plain.temperature(), rel=0.01)


# One class of several.


def three_classes(count=2000, overconfidence=1.0, seed=0):
    rng = np.random.default_rng(seed)
    z = 2 * rng.normal(size=(count, 3))
    edges = softmax(z, axis=1).cumsum(axis=1)
    return (rng.random((count, 1)) > edges[:, :2]).sum(axis=1), z * overconfidence


@pytest.mark.parametrize("from_logits", [False, True])
def test_a_class_against_all_others(from_logits):
    y_true, z = three_classes()
    outputs = z if from_logits else softmax(z, axis=1)
    task = Multiclass(from_logits=from_logits, class_names=["cat", "dog", "eel"])
    scores = Metrics(task=task).score(y_true, outputs)
    own = softmax(z, axis=1)[:, 1]
    found, curve = scores.calibration("dog"), without_rows(scores).calibration("dog")
    assert found.brier == pytest.approx(brier_score_loss(y_true == 1, own), abs=1e-12)
    assert found.log_loss == pytest.approx(log_loss(y_true == 1, own), abs=1e-12)
    assert (curve.brier, curve.log_loss) == pytest.approx((found.brier, found.log_loss), abs=2e-4)
    for one in (scores, without_rows(scores)):
        with pytest.raises(ValueError, match="of one class: choose class_name= from cat, dog, eel"):
            one.calibration()
        with pytest.raises(ValueError, match="of the classes 'cat', 'dog', 'eel'; received 'cow'"):
            one.calibration("cow")


def test_a_label_over_its_own_rows():
    rng = np.random.default_rng(0)
    z = rng.normal(size=(900, 2))
    y_true = (rng.random(z.shape) < expit(z)).astype(int)
    y_true[::5, 1] = -1
    scores = Metrics(task=Multilabel(class_names=["a", "b"], ignore_class=-1)).score(y_true, expit(z))
    there = y_true[:, 1] >= 0
    found, curve = scores.calibration("b"), without_rows(scores).calibration("b")
    assert found.n.sum() == curve.n.sum() == there.sum()
    assert found.brier == pytest.approx(brier_score_loss(y_true[there, 1], expit(z[there, 1])), abs=1e-12)
    assert (curve.brier, curve.log_loss) == pytest.approx((found.brier, found.log_loss), abs=2e-4)


def test_positions_of_a_sample_have_no_band():
    rng = np.random.default_rng(0)
    z = rng.normal(size=(40, 25))
    y_true = (rng.random(z.shape) < expit(z)).astype(int)
    scores = Metrics(task="binary").score(y_true, expit(z))
    for found in (scores.calibration(), without_rows(scores).calibration()):
        assert np.isnan([found.low, found.high]).all()
        assert "depend on each other" in found.reason
        assert str(found).endswith(f"No band: {found.reason}.")
        assert np.isfinite(found.brier)


# Chance.


@pytest.mark.parametrize("count", [200, 1000, 10_000])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_band_holds_calibrated_models(count, weighted):
    rng = np.random.default_rng(count)
    inside, runs = [], 60
    for _ in range(runs):
        proba = expit(2 * rng.normal(size=count))
        weight = rng.uniform(0.5, 2, count) if weighted else None
        found = Metrics("f1", task="binary").score(rng.random(count) < proba, proba, weight).calibration()
        inside += ((found.low <= found.prob_true) & (found.prob_true <= found.high)).tolist()
    assert 0.93 <= np.mean(inside) <= 0.995  # of few rows more than the level: they are whole numbers


@pytest.mark.parametrize(("count", "insight"), [(200, 0.078), (1000, 0.036), (10_000, 0.011)])
@pytest.mark.parametrize("n_bins", [2, 10])
def test_ece_of_a_calibrated_model(count, insight, n_bins):
    """The exact mean against drawn targets; with ten bins it is about what INSIGHT measured for other models."""
    rng = np.random.default_rng(0)
    proba = expit(rng.normal(size=count))
    metrics = Metrics("f1", task="binary")
    found = metrics.score(rng.random(count) < proba, proba).calibration(n_bins=n_bins)
    bins = np.searchsorted(np.percentile(proba, np.linspace(0, 100, n_bins + 1))[1:-1], proba)
    hot = np.eye(n_bins)[bins]
    drawn_targets = (rng.random((2000, count)) < proba) @ hot if count < 5000 else None
    if drawn_targets is not None:
        errors = np.abs(drawn_targets - proba @ hot).sum(axis=1) / count
        assert found.ece_if_calibrated == pytest.approx(errors.mean(), rel=0.03)
    if n_bins == 10:
        assert found.ece_if_calibrated == pytest.approx(insight, rel=0.25)


def test_an_overconfident_model_is_outside():
    y_true, z = drawn(10_000, 2.0)
    found = Metrics(task="binary").score(y_true, expit(z)).calibration()
    outside = (found.prob_true < found.low) | (found.prob_true > found.high)
    assert outside.sum() >= 7
    assert found.ece > 10 * found.ece_if_calibrated
    assert f"ECE {found.ece:.4f}; a calibrated model would get {found.ece_if_calibrated:.4f}" in str(found)


def test_a_wider_band_for_a_higher_level():
    y_true, z = drawn(1000)
    scores = Metrics(task="binary").score(y_true, expit(z))
    narrow, wide = (scores.calibration(confidence_level=level) for level in (0.8, 0.99))
    assert (wide.low < narrow.low).all()
    assert (wide.high > narrow.high).all()
    assert "(99 %)" in str(wide)


# Errors.


def test_what_has_no_calibration_is_refused():
    y_true, z = drawn(100)
    scores = Metrics(task="binary").score(y_true, expit(z))
    for n_bins in (0, -1, 2.5, True, "ten", None):
        with pytest.raises(ValueError, match="n_bins must be a positive integer"):
            scores.calibration(n_bins=n_bins)
    for level in (0, 1, 95, True):
        with pytest.raises(ValueError, match="confidence_level must be between 0 and 1"):
            scores.calibration(confidence_level=level)
    with pytest.raises(ValueError, match="has probabilities of the classes '1'; received '0'"):
        scores.calibration("0")
    with pytest.raises(ValueError, match="single output"):
        scores.calibration(output="a")
    margins = Metrics(task=Binary(threshold=0.0, from_logits=False)).score(y_true, z)
    regression = Metrics(task="regression").score([0.1, 2.0], [0.3, 1.0])
    ordinal = Metrics(task=Ordinal(labels=[0, 1, 2])).score([0, 1, 2, 2], [0.1, 1.2, 1.9, 0.4])
    for one, message in (
        (margins, "margins have no probabilities"),
        (without_rows(margins), "margins have no probabilities"),
        (regression, "a regression task has no probabilities"),
        (without_rows(regression), "has no counts"),
        (ordinal, "an ordinal task has no probabilities"),
        (without_rows(ordinal), "an ordinal task has no probabilities"),
    ):
        for method in (one.calibration, one.temperature):
            with pytest.raises(ValueError, match=message):
                method()


@pytest.mark.filterwarnings("ignore::kerascb_metrics.exceptions.UndefinedScoreWarning")
def test_passes_that_tell_nothing():
    one_class = Metrics(task="binary").score([1, 1, 1], [0.2, 0.9, 0.8])
    with pytest.raises(ValueError, match="more than one class"):
        one_class.calibration()
    with pytest.raises(ValueError, match="has no curves"):
        without_rows(one_class).calibration()
    empty = Metrics(task="binary").score(np.zeros(0), np.zeros(0))
    with pytest.raises(ValueError, match="no row is left to score"):
        empty.calibration()
    with pytest.raises(ValueError, match="no row is left to score"):
        empty.temperature()
    unranked = Metrics("f1", task="binary").score([0, 1, 1], [0.2, 0.9, 0.8])
    assert unranked.calibration(n_bins=1).n.tolist() == [3]
    with pytest.raises(ValueError, match="has no curves"):
        without_rows(unranked).calibration()
