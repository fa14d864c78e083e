"""One of two processes of torch.distributed: `python -m tests.support.torch_worker INDEX FOLDER CASE`.

Runs a function below by name, and writes what it returns to FOLDER/results.INDEX.
"""

import pickle
import sys
import warnings
from pathlib import Path

import keras
import numpy as np
import torch

from kerascb_metrics import CaptureError, Metrics
from tests.support.models import binary_rows, echo_model

X, Y = binary_rows(102, seed=1)


class Trained(keras.callbacks.Callback):
    """Counts the batches trained on."""

    batches = 0

    def on_train_batch_end(self, batch, logs=None):
        self.batches += 1


def attempt(score):
    """The error and warnings of a fit or a call, its scores, and how many batches were trained on by then."""
    trained = Trained()
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            scores, error = score(trained), None
        except CaptureError as refused:
            scores, error = None, str(refused)
    ours = [str(one.message) for one in warned if str(one.message).startswith("Metrics: ")]
    return {"error": error, "warned": ours, "scores": scores, "batches": trained.batches}


def all_attempts(index, folder):
    """Each process has 51 of the 102 rows: as fit's own data, as given data, and for `evaluate`."""
    rows, model = slice(51 * index, 51 * (index + 1)), echo_model()
    data = X[rows], Y[rows]

    def fitted(metrics, trained, **options):
        model.fit(*data, batch_size=17, verbose=0, callbacks=[trained, metrics], **options)
        return metrics.confusion

    given = {"validation_data": data, "prefix": "test_"}
    return {
        "captured": attempt(lambda trained: fitted(Metrics(verbose=False), trained, validation_data=data)),
        "given": attempt(lambda trained: fitted(Metrics(verbose=False, **given), trained)),
        "evaluate": attempt(lambda trained: [Metrics(verbose=False).evaluate(model, data)["confusion"]]),
    }


def distributed(index, folder):
    """Under `keras.distribution`; then save the model, as the error message suggests."""
    keras.distribution.set_distribution(
        keras.distribution.DataParallel(devices=["cpu:0", "cpu:1"], auto_shard_dataset=False)
    )
    found = all_attempts(index, folder)
    model = echo_model(learning_rate=0.1)
    model.fit(X[index::2], 1 - Y[index::2], batch_size=17, verbose=0)
    model.save(folder / f"trained.{index}.keras")
    return found | {"weights": model.get_weights()}


def side_by_side(index, folder):
    """Without `keras.distribution`, as in the user's own training loop."""
    return all_attempts(index, folder)


def main(index, folder, case):
    index, folder = int(index), Path(folder)
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder / 'rendezvous'}", rank=index, world_size=2
    )
    keras.utils.set_random_seed(0)
    found = globals()[case](index, folder)
    (folder / f"results.{index}").write_bytes(pickle.dumps(found))
    torch.distributed.barrier()


if __name__ == "__main__":
    np.set_printoptions(threshold=20)
    main(*sys.argv[1:])
