"""Peak memory beyond the predictions, each case in a process of its own."""

import os
import subprocess
import sys

from benchmarks.harness.peak import RESET
from benchmarks.harness.table import bounded, missing

AT_MOST_BYTES_PER_ROW = 8
N = 10_000_000
CASES = {
    "probabilities": ("binary panel, probabilities", N, AT_MOST_BYTES_PER_ROW),
    "logits": ("binary panel, logits", N, None),
    "scikit_learn": ("six scikit-learn calls", N, None),
    "twenty_classes": ("panel of 20 classes", N // 10, None),
}
COUNTS = {"counts": (N // 10, 10 * N), "counts_of_twenty": (N // 10, N)}  # case → rows, few and many


def measure(quick):
    """Measure what grows with the rows in bytes per row, and what does not grow in MiB."""
    if not RESET.exists():
        return [missing("peak memory", f"it needs {RESET}, which only Linux has")]
    less = 50 if quick else 1
    by_row = [
        bounded(f"peak memory, {name}", n // less, _peak(case, n // less) / (n // less), "bytes per row", at_most)
        for case, (name, n, at_most) in CASES.items()
    ]
    whole = [
        bounded(f"peak memory, memory='bounded', {case}", n // less, _peak(case, n // less) / 2**20, "MiB")
        for case, sizes in COUNTS.items()
        for n in sizes
    ]
    n = N // 10 // less
    one = bounded("peak memory, panel of 20 classes, one thread", n, _peak("twenty_classes", n, 1) / n, "bytes per row")
    return [*by_row, one, *whole]


def _peak(case, n, threads=None):
    command = [sys.executable, "-m", "benchmarks.memory.cases", case, str(n)]
    own = {} if threads is None else {"OMP_NUM_THREADS": str(threads)}
    done = subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE, env=os.environ | own)
    return int(done.stdout.split()[-1])
