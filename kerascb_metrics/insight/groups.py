"""A score of each group of samples: for whom does the model work, and is the difference more than luck?

The worst of many small groups looks bad by luck alone: of 20 equal groups of 50 rows it has an F1 of 0.43 where the
truth is 0.71. So the number of rows, an interval per group that allows for the number of groups, and one test of "all
groups are equal" stand beside the values.
"""

import math
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import chi2

from kerascb_metrics.insight.confidence import ConfidenceInterval, unknown
from kerascb_metrics.insight.intervals import SHARES, Basis, interval_of, of_samples
from kerascb_metrics.insight.known_scores import KnownScore
from kerascb_metrics.insight.labelled_pass import LabelledPass, PassRows
from kerascb_metrics.insight.sample_tables import SampleTables
from kerascb_metrics.insight.table_scores import OF_CLASSES, table_score
from kerascb_metrics.interpret.grouping import Grouping
from kerascb_metrics.interpret.weights import FOUR_FACTORS, is_ordinary, tamed
from kerascb_metrics.score.averaged import Cells, Masses
from kerascb_metrics.tally.evidence import Evidence
from kerascb_metrics.tally.sample_cells import cells_by_number, cells_of_tables, tables_by_number

SEED, PERMUTATIONS = 20170516, 999
_MOST_CELLS, _MOST_DEALT, _TWO = 1 << 22, 100_000, 2


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
        """The lowest score of a group; groups without one do not count."""
        return float(np.nanmin(self._values))

    @property
    def group_max(self) -> float:
        """The highest score of a group."""
        return float(np.nanmax(self._values))

    @property
    def difference(self) -> float:
        """The highest minus the lowest."""
        return self.group_max - self.group_min

    @property
    def ratio(self) -> float:
        """The lowest divided by the highest; nan if that is 0."""
        return self.group_min / self.group_max if self.group_max else math.nan

    @property
    def _values(self) -> npt.NDArray[np.float64]:
        return np.array(list(self.by_group.values()) or [np.nan])

    def __str__(self) -> str:
        rows = [("group", "rows", self.name, f"{100 * self.confidence_level:.4g} % interval")]
        for group, value in self.by_group.items():
            low, high = self.confidence_interval[group]
            rows.append((group_text(group), f"{self.n[group]:,}", f"{value:.4f}", f"{low:.4f} to {high:.4f}"))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(map(str.rjust, row, widths)) for row in rows]
        test = f"all equal: p = {self.pvalue:.2g} ({self.method})" if self.pvalue == self.pvalue else self.method
        return "\n".join([*lines, f"all rows {self.overall:.4f}; difference {self.difference:.4f}; {test}"])


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


def group_scores(
    name: str, own: str, known: KnownScore, given: LabelledPass, groups: Groups, basis: Basis, level: float
) -> GroupScores:
    """Return a label score of each group.

    Args:
        name: the score, as it was recorded.
        own: the same without the name of the output.
        known: its formula.
        given: the pass.
        groups: the groups of its rows.
        basis: what the interval of all rows is made of.
        level: the confidence level.
    """
    index = basis.pos_index if known.index is None else known.index
    tables = _tables(given, groups, given.rows.weight)
    cells = (
        _cells(given, groups.numbers, len(groups.names)) if _is_scaled(given) or tables is None else _cells_of(tables)
    )
    values = _scores(cells, known, index, basis.zero_division)
    overall = float(_scores(cells.sum(axis=0)[None], known, index, basis.zero_division)[0])
    each = 1 - (1 - level) / len(groups.names)
    intervals = _intervals(own, known, given, groups, basis, values, each, tables)
    pvalue, method = _test(known, index, cells, given, groups, basis)
    counts = np.bincount(groups.numbers, minlength=len(groups.names)).tolist()
    return GroupScores(
        name=name,
        by_group=dict(zip(groups.names, values.tolist(), strict=True)),
        n=dict(zip(groups.names, counts, strict=True)),
        confidence_interval=dict(zip(groups.names, intervals, strict=True)),
        overall=overall,
        pvalue=pvalue,
        method=method,
        confidence_level=level,
    )


def _cells(given: LabelledPass, numbers: npt.NDArray[np.integer], count: int) -> Masses:
    rows = given.rows
    weight = None if rows.weight is None else tamed(rows.weight, FOUR_FACTORS)
    return cells_by_number(rows.y_true, given.y_pred, numbers, count, len(rows.class_names), weight, rows.present)


