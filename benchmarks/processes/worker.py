"""One of the processes of `exchange.py`: `python -m benchmarks.processes.worker FOLDER PROCESSES ROWS INDEX`."""

import json
import statistics
import sys
import time
from pathlib import Path

import keras
import numpy as np
import torch

from kerascb_metrics import Metrics
from kerascb_metrics.collect.backends.torch_processes import EXCHANGE

ROUNDS = 5
BATCH = 4096
TRAINING_ROWS = 4096


class Sent:
    """Counts the bytes that this process gives to an exchange."""

    def __init__(self, index):
        self.bytes = 0
        gather, broadcast = EXCHANGE.all_gather, EXCHANGE.broadcast
        EXCHANGE.all_gather = lambda array: self._count(array) or gather(array)
        EXCHANGE.broadcast = lambda array, source: (source == index and self._count(array)) or broadcast(array, source)

    def _count(self, array):
        self.bytes += array.nbytes


def main(folder, processes, rows, index):
    """Measure, and let the first process write what it found."""
    folder, processes, rows, index = Path(folder), int(processes), int(rows), int(index)
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder / 'rendezvous'}", rank=index, world_size=processes
    )
    keras.distribution.set_distribution(keras.distribution.DataParallel(auto_shard_dataset=False))
    sent, own = Sent(index), rows // processes
    rng = np.random.default_rng(index)
    x = rng.standard_normal((own, 8), np.float32)
    y = (x.sum(axis=1) + rng.standard_normal(own, np.float32) > 0).astype(np.int64)
    names = ["f1", "precision", "recall", "kappa", "auc", "confusion"]
    callbacks = {
        "plain": [],
        "Metrics()": [Metrics(verbose=False)],
        'Metrics(memory="bounded")': [Metrics(names, memory="bounded", verbose=False)],
    }
    fits = {name: _fit(listed, x, y) for name, listed in callbacks.items()}
    seconds, found = {name: [] for name in fits}, {}
    for _ in range(1 + ROUNDS):
        for name, fit in fits.items():
            torch.distributed.barrier()
            before, began = sent.bytes, time.perf_counter()
            fit()
            seconds[name].append(time.perf_counter() - began)
            found[name] = (sent.bytes - before) / own
    if index == 0:
        medians = {name: statistics.median(times[1:]) for name, times in seconds.items()}
        (folder / "measured.json").write_text(json.dumps({"seconds": medians, "sent": found}))
    torch.distributed.barrier()
    torch.distributed.destroy_process_group()


def _fit(callbacks, x, y):
    """Return a function that fits a model for one more epoch at each call."""
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(1, "sigmoid")])
    model.compile("sgd", "binary_crossentropy")
    options = {"validation_data": (x, y), "batch_size": BATCH, "verbose": 0, "callbacks": callbacks}
    return lambda: model.fit(x[:TRAINING_ROWS], y[:TRAINING_ROWS], **options)


if __name__ == "__main__":
    main(*sys.argv[1:])
