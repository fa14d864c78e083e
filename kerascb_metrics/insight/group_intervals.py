"""The interval of a score of samples that depend on each other in groups, such as the images of one patient."""

import numpy as np
import numpy.typing as npt

from kerascb_metrics.insight.confidence import ConfidenceInterval, unknown
from kerascb_metrics.insight.intervals import Basis, formula_of, of_samples
from kerascb_metrics.insight.sample_tables import SampleTables
from kerascb_metrics.tally.exact import ExactTally


def interval_of_groups(
    name: str, value: float, tally: ExactTally, numbers: npt.NDArray[np.integer], basis: Basis, level: float
) -> ConfidenceInterval | None:
    """Return the interval of a score of counts; None for any other score.

    Args:
        name: without the name of the output.
        value: what was recorded.
        tally: the rows.
        numbers: as `numbers_of_groups` returns them.
        basis: the `Basis`.
        level: the confidence level.
    """
    known = formula_of(name, value, basis)
    if known is None or known.is_area:
        return None
    index = basis.pos_index if known.index is None else known.index
    tables = SampleTables.of(tally, numbers)
    spread = tables.spread(known.base, known.average, index, basis.zero_division)
    if spread is None:
        return unknown("there is a single group")
    return of_samples(value, spread, level, known)
