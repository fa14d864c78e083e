"""Where captured rows are kept: joined as they come or, if there are too many, passed on in parts and forgotten."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from keras import tree

from kerascb_metrics.collect.backend import Array
from kerascb_metrics.collect.label_rule import LabelRule

# A batch in NumPy: `y_true`, `y_pred`, `sample_weight` and `mask`, each an array, a structure of arrays, or None. Where
# outputs were labelled on the device there are also `labels`, and `y_pred` is None for these.
Batch = dict[str, Any]
# The arrays of a batch, each with its path in the batch; the first item of the path is the name.
Leaves = Sequence[tuple[tuple[Any, ...], Array | None]]


@dataclass(frozen=True)
class Pass:
    """The rows of one pass over the data.

    Attributes:
        batches: in order, each a dict `y_true, y_pred, sample_weight, mask` of NumPy arrays or None. Batches of the
            same kind are joined; those that a `RowConsumer` has consumed are not included.
        complete: False if the pass was cut short.
        exceeded: whether there were too many rows to keep, so that this process has passed them on.
    """

    batches: list[Batch]
    complete: bool = True
    exceeded: bool = False


# `memory="auto"` keeps at most this many bytes of targets, outputs, weights and masks.
LIMIT = 4 << 30
# Rows that are not kept are passed on in parts of about this many bytes.
PART = 16 << 20


class RowConsumer(Protocol):
    """Consumes the rows of a pass in parts, if they are not kept.

    Attributes:
        memory: "exact": its rows are kept; "bounded": all rows are passed on; "auto": they are passed on once they take
            more than `LIMIT` bytes.
    """

    memory: Literal["auto", "exact", "bounded"]

    @property
    def wants_first(self) -> bool:
        """Whether `check` should see the first batch of the pass."""
        ...

    @property
    def counts_only(self) -> bool:
        """Whether all rows of the pass are passed on, from its start."""
        return self.memory == "bounded"

    def label_rules(self, outputs: Any) -> Sequence[LabelRule | None]:
        """Return how each output of a batch becomes labels on the device; asked for each batch.

        Args:
            outputs: tensors, in the structure that the model returns.

        Returns:
            One rule per output, in flattened order; None for an output that is needed itself. Empty: all are needed.
        """
        return ()

    def check(self, batches: Sequence[Batch]) -> None:
        """Look at the first batch as soon as it has run; an error ends the pass at once."""
        ...

    def counts_suffice(self, batches: Sequence[Batch]) -> bool:
        """Return whether it can do without kept rows; asked once, with the batches so far."""
        ...

    def notify_kept(self, kept: bool) -> None:
        """Learn, once the limit is reached, whether rows are kept anyway or passed on from now on."""
        ...

    def inspect(self, batches: Sequence[Batch]) -> None:
        """Look at all rows of the first batch, before `consume`; called only if several processes share the rows."""
        ...

    def consume(self, batches: Sequence[Batch]) -> None:
        """Process some batches. An error must wait until the pass has ended."""
        ...


class RowStore:
    """The rows of a pass, for some consumers with the same limit.

    Args:
        expected: how many rows will come; None if that is not known.
        consumers: they get the rows that are not kept.
        limit: how many bytes to keep; None: all rows; 0: none.
        owned: whether the rows count here; if not, another process passes on the same, and this one only their kinds.

    Attributes:
        keeps_none: whether no row is kept, from the start.
    """

    def __init__(
        self,
        expected: int | None = None,
        consumers: Sequence[RowConsumer] = (),
        limit: int | None = None,
        owned: bool = True,
    ) -> None:
        self._expected, self._consumers, self._limit, self._owned = expected or 0, consumers, limit, owned
        self.keeps_none = limit == 0
        self._passes_on = self.keeps_none
        self._runs: list[_Run] = []
        self._bytes = 0

    @property
    def exceeded(self) -> bool:
        """Whether there were too many rows to keep, so that they are passed on."""
        return self._passes_on and not self.keeps_none

    def add(self, part: Batch, leaves: Leaves, count: int, bytes_saved: int = 0) -> None:
        """Add a batch.

        Args:
            part: the batch, for its structure.
            leaves: its arrays.
            count: how many rows it has.
            bytes_saved: how many bytes of a row were left on the device. They count as if they were here: parts then
                begin at the same rows, and sums of weights are the same to the last bit.
        """
        limit = PART if self._passes_on else self._limit
        if not (self._runs and self._runs[-1].accepts(leaves, bytes_saved)):
            # Memory for all rows is allocated once, but not above the limit: if batches differ, most runs are short.
            expected = 0 if self._runs else self._expected
            most = expected if limit is None else count + limit // max(1, _row_bytes(leaves))
            self._runs.append(_Run(part, leaves, max(count, min(expected, most)), bytes_saved))
        run = self._runs[-1]
        run.add(leaves, count)
        self._bytes += count * run.row_bytes
        if limit is not None and self._bytes > limit:
            self._flush()

    def finish(self) -> list[Batch]:
        """Return the batches, with those of the same kind joined; an empty list if they were passed on."""
        if self._passes_on:
            self._flush()
        return [run.joined() for run in self._runs]

    def _flush(self) -> None:
        """Pass on the rows so far, unless a consumer needs them kept."""
        batches = [run.joined() for run in self._runs]
        sizes = [run.row_bytes for run in self._runs]
        if not self._passes_on and self._must_keep(batches):
            self._limit = None
            return
        self._passes_on, self._bytes = True, 0
        self._expected, self._runs = self._runs[0].rows if len(self._runs) == 1 else 0, []
        for part in _parts(batches, sizes):
            for consumer in self._consumers:
                consumer.consume(part if self._owned else without_rows(part))

    def _must_keep(self, batches: Sequence[Batch]) -> bool:
        kept = not all([consumer.counts_suffice(batches) for consumer in self._consumers])  # noqa: C419  ask each
        for consumer in self._consumers:
            consumer.notify_kept(kept)
        return kept


class _Run:
    """Batches with the same structure, dtypes and row shapes, joined as they come.

    If the number of rows is not known the arrays grow in place, by a quarter. The new part is filled with zeros, so it
    takes memory before its rows come.
    """

    def __init__(self, part: Batch, leaves: Leaves, expected: int, bytes_saved: int) -> None:
        names = sorted(part)
        self._names = names if [path for path, _ in leaves] == [(name,) for name in names] else None
        self._structure = tree.map_structure(lambda leaf: None, part) if self._names is None else None
        self._kinds = _kinds(leaves)
        self._saved = bytes_saved
        self.row_bytes = _row_bytes(leaves) + bytes_saved
        self._columns: list[Array | None] = [
            None if leaf is None else np.empty((expected, *leaf.shape[1:]), leaf.dtype) for _, leaf in leaves
        ]
        self.rows, self._capacity = 0, expected

    def accepts(self, leaves: Leaves, bytes_saved: int) -> bool:
        """Return whether a batch has the same kinds of arrays."""
        return _kinds(leaves) == self._kinds and bytes_saved == self._saved

    def add(self, leaves: Leaves, count: int) -> None:
        """Copy a batch to the end."""
        start, self.rows = self.rows, self.rows + count
        if self.rows > self._capacity:
            self._resize(max(self.rows, self._capacity + self._capacity // 4))
        for column, (_, leaf) in zip(self._columns, leaves, strict=True):
            if column is not None and leaf is not None:
                column[start : self.rows] = leaf

    def joined(self) -> Batch:
        """Return the batches as one. Add no more while somebody uses it: the arrays are not copied."""
        if self._capacity > self.rows:
            self._resize(self.rows)
        if self._names is not None:  # `tree` itself takes ten times as long
            return dict(zip(self._names, self._columns, strict=True))
        batch: Batch = tree.pack_sequence_as(self._structure, self._columns)
        return batch

    def _resize(self, rows: int) -> None:
        self._capacity = rows
        for column in self._columns:
            if column is not None:
                column.resize((rows, *column.shape[1:]), refcheck=False)  # nobody else has it yet


def _row_bytes(leaves: Leaves) -> int:
    return sum(math.prod(leaf.shape[1:]) * leaf.itemsize for _, leaf in leaves if leaf is not None)


def _kinds(leaves: Leaves) -> list[Any]:
    """Return what must be equal for batches to be joined: the structure, the dtypes, the shapes of a row."""
    return [(path, None if leaf is None else (leaf.dtype, leaf.shape[1:])) for path, leaf in leaves]


def without_rows(batches: Sequence[Batch]) -> list[Batch]:
    """Return the same kinds of batches with no row."""
    return [tree.map_structure(lambda leaf: None if leaf is None else leaf[:0], batch) for batch in batches]


def parts_of(batches: Sequence[Batch]) -> Iterator[list[Batch]]:
    """Yield lists of batches of about `PART` bytes each."""
    sizes = [
        sum(leaf.nbytes // max(1, len(leaf)) for leaf in tree.flatten(batch) if leaf is not None) for batch in batches
    ]
    return _parts(batches, sizes)


def _parts(batches: Sequence[Batch], sizes: Sequence[int]) -> Iterator[list[Batch]]:
    """Yield lists of batches of about `PART` bytes each: small batches together, large ones cut.

    Args:
        batches: the batches.
        sizes: the bytes per row of each.
    """
    part: list[Batch] = []
    room = PART
    for batch, row_bytes in zip(batches, sizes, strict=True):
        for piece in _cut(batch, row_bytes):
            part.append(piece)
            room -= _rows(piece) * row_bytes
            if room <= 0:
                yield part
                part, room = [], PART
    if part:
        yield part


def _rows(batch: Batch) -> int:
    return next(len(leaf) for leaf in tree.flatten(batch) if leaf is not None)


def _cut(batch: Batch, row_bytes: int) -> Iterator[Batch]:
    rows = _rows(batch)
    step = max(1, rows * PART // max(1, rows * row_bytes))
    if not rows:
        yield batch
    for start in range(0, rows, step):
        yield tree.map_structure(lambda leaf: None if leaf is None else leaf[start : start + step], batch)  # noqa: B023
