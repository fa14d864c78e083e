"""Starts `torch_worker.py` in several processes that train together, waits for them, and leaves none running."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parent.parent.parent
LIMIT = 300  # seconds for all cases of a launch, on a busy machine


def run(cases, processes, folder, timeout=120):
    """Run the named cases in some processes; return exit codes and outputs by process.

    Args:
        cases: names of functions of `torch_cases.py` and `torch_failures.py`.
        processes: how many.
        folder: where they write.
        timeout: of torch.distributed, in seconds.
    """
    logs = [folder / f"output.{index}" for index in range(processes)]
    started = []
    try:
        for index, log in enumerate(logs):
            started.append(_start(log, str(index), str(processes), str(timeout), str(folder), *cases))
        codes = [process.wait(timeout=LIMIT) for process in started]
    finally:
        for process in started:
            process.kill()
            process.wait()
    return codes, [log.read_text() for log in logs]


def results(cases, processes, folder):
    """Run cases that succeed; return a list of dicts, one per process, case → result."""
    codes, outputs = run(cases, processes, folder)
    assert codes == [0] * processes, "\n".join(outputs)
    return [pickle.loads((folder / f"results.{index}").read_bytes()) for index in range(processes)]


def part(array, index, processes):
    """The rows that a process feeds: the last process has fewer than the others, and none has the same number."""
    ends = np.cumsum([0, *(3 * processes - place for place in range(processes))])
    cuts = np.round(ends / ends[-1] * len(array)).astype(int)
    return array[cuts[index] : cuts[index + 1]]


def _start(log, *arguments):
    environment = {**os.environ, "KERAS_BACKEND": "torch", "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    # Keras 3.16 converts torch tensors by NumPy's old protocol.
    flags = ["-W", "error", "-W", "ignore:__array__ implementation:DeprecationWarning"]
    command = [sys.executable, *flags, "-m", "tests.support.torch_worker", *arguments]
    with open(log, "w") as output:
        return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT)
