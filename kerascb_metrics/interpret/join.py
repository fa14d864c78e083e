"""The rows of one pass: the batches, joined in order."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Self

import numpy as np
import numpy.typing as npt

from kerascb_metrics.exceptions import DataError
from kerascb_metrics.interpret.samples import Batch, Layout, Sample, samples_of_rows
from kerascb_metrics.interpret.shapes import flatten_targets, spread

__all__ = ["Batch", "LabelledBy", "Rows"]

# Of rows that come with labels in place of outputs: what has a label, a whole row (or position), or each output.
LabelledBy = Literal["row", "element"]


@dataclass(frozen=True, eq=False)
class Rows:
    """The targets, outputs, weights and mask of one pass. `Predictions` is the same with a public name.

    Attributes:
        y_true: targets, shape (N, …).
        y_pred: outputs, shape (N, …).
        sample_weight: None, or weights of shape (N,), (N, 1) or one per position.
        mask: None, or Keras's mask of the outputs; True where a position counts.
        has_columns: whether the last axis of `y_pred` holds columns; False if it holds positions; None if nothing
            tells which.
    """

    y_true: np.ndarray
    y_pred: np.ndarray
    sample_weight: np.ndarray | None = None
    mask: np.ndarray | None = None
    has_columns: bool | None = True
    # How batches of several lengths became rows that are positions; None if each row is a sample.
    _layout: Layout | None = field(default=None, repr=False, kw_only=True)
    # Where the device has made labels of the outputs, `y_pred` has them, in the outputs' shape.
    _labelled: LabelledBy | None = field(default=None, repr=False, kw_only=True)

    def __len__(self) -> int:
        return len(self.y_pred)

    @property
    def columns(self) -> int:
        """The number of outputs per row, or per position."""
        return self.y_pred.shape[-1] if self.y_pred.ndim > 1 and self.has_columns else 1

    def unweighted(self) -> Self:
        """Return the same rows without their weights."""
        return replace(self, sample_weight=None)

    def read_only(self) -> Self:
        """Return the same rows as arrays that cannot be written to."""
        return replace(
            self,
            y_true=_read_only(self.y_true),
            y_pred=_read_only(self.y_pred),
            sample_weight=None if self.sample_weight is None else _read_only(self.sample_weight),
            mask=None if self.mask is None else _read_only(self.mask),
        )

    def samples(self) -> Iterator[Sample]:
        """Iterate over the samples, in order, each with the length that its batch had.

        Returns:
            An iterator of named tuples `(y_true, y_pred, sample_weight, mask)`, without the axis of samples. The weight
            is None, one number, or one per position; the mask is None, or True where a position counts.

        >>> rows = Rows(y_true=np.array([[0, 1], [1, 1]]), y_pred=np.array([[0.2, 0.9], [0.8, 0.4]]))
        >>> [int(((sample.y_pred > 0.5) == sample.y_true).sum()) for sample in rows.samples()]
        [2, 1]
        """
        arrays = self.y_true, self.y_pred, self.sample_weight, self.mask
        return samples_of_rows(*arrays) if self._layout is None else self._layout.samples(*arrays)

    def is_of_samples(self, positions: int) -> bool:
        """Return whether each of some number of positions is a sample of its own."""
        return self._layout is None and positions == len(self)

    def numbers_of_samples(self, positions: int) -> np.ndarray:
        """Return the number of the sample that each position belongs to: (positions,) int64, rising.

        Args:
            positions: how many there are in all.

        >>> Rows(y_true=np.zeros((2, 3)), y_pred=np.zeros((2, 3))).numbers_of_samples(6).tolist()
        [0, 0, 0, 1, 1, 1]
        """
        each = positions // max(1, len(self)) if self._layout is None else self._layout.positions_of_samples()
        return np.repeat(np.arange(self.samples_count), each)

    def places(
        self, numbers: npt.NDArray[np.integer], positions: int
    ) -> tuple[npt.NDArray[np.integer], npt.NDArray[np.integer]]:
        """Return where some positions are: the number of the sample of each, and its place within the sample, from 0.

        Args:
            numbers: (M,) the numbers of the positions.
            positions: how many there are in all.

        >>> Rows(y_true=np.zeros((2, 3)), y_pred=np.zeros((2, 3))).places(np.array([1, 5]), 6)
        (array([0, 1]), array([1, 2]))
        """
        if self._layout is None:
            samples, places = np.divmod(numbers, max(1, positions // max(1, len(self))))
            return samples, places
        each = self._layout.positions_of_samples()
        ends = np.cumsum(each)
        samples = np.searchsorted(ends, numbers, side="right")
        return samples, numbers - (ends - each)[samples]

    @property
    def samples_count(self) -> int:
        """The number of samples."""
        return len(self) if self._layout is None else sum(shape[0] for shape in self._layout.positions)

    @classmethod
    def join(cls, batches: Sequence[Batch], has_columns: bool | None = None) -> Self:
        """Join batches in their order.

        Args:
            batches: at least one batch.
            has_columns: whether the last axis of the outputs holds columns. None: it does if it has the same length in
                all batches.

        Returns:
            The rows. If the batches differ in shape, as those of sequences do, each position is a row.

        Raises:
            DataError: if there is no batch, or if the batches do not fit together.
        """
        if not batches:
            raise DataError("Metrics: the validation pass ran no batch, so there is nothing to score.")
        shapes = {batch["y_pred"].shape[1:] for batch in batches}
        if has_columns is None and len({shape[-1:] for shape in shapes}) == 1:
            has_columns = True
        layout = Layout.of(batches, has_axis=bool(has_columns)) if len(shapes) > 1 else None
        if layout is not None:
            batches = _as_positions(batches, has_axis=bool(has_columns))
        y_true = _join_optional("y_true", [batch["y_true"] for batch in batches])
        if y_true is None:
            raise DataError(
                "Metrics: the validation batches have no targets. Let each batch be (x, y) or (x, y, weights)."
            )
        y_pred = _concatenate("y_pred", [batch["y_pred"] for batch in batches])
        sample_weight = _join_optional("sample_weight", [batch["sample_weight"] for batch in batches])
        mask = _join_optional("mask", [batch["mask"] for batch in batches])
        return cls(y_true, y_pred, sample_weight, mask, has_columns, _layout=layout)


def labelled_by(rows: Rows) -> LabelledBy | None:
    """Return what has a label in place of outputs, if `y_pred` has labels; they repeat along the axis of columns."""
    return rows._labelled


def _read_only(array: np.ndarray) -> np.ndarray:
    view = array.view()
    view.flags.writeable = False
    return view


def _as_positions(batches: Sequence[Batch], has_axis: bool) -> list[Batch]:
    """Turn batches (B, T, C) with different T into batches of positions (B·T, C).

    Without an axis of columns they are (B, T) and become (B·T, 1).
    """
    return [_one_row_per_position(batch, has_axis) for batch in batches]


def _one_row_per_position(batch: Batch, has_axis: bool) -> Batch:
    outputs, targets = batch["y_pred"], batch["y_true"]
    shape = outputs.shape[:-1] if has_axis else outputs.shape
    columns = outputs.shape[-1] if has_axis else 1
    return {
        "y_true": None if targets is None else flatten_targets(targets, shape, columns),
        "y_pred": outputs.reshape(-1, columns),
        "sample_weight": _weight_per_row(batch["sample_weight"], outputs, shape, columns),
        "mask": spread(batch["mask"], shape, "the mask"),
    }


def _weight_per_row(
    weight: np.ndarray | None, outputs: np.ndarray, shape: tuple[int, ...], columns: int
) -> np.ndarray | None:
    """Return one weight per position, or one per position and column if the weights have the outputs' shape."""
    if weight is not None and columns > 1 and weight.shape == outputs.shape:
        return weight.reshape(-1, columns)
    return spread(weight, shape, "sample weights")


