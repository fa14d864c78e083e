"""The mean over epochs of the probability of each row's target: where it stays low, the target may be wrong."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kerascb_metrics.exceptions import DataError
from kerascb_metrics.insight.row_losses import losses
from kerascb_metrics.tally.checksum import checksum
from kerascb_metrics.tally.exact import ExactTally

_Means = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class _Seen:
    """What the passes of an output have in common, and their mean.

    Attributes:
        checksum: of the rows.
        passes: how many there were.
        means: in the shape of the targets; None once other rows came.
    """

    checksum: int
    passes: int
    means: _Means | None


class MeanProbability:
    """Keeps the mean for each output, 4 bytes per target.

    Args:
        warn: called with (topic, sentence).
    """

    def __init__(self, warn: Callable[[str, str], None]) -> None:
        self._warn = warn
        self._seen: dict[str | None, _Seen] = {}
        self._is_possible = False

    def add(self, output: str | None, tally: ExactTally) -> _Means | None:
        """Add a pass; return the mean so far, in the shape of the targets, or None where there is none.

        Args:
            output: the name of the output, or None.
            tally: the rows.
        """
        self._is_possible |= tally.labeling.has_proba
        if tally.unreadable or not tally.labeling.has_proba:
            return None
        own = checksum(tally)
        seen = self._seen.get(output, _Seen(own, 0, np.zeros(tally.y_true.shape, np.float32)))
        means = seen.means
        if seen.checksum != own:
            means = None
            self._warn(
                "mean_probability",
                "the rows of a pass are not those of the passes before it, or have another order, so there is no "
                "mean_probability. It needs the same rows in every pass.",
            )
        if means is not None:
            proba = np.exp(-losses(tally.labeling, tally.y_true, tally.outputs))
            means = (means + (proba - means) / (seen.passes + 1)).astype(np.float32)
        self._seen[output] = _Seen(seen.checksum, seen.passes + 1, means)
        return means

    def refuse_none(self) -> None:
        """Raise `DataError` if no output of a first pass has probabilities."""
        if not self._is_possible:
            raise DataError(
                "Metrics: mean_probability=True needs probabilities of classes, and no output has them: a regression, "
                "margins, own units and grades from one column have none. Leave it out."
            )
