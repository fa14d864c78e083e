"""Starts `torch_worker.py` in several processes that train together, and says which rows each of them feeds."""

import numpy as np

from tests.support import launch

ENVIRONMENT = {"KERAS_BACKEND": "torch", "OMP_NUM_THREADS": "1"}
# Keras 3.16 converts torch tensors by NumPy's old protocol.
FLAGS = ("-W", "ignore:__array__ implementation:DeprecationWarning")


def run(cases, processes, folder, timeout=120):
    """Run the named cases in some processes; return exit codes and outputs by process.

    torch.distributed waits for `timeout` seconds.
    """
    return launch.run("torch_worker", cases, processes, folder, [timeout], ENVIRONMENT, FLAGS)


def results(cases, processes, folder):
    """Run cases that succeed; return a list of dicts, one per process, case → result."""
    return launch.results(run(cases, processes, folder), folder)


def part(array, index, processes):
    """The rows that a process feeds: the last process has fewer than the others, and none has the same number."""
    ends = np.cumsum([0, *(3 * processes - place for place in range(processes))])
    cuts = np.round(ends / ends[-1] * len(array)).astype(int)
    return array[cuts[index] : cuts[index + 1]]
