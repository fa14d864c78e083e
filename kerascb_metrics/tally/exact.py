"""`ExactTally`: counts and rankings of rows that are kept."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from scipy.special import expit, softmax

from kerascb_metrics._blocks import columns_of, each_block
from kerascb_metrics.interpret.join import Rows
from kerascb_metrics.interpret.labeled_rows import LabeledRows, Labeling
from kerascb_metrics.tally import counts
from kerascb_metrics.tally.chosen import ChosenThreshold
from kerascb_metrics.tally.counts import Cells, Counts
from kerascb_metrics.tally.folds import folds_of_rows
from kerascb_metrics.tally.ranking import Ranking, points_each, rank, rank_columns
from kerascb_metrics.tally.tally import Tally


@dataclass(frozen=True, eq=False)
class ExactTally(Tally):
    """A `Tally` of rows that are kept; each quantity is computed when it is first asked for.

    Args:
        labeled: the rows.
        precision: whether a score will ask for average precision, so that one sort serves it too.
        rows: the rows before they were flattened, for scores of whole predictions; None if they are not at hand.
        chosen: the threshold that a score chose for them; None: the task's own is used.
        given_labels: None, or the labels of the rows as `Labeling.apply` returns them, where `chosen` labels them.
    """

    labeled: LabeledRows
    precision: bool = False
    rows: Rows | None = None
    chosen: ChosenThreshold | None = None
    given_labels: np.ndarray | None = None
    memo: dict[Any, Any] = field(default_factory=dict)
    has_rows: ClassVar[bool] = True

    def __len__(self) -> int:
        return len(self.labeled)

    @property
    def labeling(self) -> Labeling:
        """What the outputs are, and how they become labels."""
        return self.labeled.labeling

    @property
    def unreadable(self) -> str | None:
        """Why the outputs cannot be scored, or None."""
        return self.labeled.undefined

    @property
    def y_true(self) -> np.ndarray:
        """The targets, see `LabeledRows`."""
        return self.labeled.y_true

    @cached_property
    def y_pred(self) -> np.ndarray:
        """The labels of the rows, see `Labeling.apply`."""
        return self.labeled.labels if self.given_labels is None else self.given_labels

    @property
    def outputs(self) -> np.ndarray:
        """The outputs, see `LabeledRows`."""
        return self.labeled.outputs

    @property
    def sample_weight(self) -> np.ndarray | None:
        """None, or weights (N,) float64; of `by_element` rows also (N, L)."""
        return self.labeled.sample_weight

    @property
    def by_element(self) -> bool:
        """Whether single elements are left out or weighted, see `LabeledRows`."""
        return self.labeled.by_element

    @property
    def weighted(self) -> bool:
        """Whether the rows have sample weights."""
        return self.sample_weight is not None

    @property
    def weightless(self) -> bool:
        """Whether there are sample weights, and all are zero."""
        return self.sample_weight is not None and not self.sample_weight.any()

    # Counts.

    @cached_property
    def counts(self) -> Counts:
        """The count table of a binary, multiclass or ordinal task."""
        return Counts.of(self.y_true, self.y_pred, len(self.classes), self.sample_weight)

    @cached_property
    def label_tables(self) -> np.ndarray:
        """The L × 2 × 2 tables [[tn, fp], [fn, tp]] of a multilabel task."""
        return counts.label_tables(self.y_true, self.y_pred, self.sample_weight, self.labeled.present)

    @cached_property
    def cells(self) -> Cells:
        """Weighted rows with the label scores of all rows, as `codes`: (y_true, y_pred, weights).

        A single label is a binary problem to scikit-learn, so its rows of neither true nor predicted label count too.
        """
        if self.kind == "multilabel" and len(self.classes) == 1:
            single = Counts.of(self.y_true.ravel(), self.y_pred.ravel(), 2, self.sample_weight)
            return single.y_true, single.y_pred, single.weight
        return super().cells

    @cached_property
    def folds(self) -> np.ndarray:
        """The fold of each row, (N,) uint8: that of its sample, so that the positions of a sample stay together."""
        return self.folds_from(0)

    def folds_from(self, first: int, process: int = 0) -> np.ndarray:
        """Return the fold of each row of a part of the pass.

        Args:
            first: the number of its first sample.
            process: see `folds_of`.
        """
        folds = folds_of_rows(self.samples, first, process)
        if not self.of_positions:
            return folds if self.labeled.kept is None else folds[self.labeled.kept]
        own: np.ndarray = folds[self.numbers_of_samples]
        return own

    @cached_property
    def numbers_of_samples(self) -> np.ndarray:
        """The number of the sample that each row belongs to, (N,) int64."""
        kept, rows = self.labeled.kept, self.rows
        numbers = np.arange(self.positions) if rows is None else rows.numbers_of_samples(self.positions)
        return numbers if kept is None else numbers[kept]

    @property
    def of_positions(self) -> bool:
        """Whether the rows are positions of samples, which depend on each other."""
        return self.rows is not None and not self.rows.is_of_samples(self.positions)

    @property
    def positions(self) -> int:
        """The number of positions, those that were left out among them; of rows without positions that of rows."""
        return len(self) if self.labeled.kept is None else len(self.labeled.kept)

    @property
    def samples(self) -> int:
        """The number of samples, those that were left out among them."""
        if self.rows is not None:
            return self.rows.samples_count
        return len(self) if self.labeled.kept is None else len(self.labeled.kept)

    def of_rows(self, rows: np.ndarray) -> "ExactTally":
        """Return the tally of some of the rows, labelled as they are here.

        Args:
            rows: (M,) the numbers of those that are wanted, as often as they are named.
        """
        labels = None if self.given_labels is None else self.given_labels[rows]
        return replace(self, labeled=self.labeled.take(rows), rows=None, given_labels=labels, memo={})

    # Rows, for metric functions and scorers.

    @cached_property
    def labels(self) -> tuple[np.ndarray, np.ndarray]:
        """`(y_true, y_pred)` in the targets' own labels."""
        if self.kind == "regression":
            return self.y_true, self.y_pred
        if self.kind == "multilabel":
            return self.y_true.astype(np.int64), self.y_pred.astype(np.int64)
        return np.take(self.classes, self.y_true.astype(np.intp)), np.take(self.classes, self.y_pred.astype(np.intp))

    @cached_property
    def y_score(self) -> np.ndarray:
        """The scores that rank the rows, in the shape of the outputs and on `Labeling.score_scale`."""
        return self.outputs if self.labeling.score_scale == self.scale else _softmax(self.outputs)

    @cached_property
    def y_proba(self) -> np.ndarray | None:
        """Probabilities as `predict_proba` returns them, (N, C) or (N, L); None where the outputs are margins."""
        if not self.labeling.has_proba:
            return None
        if self.kind == "multiclass":
            return _at_most_one(self.y_score)
        proba = expit(self.outputs.astype(np.float64)) if self.scale == "logit" else _at_most_one(self.outputs)
        return np.column_stack([1 - proba, proba]) if self.kind == "binary" else proba

    # Rankings.

    def rankings(self, *, precision: bool = False) -> Mapping[int, Ranking]:
        """Return class index → its `Ranking`, see `Tally.rankings`."""
        return self._precise_rankings if precision or self.precision else self._rankings

    @cached_property
    def _rankings(self) -> dict[int, Ranking]:
        return self._ranked(precision=False)

    @cached_property
    def _precise_rankings(self) -> dict[int, Ranking]:
        return self._ranked(precision=True)

    def _ranked(self, *, precision: bool) -> dict[int, Ranking]:
        if self.by_element:
            return self._ranked_by_element(precision)
        y_score = rankable(self.y_score)
        if self.kind != "binary":
            some = np.flatnonzero(~self.one_sided).tolist()
            return rank_columns(self.are_of, y_score, some, self.sample_weight, precision=precision)
        if self.unranked:
            return {}
        y_score = y_score if self.pos_index == 1 else -y_score
        own = rank(self.is_of(self.pos_index), y_score, self.sample_weight, precision=precision)
        return {self.pos_index: own}

    def _ranked_by_element(self, precision: bool) -> dict[int, Ranking]:
        """Rank each label on its own rows."""
        indices = np.flatnonzero(~self.one_sided).tolist()
        most, found = points_each(len(indices)), {}
        for index in indices:
            own = self.labeled.column(index)
            scores = rankable(own.outputs)
            found[index] = rank(own.y_true, scores, own.sample_weight, precision=precision, most=most)
        return found

    def pooled(self) -> Ranking:
        """Return the `Ranking` of every (row, column) as a row of its own."""
        if self.by_element:
            return self._pooled_elements()
        weight = None if self.sample_weight is None else np.repeat(self.sample_weight, len(self.classes))
        positive = np.stack(list(self.are_of(range(len(self.classes)))), axis=1)
        return rank(positive.ravel(), rankable(self.y_score).ravel(), weight)

    def _pooled_elements(self) -> Ranking:
        columns = [self.labeled.column(index) for index in range(len(self.classes))]
        y_true, scores = (np.concatenate([getattr(own, name) for own in columns]) for name in ("y_true", "outputs"))
        weights = [own.sample_weight for own in columns if own.sample_weight is not None]
        return rank(y_true, rankable(scores), np.concatenate(weights) if weights else None)

    def is_of(self, index: int) -> np.ndarray:
        """Return which rows are of a class, or have a label: (N,) bool."""
        return next(iter(self.are_of([index])))

    def are_of(self, indices: Sequence[int]) -> Iterable[np.ndarray]:
        """Return the same for several classes or labels, one after the other."""
        if self.kind == "multilabel":
            return columns_of(self.y_true, indices)
        return self._are_of_classes(indices)

    def _are_of_classes(self, indices: Sequence[int]) -> Iterator[np.ndarray]:
        for index in indices:
            if self.kind == "binary":
                yield self.y_true if index else ~self.y_true
            else:
                yield self.y_true == index


def rankable(y_score: np.ndarray) -> np.ndarray:
    """Return scores in a dtype that can be ranked: float32 or float64."""
    return y_score if y_score.dtype in (np.float32, np.float64) else y_score.astype(np.float64)


def _at_most_one(proba: np.ndarray) -> np.ndarray:
    """Probabilities without what rounding adds to 1, which scikit-learn refuses."""
    return np.minimum(proba, proba.dtype.type(1)) if len(proba) and proba.max() > 1 else proba


def _softmax(outputs: np.ndarray) -> np.ndarray:
    proba = np.empty(outputs.shape, np.float64)

    def fill(block: slice) -> None:
        proba[block] = softmax(outputs[block].astype(np.float64), axis=1)

    each_block(outputs, fill)
    return proba
