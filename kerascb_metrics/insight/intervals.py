"""The confidence interval of a score: which method it has, by what the score is made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.stats import t
from sklearn.metrics import auc

from kerascb_metrics.insight import areas, drawn_tables
from kerascb_metrics.insight.confidence import ConfidenceInterval, unknown
from kerascb_metrics.insight.known_scores import KnownScore, known_score
from kerascb_metrics.insight.shares import exact, f1_of_jaccard, wilson
from kerascb_metrics.insight.table_scores import table_score
from kerascb_metrics.interpret.weights import FOUR_FACTORS, tamed
from kerascb_metrics.score.averaged import Cells
from kerascb_metrics.tally.curve import Curve
from kerascb_metrics.tally.delong import Spread
from kerascb_metrics.tally.evidence import Evidence

# A recorded value that differs by more is not that of the formula; of an area the curve is an approximation.
_SAME, _SAME_AREA = 1e-9, 0.02


@dataclass(frozen=True, eq=False)
class Basis:
    """What an interval of a score of one output is made of.

    Attributes:
        kind: the kind of task.
        matrix: C × C, or for labels L × 2 × 2.
        squared: the same of squared weights; None without weights.
        weighted: whether rows have weights.
        class_names: the name of each class or label.
        pos_index: the positive class of a binary task.
        average: of the panel, see `known_score`.
        zero_division: 0, 1 or nan.
        curves: class name → its `Curve`.
        evidence: what else was kept.
    """

    kind: str
    matrix: np.ndarray
    squared: np.ndarray | None
    weighted: bool
    class_names: Sequence[str]
    pos_index: int
    average: str
    zero_division: float
    curves: Mapping[str, Curve]
    evidence: Evidence = field(default_factory=Evidence)
    exact: bool = False


def interval_of(name: str, value: object, basis: Basis, level: float) -> ConfidenceInterval | None:
    """Return the interval of a recorded score.

    Args:
        name: without the name of the output.
        value: what was recorded.
        basis: the `Basis`.
        level: the confidence level.

    Returns:
        The interval, also one that is nan and says why; None where the formula of the score is not known.
    """
    known = formula_of(name, value, basis)
    if known is None or not isinstance(value, float):
        return None
    if known.is_area:
        return _of_area(known, value, basis, level)
    if (spread := basis.evidence.samples.get(name)) is not None:
        return of_samples(value, spread, level, known)
    if basis.evidence.positions:
        return unknown("positions of a sample depend on each other, and the counts of several samples were not kept")
    if basis.kind == "multilabel" and known.index is None and len(basis.class_names) > 1:
        return unknown("the labels of a row depend on each other, and the counts of each row were not kept")
    if basis.weighted and basis.squared is None:
        return unknown("the rows have weights, whose squares were not kept")
    return _including(_of_counts(known, basis, level), value)


def _including(interval: ConfidenceInterval, value: float) -> ConfidenceInterval:
    """Return the interval with the score itself: where all rows are right, matrices that are drawn are all worse."""
    low, high = min(interval.low, value), max(interval.high, value)
    return interval if interval.reason else ConfidenceInterval(low, high, interval.method)


def formula_of(name: str, value: object, basis: Basis) -> KnownScore | None:
    """Return the formula that gives a recorded value; None if none is known. Arguments as in `interval_of`."""
    known = known_score(name, basis.average, basis.class_names)
    is_number = isinstance(value, float) and not np.isnan(value)
    return known if known is not None and is_number and _is_formula_of(known, float(value), basis) else None  # type: ignore[arg-type]


def _is_formula_of(known: KnownScore, value: float, basis: Basis) -> bool:
    """Return whether a formula gives the recorded value: a user's function may have any name."""
    if known.is_area:
        curve = _curve_of(known, basis)
        return curve is None or abs(_area_of(curve, known.base) - value) < _SAME_AREA
    cells = Cells.of_matrices(tamed(basis.matrix, FOUR_FACTORS), labels=basis.kind == "multilabel")
    index = basis.pos_index if known.index is None else known.index
    found = table_score(known.base, cells, known.average, index, basis.zero_division)[0]
    return bool(abs(found - value) <= _SAME)


def _of_counts(known: KnownScore, basis: Basis, level: float) -> ConfidenceInterval:
    if known.average in ("binary", "") or basis.kind == "binary":
        found = _of_shares(known, basis, level)
        if found is not None:
            return found
    if known.average == "micro" and basis.kind != "multilabel":  # each is the share of rows that are right
        return _of_shares(KnownScore("accuracy"), basis, level) or unknown("it is 0/0")
    table = _two_by_two(known, basis, basis.matrix)
    if table is not None:
        squared = None if basis.squared is None else _two_by_two(known, basis, basis.squared)
        average = known.average if basis.kind == "binary" and known.index is None else "binary"
        pos_index = basis.pos_index if basis.kind == "binary" and known.index is None else 1
        return drawn_tables.of_two_classes(_worth(table, squared), known.base, average, level, pos_index)
    matrix = _worth(basis.matrix, basis.squared)
    return drawn_tables.of_classes(matrix, known.base, known.average, level, basis.zero_division)


