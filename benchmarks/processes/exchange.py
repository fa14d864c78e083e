"""Several PyTorch processes: bytes that each sends per row, and the time of an epoch with `Metrics()` and without.

The processes are started here, on one machine, with one thread each, and share its cores. They need Keras 3.16.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import keras

from benchmarks.harness.table import Row, as_long, bounded, missing

ROOT = Path(__file__).parent.parent.parent
COUNTS = (2, 4)


def measure(quick):
    """Measure the exchange of rows and of counts for each number of processes."""
    if tuple(map(int, keras.__version__.split(".")[:2])) < (3, 16):
        return [missing("several processes (torch)", f"Keras {keras.__version__} does not join them; 3.16 does")]
    rows = 20_000 if quick else 1_000_000
    return [row for processes in COUNTS for row in _rows(processes, rows)]


def _rows(processes, rows):
    found, case = _measured(processes, rows), f"torch, {processes} processes"
    if found is None:
        return [Row(case, rows, verdict="failed")]
    plain = found["seconds"]["plain"]
    return [
        row
        for name in ("Metrics()", 'Metrics(memory="bounded")')
        for row in (
            as_long(f"{case}: epoch with {name}", rows, found["seconds"][name], "plain fit", plain),
            bounded(f"{case}: sent by each, {name}", rows, found["sent"][name], "bytes per row"),
        )
    ]


def _measured(processes, rows):
    """Return what the first process measured; None if one failed."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "KERAS_BACKEND": "torch", "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-m", "benchmarks.processes.worker", folder, str(processes), str(rows)]
        started = [subprocess.Popen([*command, str(index)], cwd=ROOT, env=environment) for index in range(processes)]
        codes = [process.wait() for process in started]
        return None if any(codes) else json.loads((Path(folder) / "measured.json").read_text())
