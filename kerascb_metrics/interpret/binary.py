"""Two classes with one score per row: `Binary`."""

import numbers
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from scipy.special import logit

from kerascb_metrics.exceptions import DataError
from kerascb_metrics.interpret.columns import one_score, refuse_single_class
from kerascb_metrics.interpret.join import Rows
from kerascb_metrics.interpret.kinds import FromLogits, Kind, Scale
from kerascb_metrics.interpret.labeled_rows import LabeledRows, Labeling
from kerascb_metrics.interpret.losses import LossReading
from kerascb_metrics.interpret.positions import Flat, flatten
from kerascb_metrics.interpret.targets import binary_targets, one_hot_to_index
from kerascb_metrics.interpret.task_arguments import (
    check_class_names,
    check_from_logits,
    class_names_for,
    copy_arguments,
    scale_of,
)
from kerascb_metrics.interpret.validation import check_threshold, check_two_shares, checked_outputs, some


@dataclass(frozen=True)
class Binary:
    """Two classes with one score per row.

    Outputs are (N,), (N, 1), or two columns (N, 2), where the second is the positive class. Targets are 0/1 of any
    dtype, or −1/1, or one-hot for two columns. Extra axes (pixels, time steps) are flattened: each position is a
    sample. Rows of the loss's `ignore_class` are left out.

    Args:
        threshold: a row is positive when its probability is GREATER than this; for hinge losses, when its margin is.
            None: 0.5, or 0 for margins. (`np.round` puts exactly 0.5 in class 0, and so does this task.)
        from_logits: "auto" (as the loss has it), True or False.
        pos_label: the label whose precision, recall and F1 are scored. If it is not −1, 0 or 1, it is the class of
            high outputs, and the one other value among the targets is the other class. (Strings are possible only with
            a custom `test_step`: Keras's losses take numbers.)
        class_names: names of class 0 and class 1 in keys, plots and reports.

    >>> Binary(threshold=0.3)
    Binary(threshold=0.3, from_logits='auto', pos_label=1, class_names=None)
    """

    threshold: float | None = None
    from_logits: FromLogits = "auto"
    pos_label: int | str = 1
    class_names: Sequence[str] | None = None
    kind: ClassVar[Kind] = "binary"

    def __post_init__(self) -> None:
        check_from_logits("Binary", self.from_logits)
        check_class_names("Binary", self.class_names, 2)
        copy_arguments(self, "class_names")
        if self.threshold is not None and not isinstance(self.threshold, numbers.Real):
            raise ValueError(
                f"Binary: threshold must be one number; received {self.threshold!r}. For one threshold per label "
                "pass Multilabel(threshold=[…])."
            )

    def read(self, rows: Rows, loss: LossReading) -> LabeledRows:
        """Return the rows as binary `LabeledRows`.

        Args:
            rows: the rows of one pass.
            loss: what the compiled loss tells about the output.

        Raises:
            DataError: if the rows do not fit a binary task.
        """
        scale = self._scale(loss)
        columns = rows.columns
        two_columns = columns == 2
        if columns > 2 and rows.y_true.size != rows.y_pred.size:
            raise DataError(
                f"Metrics: a binary task needs outputs with one or two columns; received outputs {rows.y_pred.shape} "
                f"and targets {rows.y_true.shape}. Pass task='multiclass' or task='multilabel'."
            )
        flat = flatten(rows, columns=2 if two_columns else 1)
        labels = one_hot_to_index(flat.y_true) if flat.y_true.ndim == 2 else flat.y_true
        labels, flat = self._drop_ignored(labels, flat, loss.ignore_class)
        y_true, classes = self._targets(labels)
        outputs, undefined = checked_outputs(flat.y_pred, scale)
        y_score = outputs
        if two_columns and scale == "probability" and undefined is None:
            check_two_shares(outputs)
        if two_columns:  # a difference of finite outputs may overflow
            y_score, overflow = checked_outputs(one_score(outputs, scale), "logit")
            undefined = undefined or overflow
        labeling = Labeling(
            kind="binary",
            scale=scale,
            threshold=self._cut(scale),
            classes=classes,
            class_names=class_names_for(self.class_names, classes),
            pos_index=list(classes).index(self.pos_label),
        )
        return LabeledRows(labeling, y_true, y_score, flat.sample_weight, undefined)

    def describe(self, loss: LossReading) -> str:
        """Return what makes a row positive, in words."""
        if self._scale(loss) == "margin":
            return f"positive when output > {self.threshold or 0}"
        return f"positive when probability > {0.5 if self.threshold is None else self.threshold}"

    def _scale(self, loss: LossReading) -> Scale:
        return scale_of("Binary", self.from_logits, loss)

    def _drop_ignored(self, labels: np.ndarray, flat: Flat, ignore_class: float | None) -> tuple[np.ndarray, Flat]:
        if ignore_class is None:
            return labels, flat
        if ignore_class in ((0, 1) if self.pos_label in (-1, 0, 1) else (self.pos_label,)):
            refuse_single_class(ignore_class)
        keep = labels != ignore_class
        return labels[keep], flat.keep(keep)

    def _cut(self, scale: Scale) -> float:
        if scale == "margin":
            return float(self.threshold or 0)
        # NumPy compares a Python float with float32 outputs in float32, but its own scalars in float64.
        threshold = 0.5 if self.threshold is None else float(self.threshold)
        check_threshold(threshold)
        return float(logit(threshold)) if scale == "logit" else threshold

    def _targets(self, y_true: np.ndarray) -> tuple[npt.NDArray[np.bool_], np.ndarray]:
        """Return which targets are the higher class, and the labels of both classes."""
        if self.pos_label in (-1, 0, 1):
            indices, classes = binary_targets(y_true)
            if self.pos_label == -1 and indices.all():
                return indices, np.array([-1, 1])  # the user names it, although it does not occur here
            if self.pos_label not in classes:
                raise DataError(
                    f"Metrics: Binary(pos_label={self.pos_label!r}) is not one of the target labels {some(classes)}. "
                    "Pass one of them as pos_label."
                )
            return indices, classes
        others = np.unique(y_true[y_true != self.pos_label])
        if len(others) > 1:
            raise DataError(
                f"Metrics: with Binary(pos_label={self.pos_label!r}) the targets may have only one other value; "
                f"received {some(others)}. Pass task='multiclass' if there are more than two classes."
            )
        unseen = f"not {self.pos_label}" if isinstance(self.pos_label, str) else self.pos_label - 1
        other = others[0] if len(others) else unseen
        return y_true == self.pos_label, np.array([other, self.pos_label])
