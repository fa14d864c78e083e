"""The arguments that tasks share."""

import numbers
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from kerascb_metrics.exceptions import DataError
from kerascb_metrics.interpret.kinds import FromLogits, Scale
from kerascb_metrics.interpret.losses import LossReading
from kerascb_metrics.interpret.validation import SLACK, range_of


def check_from_logits(task: str, from_logits: object) -> None:
    """Raise `ValueError` if `from_logits` is not one of its three values.

    Args:
        task: the name of the task's class, for the message.
        from_logits: what the user passed.
    """
    if from_logits not in ("auto", True, False):
        raise ValueError(f"{task}: from_logits must be 'auto', True or False; received {from_logits!r}.")


def check_soft_targets(task: str, soft_targets: object) -> None:
    """Raise `ValueError` if `soft_targets` is neither True nor False.

    Args:
        task: the name of the task's class, for the message.
        soft_targets: what the user passed.
    """
    if not isinstance(soft_targets, bool):
        raise ValueError(f"{task}: soft_targets must be True or False; received {soft_targets!r}.")


def is_finite_number(value: object) -> bool:
    """Return whether a value is one finite number.

    >>> is_finite_number(0.5), is_finite_number(float("nan")), is_finite_number("0.5"), is_finite_number(True)
    (True, False, False, False)
    """
    return isinstance(value, numbers.Real) and not isinstance(value, bool) and bool(np.isfinite(float(value)))


def check_class_names(task: str, class_names: Sequence[object] | None, count: int | None = None) -> None:
    """Raise `ValueError` if names of classes are not distinct, or not as many as the classes.

    Args:
        task: the name of the task's class, for the message.
        class_names: what the user passed.
        count: how many classes there are; None if that is not known yet.
    """
    if class_names is None:
        return
    names = [str(name) for name in class_names]
    if len(set(names)) < len(names):
        raise ValueError(f"{task}: class_names must differ from each other; received {names}.")
    if count not in (None, len(names)):
        raise ValueError(f"{task}: there are {count} classes; received {len(names)} class_names. Give one per class.")


def copy_arguments(task: object, *names: str) -> None:
    """Replace lists by tuples and arrays by copies, because the user may change the originals later.

    Args:
        task: a frozen task.
        names: the attributes to replace.
    """
    for name in names:
        value = getattr(task, name)
        if isinstance(value, np.ndarray):
            value = value.copy()
        object.__setattr__(task, name, tuple(value) if isinstance(value, list) else value)


def scale_of(task: str, from_logits: FromLogits, loss: LossReading, threshold: Any = None) -> Scale:
    """Return what the outputs are, as far as the arguments and the loss tell.

    Args:
        task: the name of the task's class, for the message.
        from_logits: the task's argument. "auto": as the loss has it.
        loss: what the compiled loss tells.
        threshold: the task's argument: a number, several, the name of a score, or None. With `from_logits=False` a
            number is in the outputs' own units. If it cannot be a threshold of probabilities, the outputs are margins.

    Raises:
        DataError: if the loss is needed and cannot be read.

    >>> scale_of("Binary", "auto", LossReading(family="hinge")), scale_of("Binary", True, LossReading())
    ('margin', 'logit')
    """
    if from_logits != "auto":
        if from_logits:
            return "logit"
        is_open = threshold is None or isinstance(threshold, str)
        return "probability" if is_open or _separates_probabilities(threshold) else "margin"
    if loss.problem:
        raise DataError(f"Metrics: {loss.problem}. Pass from_logits to the task, as in task={task}(from_logits=True).")
    if loss.family in ("hinge", "categorical_hinge"):
        return "margin"
    return "logit" if loss.from_logits else "probability"


def own_scale(scale: Scale, from_logits: FromLogits, threshold: Any, outputs: np.ndarray) -> Scale:
    """Return "margin" for outputs in units of their own: outside [0, 1], with `from_logits=False` and a threshold.

    Args:
        scale: as the arguments and the loss tell.
        from_logits: the task's argument.
        threshold: the task's argument.
        outputs: any shape.

    >>> own_scale("probability", False, 0.5, np.array([0.2, 7.0]))
    'margin'
    """
    if scale != "probability" or from_logits is not False or threshold is None:
        return scale
    lowest, highest = range_of(outputs)
    return "margin" if lowest < 0 or highest > 1 + SLACK else scale


def _separates_probabilities(threshold: Any) -> bool:
    return bool(np.all((np.asarray(threshold) > 0) & (np.asarray(threshold) < 1)))


def class_names_for(class_names: Sequence[object] | None, classes: Iterable[object]) -> tuple[str, ...]:
    """Return the name of each class; its label if the user names none.

    Args:
        class_names: the task's argument.
        classes: the label of each class.

    Raises:
        DataError: if the names are not distinct, or not as many as the classes.

    >>> class_names_for(None, [0, 1]), class_names_for(["cat", "dog"], [0, 1])
    (('0', '1'), ('cat', 'dog'))
    """
    labels = tuple(str(label) for label in classes)
    if class_names is None:
        return labels
    names = tuple(str(name) for name in class_names)
    if len(set(names)) < len(names):
        raise DataError(f"Metrics: class_names must differ from each other; received {list(class_names)}.")
    if len(names) != len(labels):
        raise DataError(f"Metrics: there are {len(labels)} classes; received {len(names)} class_names.")
    return names
