"""A score of each group of samples: for whom does the model work, and is the difference more than luck?

The worst of many small groups looks bad by luck alone: of 20 equal groups of 50 rows it has an F1 of 0.43 where the
truth is 0.71. So the number of rows, an interval per group that allows for the number of groups, and one test of "all
groups are equal" stand beside the values.
"""

import math
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from kerascb_metrics.insight.confidence import ConfidenceInterval
from kerascb_metrics.insight.labelled_pass import PassRows
from kerascb_metrics.interpret.grouping import Grouping

_MOST_NAMED = 5


@dataclass(frozen=True, eq=False)
class GroupScores(Mapping[Hashable, float]):
    """A mapping from group to the score of its samples; `print` shows a table.

    Attributes:
        name: the score.
        by_group: group → the score of its samples.
        n: group → how many rows it has.
        confidence_interval: group → its interval. All of them together hold in `confidence_level` of the cases
            (Bonferroni), so each is wider than that of a group alone.
        overall: the score of all samples.
        pvalue: how often equal groups would differ by as much; nan where no test is known.
        method: the test.
        confidence_level: that of all intervals together.
    """

    name: str
    by_group: Mapping[Hashable, float]
    n: Mapping[Hashable, int]
    confidence_interval: Mapping[Hashable, ConfidenceInterval]
    overall: float
    pvalue: float
    method: str
    confidence_level: float = 0.95

    def __getitem__(self, group: Hashable) -> float:
        if group not in self.by_group:
            raise KeyError(f"no group {group!r}; there are: {', '.join(map(repr, self.by_group))}")
        return self.by_group[group]

    def __iter__(self) -> Iterator[Hashable]:
        return iter(self.by_group)

    def __len__(self) -> int:
        return len(self.by_group)

    __eq__ = object.__eq__
    __hash__ = object.__hash__

    @property
    def group_min(self) -> float:
        """The lowest score of a group, as of fairlearn; nan does not count. nan if no group has a number."""
        return float(min(self._known, default=math.nan))

    @property
    def group_max(self) -> float:
        """The highest score of a group."""
        return float(max(self._known, default=math.nan))

    @property
    def difference(self) -> float:
        """The highest minus the lowest."""
        return self.group_max - self.group_min

    @property
    def ratio(self) -> float:
        """The lowest divided by the highest; nan if that is 0."""
        return self.group_min / self.group_max if self.group_max else math.nan

    @property
    def _known(self) -> list[float]:
        return [value for value in self.by_group.values() if not math.isnan(value)]

    @property
    def summary(self) -> str:
        """The score of all rows, the difference, and the test in one line."""
        test = f"all equal: p = {self.pvalue:.2g} ({self.method})" if self.pvalue == self.pvalue else self.method
        return f"all rows {self.overall:.4f}; difference {self.difference:.4f}; {test}"

    def __str__(self) -> str:
        rows = [("group", "rows", self.name, f"{100 * self.confidence_level:.4g} % interval")]
        for group, value in self.by_group.items():
            low, high = self.confidence_interval[group]
            ends = "unknown" if self.confidence_interval[group].reason else f"{low:.4f} to {high:.4f}"
            rows.append((group_text(group), f"{self.n[group]:,}", f"{value:.4f}", ends))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(map(str.rjust, row, widths)) for row in rows]
        return "\n".join([*lines, *self._reasons, self.summary])

    @property
    def _reasons(self) -> list[str]:
        """Why intervals are unknown: one line per reason, with the groups that it is true of."""
        groups: dict[str, list[str]] = {}
        for group in self.by_group:
            groups.setdefault(self.confidence_interval[group].reason, []).append(group_text(group))
        groups.pop("", None)  # those whose interval is known
        return [f"no interval for {_first(names)}: {reason}" for reason, names in groups.items()]


def _first(names: list[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return f"{'; '.join(names[:_MOST_NAMED])}{more}"  # a combination of groups has commas


def group_text(group: Hashable) -> str:
    """Return the name of a group for tables and plots.

    >>> group_text(("Bern", 1)), group_text(True)
    ('Bern, 1', 'True')
    """
    return ", ".join(map(str, group)) if isinstance(group, tuple) else str(group)


@dataclass(frozen=True, eq=False)
class Groups:
    """Which group each row of a pass belongs to.

    Attributes:
        names: the groups, sorted.
        numbers: (N,) the place of the group of each row in `names`.
        of_samples: (samples,) the same of each sample.
    """

    names: tuple[Hashable, ...]
    numbers: npt.NDArray[np.integer]
    of_samples: npt.NDArray[np.integer]

    @classmethod
    def of(cls, groups: Any, rows: PassRows) -> "Groups":
        """Return the groups of the rows of a pass.

        Args:
            groups: as in `Grouping.of`.
            rows: the rows.
        """
        found = Grouping.of(groups, rows.samples)
        return cls(found.names, found.numbers if rows.numbers is None else found.numbers[rows.numbers], found.numbers)
