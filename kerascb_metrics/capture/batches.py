"""Batches on their way from the device to NumPy."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import tree

from kerascb_metrics.capture._backend import backend
from kerascb_metrics.exceptions import DataError


@dataclass(frozen=True)
class Pass:
    """The rows of one pass over the data.

    Attributes:
        batches: in order, each a dict `y_true, y_pred, sample_weight, mask` of NumPy arrays or None; batches alike are
            one.
        complete: False where the pass was cut short.
    """

    batches: list
    complete: bool = True


class Batches:
    """Collects captured parts, in order, as NumPy arrays.

    A part is copied to its place when the next one arrives: that holds two on the device at most, and stalls nothing.
    Parts that cannot be scored are an error of the scores, not of the validation pass, so it is kept for `finish`.

    Args:
        expected: how many rows will come, where that is known.
    """

    def __init__(self, expected=None):
        self.rows = 0
        self._expected = expected
        self._runs = []
        self._pending = []
        self._error = None

    def add(self, parts):
        """Take the parts of one call of the test function, in row order."""
        self._flush()
        self._pending = [(part, _with_paths(part)) for part in parts]
        leaves = [leaf for _, with_paths in self._pending for _, leaf in with_paths]
        leaves = [leaf for leaf in leaves if leaf is not None]
        # What is in the host's memory already may be the user's own, which the next batch overwrites.
        if any(isinstance(leaf, np.ndarray) or backend().is_at_hand(leaf) for leaf in leaves):
            self._flush()
        else:
            for leaf in leaves:
                backend().start_copy(leaf)

    def finish(self):
        """Return the parts as the batches of a `Pass`; raise `DataError` if one of them could not be one."""
        self._flush()
        if self._error is not None:
            raise self._error
        return [run.joined() for run in self._runs]

    def _flush(self):
        pending, self._pending = self._pending, []
        for part, with_paths in pending if self._error is None else []:
            try:
                self._take(part, with_paths)
            except DataError as error:
                self._error = error

    def _take(self, part, with_paths):
        leaves = [(path, _as_array(leaf)) for path, leaf in with_paths]
        count = row_count(leaves)
        if not (self._runs and self._runs[-1].takes(leaves)):
            # Room for all is made once: where batches differ, most runs are short.
            expected = 0 if self._runs else self._expected or 0
            self._runs.append(_Run(part, leaves, max(count, expected)))
        self._runs[-1].add(leaves, count)
        self.rows += count


class _Run:
    """Batches alike in structure, dtypes and all axes but the first, joined as they come.

    Where the number of rows is not known the arrays grow twofold in place, which costs address space, not memory.
    """

    def __init__(self, part, leaves, expected):
        self._structure, self._kinds = tree.map_structure(lambda leaf: None, part), _kinds(leaves)
        self._columns: Any = [
            None if leaf is None else np.empty((expected, *leaf.shape[1:]), leaf.dtype) for _, leaf in leaves
        ]
        self._rows, self._room = 0, expected

    def takes(self, leaves):
        """Tell whether a batch is like the others."""
        return _kinds(leaves) == self._kinds

    def add(self, leaves, count):
        """Copy a batch to its place."""
        start, self._rows = self._rows, self._rows + count
        if self._rows > self._room:
            self._resize(max(self._rows, 2 * self._room))
        for column, (_, leaf) in zip(self._columns, leaves, strict=True):
            if leaf is not None:
                column[start : self._rows] = leaf

    def joined(self):
        """Return the batches as one; takes no more."""
        if self._room > self._rows:
            self._resize(self._rows)
        return tree.pack_sequence_as(self._structure, self._columns)

    def _resize(self, rows):
        self._room = rows
        for column in self._columns:
            if column is not None:
                column.resize((rows, *column.shape[1:]), refcheck=False)  # nobody else has it yet


def _with_paths(part):
    """The leaves of a part in the order of `tree`, with their paths; `tree` itself costs ten times as much."""
    if any(isinstance(value, dict | list | tuple) for value in part.values()):
        return tree.flatten_with_path(part)
    return [((name,), part[name]) for name in sorted(part)]


def _kinds(leaves):
    """What batches must have in common to be joined: the structure, the dtypes, the shapes of a row."""
    return [(path, None if leaf is None else (leaf.dtype, leaf.shape[1:])) for path, leaf in leaves]


def _as_array(leaf):
    return leaf if leaf is None or isinstance(leaf, np.ndarray) else backend().to_numpy(leaf)


def row_count(leaves):
    """The rows of a part, given as (path, array); raises where its targets, outputs, weights and mask disagree."""
    shapes = [(path[0], leaf.shape) for path, leaf in leaves if leaf is not None]
    if not any(name == "y_true" for name, _ in shapes):
        raise DataError(
            "Metrics: there are no validation targets to score against (received y=None). Pass "
            "validation_data=(x_val, y_val), or a dataset that yields (x, y) pairs."
        )
    counts = {shape[0] if shape else None for _, shape in shapes}
    if len(counts) != 1 or None in counts:
        by_name = {name: [shape for other, shape in shapes if other == name] for name, _ in shapes}
        received = ", ".join(
            f"{name} {by_name[name]}" for name in ("y_true", "y_pred", "sample_weight", "mask") if name in by_name
        )
        raise DataError(
            "Metrics: in each validation batch targets, outputs, weights and mask must have the same number of rows; "
            f"received shapes {received}."
        )
    return counts.pop()
