"""Any number of labels per row: `Multilabel`."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.special import logit

from kerascb_metrics.exceptions import DataError
from kerascb_metrics.interpret.labeled_rows import LabeledRows, Labeling
from kerascb_metrics.interpret.positions import flatten
from kerascb_metrics.interpret.task_arguments import check_from_logits, keep_own, scale_of
from kerascb_metrics.interpret.validation import (
    binary_targets,
    check_threshold,
    checked_outputs,
    names_of,
)
from kerascb_metrics.interpret.weights import check_sum


@dataclass(frozen=True)
class Multilabel:
    """Any of L labels a row.

    Outputs (N, L); targets 0/1 of the same shape. More axes are positions.

    Args:
        threshold: a label is given when its probability is GREATER than this; one number, or one a label.
        from_logits: "auto" (as the loss says), True or False.
        class_names: the name of each label in keys, pictures and reports.

    >>> Multilabel(threshold=[0.5, 0.2]).threshold
    (0.5, 0.2)
    """

    threshold: float | tuple | None = None
    from_logits: bool | str = "auto"
    class_names: tuple | None = None
    kind: ClassVar[str] = "multilabel"

    def __post_init__(self):
        check_from_logits(self)
        if self.threshold is not None and np.asarray(self.threshold).dtype.kind not in "fiu":
            raise ValueError(f"Multilabel: threshold must be a number, or one a label; received {self.threshold!r}.")
        keep_own(self, "threshold", "class_names")

    def read(self, rows, loss):
        """Read `Predictions` as multilabel `LabeledRows`."""
        if rows.y_pred.ndim < 2 or rows.y_true.shape != rows.y_pred.shape:
            raise DataError(
                "Metrics: a multilabel task needs targets of the same shape (N, L) as the outputs; received targets "
                f"{rows.y_true.shape} and outputs {rows.y_pred.shape}. For class numbers pass task='multiclass'."
            )
        scale = scale_of(self, loss)
        n_labels = rows.columns
        flat = flatten(rows, columns=n_labels)
        if flat.sample_weight is not None:
            check_sum(flat.sample_weight, times=n_labels)
        if loss.ignore_class is not None and (flat.y_true == loss.ignore_class).any():
            raise DataError(
                f"Metrics: a multilabel task cannot leave out single labels, and the targets hold {loss.ignore_class}, "
                "which the loss ignores. Leave those rows out, or mask them."
            )
        y_true, _ = binary_targets(flat.y_true.reshape(-1, n_labels), "a multilabel", "task='regression'")
        outputs, undefined = checked_outputs(flat.y_pred.reshape(-1, n_labels), scale)
        threshold = self._cuts(scale, n_labels, outputs.dtype)
        classes = np.arange(n_labels)
        labeling = Labeling(
            kind="multilabel",
            scale=scale,
            threshold=threshold,
            classes=classes,
            class_names=names_of(self.class_names, classes),
        )
        return LabeledRows(labeling, y_true, outputs, flat.sample_weight, undefined)

    def describe(self, loss):
        """Say in words when a label is given."""
        if scale_of(self, loss) == "margin":
            return f"label given when output > {self.threshold or 0}"
        return f"label given when probability > {0.5 if self.threshold is None else self.threshold}"

    def _cuts(self, scale, n_labels, dtype):
        middle = 0.0 if scale == "margin" else 0.5
        threshold = np.atleast_1d(middle if self.threshold is None else self.threshold)
        if len(threshold) not in (1, n_labels):
            raise DataError(
                f"Metrics: Multilabel(threshold=…) has {len(threshold)} thresholds, the outputs have {n_labels} "
                "labels. Give one, or one a label."
            )
        if scale != "margin":
            check_threshold(threshold)
        # A Python float compares with float32 outputs as float32; an array would not.
        return logit(threshold) if scale == "logit" else threshold.astype(dtype)
