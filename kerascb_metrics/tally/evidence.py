"""What is kept of the rows of a pass besides counts and curves, to tell how certain its scores are."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from kerascb_metrics.tally.counts import Counts
from kerascb_metrics.tally.delong import Spread


@dataclass(frozen=True, eq=False)
class Evidence:
    """What tells how certain the scores of a pass are.

    Attributes:
        squared: the sums of squared weights, in the form of the counts; None without weights, or if they are not known.
        areas: None, or (C, 2): the variance of the area under the ROC curve of each class, and its degrees of freedom;
            nan where it is not known.
        samples: score name → how much it varies between samples, where the rows of a sample depend on each other.
        positions: whether the rows are positions of samples, so that no score takes them for independent.
    """

    squared: Counts | npt.NDArray[np.float64] | None = None
    areas: npt.NDArray[np.float64] | None = None
    samples: Mapping[str, Spread] = field(default_factory=dict)
    positions: bool = False

    def area(self, index: int) -> Spread | None:
        """Return how much the area of a class varies; None if that is not known."""
        if self.areas is None or np.isnan(self.areas[index, 0]):
            return None
        variance, degrees = self.areas[index].tolist()
        return Spread(variance, degrees)
