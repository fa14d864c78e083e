"""`Comparison`: how two passes over the same rows differ in a score."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from kerascb_metrics.insight.confidence import ConfidenceInterval, unknown
from kerascb_metrics.insight.known_scores import KnownScore
from kerascb_metrics.insight.labelled_pass import LabelledPass
from kerascb_metrics.insight.paired import Found, changed, mcnemar, paired_delta, right_and_wrong


@dataclass(frozen=True, eq=False)
class Comparison:
    """The difference of a score between two passes over the same rows; `str()` says it in a sentence.

    Attributes:
        name: the score.
        difference: the score of the first minus that of the second.
        confidence_interval: of the difference, `(low, high)`; nan where nothing honest can be said, with the reason.
        pvalue: how often passes that are equally good differ by as much, or more; nan as above.
        method: the test.
        n_changed: how many rows have another label in the second.
        n: how many rows there are.
        table: 2 × 2, how many rows are right in both, in the first alone; in the second alone, in neither.
        confidence_level: that of the interval.
        subjects: what is compared, in words.
    """

    name: str
    difference: float
    confidence_interval: ConfidenceInterval
    pvalue: float
    method: str
    n_changed: int
    n: int
    table: npt.NDArray[np.int64] = field(repr=False)
    confidence_level: float
    subjects: tuple[str, str]

    def __str__(self) -> str:
        first, second = self.subjects
        word = "higher" if self.difference > 0 else "lower"
        size = f"{abs(self.difference):.4f} {word} in {first} than in {second}"
        size = f"the same in {first} and in {second}" if self.difference == 0 else size
        rows = f"{self.n_changed:,} of {self.n:,} rows changed their label"
        if self.confidence_interval.reason:
            return f"{self.name} is {size}; {rows}. No interval: {self.confidence_interval.reason}."
        low, high = self.confidence_interval
        level = f"{100 * self.confidence_level:.4g} % interval {low:+.4f} to {high:+.4f}"
        return f"{self.name} is {size} ({level}, p = {self.pvalue:.2g}, {self.method}); {rows}."


def compared(
    name: str,
    known: KnownScore,
    first: LabelledPass,
    second: LabelledPass,
    index: int,
    zero_division: float,
    level: float,
    numbers: npt.NDArray[np.integer] | None = None,
) -> Comparison:
    """Compare two passes over the same rows.

    Args:
        name: the score.
        known: its formula.
        first: a pass.
        second: another one.
        index: the class, for "binary".
        zero_division: as in `table_score`.
        level: the confidence level.
        numbers: see `paired_delta`.
    """
    table = right_and_wrong(first, second)
    rows = first.rows
    is_accuracy = known.base == "accuracy" or (known.average == "micro" and rows.kind != "multilabel")
    depends = numbers is not None or rows.of_positions or rows.weight is not None
    if is_accuracy and rows.kind != "multilabel" and not depends:
        found = mcnemar(table, level)
    else:
        found = paired_delta(first, second, known, index, zero_division, level, numbers)
    return as_comparison(name, found, first, second, level)


def as_comparison(name: str, found: Found, first: LabelledPass, second: LabelledPass, level: float) -> Comparison:
    """Return what was found as a `Comparison`; the arguments are those of `compared`."""
    return Comparison(
        name=name,
        difference=found.difference,
        confidence_interval=found.interval if np.isfinite(found.difference) else unknown("the score is undefined"),
        pvalue=found.pvalue,
        method=found.method,
        n_changed=changed(first, second),
        n=len(first.rows),
        table=right_and_wrong(first, second),
        confidence_level=level,
        subjects=(first.subject, second.subject),
    )
