"""The interval of any score of rows that are at hand: a bootstrap of rows, or of the samples that they are of."""

import numpy as np
import numpy.typing as npt
from scipy.stats import bootstrap

from kerascb_metrics.insight.confidence import ConfidenceInterval, unknown
from kerascb_metrics.interpret.grouping import rows_by_number
from kerascb_metrics.score.score import Score, Undefined
from kerascb_metrics.tally.exact import ExactTally

_SEED, _RESAMPLES = 20170516, 999
# Of the resamples, so many must have the score.
_MOST_UNDEFINED = 0.05


def of_any_score(
    score: Score, tally: ExactTally, level: float, numbers: npt.NDArray[np.integer] | None = None
) -> ConfidenceInterval:
    """Return percentiles over 999 resamples; the seed is fixed.

    Args:
        score: the score.
        tally: the rows.
        level: the confidence level.
        numbers: (N,) what each row is drawn together with, from 0; None: each row is drawn by itself.
    """
    rows_of = None if numbers is None else [rows for rows in rows_by_number(numbers, numbers.max() + 1) if len(rows)]
    units = len(tally) if rows_of is None else len(rows_of)
    if units < 2:
        return unknown("there is a single sample, or group, to draw from")

    def value(drawn: npt.NDArray[np.integer]) -> float:
        return value_of_rows(
            score, tally, drawn if rows_of is None else np.concatenate([rows_of[unit] for unit in drawn])
        )

    found = bootstrap(
        (np.arange(units),),
        value,
        n_resamples=_RESAMPLES,
        method="percentile",
        vectorized=False,
        confidence_level=level,
        random_state=np.random.default_rng(_SEED),
    )
    values = found.bootstrap_distribution
    known = values[~np.isnan(values)]
    if len(known) < (1 - _MOST_UNDEFINED) * len(values):
        return unknown("resamples of the rows have no such score")
    low, high = np.quantile(known, [0.5 - level / 2, 0.5 + level / 2])
    return ConfidenceInterval(low, high, f"bootstrap of {'rows' if numbers is None else 'samples'}")


def value_of_rows(score: Score, tally: ExactTally, rows: npt.NDArray[np.integer]) -> float:
    """Return the score of some rows; nan where it has none.

    Args:
        score: the score, of one number.
        tally: the rows.
        rows: (M,) the numbers of those that are wanted, as often as they are named.
    """
    try:
        return float(np.asarray(score.compute(tally.of_rows(rows))))
    except Undefined as error:
        return float(np.asarray(error.value))
    except Exception:  # a user's score, or one that scikit-learn refuses without some class
        return float("nan")
