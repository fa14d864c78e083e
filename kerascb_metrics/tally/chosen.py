"""The threshold that was chosen for a pass."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, eq=False)
class ChosenThreshold:
    """The threshold that a score chose, and those that the rows of a pass are labelled by.

    Attributes:
        thresholds: (1,) of a binary task, (L,) of labels: chosen by all rows, in the unit of the task; nan where there
            is nothing to choose by.
        cuts: (folds, 1) or (folds, L): above which number a row of each fold is positive, in the dtype in which outputs
            are compared.
    """

    thresholds: npt.NDArray[np.float64]
    cuts: npt.NDArray[np.floating]
