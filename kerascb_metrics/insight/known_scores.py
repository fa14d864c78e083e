"""Which of the recorded scores have a known interval: their formula, their average, or their class."""

from collections.abc import Sequence
from dataclasses import dataclass

from kerascb_metrics.insight.table_scores import OF_CLASSES, OF_TABLES

_AVERAGES = ("macro", "micro", "weighted")
_SAME = {"matthews_corrcoef": "mcc", "jaccard": "iou", "roc_auc": "auc"}
_AREAS = ("auc", "average_precision")


@dataclass(frozen=True)
class KnownScore:
    """A score as its formula has it.

    Attributes:
        base: the formula: one of `OF_CLASSES`, `OF_TABLES`, or "auc", "average_precision".
        average: how it is averaged over classes; "" for a score of a whole matrix.
        index: the class that it is of; None: of all.
    """

    base: str
    average: str = ""
    index: int | None = None

    @property
    def is_area(self) -> bool:
        """Whether it depends on the ranking of the rows, not on their labels."""
        return self.base in _AREAS


def known_score(name: str, average: str, class_names: Sequence[str]) -> KnownScore | None:
    """Return the score that a recorded name stands for; None if its formula is not known.

    A user's function may have any name, so the caller compares the value of the formula with the recorded one.

    Args:
        name: without the name of the output.
        average: of the panel: "binary", "macro", "micro", "weighted", or "" for one value per class.
        class_names: the name of each class or label.

    >>> known_score("f1_cat", "macro", ["cat", "dog"])
    KnownScore(base='f1', average='binary', index=0)
    """
    found = _whole(name, average)
    if found is not None:
        return found
    for index, of in enumerate(class_names):
        base = name.removesuffix(f"_{of}")
        own = _whole(base, "binary") if base != name else None
        if own is not None and own.base not in OF_TABLES:
            return KnownScore(own.base, "binary", index)
    return None


def _whole(name: str, average: str) -> KnownScore | None:
    base, _, own_average = name.rpartition("_")
    if own_average in _AVERAGES and _SAME.get(base, base) in OF_CLASSES:
        return KnownScore(_SAME.get(base, base), own_average)
    base = _SAME.get(name, name)
    if base in OF_TABLES:
        return KnownScore(base)
    return KnownScore(base, average) if (base in OF_CLASSES or base in _AREAS) and average else None
