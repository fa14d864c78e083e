"""Rows of several processes that each captured their own, as on PyTorch: joined, so that every process has all rows.

They are in the order of the processes: all rows of the first one, then all of the second one.
"""

import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from keras import tree

from kerascb_metrics.collect import row_store
from kerascb_metrics.collect.backend import Array, backend
from kerascb_metrics.collect.processes import (
    bytes_of_processes,
    captures_own_rows,
    in_all_processes,
    meet,
)
from kerascb_metrics.collect.row_store import Batch, Leaves, Pass, RowConsumer, RowStore, parts_of, without_rows
from kerascb_metrics.exceptions import CaptureError

_ROWS = "joining the rows of all processes"
# A first batch with at least so many different rows is not the same in two processes by chance.
_DIFFERENT_ROWS = 8


def pass_of_all_processes(collect: Callable[[], Pass], consumers: Sequence[RowConsumer]) -> Pass:
    """Return the pass of all processes, each of which has collected its own rows; elsewhere just `collect()`.

    Args:
        collect: returns the pass of this process, or raises; then all processes raise.
        consumers: those that keep rows with `memory="auto"` get them in parts if all processes have too many.
    """
    if not captures_own_rows():
        return collect()
    own = in_all_processes("capturing the validation rows", collect)
    owned = own.batches if backend().owns_captured_rows() else without_rows(own.batches)
    figures = meet(_ROWS, numbers=[own.complete, own.exceeded, sum(map(_bytes_of, owned))])
    own = replace(own, complete=bool(figures[:, 0].all()))
    keeping = [consumer for consumer in consumers if not consumer.counts_only]
    if _are_too_many(figures, keeping) and _counts_suffice(own, keeping):
        for part in parts_of(owned):
            for consumer in keeping:
                consumer.consume(part)
        return replace(own, batches=[])
    return replace(own, batches=_joined(_by_process(owned)))


def first_batch_of_all(own: Callable[[], Sequence[Batch]]) -> list[Batch]:
    """Return the first batches of all processes; every process must call this.

    Args:
        own: returns that of this process, or none if it has no rows; or raises, and then all processes raise.

    Raises:
        CaptureError: if two processes have the same rows: each row would be counted twice.
    """
    batches = in_all_processes("the first validation batch", own)
    by_process = _by_process(batches if backend().owns_captured_rows() else [])
    _refuse_same_rows(by_process)
    return [batch for found in by_process for batch in found]


def _are_too_many(figures: Array, keeping: Sequence[RowConsumer]) -> bool:
    """Return whether all processes together have more rows than `memory="auto"` keeps; or one has passed its own on."""
    only_auto = bool(keeping) and all(consumer.memory == "auto" for consumer in keeping)
    return only_auto and bool(figures[:, 1].any() or figures[:, 2].sum() > row_store.LIMIT)


def _counts_suffice(own: Pass, consumers: Sequence[RowConsumer]) -> bool:
    """Return whether the consumers can do without the rows; in every process, or the rows of one are gone already."""
    suffice = own.exceeded or all([consumer.counts_suffice(own.batches) for consumer in consumers])  # noqa: C419  ask each
    each = meet("deciding whether rows are kept", numbers=[suffice, own.exceeded])
    suffice = bool(each[:, 0].all() or each[:, 1].any())
    for consumer in consumers:
        consumer.notify_kept(not suffice)
    return suffice


# From process to process.


@dataclass(frozen=True)
class _Form:
    """What another process must know of an array to receive it."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]


def _by_process(batches: Sequence[Batch]) -> list[list[Batch]]:
    """Return the batches of each process; every process gets all of them."""
    own = [tree.map_structure(_form, batch) for batch in batches]
    forms = [pickle.loads(found) for found in bytes_of_processes(_ROWS, pickle.dumps(own))]
    index = backend().process_index()
    return [
        [_broadcast(form, batches[place] if source == index else None, source) for place, form in enumerate(of_process)]
        for source, of_process in enumerate(forms)
    ]


def _form(leaf: Array | None) -> _Form | None:
    return None if leaf is None else _Form(leaf.dtype, leaf.shape)


def _broadcast(form: Batch, own: Batch | None, source: int) -> Batch:
    """Return a batch that the process `source` has, in every process."""
    arrays = [None] * len(tree.flatten(form)) if own is None else tree.flatten(own)
    received = [_received(leaf, array, source) for leaf, array in zip(tree.flatten(form), arrays, strict=True)]
    batch: Batch = tree.pack_sequence_as(form, received)
    return batch


def _received(form: _Form | None, own: Array | None, source: int) -> Array | None:
    if form is None:
        return None
    array = np.empty(form.shape, form.dtype) if own is None else np.array(own, order="C")
    backend().broadcast(array, source)
    return array


def _joined(by_process: Sequence[Sequence[Batch]]) -> list[Batch]:
    batches = [batch for of_process in by_process for batch in of_process]
    store = RowStore(sum(map(_rows_of, batches)))
    for batch in batches:
        store.add(batch, _leaves(batch), _rows_of(batch))
    return store.finish()


def _leaves(batch: Batch) -> Leaves:
    leaves: Leaves = tree.flatten_with_path(batch)
    return leaves


def _arrays(batch: Batch) -> list[Array]:
    return [leaf for leaf in tree.flatten(batch) if leaf is not None]


def _rows_of(batch: Batch) -> int:
    return len(_arrays(batch)[0])


def _bytes_of(batch: Batch) -> int:
    return sum(leaf.nbytes for leaf in _arrays(batch))


# Rows that come twice.


def _refuse_same_rows(by_process: Sequence[Sequence[Batch]]) -> None:
    """Raise if two processes have fed the same rows, which would be counted twice."""
    seen: dict[bytes, int] = {}
    for index, batches in enumerate(by_process):
        for batch in batches:
            outputs = [leaf for leaf in tree.flatten(batch["y_pred"]) if leaf is not None]
            if all(
                len(np.unique(leaf.reshape(len(leaf), -1)[:, :1])) < _DIFFERENT_ROWS for leaf in outputs if leaf.size
            ):
                continue
            key = b"".join(leaf.tobytes() for leaf in _arrays(batch))
            if key in seen:
                raise CaptureError(
                    f"Metrics: processes {seen[key]} and {index} validate on the same rows, so each of these would be "
                    "counted twice. Give each process its own part of the validation data, such as x[rank::processes]."
                )
            seen[key] = index
