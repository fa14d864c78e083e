"""`Predictions`: the rows of one pass under their public name."""

import numpy as np

from kerascb_metrics.interpret.join import Rows


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
        if self._label is None:
            raise AttributeError("no labels: these rows were not scored. Those of `metrics.predictions` have labels.")
        return self._label(self)

    def __repr__(self) -> str:
        names = ("y_true", "y_pred", "sample_weight", "mask")
        arrays = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        return f"Predictions({', '.join(f'{name} {array.shape} {array.dtype}' for name, array in arrays.items())})"
