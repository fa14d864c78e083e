"""The rows of one pass, as they came: the first thing after capture, and what every score is held against."""

from dataclasses import dataclass, replace

import numpy as np

from kerascb_metrics.exceptions import DataError
from kerascb_metrics.interpret.positions import as_positions


@dataclass(frozen=True, eq=False)
class Predictions:
    """The targets, model outputs, weights and mask of one pass, in row order, as the model saw and made them.

    Batches of different length, as sequences have them, cannot be one array: they are joined position by position.

    Attributes:
        y_true: targets, shape (N, …), the dtype that the model was given.
        y_pred: model outputs, shape (N, …), the dtype that the model computes in; never rounded.
        sample_weight: None, or weights of shape (N,), (N, 1) or one a position.
        mask: None, or Keras's mask of the outputs; True where a position counts.
        has_columns: whether the last axis of `y_pred` is one of columns, if it has two axes or more; False where it is
            one of positions, as its unknown length in the model says; None where its length differed between batches,
            which made it one of positions, and the model says nothing.

    >>> import numpy as np
    >>> rows = Predictions(y_true=np.array([0, 1]), y_pred=np.array([[0.2], [0.9]]))
    >>> len(rows), rows.sample_weight is None
    (2, True)
    """

    y_true: np.ndarray
    y_pred: np.ndarray
    sample_weight: np.ndarray | None = None
    mask: np.ndarray | None = None
    has_columns: bool | None = True

    def __len__(self):
        return len(self.y_pred)

    @property
    def columns(self) -> int:
        """How many outputs a row, or a position, has."""
        return self.y_pred.shape[-1] if self.y_pred.ndim > 1 and self.has_columns else 1

    def unweighted(self):
        """The same rows without their weights."""
        return replace(self, sample_weight=None)

    @classmethod
    def join(cls, batches, has_columns=None):
        """Join batches, dicts of the four arrays, once and in order.

        Args:
            batches: one at least.
            has_columns: whether the outputs' last axis is one of columns; None: if it is as long in all batches.
        """
        if not batches:
            raise DataError("Metrics: the validation pass ran no batch, so there is nothing to score.")
        shapes = {batch["y_pred"].shape[1:] for batch in batches}
        if has_columns is None and len({shape[-1:] for shape in shapes}) == 1:
            has_columns = True
        if len(shapes) > 1:
            batches = as_positions(batches, has_axis=bool(has_columns))
        arrays = {name: _joined(name, batches) for name in ("y_true", "y_pred", "sample_weight", "mask")}
        return cls(**arrays, has_columns=has_columns)


def _joined(name, batches):
    arrays = [batch[name] for batch in batches]
    absent = sum(array is None for array in arrays)
    if absent == len(arrays):
        return None
    if absent:
        raise DataError(
            f"Metrics: some validation batches came without {name}, others with. Give it with each batch or with none; "
            "a weight of 1 counts a row as it is."
        )
    if len({array.ndim for array in arrays}) > 1:
        arrays = _of_fewest_axes(arrays)
    if len({array.shape[1:] for array in arrays}) > 1:
        shapes = ", ".join(sorted({str((None, *array.shape[1:])) for array in arrays}))
        raise DataError(
            f"Metrics: {name} comes in different shapes, {shapes}, in different validation batches. Give one shape."
        )
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)


def _of_fewest_axes(arrays):
    """Arrays without the last axes of length one that some of them have: (N, 1) as (N,)."""
    fewest = min(array.ndim for array in arrays)
    return [array.reshape(array.shape[:fewest]) if set(array.shape[fewest:]) <= {1} else array for array in arrays]
