"""The rows of one pass, as they came: the first thing after capture, and what every score is held against."""

from dataclasses import dataclass, replace

import numpy as np

from kerascb_metrics.exceptions import DataError
from kerascb_metrics.positions import as_positions


@dataclass(frozen=True, eq=False)
class Predictions:
    """The targets, model outputs, weights and mask of one pass, in row order, as the model saw and made them.

    Batches of different length, as sequences have them, cannot be one array: they are joined position by position.

    Attributes:
        y_true: targets, shape (N, …), the dtype that the model was given.
        y_pred: model outputs, shape (N, …), the dtype that the model computes in; never rounded.
        sample_weight: None, or weights of shape (N,), (N, 1) or one a position.
        mask: None, or Keras's mask of the outputs; True where a position counts.

    >>> import numpy as np
    >>> rows = Predictions(y_true=np.array([0, 1]), y_pred=np.array([[0.2], [0.9]]))
    >>> len(rows), rows.sample_weight is None
    (2, True)
    """

    y_true: np.ndarray
    y_pred: np.ndarray
    sample_weight: np.ndarray | None = None
    mask: np.ndarray | None = None

    def __len__(self):
        return len(self.y_pred)

    def unweighted(self):
        """The same rows without their weights."""
        return replace(self, sample_weight=None)

    @classmethod
    def join(cls, batches, columns=True):
        """Join batches, dicts of the four arrays, once and in order.

        `columns` tells whether the outputs' last axis may be one of columns, where it is alike in all.
        """
        if not batches:
            raise DataError("Metrics: the validation pass ran no batch, so there is nothing to score.")
        shapes = {batch["y_pred"].shape[1:] for batch in batches}
        if len(shapes) > 1 or not columns:
            batches = as_positions(batches, has_axis=columns and len({shape[-1:] for shape in shapes}) == 1)
        return cls(**{name: _joined(name, batches) for name in ("y_true", "y_pred", "sample_weight", "mask")})


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
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)
