"""One of several processes of torch.distributed.

`python -m tests.support.torch_worker INDEX PROCESSES FOLDER TIMEOUT CASE…`, see `launch.py`.
"""

import datetime
import sys
from pathlib import Path

import torch

from tests.support.torch_launch import part
from tests.support.worker import Here, run_cases


def main(index, processes, folder, timeout, *names):
    here = Here(int(index), int(processes), Path(folder), part)
    torch.distributed.init_process_group(
        "gloo",
        init_method=f"file://{here.folder / 'rendezvous'}",
        rank=here.index,
        world_size=here.processes,
        timeout=datetime.timedelta(seconds=int(timeout)),
    )
    from tests.support import process_cases, torch_cases, torch_failures

    run_cases(here, names, process_cases, torch_failures, torch_cases)
    torch.distributed.barrier()
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main(*sys.argv[1:])
