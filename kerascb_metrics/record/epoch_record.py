"""What is kept of an epoch's rows: counts and curves, and scikit-learn's classification report from them."""

import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.special import expit
from sklearn.metrics import classification_report

from kerascb_metrics.tally.counts import Counts, label_cells, single_cells
from kerascb_metrics.tally.curve import Curve
from kerascb_metrics.tally.tally import Tally


@dataclass(frozen=True, eq=False)
class EpochRecord:
    """What is kept of the rows of one epoch, however many there were: enough for its report and its pictures.

    Attributes:
        kind: "binary", "multiclass" or "multilabel".
        class_names: the name of each class or label.
        counts: the `Counts` of the pairs (true, predicted); multilabel the tables L × 2 × 2.
        zero_division: as in scikit-learn.
        pos_index: the positive class of a binary task.
        scale: what ranked the rows, and so what the thresholds are: "probability", "logit" or "margin".
        threshold: above it a row is positive, on that scale; a number, one a label, or None for several classes.
        curves: class name → its `Curve`, where a score ranked the rows and the class can be ranked. A binary task has
            one, of the positive class.
    """

    kind: str
    class_names: tuple
    counts: Counts | np.ndarray
    zero_division: float = 0.0
    pos_index: int = 1
    scale: str = "probability"
    threshold: Any = None
    curves: dict = field(default_factory=dict)

    def __post_init__(self):
        """Make the arrays read-only: they are the record."""
        holders = [self, self.counts, *self.curves.values()]
        for array in (value for holder in holders for value in getattr(holder, "__dict__", {}).values()):
            if isinstance(array, np.ndarray):
                array.setflags(write=False)

    @classmethod
    def of(cls, tally: Tally, zero_division: float, curves: dict[str, Curve]) -> "EpochRecord":
        """Take what is kept out of a `Tally` of classes or labels.

        Args:
            tally: of a task other than regression, with defined outputs.
            zero_division: as in scikit-learn.
            curves: class name → its `Curve`.
        """
        return cls(
            tally.kind,
            tally.class_names,
            tally.label_tables if tally.kind == "multilabel" else tally.counts,
            zero_division,
            tally.pos_index,
            tally.labeling.score_scale,
            tally.labeling.threshold,
            curves,
        )

    @property
    def inverted(self):
        """Whether the positive class of a binary task is the one of low outputs."""
        return self.kind == "binary" and self.pos_index == 0

    def thresholds(self, name):
        """Return the thresholds of a class's curve, as probabilities of the class; inf and margins as they are."""
        thresholds = self.curves[name].thresholds
        if self.scale == "logit":  # those of an inverted class are inverted already
            return np.append(np.inf, expit(thresholds[1:]))
        return 1 + thresholds if self.inverted and self.scale == "probability" else thresholds

    def own_threshold(self, name):
        """Return the threshold above which the task labels a class, on the scale of `thresholds`; None without one."""
        if self.threshold is None:
            return None
        cuts = np.ravel(self.threshold).astype(float)
        cut = cuts[self.class_names.index(name) if len(cuts) > 1 else 0]
        if self.scale == "logit":
            return float(expit(-cut if self.inverted else cut))
        return float((self.scale == "probability") - cut if self.inverted else cut)

    def own_counts(self, name):
        """Return the true and false positives of a class as the task labelled the rows; None without a threshold."""
        index = self.class_names.index(name)
        if self.kind == "multilabel":
            return self.matrix()[index, 1, 1], self.matrix()[index, 0, 1]
        return None if self.threshold is None else tuple(self.matrix()[[index, 1 - index], index])

    def matrix(self):
        """Return the confusion matrix: C × C, rows true, columns predicted; multilabel L × 2 × 2."""
        return self.counts.copy() if isinstance(self.counts, np.ndarray) else self.counts.matrix()

    def report(self, output_dict=False):
        """Return `sklearn.metrics.classification_report`, with whole supports where the rows have no weights.

        A multilabel report has no "samples avg": that one depends on more than counts.
        """
        if output_dict:
            self._refuse_averages()
        y_true, y_pred, weight = self._cells
        report = classification_report(
            y_true,
            y_pred,
            labels=[1] if self._single else range(len(self.class_names)),
            target_names=self.class_names,
            sample_weight=weight,
            output_dict=output_dict,
            zero_division=self.zero_division,
        )
        if output_dict:
            if self.kind == "multilabel":
                report.pop("samples avg", None)
            return self._whole_supports(report)
        if self.kind == "multilabel":
            report = re.sub(r"\n +samples avg.*\n\Z", "\n", report)
        return re.sub(r"\d+\.0$", _whole, report, flags=re.MULTILINE) if self._counted else report

    def _refuse_averages(self):
        """In scikit-learn's dict an average takes the place of a class of its name."""
        several = ("micro avg", "samples avg") if self.kind == "multilabel" else ("accuracy",)
        taken = [name for name in self.class_names if name in ("macro avg", "weighted avg", *several)]
        if taken:
            raise ValueError(
                f"the report as a dict has an entry {taken[0]!r} of its own beside the class of that name. Take it as "
                "text, or rename the class."
            )

    @property
    def _single(self):
        """Whether it is of one label alone, which is a binary problem to scikit-learn."""
        return self.kind == "multilabel" and len(self.class_names) == 1

    @property
    def _cells(self):
        if isinstance(self.counts, np.ndarray):
            return single_cells(self.counts[0]) if self._single else label_cells(self.counts)
        return self.counts.y_true, self.counts.y_pred, self.counts.weight

    @property
    def _counted(self):
        return np.issubdtype(self._cells[2].dtype, np.integer)

    def _whole_supports(self, report):
        if self._counted:
            for row in report.values():
                if isinstance(row, dict):
                    row["support"] = int(row["support"])
        return report


def _whole(number):
    return number[0][:-2].rjust(len(number[0]))
