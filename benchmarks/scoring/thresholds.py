"""The time to choose a threshold after the sort, by all rows and by four fifths five times, and to label the rows."""

import numpy as np

from benchmarks.harness.table import Row, bounded
from benchmarks.harness.timing import interleave
from kerascb_metrics.insight.objective import Objective
from kerascb_metrics.insight.sorted_rows import Folds
from kerascb_metrics.insight.thresholds import fitted, labelled_by
from kerascb_metrics.interpret.labeled_rows import LabeledRows, Labeling
from kerascb_metrics.tally.chosen import ChosenThreshold
from kerascb_metrics.tally.exact import ExactTally

SIZES = (1_000, 100_000, 1_000_000)
PREVALENCES = (0.05, 0.5)
TASK = Labeling("binary", threshold=0.5, chosen_by="f1", classes=np.array([0, 1]), class_names=("0", "1"))


def measure(quick):
    """Measure each number of rows and share of positive rows."""
    return [row for n in (SIZES[:1] if quick else SIZES) for share in PREVALENCES for row in _measured(n, share)]


def _measured(n, share):
    rng = np.random.default_rng(0)
    y_true = rng.random(n) < share
    scores = (1 / (1 + np.exp(1 - rng.normal(size=n) - 1.5 * y_true))).astype("float32")
    tally = ExactTally(LabeledRows(TASK, y_true, scores))
    rows, objective = Folds.of(y_true, scores, tally.folds), Objective.of("f1")

    def choose():
        found = fitted(rows, objective, TASK, 0.5)
        labelled_by(tally, ChosenThreshold(np.array([found.threshold]), found.cuts[:, None]))

    cases = {
        "choose": choose,
        "sort": lambda: Folds.of(y_true, scores, tally.folds),
        "np.sort": lambda: np.sort(scores),
    }
    times = interleave(cases)
    case = f"threshold by F1, {share:.0%} positive"
    yield bounded(f"{case}: after the sort", n, 1e3 * times.of("choose"), "ms", 25 if n == 1_000_000 else None)
    yield Row(f"{case}: the sort of ten parts", n, 1e3 * times.of("sort"), "np.sort", 1e3 * times.of("np.sort"))
