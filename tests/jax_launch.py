"""Starts `jax_worker.py` in one process or in several that train together, waits for them, and leaves none behind."""

import os
import pickle
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parent.parent
BATCH = 16  # of each process
LIMIT = 240  # seconds for all cases of a launch; none takes that long


def run(cases, processes, folder, limit=LIMIT):
    """Run the named cases in so many processes, of four devices in all; return exit codes and outputs by process."""
    port = str(_free_port())
    started = [_start([*cases], str(index), str(processes), port, str(folder)) for index in range(processes)]
    try:
        outputs = [process.communicate(timeout=limit)[0] for process in started]
    finally:
        for process in started:
            process.kill()
            process.wait()
            process.stdout.close()
    return [process.returncode for process in started], outputs


def results(cases, processes, folder):
    """Run cases that end well; return what each returned: a list of dicts, one a process, case → result."""
    codes, outputs = run(cases, processes, folder)
    assert codes == [0] * processes, "\n".join(outputs)
    return [pickle.loads((folder / f"results.{index}").read_bytes()) for index in range(processes)]


def part(array, index, processes):
    """The rows that a process feeds: a half, or a quarter, of them all."""
    return np.array_split(array, processes)[index]


def order(rows, processes):
    """The places of the rows in the whole batches: of each batch the first process's part, then the second's."""
    parts = [part(np.arange(rows), index, processes) for index in range(processes)]
    starts = range(0, len(parts[0]), BATCH)
    return np.concatenate([own[start : start + BATCH] for start in starts for own in parts])


def _start(cases, *place):
    environment = {
        **os.environ,
        "KERAS_BACKEND": "jax",
        "JAX_PLATFORMS": "cpu",
        "MPLBACKEND": "agg",
        "PYTHONPATH": str(ROOT),
        "XLA_FLAGS": f"--xla_force_host_platform_device_count={4 // int(place[1])}",
    }
    return subprocess.Popen(
        [sys.executable, ROOT / "tests" / "jax_worker.py", *place, *cases],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _free_port():
    with socket.socket() as free:
        free.bind(("localhost", 0))
        return free.getsockname()[1]
