"""`Predictions`: the rows of one pass under their public name."""

from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from kerascb_metrics.interpret.join import Rows


class Reading(Protocol):
    """How rows were read when they were scored; called with them, see the methods of `Predictions`."""

    def labels(self, rows: Rows) -> np.ndarray:
        """Return the label of each position."""
        ...

    def frame(self, rows: Rows, groups: object) -> Any:
        """Return all rows as a frame."""
        ...

    def hardest(self, rows: Rows, n: int, groups: object) -> Any:
        """Return the rows of the highest loss."""
        ...

    def confident_mistakes(self, rows: Rows, n: int, groups: object) -> Any:
        """Return the surest mistakes."""
        ...


@dataclass(frozen=True, eq=False, repr=False)
class Predictions(Rows):
    """The targets, outputs, weights and mask of one validation pass, in row order, as the model received and made them.

    Batches of different length, as sequences have them, do not fit into one array: there each position is a row.
    `samples()` iterates over the samples in any case, each with the length that its batch had.

    Attributes:
        y_true: targets, shape (N, …), in the dtype that the model received.
        y_pred: model outputs, shape (N, …), in the dtype that the model computes in; never rounded.
        sample_weight: None, or weights of shape (N,), (N, 1) or one per position.
        mask: None, or Keras's mask of the outputs; True where a position counts.
        has_columns: whether the last axis of `y_pred` holds columns, if there are two axes or more. False: it holds
            positions, because its length is unknown in the model. None: its length differed between batches and the
            model does not tell, so it was read as positions.

    >>> import numpy as np
    >>> rows = Predictions(y_true=np.array([0, 1]), y_pred=np.array([[0.2], [0.9]]))
    >>> len(rows), rows.sample_weight is None
    (2, True)
    >>> rows
    Predictions(y_true (2,) int64, y_pred (2, 1) float64)
    """

    # How the rows were read; None if they were not scored.
    _reading: Reading | None = field(default=None, kw_only=True)

    @property
    def labels(self) -> np.ndarray:
        """The label of each row as it was scored: of each position (N, …), or of each label (N, …, L) as 0 and 1.

        They are the targets' own labels; of classes the one with the highest output, of a binary task by the threshold
        (one that a score chose differs between fifths of the samples). Where positions are left out, by a mask or
        `ignore_class`, it is a masked array. Computed from the outputs when it is asked for.

        Raises:
            AttributeError: for a regression, and for rows that were not scored.
            ValueError: if outputs are NaN or infinite.

        >>> from kerascb_metrics import Metrics
        >>> Metrics().score([0, 1, 1], [0.2, 0.9, 0.4]).predictions.labels
        array([0, 1, 0])
        """
        return self._read("labels").labels(self)

    def to_frame(self, groups: object = None) -> Any:
        """Return the rows as a `pandas.DataFrame`: what was right, what the model said, and what it costs.

        The index `row` is the number of the row, from 0. If samples have positions (pixels, time steps), it is that of
        the position, and the columns `sample` and `position` tell where it is: the number of the sample, and the place
        in it, flattened. Rows that are left out, by a mask or `ignore_class`, are not in the frame; the others keep
        their numbers. A multilabel task has one row for each label of a row that counts, and its name in `class`; a
        regression of several columns one for each column, and its number in `column`. The other columns:

        - `target`, and `label`: what the model answered, as in `labels`. Soft targets are shown as they are scored: as
          the likelier label.
        - `probability`: that of `label`, so how sure the model was, in the outputs' dtype; float64 from logits.
          `output` where outputs are no probabilities: margins (of several classes that of `label`), own units, or
          grades from one column. `prediction` in a regression, which has no `label`.
        - `loss`: −ln of the probability of the target. As in scikit-learn's `log_loss`, it is finite: probabilities are
          clipped by the resolution of their dtype. Where there are no probabilities, how far the output is on the wrong
          side of the threshold (or below the highest other class), negative where the label is right. The squared error
          in a regression and for grades from one column.
        - `mean_probability`: that of the target, over the epochs so far, with `Metrics(mean_probability=True)`.
        - `weight`, if there are weights.
        - `group`, or the names of `groups`.

        Args:
            groups: None, or one value per validation sample, (N,); or several, as a dict or a frame of name → values.
                They become columns. A pandas Series gives its name, and is taken in its order, whatever its index.

        Raises:
            ImportError: without pandas.
            AttributeError: for rows that were not scored.
            ValueError: if outputs are NaN or infinite, or `groups` does not have one value per sample.

        >>> from kerascb_metrics import Metrics
        >>> Metrics().score([0, 1, 1], [0.25, 0.9, 0.4]).predictions.to_frame(groups=["a", "b", "a"]).round(3)
             target  label  probability   loss group
        row
        0         0      0         0.75  0.288     a
        1         1      1         0.90  0.105     b
        2         1      0         0.60  0.916     a
        """
        return self._read("losses").frame(self, groups)

    def hardest(self, n: int = 20, groups: object = None) -> Any:
        """Return the rows of the highest loss, the highest first, as `to_frame` has them.

        Of equal losses the first row comes first. Rows of weight zero are not among them, since they do not count.

        Args:
            n: how many; all, if there are fewer.
            groups: see `to_frame`.

        Raises:
            ImportError, AttributeError, ValueError: see `to_frame`; and ValueError if `n` is not 1 or more.

        >>> from kerascb_metrics import Metrics
        >>> Metrics().score([0, 1, 1], [0.25, 0.9, 0.4]).predictions.hardest(2).index.tolist()
        [2, 0]
        """
        return self._read("losses").hardest(self, n, groups)

    def confident_mistakes(self, n: int = 20, groups: object = None) -> Any:
        """Return the rows whose label is wrong, the surest first, as `to_frame` has them.

        The surest one has the highest probability of its label; where there are no probabilities, the highest loss. Of
        equal ones the first row comes first. Rows of weight zero are not among them.

        Args:
            n: how many; all, if there are fewer.
            groups: see `to_frame`.

        Raises:
            ImportError, AttributeError, ValueError: see `to_frame`; and ValueError if `n` is not 1 or more, or if the
                task is a regression.

        >>> from kerascb_metrics import Metrics
        >>> Metrics().score([0, 1, 1], [0.25, 0.9, 0.4]).predictions.confident_mistakes().index.tolist()
        [2]
        """
        return self._read("mistakes").confident_mistakes(self, n, groups)

    def _read(self, wanted: str) -> Reading:
        if self._reading is None:
            raise AttributeError(
                f"no {wanted}: these rows were not scored. Those of `metrics.predictions` have {wanted}."
            )
        return self._reading

    def __repr__(self) -> str:
        names = ("y_true", "y_pred", "sample_weight", "mask")
        arrays = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        return f"Predictions({', '.join(f'{name} {array.shape} {array.dtype}' for name, array in arrays.items())})"
