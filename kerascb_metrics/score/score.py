"""`Score`: one score, what it needs, and how it is computed from a `Tally`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from kerascb_metrics.interpret.kinds import CLASSIFICATION, Kind
from kerascb_metrics.tally.exact import ExactTally
from kerascb_metrics.tally.tally import Tally

Needs = Literal["counts", "ranking", "rows"]
Value = float | np.ndarray

# How `average=` may average over classes.
AVERAGES = ("binary", "micro", "macro", "weighted", "samples", None)


@dataclass(frozen=True)
class Options:
    """The options of all scores of one `Metrics`.

    Attributes:
        average: how the panel averages over classes: "auto", or one of `AVERAGES`.
        zero_division: 0, 1 or nan, as in scikit-learn.
    """

    average: str | None = "auto"
    zero_division: float = 0.0

    def average_for(self, kind: Kind | None) -> str | None:
        """Return the average for a kind of task: "auto" is "binary" for a binary task, else "macro"."""
        if self.average != "auto":
            return self.average
        return "binary" if kind == "binary" else "macro"


class Undefined(Exception):
    """Raised by a score that is undefined: `value` is recorded, `cause` explains it."""

    def __init__(self, cause: str, value: Value = float("nan")) -> None:
        super().__init__(cause)
        self.cause, self.value = cause, value


def _never(tally: Tally) -> bool:
    return False


def _nothing(tally: Tally) -> str:
    return ""


@dataclass(frozen=True, eq=False)
class Score:
    """One score.

    Attributes:
        name: the name that it is recorded under.
        compute: called with a `Tally`; returns a number or an array, or raises `Undefined`.
        needs: kind of task → what it is computed from: "counts", "ranking" (counts and the order of the scores), or
            "rows". A kind that is missing has no such score.
        greater_is_better: True or False; None where the direction is not known.
        per_class: the kinds of task for which it returns one value per class.
        takes_weight: whether it takes sample weights.
        matrix: "" for other scores; for a confusion matrix which of its cells go into `logs`: "binary" (of a binary
            task only) or "all".
        ranks_classes: called with a `Tally`; tells whether it ranks each class, so that the curves are kept.
        leaves_out: called with a `Tally` that it has a value for; says which classes that value leaves out, "" if none.
        needs_proba: whether it needs probabilities, which margins are not.
        averages_precision: whether it asks the rankings for average precision, which the same sort can give.
        takes_elements: the kinds of task for which it can be computed from rows of which single elements are left out
            or weighted, although it needs rows. A regression among them: it averages over columns.
        of_classes: called with the `Tally` of classes or labels; returns one value per class, for `per_class=True`.
            None: it has none.
        whole: whether it is a score of a whole pass, which a part of the rows does not have.
    """

    name: str
    compute: Callable[[Tally], Value]
    needs: Mapping[Kind, Needs]
    greater_is_better: bool | None = True
    per_class: tuple[Kind, ...] = ()
    takes_weight: bool = True
    matrix: Literal["", "binary", "all"] = ""
    ranks_classes: Callable[[Tally], bool] = _never
    leaves_out: Callable[[Tally], str] = _nothing
    averages_precision: bool = False
    needs_proba: bool = False
    takes_elements: tuple[Kind, ...] = ()
    of_classes: Callable[[Tally], Value] | None = None
    whole: bool = False

    @property
    def ranks(self) -> bool:
        """Whether it depends on the order of the scores, for some kind of task."""
        return "ranking" in self.needs.values()

    def needs_rows(self, kind: Kind | None) -> bool:
        """Tell whether counts and rankings do not suffice; None: for every kind of classification."""
        kinds = CLASSIFICATION if kind is None else (kind,)
        return all(self.needs.get(each, "rows") == "rows" for each in kinds)

    def needs_whole_rows(self, kind: Kind) -> bool:
        """Return whether it cannot be computed if single elements of the rows are left out or weighted."""
        return self.needs.get(kind) == "rows" and kind not in self.takes_elements

    def blank(self, tally: Tally) -> Value:
        """Return nan in the shape of the score, for a pass that cannot be scored."""
        size = len(tally.classes)
        if self.matrix:
            return np.full((size, 2, 2) if tally.kind == "multilabel" else (size, size), np.nan)
        return np.full(size, np.nan) if tally.kind in self.per_class else float("nan")


def rows_of(tally: Tally) -> ExactTally:
    """Return the tally with its rows, for a score that needs them.

    Raises:
        ValueError: if the rows were not kept, or are not whole.
    """
    if not isinstance(tally, ExactTally):
        raise ValueError("it needs the rows, which were not kept. Pass memory='exact'.")
    if tally.by_element:
        raise ValueError("it needs whole rows, but single elements are left out, or have weights. Leave it out.")
    return tally
