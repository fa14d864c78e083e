"""Two classes with one score per row: `Binary`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from scipy.special import logit

from kerascb_metrics.collect.label_rule import LabelRule
from kerascb_metrics.exceptions import DataError, MisfitError
from kerascb_metrics.interpret.columns import one_score, refuse_single_class
from kerascb_metrics.interpret.join import Rows
from kerascb_metrics.interpret.kinds import Choosing, FromLogits, Kind, Scale
from kerascb_metrics.interpret.labeled_rows import LabeledRows, Labeling
from kerascb_metrics.interpret.left_out import (
    IgnoreClass,
    Values,
    as_values,
    check_ignore_class,
    ignored_values,
    without_ignored,
    without_weightless,
)
from kerascb_metrics.interpret.losses import LossReading
from kerascb_metrics.interpret.positions import Flat, flatten
from kerascb_metrics.interpret.soft_targets import are_soft, more_likely, most_likely
from kerascb_metrics.interpret.targets import are_one_hot, binary_targets, one_hot_to_index
from kerascb_metrics.interpret.task_arguments import (
    check_class_names,
    check_from_logits,
    check_soft_targets,
    class_names_for,
    copy_arguments,
    is_finite_number,
    own_scale,
    scale_of,
)
from kerascb_metrics.interpret.thresholds import check_choosing
from kerascb_metrics.interpret.validation import check_threshold, check_two_shares, checked_outputs, highest_of, some


@dataclass(frozen=True)
class Binary:
    """Two classes with one score per row.

    Outputs are (N,), (N, 1), or two columns (N, 2), where the second is the positive class. Targets are 0/1 of any
    dtype, or −1/1, or one-hot for two columns. Extra axes (pixels, time steps) are flattened: each position is a
    sample. Rows of the loss's `ignore_class` are left out, and so are rows of weight zero whose target is not a label.

    Args:
        threshold: a row is positive when its probability is GREATER than this; for hinge losses, when its margin is.
            None: 0.5, or 0 for margins. (`np.round` puts exactly 0.5 in class 0, and so does this task.) The name of a
            score, such as "f1": in each epoch the threshold with the best score. To stay honest, each fifth of the
            samples is labelled by the threshold that is best on the other four. The one that is best on all samples,
            for use after training, is recorded as `val_threshold`.
        from_logits: "auto" (as the loss has it), True or False. With False and a threshold, outputs need not be
            probabilities: the threshold is in their own units, as for the similarities of
            `Binary(threshold=0.0, from_logits=False)`. Then scorers of probabilities are refused.
        pos_label: the label whose precision, recall and F1 are scored. If it is not −1, 0 or 1, it is the class of
            high outputs, and the one other value among the targets is the other class. (Strings are possible only with
            a custom `test_step`: Keras's losses take numbers.)
        class_names: names of class 0 and class 1 in keys, plots and reports.
        ignore_class: the target value of rows to leave out, or a list of values; `float("nan")` for missing targets.
        soft_targets: whether targets are probabilities, as with mixup or label smoothing. Their label is 1 above 0.5.

    >>> Binary(threshold=0.3).threshold
    0.3
    >>> Binary(ignore_class=float("nan"), soft_targets=True).soft_targets
    True
    """

    threshold: float | Choosing | None = None
    from_logits: FromLogits = "auto"
    pos_label: int | str = 1
    class_names: Sequence[str] | None = None
    ignore_class: IgnoreClass = None
    soft_targets: bool = False
    kind: ClassVar[Kind] = "binary"

    def __post_init__(self) -> None:
        check_from_logits("Binary", self.from_logits)
        check_class_names("Binary", self.class_names, 2)
        check_ignore_class("Binary", self.ignore_class, strings=True)
        check_soft_targets("Binary", self.soft_targets)
        copy_arguments(self, "class_names", "ignore_class")
        if not isinstance(self.pos_label, str) and not is_finite_number(self.pos_label):
            raise ValueError(f"Binary: pos_label must be one target value; received {self.pos_label!r}.")
        check_choosing("Binary", self.threshold)
        if not (self.threshold is None or isinstance(self.threshold, str) or is_finite_number(self.threshold)):
            raise ValueError(
                f"Binary: threshold must be one number; received {self.threshold!r}. For one threshold per label "
                "pass Multilabel(threshold=[…])."
            )
        if self.soft_targets and self.pos_label not in (0, 1):
            raise ValueError(
                f"Binary: with soft_targets=True the classes are 0 and 1; received pos_label={self.pos_label!r}."
            )
        self._refuse_ignored_classes(as_values(self.ignore_class))

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
            raise MisfitError(
                f"Metrics: a binary task needs outputs with one or two columns; received outputs {rows.y_pred.shape} "
                f"and targets {rows.y_true.shape}.",
                "Give one target per row, or one per column.",
            )
        values = ignored_values(self.ignore_class, loss, rows.y_true.dtype)
        self._refuse_ignored_classes(values)
        flat = without_ignored(flatten(rows, columns=2 if two_columns else 1), values)
        labels, flat = self._labels(flat)
        y_true, classes = self._targets(labels)
        if flat.labelled:
            y_score, undefined = flat.y_pred.view(bool), None
        else:
            scale = own_scale(scale, self.from_logits, self.threshold, flat.y_pred)
            y_score, undefined = _scores(flat.y_pred, scale, two_columns)
        labeling = Labeling(
            kind="binary",
            scale=scale,
            threshold=self._cut(scale),
            chosen_by=self.threshold if isinstance(self.threshold, str) else None,
            classes=classes,
            class_names=class_names_for(self.class_names, classes),
            pos_index=list(classes).index(self.pos_label),
        )
        return LabeledRows(
            labeling, y_true, y_score, flat.sample_weight, undefined, kept=flat.kept, labelled=flat.labelled
        )

    def label_rule(self, columns: int, loss: LossReading) -> LabelRule | None:
        """Return how the device labels outputs of some columns; None if the host has to.

        Args:
            columns: the length of the last axis; of two, the second one is the positive class.
            loss: what the compiled loss tells about the output.
        """
        if isinstance(self.threshold, str):
            return None
        scale = self._scale(loss)
        cut, highest = self._cut(scale), highest_of(scale)
        if columns != 2:
            return LabelRule(None, (cut,), highest)
        if scale == "probability":
            # Two columns in units of their own are compared by their difference; a batch does not show what they are.
            may_be_own = self.from_logits is False and self.threshold is not None
            return None if may_be_own else LabelRule(2, (cut,), highest)
        return LabelRule(2) if cut == 0 else None  # the higher one: the sign of their difference

    def describe(self, loss: LossReading) -> str:
        """Return what makes a row positive, in words."""
        soft = ", targets are positive above 0.5" if self.soft_targets else ""
        if isinstance(self.threshold, str):
            return f"positive above the threshold that is best by {self.threshold}{soft}"
        if self._scale(loss) == "margin" or (self.from_logits is False and self.threshold is not None):
            return f"positive when output > {self.threshold or 0}{soft}"
        return f"positive when probability > {0.5 if self.threshold is None else self.threshold}{soft}"

    def _scale(self, loss: LossReading) -> Scale:
        return scale_of("Binary", self.from_logits, loss, self.threshold)

    def _refuse_ignored_classes(self, values: Values) -> None:
        """Raise `DataError` if one of the two classes is ignored. With labels −1 and 1, −1 may be."""
        classes = (0, 1, self.pos_label) if self.pos_label in (-1, 0, 1) else (self.pos_label,)
        for value in values:
            if value in classes:
                refuse_single_class(value)

    def _labels(self, flat: Flat) -> tuple[np.ndarray, Flat]:
        """Return the label of each row, and the rows, without those of weight zero that have none."""
        if self.soft_targets:
            flat = without_weightless(flat, lambda y_true, weighted: are_soft(y_true))
            labels = most_likely(flat.y_true, "Binary") if flat.y_true.ndim == 2 else more_likely(flat.y_true, "Binary")
            return labels.astype(np.uint8), flat
        if flat.y_true.ndim == 2:
            flat = without_weightless(flat, lambda y_true, weighted: are_one_hot(y_true))
            return one_hot_to_index(flat.y_true, "binary"), flat
        flat = without_weightless(flat, self._are_labels)
        return flat.y_true, flat

    def _are_labels(self, y_true: np.ndarray, weighted: np.ndarray) -> np.ndarray:
        """Return which targets of weight zero are one of the two labels, as those with weight show them."""
        if self.pos_label in (-1, 0, 1):
            return np.isin(y_true, [-1 if (weighted == -1).any() else 0, 1, self.pos_label])
        others = weighted[weighted != self.pos_label][:1]
        if not len(others):  # none has weight: then the only other value, if there is one
            others = np.unique(y_true[y_true != self.pos_label])
        return np.isin(y_true, [self.pos_label, *(others if len(others) == 1 else ())])

    def _cut(self, scale: Scale) -> float:
        """Return the threshold on the scale of the outputs; of a chosen one that of rows it cannot be chosen for."""
        given = None if isinstance(self.threshold, str) else self.threshold
        if scale == "margin":
            return float(given or 0)
        # NumPy compares a Python float with float32 outputs in float32, but its own scalars in float64.
        threshold = 0.5 if given is None else float(given)
        check_threshold(threshold, "Binary")
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
                    f"Pass task=Binary(pos_label={classes[-1]})."
                )
            return indices, classes
        others = np.unique(y_true[y_true != self.pos_label])
        if len(others) > 1:
            raise MisfitError(
                f"Metrics: with Binary(pos_label={self.pos_label!r}) the targets may have only one other value; "
                f"received {some(others)}.",
                "Return one output column per class, or give the other values one number.",
            )
        unseen = f"not {self.pos_label}" if isinstance(self.pos_label, str) else self.pos_label - 1
        other = others[0] if len(others) else unseen
        return y_true == self.pos_label, np.array([other, self.pos_label])


def _scores(outputs: np.ndarray, scale: Scale, two_columns: bool) -> tuple[np.ndarray, str | None]:
    """Return what ranks the rows, and None; zeros and the reason, if some outputs are not finite."""
    outputs, undefined = checked_outputs(outputs, scale, "Binary")
    if not two_columns:
        return outputs, undefined
    if scale == "probability" and undefined is None:
        check_two_shares(outputs)
    # A difference of finite outputs may overflow.
    y_score, overflow = checked_outputs(one_score(outputs, scale), "logit", "Binary")
    return y_score, undefined or overflow
