"""Starts `jax_worker.py` in one process or in several that train together, waits for them, and leaves none running."""

import os
import pickle
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parent.parent.parent
BATCH = 16  # of each process
LIMIT = 600  # seconds for all cases of a launch, on a busy machine


def run(cases, processes, folder, heartbeat=100):
    """Run the named cases in some processes, with four devices in all; return exit codes and outputs by process.

    The others notice after `heartbeat` seconds that a process has ended.
    """
    place = [str(processes), str(_free_port()), str(heartbeat), str(folder)]
    logs = [folder / f"output.{index}" for index in range(processes)]
    started = [_start(log, cases, str(index), *place) for index, log in enumerate(logs)]
    try:
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
    """The rows that a process feeds, of as many as all processes can have alike."""
    return np.split(array[: len(array) // processes * processes], processes)[index]


def order(rows, processes):
    """The indices of the rows in the whole batches: in each batch the first process's part, then the second's."""
    parts = [part(np.arange(rows), index, processes) for index in range(processes)]
    starts = range(0, len(parts[0]), BATCH)
    return np.concatenate([own[start : start + BATCH] for start in starts for own in parts])


def _start(log, cases, index, processes, *place):
    environment = {
        **os.environ,
        "KERAS_BACKEND": "jax",
        "JAX_PLATFORMS": "cpu",
        "MPLBACKEND": "agg",
        "PYTHONPATH": str(ROOT),
        "XLA_FLAGS": f"--xla_force_host_platform_device_count={4 // int(processes)}",
    }
    command = [sys.executable, "-W", "error", "-m", "tests.support.jax_worker", index, processes, *place, *cases]
    with open(log, "w") as output:
        return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT)


def _free_port():
    with socket.socket() as free:
        free.bind(("localhost", 0))
        return free.getsockname()[1]
