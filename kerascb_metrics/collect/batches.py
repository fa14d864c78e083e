"""Batches on their way from the device to NumPy."""

import functools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from keras import tree

from kerascb_metrics.collect import row_store
from kerascb_metrics.collect.backend import Array, Captured, Tensor, backend
from kerascb_metrics.collect.device_labels import LabelledPart, labelled
from kerascb_metrics.collect.gathering import first_batch_of_all
from kerascb_metrics.collect.processes import captures_own_rows, is_multi_process, rows_to_count
from kerascb_metrics.collect.row_store import Batch, Leaves, RowConsumer, RowStore
from kerascb_metrics.collect.step_spy import mapped
from kerascb_metrics.exceptions import CaptureError, DataError

# The name at the head of a leaf's path, and the leaf's shape.
_Shape = tuple[str, tuple[int, ...]]
# As `Leaves`, before the tensors are arrays.
_TensorLeaves = Sequence[tuple[tuple[Any, ...], Tensor]]


class Batches:
    """Collects captured parts, in order, as NumPy arrays.

    A part is copied when the next one arrives, so that at most two are on the device and nothing waits. An error of a
    part is raised by `finish`, because it concerns the scores, not the validation pass. An error of the first part of a
    fit is raised by `refuse_first`, so that nobody waits for the whole pass.

    Args:
        expected: how many rows will come; None if that is not known.
        consumers: who gets the rows; without any, all rows are kept.
    """

    def __init__(self, expected: int | None = None, consumers: Sequence[RowConsumer] = ()) -> None:
        self.rows = 0
        self._counting = [consumer for consumer in consumers if consumer.counts_only]
        keeping = [consumer for consumer in consumers if not consumer.counts_only]
        self._labelling = [] if keeping else self._counting
        self._stores = _stores(expected, self._counting, keeping)
        self._pending: list[tuple[Captured, LabelledPart | None]] = []
        self._error: DataError | CaptureError | None = None
        self._checking = [consumer for consumer in consumers if consumer.wants_first]
        self._refusal: Exception | None = None
        self._of_process = captures_own_rows()
        # Whether all processes still have to exchange their first batches.
        self._shares_first = self._of_process and bool(self._checking or self._counting)

    def add(self, parts: Iterable[Captured]) -> None:
        """Add the parts of one call of the test function, in row order."""
        self._flush()
        self._pending = [(part, labelled(part, self._labelling)) for part in parts]
        leaves = _leaves_to_copy(self._pending)
        # What is in the host's memory may be the user's own array, which the next batch overwrites.
        if (
            self._checking
            or self._shares_first
            or any(isinstance(leaf, np.ndarray) or backend().is_host_memory(leaf) for leaf in leaves)
        ):
            self._flush()
        else:
            self._pending = [_copying(part, labels) for part, labels in self._pending]
        self._checking = self._checking if not self.rows else []

    @property
    def exceeded(self) -> bool:
        """Whether there were too many rows to keep, so that they are passed on."""
        return any(store.exceeded for store in self._stores)

    def refuse_first(self) -> None:
        """Raise what was found wrong in the first batch. To be called before the next one, when the pass can end.

        Within a batch JAX has the model's state nowhere else, and hooks after a batch may run in another thread.
        """
        if self._refusal is not None:
            raise self._refusal

    def finish(self) -> list[Batch]:
        """Return the batches of the `Pass`; raise `DataError` if a part was not a valid batch."""
        self._flush()
        if self._shares_first and self._error is None:
            self._store_none()
        error = self._refusal or self._error
        if error is not None:
            raise error
        return [batch for store in self._stores for batch in store.finish()]

    def _flush(self) -> None:
        pending, self._pending = self._pending, []
        for part, labels in pending if self._error is None else []:
            try:
                self._store(part, labels)
            except (DataError, CaptureError) as error:
                self._error = error
                self._refusal = error if self._checking or self._of_process else None

    def _store(self, part: Captured, labels: LabelledPart | None) -> None:
        if self._counting and is_multi_process() and not self._of_process:
            self._store_shared(part)
            return
        if self._shares_first:
            self._share_first(lambda: [_whole(part)])
            labels = labels or labelled(part, self._labelling)  # now that the outputs are known
        elif self._checking:
            self._check([_whole(part)])
            labels = labelled(part, self._labelling)
        part, saved = _as_crossing(part, labels)
        leaves = _as_arrays(part)
        count = row_count(leaves)
        for store in self._stores:
            if store.keeps_none and self._of_process and not backend().owns_captured_rows():
                store.add(part, _without_rows(leaves), 0, saved)
            else:
                store.add(part, leaves, count, saved)
        self.rows += count

    def _store_shared(self, part: Captured) -> None:
        """Store a part that several processes share: its rows here where rows are counted, else all of its rows."""
        whole: Callable[[], Batch] = functools.cache(lambda: tree.map_structure(_as_array, part))
        if not self.rows:
            for consumer in self._counting:
                consumer.inspect([whole()])
        count = row_count([(path, leaf) for path, leaf in _with_paths(part) if leaf is not None])
        if self._checking:
            self._check([whole()])
        for store in self._stores:
            rows = rows_to_count(part, whole) if store.keeps_none else whole()
            leaves = _with_paths(rows)
            store.add(rows, leaves, row_count(leaves))
        self.rows += count

    def _store_none(self) -> None:
        """Take part in the exchange of first batches if this process has no rows, and count none of them."""
        try:
            whole = self._share_first(list)
        except (DataError, CaptureError) as error:
            self._refusal = error
            return
        for store in self._stores:
            if store.keeps_none and whole:
                store.add(whole[0], _without_rows(_with_paths(whole[0])), 0)

    def _share_first(self, own: Callable[[], Sequence[Batch]]) -> list[Batch]:
        """Let all consumers see the first batches of all processes, so that all processes agree on what they are."""
        self._shares_first = False
        whole = first_batch_of_all(own)
        for consumer in self._counting if whole else ():
            consumer.inspect(whole)
        if whole:
            self._check(whole)
        self._checking = []  # also where the first batch of this process has no rows
        return whole

    def _check(self, first: Sequence[Batch]) -> None:
        try:
            for consumer in self._checking:
                consumer.check(first)
        except Exception as error:  # raised by `refuse_first`, when the pass can end
            self._refusal = self._refusal or error


