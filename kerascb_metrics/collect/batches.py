"""Batches on their way from the device to NumPy."""

import functools
from dataclasses import dataclass

import numpy as np
from keras import tree

from kerascb_metrics.collect import row_store
from kerascb_metrics.collect.backend import backend
from kerascb_metrics.collect.processes import is_multi_process, own_share
from kerascb_metrics.collect.row_store import RowStore
from kerascb_metrics.exceptions import DataError


@dataclass(frozen=True)
class Pass:
    """The rows of one pass over the data.

    Attributes:
        batches: in order, each a dict `y_true, y_pred, sample_weight, mask` of NumPy arrays or None; batches alike are
            one. Those that were handed on to a `RowConsumer` are not among them.
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
        takers: those that the rows are for; without any they are row_store.
    """

    def __init__(self, expected=None, takers=()):
        self.rows = 0
        self._counters = [taker for taker in takers if taker.memory == "bounded"]
        keepers = [taker for taker in takers if taker.memory != "bounded"]
        self._places = _places(expected, self._counters, keepers)
        self._pending = []
        self._error = None

    def add(self, parts):
        """Take the parts of one call of the test function, in row order."""
        self._flush()
        self._pending = [(part, _with_paths(part)) for part in parts]
        leaves = [leaf for _, with_paths in self._pending for _, leaf in with_paths if leaf is not None]
        # What is in the host's memory already may be the user's own, which the next batch overwrites.
        if any(isinstance(leaf, np.ndarray) or backend().is_host_memory(leaf) for leaf in leaves):
            self._flush()
        else:
            for leaf in leaves:
                backend().start_copy(leaf)

    def finish(self):
        """Return the parts as the batches of a `Pass`; raise `DataError` if one of them could not be one."""
        self._flush()
        if self._error is not None:
            raise self._error
        return [batch for place in self._places for batch in place.finish()]

    def _flush(self):
        pending, self._pending = self._pending, []
        for part, with_paths in pending if self._error is None else []:
            try:
                self._take(part, with_paths)
            except DataError as error:
                self._error = error

    def _take(self, part, with_paths):
        if self._counters and is_multi_process():
            self.rows += self._share_out(part, with_paths)
            return
        leaves = [(path, _as_array(leaf)) for path, leaf in with_paths]
        count = row_count(leaves)
        for place in self._places:
            place.add(part, leaves, count)
        self.rows += count

    def _share_out(self, part, with_paths):
        """Of several processes each counts its own rows; what keeps rows gets them all."""
        whole = functools.cache(lambda: tree.map_structure(_as_array, part))
        if not self.rows:
            for taker in self._counters:
                taker.look([whole()])
        count = row_count([(path, leaf) for path, leaf in with_paths if leaf is not None])
        for place in self._places:
            share = own_share(part, whole) if place.counts else whole()
            leaves = _with_paths(share)
            place.add(share, leaves, row_count(leaves))
        return count


def _places(expected, counters, keepers):
    """Where rows go: kept once for all that want them kept; and on to those that count them."""
    places = [RowStore(takers=counters, limit=0)] if counters else []
    if keepers or not counters:
        all_auto = keepers and all(taker.memory == "auto" for taker in keepers)
        places.append(RowStore(expected, keepers, row_store.LIMIT if all_auto else None))
    return places


def _with_paths(part):
    """The leaves of a part in the order of `tree`, with their paths; `tree` itself costs ten times as much."""
    if any(isinstance(value, dict | list | tuple) for value in part.values()):
        return tree.flatten_with_path(part)
    return [((name,), part[name]) for name in sorted(part)]


def _as_array(leaf):
    return leaf if leaf is None or isinstance(leaf, np.ndarray) else backend().to_numpy(leaf)


def row_count(leaves):
    """The rows of a part, given as (path, array); raises where its targets, outputs, weights and mask disagree."""
    lengths = {leaf.shape[:1] for _, leaf in leaves if leaf is not None}
    if len(lengths) != 1 or () in lengths or not any(leaf is not None and path[0] == "y_true" for path, leaf in leaves):
        raise _refusal([(path[0], leaf.shape) for path, leaf in leaves if leaf is not None])
    return lengths.pop()[0]


def _refusal(shapes):
    if not any(name == "y_true" for name, _ in shapes):
        return DataError(
            "Metrics: there are no validation targets to score against (received y=None). Pass "
            "validation_data=(x_val, y_val), or a dataset that yields (x, y) pairs."
        )
    by_name = {name: [shape for other, shape in shapes if other == name] for name, _ in shapes}
    received = ", ".join(
        f"{name} {by_name[name]}" for name in ("y_true", "y_pred", "sample_weight", "mask") if name in by_name
    )
    return DataError(
        "Metrics: in each validation batch targets, outputs, weights and mask must have the same number of rows; "
        f"received shapes {received}."
    )
