"""What a process that `launch.py` starts does once it has joined the others: it runs cases, one after the other."""

import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras


@dataclass(frozen=True)
class Here:
    """Which process this is, how many there are, where it may write, and how rows are cut into their parts."""

    index: int
    processes: int
    folder: Path
    cut: Callable[[Any, int, int], Any]

    def part(self, array):
        """Return the rows that this process feeds."""
        return self.cut(array, self.index, self.processes)


def run_cases(here, names, *modules):
    """Run functions of some modules by name, with the rows cut by `DataParallel`, and write what they return."""
    known = {name: value for module in modules for name, value in vars(module).items()}
    found = {}
    for name in names:
        print(f"case {name}", flush=True)
        keras.utils.set_random_seed(0)
        keras.distribution.set_distribution(keras.distribution.DataParallel(auto_shard_dataset=False))
        found[name] = known[name](here)
    (here.folder / f"results.{here.index}").write_bytes(pickle.dumps(found))
