"""Starts `jax_worker.py` in one process or in several that train together, and says which rows each of them feeds."""

import socket

import numpy as np

from tests.support import launch
from tests.support.launch import BATCH


def run(cases, processes, folder, heartbeat=100):
    """Run the named cases in some processes, with four devices in all; return exit codes and outputs by process.

    The others notice after `heartbeat` seconds that a process has ended.
    """
    environment = {
        "KERAS_BACKEND": "jax",
        "JAX_PLATFORMS": "cpu",
        "MPLBACKEND": "agg",
        "XLA_FLAGS": f"--xla_force_host_platform_device_count={4 // processes}",
    }
    return launch.run("jax_worker", cases, processes, folder, [_free_port(), heartbeat], environment)


def results(cases, processes, folder):
    """Run cases that succeed; return a list of dicts, one per process, case → result."""
    return launch.results(run(cases, processes, folder), folder)


def part(array, index, processes):
    """The rows that a process feeds, of as many as all processes can have alike."""
    return np.split(array[: len(array) // processes * processes], processes)[index]


def order(rows, processes):
    """The indices of the rows in the whole batches: in each batch the first process's part, then the second's."""
    parts = [part(np.arange(rows), index, processes) for index in range(processes)]
    starts = range(0, len(parts[0]), BATCH)
    return np.concatenate([own[start : start + BATCH] for start in starts for own in parts])


def _free_port():
    with socket.socket() as free:
        free.bind(("localhost", 0))
        return free.getsockname()[1]
