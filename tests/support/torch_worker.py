"""One of several processes of torch.distributed.

`python -m tests.support.torch_worker INDEX PROCESSES TIMEOUT FOLDER CASE…` runs functions of `torch_cases.py` and
`torch_failures.py` by name, one after the other, and writes what they return to FOLDER/results.INDEX.
"""

import datetime
import pickle
import sys
from dataclasses import dataclass
from pathlib import Path

import keras
import torch


@dataclass(frozen=True)
class Here:
    """Which process this is, how many there are, and where it may write."""

    index: int
    processes: int
    folder: Path


def main(index, processes, timeout, folder, *names):
    here = Here(int(index), int(processes), Path(folder))
    torch.distributed.init_process_group(
        "gloo",
        init_method=f"file://{here.folder / 'rendezvous'}",
        rank=here.index,
        world_size=here.processes,
        timeout=datetime.timedelta(seconds=int(timeout)),
    )
    from tests.support import torch_cases, torch_failures

    found = {}
    for name in names:
        print(f"case {name}", flush=True)
        keras.utils.set_random_seed(0)
        keras.distribution.set_distribution(None)
        found[name] = {**vars(torch_failures), **vars(torch_cases)}[name](here)
    (here.folder / f"results.{here.index}").write_bytes(pickle.dumps(found))
    torch.distributed.barrier()
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main(*sys.argv[1:])
