"""One process of a training that several devices or processes share.

`python -m tests.support.jax_worker INDEX PROCESSES PORT HEARTBEAT FOLDER CASE…` runs functions of `jax_cases.py` and
`jax_failures.py` by name, one after the other, and writes what they return to FOLDER/results.INDEX.
"""

import pickle
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Here:
    """Which process this is, how many there are, and where it may write."""

    index: int
    processes: int
    folder: Path


def main(index, processes, port, heartbeat, folder, *names):
    here = Here(int(index), int(processes), Path(folder))
    if here.processes > 1:
        import jax

        jax.distributed.initialize(
            f"localhost:{port}",
            here.processes,
            here.index,
            heartbeat_timeout_seconds=int(heartbeat),
            shutdown_timeout_seconds=int(heartbeat),
        )
    import keras

    from tests.support import jax_cases, jax_failures

    found = {}
    for name in names:
        print(f"case {name}", flush=True)
        keras.utils.set_random_seed(0)
        keras.distribution.set_distribution(keras.distribution.DataParallel(auto_shard_dataset=False))
        found[name] = {**vars(jax_failures), **vars(jax_cases)}[name](here)
    (here.folder / f"results.{here.index}").write_bytes(pickle.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
