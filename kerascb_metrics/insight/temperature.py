"""The temperature of temperature scaling: by what to divide the logits so that the log loss is least."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import expit, softmax

from kerascb_metrics._blocks import blocks
from kerascb_metrics.insight.class_probabilities import ClassProbabilities, logits_of
from kerascb_metrics.interpret.weights import tamed

if TYPE_CHECKING:  # it needs Keras, and a table of a file is shown without Keras
    from kerascb_metrics.interpret.labeled_rows import LabeledRows
    from kerascb_metrics.tally.exact import ExactTally

# The temperatures that are tried.
COLDEST, HOTTEST = 1e-3, 1e3

# The derivative of the log loss of logits that are multiplied by a number, by that number: it rises with it.
_Slope = Callable[[float], float]


def temperature_of_rows(tally: "ExactTally") -> float:
    """Return the temperature of rows at hand.

    Args:
        tally: of a task with probabilities, with defined outputs.
    """
    weight = tally.sample_weight
    rows = tally.labeled if weight is None else replace(tally.labeled, sample_weight=tamed(weight))
    if tally.kind == "multiclass":
        return _least(_slope_of_classes(rows))
    columns = [rows] if tally.kind == "binary" else [rows.column(index) for index in range(len(tally.classes))]
    return _least(_slope_of_labels(columns))


def temperature_of_curves(curves: Sequence[ClassProbabilities]) -> float:
    """Return the temperature of what curves tell: that of a binary task, or those of all labels."""
    logits = np.concatenate([one.logits for one in curves if one.logits is not None])
    positive, negative = (np.concatenate([getattr(one, name) for one in curves]) for name in ("positive", "negative"))
    largest = (positive + negative).max()  # so that weights of any size fit
    total, own = (positive + negative) / largest, positive / largest
    return _least(lambda factor: float(logits @ (total * expit(factor * logits) - own)))


def _least(slope: _Slope) -> float:
    """Return the temperature at which the log loss is least; nan if it is not among those that are tried."""
    if not slope(1 / HOTTEST) < 0 < slope(1 / COLDEST):
        return float("nan")
    found = brentq(lambda power: slope(math.exp(-power)), math.log(COLDEST), math.log(HOTTEST), xtol=1e-10)
    return math.exp(found)


def _slope_of_labels(columns: "Sequence[LabeledRows]") -> _Slope:
    """Return the slope of binary rows, or of several labels together."""
    rows = [(_logits(own), own.y_true.astype(bool), own.sample_weight) for own in columns]

    def slope(factor: float) -> float:
        parts = (
            float((z[block] * (expit(factor * z[block]) - y[block])) @ _part(w, block, len(z[block])))
            for z, y, w in rows
            for block in blocks(z)
        )
        return math.fsum(parts)

    return slope


def _slope_of_classes(rows: "LabeledRows") -> _Slope:
    logits, weight, y_true = _logits(rows), rows.sample_weight, rows.y_true.astype(np.intp)

    def slope(factor: float) -> float:
        return math.fsum(
            float(_class_slopes(logits[block], y_true[block], factor) @ _part(weight, block, len(y_true[block])))
            for block in blocks(logits)
        )

    return slope


def _class_slopes(logits: npt.NDArray[Any], y_true: npt.NDArray[np.intp], factor: float) -> npt.NDArray[np.float64]:
    """Return the slope of each row, (N,): the mean logit by the predicted probabilities, minus that of the class."""
    mean = (softmax(factor * logits, axis=1) * logits).sum(axis=1)
    return np.asarray(mean - logits[np.arange(len(y_true)), y_true])


def _logits(rows: "LabeledRows") -> npt.NDArray[Any]:
    """Return the outputs as logits, float64; of several classes their distance from the largest one."""
    outputs, labeling = rows.outputs, rows.labeling
    eps = float(np.finfo(outputs.dtype if outputs.dtype.kind == "f" else np.float64).eps)
    outputs = outputs.astype(np.float64)
    if labeling.kind != "multiclass":
        return outputs if labeling.scale == "logit" else logits_of(outputs, eps)
    logits = outputs if labeling.scale == "logit" else np.log(np.clip(outputs, eps, 1))
    return np.asarray(logits - logits.max(axis=1, keepdims=True))


def _part(weight: npt.NDArray[Any] | None, block: slice, length: int) -> npt.NDArray[Any]:
    return np.ones(length) if weight is None else weight[block]
