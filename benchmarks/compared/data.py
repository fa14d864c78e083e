"""Targets and outputs like those of a half-trained model: classes overlap, few scores are equal."""

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import expit, softmax


@dataclass(frozen=True)
class Rows:
    """The arrays of one task, as Keras has them and as scikit-learn takes them.

    Attributes:
        y_true: float32 0 and 1 of shape (N, 1) or (N, L), or int64 class numbers (N,).
        y_pred: float32 outputs, (N, 1), (N, L) or (N, C).
        labels: the targets for scikit-learn: int64, (N,) or (N, L).
        predicted: the rounded outputs, or the index of the highest; dtype and shape of `labels`.
        sample_weight: None, or float32 (N,).
    """

    y_true: np.ndarray
    y_pred: np.ndarray
    labels: np.ndarray
    predicted: np.ndarray
    sample_weight: np.ndarray | None = None

    @property
    def scores(self):
        """The outputs for scikit-learn: a single column has shape (N,)."""
        return self.y_pred[:, 0] if self.y_pred.shape[1] == 1 else self.y_pred


def binary(n, seed=0):
    """Return rows with one sigmoid output; 30 % are positive."""
    labels, logits = _binary(n, seed)
    return _binary_rows(labels, expit(logits), logits > 0)


def binary_logits(n, seed=0):
    """Return the rows of `binary` without the sigmoid."""
    labels, logits = _binary(n, seed)
    return _binary_rows(labels, logits, logits > 0)


def binary_double(n, seed=0):
    """Return the rows of `binary` with a sigmoid computed in float64, which float32 cannot represent."""
    labels, logits = _binary(n, seed)
    return _binary_rows(labels, expit(logits.astype(np.float64)), logits > 0)


def binary_half(n, seed=0):
    """Return the rows of `binary` in half precision, which has many equal scores."""
    labels, logits = _binary(n, seed)
    scores = expit(logits).astype(np.float16)
    return _binary_rows(labels, scores, scores > 0.5)


def binary_weighted(n, seed=0):
    """Return the rows of `binary` with sample weights."""
    weight = np.random.default_rng(seed + 1).exponential(size=n).astype(np.float32)
    return replace(binary(n, seed), sample_weight=weight)


def multiclass(n, classes, seed=0, softmaxed=True):
    """Return rows with a softmax of `classes` columns, or its logits; the targets are class numbers."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(classes, size=n)
    logits = rng.standard_normal((n, classes), np.float32)
    logits[np.arange(n), labels] += 2
    y_pred = softmax(logits, axis=1) if softmaxed else logits
    return Rows(labels, y_pred, labels, y_pred.argmax(axis=1))


def multilabel(n, labels, seed=0):
    """Return rows with `labels` sigmoid columns; each label is true for 20 % of the rows."""
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
