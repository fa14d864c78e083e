"""Which classes of a result are meant, by their names; the errors say which there are."""

from collections.abc import Collection
from typing import Any

import numpy as np

from kerascb_metrics.record.epoch_record import EpochRecord


def chosen_names(known: Collection[str], chosen: Any, subject: str, what: str = "curves") -> list[str]:
    """Return the names of the classes that are meant.

    Args:
        known: the classes that there are.
        chosen: one class, several, or None: all of them.
        subject: what they are of, as the subject of a sentence.
        what: what is known of them.

    Raises:
        ValueError: if there is no such class.

    >>> chosen_names(["cat", "dog"], "dog", "epoch 3")
    ['dog']
    """
    wanted = known if chosen is None else [chosen] if np.ndim(chosen) == 0 else chosen
    names = list(dict.fromkeys(map(str, wanted)))
    missing = [name for name in names if name not in known]
    if missing or not names:
        there, received = (", ".join(map(repr, some)) for some in (known, missing))
        raise ValueError(f"{subject} has {what} of the classes {there}; received {received or 'none'}.")
    return names


def only_name(names: Collection[str], what: str) -> str:
    """Return the name of the only class.

    Args:
        names: the classes that are meant.
        what: what is of one class, as the subject of a sentence.

    Raises:
        ValueError: if there are several.
    """
    if len(names) > 1:
        raise ValueError(f"{what} one class: choose class_name= from {', '.join(names)}.")
    (name,) = names
    return name


def names_of_curves(record: EpochRecord, subject: str) -> Collection[str]:
    """Return the names of the classes that have a curve.

    Args:
        record: what is kept of the rows.
        subject: what they are of, as the subject of a sentence.

    Raises:
        ValueError: if there are none.
    """
    if record.kind == "ordinal":
        raise ValueError(
            f"{subject} has no curves: nothing ranks the rows of an ordinal task. For outputs with a column per grade "
            "pass task='multiclass'."
        )
    if not record.curves:
        raise ValueError(
            f"{subject} has no curves: they are kept if a score ranks the rows (auc, roc_auc…, "
            "average_precision) and the rows have more than one class."
        )
    return record.curves.keys()
