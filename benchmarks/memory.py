"""Peak memory beyond the predictions, each case in a process of its own."""

import subprocess
import sys

from benchmarks.peak import RESET
from benchmarks.table import bounded, missing

AT_MOST_BYTES_A_ROW = 8
CASES = {
    "probabilities": ("binary panel, probabilities", AT_MOST_BYTES_A_ROW),
    "logits": ("binary panel, logits", None),
    "scikit_learn": ("six scikit-learn calls", None),
}


def measure(quick):
    """Measure each case at 1e7 rows."""
    if not RESET.exists():
        return [missing("peak memory", f"it is read through {RESET}, which Linux alone has")]
    n = 200_000 if quick else 10_000_000
    return [
        bounded(f"peak memory, {name}", n, _peak(case, n) / n, "bytes a row", at_most)
        for case, (name, at_most) in CASES.items()
    ]


def _peak(case, n):
    command = [sys.executable, "-m", "benchmarks.peak", case, str(n)]
    return int(subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE).stdout.split()[-1])