def _of_shares(known: KnownScore, basis: Basis, level: float) -> ConfidenceInterval | None:
    """Return Wilson's interval of a score that is a share of rows; None for another one."""
    if known.base == "accuracy":
        if basis.kind == "multilabel":
            return None
        squares = None if basis.squared is None else float(basis.squared.sum())
        return _of_share(float(np.trace(basis.matrix)), float(basis.matrix.sum()), level, squares, basis)
    if known.average != "binary" or known.base not in SHARES:
        return None
    table = _two_by_two(known, basis, basis.matrix, own=True)
    squared = None if basis.squared is None else _two_by_two(known, basis, basis.squared, own=True)
    assert table is not None
    part, whole = SHARES[known.base]
    found = _of_share(
        float(sum(table[cell] for cell in part)),
        float(sum(table[cell] for cell in whole)),
        level,
        None if squared is None else float(sum(squared[cell] for cell in whole)),
        basis,
    )
    return f1_of_jaccard(found) if known.base == "f1" else found


def _of_share(part: float, whole: float, level: float, squared: float | None, basis: Basis) -> ConfidenceInterval:
    return exact(part, whole, level) if basis.exact and squared is None else wilson(part, whole, level, squared)


_TN, _FP, _FN, _TP = (0, 0), (0, 1), (1, 0), (1, 1)
# The cells that count, and those among which they are; of F1 the Jaccard index.
SHARES = {
    "precision": ((_TP,), (_TP, _FP)),
    "recall": ((_TP,), (_TP, _FN)),
    "specificity": ((_TN,), (_TN, _FP)),
    "iou": ((_TP,), (_TP, _FP, _FN)),
    "f1": ((_TP,), (_TP, _FP, _FN)),
}


def _two_by_two(known: KnownScore, basis: Basis, matrix: np.ndarray, own: bool = False) -> np.ndarray | None:
    """Return [[tn, fp], [fn, tp]] of the class or label that a score is of; None if it is of several classes.

    Args:
        known: the score.
        basis: the `Basis`.
        matrix: its counts, or sums of squares.
        own: whether the positive class comes last, also where it is class 0 of a binary task.
    """
    if basis.kind == "multilabel":
        index = known.index if known.index is not None else 0 if len(matrix) == 1 else None
        return None if index is None else np.asarray(matrix[index])
    if basis.kind == "binary" and known.index is None:
        return matrix[::-1, ::-1] if own and basis.pos_index == 0 else matrix
    if known.index is None:
        return None
    tp = matrix[known.index, known.index]
    fp, fn = matrix[:, known.index].sum() - tp, matrix[known.index].sum() - tp
    return np.array([[matrix.sum() - tp - fp - fn, fp], [fn, tp]])


def _worth(matrix: np.ndarray, squared: np.ndarray | None) -> np.ndarray:
    """Return the counts that weights are worth, by the design effect."""
    return matrix if squared is None else matrix * (matrix.sum() / squared.sum())


def of_samples(value: float, spread: Spread, level: float, known: KnownScore) -> ConfidenceInterval:
    """Return the interval of a score that varies between samples, or groups of them.

    Args:
        value: the score.
        spread: how much it varies.
        level: the confidence level.
        known: its formula.
    """
    lowest = -1.0 if known.base.startswith("kappa") or known.base == "mcc" else 0.0
    samples = round(spread.degrees) + 1
    if spread.variance <= 0:  # each sample is right, or none: as if a sample was one row
        share = wilson((value - lowest) / (1 - lowest) * samples, samples, level)
        low, high = (lowest + end * (1 - lowest) for end in share)
        return ConfidenceInterval(low, high, f"{share.method}, with a sample as one row")
    half = float(t.ppf(0.5 + level / 2, spread.degrees)) * np.sqrt(spread.variance)
    return ConfidenceInterval(max(value - half, lowest), min(value + half, 1.0), "delta method over samples")


def _of_area(known: KnownScore, value: float, basis: Basis, level: float) -> ConfidenceInterval:
    what = "ROC AUC" if known.base == "auc" else "average precision"
    if basis.evidence.positions:
        return unknown(f"no method for {what} of positions, which depend on each other, holds in simulations")
    if basis.weighted:
        return unknown(f"no method for {what} of weighted rows holds in simulations")
    if basis.kind != "binary" and known.index is None and len(basis.class_names) > 1:
        return unknown(f"no method for an average of {what} over classes holds in simulations; each class has one")
    curve = _curve_of(known, basis)
    if curve is None:
        return unknown("the curve was not kept")
    if known.base == "average_precision":
        return areas.of_average_precision(value, curve, level)
    spread = basis.evidence.area(_class_of(known, basis))
    return areas.of_roc_auc(value, int(curve.positives), int(curve.negatives), spread, level)


def _class_of(known: KnownScore, basis: Basis) -> int:
    """Return the class whose curve a score is of; one curve serves both classes of a binary task."""
    return basis.pos_index if basis.kind == "binary" else known.index or 0


def _curve_of(known: KnownScore, basis: Basis) -> Curve | None:
    several = basis.kind != "binary" and known.index is None and len(basis.class_names) > 1
    other = basis.kind == "binary" and known.base == "average_precision" and known.index not in (None, basis.pos_index)
    return None if several or other else basis.curves.get(basis.class_names[_class_of(known, basis)])


def _area_of(curve: Curve, base: str) -> float:
    if base == "auc":
        return float(auc(curve.fpr, curve.tpr))
    return float((np.diff(curve.tpr) * curve.precision[1:]).sum())