def _join_optional(name: str, arrays: list[np.ndarray | None]) -> np.ndarray | None:
    """Join arrays that all batches have, or none has."""
    given = [array for array in arrays if array is not None]
    if not given:
        return None
    if len(given) < len(arrays):
        raise DataError(
            f"Metrics: some validation batches have {name}, others do not. Give it with every batch or with none; a "
            "weight of 1 counts a row once."
        )
    return _concatenate(name, given)


def _concatenate(name: str, arrays: list[np.ndarray]) -> np.ndarray:
    if len({array.ndim for array in arrays}) > 1:
        arrays = _with_fewest_axes(arrays)
    if len({array.shape[1:] for array in arrays}) > 1:
        shapes = ", ".join(sorted({str((None, *array.shape[1:])) for array in arrays}))
        raise DataError(
            f"Metrics: {name} has different shapes in different validation batches: {shapes}. Give all batches one "
            "shape."
        )
    if len(arrays) == 1:
        return arrays[0]
    if all(array.ndim > 1 and array.strides[-1] == 0 for array in arrays):  # labels, repeated along the columns
        joined = np.concatenate([array[..., :1] for array in arrays])
        return np.broadcast_to(joined, (*joined.shape[:-1], arrays[0].shape[-1]))
    return np.concatenate(arrays)


def _with_fewest_axes(arrays: list[np.ndarray]) -> list[np.ndarray]:
    """Remove the last axes of length one that only some of the arrays have: (N, 1) becomes (N,)."""
    fewest = min(array.ndim for array in arrays)
    return [array.reshape(array.shape[:fewest]) if set(array.shape[fewest:]) <= {1} else array for array in arrays]
