"""Starts a worker in one process or in several that train together, waits for them, and leaves none running.

A worker is a module of this package: `python -m tests.support.WORKER INDEX PROCESSES FOLDER SETTING… CASE…` runs cases
and writes what they return to FOLDER/results.INDEX. `jax_launch.py` and `torch_launch.py` add what differs.
"""

import os
import pickle
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
BATCH = 16  # of each process
LIMIT = 600  # seconds for all cases of a launch, on a busy machine


def run(worker, cases, processes, folder, settings, environment, flags=()):
    """Run the named cases; return exit codes and outputs by process.

    Args:
        worker: the name of the module.
        cases: names of functions in the modules that the worker lists.
        processes: how many.
        folder: where they write.
        settings: what the worker takes before the cases.
        environment: variables that are added to those of this process.
        flags: of Python, beside `-W error`.
    """
    logs = [folder / f"output.{index}" for index in range(processes)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    started = []
    try:
        for index, log in enumerate(logs):
            arguments = map(str, (index, processes, folder, *settings, *cases))
            command = [sys.executable, "-W", "error", *flags, "-m", f"tests.support.{worker}", *arguments]
            started.append(_start(command, log, environment))
        codes = [process.wait(timeout=LIMIT) for process in started]
    finally:
        for process in started:
            process.kill()
            process.wait()
    return codes, [log.read_text() for log in logs]


def results(launched, folder):
    """Return a list of dicts, one per process, case → result, of a `run` whose cases all succeed."""
    codes, outputs = launched
    assert codes == [0] * len(codes), "\n".join(outputs)
    return [pickle.loads((folder / f"results.{index}").read_bytes()) for index in range(len(codes))]


def _start(command, log, environment):
    with open(log, "w") as output:
        return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT)
