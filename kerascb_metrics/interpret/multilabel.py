"""Any number of labels per row: `Multilabel`."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from kerascb_metrics.collect.label_rule import LabelRule
from kerascb_metrics.exceptions import DataError, MisfitError
from kerascb_metrics.interpret.elements import Elements
from kerascb_metrics.interpret.join import Rows
from kerascb_metrics.interpret.kinds import Choosing, FromLogits, Kind, Scale
from kerascb_metrics.interpret.labeled_rows import LabeledRows, Labeling
from kerascb_metrics.interpret.left_out import IgnoreClass, as_values, check_ignore_class, ignored_values
from kerascb_metrics.interpret.losses import LossReading
from kerascb_metrics.interpret.positions import flatten
from kerascb_metrics.interpret.soft_targets import are_soft, more_likely
from kerascb_metrics.interpret.targets import binary_targets
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
from kerascb_metrics.interpret.thresholds import check_choosing, compared_in, cuts_of
from kerascb_metrics.interpret.validation import check_threshold, checked_outputs, highest_of
from kerascb_metrics.interpret.weights import check_sum


@dataclass(frozen=True)
class Multilabel:
    """Any number of L labels per row.

    Outputs are (N, L). Targets are 0/1, or −1/1, of the same shape. Extra axes (pixels, time steps) are flattened: each
    position is a sample.

    Args:
        threshold: a label is given when its probability is GREATER than this; one number, or one per label. None: 0.5,
            or 0 for the margins of hinge losses. The name of a score, such as "f1": in each epoch the threshold of each
            label with its best score, see `Binary`; recorded as `val_threshold_<label>`.
        from_logits: "auto" (as the loss has it), True or False. With False and a threshold, outputs need not be
            probabilities: the threshold is in their own units.
        class_names: the name of each label in keys, plots and reports.
        ignore_class: the target value of elements to leave out, or a list of values; `float("nan")` for missing labels.
            Each label is scored on its own rows, "macro" is the mean over labels, "micro" pools the elements that are
            left. Scores of whole rows, such as "accuracy", are refused.
        soft_targets: whether targets are probabilities, as with averaged raters. A label is given above 0.5.

    Weights may be given per element, (N, L): in given data, or in fit's own if the loss is not one of Keras's, which
    take one per row. Elements of weight zero whose target is neither 0 nor 1 are left out.

    >>> Multilabel(threshold=[0.5, 0.2]).threshold
    (0.5, 0.2)
    """

    threshold: float | Choosing | Sequence[float] | np.ndarray | None = None
    from_logits: FromLogits = "auto"
    class_names: Sequence[str] | None = None
    ignore_class: IgnoreClass = None
    soft_targets: bool = False
    kind: ClassVar[Kind] = "multilabel"

    def __post_init__(self) -> None:
        check_from_logits("Multilabel", self.from_logits)
        check_class_names("Multilabel", self.class_names)
        check_ignore_class("Multilabel", self.ignore_class)
        check_soft_targets("Multilabel", self.soft_targets)
        check_choosing("Multilabel", self.threshold)
        given = None if isinstance(self.threshold, str) else self.threshold
        if given is not None and not all(map(is_finite_number, np.ravel(given).tolist())):
            raise ValueError(f"Multilabel: threshold must be a number, or one per label; received {self.threshold!r}.")
        if not {0, 1}.isdisjoint(as_values(self.ignore_class)):
            raise ValueError(
                f"Multilabel: 0 and 1 are the values of a label and cannot be ignored; received ignore_class="
                f"{self.ignore_class!r}. Mark missing labels by another value, as in ignore_class=-1."
            )
        copy_arguments(self, "threshold", "class_names", "ignore_class")

    def read(self, rows: Rows, loss: LossReading) -> LabeledRows:
        """Return the rows as multilabel `LabeledRows`.

        Args:
            rows: the rows of one pass.
            loss: what the compiled loss tells about the output.

        Raises:
            DataError: if the rows do not fit a multilabel task.
        """
        if rows.y_pred.ndim < 2 or rows.y_true.shape != rows.y_pred.shape:
            raise MisfitError(
                "Metrics: a multilabel task needs targets of the same shape (N, L) as the outputs; received targets "
                f"{rows.y_true.shape} and outputs {rows.y_pred.shape}.",
                "Give one target per output.",
            )
        scale = self._scale(loss)
        n_labels = rows.columns
        flat = flatten(rows, columns=n_labels, element_weights=True)
        if flat.sample_weight is not None and flat.sample_weight.ndim == 1:
            check_sum(flat.sample_weight, times=n_labels)
        flat = replace(flat, y_true=flat.y_true.reshape(-1, n_labels), y_pred=flat.y_pred.reshape(-1, n_labels))
        ignored = ignored_values(self.ignore_class, loss, rows.y_true.dtype)
        elements = Elements.of(flat, ignored)
        if self.soft_targets:
            elements = elements.without_weightless(lambda y_true, weighted: are_soft(y_true))
            y_true = more_likely(elements.y_true, "Multilabel")
        else:
            elements = elements.without_weightless(_are_labels)
            y_true, _ = binary_targets(elements.y_true, "multilabel")
        y_true = y_true if elements.present is None else y_true & elements.present
        outputs, undefined = elements.y_pred, None
        if not flat.labelled:
            scale = own_scale(scale, self.from_logits, self.threshold, outputs)
            outputs, undefined = checked_outputs(outputs, scale, "Multilabel")
        threshold = self._cuts(scale, n_labels, compared_in(outputs))
        outputs = outputs.view(bool) if flat.labelled else outputs
        classes = np.arange(n_labels)
        labeling = Labeling(
            kind="multilabel",
            scale=scale,
            threshold=threshold,
            chosen_by=self.threshold if isinstance(self.threshold, str) else None,
            classes=classes,
            class_names=class_names_for(self.class_names, classes),
        )
        weight, present, kept = elements.sample_weight, elements.present, elements.kept
        return LabeledRows(labeling, y_true, outputs, weight, undefined, present, kept, flat.labelled)

    def label_rule(self, columns: int, loss: LossReading) -> LabelRule | None:
        """Return how the device labels outputs of some columns; None if the host has to.

        Args:
            columns: how many labels there are.
            loss: what the compiled loss tells about the output.
        """
        if isinstance(self.threshold, str):
            return None
        scale = self._scale(loss)
        cuts = self._cuts(scale, columns, np.dtype(np.float64))
        return LabelRule(None, tuple(cuts.tolist()), highest_of(scale))

    def describe(self, loss: LossReading) -> str:
        """Return when a label is given, in words."""
        values = ignored_values(self.ignore_class, loss)
        ignored = f", elements of {', '.join(map(str, values))} are left out" if values else ""
        soft = ", targets are given above 0.5" if self.soft_targets else ""
        if isinstance(self.threshold, str):
            return f"label given above the threshold of the label that is best by {self.threshold}{soft}{ignored}"
        if self._scale(loss) == "margin" or (self.from_logits is False and self.threshold is not None):
            return f"label given when output > {0 if self.threshold is None else self.threshold}{soft}{ignored}"
        return f"label given when probability > {0.5 if self.threshold is None else self.threshold}{soft}{ignored}"

    def _scale(self, loss: LossReading) -> Scale:
        return scale_of("Multilabel", self.from_logits, loss, self.threshold)

    def _cuts(self, scale: Scale, n_labels: int, dtype: np.dtype) -> np.ndarray:
        """Return the thresholds on the scale of the outputs: one, or one per label."""
        given = None if isinstance(self.threshold, str) else self.threshold
        threshold = np.atleast_1d((0.0 if scale == "margin" else 0.5) if given is None else given)
        if len(threshold) not in (1, n_labels):
            raise DataError(
                f"Metrics: Multilabel(threshold=…) has {len(threshold)} thresholds, but the outputs have {n_labels} "
                "labels. Give one threshold, or one per label."
            )
        if scale != "margin":
            check_threshold(threshold, "Multilabel")
        return cuts_of(threshold, scale, dtype)


def _are_labels(y_true: np.ndarray, weighted: np.ndarray) -> np.ndarray:
    """Return which targets are 0 or 1, or −1 or 1 if one of those with weight is −1."""
    return np.isin(y_true, [-1 if (weighted == -1).any() else 0, 1])
