"""Rows that are not kept: what one part after another says is added up, and the rows are forgotten.

Label scores lose nothing by it, for they depend on counts alone. Scores that rank the rows get an interval.
"""

from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from kerascb_metrics._blocks import columns_of
from kerascb_metrics.exceptions import DataError
from kerascb_metrics.interpret.weights import check_sum
from kerascb_metrics.tally.bin_bounds import bounds_of, count_in_bins
from kerascb_metrics.tally.bins import BINS, HALF, binning_of
from kerascb_metrics.tally.exact import Evidence, rankable, single_cells
from kerascb_metrics.tally.ranking import points_each

# Of one class: what comes of it, and the others, in each bin.
TABLE_BYTES = 2 * BINS * 8


@dataclass(frozen=True, eq=False)
class CountedEvidence(Evidence):
    """An `Evidence` of which only counts are left; its rankings are the worst or the best that fit them.

    Attributes:
        total: how many rows there were.
        summed: `Counts`, or label tables.
        bins: (K, 2, 2^16), see `count_in_bins`: of each class or label; of a binary task of class 1 alone. None where
            no order was asked for.
        binning: their `Binning`.
        best: whether the rankings are the best ones.
    """

    total: int = 0
    summed: Any = None
    bins: Any = None
    binning: Any = None
    best: bool = False
    rows_kept: ClassVar[bool] = False

    @property
    def rows(self):
        """How many rows there were."""
        return self.total

    @property
    def weightless(self):
        """Whether all weights were zero."""
        return not (self.summed.any() if self.kind == "multilabel" else self.summed.weight.any())

    @property
    def counts(self):
        """The count table of a binary or multiclass task."""
        return self.summed

    @property
    def label_tables(self):
        """The L × 2 × 2 tables of a multilabel task."""
        return self.summed

    @property
    def cells(self):
        """As of any `Evidence`; of a single label the cells that have some weight."""
        single = self.kind == "multilabel" and len(self.classes) == 1
        return single_cells(self.summed[0]) if single else super().cells

    @property
    def has_other_class(self):
        """Whether a row of class 0 of a binary task came, of whatever weight: without one its label is a guess."""
        return bool((self.summed.y_true == 0).any())

    @cached_property
    def rankings(self):
        """As of any `Evidence`."""
        if self.kind != "binary":
            most = points_each(len(self.classes))
            return {int(index): self._rank(self.bins[index], most=most) for index in np.flatnonzero(~self.one_sided)}
        if self.missing:
            return {}
        inverted = self.pos_index == 0
        return {self.pos_index: self._rank(self.bins[0][::-1] if inverted else self.bins[0], inverted=inverted)}

    @property
    def pooled(self):
        """As of any `Evidence`."""
        return self._rank(self.bins.sum(axis=0))

    def _rank(self, table, **options):
        return bounds_of(table, self.binning, precision=self.wants_precision, **options)[self.best]

    # Asked for by no score that counts are enough for.

    @property
    def labels(self):
        """Gone."""
        raise AttributeError("the rows were not kept")

    y_score = y_proba = labels


class Counting:
    """Adds up `Evidence` after `Evidence` of one output.

    Args:
        ordered: whether a score will rank the rows.
    """

    def __init__(self, ordered):
        self._ordered = ordered
        self._weighted: bool | None = None
        self._sum: Any = None
        self._bins: Any = None
        self._binning: Any = None

    def add(self, evidence, dtype):
        """Add the rows of an `Evidence`.

        Args:
            evidence: of the same output and task as the others.
            dtype: the name of the dtype that the model computed the outputs in.
        """
        weighted = evidence.sample_weight is not None
        if self._weighted not in (None, weighted):
            raise DataError(
                "Metrics: some validation batches came without sample_weight, others with. Give it with each batch or "
                "with none; a weight of 1 counts a row as it is."
            )
        self._weighted = weighted
        part = _counted(evidence)
        self._sum = part if self._sum is None else _joined(self._sum, part)
        if self._ordered:
            self._count_in_bins(evidence, dtype)

    def evidence(self):
        """Return the `CountedEvidence` of all rows so far."""
        check_sums(self._sum)
        return replace(self._sum, bins=self._bins, binning=self._binning)

    def _count_in_bins(self, evidence, dtype):
        """Add to the tables, in place: one a class is large."""
        y_score, weight = rankable(evidence.y_score), evidence.sample_weight
        binning = _binning_for(evidence, y_score, dtype)
        if self._binning not in (None, binning):
            raise DataError(
                "Metrics: some validation batches have outputs of another dtype than others, which cannot be counted "
                "together. Pass memory='exact'."
            )
        self._binning = binning
        if self._bins is None:
            tables = tables_of(evidence.kind, len(evidence.classes))
            self._bins = np.zeros((tables, 2, BINS), np.int64 if weight is None else np.float64)
        if evidence.kind == "binary":
            count_in_bins(evidence.y_true, y_score, binning, weight, into=self._bins[0])
            return
        indices = range(len(evidence.classes))
        for table, positive, scores in zip(
            self._bins, evidence.are_of(indices), columns_of(y_score, indices), strict=True
        ):
            count_in_bins(positive, scores, binning, weight, into=table)


def check_sums(evidence: CountedEvidence) -> None:
    """Raise `DataError` where weights of many parts add up to more than float64 holds."""
    if evidence.kind == "multilabel":
        check_sum(evidence.summed)
    else:
        check_sum(evidence.summed.weight)


def tables_of(kind, n_classes):
    """Return in how many tables of bins the rows of a task are counted."""
    return 1 if kind == "binary" else n_classes


def _binning_for(evidence, y_score, dtype):
    # Half precision comes as float32; what was worked out of it, in float64, is no half precision any more.
    return binning_of(
        evidence.score_scale, dtype if dtype in HALF and y_score.dtype == np.float32 else y_score.dtype.name
    )


def _counted(evidence):
    """One part, counted, but for the bins."""
    own = {each.name: getattr(evidence, each.name) for each in fields(Evidence)}
    own |= {"y_true": np.empty(0), "y_pred": np.empty(0), "outputs": None, "sample_weight": None, "shared": {}}
    own["undefined"] = evidence.undefined and "some outputs are NaN or infinite"  # how many, is of this part alone
    summed = evidence.label_tables if evidence.kind == "multilabel" else evidence.counts
    return CountedEvidence(**own, total=evidence.rows, summed=summed)


def _joined(one, other):
    """Two parts as one."""
    return replace(
        _with_labels(one, other),
        total=one.total + other.total,
        summed=one.summed + other.summed,
        undefined=one.undefined or other.undefined,
    )


def _with_labels(one, other):
    """The part whose labels hold for both; one without the other class of a binary task can only have guessed it."""
    if np.array_equal(one.classes, other.classes):
        return one
    certain = [part for part in (one, other) if part.kind == "binary" and part.has_other_class]
    if len(certain) == 2:
        raise DataError(
            f"Metrics: a binary task has two target labels; received {', '.join(map(str, one.classes))} in some "
            f"batches and {', '.join(map(str, other.classes))} in others."
        )
    return replace(
        one, **{name: getattr((certain or [one])[0], name) for name in ("classes", "class_names", "pos_index")}
    )
