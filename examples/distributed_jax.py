"""Several JAX processes
========================

Two processes with two devices each train one model. Each feeds half of the rows and scores all of them. On several
machines give `jax.distributed.initialize` the address of the first machine; nothing else changes. Only the first
process writes the log file.

It needs JAX, and starts its processes itself, so it runs as a script only: `python examples/distributed_jax.py`
"""

import os
import socket
import subprocess
import sys
import tempfile
import time

PROCESSES = 2


def train(index: int, address: str, folder: str) -> None:
    """Train as one of the processes and print its scores."""
    import jax
    import keras
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    from kerascb_metrics import Metrics

    # keras.distribution.initialize calls this, too, but with JAX's own timeouts, of several minutes.
    jax.distributed.initialize(address, PROCESSES, index, heartbeat_timeout_seconds=30, shutdown_timeout_seconds=30)
    keras.utils.set_random_seed(0)
    distribution = keras.distribution.DataParallel(auto_shard_dataset=False)  # each process feeds its own part
    keras.distribution.set_distribution(distribution)

    x, y = load_digits(return_X_y=True)
    x_train, x_val, y_train, y_val = train_test_split(x[:1792] / 16, y[:1792], test_size=512, random_state=0)
    mine = slice(index, None, PROCESSES)

    model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(32, activation="relu"), keras.layers.Dense(10)])
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    metrics = Metrics(["f1", "kappa", "confusion"], log_file=os.path.join(folder, f"scores.{index}.jsonl"))
    model.fit(
        x_train[mine],
        y_train[mine],
        validation_data=(x_val[mine], y_val[mine]),
        batch_size=32,  # per process; like the last batch it must be divisible by its two devices
        epochs=4,
        verbose=0,
        callbacks=[metrics],
    )
    scores = ", ".join(f"{f1:.6f}" for f1 in metrics.f1s)
    rows = int(metrics.confusion[-1].sum())
    print(f"process {index} has {len(y_val[mine])} validation rows and scored {rows}; macro F1 {scores}", flush=True)


def start_all(folder: str) -> None:
    """Start the processes and wait for them. If one fails, stop the others."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        address = f"localhost:{free.getsockname()[1]}"
    environment = os.environ | {
        "KERAS_BACKEND": "jax",
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": "--xla_force_host_platform_device_count=2",
    }
    command = [sys.executable, __file__]
    running = [subprocess.Popen([*command, str(index), address, folder], env=environment) for index in range(PROCESSES)]
    try:
        while None in (codes := [process.poll() for process in running]) and not any(codes):
            time.sleep(0.1)
    finally:
        for process in running:
            process.kill()
            process.wait()
    if any(codes):
        sys.exit("a process failed, so the others were stopped")
    print("files:", *os.listdir(folder))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        train(int(sys.argv[1]), *sys.argv[2:])
    else:
        with tempfile.TemporaryDirectory() as temporary:
            start_all(temporary)
