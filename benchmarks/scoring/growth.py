"""How the time and memory of the binary panel grow with the number of rows."""

import tracemalloc

import numpy as np

from benchmarks.compared import data, ours
from benchmarks.harness.table import Row, bounded
from benchmarks.harness.timing import interleave

SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
QUICK_SIZES = (10_000, 100_000, 200_000)
FITTED_FROM = 100_000  # with fewer rows the calls themselves cost as much as the rows
TIME_EXPONENT_AT_MOST = 1.1


def measure(quick):
    """Measure each size, and fit the exponents."""
    sizes = QUICK_SIZES if quick else SIZES
    panels = {n: ours.panel(data.binary(n)) for n in sizes}
    times = interleave(panels)
    seconds = {n: times.of(n) for n in sizes}
    peaks = {n: _traced_peak(run) for n, run in panels.items()}
    points = [
        Row("binary panel", n, 1e3 * seconds[n], note=f"NumPy's arrays at their peak: {peaks[n] / n:.2f} bytes per row")
        for n in sizes
    ]
    note = f"fitted to N ≥ {FITTED_FROM:,}"
    return [
        *points,
        bounded("exponent of time", None, _exponent(seconds), "", TIME_EXPONENT_AT_MOST, note=note),
        bounded("exponent of memory", None, _exponent(peaks), "", note=note),
    ]


def _traced_peak(run):
    """Return the peak bytes of NumPy's arrays, beyond the predictions, as tracemalloc counts them."""
    tracemalloc.start()
    try:
        run()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def _exponent(values):
    sizes = [n for n in values if n >= FITTED_FROM]
    return float(np.polyfit(np.log(sizes), np.log([values[n] for n in sizes]), 1)[0])
