"""How often 95 % intervals hold the truth, in seeded simulations: 0.93 to 0.985, of areas at least 0.90."""

import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import norm

from kerascb_metrics import Metrics

DISTANCE = 1.5  # between the means of the two classes, in standard deviations
NAMES = ["accuracy", "precision", "recall", "specificity", "f1", "iou", "kappa", "mcc", "balanced_accuracy", "f2"]
AREAS = ["auc", "average_precision"]


def truth(prevalence, cut):
    """The scores of all rows that there could be."""
    tp, fp = prevalence * norm.sf(cut - DISTANCE), (1 - prevalence) * norm.sf(cut)
    fn, tn = prevalence - tp, 1 - prevalence - fp
    grid = np.linspace(-7, 9, 100_001)
    found = norm.sf(grid - DISTANCE)
    precision = prevalence * found / (prevalence * found + (1 - prevalence) * norm.sf(grid))
    by_chance = prevalence * (tn + fn) + (1 - prevalence) * (tp + fp)
    return {
        "accuracy": tp + tn,
        "precision": tp / (tp + fp),
        "recall": tp / (tp + fn),
        "specificity": tn / (tn + fp),
        "f1": 2 * tp / (2 * tp + fp + fn),
        "iou": tp / (tp + fp + fn),
        "kappa": 1 - (fp + fn) / by_chance,
        "mcc": (tp * tn - fp * fn) / np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)),
        "balanced_accuracy": (tp / prevalence + tn / (1 - prevalence)) / 2,
        "f2": 5 * tp / (5 * tp + 4 * fn + fp),
        "auc": norm.cdf(DISTANCE / np.sqrt(2)),
        "average_precision": float(np.sum(-np.diff(found) * (precision[1:] + precision[:-1]) / 2)),
    }


@pytest.mark.simulation
@pytest.mark.parametrize(("count", "replicates"), [(200, 400), (1000, 300), (10_000, 100)])
@pytest.mark.parametrize("prevalence", [0.5, 0.05, 0.01])
def test_of_two_classes(count, replicates, prevalence):
    rng = np.random.default_rng(0)
    cut = min(DISTANCE / 2 + np.log(1 / prevalence - 1) / DISTANCE, 1.5)
    true = truth(prevalence, cut)
    metrics = Metrics([*NAMES, *AREAS], task="binary", verbose=False, zero_division=0.0)
    held = {name: [] for name in [*NAMES, *AREAS]}
    for replicate in range(replicates):
        y_true = rng.random(count) < prevalence
        if y_true.sum() < 2:
            continue
        outputs = expit(rng.normal(size=count) + DISTANCE * y_true - cut)
        if not (outputs > 0.5).any():
            continue
        scores = metrics.score(y_true.astype(int), outputs)
        for name, hits in held.items():
            if name == "average_precision" and replicate >= 150:
                continue  # it takes twenty times as long as the others
            low, high = scores.confidence_interval(name)
            if min(y_true.sum(), count - y_true.sum()) >= 10:
                assert np.isfinite(low), name  # never nan where each class has 10 rows
            if np.isfinite(low):
                hits.append(low <= true[name] <= high)
    for name, hits in held.items():
        slack = 2.5 * np.sqrt(0.05 * 0.95 / max(1, len(hits)))  # of the simulation itself
        if len(hits) < 100 or (prevalence * count < 10 and name in (*AREAS, "recall", "balanced_accuracy")):
            continue  # about 10 rows of the class are what an interval needs
        lowest = 0.90 if name in AREAS else 0.93
        assert lowest - slack <= np.mean(hits) <= (1.0 if name in AREAS else 0.985 + slack), name


@pytest.mark.simulation
def test_of_averages_over_classes():
    """Four classes of unequal size, macro F1 and kappa: the truth is that of a very large sample."""
    rng = np.random.default_rng(0)
    shares = np.array([0.4, 0.3, 0.2, 0.1])

    def rows(count):
        y_true = rng.choice(4, count, p=shares)
        z = rng.normal(size=(count, 4)) + 1.5 * np.eye(4)[y_true]
        return y_true, np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)

    metrics = Metrics(["f1", "kappa", "accuracy"], verbose=False)
    true = metrics.score(*rows(2_000_000))
    held = {name: [] for name in true}
    for _ in range(200):
        scores = metrics.score(*rows(500))
        for name, hits in held.items():
            low, high = scores.confidence_interval(name)
            hits.append(low <= true[name] <= high)
    for name, hits in held.items():
        assert 0.91 <= np.mean(hits) <= 0.985, name


@pytest.mark.simulation
def test_of_pixels_of_60_images():
    """Images differ: taken for independent rows, pixels would cover the truth in a fifth of the cases."""
    rng = np.random.default_rng(0)

    def rows(images):
        quality = rng.normal(1.5, 1.0, (images, 1))
        y_true = (rng.random((images, 200)) < rng.beta(2, 4, (images, 1))).astype(int)
        return y_true, expit(rng.normal(size=y_true.shape) + quality * (y_true - 0.5))

    metrics = Metrics(["f1", "accuracy", "kappa", "recall"], task="binary", verbose=False)
    true = metrics.score(*rows(20_000))
    held = {name: [] for name in true}
    for _ in range(200):
        scores = metrics.score(*rows(60))
        for name, hits in held.items():
            low, high = scores.confidence_interval(name)
            hits.append(low <= true[name] <= high)
    for name, hits in held.items():
        assert np.mean(hits) >= 0.90, name


@pytest.mark.simulation
def test_of_weighted_rows():
    """Weights are no counts: taken for counts they cover the truth in two thirds of the cases."""
    rng = np.random.default_rng(0)
    true = truth(0.3, DISTANCE / 2)
    metrics = Metrics(["accuracy", "recall", "f1", "kappa"], task="binary", verbose=False)
    held = {name: [] for name in ["accuracy", "recall", "f1", "kappa"]}
    for _ in range(400):
        y_true = rng.random(500) < 0.3
        outputs = expit(rng.normal(size=500) + DISTANCE * y_true - DISTANCE / 2)
        scores = metrics.score(y_true.astype(int), outputs, rng.exponential(size=500))
        for name, hits in held.items():
            low, high = scores.confidence_interval(name)
            hits.append(low <= true[name] <= high)
    for name, hits in held.items():
        assert 0.91 <= np.mean(hits) <= 0.985, name
