"""The time of intervals, comparisons and groups."""

import numpy as np

from benchmarks.compared import data
from benchmarks.harness.table import Row, as_long, bounded
from benchmarks.harness.timing import interleave
from kerascb_metrics import Metrics
from kerascb_metrics.insight.best_of_many import corrected_best, fold_tables, max_t
from kerascb_metrics.insight.known_scores import KnownScore
from kerascb_metrics.insight.labelled_pass import LabelledPass, PassRows
from kerascb_metrics.insight.paired import paired_delta

N, EPOCHS = 1_000_000, 40
F1 = KnownScore("f1", "binary")
PANEL = ("f1", "precision", "recall", "kappa", "auc")


def measure(quick):
    """Measure one size; with `quick` a small one."""
    n, epochs = (10_000, 5) if quick else (N, EPOCHS)
    rows, metrics = data.binary(n), Metrics(task="binary", verbose=False)
    scores = metrics.score(rows.y_true, rows.y_pred)
    passes = _passes(n, epochs)
    cases = {
        "panel": lambda: metrics.score(rows.y_true, rows.y_pred),
        "intervals": lambda: [scores.confidence_interval(name) for name in PANEL],
        "two": lambda: paired_delta(passes[0], passes[1], F1, 1, 0.0, 0.95),
        "best": lambda: max_t(0, epochs - 1, passes, F1, 1, 0.0, 0.95),
        "corrected": lambda: corrected_best([fold_tables(own) for own in passes], F1, 1, 0.0),
    }
    groups = np.random.default_rng(1).integers(0, 10, n)
    cases |= {
        "groups": lambda: scores.by_group(groups, "f1"),
        "text": lambda: scores.by_group(groups.astype(str), "f1"),
    }
    times = interleave(cases)
    return [
        as_long("all intervals of the panel", n, times.of("intervals"), "the panel", times.of("panel"), 1),
        bounded("two epochs compared by F1", n, 1e3 * times.of("two"), "ms", 5),
        bounded(f"the best among {epochs} epochs tested", n, 1e3 * times.of("best"), "ms", 1000),
        Row(f"the best among {epochs} epochs corrected", n, 1e3 * times.of("corrected")),
        bounded("ten groups by number: F1, intervals, test", n, 1e3 * times.of("groups"), "ms", 10),
        Row("ten groups by text", n, 1e3 * times.of("text")),
    ]


def _passes(n, epochs):
    """Epochs that agree on most rows."""
    rng = np.random.default_rng(0)
    y_true = rng.random(n) < 0.3
    common = rng.normal(size=n) + 1.5 * y_true
    rows = PassRows("binary", ("0", "1"), y_true, None, None, None, False, n, 0)
    return [LabelledPass(rows, common + 0.4 * rng.normal(size=n) > 1, "") for _ in range(epochs)]
