"""Several PyTorch processes
=========================

Two processes train one model. Each feeds a part of the rows and scores all of them. `torchrun` starts the processes, on
one machine or on several, and tells each who it is. Only the first process writes the log file.

It needs PyTorch and Keras 3.16: `torchrun --nproc-per-node 2 examples/distributed_torch.py`
"""

import os
import tempfile

os.environ.setdefault("KERAS_BACKEND", "torch")

import keras
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from kerascb_metrics import Metrics


def main(folder: str) -> None:
    """Train as one of the processes and print its scores."""
    keras.distribution.initialize()  # as torchrun says; with GPUs by NCCL, otherwise by gloo
    rank, processes = torch.distributed.get_rank(), torch.distributed.get_world_size()
    keras.utils.set_random_seed(0)
    # Each process feeds its own part; DataParallel averages the gradients.
    keras.distribution.set_distribution(keras.distribution.DataParallel(auto_shard_dataset=False))

    x, y = load_digits(return_X_y=True)
    x_train, x_val, y_train, y_val = train_test_split(x / 16, y, test_size=501, random_state=0)
    mine = slice(rank, None, processes)

    model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(32, activation="relu"), keras.layers.Dense(10)])
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    metrics = Metrics(["f1", "kappa", "confusion"], log_file=os.path.join(folder, f"scores.{rank}.jsonl"))
    model.fit(
        x_train[mine],
        y_train[mine],
        validation_data=(x_val[mine], y_val[mine]),
        batch_size=32,  # per process; each process must have as many batches, the last one may be shorter
        epochs=4,
        verbose=0,
        callbacks=[metrics],
    )
    scores = ", ".join(f"{f1:.6f}" for f1 in metrics.f1s)
    rows = int(metrics.confusion[-1].sum())
    print(
        f"process {rank} has {len(y_val[mine])} validation rows and scored {rows}; macro F1 {scores}; files:",
        *os.listdir(folder),
    )
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        main(temporary)