def _stores(expected: int | None, counting: Sequence[RowConsumer], keeping: Sequence[RowConsumer]) -> list[RowStore]:
    """Return the stores: one that keeps nothing, if rows are counted, and one for all that want rows kept."""
    stores = [RowStore(consumers=counting, limit=0)] if counting else []
    if keeping or not counting:
        all_auto = keeping and all(consumer.memory == "auto" for consumer in keeping)
        limit = row_store.LIMIT if all_auto else None
        stores.append(RowStore(expected, keeping, limit, backend().owns_captured_rows()))
    return stores


def _copying(part: Captured, labels: LabelledPart | None) -> tuple[Captured, LabelledPart | None]:
    """Start to copy what the host needs: a part or, where outputs were labelled, what is left of it."""
    if labels is None:
        return {name: mapped(_start_copy, value) for name, value in part.items()}, None
    own, enough = _copying(labels.part, None)[0], [_start_copy(flag) for flag in labels.are_enough]
    return part, replace(labels, part=own, are_enough=enough)


def _start_copy(leaf: Tensor) -> Tensor:
    return None if leaf is None else backend().start_copy(leaf)


def _leaves_to_copy(pending: Sequence[tuple[Captured, LabelledPart | None]]) -> list[Tensor]:
    """Return the tensors that are about to cross to the host."""
    leaves: list[Tensor] = []
    for part, labels in pending:
        leaves += [leaf for _, leaf in _with_paths(part if labels is None else labels.part)]
        leaves += [] if labels is None else labels.are_enough
    return [leaf for leaf in leaves if leaf is not None]


def _with_paths(part: Captured) -> _TensorLeaves:
    """Return the leaves of a part in the order of `tree`, with their paths; `tree` itself takes ten times as long."""
    if any(isinstance(value, dict | list | tuple) for value in part.values()):
        leaves: _TensorLeaves = tree.flatten_with_path(part)
        return leaves
    return [((name,), part[name]) for name in sorted(part)]


def _whole(part: Captured) -> Batch:
    """Return a part as arrays; raise `DataError` if they have different numbers of rows."""
    batch: Batch = tree.map_structure(_as_array, part)
    row_count(_with_paths(batch))
    return batch


def _as_crossing(part: Captured, labels: LabelledPart | None) -> tuple[Captured, int]:
    """Return what of a part must cross to the host, and how many bytes of a row need not."""
    return (part, 0) if labels is None or not labels.is_enough() else (labels.part, labels.bytes_saved)


def _without_rows(leaves: Leaves) -> Leaves:
    return [(path, None if leaf is None else leaf[:0]) for path, leaf in leaves]


def _as_arrays(part: Captured) -> Leaves:
    return [(path, _as_array(leaf)) for path, leaf in _with_paths(part)]


def _as_array(leaf: Tensor) -> Array | None:
    if isinstance(leaf, np.ndarray):
        return np.asarray(leaf)  # a masked array of the user's lacks some of an array's methods
    return None if leaf is None else backend().to_numpy(leaf)


def row_count(leaves: Leaves) -> int:
    """Return how many rows a part has; raise `DataError` if its targets, outputs, weights and mask disagree."""
    shapes: list[_Shape] = [(path[0], leaf.shape) for path, leaf in leaves if leaf is not None]
    lengths = {shape[:1] for _, shape in shapes}
    if len(lengths) != 1 or () in lengths or not any(name == "y_true" for name, _ in shapes):
        raise _refusal(shapes)
    return lengths.pop()[0]


def _refusal(shapes: Sequence[_Shape]) -> DataError:
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