def _scores(cells: Masses, known: KnownScore, index: int, zero_division: float) -> Masses:
    """Return the score of (G, 4, C) cells, (G,), as scikit-learn has it where it is 0/0."""
    tp, fp, fn, tn = cells.transpose(1, 2, 0)
    values = table_score(known.base, Cells(tp, fp, fn, tn), known.average, index, zero_division)
    by_zero = zero_division if known.base in OF_CLASSES else math.nan
    return np.where(np.isnan(values), by_zero, values)


def _depend(given: LabelledPass, known: KnownScore) -> bool:
    """Return whether rows, or labels of a row, depend on each other, so that samples have to be compared."""
    labels = given.rows.kind == "multilabel" and known.index is None and len(given.rows.class_names) > 1
    return given.rows.of_positions or labels


def _intervals(
    own: str,
    known: KnownScore,
    given: LabelledPass,
    groups: Groups,
    basis: Basis,
    values: Masses,
    level: float,
    tables: npt.NDArray[Any] | None,
) -> list[ConfidenceInterval]:
    count = len(groups.names)
    if _depend(given, known):
        index = basis.pos_index if known.index is None else known.index
        samples = SampleTables(_of_samples(given))
        found = []
        for group, value in enumerate(values.tolist()):
            spread = SampleTables(samples.cells[groups.of_samples == group]).spread(
                known.base, known.average, index, basis.zero_division
            )
            alone = unknown("the group has a single sample")
            found.append(alone if spread is None else of_samples(value, spread, level, known))
        return found
    if tables is None:
        return [unknown("there are too many groups and classes to count all pairs of labels")] * count
    weight = given.rows.weight
    squared = None if weight is None or _is_scaled(given) else _tables(given, groups, weight**2)
    own_bases = [
        replace(basis, matrix=tables[group], squared=None if squared is None else squared[group], evidence=Evidence())
        for group in range(count)
    ]
    nothing = unknown("the group has no such score")
    return [interval_of(own, *pair, level) or nothing for pair in zip(values.tolist(), own_bases, strict=True)]


def _of_samples(given: LabelledPass) -> Masses:
    """Return the cells of each sample, (samples, 4, C)."""
    rows = given.rows
    return _cells(given, np.arange(len(rows)) if rows.numbers is None else rows.numbers, rows.samples)


def _is_scaled(given: LabelledPass) -> bool:
    """Return whether weights are of no ordinary size: then products and squares of them need not fit into float64."""
    return given.rows.weight is not None and not is_ordinary(given.rows.weight)


def _tables(given: LabelledPass, groups: Groups, weight: Masses | None) -> npt.NDArray[Any] | None:
    """Return the confusion matrix of each group, (G, C, C), or of labels (G, L, 2, 2); None where they are too many."""
    rows, count, classes = given.rows, len(groups.names), len(given.rows.class_names)
    if rows.kind == "multilabel":
        found = cells_by_number(rows.y_true, given.y_pred, groups.numbers, count, classes, weight, rows.present)
        tp, fp, fn, tn = found.transpose(1, 0, 2)
        return np.stack([np.stack([tn, fp], axis=-1), np.stack([fn, tp], axis=-1)], axis=-2)
    if count * classes**2 > _MOST_CELLS:
        return None
    return tables_by_number(rows.y_true, given.y_pred, groups.numbers, count, classes, weight)


def _cells_of(tables: npt.NDArray[Any]) -> Masses:
    """Return the cells of each group and class, (G, 4, C), of `_tables`."""
    if tables.ndim == 3:
        return cells_of_tables(tables)
    (tn, fp), (fn, tp) = ((tables[..., row, column] for column in (0, 1)) for row in (0, 1))
    return np.stack([tp, fp, fn, tn], axis=1)


def _test(
    known: KnownScore, index: int, cells: Masses, given: LabelledPass, groups: Groups, basis: Basis
) -> tuple[float, str]:
    """Return how often equal groups would differ as much, and the test."""
    if len(groups.names) < 2:
        return math.nan, "there is a single group"
    if given.rows.weight is None and not _depend(given, known):
        shares = _shares(known, index, cells)
        if shares is not None:
            return _chi_squared(*shares), "chi-squared test of shares"
        if given.rows.kind != "multilabel" and cells.shape[2] == _TWO:
            return _permuted_cells(known, index, cells, basis.zero_division), "permutation of rows"
    if given.rows.samples > _MOST_DEALT:
        return math.nan, f"no test: {given.rows.samples:,} samples are too many to deal out again and again"
    return _permuted_samples(known, index, cells, given, groups, basis.zero_division), "permutation of samples"


