"""scikit-learn's classification report, from the counts of an epoch."""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.metrics import classification_report


@dataclass(frozen=True, eq=False)
class Tally:
    """The counts of one epoch: all that its report needs, however many rows there were.

    Attributes:
        kind: "binary", "multiclass" or "multilabel".
        class_names: the name of each class or label.
        y_true, y_pred, weight: class indices of the cells that occur and their weights; multilabel the label cells.
        zero_division: as in scikit-learn.
    """

    kind: str
    class_names: tuple
    y_true: Any
    y_pred: Any
    weight: np.ndarray
    zero_division: float = 0.0

    @classmethod
    def of(cls, evidence, zero_division):
        """Take the counts out of an `Evidence`; None for a regression, or a pass that could not be scored."""
        if evidence.kind == "regression" or evidence.undefined:
            return None
        if evidence.kind == "multilabel":
            y_true, y_pred, weight = evidence.label_cells
        else:
            y_true, y_pred, weight = evidence.counts.y_true, evidence.counts.y_pred, evidence.counts.weight
        return cls(evidence.kind, evidence.class_names, y_true, y_pred, weight, zero_division)

    def report(self, output_dict=False):
        """Return `sklearn.metrics.classification_report`, with whole supports where the rows have no weights.

        A multilabel report has no "samples avg": that one depends on more than counts.
        """
        report = classification_report(
            self.y_true,
            self.y_pred,
            labels=range(len(self.class_names)),
            target_names=self.class_names,
            sample_weight=self.weight,
            output_dict=output_dict,
            zero_division=self.zero_division,
        )
        if output_dict:
            report.pop("samples avg", None)
            return self._whole_supports(report)
        report = re.sub(r"\n +samples avg.*", "", report)
        return re.sub(r"\d+\.0$", _whole, report, flags=re.MULTILINE) if self._counted else report

    @property
    def _counted(self):
        return np.issubdtype(self.weight.dtype, np.integer)

    def _whole_supports(self, report):
        if self._counted:
            for row in report.values():
                if isinstance(row, dict):
                    row["support"] = int(row["support"])
        return report


def _whole(number):
    return number[0][:-2].rjust(len(number[0]))
