"""Checks of outputs and thresholds: finite values, values that are probabilities."""

import numpy as np
import numpy.typing as npt

from kerascb_metrics._blocks import blocks
from kerascb_metrics.exceptions import DataError, MisfitError
from kerascb_metrics.interpret.kinds import Scale

# A mean of probabilities may be rounded to slightly more than 1.
SLACK = 1e-6
# The sum of two probabilities in bfloat16 may differ from 1 by this much.
BFLOAT16_SLACK = 0.02


def highest_of(scale: Scale) -> float | None:
    """Return the most that outputs may be; None: any number. Probabilities must not be negative either."""
    return 1 + SLACK if scale == "probability" else None


def checked_outputs(outputs: np.ndarray, scale: Scale, task: str, kept: str = "") -> tuple[np.ndarray, str | None]:
    """Return the outputs and None; if some are not finite, zeros instead and the reason why nothing can be scored.

    Args:
        outputs: any shape.
        scale: what they are.
        task: the name of the task's class, for the message.
        kept: arguments of the task that the message repeats, such as "labels=[1, 2], ".

    Raises:
        DataError: if they should be probabilities and are not.

    >>> checked_outputs(np.array([0.5, np.nan]), "probability", "Binary")
    (array([0., 0.]), '1 of 2 outputs are NaN or infinite')
    """
    lowest, highest = range_of(outputs)
    if not (np.isfinite(lowest) and np.isfinite(highest)):
        return check_finite(outputs)
    if scale == "probability" and (lowest < 0 or highest > 1 + SLACK):  # as in `highest_of`
        raise DataError(
            f"Metrics: the outputs should be probabilities, but range from {lowest:.4g} to {highest:.4g}."
            f"{_own_units(task)} If they are logits, pass task={task}({kept}from_logits=True)."
        )
    return outputs, None


def check_finite(values: np.ndarray) -> tuple[np.ndarray, str | None]:
    """Return the values and None; if some are not finite, zeros instead and the reason why nothing can be scored.

    >>> check_finite(np.array([0.5, 2.0]))
    (array([0.5, 2. ]), None)
    """
    if np.issubdtype(values.dtype, np.number) and not np.isfinite(values).all():
        count = np.count_nonzero(~np.isfinite(values))
        return np.zeros_like(values), f"{count} of {values.size} outputs are NaN or infinite"
    return values, None


def _own_units(task: str) -> str:
    if task in ("Multiclass", "Ordinal"):
        return ""
    return f" If they are similarities or margins, pass task={task}(threshold=0.0, from_logits=False)."


def range_of(values: np.ndarray) -> tuple[float, float]:
    """Return the lowest and the highest value, read in one pass; nan if there is a nan."""
    if values.size and not any(values.strides):  # one value everywhere, as in a trial reading
        values = values.reshape(-1)[:1]
    found = [(values[block].min(), values[block].max()) for block in blocks(values)]
    return (np.min(found), np.max(found)) if found else (0, 0)


def check_threshold(threshold: float | np.ndarray, task: str) -> None:
    """Raise `DataError` if a threshold, or one of several, is not a probability below 1.

    Args:
        threshold: one, or several.
        task: the name of the task's class, for the message.
    """
    if not np.all((np.asarray(threshold) >= 0) & (np.asarray(threshold) < 1)):
        raise DataError(
            f"Metrics: a threshold must be a probability of at least 0 and below 1; received {threshold}. To compare "
            f"the outputs with it as they are, pass task={task}(threshold={np.asarray(threshold).tolist()}, "
            "from_logits=False)."
        )


def check_two_shares(columns: np.ndarray) -> None:
    """Raise `DataError` if two columns of probabilities do not add up to 1.

    Keras's categorical losses divide by the sum, so the second column alone would not be the probability of class 1.
    """
    for block in blocks(columns):
        sums = columns[block, 0] + columns[block, 1]
        if len(sums) and not np.all(np.abs(sums - 1) <= BFLOAT16_SLACK):
            raise MisfitError(
                "Metrics: two columns of probabilities must add up to 1, as those of softmax do; received rows that "
                f"add up to {sums.min():.4g} to {sums.max():.4g}. A softmax makes them so."
            )


def some(values: npt.ArrayLike, limit: int = 5) -> str:
    """Return the first few distinct values as text; text in quotes, which "1" needs to be told from a number.

    >>> some(np.array([3, 1, 1, 2]), limit=2), some(["1", "0"])
    ('1, 2, …', "'0', '1'")
    """
    unique = np.unique(values)
    shown = map(repr, unique[:limit].tolist()) if unique.dtype.kind in "OUS" else map(str, unique[:limit])
    return f"{', '.join(shown)}{', …' if len(unique) > limit else ''}"
