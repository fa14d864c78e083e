"""What an epoch adds to memory and to a file, and what 1,000 epochs of 1,000 classes take: measured and printed.

    python -m benchmarks.memory.records

The labels are random, of a model that is right in half of the rows; the curves have the points that an epoch keeps.
"""

import os
import resource
import tempfile
import time
import tracemalloc
from pathlib import Path

import numpy as np

from kerascb_metrics import ScoreHistory
from kerascb_metrics.record.epoch_record import EpochRecord
from kerascb_metrics.tally.counts import Counts
from kerascb_metrics.tally.curve import Curve
from kerascb_metrics.tally.ranking import points_each

PANEL = ("f1", "precision", "recall", "kappa", "auc")


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


def main() -> None:
    """Measure and print."""
    print("classes        rows   memory, KiB   file, KiB")
    for classes, rows in [(2, 1_000_000), (1000, 50_000), (1000, 1_000_000)]:
        memory, file = added(classes, rows)
        print(f"{classes:7d}{rows:12,d}{memory / 1024:14.0f}{file / 1024:12.0f}")
    rng, history = np.random.default_rng(0), ScoreHistory()
    records = [record_of(1000, 200_000, rng) for _ in range(5)]
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    for epoch in range(1000):
        record = records[epoch % 5]
        history.append(epoch, {**dict.fromkeys(PANEL, 0.1), "confusion": record.matrix()}, {None: record})
    grown, took = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, time.perf_counter() - began
    print(f"1,000 epochs of 1,000 classes, 200,000 rows each: {grown / 1024:.0f} MiB, packed in {took:.0f} ms an epoch")


if __name__ == "__main__":
    main()
