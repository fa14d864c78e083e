"""`LabeledRows`: the rows as a task reads them, and the rule that labels them."""

from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from kerascb_metrics.interpret.columns import argmax_columns, nearest_grades
from kerascb_metrics.interpret.kinds import RANKED, Kind, Scale
from kerascb_metrics.interpret.positions import kept_of


@dataclass(frozen=True, eq=False)
class Labeling:
    """What the outputs of a task are, and how they become labels.

    Attributes:
        kind: "binary", "multiclass", "multilabel", "ordinal" or "regression".
        scale: what the outputs are: "probability", "logit" or "margin".
        threshold: a score above it is a label: one number, or one per label; None for several classes.
        chosen_by: the name of the score that chooses the threshold; then `threshold` is that of the rows for which it
            cannot be chosen. None: `threshold` is that of all rows.
        classes: the label of each class index, as the targets have it.
        class_names: the names of the classes (or labels) in keys and plots.
        pos_index: the index of the positive class of a binary task.
    """

    kind: Kind
    scale: Scale = "probability"
    threshold: float | np.ndarray | None = None
    chosen_by: str | None = None
    classes: np.ndarray = field(default_factory=lambda: np.empty(0))
    class_names: tuple[str, ...] = ()
    pos_index: int = 1

    @property
    def has_proba(self) -> bool:
        """Whether the outputs are probabilities of classes, or logits of them."""
        return self.kind in RANKED and self.scale != "margin"

    @property
    def score_scale(self) -> Scale:
        """The scale of what ranks the rows.

        Several classes are ranked by probability, because softmax is not monotone in each column of logits.
        """
        return "probability" if self.kind == "multiclass" and self.scale == "logit" else self.scale

    def apply(self, outputs: np.ndarray) -> np.ndarray:
        """Label the rows.

        Args:
            outputs: binary (N,); multiclass (N, C); multilabel (N, L); ordinal (N,) or (N, C); regression (N,) or
                (N, K).

        Returns:
            Binary (N,) bool; multiclass and ordinal (N,) class indices; multilabel (N, L) bool; regression the outputs
            themselves.
        """
        if self.kind == "regression":
            return outputs
        if self.kind == "ordinal" and outputs.ndim == 1:
            return nearest_grades(outputs, self.classes)
        return argmax_columns(outputs) if self.threshold is None else outputs > self.threshold


@dataclass(frozen=True, eq=False)
class LabeledRows:
    """Rows as a task reads them: positions flattened, masked ones dropped, targets as class indices.

    Attributes:
        labeling: what the outputs are, and how they become labels.
        y_true: binary (N,) bool; multiclass and ordinal (N,) class indices; multilabel (N, L) bool; regression (N,) or
            (N, K).
        outputs: binary (N,), multiclass (N, C), multilabel (N, L), ordinal (N,) or (N, C), regression (N,) or (N, K).
        sample_weight: None, or (N,) float64; of multilabel and regression rows also (N, L): one per element.
        undefined: None, or why nothing can be scored, such as outputs that are not finite.
        present: None, or (N, L) bool: False for an element that is left out. Each row has an element that is not.
        kept: None, or (P,) bool for all P positions of the pass: whether it is one of the rows. None: all are.
        labelled: whether `outputs` has the labels, as `Labeling.apply` returns them: the device made them.
    """

    labeling: Labeling
    y_true: np.ndarray
    outputs: np.ndarray
    sample_weight: np.ndarray | None = None
    undefined: str | None = None
    present: npt.NDArray[np.bool_] | None = None
    kept: npt.NDArray[np.bool_] | None = None
    labelled: bool = False

    def __len__(self) -> int:
        return len(self.y_true)

    @property
    def labels(self) -> np.ndarray:
        """The labels of the rows, see `Labeling.apply`."""
        return self.outputs if self.labelled else self.labeling.apply(self.outputs)

    @property
    def by_element(self) -> bool:
        """Whether single elements are left out or weighted, so that a row cannot be scored as a whole."""
        return self.present is not None or (self.sample_weight is not None and self.sample_weight.ndim == 2)

    def select(self, selected: npt.NDArray[np.bool_]) -> "LabeledRows":
        """Return some of the rows.

        Args:
            selected: (N,).
        """
        return replace(self.take(np.flatnonzero(selected)), kept=kept_of(self.kept, selected))

    def take(self, indices: npt.NDArray[np.integer]) -> "LabeledRows":
        """Return rows by their numbers, as often as they are named; they are no longer those of positions.

        Args:
            indices: (M,).
        """
        return replace(
            self,
            y_true=self.y_true[indices],
            outputs=self.outputs[indices],
            sample_weight=None if self.sample_weight is None else self.sample_weight[indices],
            present=None if self.present is None else self.present[indices],
            kept=None,
        )

    def column(self, index: int) -> "LabeledRows":
        """Return the rows of one label, or of one column of a regression, as rows of a single column (N,).

        Args:
            index: the number of the column.
        """
        weight = self.sample_weight
        weight = weight if weight is None or weight.ndim == 1 else weight[:, index]
        y_true, outputs = self.y_true[:, index], self.outputs[:, index]
        if self.present is not None:
            kept = self.present[:, index]
            y_true, outputs, weight = y_true[kept], outputs[kept], None if weight is None else weight[kept]
        return LabeledRows(self.labeling, y_true, outputs, weight, self.undefined)
