"""The binary panel without the processor's wider instructions."""

from benchmarks.compared import data, ours, references
from benchmarks.harness.machine import wide_instructions
from benchmarks.harness.table import as_fast, as_long, missing
from benchmarks.harness.timing import interleave

AT_LEAST_AS_FAST = 8


def measure(quick):
    """Measure in a process where they are off, see `harness.job.Job`."""
    case, n = "binary panel, NumPy's SIMD dispatch off", 10_000 if quick else 1_000_000
    if wide_instructions():
        return [missing(case, f"still on: {', '.join(wide_instructions())}")]
    rows = data.binary(n)
    times = interleave(
        {
            "panel": ours.panel(rows),
            "sort": references.sort_scores(rows),
            "labels": references.label_calls(rows),
            "auc": references.auc_call(rows),
        }
    )
    panel, six = times.of("panel"), times.of("labels", "auc")
    return [
        as_long(case, n, panel, "np.sort", times.of("sort")),
        as_fast(case, n, panel, "six scikit-learn calls", six, AT_LEAST_AS_FAST),
    ]
