"""One value per class, or per column of a regression: what `per_class=True` records beside a score."""

import numpy as np

from kerascb_metrics.score.score import Score, Undefined, Value
from kerascb_metrics.tally.exact import ExactTally
from kerascb_metrics.tally.tally import Tally


def has_classes(score: Score, tally: Tally) -> bool:
    """Return whether a score has values per class, or per column: one column is no more than the score itself."""
    if tally.kind == "regression":
        return "regression" in score.takes_elements and count_of_classes(tally) > 1
    return score.of_classes is not None and tally.kind in score.needs


def count_of_classes(tally: Tally) -> int:
    """Return the number of classes or labels; of a regression the number of columns."""
    if tally.kind != "regression":
        return len(tally.classes)
    return tally.y_true.shape[1] if isinstance(tally, ExactTally) and tally.y_true.ndim > 1 else 1


def values_of_classes(score: Score, tally: Tally) -> Value:
    """Return one value per class, or per column, of a score that has them.

    Raises:
        Undefined: with all values, if some are not defined.
    """
    if tally.kind == "regression":
        return _values_of_columns(score, tally)
    assert score.of_classes is not None
    return score.of_classes(tally)


def _values_of_columns(score: Score, tally: Tally) -> Value:
    assert isinstance(tally, ExactTally)
    values, cause = np.full(count_of_classes(tally), np.nan), ""
    for index in range(len(values)):
        column = ExactTally(tally.labeled.column(index))
        if column.undefined:
            cause = cause or f"column {index}: {column.undefined}"
        else:
            values[index] = score.compute(column)
    if cause:
        raise Undefined(cause, values)
    return values