def _shares(known: KnownScore, index: int, cells: Masses) -> tuple[Masses, Masses] | None:
    """Return of each group the rows that count and those among which they are, for a score that is such a share."""
    if known.base == "accuracy":
        right = cells[:, 0].sum(axis=1)
        return right, right + cells[:, 1].sum(axis=1)
    if known.average != "binary" or known.base not in SHARES:
        return None
    table = dict(zip(((1, 1), (0, 1), (1, 0), (0, 0)), cells[:, :, index].T, strict=True))
    part, whole = SHARES[known.base]
    return sum((table[cell] for cell in part), np.zeros(len(cells))), sum(
        (table[cell] for cell in whole), np.zeros(len(cells))
    )


def _chi_squared(part: Masses, whole: Masses) -> float:
    """Pearson's test with the pooled share."""
    part, whole = part[whole > 0], whole[whole > 0]
    if len(whole) < 2:
        return math.nan
    pooled = part.sum() / whole.sum()
    if pooled in (0.0, 1.0):
        return 1.0
    statistic = float((whole * (part / whole - pooled) ** 2).sum() / (pooled * (1 - pooled)))
    return float(chi2.sf(statistic, len(whole) - 1))


def _permuted_cells(known: KnownScore, index: int, cells: Masses, zero_division: float) -> float:
    """Draw rows of two classes for each group: which cells they fall into is hypergeometric."""
    own = cells[:, :, 1].astype(np.int64)  # tp, fp, fn and tn of class 1
    rng, left = np.random.default_rng(SEED), np.tile(own.sum(axis=0), (PERMUTATIONS, 1))
    drawn = np.empty((PERMUTATIONS, len(own), 4, 2))
    for group, size in enumerate(own.sum(axis=1)):
        taken = _dealt(left, size, rng)
        left = left - taken
        drawn[:, group, :, 1] = taken
    drawn[..., 0] = drawn[..., [3, 2, 1, 0], 1]
    return _share_above(cells, drawn, known, index, zero_division)


def _dealt(left: npt.NDArray[np.int64], size: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Draw so many of the rows that are left, (draws, 4) by cell, in each draw."""
    taken, wanted, others = np.empty_like(left), np.full(len(left), size), left.sum(axis=1)
    for cell in range(left.shape[1] - 1):
        others = others - left[:, cell]
        taken[:, cell] = rng.hypergeometric(left[:, cell], others, wanted)
        wanted = wanted - taken[:, cell]
    taken[:, -1] = wanted
    return taken


def _permuted_samples(
    known: KnownScore, index: int, cells: Masses, given: LabelledPass, groups: Groups, zero_division: float
) -> float:
    """Deal the samples out among the groups, again and again."""
    of_samples, rng = _of_samples(given), np.random.default_rng(SEED)
    order = np.argsort(groups.of_samples, kind="stable")
    starts = np.searchsorted(groups.of_samples[order], np.arange(len(groups.names)))
    drawn = np.stack(
        [np.add.reduceat(of_samples[rng.permutation(len(of_samples))], starts, axis=0) for _ in range(PERMUTATIONS)]
    )
    return _share_above(cells, drawn, known, index, zero_division)


def _share_above(cells: Masses, drawn: Masses, known: KnownScore, index: int, zero_division: float) -> float:
    """Return the share of draws whose groups differ by as much as the groups at hand."""
    pooled = _scores(cells.sum(axis=0)[None], known, index, zero_division)[0]

    def spread_of(own: Masses) -> Masses:
        values = _scores(own.reshape(-1, *own.shape[-2:]), known, index, zero_division).reshape(own.shape[:-2])
        rows = own[..., :, 0].sum(axis=-1)
        return np.asarray(np.nansum(rows * (values - pooled) ** 2, axis=-1))

    # Sums in another order may differ in the last digits.
    as_much = spread_of(drawn) >= spread_of(cells) * (1 - 1e-9)
    return float((1 + np.count_nonzero(as_much)) / (1 + PERMUTATIONS))
