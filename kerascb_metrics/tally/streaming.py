"""`StreamingTally`: counts and bins of rows that are not kept. Parts are added one after the other, then released.

Label scores stay exact, because they depend only on counts. Scores that rank the rows get an interval.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np

from kerascb_metrics._blocks import columns_of
from kerascb_metrics.exceptions import DataError
from kerascb_metrics.interpret.join import Rows
from kerascb_metrics.interpret.kinds import Kind, Scale
from kerascb_metrics.interpret.labeled_rows import LabeledRows, Labeling
from kerascb_metrics.interpret.weights import check_sum
from kerascb_metrics.tally.bin_bounds import bounds_of, count_in_bins
from kerascb_metrics.tally.bins import BINS, HALF, Binning, binning_of
from kerascb_metrics.tally.chosen import ChosenThreshold
from kerascb_metrics.tally.counts import Cells, Counts, single_cells
from kerascb_metrics.tally.exact import ExactTally, rankable
from kerascb_metrics.tally.ranking import POINTS, Ranking, points_each
from kerascb_metrics.tally.sample_cells import SampleCells
from kerascb_metrics.tally.tally import Tally

# Bytes per class: the counts of its rows, and of the others, in each bin.
TABLE_BYTES = 2 * BINS * 8


@dataclass(frozen=True, eq=False)
class StreamingTally(Tally):
    """A `Tally` of rows of which only counts are left; its rankings are the worst or the best that fit the counts.

    Args:
        rule: the `Labeling` of the rows.
        total: how many rows there were.
        summed: `Counts`, or of a multilabel task the label tables.
        not_finite: why the outputs cannot be scored, or None.
        bins: (K, 2, 2^16), see `count_in_bins`: one table per class or label, for a binary task that of class 1 alone.
            None where no score ranks the rows.
        binning: the `Binning` of `bins`.
        dtype: in which the scores were counted: float32 or float64.
        precision: whether a score will ask for average precision, so that one sum over the bins serves it too.
        best: whether the rankings are the best ones.
        of_positions: whether the rows are positions of samples.
        samples: the cells of each sample, (S, 4, C), where the rows of a sample depend on each other, else None.
        folds: the same for each of five parts of the samples, if a score is to choose the threshold.
        chosen: the threshold that it chose.
    """

    rule: Labeling
    total: int
    summed: Counts | np.ndarray
    not_finite: str | None = None
    bins: np.ndarray | None = None
    binning: Binning | None = None
    dtype: np.dtype = field(default=np.dtype(np.float64))
    precision: bool = False
    best: bool = False
    of_positions: bool = False
    samples: np.ndarray | None = None
    folds: "tuple[StreamingTally, ...]" = ()
    chosen: ChosenThreshold | None = None
    memo: dict[Any, Any] = field(default_factory=dict)
    has_rows: ClassVar[bool] = False
    # Every score that works without rows takes weights, so no score has to be warned about.
    weighted: ClassVar[bool] = False

    def __len__(self) -> int:
        return self.total

    @property
    def labeling(self) -> Labeling:
        """What the outputs are, and how they become labels."""
        return self.rule

    @property
    def unreadable(self) -> str | None:
        """Why the outputs cannot be scored, or None."""
        return self.not_finite

    @property
    def weightless(self) -> bool:
        """Whether all weights were zero."""
        return not _weights_of(self.summed).any()

    @property
    def counts(self) -> Counts:
        """The count table of a binary, multiclass or ordinal task."""
        assert isinstance(self.summed, Counts)
        return self.summed

    @property
    def label_tables(self) -> np.ndarray:
        """The L × 2 × 2 tables of a multilabel task."""
        assert isinstance(self.summed, np.ndarray)
        return self.summed

    @property
    def cells(self) -> Cells:
        """A few weighted rows with the label scores of all rows; of a single label the cells that have some weight."""
        if self.kind == "multilabel" and len(self.classes) == 1:
            return single_cells(self.label_tables[0])
        return super().cells

    @property
    def has_other_class(self) -> bool:
        """Whether a binary task had a row of class 0, of any weight. Without one the label of class 0 is a guess."""
        return bool((self.counts.y_true == 0).any())

    def at_best(self) -> "StreamingTally":
        """Return the same counts with the best rankings that fit them."""
        return replace(self, best=True, memo={})

    def rankings(self, *, precision: bool = False) -> Mapping[int, Ranking]:
        """Return class index → the worst, or the best, `Ranking` that fits the bins; see `Tally.rankings`."""
        precision = precision or self.precision
        key = ("rankings", precision)
        if key not in self.memo:
            self.memo[key] = self._ranked(precision)
        found: Mapping[int, Ranking] = self.memo[key]
        return found

    def pooled(self) -> Ranking:
        """Return the worst, or the best, `Ranking` of every (row, column) as a row of its own."""
        return self._rank(self._bins.sum(axis=0))

    def _ranked(self, precision: bool) -> dict[int, Ranking]:
        if self.kind != "binary":
            most = points_each(len(self.classes))
            ranked = np.flatnonzero(~self.one_sided).tolist()
            return {index: self._rank(self._bins[index], precision=precision, most=most) for index in ranked}
        if self.unranked:
            return {}
        inverted = self.pos_index == 0
        table = self._bins[0][::-1] if inverted else self._bins[0]
        return {self.pos_index: self._rank(table, precision=precision, inverted=inverted)}

    def _rank(
        self, table: np.ndarray, *, precision: bool = False, inverted: bool = False, most: int = POINTS
    ) -> Ranking:
        assert self.binning is not None
        return bounds_of(table, self.binning, precision=precision, inverted=inverted, most=most)[self.best]

    @property
    def _bins(self) -> np.ndarray:
        assert self.bins is not None
        return self.bins


class Accumulator:
    """Adds up the `LabeledRows` of one output, part by part.

    Args:
        ranked: whether a score will rank the rows.
        precision: whether one will ask for average precision.
        labelled: whether the labels of the rows are known, and not chosen at the end.
    """

    def __init__(self, ranked: bool, precision: bool = False, labelled: bool = True) -> None:
        self._ranked, self._precision = ranked, precision
        self._weighted: bool | None = None
        self._unit: Scale | None = None
        self._sum: StreamingTally | None = None
        self._bins: np.ndarray | None = None
        self._binning: Binning | None = None
        self._binning_is_certain = False  # whether scores have shown their unit
        self._dtype = np.dtype(np.float64)
        self._of_positions = False
        self._samples = SampleCells() if labelled else None

    def add(self, labeled: LabeledRows, dtype: str, rows: Rows | None = None) -> ExactTally:
        """Add some rows.

        Args:
            labeled: rows of the same output and task as the others.
            dtype: the name of the dtype that the model computed the outputs in.
            rows: the same before they were flattened; None: each row is a sample.

        Returns:
            The tally of these rows alone.

        Raises:
            DataError: for weights in some parts only, outputs of several dtypes, or other target labels.
        """
        weighted = labeled.sample_weight is not None
        if self._weighted not in (None, weighted):
            raise DataError(
                "Metrics: some validation batches have sample_weight and others do not. Pass it for every batch or for "
                "none; 1 is the neutral weight."
            )
        self._weighted = weighted
        if rows is not None and rows.columns == 2 and labeled.labeling.kind == "binary":
            self._check_unit(labeled)
        exact = ExactTally(labeled, rows=rows)
        self._of_positions |= exact.of_positions
        if self._samples is not None:
            self._samples.add(exact)
        part = _counted(exact)
        self._sum = part if self._sum is None else joined(self._sum, part)
        if self._ranked:
            self._count_in_bins(exact, dtype)
        return exact

    def tally(self) -> StreamingTally:
        """Return the `StreamingTally` of all rows so far; at least one part was added."""
        assert self._sum is not None
        check_sums(self._sum)
        found = replace(self._sum, bins=self._bins, binning=self._binning, precision=self._precision)
        samples = None if self._samples is None else self._samples.cells()
        return replace(found, dtype=self._dtype, of_positions=self._of_positions, samples=samples)

    def _check_unit(self, labeled: LabeledRows) -> None:
        """Raise `DataError` if the unit of two columns changes: it tells whether their difference has the label.

        Their own values show whether they are probabilities. A part without any, or that is not scored, shows nothing.
        """
        if not _show_unit(labeled):
            return
        if self._unit not in (None, labeled.labeling.scale):
            raise _other_outputs()
        self._unit = labeled.labeling.scale

    def _count_in_bins(self, part: ExactTally, dtype: str) -> None:
        """Add to the tables in place, because one table per class is large."""
        y_score, weight = rankable(part.y_score), part.sample_weight
        binning, is_certain = _binning_for(part, y_score, dtype), _show_unit(part.labeled)
        if self._bins is None:
            tables = tables_of(part.kind, len(part.classes))
            self._bins = np.zeros((tables, 2, BINS), np.int64 if weight is None else np.float64)
        if not self._binning_is_certain:
            self._binning, self._dtype, self._binning_is_certain = binning, y_score.dtype, is_certain
        if not is_certain:  # no rows, or nothing will be ranked
            return
        if self._binning is not binning:
            raise _other_outputs()
        if part.kind == "binary":
            count_in_bins(part.y_true, y_score, binning, weight, into=self._bins[0])
            return
        indices = range(len(part.classes))
        if part.by_element:
            for table, index in zip(self._bins, indices, strict=True):
                own = part.labeled.column(index)
                count_in_bins(own.y_true, rankable(own.outputs), binning, own.sample_weight, into=table)
            return
        for table, positive, scores in zip(self._bins, part.are_of(indices), columns_of(y_score, indices), strict=True):
            count_in_bins(positive, scores, binning, weight, into=table)


def _show_unit(labeled: LabeledRows) -> bool:
    """Return whether rows show the unit of the outputs; no rows do not, nor do outputs that cannot be scored."""
    return bool(len(labeled)) and labeled.undefined is None


def _other_outputs() -> DataError:
    return DataError(
        "Metrics: the outputs have different dtypes, or units, in different validation batches, so they cannot be "
        "counted together. Pass memory='exact'."
    )


def check_sums(tally: StreamingTally) -> None:
    """Raise `DataError` where weights of many parts add up to more than float64 can hold."""
    check_sum(_weights_of(tally.summed))


def tables_of(kind: Kind, n_classes: int) -> int:
    """Return in how many tables of bins the rows of a task are counted."""
    return 1 if kind == "binary" else n_classes


def _weights_of(summed: Counts | np.ndarray) -> np.ndarray:
    return summed.weight if isinstance(summed, Counts) else summed


def _binning_for(part: ExactTally, y_score: np.ndarray, dtype: str) -> Binning:
    # Half precision comes as float32. Scores computed from it in float64 are no longer half precision.
    is_half = dtype in HALF and y_score.dtype == np.float32
    return binning_of(part.labeling.score_scale, dtype if is_half else y_score.dtype.name)


def _counted(part: ExactTally) -> StreamingTally:
    """Count one part, without the bins."""
    # How many outputs are not finite is known for this part only.
    not_finite = part.unreadable and "some outputs are NaN or infinite"
    summed = part.label_tables if part.kind == "multilabel" else part.counts
    return StreamingTally(part.labeling, total=len(part), summed=summed, not_finite=not_finite)


def joined(one: StreamingTally, other: StreamingTally) -> StreamingTally:
    """Return the counts of two parts as one, without their bins."""
    summed: Any = one.summed + other.summed  # both are of the same type
    return replace(
        one,
        rule=_rule_of_both(one, other),
        total=one.total + other.total,
        summed=summed,
        not_finite=one.not_finite or other.not_finite,
        memo={},
    )


def _rule_of_both(one: StreamingTally, other: StreamingTally) -> Labeling:
    """Return the rule that holds for both.

    Without the other class of a binary task a part only guessed its label, and without rows the unit of the outputs.
    """
    rule = one.rule if len(one) else other.rule
    if np.array_equal(one.classes, other.classes):
        return rule
    certain = [part for part in (one, other) if part.kind == "binary" and part.has_other_class]
    if len(certain) == 2:
        raise DataError(
            f"Metrics: a binary task needs two target labels; received {', '.join(map(str, one.classes))} in some "
            f"batches and {', '.join(map(str, other.classes))} in others. Mend them, or pass task='multiclass'."
        )
    source = (certain or [one])[0].rule
    return replace(rule, classes=source.classes, class_names=source.class_names, pos_index=source.pos_index)
