"""Where captured rows go: joined as they come, or, where they are too many, handed on in parts and forgotten."""

import math
from typing import Any

import numpy as np
from keras import tree

# `memory="auto"` keeps so many bytes of targets, outputs, weights and masks, and a part handed on has about so many.
LIMIT = 4 << 30
PART = 16 << 20


class RowConsumer:
    """What takes the rows of a pass in parts, where they are not kept.

    Attributes:
        memory: "exact": rows are kept for it; "bounded": all are handed on; "auto": they are handed on once they are
            more than `LIMIT` bytes.
    """

    memory = "exact"

    def counts_suffice_for(self, batches):
        """Tell whether it needs no rows to be kept; asked once, with the batches so far."""
        raise NotImplementedError

    def decide(self, kept):
        """Hear whether the rows are kept all the same, or handed on from here."""
        raise NotImplementedError

    def look(self, batches):
        """See the first batch, all of it; of the others it takes a share where several processes train together."""
        raise NotImplementedError

    def take(self, batches):
        """Take some batches. An error must wait until the pass has ended."""
        raise NotImplementedError


class RowStore:
    """The rows of a pass, for some takers with the same limit.

    Args:
        expected: how many rows will come, where that is known.
        takers: those that take the rows past the limit.
        limit: in bytes; None: all rows are kept; 0: none.

    Attributes:
        counts: whether no row was to be kept, from the start.
    """

    def __init__(self, expected=None, takers=(), limit=None):
        self._expected, self._takers, self._limit = expected or 0, takers, limit
        self.counts = self._handed_on = limit == 0
        self._runs: list = []
        self._bytes = 0

    def add(self, part, leaves, count):
        """Take a batch: its structure, its leaves as (path, array or None), and how many rows it has."""
        limit = PART if self._handed_on else self._limit
        if not (self._runs and self._runs[-1].takes(leaves)):
            # Room for all is made once, but for no more than the limit: where batches differ, most runs are short.
            expected = 0 if self._runs else self._expected
            most = expected if limit is None else count + limit // max(1, _bytes_a_row(leaves))
            self._runs.append(_Run(part, leaves, max(count, min(expected, most))))
        run = self._runs[-1]
        run.add(leaves, count)
        self._bytes += count * run.bytes_a_row
        if limit is not None and self._bytes > limit:
            self._hand_on()

    def finish(self):
        """Return the batches, joined where they are alike; none where they were handed on."""
        if self._handed_on:
            self._hand_on()
        return [run.joined() for run in self._runs]

    def _hand_on(self):
        batches = [run.joined() for run in self._runs]
        if not self._handed_on and self._must_keep(batches):
            self._limit = None
            return
        self._handed_on, self._bytes = True, 0
        self._expected, self._runs = self._runs[0].rows if len(self._runs) == 1 else 0, []
        for part in _parts(batches):
            for taker in self._takers:
                taker.take(part)

    def _must_keep(self, batches):
        keep = not all([taker.counts_suffice_for(batches) for taker in self._takers])  # noqa: C419  each is asked
        for taker in self._takers:
            taker.decide(keep)
        return keep


class _Run:
    """Batches alike in structure, dtypes and all axes but the first, joined as they come.

    Where the number of rows is not known the arrays grow in place, by a quarter: what is added is filled with zeros,
    and so takes memory before rows come.
    """

    def __init__(self, part, leaves, expected):
        self._structure, self._kinds = tree.map_structure(lambda leaf: None, part), _kinds(leaves)
        self.bytes_a_row = _bytes_a_row(leaves)
        self._columns: Any = [
            None if leaf is None else np.empty((expected, *leaf.shape[1:]), leaf.dtype) for _, leaf in leaves
        ]
        self.rows, self._room = 0, expected

    def takes(self, leaves):
        """Tell whether a batch is like the others."""
        return _kinds(leaves) == self._kinds

    def add(self, leaves, count):
        """Copy a batch to its place."""
        start, self.rows = self.rows, self.rows + count
        if self.rows > self._room:
            self._resize(max(self.rows, self._room + self._room // 4))
        for column, (_, leaf) in zip(self._columns, leaves, strict=True):
            if leaf is not None:
                column[start : self.rows] = leaf

    def joined(self):
        """Return the batches as one; who holds on to it takes no more in."""
        if self._room > self.rows:
            self._resize(self.rows)
        return tree.pack_sequence_as(self._structure, self._columns)

    def _resize(self, rows):
        self._room = rows
        for column in self._columns:
            if column is not None:
                column.resize((rows, *column.shape[1:]), refcheck=False)  # nobody else has it yet


def _bytes_a_row(leaves):
    return sum(math.prod(leaf.shape[1:]) * leaf.itemsize for _, leaf in leaves if leaf is not None)


def _kinds(leaves):
    """What batches must have in common to be joined: the structure, the dtypes, the shapes of a row."""
    return [(path, None if leaf is None else (leaf.dtype, leaf.shape[1:])) for path, leaf in leaves]


def _parts(batches):
    """Lists of batches of about `PART` bytes each: small batches together, large ones cut."""
    part, room = [], PART
    for batch in batches:
        for piece in _cut(batch):
            part.append(piece)
            room -= _size(piece)
            if room <= 0:
                yield part
                part, room = [], PART
    if part:
        yield part


def _size(batch):
    return sum(leaf.nbytes for leaf in tree.flatten(batch) if leaf is not None)


def _cut(batch):
    rows = next(len(leaf) for leaf in tree.flatten(batch) if leaf is not None)
    step = max(1, rows * PART // max(1, _size(batch)))
    if not rows:
        yield batch
    for start in range(0, rows, step):
        yield tree.map_structure(lambda leaf: None if leaf is None else leaf[start : start + step], batch)  # noqa: B023
