"""What is kept of the rows of one epoch: counts and curves, and scikit-learn's classification report from them."""

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from kerascb_metrics.interpret.kinds import Kind, Scale
from kerascb_metrics.tally.counts import Counts, label_cells, single_cells
from kerascb_metrics.tally.curve import Curve
from kerascb_metrics.tally.evidence import Evidence

if TYPE_CHECKING:  # it needs Keras, and a table of a file is shown without Keras
    from kerascb_metrics.tally.tally import Tally


@dataclass(frozen=True, eq=False)
class EpochRecord:
    """What is kept of the rows of one epoch: enough for its report and its plots, whatever the number of rows.

    Attributes:
        kind: "binary", "multiclass", "multilabel" or "ordinal".
        class_names: the name of each class or label.
        counts: the `Counts` of the pairs (true, predicted); for a multilabel task the L × 2 × 2 tables.
        zero_division: as in scikit-learn.
        pos_index: the positive class of a binary task.
        scale: what ranked the rows, which is the scale of the thresholds: "probability", "logit" or "margin".
        threshold: a row is positive above it, on that scale: one number, one per label, or None for several classes.
        curves: class name → its `Curve`, if a score ranked the rows and the class can be ranked. A binary task has
            one, of the positive class.
        chosen: the thresholds that a score chose, as probabilities of class 1, or margins: (1,), or one per label; nan
            where there was nothing to choose by. Then `counts` are of rows labelled by those of five folds, and
            `threshold` is the default. None: `threshold` labelled the rows.
        evidence: what tells how certain the scores are.
    """

    kind: Kind
    class_names: tuple[str, ...]
    counts: Counts | npt.NDArray[Any]
    zero_division: float = 0.0
    pos_index: int = 1
    scale: Scale = "probability"
    threshold: float | npt.NDArray[Any] | None = None
    curves: dict[str, Curve] = field(default_factory=dict)
    chosen: npt.NDArray[np.float64] | None = None
    evidence: Evidence = field(default_factory=Evidence)

    def __post_init__(self) -> None:
        """Make the arrays read-only: this is a record."""
        holders: list[object] = [self, self.counts, *self.curves.values(), self.evidence, self.evidence.squared]
        for array in (value for holder in holders for value in getattr(holder, "__dict__", {}).values()):
            if isinstance(array, np.ndarray):
                array.setflags(write=False)

    @classmethod
    def of(cls, tally: "Tally", zero_division: float, curves: dict[str, Curve], evidence: Evidence) -> "EpochRecord":
        """Return the record of a `Tally` of classes or labels.

        Args:
            tally: of a task other than regression, with defined outputs.
            zero_division: as in scikit-learn.
            curves: class name → its `Curve`.
            evidence: what tells how certain the scores are.
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
            None if tally.chosen is None else tally.chosen.thresholds.copy(),
            evidence,
        )

    @property
    def inverted(self) -> bool:
        """Whether the positive class of a binary task is the one of low outputs."""
        return self.kind == "binary" and self.pos_index == 0

    def thresholds(self, name: str) -> npt.NDArray[np.float64]:
        """Return the thresholds of a class's curve as probabilities of the class; inf and margins are not changed."""
        thresholds = self.curves[name].thresholds
        if self.scale == "logit":  # those of an inverted class are inverted already
            return np.append(np.inf, expit(thresholds[1:]))
        return 1 + thresholds if self.inverted and self.scale == "probability" else thresholds

    def own_threshold(self, name: str) -> float | None:
        """Return the threshold that the task labels a class with, on the scale of `thresholds`; None without one."""
        if self.threshold is None:
            return None
        cuts = np.ravel(self.threshold).astype(float)
        cut = cuts[self.class_names.index(name) if len(cuts) > 1 else 0]
        if self.scale == "logit":
            return float(expit(-cut if self.inverted else cut))
        return float((self.scale == "probability") - cut if self.inverted else cut)

    def chosen_threshold(self, name: str) -> float | None:
        """Return the threshold that a score chose for a class, on the scale of `thresholds`; None if none did."""
        if self.chosen is None:
            return None
        chosen = float(self.chosen[self.class_names.index(name) if len(self.chosen) > 1 else 0])
        return (self.scale != "margin") - chosen if self.inverted else chosen

    def own_f1(self, name: str) -> float:
        """Return F1 of a class as the rows were labelled; nan if it is neither true nor predicted."""
        index = self.class_names.index(name)
        matrix = self.matrix() if self.kind != "multilabel" else self.matrix()[index]
        index = index if self.kind != "multilabel" else 1
        both = matrix[index].sum() + matrix[:, index].sum()
        return float(2 * matrix[index, index] / both) if both > 0 else float("nan")

    def own_counts(self, name: str) -> tuple[float, float] | None:
        """Return the true and false positives of a class at its threshold; None without one, or with several."""
        if self.chosen is not None or self.threshold is None:
            return None
        index = self.class_names.index(name)
        if self.kind == "multilabel":
            return self.matrix()[index, 1, 1], self.matrix()[index, 0, 1]
        true_positives, false_positives = self.matrix()[[index, 1 - index], index]
        return true_positives, false_positives

    @property
    def weighted(self) -> bool:
        """Whether the counts are sums of weights."""
        return not self._is_counted

    def squared_matrix(self) -> npt.NDArray[Any] | None:
        """Return the sums of squared weights in the shape of `matrix`; None without weights, or if not known."""
        squared = self.evidence.squared
        return squared.matrix() if isinstance(squared, Counts) else squared

    def matrix(self) -> npt.NDArray[Any]:
        """Return the confusion matrix: C × C, rows true, columns predicted; for a multilabel task L × 2 × 2."""
        return self.counts.copy() if isinstance(self.counts, np.ndarray) else self.counts.matrix()

    @overload
    def report(self, output_dict: Literal[False] = False) -> str: ...
    @overload
    def report(self, output_dict: Literal[True]) -> dict[str, Any]: ...
    @overload
    def report(self, output_dict: bool) -> str | dict[str, Any]: ...
    def report(self, output_dict: bool = False) -> str | dict[str, Any]:
        """Return `sklearn.metrics.classification_report`, with integer supports if the rows have no weights.

        A multilabel report has no "samples avg": that average depends on more than counts.

        Args:
            output_dict: whether to return a dict instead of text.

        Returns:
            The report.

        Raises:
            ValueError: if a class has the name of an average, which the dict has room for once only.
        """
        from sklearn.metrics import classification_report  # here, so that a table of a file is shown without it

        if output_dict:
            self._refuse_averages()
        y_true, y_pred, weight = self._cells
        report = classification_report(
            y_true,
            y_pred,
            labels=[1] if self._has_one_label else range(len(self.class_names)),
            target_names=self.class_names,
            sample_weight=weight,
            output_dict=output_dict,
            zero_division=self.zero_division,
        )
        return self._mended_dict(report) if output_dict else self._mended_text(report)

    def _refuse_averages(self) -> None:
        """In scikit-learn's dict an average replaces a class of the same name."""
        several = ("micro avg", "samples avg") if self.kind == "multilabel" else ("accuracy",)
        replaced = [name for name in self.class_names if name in ("macro avg", "weighted avg", *several)]
        if replaced:
            raise ValueError(
                f"the report as a dict has an entry {replaced[0]!r} for the average, and a class has the same name. "
                "Use the text, or rename the class."
            )

    def _mended_dict(self, report: dict[str, Any]) -> dict[str, Any]:
        if self.kind == "multilabel":
            report.pop("samples avg", None)
        if self._is_counted:
            for row in report.values():
                if isinstance(row, dict):
                    row["support"] = int(row["support"])
        return report

    def _mended_text(self, report: str) -> str:
        if self.kind == "multilabel":
            report = re.sub(r"\n +samples avg.*\n\Z", "\n", report)
        return re.sub(r"\d+\.0$", _as_integer, report, flags=re.MULTILINE) if self._is_counted else report

    @property
    def _has_one_label(self) -> bool:
        """Whether the task is multilabel with a single label, which is a binary problem for scikit-learn."""
        return self.kind == "multilabel" and len(self.class_names) == 1

    @property
    def _cells(self) -> tuple[Any, Any, npt.NDArray[Any]]:
        """The labels of each cell that occurs, arrays or sparse matrices, and its weight."""
        if isinstance(self.counts, np.ndarray):
            return single_cells(self.counts[0]) if self._has_one_label else label_cells(self.counts)
        return self.counts.y_true, self.counts.y_pred, self.counts.weight

    @property
    def _is_counted(self) -> bool:
        """Whether rows were counted, not their weights summed."""
        return np.issubdtype(self._cells[2].dtype, np.integer)


def _as_integer(number: re.Match[str]) -> str:
    return number[0][:-2].rjust(len(number[0]))
