"""Scores of each class from its counts, averaged over classes as scikit-learn averages precision and recall."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt

from kerascb_metrics.interpret.kinds import CLASSIFICATION, Kind
from kerascb_metrics.interpret.weights import FOUR_FACTORS, for_sums, tamed
from kerascb_metrics.score.kappa import kappa_of
from kerascb_metrics.score.score import Needs, Options, Score, Undefined, Value, rows_of
from kerascb_metrics.tally.tally import Tally

_CLASSES: tuple[Kind, ...] = ("binary", "multiclass", "ordinal")
Masses = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Cells:
    """The four cells of each class against the others: float64 arrays (C,), or sums of them."""

    tp: Masses
    fp: Masses
    fn: Masses
    tn: Masses

    @classmethod
    def of(cls, tally: Tally) -> "Cells":
        """Return the cells of each class or label.

        Args:
            tally: of classes or labels.
        """
        labels = tally.kind == "multilabel"
        found = cls.of_matrices(tamed(tally.label_tables if labels else tally.matrix), labels=labels)
        return cls(found.tp[:, 0], found.fp[:, 0], found.fn[:, 0], found.tn[:, 0])

    @classmethod
    def of_matrices(cls, matrix: np.ndarray, *, labels: bool = False) -> "Cells":
        """Return the cells of one confusion matrix as arrays (C, 1), as `table_score` takes many.

        Args:
            matrix: C × C, or for labels L × 2 × 2.
            labels: whether it is one table per label.
        """
        values = matrix.astype(np.float64)
        if labels:
            (tn, fp), (fn, tp) = values.transpose(1, 2, 0)[..., None]
            return cls(tp, fp, fn, tn)
        tp = np.diag(values)
        fp, fn = values.sum(axis=0) - tp, values.sum(axis=1) - tp
        return cls(*(cell[:, None] for cell in (tp, fp, fn, np.maximum(values.sum() - tp - fp - fn, 0.0))))

    @classmethod
    def of_rows(cls, y_true: np.ndarray, y_pred: np.ndarray) -> "Cells":
        """Return the cells of each row of labels, each (N,).

        Args:
            y_true: (N, L), 0 or 1.
            y_pred: (N, L), 0 or 1.
        """
        true, predicted = y_true.astype(bool), y_pred.astype(bool)
        both = (true & predicted, ~true & predicted, true & ~predicted, ~(true | predicted))
        return cls(*(cell.sum(axis=1, dtype=np.float64) for cell in both))

    def pooled(self) -> "Cells":
        """Return the sums over classes, as arrays of one value."""
        return Cells(*(cell.sum(keepdims=True) for cell in (self.tp, self.fp, self.fn, self.tn)))


# A score of each class: called with cells, returns numerators and denominators.
Ratio = Callable[[Cells], tuple[Masses, Masses]]


def averaged_scores(options: Options) -> Iterator[Score]:
    """Yield iou, specificity, f0_5, f2, and the scores of whole tables: mcc, kappa_linear, kappa_quadratic."""
    per_class = CLASSIFICATION if options.average is None else ()
    in_rows, each = options.average == "samples", replace(options, average=None)
    needs: dict[Kind, Needs] = dict.fromkeys(CLASSIFICATION, "rows" if in_rows else "counts")
    for name, ratio in RATIOS.items():
        own = {kind: need for kind, need in needs.items() if not in_rows or name != "specificity"}
        compute = partial(averaged, name=name, ratio=ratio)
        of_classes = partial(compute, options=each)
        yield Score(name, partial(compute, options=options), own, per_class=per_class, of_classes=of_classes)
    counts: dict[Kind, Needs] = dict.fromkeys(_CLASSES, "counts")
    yield Score("mcc", mcc, counts)
    for weights in ("linear", "quadratic"):
        yield Score(f"kappa_{weights}", partial(weighted_kappa, weights=weights), counts)


def _iou(cells: Cells) -> tuple[Masses, Masses]:
    return cells.tp, cells.tp + cells.fp + cells.fn


def _specificity(cells: Cells) -> tuple[Masses, Masses]:
    return cells.tn, cells.tn + cells.fp


def f_beta(cells: Cells, beta: float) -> tuple[Masses, Masses]:
    """Return the numerator and the denominator of F-beta of each class."""
    hits = (1 + beta**2) * cells.tp
    return hits, hits + beta**2 * cells.fn + cells.fp


RATIOS: dict[str, Ratio] = {
    "iou": _iou,
    "specificity": _specificity,
    "f0_5": partial(f_beta, beta=0.5),
    "f2": partial(f_beta, beta=2.0),
}


def averaged(tally: Tally, name: str, ratio: Ratio, options: Options) -> Value:
    """Return a ratio of each class, or its average; `Undefined` where a denominator is 0.

    Args:
        tally: of classes or labels.
        name: the name of the score.
        ratio: see `Ratio`.
        options: how to average.
    """
    average = options.average_for(tally.kind)
    if average == "samples":
        exact = rows_of(tally)
        weight = None if exact.sample_weight is None else for_sums(exact.sample_weight)
        return _mean(_quotient(ratio(Cells.of_rows(*exact.labels)), options)[0], weight)
    cells = Cells.of(tally)
    occurs = (cells.tp + cells.fp + cells.fn > 0) | (tally.kind == "multilabel") | (average is None)
    values, gone = _quotient(ratio(cells.pooled() if average == "micro" else cells), options)
    if average == "micro":
        value: Value = float(values[0])
    elif average == "binary":
        value, occurs = float(values[tally.pos_index]), np.arange(len(gone)) == tally.pos_index
    elif average is None:
        value = values
    else:
        value = _mean(values[occurs], (cells.tp + cells.fn)[occurs] if average == "weighted" else None)
    if average != "micro" and (gone & occurs).any():
        names = [own for own, one in zip(tally.class_names, gone & occurs, strict=True) if one]
        raise Undefined(f"{name} of class {', '.join(names[:5])}{', …' if len(names) > 5 else ''} is 0/0", value)
    return value


def _quotient(parts: tuple[Masses, Masses], options: Options) -> tuple[Masses, npt.NDArray[np.bool_]]:
    """Return numerator / denominator, and where that is 0/0: there it is `zero_division`."""
    numerator, denominator = parts
    gone = denominator <= 0
    return np.divide(numerator, denominator, out=np.full(len(gone), options.zero_division), where=~gone), gone


def _mean(values: Masses, weights: Masses | None) -> float:
    """Return the mean without nan, as scikit-learn has it: weights that are all 0 count as equal."""
    known = ~np.isnan(values)
    if not known.any():
        return float("nan")
    own = None if weights is None or not weights[known].any() else weights[known]
    return float(np.average(values[known], weights=own))


def mcc(tally: Tally) -> float:
    """Matthews correlation coefficient, by the formula of `sklearn.metrics.matthews_corrcoef`: the same bits."""
    table = tamed(tally.matrix[tally.occurring[:, None], tally.occurring], FOUR_FACTORS)
    true, predicted = table.sum(axis=1, dtype=np.float64), table.sum(axis=0, dtype=np.float64)
    total = predicted.sum()
    covariance = np.trace(table, dtype=np.float64) * total - np.dot(true, predicted)
    variances = (total**2 - np.dot(predicted, predicted)) * (total**2 - np.dot(true, true))
    return float(covariance / np.sqrt(variances)) if variances != 0 else 0.0


def weighted_kappa(tally: Tally, weights: str) -> float:
    """Cohen's kappa with weights, as `sklearn.metrics.cohen_kappa_score(labels=<all classes>)`.

    Classes that do not occur keep their distance.
    """
    return kappa_of(tally.matrix, np.argsort(tally.codes), np.abs if weights == "linear" else np.square)
