"""What `import kerascb_metrics` takes beyond Keras, its backend and scikit-learn."""

import os
import subprocess
import sys
from statistics import median

import keras

from benchmarks.harness.table import bounded

PROGRAM = """
import gc, time
import keras, numpy, scipy.sparse, scipy.special, scipy.stats, sklearn.metrics
gc.disable()  # a collection of all that these made would fall into one import or another
start = time.perf_counter()
import kerascb_metrics
print(time.perf_counter() - start)
"""


def measure(quick):
    """Import in processes of their own; the first one, which may compile, does not count."""
    seconds = [_seconds() for _ in range(3 if quick else 8)][1:]
    case = f"import kerascb_metrics, after keras ({keras.backend.backend()}), sklearn.metrics and scipy"
    return [bounded(case, None, 1e3 * median(seconds), "ms", note=f"median of {len(seconds)} processes")]


def _seconds():
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    run = subprocess.run([sys.executable, "-c", PROGRAM], check=True, text=True, stdout=subprocess.PIPE, env=kept)
    return float(run.stdout.split()[-1])
