"""The panel of a multilabel task, and the AUC of its labels."""

from benchmarks.compared import data, ours
from benchmarks.scoring.columns import Columns

SIZES = ((100_000, 20), (1_000_000, 20), (100_000, 100))
QUICK_SIZES = ((2_000, 20),)


def measure(quick):
    """Measure each size and number of labels."""
    return [row for n, labels in (QUICK_SIZES if quick else SIZES) for row in _columns(n, labels).measure()]


def _columns(n, labels):
    return Columns(
        case=f"multilabel L = {labels},",
        rows=data.multilabel(n, labels),
        reading=ours.MULTILABEL,
        calls="five scikit-learn calls (no kappa)",
        auc_options={},
        torchmetrics={"task": "multilabel", "num_labels": labels},
    )
