"""The time of `from kerascb_metrics import Metrics`, after Keras, its backend and scikit-learn."""

import os
import subprocess
import sys
from statistics import median

import keras

from benchmarks.harness.table import bounded

PROGRAM = """
import gc, time
import keras, numpy, scipy.sparse, scipy.special, scipy.stats, sklearn.metrics
gc.disable()  # a collection of the objects of these imports would be counted in one run and not in the next
start = time.perf_counter()
from kerascb_metrics import Metrics
print(time.perf_counter() - start)
"""


def measure(quick):
    """Measure imports, one process each; the first, which may compile, does not count."""
    seconds = [_seconds() for _ in range(3 if quick else 8)][1:]
    case = f"from kerascb_metrics import Metrics, after keras ({keras.backend.backend()}), sklearn.metrics and scipy"
    return [bounded(case, None, 1e3 * median(seconds), "ms", note=f"median of {len(seconds)} processes")]


def _seconds():
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    run = subprocess.run([sys.executable, "-c", PROGRAM], check=True, text=True, stdout=subprocess.PIPE, env=kept)
    return float(run.stdout.split()[-1])
