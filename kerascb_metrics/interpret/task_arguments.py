"""The arguments that tasks share."""

import numpy as np

from kerascb_metrics.exceptions import DataError


def check_from_logits(task):
    """Raise if `from_logits` is not one of its three values."""
    if task.from_logits not in ("auto", True, False):
        raise ValueError(
            f"{type(task).__name__}: from_logits must be 'auto', True or False; received {task.from_logits!r}."
        )


def keep_own(task, *names):
    """Keep lists of the user's as tuples, and arrays as copies: the user may change theirs later."""
    for name in names:
        value = getattr(task, name)
        if isinstance(value, np.ndarray):
            value = value.copy()
        object.__setattr__(task, name, tuple(value) if isinstance(value, list) else value)


def scale_of(task, loss):
    """Return what the outputs are: "probability", "logit" or "margin"."""
    if task.from_logits != "auto":
        return "logit" if task.from_logits else "probability"
    if loss.problem:
        raise DataError(
            f"Metrics: {loss.problem}. Say whether the outputs are logits, as in "
            f"task={type(task).__name__}(from_logits=True)."
        )
    if loss.family in ("hinge", "categorical_hinge"):
        return "margin"
    return "logit" if loss.from_logits else "probability"
