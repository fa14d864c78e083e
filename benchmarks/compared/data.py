"""Targets and outputs as a half-trained model has them: classes overlap, few scores are equal."""

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import expit, softmax


@dataclass(frozen=True)
class Rows:
    """The arrays of one task, as Keras hands them over, and what scikit-learn takes instead.

    Attributes:
        y_true: float32 0 and 1 of shape (N, 1) or (N, L), or int64 class numbers (N,).
        y_pred: float32 outputs, (N, 1), (N, L) or (N, C).
        labels: the targets as scikit-learn takes them: int64, (N,) or (N, L).
        predicted: the outputs rounded once, or their highest column: as `labels`.
        sample_weight: None, or float32 (N,).
    """

    y_true: np.ndarray
    y_pred: np.ndarray
    labels: np.ndarray
    predicted: np.ndarray
    sample_weight: np.ndarray | None = None

    @property
    def scores(self):
        """The outputs as scikit-learn takes them: a single column as (N,)."""
        return self.y_pred[:, 0] if self.y_pred.shape[1] == 1 else self.y_pred


def binary(n, seed=0):
    """One sigmoid output a row; three rows in ten are positive."""
    labels, logits = _binary(n, seed)
    return _binary_rows(labels, expit(logits), logits > 0)


def binary_logits(n, seed=0):
    """The same without the sigmoid."""
    labels, logits = _binary(n, seed)
    return _binary_rows(labels, logits, logits > 0)


def binary_double(n, seed=0):
    """The same sigmoid in float64: float32 does not hold it."""
    labels, logits = _binary(n, seed)
    return _binary_rows(labels, expit(logits.astype(np.float64)), logits > 0)


def binary_half(n, seed=0):
    """The same in half precision, which has many equal scores."""
    labels, logits = _binary(n, seed)
    scores = expit(logits).astype(np.float16)
    return _binary_rows(labels, scores, scores > 0.5)


def binary_weighted(n, seed=0):
    """The same with a weight a row."""
    weight = np.random.default_rng(seed + 1).exponential(size=n).astype(np.float32)
    return replace(binary(n, seed), sample_weight=weight)


def multiclass(n, classes, seed=0, softmaxed=True):
    """A softmax of `classes` columns a row, or the logits; class numbers as targets."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(classes, size=n)
    logits = rng.standard_normal((n, classes), np.float32)
    logits[np.arange(n), labels] += 2
    y_pred = softmax(logits, axis=1) if softmaxed else logits
    return Rows(labels, y_pred, labels, y_pred.argmax(axis=1))


def multilabel(n, labels, seed=0):
    """A sigmoid of `labels` columns a row; each label is true for one row in five."""
    rng = np.random.default_rng(seed)
    y_true = rng.random((n, labels), np.float32) < 0.2
    y_pred = expit(rng.standard_normal((n, labels), np.float32) + 2 * y_true.astype(np.float32) - 1)
    return Rows(y_true.astype(np.float32), y_pred, y_true.astype(np.int64), (y_pred > 0.5).astype(np.int64))


def _binary(n, seed):
    rng = np.random.default_rng(seed)
    labels = rng.random(n, np.float32) < 0.3
    return labels, rng.standard_normal(n, np.float32) + 1.5 * labels.astype(np.float32) - np.float32(0.75)


def _binary_rows(labels, scores, predicted):
    return Rows(
        labels.astype(np.float32)[:, None], scores[:, None], labels.astype(np.int64), predicted.astype(np.int64)
    )
