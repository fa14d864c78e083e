"""Peak memory of one call beyond what was there before: `python -m benchmarks.peak <case> <rows>` prints it in bytes.

In a process of its own, for the peak is the process's, and what an earlier call freed would hide what this one takes.
"""

import ctypes
import gc
import sys
from pathlib import Path

from benchmarks import data, ours, references, streaming

WARM_UP_ROWS = 1_000
BATCH = 10_000
STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def probabilities(n):
    """The binary panel from float32 probabilities."""
    return ours.panel(data.binary(n))


def logits(n):
    """The binary panel from float32 logits."""
    return ours.panel(data.binary_logits(n), ours.BINARY_LOGITS)


def scikit_learn(n):
    """The six scikit-learn calls."""
    rows = data.binary(n)
    labels, auc = references.label_calls(rows), references.auc_call(rows)
    return lambda: (labels(), auc())


def twenty_classes(n):
    """The panel of 20 classes from a float32 softmax."""
    return ours.panel(data.multiclass(n, 20), ours.MULTICLASS)


def counts(n):
    """A pass that counts binary rows, which are the same ones in each batch."""
    return streaming.pass_over(data.binary(min(n, BATCH)), "binary_crossentropy", times=max(1, n // BATCH))


def counts_of_twenty(n):
    """A pass that counts rows of 20 classes."""
    return streaming.pass_over(data.multiclass(min(n, BATCH), 20), streaming.SPARSE, times=max(1, n // BATCH))


CASES = {run.__name__: run for run in (probabilities, logits, scikit_learn, twenty_classes, counts, counts_of_twenty)}


def measure(case, n):
    """Return the bytes that a case takes beyond its arrays."""
    CASES[case](WARM_UP_ROWS)()  # what is loaded at the first call is not the rows'
    run = CASES[case](n)
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # memory that was freed, but not given back, would be taken again unseen
    before = _status("VmRSS")
    RESET.write_text("5")  # the peak is from here on
    run()
    return _status("VmHWM") - before


def _status(name):
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(name))
    return 1024 * int(line.split()[1])


if __name__ == "__main__":
    print(measure(sys.argv[1], int(sys.argv[2])))
