"""One process of a training that several devices or processes share, on JAX.

`python -m tests.support.jax_worker INDEX PROCESSES FOLDER PORT HEARTBEAT CASE…`, see `launch.py`.
"""

import sys
from pathlib import Path

from tests.support.jax_launch import part


def main(index, processes, folder, port, heartbeat, *names):
    if int(processes) > 1:
        import jax

        jax.distributed.initialize(
            f"localhost:{port}",
            int(processes),
            int(index),
            heartbeat_timeout_seconds=int(heartbeat),
            shutdown_timeout_seconds=int(heartbeat),
        )
    # Not before: JAX joins no processes once Keras has used it.
    from tests.support import jax_cases, jax_failures, process_cases
    from tests.support.worker import Here, run_cases

    here = Here(int(index), int(processes), Path(folder), part)
    run_cases(here, names, process_cases, jax_failures, jax_cases)


if __name__ == "__main__":
    main(*sys.argv[1:])
