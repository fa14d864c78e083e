"""The rows of one pass: the batches, joined in order."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self, TypedDict

import numpy as np

from kerascb_metrics.exceptions import DataError
from kerascb_metrics.interpret.shapes import flatten_targets, spread


class Batch(TypedDict):
    """The arrays of one output in one batch. `y_true` is None if the batch has no targets for this output."""

    y_true: np.ndarray | None
    y_pred: np.ndarray
    sample_weight: np.ndarray | None
    mask: np.ndarray | None


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

    def __len__(self) -> int:
        return len(self.y_pred)

    @property
    def columns(self) -> int:
        """The number of outputs per row, or per position."""
        return self.y_pred.shape[-1] if self.y_pred.ndim > 1 and self.has_columns else 1

    def unweighted(self) -> Self:
        """Return the same rows without their weights."""
        return replace(self, sample_weight=None)

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
        if len(shapes) > 1:
            batches = _as_positions(batches, has_axis=bool(has_columns))
        y_true = _join_optional("y_true", [batch["y_true"] for batch in batches])
        if y_true is None:
            raise DataError(
                "Metrics: the validation batches have no targets. Let each batch be (x, y) or (x, y, weights)."
            )
        y_pred = _concatenate("y_pred", [batch["y_pred"] for batch in batches])
        sample_weight = _join_optional("sample_weight", [batch["sample_weight"] for batch in batches])
        mask = _join_optional("mask", [batch["mask"] for batch in batches])
        return cls(y_true, y_pred, sample_weight, mask, has_columns)


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
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)


def _with_fewest_axes(arrays: list[np.ndarray]) -> list[np.ndarray]:
    """Remove the last axes of length one that only some of the arrays have: (N, 1) becomes (N,)."""
    fewest = min(array.ndim for array in arrays)
    return [array.reshape(array.shape[:fewest]) if set(array.shape[fewest:]) <= {1} else array for array in arrays]
