"""The labels that each epoch predicted, packed: what two epochs are compared by."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kerascb_metrics.insight.labelled_pass import LabelledPass, PassRows
from kerascb_metrics.record.saved_run import SavedLabels

# In all; past it the labels of the best and of the last epoch are kept.
_MOST_BYTES = 64 << 20


@dataclass(frozen=True, eq=False)
class _Packed:
    """Predicted labels: bits of bool, else as they are; and the fingerprint of their rows."""

    data: npt.NDArray[np.uint8]
    shape: tuple[int, ...]
    is_bits: bool
    fingerprint: int

    @classmethod
    def of(cls, y_pred: np.ndarray, fingerprint: int) -> "_Packed":
        is_bits = y_pred.dtype == bool
        return cls(np.packbits(y_pred) if is_bits else y_pred.copy(), y_pred.shape, is_bits, fingerprint)

    def unpack(self) -> np.ndarray:
        if not self.is_bits:
            return self.data
        count = int(np.prod(self.shape))
        return np.unpackbits(self.data, count=count).view(bool).reshape(self.shape)


class LabelStore:
    """The predicted labels of epochs, by output."""

    def __init__(self) -> None:
        self._rows: dict[str | None, PassRows] = {}  # of the last epoch
        self._labels: dict[int, dict[str | None, _Packed]] = {}
        self._bytes = 0  # of the labels
        self._tables: dict[tuple[int, str | None], npt.NDArray[np.float64]] = {}
        self._scores: dict[int, dict[str | None, np.ndarray]] = {}  # of the best and the last epoch
        self._dropped = False

    @property
    def has_any(self) -> bool:
        """Whether labels of some epoch were kept."""
        return bool(self._labels)

    def rows_of(self, output: str | None) -> PassRows | None:
        """Return the rows of the last epoch, or None."""
        return self._rows.get(output)

    def add(self, epoch: int, passes: Mapping[str | None, LabelledPass]) -> None:
        """Keep the labels of an epoch.

        Args:
            epoch: counted from 0.
            passes: output → its pass.
        """
        self._rows.update({output: own.rows for output, own in passes.items()})
        self._put(epoch, {output: _Packed.of(own.y_pred, own.rows.fingerprint) for output, own in passes.items()})
        self._scores[epoch] = {output: own.scores for output, own in passes.items() if own.scores is not None}

    def _put(self, epoch: int, labels: dict[str | None, _Packed]) -> None:
        self._bytes += _bytes_of(labels) - _bytes_of(self._labels.get(epoch, {}))
        self._labels[epoch] = labels

    def restore(self, epoch: int, labels: Mapping[str | None, SavedLabels]) -> None:
        """Take the labels of an epoch from a file."""
        if labels:
            self._put(epoch, {output: _Packed.of(own.y_pred, own.fingerprint) for output, own in labels.items()})
            self._rows.update({output: own.rows for output, own in labels.items() if own.rows is not None})

    def saved(self, epoch: int, *, with_rows: bool) -> dict[str | None, SavedLabels]:
        """Return the labels of an epoch for a file; what is known of rows that were only counted is none.

        Args:
            epoch: the epoch.
            with_rows: whether the rows are wanted too.
        """
        return {
            output: SavedLabels(own.unpack(), own.fingerprint, self._rows.get(output) if with_rows else None)
            for output, own in self._labels.get(epoch, {}).items()
            if output in self._rows and not self._rows[output].only_right
        }

    def limit(self, keep: Iterable[int]) -> None:
        """Forget the scores of all but some epochs; their labels too if all together take too much memory."""
        self._scores = {epoch: own for epoch, own in self._scores.items() if epoch in keep}
        if self._bytes + sum(array.nbytes for own in self._scores.values() for array in own.values()) > _MOST_BYTES:
            self._scores = {}
        if self._bytes > _MOST_BYTES:
            self._dropped = True
            self._labels = {epoch: own for epoch, own in self._labels.items() if epoch in keep}
            self._bytes = sum(map(_bytes_of, self._labels.values()))
            self._tables = {key: own for key, own in self._tables.items() if key[0] in keep}

    def problem(self, epoch: int, output: str | None) -> str | None:
        """Return why an epoch cannot be compared with the last one, or None."""
        own = self._labels.get(epoch, {}).get(output)
        if own is None and self._dropped:
            return f"the labels of epoch {epoch} were dropped: past 64 MiB only the best and the last epoch keep theirs"
        if own is None or output not in self._rows:
            return (
                f"the labels of epoch {epoch} were not kept: memory='bounded', a file without labels, a resumed run "
                "and history.append have none"
            )
        if own.fingerprint != self._rows[output].fingerprint:
            return (
                f"the validation rows of epoch {epoch} are not those of the last epoch, or have another order: the "
                "data were shuffled, drawn again, or changed. Compare epochs on data of fixed order, such as arrays"
            )
        return None

    def pass_of(self, epoch: int, output: str | None) -> LabelledPass:
        """Return the pass of an epoch that has no `problem`."""
        labels, scores = self._labels[epoch][output].unpack(), self._scores.get(epoch, {}).get(output)
        return LabelledPass(self._rows[output], labels, f"epoch {epoch}", scores)

    def tables_of(self, epoch: int, output: str | None) -> npt.NDArray[np.float64]:
        """Return its `fold_tables`; computed once."""
        from kerascb_metrics.insight.best_of_many import fold_tables  # here, so that a file is shown without it

        key = (epoch, output)
        if key not in self._tables:
            self._tables[key] = fold_tables(self.pass_of(epoch, output))
        return self._tables[key]


def _bytes_of(labels: Mapping[str | None, _Packed]) -> int:
    return sum(packed.data.nbytes for packed in labels.values())
