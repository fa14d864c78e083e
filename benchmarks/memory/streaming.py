"""The cost of counting rows instead of keeping them (`memory="bounded"`), from captured batches to the scores."""

from dataclasses import dataclass
from functools import partial

import keras
import numpy as np

from benchmarks.compared import data
from benchmarks.harness.table import Row, as_long
from benchmarks.harness.timing import interleave
from kerascb_metrics.collect.batches import Batches
from kerascb_metrics.collect.model_facts import ModelFacts
from kerascb_metrics.collect.row_store import Pass
from kerascb_metrics.pipeline.fit_recorder import Recorder
from kerascb_metrics.score.plan import Plan

SIZES = {"rows": 10_000_000, "of 20 classes": 1_000_000, "batch": 100_000}
QUICK_SIZES = {"rows": 100_000, "of 20 classes": 10_000, "batch": 10_000}
SPARSE = "sparse_categorical_crossentropy"
SPARSE_LOGITS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
LOGITS = keras.losses.BinaryCrossentropy(from_logits=True)


@dataclass(frozen=True)
class Case:
    """Rows, and the loss and scores of a pass over them."""

    name: str
    rows: data.Rows
    loss: object
    scoring: object = None


def measure(quick):
    """Measure passes that count against passes that keep rows, and the time to add two tables of counts."""
    sizes = QUICK_SIZES if quick else SIZES
    return [row for case in _cases(sizes) for row in _passes(case, sizes["batch"])] + _merges()


def _cases(sizes):
    n, of_20 = sizes["rows"], sizes["of 20 classes"]
    yield Case("binary, panel", data.binary(n), "binary_crossentropy")
    yield Case("binary logits, panel", data.binary_logits(n), LOGITS)
    yield Case("binary, labels only", data.binary(n), "binary_crossentropy", ["f1", "kappa", "confusion"])
    yield Case("20 classes, panel", data.multiclass(of_20, 20), SPARSE)
    yield Case("20 classes, logits, panel", data.multiclass(of_20, 20, softmaxed=False), SPARSE_LOGITS)
    yield Case("20 classes, labels only", data.multiclass(of_20, 20), SPARSE, ["f1", "kappa", "confusion"])


def _passes(case, batch):
    n = len(case.rows.y_true)
    times = interleave({memory: partial(_pass, case, memory, batch) for memory in ("bounded", "exact")})
    bounded, exact = times.of("bounded"), times.of("exact")
    width = _pass(case, "bounded", batch).bounds
    widest = max((float(np.max(np.subtract(high, low))) for ((low, high),) in width.values()), default=0.0)
    note = f"{n / bounded / 1e6:.1f} million rows per second against {n / exact / 1e6:.1f}; interval {widest:.1e} wide"
    return [as_long(f"{case.name}: counts", n, bounded, "rows kept", exact, note=note)]


def _pass(case, memory, batch):
    """Score a pass over rows that arrive in batches, as captured from the device; return its history."""
    starts = range(0, len(case.rows.y_true), batch)
    parts = [
        {"y_true": case.rows.y_true[start : start + batch], "y_pred": case.rows.y_pred[start : start + batch]}
        for start in starts
    ]
    return _scored(parts, case.loss, case.scoring, memory)


def pass_over(rows, loss, times):
    """Return a function that counts the same rows `times` times, one batch each."""
    return lambda: _scored([{"y_true": rows.y_true, "y_pred": rows.y_pred}] * times, loss, None, "bounded")


def _scored(parts, loss, scoring, memory):
    recorder = Recorder(Plan(scoring, memory=memory), True, "raise", lambda sentence: None)
    recorder.begin(0, ModelFacts(loss))
    batches = Batches(sum(len(part["y_true"]) for part in parts), [recorder.reader])
    for part in parts:
        batches.add([part | {"sample_weight": None, "mask": None}])
    recorder.record(lambda: Pass(batches.finish()))
    return recorder.history


def _merges():
    """Measure the addition of the counts of two processes, which does not depend on the number of rows."""
    found = []
    for classes in (1, 20):
        table = np.random.default_rng(0).integers(0, 9, (classes, 2, 1 << 16))
        into = table.copy()
        times = interleave({"merge": partial(np.add, into, table, out=into)})
        case = f"counts of two processes added, {classes} {'class' if classes == 1 else 'classes'}"
        found.append(Row(case, None, 1e3 * times.of("merge"), note=f"{table.nbytes / 2**20:.0f} MiB of counts"))
    return found
