"""Any number of labels per row: `Multilabel`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.special import logit

from kerascb_metrics.exceptions import DataError
from kerascb_metrics.interpret.join import Rows
from kerascb_metrics.interpret.kinds import FromLogits, Kind, Scale
from kerascb_metrics.interpret.labeled_rows import LabeledRows, Labeling
from kerascb_metrics.interpret.losses import LossReading
from kerascb_metrics.interpret.positions import flatten
from kerascb_metrics.interpret.targets import binary_targets
from kerascb_metrics.interpret.task_arguments import (
    check_class_names,
    check_from_logits,
    class_names_for,
    copy_arguments,
    scale_of,
)
from kerascb_metrics.interpret.validation import check_threshold, checked_outputs
from kerascb_metrics.interpret.weights import check_sum


@dataclass(frozen=True)
class Multilabel:
    """Any number of L labels per row.

    Outputs are (N, L). Targets are 0/1, or −1/1, of the same shape. Extra axes (pixels, time steps) are flattened: each
    position is a sample.

    Args:
        threshold: a label is given when its probability is GREATER than this; one number, or one per label. None: 0.5,
            or 0 for the margins of hinge losses.
        from_logits: "auto" (as the loss has it), True or False.
        class_names: the name of each label in keys, plots and reports.

    >>> Multilabel(threshold=[0.5, 0.2]).threshold
    (0.5, 0.2)
    """

    threshold: float | Sequence[float] | np.ndarray | None = None
    from_logits: FromLogits = "auto"
    class_names: Sequence[str] | None = None
    kind: ClassVar[Kind] = "multilabel"

    def __post_init__(self) -> None:
        check_from_logits("Multilabel", self.from_logits)
        check_class_names("Multilabel", self.class_names)
        if self.threshold is not None and np.asarray(self.threshold).dtype.kind not in "fiu":
            raise ValueError(f"Multilabel: threshold must be a number, or one per label; received {self.threshold!r}.")
        copy_arguments(self, "threshold", "class_names")

    def read(self, rows: Rows, loss: LossReading) -> LabeledRows:
        """Return the rows as multilabel `LabeledRows`.

        Args:
            rows: the rows of one pass.
            loss: what the compiled loss tells about the output.

        Raises:
            DataError: if the rows do not fit a multilabel task.
        """
        if rows.y_pred.ndim < 2 or rows.y_true.shape != rows.y_pred.shape:
            raise DataError(
                "Metrics: a multilabel task needs targets of the same shape (N, L) as the outputs; received targets "
                f"{rows.y_true.shape} and outputs {rows.y_pred.shape}. For class numbers pass task='multiclass'."
            )
        scale = self._scale(loss)
        n_labels = rows.columns
        flat = flatten(rows, columns=n_labels)
        if flat.sample_weight is not None:
            check_sum(flat.sample_weight, times=n_labels)
        if loss.ignore_class is not None and (flat.y_true == loss.ignore_class).any():
            raise DataError(
                f"Metrics: a multilabel task cannot ignore single labels, but the targets hold {loss.ignore_class}, "
                "which the loss ignores. Leave those rows out, or mask them."
            )
        y_true, _ = binary_targets(flat.y_true.reshape(-1, n_labels), "a multilabel", "task='regression'")
        outputs, undefined = checked_outputs(flat.y_pred.reshape(-1, n_labels), scale)
        threshold = self._thresholds(scale, n_labels, outputs.dtype)
        classes = np.arange(n_labels)
        labeling = Labeling(
            kind="multilabel",
            scale=scale,
            threshold=threshold,
            classes=classes,
            class_names=class_names_for(self.class_names, classes),
        )
        return LabeledRows(labeling, y_true, outputs, flat.sample_weight, undefined)

    def describe(self, loss: LossReading) -> str:
        """Return when a label is given, in words."""
        if self._scale(loss) == "margin":
            return f"label given when output > {0 if self.threshold is None else self.threshold}"
        return f"label given when probability > {0.5 if self.threshold is None else self.threshold}"

    def _scale(self, loss: LossReading) -> Scale:
        return scale_of("Multilabel", self.from_logits, loss)

    def _thresholds(self, scale: Scale, n_labels: int, dtype: np.dtype) -> np.ndarray:
        """Return the thresholds on the scale of the outputs: one, or one per label."""
        default = 0.0 if scale == "margin" else 0.5
        threshold = np.atleast_1d(default if self.threshold is None else self.threshold)
        if len(threshold) not in (1, n_labels):
            raise DataError(
                f"Metrics: Multilabel(threshold=…) has {len(threshold)} thresholds, but the outputs have {n_labels} "
                "labels. Give one threshold, or one per label."
            )
        if scale != "margin":
            check_threshold(threshold)
        if scale == "logit":
            return np.asarray(logit(threshold))
        # As with a Python float, which NumPy compares with float32 outputs in float32.
        return threshold.astype(dtype)
