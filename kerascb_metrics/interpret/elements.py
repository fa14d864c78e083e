"""Rows of which single elements are left out: labels of a multilabel task, or columns of a regression."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from kerascb_metrics.interpret.left_out import AreValid, Values, equal_any
from kerascb_metrics.interpret.positions import Flat, kept_of


@dataclass(frozen=True, eq=False)
class Elements:
    """Rows (N, L), and which of their elements are present. Rows without any are dropped.

    Attributes:
        y_true: (N, L) targets; 1 where left out, which is a valid target of every task.
        y_pred: (N, L) outputs; 0 where left out.
        sample_weight: None, or (N,), or (N, L), which is 0 where left out.
        present: None if no element is left out, else (N, L) bool. With one column it is None: rows are dropped.
        kept: None, or a bool for each position of the pass: whether it is one of these rows.
    """

    y_true: np.ndarray
    y_pred: np.ndarray
    sample_weight: npt.NDArray[np.float64] | None = None
    present: npt.NDArray[np.bool_] | None = None
    kept: npt.NDArray[np.bool_] | None = None

    @classmethod
    def of(cls, flat: Flat, ignored: Values) -> "Elements":
        """Return the elements whose target is not one of the ignored values.

        Args:
            flat: targets and outputs (N, L).
            ignored: the values of `ignore_class`.

        >>> Elements.of(Flat(np.array([[1, -1], [-1, -1]]), np.full((2, 2), 0.5), None), (-1,)).present
        array([[ True, False]])
        """
        elements = cls(flat.y_true, flat.y_pred, flat.sample_weight, None, flat.kept)
        return elements._keep(~equal_any(flat.y_true, ignored)) if ignored else elements

    def without_weightless(self, are_valid: AreValid) -> "Elements":
        """Return the elements without those of weight zero whose target is not valid: they are padding.

        Args:
            are_valid: called with the targets of weight zero and with the others; returns which of the first are valid.
        """
        if self.sample_weight is None:
            return self
        weightless = self.sample_weight == 0
        if not weightless.any():
            return self
        weightless = np.broadcast_to(weightless if weightless.ndim == 2 else weightless[:, None], self.y_true.shape)
        present = np.ones(self.y_true.shape, bool)
        present[weightless] = are_valid(self.y_true[weightless], self.y_true[~weightless])
        return self._keep(present)

    def _keep(self, present: npt.NDArray[np.bool_]) -> "Elements":
        if self.present is not None:
            present = present & self.present
        if present.all():
            return self
        rows = np.asarray(present.any(axis=1))
        weight = None if self.sample_weight is None else self.sample_weight[rows]
        kept = replace(
            self,
            y_true=self.y_true[rows],
            y_pred=self.y_pred[rows],
            sample_weight=weight,
            present=None,
            kept=self.kept if rows.all() else kept_of(self.kept, rows),
        )
        present = present[rows]
        if present.all():
            return kept
        if weight is not None and weight.ndim == 2:
            weight = np.where(present, weight, 0.0)
        y_true = np.where(present, kept.y_true, kept.y_true.dtype.type(1))
        y_pred = np.where(present, kept.y_pred, kept.y_pred.dtype.type(0))
        return replace(kept, y_true=y_true, y_pred=y_pred, sample_weight=weight, present=present)
