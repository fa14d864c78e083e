"""The columns of outputs: which is highest, the grade of a single one, two as one score, some without the others."""

from typing import NoReturn

import numpy as np
import numpy.typing as npt

from kerascb_metrics._blocks import BLOCK, blocks, each_block
from kerascb_metrics.exceptions import DataError
from kerascb_metrics.interpret.kinds import Scale
from kerascb_metrics.interpret.left_out import Values, equal_any

# With more columns NumPy's argmax is faster than a look at one column after the other.
_FEW = 32


def argmax_columns(outputs: np.ndarray) -> np.ndarray:
    """Return the column of the highest output of each row; the first one of several. The outputs must be finite.

    The dtype is the smallest that holds the column numbers: one byte per row for up to 256 columns.

    >>> argmax_columns(np.array([[0.1, 0.9], [0.5, 0.5]]))
    array([1, 0], dtype=uint8)
    """
    columns = np.empty(len(outputs), np.min_scalar_type(outputs.shape[1] - 1))
    are_few = outputs.shape[1] <= _FEW

    def label(block: slice) -> None:
        columns[block] = _by_column(outputs[block]) if are_few else outputs[block].argmax(axis=1)

    each_block(outputs, label, values=4 * BLOCK)
    return columns


def _by_column(rows: np.ndarray) -> npt.NDArray[np.uint8]:
    """Return `rows.argmax(axis=1)` for a few columns: of 3 in an eighth of the time, of 20 in half of it."""
    first, *others = np.ascontiguousarray(rows.T)
    highest, number = first.copy(), np.zeros(len(rows), np.uint8)
    for column, own in enumerate(others, start=1):
        # The numbers rise, so the last column that was higher than all before it has the greatest.
        np.maximum(number, (own > highest) * np.uint8(column), out=number)
        np.maximum(highest, own, out=highest)
    return number


def nearest_grades(outputs: np.ndarray, grades: np.ndarray) -> np.ndarray:
    """Return the index of the grade that is nearest to each output; half-way the lower one.

    Args:
        outputs: (N,) finite numbers. Below the lowest grade and above the highest, that grade is the nearest.
        grades: at least two numbers, rising.

    >>> nearest_grades(np.array([-7.0, 1.4, 1.5, 1.6, 99.0]), np.array([1, 2, 4]))
    array([0, 0, 0, 1, 2], dtype=uint8)
    """
    halves = grades[:-1] + np.diff(grades) / 2
    indices = np.empty(len(outputs), np.min_scalar_type(len(halves)))
    for block in blocks(outputs):
        indices[block] = np.searchsorted(halves, outputs[block])
    return indices


def one_score(columns: np.ndarray, scale: Scale) -> np.ndarray:
    """Return two columns as one score that ranks class 1.

    Args:
        columns: shape (N, 2).
        scale: what they are.

    Returns:
        Probabilities: the second column. Others: z1 − z0 in float64, which is the logit of class 1 after a softmax.

    >>> one_score(np.array([[3.0, 1.0]]), "logit")
    array([-2.])
    """
    if scale == "probability":
        return columns[:, 1]
    return columns[:, 1].astype(np.float64) - columns[:, 0].astype(np.float64)


def kept_columns(classes: np.ndarray, ignored: Values) -> npt.NDArray[np.intp]:
    """Return the columns whose class is not ignored.

    Args:
        classes: the label of each column.
        ignored: the labels to ignore.

    Raises:
        DataError: if fewer than two classes are left.

    >>> kept_columns(np.array([5, 6, 7]), ignored=(6,))
    array([0, 2])
    """
    columns = np.flatnonzero(~equal_any(classes, ignored))
    if len(columns) < 2:
        refuse_single_class(*ignored)
    return columns


def refuse_single_class(*ignored: object) -> NoReturn:
    """Raise `DataError`, because fewer than two classes are left.

    Args:
        ignored: the labels that the loss or the task ignores.
    """
    raise DataError(
        f"Metrics: class {', '.join(map(repr, ignored))} is ignored, and the one class that is left cannot be scored. "
        "Ignore a value that is not a class, such as ignore_class=-1."
    )


def select_columns(outputs: np.ndarray, columns: npt.NDArray[np.intp], scale: Scale) -> np.ndarray:
    """Return some columns of the outputs.

    Args:
        outputs: shape (N, C).
        columns: the columns to keep.
        scale: what the outputs are.

    Returns:
        Probabilities: float64, each row divided by the sum of its kept columns; equal ones if that sum is 0. Others:
        the columns as they are.

    >>> select_columns(np.array([[0.5, 0.25, 0.25]]), np.array([1, 2]), "probability")
    array([[0.5, 0.5]])
    """
    if scale != "probability":
        return outputs[:, columns]
    proba = np.empty((len(outputs), len(columns)), np.float64)
    for block in blocks(outputs):
        kept = outputs[block][:, columns].astype(np.float64)
        sums = kept.sum(axis=1, keepdims=True)
        proba[block] = np.divide(kept, sums, out=np.full(kept.shape, 1 / len(columns)), where=sums > 0)
    return proba
