"""What an epoch adds to memory and to a file.

The labels are random, of a model that is right in half of the rows; the curves have the points that an epoch keeps.
"""

import os
import tempfile
import tracemalloc
from pathlib import Path

import numpy as np

from benchmarks.harness.table import bounded
from kerascb_metrics import ScoreHistory
from kerascb_metrics.record.epoch_record import EpochRecord
from kerascb_metrics.tally.counts import Counts
from kerascb_metrics.tally.curve import Curve
from kerascb_metrics.tally.ranking import points_each

PANEL = ("f1", "precision", "recall", "kappa", "auc")
CASES = {2: (1_000_000,), 1000: (50_000, 1_000_000)}  # classes → rows
QUICK_ROWS = 10_000
AT_MOST = {2: 64, 1000: 1024}  # KiB


def measure(quick):
    """Measure a binary task and one of 1,000 classes."""
    found = []
    for classes, sizes in CASES.items():
        for rows in (QUICK_ROWS,) if quick else sizes:
            case, (memory, file) = f"an epoch of {classes:,} classes adds to", added(classes, rows)
            found.append(bounded(f"{case} memory", rows, memory / 1024, "KiB", AT_MOST[classes]))
            found.append(bounded(f"{case} its log file", rows, file / 1024, "KiB", AT_MOST[classes]))
    return found


def record_of(classes: int, rows: int, rng: np.random.Generator) -> EpochRecord:
    """Return a record as an epoch of many rows leaves it."""
    y_true = rng.integers(0, classes, rows)
    y_pred = np.where(rng.random(rows) < 0.5, y_true, rng.integers(0, classes, rows))
    points, names = points_each(1 if classes == 2 else classes), tuple(map(str, range(classes)))
    curves = {}
    for name in names[-1:] if classes == 2 else names:
        most = [[max(2, 2 * rows // points // classes)], [max(2, 2 * rows // points)]]
        tps, fps = (1 + rng.integers(0, most, (2, points))).cumsum(axis=1)
        thresholds = np.sort(rng.random(points - 1).astype("float32"))[::-1].astype("float64")
        curves[name] = Curve(np.append(np.inf, thresholds), tps, fps)
    kind = "binary" if classes == 2 else "multiclass"
    return EpochRecord(kind, names, Counts.of(y_true, y_pred, classes), curves=curves)


def added(classes: int, rows: int) -> tuple[int, int]:
    """Return how many bytes an epoch adds to memory and to a log file."""
    rng = np.random.default_rng(0)
    history = ScoreHistory()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    record = record_of(classes, rows, rng)
    history.append(0, {**dict.fromkeys(PANEL, 0.1), "confusion": record.matrix()}, {None: record})
    del record
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    with tempfile.TemporaryDirectory() as folder:
        history.save(Path(folder) / "scores.jsonl")
        return after - before, os.path.getsize(Path(folder) / "scores.jsonl")
