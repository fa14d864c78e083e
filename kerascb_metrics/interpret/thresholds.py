"""Thresholds of a task: what `threshold=` may be, and the number of its unit that separates two scores."""

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit

from kerascb_metrics.interpret.kinds import CHOOSING, Scale

Floats = npt.NDArray[np.floating]
# A logit turned into a probability and back may be off by a few steps of float64.
_STEPS = (0, 1, -1, 2, -2, 3, -3)


def check_choosing(task: str, threshold: object) -> None:
    """Raise `ValueError` for text that is not the name of a score that can choose a threshold, and for what has one.

    Args:
        task: the name of the task's class, for the message.
        threshold: the task's argument; whether numbers are in order is not checked.

    >>> check_choosing("Binary", "auc")
    Traceback (most recent call last):
        ...
    ValueError: Binary: threshold must be a number, or the name of a score that chooses it: f1, ... received 'auc'.
    """
    if isinstance(threshold, str) and threshold not in CHOOSING:
        raise ValueError(
            f"{task}: threshold must be a number, or the name of a score that chooses it: {', '.join(CHOOSING)}; "
            f"received {threshold!r}."
        )
    if hasattr(threshold, "threshold"):  # a `BestThreshold` is a tuple, and might pass for three thresholds
        raise ValueError(
            f"{task}: threshold must be a number, not what has one; received {type(threshold).__name__}. Pass its "
            "attribute .threshold."
        )


def compared_in(outputs: np.ndarray) -> np.dtype:
    """Return the dtype in which outputs are compared with a threshold: their own, or float64 for whole numbers."""
    return outputs.dtype if outputs.dtype.kind == "f" else np.dtype(np.float64)


def cuts_of(thresholds: npt.ArrayLike, scale: Scale, dtype: np.dtype) -> Floats:
    """Return thresholds as the numbers that outputs are compared with.

    Args:
        thresholds: in the unit of the task: probabilities, or margins.
        scale: what the outputs are.
        dtype: as `compared_in` returns it.

    >>> cuts_of([0.5, 0.75], "logit", np.dtype("float32")).round(3).tolist()
    [0.0, 1.0989999771118164]
    """
    with np.errstate(over="ignore"):
        given = np.asarray(thresholds, np.float64)
        return np.asarray(logit(given) if scale == "logit" else given).astype(dtype)


def thresholds_between(lower: Floats, upper: Floats, scale: Scale) -> Floats:
    """Return the thresholds that separate scores: rows up to `lower` are not above it, rows from `upper` on are.

    It is the midpoint, in the dtype of the scores, where there is a number between the two; else `lower`.

    Args:
        lower: (K,) scores as outputs are compared; −inf for a threshold below all rows.
        upper: (K,) of the same dtype, each greater than its `lower`; inf for a threshold above all rows.
        scale: what the outputs are.

    Returns:
        (K,) float64 in the unit of the task. nan where the unit has no such number: no probability from 0 up to below 1
        separates two logits of 40, or puts an output of exactly 0 above it.

    >>> thresholds_between(np.array([0.2, -np.inf]), np.array([0.5, 0.0]), "probability").tolist()
    [0.35, nan]
    """
    with np.errstate(over="ignore", invalid="ignore"):
        if scale == "margin":
            return _between(lower, upper, np.nextafter(upper, lower), lower).astype(np.float64)
        if scale == "probability":
            low, high = np.maximum(lower, lower.dtype.type(0)), np.minimum(upper, upper.dtype.type(1))
            found = _between(low, high, low, low).astype(np.float64)
            return np.where((low < high) & (found < 1), found, np.nan)
        middle = np.where(np.isinf(upper), lower, _between(lower, upper, upper, lower)).astype(np.float64)
        towards = np.where(np.isinf(upper), 1.0, np.where(np.isinf(lower), 0.0, expit(middle)))
        return _expressed((expit(middle) + towards) / 2, lower, upper)


def _between(lower: Floats, upper: Floats, lowest: Floats, highest: Floats) -> Floats:
    """Return the midpoint; `lowest` where `lower` is not finite, `highest` where `upper` is not."""
    middle = lower / 2 + upper / 2
    middle = np.where((middle >= lower) & (middle < upper), middle, lower)
    return np.where(np.isinf(lower), lowest, np.where(np.isinf(upper), highest, middle))


def _expressed(near: Floats, lower: Floats, upper: Floats) -> Floats:
    """Return probabilities, each near a given one, whose logits lie between two scores; nan where none does."""
    found = np.full(len(near), np.nan)
    for step in _STEPS:
        tried = near
        for _ in range(abs(step)):
            tried = np.nextafter(tried, 1.0 if step > 0 else 0.0)
        cuts = cuts_of(tried, "logit", lower.dtype)
        fits = np.isnan(found) & (tried >= 0) & (tried < 1) & (cuts >= lower) & (cuts < upper)
        found = np.where(fits, tried, found)
    return found
