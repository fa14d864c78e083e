"""Batches on their way from the device to NumPy."""

from dataclasses import dataclass

import keras
import numpy as np
from keras import tree

from kerascb_metrics.exceptions import DataError


@dataclass(frozen=True)
class Pass:
    """The rows of one pass over the data.

    Attributes:
        batches: in order, each a dict `y_true, y_pred, sample_weight, mask` of NumPy arrays or None.
        complete: False where the pass was cut short.
    """

    batches: list
    complete: bool = True


class Batches:
    """Collects captured parts, in order, as NumPy arrays.

    A part is copied when the next one arrives: that holds two on the device at most, and stalls nothing. Parts that
    cannot be scored are an error of the scores, not of the validation pass, so it is kept for `finish`.
    """

    def __init__(self):
        self.rows = 0
        self._done = []
        self._pending = []
        self._error = None

    def add(self, parts):
        """Take the parts of one call of the test function, in row order."""
        self._flush()
        self._pending = parts

    def finish(self):
        """Return the parts as the batches of a `Pass`; raise `DataError` if one of them could not be one."""
        self._flush()
        if self._error is not None:
            raise self._error
        return self._done

    def _flush(self):
        pending, self._pending = self._pending, []
        for part in pending if self._error is None else []:
            try:
                arrays = tree.map_structure(_to_numpy, part)
                self.rows += row_count(arrays)
                self._done.append(arrays)
            except DataError as error:
                self._error = error


def _to_numpy(leaf):
    if leaf is None:
        return None
    if keras.backend.backend() == "torch" and keras.ops.is_tensor(leaf) and str(leaf.dtype) != "torch.bfloat16":
        return np.array(leaf.numpy(force=True))  # Keras's own way there warns at every call, at ten times the cost
    return keras.ops.convert_to_numpy(leaf)


def row_count(arrays):
    """The rows of a part; raises where its targets, outputs, weights and mask disagree."""
    shapes = {name: [leaf.shape for leaf in tree.flatten(value) if leaf is not None] for name, value in arrays.items()}
    if not shapes["y_true"]:
        raise DataError(
            "Metrics: there are no validation targets to score against (received y=None). Pass "
            "validation_data=(x_val, y_val), or a dataset that yields (x, y) pairs."
        )
    counts = {shape[0] if shape else None for group in shapes.values() for shape in group}
    if len(counts) != 1 or None in counts:
        received = ", ".join(f"{name} {group}" for name, group in shapes.items() if group)
        raise DataError(
            "Metrics: in each validation batch targets, outputs, weights and mask must have the same number of rows; "
            f"received shapes {received}."
        )
    return counts.pop()
