"""The panel of a binary task, from the arrays of a pass to the scores."""

from benchmarks.compared import data, ours, references
from benchmarks.harness.table import Row, as_fast, as_long, bounded, missing
from benchmarks.harness.timing import interleave

SIZES = (1_000, 10_000, 100_000, 1_000_000, 10_000_000)
QUICK_SIZES = (1_000, 10_000)
AT_MOST_SORTS = {1_000_000: 3, 10_000_000: 2.5}
AT_LEAST_AS_FAST = {1_000: 12, 100_000: 40, 1_000_000: 50, 10_000_000: 50}
WEIGHTED_AT_LEAST = 5
FIXED_AT_MOST = 0.4  # ms, from 1,000 rows to the scores
IN_A_ROW = 20


def measure(quick) -> list[Row]:
    """Measure the default case at every size, and the others at 1e6 rows."""
    rows = [_fixed_cost(SIZES[0])]
    for n in QUICK_SIZES if quick else SIZES:
        rows += _default(n)
    n = QUICK_SIZES[-1] if quick else 1_000_000
    rows += _variant("binary panel, logits", data.binary_logits(n), ours.BINARY_LOGITS)
    rows += _variant("binary panel, float64", data.binary_double(n))
    rows += _variant("binary panel, float16", data.binary_half(n))
    rows += _variant("binary panel, weighted", data.binary_weighted(n))
    return rows + _weighted_auc(data.binary_weighted(n))


def _fixed_cost(n):
    """Measure small passes one after the other: between other cases the processor's caches hold nothing of ours."""
    panel = ours.panel(data.binary(n))
    times = interleave({"panel": lambda: [panel() for _ in range(IN_A_ROW)]})
    return bounded("binary panel, fixed cost", n, 1e3 * times.of("panel") / IN_A_ROW, "ms", FIXED_AT_MOST)


def _default(n):
    case, rows, target = "binary panel", data.binary(n), AT_LEAST_AS_FAST.get(n)
    times = interleave({**_cases(rows), **_torchmetrics(rows)})
    panel = times.of("panel")
    six = as_fast(case, n, panel, "six scikit-learn calls", times.of("labels", "auc"), target)
    table = [as_long(case, n, panel, "np.sort", times.of("sort"), AT_MOST_SORTS.get(n)), six]
    if "torchmetrics" not in times.rounds:
        return [*table, missing(f"{case}, against torchmetrics", "torchmetrics is not installed")]
    return [*table, as_fast(case, n, panel, "torchmetrics, the same six", times.of("torchmetrics"))]


def _variant(case, rows, reading=ours.BINARY):
    n, times = len(rows.labels), interleave(_cases(rows, reading))
    panel = times.of("panel")
    return [
        as_long(case, n, panel, "np.sort of these scores", times.of("sort")),
        as_fast(case, n, panel, "six scikit-learn calls", times.of("labels", "auc")),
    ]


def _weighted_auc(rows):
    times = interleave({"ours": ours.weighted_auc(rows), "auc": references.auc_call(rows)})
    case, n = "weighted AUC alone", len(rows.labels)
    return [as_fast(case, n, times.of("ours"), "scikit-learn's roc_auc_score", times.of("auc"), WEIGHTED_AT_LEAST)]


def _cases(rows, reading=ours.BINARY):
    return {
        "panel": ours.panel(rows, reading),
        "sort": references.sort_scores(rows),
        "labels": references.label_calls(rows),
        "auc": references.auc_call(rows),
    }


def _torchmetrics(rows):
    if not references.has_torchmetrics():
        return {}
    return {"torchmetrics": references.torchmetrics_collection(rows, "binary")}
