"""`Tally`: what scores are computed from, whether the rows are kept or only their counts."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar, Protocol

import numpy as np

from kerascb_metrics.interpret.kinds import Kind, Scale
from kerascb_metrics.interpret.labeled_rows import Labeling
from kerascb_metrics.tally.chosen import ChosenThreshold
from kerascb_metrics.tally.counts import Cells, Counts, label_cells
from kerascb_metrics.tally.curve import Curve
from kerascb_metrics.tally.ranking import Ranking


class Tally(Protocol):
    """Counts and rankings of the rows of one output; `ExactTally` has the rows, `StreamingTally` only bins.

    Asking for one value never changes another.

    Attributes:
        memo: results that several scores share, by a key of their own; see `precision_recall_f1`.
        has_rows: whether the rows are at hand, for scores that counts and rankings do not suffice for.
    """

    memo: dict[Any, Any]
    has_rows: ClassVar[bool]

    @property
    def chosen(self) -> ChosenThreshold | None:
        """The threshold that a score chose for the rows; None: the task's own is used."""
        ...

    # Each implementation has its own.

    @property
    def labeling(self) -> Labeling:
        """What the outputs are, and how they become labels."""
        ...

    def __len__(self) -> int:
        """Return how many rows there were."""
        ...

    @property
    def weighted(self) -> bool:
        """Whether the rows have sample weights that scores have to take."""
        ...

    @property
    def weightless(self) -> bool:
        """Whether there are sample weights, and all are zero."""
        ...

    @property
    def unreadable(self) -> str | None:
        """Why the outputs cannot be scored, or None."""
        ...

    @property
    def counts(self) -> Counts:
        """The count table of a binary, multiclass or ordinal task."""
        ...

    @property
    def label_tables(self) -> np.ndarray:
        """The L × 2 × 2 tables [[tn, fp], [fn, tp]] of a multilabel task."""
        ...

    def rankings(self, *, precision: bool = False) -> Mapping[int, Ranking]:
        """Return class index → its `Ranking`, for the classes that can be ranked.

        A binary task has one, of the positive class.

        Args:
            precision: whether the average precision is wanted too.
        """
        ...

    def pooled(self) -> Ranking:
        """Return the `Ranking` of every (row, column) as a row of its own."""
        ...

    # The same for all.

    @property
    def kind(self) -> Kind:
        """The kind of task."""
        return self.labeling.kind

    @property
    def scale(self) -> Scale:
        """What the outputs are."""
        return self.labeling.scale

    @property
    def classes(self) -> np.ndarray:
        """The label of each class index."""
        return self.labeling.classes

    @cached_property
    def codes(self) -> np.ndarray:
        """The label of each class as scikit-learn's functions of classes take it: fractions become their ranks."""
        classes = self.classes
        is_whole = classes.dtype.kind != "f" or bool((classes == np.round(classes)).all())
        return classes if is_whole else np.argsort(np.argsort(classes))

    @property
    def class_names(self) -> tuple[str, ...]:
        """The name of each class index."""
        return self.labeling.class_names

    @property
    def pos_index(self) -> int:
        """The index of the positive class of a binary task."""
        return self.labeling.pos_index

    @property
    def threshold(self) -> float | np.ndarray | None:
        """A score above it is a label; None for several classes."""
        return self.labeling.threshold

    @property
    def undefined(self) -> str | None:
        """Why nothing can be scored, or None."""
        if not len(self):
            return "no row is left to score"
        return "all sample weights are zero" if self.weightless else self.unreadable

    @cached_property
    def matrix(self) -> np.ndarray:
        """The confusion matrix of a task of classes: C × C, rows true, columns predicted."""
        return self.counts.matrix()

    @cached_property
    def cells(self) -> Cells:
        """Weighted rows with the label scores of all rows, as `codes`: (y_true, y_pred, weights)."""
        if self.kind == "multilabel":
            return label_cells(self.label_tables)
        return self.codes[self.counts.y_true], self.codes[self.counts.y_pred], self.counts.weight

    @cached_property
    def true_mass(self) -> np.ndarray:
        """The weight of the rows of each true class or label."""
        if self.kind == "multilabel":
            return self.label_tables[:, 1].sum(axis=1)  # type: ignore[no-any-return]  # NumPy types sums as Any
        return np.bincount(self.counts.y_true, self.counts.weight, minlength=len(self.classes))

    @cached_property
    def predicted_mass(self) -> np.ndarray:
        """The weight of the rows of each predicted class or label."""
        if self.kind == "multilabel":
            return self.label_tables[:, :, 1].sum(axis=1)  # type: ignore[no-any-return]
        return np.bincount(self.counts.y_pred, self.counts.weight, minlength=len(self.classes))

    @cached_property
    def occurring(self) -> np.ndarray:
        """The indices of the classes that a row has, true or predicted, by the order of `codes`; of labels all."""
        if self.kind == "multilabel":
            return np.arange(len(self.classes))
        occurs = np.zeros(len(self.classes), bool)
        occurs[self.counts.y_true] = occurs[self.counts.y_pred] = True
        found = np.flatnonzero(occurs)
        return found[np.argsort(self.codes[found])]

    @cached_property
    def one_sided(self) -> np.ndarray:
        """For each class or label, whether its true rows have no weight, or all of it."""
        here = self.true_mass > 0
        elsewhere = self.label_tables[:, 0].any(axis=1) if self.kind == "multilabel" else here.sum() > here
        return ~(here & elsewhere)

    @property
    def unranked(self) -> list[str]:
        """The names of the classes that cannot be ranked, because they have none of the weight, or all of it."""
        return [name for name, gone in zip(self.class_names, self.one_sided, strict=True) if gone]

    def curves(self) -> dict[str, Curve]:
        """Return class name → its `Curve`, for the classes that can be ranked."""
        return {self.class_names[index]: ranking.curve for index, ranking in self.rankings().items()}
