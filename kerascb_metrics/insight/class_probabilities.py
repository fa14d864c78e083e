"""The probabilities of one class beside what the rows were: of the rows themselves, or from the curve kept of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit

from kerascb_metrics.interpret.weights import FOUR_FACTORS, tamed

if TYPE_CHECKING:  # it needs Keras, and a table of a file is shown without Keras
    from kerascb_metrics.tally.curve import Curve
    from kerascb_metrics.tally.exact import ExactTally

_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ClassProbabilities:
    """How many rows have each probability, and how many of them are of the class.

    Attributes:
        proba: (K,) float64, rising: one entry per distinct probability; from a curve about two per point.
        positive: (K,) the rows of the class, or their weight.
        negative: (K,) the other rows, or their weight.
        rows: (K,) how many rows: int64; from a curve of weighted rows, where that is not known, their weight.
        squares: (K,) the sum of squared weights; None from a curve of weighted rows, where it is not known.
        brier: as `sklearn.metrics.brier_score_loss`.
        log_loss: as `sklearn.metrics.log_loss`.
        depend: whether the rows are positions of samples, which depend on each other.
        logits: (K,) the logits of the probabilities, from a curve; else None.
    """

    proba: _Floats
    positive: npt.NDArray[Any]
    negative: npt.NDArray[Any]
    rows: npt.NDArray[Any]
    squares: npt.NDArray[Any] | None
    brier: float
    log_loss: float
    depend: bool = False
    logits: _Floats | None = None

    @property
    def total(self) -> npt.NDArray[Any]:
        """The rows of each entry, or their weight, (K,)."""
        total: npt.NDArray[Any] = self.positive + self.negative
        return total

    @classmethod
    def of_rows(cls, tally: "ExactTally", index: int) -> "ClassProbabilities":
        """Take the rows at hand.

        Args:
            tally: of a task with probabilities, with defined outputs.
            index: the class, both it and others present.
        """
        y_true, both, weight = _rows_of(tally, index)
        mass, proba = np.ones(len(y_true), np.int64) if weight is None else weight, both[:, 1]
        columns = (mass * y_true, mass * ~y_true, np.ones(len(y_true), np.int64), mass**2)
        p, (positive, negative, rows, squares) = _joined(proba.astype(np.float64), columns)
        return cls(
            proba=p,
            positive=positive,
            negative=negative,
            rows=rows,
            squares=squares,
            brier=_brier(y_true, proba, weight),
            log_loss=_log_loss(y_true, both, weight),
            depend=tally.of_positions,
        )

    @classmethod
    def of_curve(
        cls, curve: "Curve", proba: _Floats | None, most: int, *, weighted: bool, depend: bool = False
    ) -> "ClassProbabilities":
        """Take what a curve tells: the rows between two of its points have about their probabilities.

        Args:
            curve: of the class.
            proba: its thresholds as probabilities; None: they are logits.
            most: about how many points a curve may have.
            weighted: whether it holds sums of weights.
            depend: as the attribute.
        """
        is_single = proba is not None and bool((curve.thresholds == curve.thresholds.astype(np.float32)).all())
        eps = float(np.finfo(np.float32 if is_single else np.float64).eps)
        edges = curve.thresholds[:0:-1] if proba is None else logits_of(proba[:0:-1], eps)
        positive, negative = (np.maximum(-np.diff(counts[::-1]), 0) for counts in (curve.tps, curve.fps))
        above = np.append(edges[1:], edges[-1])
        above = np.where(above < logit(1 - eps), above, edges)  # what lies below an exact 1 need not be near it
        ways = _ways_up(positive, negative, most, weighted)
        places = np.concatenate([edges + way * (above - edges) for way in ways])
        nothing = np.zeros_like(positive)
        columns = np.concatenate([positive, nothing]), np.concatenate([nothing, negative])
        logits, (positive, negative) = _joined(places, columns)
        p = expit(logits)
        certain = np.clip(p, eps, 1 - eps)
        mass = (positive + negative).sum(dtype=np.float64)
        return cls(
            proba=p,
            positive=positive,
            negative=negative,
            rows=positive + negative,
            squares=None if weighted else positive + negative,
            brier=float((positive / mass) @ (1 - p) ** 2 + (negative / mass) @ p**2),
            log_loss=float(-(positive / mass) @ np.log(certain) - (negative / mass) @ np.log(1 - certain)),
            depend=depend,
            logits=logits,
        )


def logits_of(proba: npt.NDArray[Any], eps: float) -> _Floats:
    """Return probabilities as logits; those nearer to 0 and 1 than `eps` count as `eps`, as in scikit-learn's log loss.

    >>> logits_of(np.array([0.0, 0.5]), 2.0**-23).round(2).tolist()
    [-15.94, 0.0]
    """
    return np.asarray(logit(np.clip(proba.astype(np.float64), eps, 1 - eps)))


def _joined(places: _Floats, columns: Sequence[npt.NDArray[Any]]) -> tuple[_Floats, list[npt.NDArray[Any]]]:
    """Return the distinct places, rising, and the sum of each column at each; entries of no weight are left out."""
    kept = np.flatnonzero(columns[0] + columns[1])
    order = kept[np.argsort(places[kept], kind="stable")]
    rising = places[order]
    starts = np.flatnonzero(np.append(True, rising[1:] != rising[:-1]))
    return rising[starts], [np.add.reduceat(column[order], starts) for column in columns]


def _ways_up(
    positive: npt.NDArray[Any], negative: npt.NDArray[Any], most: int, weighted: bool
) -> tuple[_Floats, _Floats]:
    """Return where between its own point of a curve and the next one the rows of each cell lie on average.

    One row of a cell has the score of the point itself, so a single row is there. A cell that holds more rows than lie
    between two points holds ties: then nearly all rows are there.

    Returns:
        Of the rows of the class and of the others, (K,) each: 0 at its own point, 1 at the next one.
    """
    total = positive + negative
    step = 2 * total.sum() / most
    if weighted:  # how many rows there are is not known: of few points each is a row
        way = np.where(total > 3 * step, 0.0, 0.0 if len(total) < most / 2 else 0.5)
        return way, way
    turned = 2 * positive.sum() > total.sum()
    ones = negative if turned else positive
    at_point = _at_point(ones, total, int(np.ceil(5 * ones.sum() / (2 * most))))
    tied = total > np.ceil(step)
    ways = [
        np.where(tied, 0.0, 0.5 * np.maximum(own - there, 0) / np.maximum(own, 1))
        for own, there in ((ones, at_point), (total - ones, 1 - at_point))
    ]
    return (ways[1], ways[0]) if turned else (ways[0], ways[1])


def _at_point(ones: npt.NDArray[Any], total: npt.NDArray[Any], step: int) -> _Floats:
    """Return how likely the row at the point of each cell is of the rarer class, (K,).

    Every m-th row of the rarer class is a point, see `Points`, so more of these rows are at points than by chance. Of k
    such rows among c the odds are k m : (c − k) (m − 1).
    """
    odds = ones * step
    return np.asarray(odds / np.maximum(odds + (total - ones) * (step - 1), 1))


def _rows_of(
    tally: "ExactTally", index: int
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[Any], npt.NDArray[Any] | None]:
    """Return the targets, the probabilities (N, 2) of not being and of being of a class, and the weights.

    Rows of weight zero are left out. Both probabilities of a binary task are those that its scores have.
    """
    assert tally.y_proba is not None
    proba, is_binary = tally.y_proba, tally.kind == "binary"
    own = proba[:, index]
    if tally.kind == "multilabel":
        labeled, present = tally.labeled.column(index), tally.labeled.present
        y_true, weight = labeled.y_true, labeled.sample_weight
        own = own if present is None else own[present[:, index]]
    else:
        y_true, weight = tally.is_of(index), tally.sample_weight
    own = own if own.dtype.kind == "f" else own.astype(np.float64)
    both = np.clip(np.column_stack([proba[:, 1 - index] if is_binary else 1 - own, own]), 0, 1)
    y_true = y_true.astype(bool, copy=False)
    if weight is None:
        return y_true, both, None
    kept = weight > 0
    return y_true[kept], both[kept], tamed(weight[kept], FOUR_FACTORS)


def _brier(y_true: npt.NDArray[Any], proba: npt.NDArray[Any], weight: npt.NDArray[Any] | None) -> float:
    from sklearn.metrics import brier_score_loss  # here, so that a table of a file is shown without it

    return float(brier_score_loss(y_true, proba, sample_weight=weight, pos_label=True))


def _log_loss(y_true: npt.NDArray[Any], both: npt.NDArray[Any], weight: npt.NDArray[Any] | None) -> float:
    from sklearn.metrics import log_loss

    return float(log_loss(y_true, both, sample_weight=weight, labels=[False, True]))
