"""The cases of peak memory, one process each: `python -m benchmarks.memory.cases <case> <rows>` prints bytes.

The peak is that of the whole process, and memory that an earlier case freed would hide what this one takes.
"""

import sys

from benchmarks.compared import data, ours, references
from benchmarks.harness.peak import peak_bytes
from benchmarks.memory import streaming

WARM_UP_ROWS = 1_000
BATCH = 10_000


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
    """A pass that counts binary rows; each batch has the same rows."""
    return streaming.pass_over(data.binary(min(n, BATCH)), "binary_crossentropy", times=max(1, n // BATCH))


def counts_of_twenty(n):
    """A pass that counts rows of 20 classes; each batch has the same rows."""
    return streaming.pass_over(data.multiclass(min(n, BATCH), 20), streaming.SPARSE, times=max(1, n // BATCH))


CASES = {run.__name__: run for run in (probabilities, logits, scikit_learn, twenty_classes, counts, counts_of_twenty)}


def measure(case, n):
    """Return the bytes that a case takes beyond its arrays."""
    CASES[case](WARM_UP_ROWS)()  # loads what the first call loads
    return peak_bytes(CASES[case](n))


if __name__ == "__main__":
    print(measure(sys.argv[1], int(sys.argv[2])))
