"""The panel of a multiclass task, and one-vs-rest AUC."""

from benchmarks.compared import data, ours
from benchmarks.scoring.columns import Columns

SIZES = ((100_000, 10), (1_000_000, 10), (100_000, 100), (1_000_000, 100))
QUICK_SIZES = ((2_000, 10),)


def measure(quick):
    """Measure each size and number of classes."""
    return [row for n, classes in (QUICK_SIZES if quick else SIZES) for row in _columns(n, classes).measure()]


def _columns(n, classes):
    return Columns(
        case=f"multiclass C = {classes},",
        rows=data.multiclass(n, classes),
        reading=ours.MULTICLASS,
        calls="six scikit-learn calls",
        auc_options={"multi_class": "ovr"},
        torchmetrics={"task": "multiclass", "num_classes": classes},
    )
