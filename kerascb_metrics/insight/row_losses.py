"""How far off each row is: the loss of its target, and how sure the model was of its answer."""

import numpy as np
import numpy.typing as npt
from scipy.special import expit, log_softmax

from kerascb_metrics._blocks import blocks
from kerascb_metrics.interpret.labeled_rows import Labeling
from kerascb_metrics.interpret.thresholds import compared_in

_PART = 64


def losses(
    labeling: Labeling, y_true: np.ndarray, outputs: np.ndarray, cuts: npt.ArrayLike | None = None
) -> npt.NDArray[np.float64]:
    """Return the loss of each target, in the shape of the targets.

    - Of probabilities it is −ln of that of the target. As in scikit-learn's `log_loss`, probabilities are clipped by
      the resolution of their dtype, so that it is finite. Of logits it is the same without rounding or clipping.
    - Of margins it is how far the output lies on the wrong side of the threshold; with one output per class, how far
      the highest other output is above that of the target. It is negative where the row is right.
    - Of grades from one column and of a regression it is the squared error.

    Args:
        labeling: what the outputs are.
        y_true: the targets as in `LabeledRows`.
        outputs: of the same shape; with one output per class (N, C).
        cuts: of two classes of margins, above which output a row is of class 1; anything that fits the shape.

    >>> losses(Labeling("binary"), np.array([True, False]), np.array([0.5, 0.0])).round(3)
    array([0.693, 0.   ])
    >>> losses(Labeling("binary", "margin"), np.array([True, False]), np.array([-1.5, -1.5]), 0.0)
    array([ 1.5, -1.5])
    """
    found = wrongness(labeling, y_true, outputs, cuts)
    if labeling.kind == "regression" or labeling.scale == "margin":
        return found
    if labeling.scale == "probability":
        return np.asarray(-np.log(-found))
    return found if outputs.ndim > y_true.ndim else np.asarray(np.logaddexp(0, found))


def wrongness(
    labeling: Labeling, y_true: np.ndarray, outputs: np.ndarray, cuts: npt.ArrayLike | None = None
) -> npt.NDArray[np.float64]:
    """Return numbers that rank the rows as `losses` do, without logarithms where the ranks do not need them.

    Args:
        labeling: as in `losses`.
        y_true: as in `losses`.
        outputs: as in `losses`.
        cuts: as in `losses`.
    """
    with np.errstate(over="ignore"):  # outputs are finite, but their differences and squares may not be
        if outputs.ndim > y_true.ndim:
            return _of_classes(labeling, y_true, outputs)
        if labeling.kind == "regression":
            return np.asarray(np.square(y_true.astype(np.float64) - outputs))
        if labeling.kind == "ordinal":
            return np.asarray(np.square(labeling.classes[y_true].astype(np.float64) - outputs))
        return _of_two(labeling, y_true, outputs, cuts)


def answers(labeling: Labeling, y_pred: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    """Return how sure the model was of its answer: the probability of the label, or the output where there is none.

    Args:
        labeling: what the outputs are.
        y_pred: the labels as `Labeling.apply` returns them.
        outputs: of the same shape; with one output per class (N, C).

    Returns:
        In the shape of the labels. Probabilities are in the dtype of the outputs, those of logits in float64.

    >>> answers(Labeling("binary"), np.array([True, False]), np.array([0.75, 0.25]))
    array([0.75, 0.75])
    """
    if outputs.ndim > y_pred.ndim:
        if labeling.scale == "logit":
            return np.asarray(np.exp(_log_proba_of(y_pred, outputs)))
        own = _own_column(y_pred, outputs)
        return own if labeling.scale == "margin" else _at_most_one(own)
    if not labeling.has_proba:
        return outputs
    if labeling.scale == "logit":
        return np.asarray(expit(_signed(y_pred, outputs)))
    proba = _at_most_one(outputs)
    return np.where(y_pred, proba, 1 - proba)


def name_of_answers(labeling: Labeling) -> str:
    """Return what `answers` are: "probability", "output" or "prediction"."""
    if labeling.kind == "regression":
        return "prediction"
    return "output" if labeling.scale == "margin" else "probability"


def highest(values: np.ndarray, count: int) -> npt.NDArray[np.intp]:
    """Return the indices of the highest values, the highest first; of equal ones the first first.

    Args:
        values: (N,), without nan.
        count: how many; all, if there are fewer.

    >>> highest(np.array([1, 3, 2, 3, 2]), 3).tolist()
    [1, 3, 2]
    """
    if count >= len(values):
        return np.argsort(-values, kind="stable")
    # The highest of each of many parts: `count` of these are values that are as high as the least that is looked for.
    tops = values[: len(values) // _PART * _PART].reshape(_PART, -1).max(axis=0)
    least = np.partition(tops if len(tops) >= count else values, -count)[-count]
    found = np.flatnonzero(values >= least)
    return found[np.argsort(-values[found], kind="stable")[:count]]


def _of_two(
    labeling: Labeling, y_true: np.ndarray, outputs: np.ndarray, cuts: npt.ArrayLike | None
) -> npt.NDArray[np.float64]:
    if labeling.scale == "margin":
        distance: npt.NDArray[np.float64] = outputs.astype(np.float64) - np.asarray(cuts)
        return np.where(y_true, -distance, distance)
    if labeling.scale == "logit":
        return _signed(~y_true, outputs)
    proba = outputs.astype(np.float64)
    return -_clipped(np.where(y_true, proba, 1 - proba), outputs)


def _of_classes(labeling: Labeling, y_true: np.ndarray, outputs: np.ndarray) -> npt.NDArray[np.float64]:
    if labeling.scale == "margin":
        others = outputs.astype(np.float64)
        np.put_along_axis(others, y_true[:, None].astype(np.intp), -np.inf, axis=1)
        return np.asarray(others.max(axis=1) - _own_column(y_true, outputs))
    if labeling.scale == "logit":
        return 0 - _log_proba_of(y_true, outputs)
    return -_clipped(_own_column(y_true, outputs).astype(np.float64), outputs)


def _clipped(proba: npt.NDArray[np.float64], outputs: np.ndarray) -> npt.NDArray[np.float64]:
    """Return probabilities clipped by the resolution of the dtype that the outputs came in."""
    eps = float(np.finfo(compared_in(outputs)).eps)
    return np.asarray(np.clip(proba, eps, 1 - eps))


def _at_most_one(proba: np.ndarray) -> np.ndarray:
    """Probabilities without what rounding adds to 1."""
    return np.asarray(np.minimum(proba, proba.dtype.type(1)))


def _log_proba_of(indices: np.ndarray, logits: np.ndarray) -> npt.NDArray[np.float64]:
    """Return ln of the softmax in one column of each row."""
    found = np.empty(len(logits))
    for block in blocks(logits):
        found[block] = _own_column(indices[block], log_softmax(logits[block].astype(np.float64), axis=1))
    return found


def _signed(positive: np.ndarray, outputs: np.ndarray) -> npt.NDArray[np.float64]:
    """Return outputs as float64, those of rows that are not positive with the other sign."""
    own = outputs.astype(np.float64)
    return np.where(positive, own, -own)


def _own_column(indices: np.ndarray, columns: np.ndarray) -> np.ndarray:
    return np.take_along_axis(columns, indices[:, None].astype(np.intp), axis=1)[:, 0]
