"""One sample at a time, also of batches of several lengths, whose positions are rows of one array."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypedDict

import numpy as np

from kerascb_metrics.interpret.shapes import Shape


class Batch(TypedDict):
    """The arrays of one output in one batch. `y_true` is None if the batch has no targets for this output."""

    y_true: np.ndarray | None
    y_pred: np.ndarray
    sample_weight: np.ndarray | None
    mask: np.ndarray | None


class Sample(NamedTuple):
    """The arrays of one sample, of the length that its batch had.

    Attributes:
        y_true: its targets, without the axis of samples.
        y_pred: its outputs, without the axis of samples.
        sample_weight: None, one number, one per position, or one per position and column.
        mask: None, or Keras's mask: True where a position counts.
    """

    y_true: np.ndarray
    y_pred: np.ndarray
    sample_weight: np.ndarray | None
    mask: np.ndarray | None


@dataclass(frozen=True, eq=False)
class Layout:
    """The shapes of batches whose positions were made rows of one array.

    Attributes:
        y_true: the shape of the targets of each batch.
        y_pred: the shape of the outputs of each batch.
        positions: the shape of the positions of each batch: that of the outputs, without an axis of columns.
        sample_weight: the weight of each sample; None if there are none, or if each position has its own.
    """

    y_true: tuple[Shape, ...]
    y_pred: tuple[Shape, ...]
    positions: tuple[Shape, ...]
    sample_weight: np.ndarray | None

    @classmethod
    def of(cls, batches: Sequence[Batch], has_axis: bool) -> "Layout":
        """Return the layout of batches.

        Args:
            batches: of one pass.
            has_axis: whether the last axis of the outputs holds columns.
        """
        y_pred = tuple(batch["y_pred"].shape for batch in batches)
        weights = [batch["sample_weight"] for batch in batches]
        given = [weight for weight in weights if weight is not None and weight.size == len(weight)]
        return cls(
            y_true=tuple(batch["y_true"].shape for batch in batches if batch["y_true"] is not None),
            y_pred=y_pred,
            positions=tuple(shape[:-1] if has_axis else shape for shape in y_pred),
            sample_weight=np.concatenate([each.reshape(-1) for each in given]) if len(given) == len(batches) else None,
        )

    def positions_of_samples(self) -> np.ndarray:
        """Return how many positions each sample has, (samples,) int64."""
        each = [(shape[0], math.prod(shape[1:])) for shape in self.positions]
        return np.repeat([count for _, count in each], [samples for samples, _ in each])

    def samples(
        self, y_true: np.ndarray, y_pred: np.ndarray, sample_weight: np.ndarray | None, mask: np.ndarray | None
    ) -> Iterator[Sample]:
        """Yield the samples of rows that are positions, each with the shape that it had in its batch.

        Args:
            y_true: (P,) or (P, C).
            y_pred: (P, C).
            sample_weight: None or (P,), or (P, C).
            mask: None or (P,).
        """
        start = sample = 0
        for true_shape, pred_shape, positions in zip(self.y_true, self.y_pred, self.positions, strict=True):
            count = math.prod(positions[1:])
            for _ in range(positions[0]):
                own = slice(start, start + count)
                yield Sample(
                    y_true[own].reshape(true_shape[1:]),
                    y_pred[own].reshape(pred_shape[1:]),
                    self._weight(sample_weight, sample, own, positions[1:]),
                    None if mask is None else mask[own].reshape(positions[1:]),
                )
                start, sample = start + count, sample + 1

    def _weight(self, weights: np.ndarray | None, sample: int, own: slice, positions: Shape) -> np.ndarray | None:
        if weights is None or self.sample_weight is None:
            return None if weights is None else weights[own].reshape(*positions, *weights.shape[1:])
        weight: np.ndarray = self.sample_weight[sample]
        return weight


def samples_of_rows(
    y_true: np.ndarray, y_pred: np.ndarray, sample_weight: np.ndarray | None, mask: np.ndarray | None
) -> Iterator[Sample]:
    """Yield the samples of arrays that have one sample per row.

    Args:
        y_true: (N, …).
        y_pred: (N, …).
        sample_weight: None, or (N, …); one number per sample comes without further axes.
        mask: None, or (N, …).
    """
    if sample_weight is not None and sample_weight.size == len(y_pred):
        sample_weight = sample_weight.reshape(-1)
    for row in range(len(y_pred)):
        yield Sample(
            y_true[row],
            y_pred[row],
            None if sample_weight is None else sample_weight[row],
            None if mask is None else mask[row],
        )
