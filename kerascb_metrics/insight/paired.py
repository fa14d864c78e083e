"""Two passes over the same rows: is the difference of a score more than luck?

Both passes are right, or wrong, on most rows together. So their scores vary together, and a test of the difference row
by row finds what a comparison of two intervals never does.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import binom, norm, t

from kerascb_metrics.insight.confidence import ConfidenceInterval, unknown
from kerascb_metrics.insight.drawn_tables import FEWEST_ROWS
from kerascb_metrics.insight.known_scores import KnownScore
from kerascb_metrics.insight.labelled_pass import LabelledPass, PassRows
from kerascb_metrics.insight.sample_tables import slopes_of
from kerascb_metrics.insight.table_scores import table_score
from kerascb_metrics.interpret.weights import FOUR_FACTORS, tamed
from kerascb_metrics.score.averaged import Cells, Masses
from kerascb_metrics.tally.counts import Counts, label_tables

# With more cells than this of (true, first, second) each row is looked up by itself.
_MOST_CELLS = 1 << 16


@dataclass(frozen=True)
class Found:
    """The difference of a score between two passes.

    Attributes:
        difference: the first minus the second.
        interval: its confidence interval.
        pvalue: how often passes that are equally good differ by as much; nan where no honest test is known.
        method: the test, in words.
    """

    difference: float
    interval: ConfidenceInterval
    pvalue: float
    method: str

    def turned(self) -> "Found":
        """Return the difference of the second from the first."""
        low, high = self.interval
        interval = ConfidenceInterval(-high, -low, self.interval.method, self.interval.reason)
        return Found(-self.difference, interval, self.pvalue, self.method)


def right_and_wrong(first: LabelledPass, second: LabelledPass) -> npt.NDArray[np.int64]:
    """Return how many rows both got right, one alone, or neither: [[both, first], [second, neither]]."""
    one, other = (_is_right(own) for own in (first, second))
    both, of_one, of_other = (int(np.count_nonzero(which)) for which in (one & other, one, other))
    return np.array([[both, of_one - both], [of_other - both, len(one) - of_one - of_other + both]])


def changed(first: LabelledPass, second: LabelledPass) -> int:
    """Return how many rows have another label."""
    differ = first.y_pred != second.y_pred
    if differ.ndim == 2:
        present = first.rows.present
        differ = (differ if present is None else differ & present).any(axis=1)
    return int(np.count_nonzero(differ))


def mcnemar(table: npt.NDArray[np.int64], level: float) -> Found:
    """Return the difference of accuracy, with McNemar's test.

    The mid-p of Fagerland, Lydersen and Laake (2013), and the interval of Bonett and Price (2012).

    Args:
        table: as `right_and_wrong` returns it.
        level: the confidence level.

    >>> found = mcnemar(np.array([[90, 8], [2, 0]]), 0.95)
    >>> round(found.difference, 3), round(found.pvalue, 4)
    (0.06, 0.0654)
    """
    first, second, rows = int(table[0, 1]), int(table[1, 0]), int(table.sum())
    fewer, both = min(first, second), first + second
    pvalue = 1.0 if first == second else float(2 * binom.cdf(fewer, both, 0.5) - binom.pmf(fewer, both, 0.5))
    middle = (first - second) / (rows + 2)
    half = float(norm.ppf(0.5 + level / 2)) * np.sqrt((both + 2) / (rows + 2) - middle**2) / np.sqrt(rows + 2)
    interval = ConfidenceInterval(max(middle - half, -1.0), min(middle + half, 1.0), "Bonett and Price")
    return Found((first - second) / rows, interval, min(pvalue, 1.0), "McNemar, mid-p")


def paired_delta(
    first: LabelledPass,
    second: LabelledPass,
    known: KnownScore,
    index: int,
    zero_division: float,
    level: float,
    numbers: npt.NDArray[np.integer] | None = None,
) -> Found:
    """Return the difference of a label score, with the delta method on the rows' shares in it.

    Args:
        first: a pass.
        second: another one over the same rows.
        known: the formula.
        index: the class, for "binary".
        zero_division: as in `table_score`.
        level: the confidence level.
        numbers: (N,) what rows depend on each other, from 0; None: those of a sample, where rows are positions.
    """
    method = "paired delta method"
    numbers = first.rows.clusters if numbers is None else numbers
    shares = [Shares.of(own, known, index, zero_division) for own in (first, second)]
    difference = shares[0].value - shares[1].value
    few = fewest_rows(first.rows)
    if known.average in ("macro", "weighted") and few < FEWEST_ROWS:
        reason = f"a class has {few:.3g} rows, and averages over classes need {FEWEST_ROWS} of each"
        return Found(difference, unknown(reason), float("nan"), method)
    variance, degrees = _variance(shares, first.rows, numbers)
    if variance <= 0:  # no row changed, or none of the rows that changed counts
        return Found(difference, ConfidenceInterval(difference, difference, method), 1.0, method)
    error = np.sqrt(variance)
    half = float(t.ppf(0.5 + level / 2, degrees)) * error
    interval = ConfidenceInterval(difference - half, difference + half, method)
    return Found(difference, interval, float(2 * t.sf(abs(difference) / error, degrees)), method)


def fewest_rows(rows: PassRows) -> float:
    """Return the number of rows of the class, or label, that has the fewest."""
    if rows.y_true.ndim == 2:
        return float(rows.y_true.sum(axis=0).min())
    counts = np.bincount(rows.y_true.astype(np.intp), minlength=1)
    return float(counts[counts > 0].min(initial=len(rows)))


@dataclass(frozen=True, eq=False)
class Shares:
    """The share of each row in a score: how the score would move if there were more rows like it.

    Attributes:
        value: the score.
        of_cells: C × C, by the true and the predicted class; of labels (4, L): of a label that is tp, fp, fn or tn.
        given: the pass.
    """

    value: float
    of_cells: Masses
    given: LabelledPass

    @classmethod
    def of(cls, given: LabelledPass, known: KnownScore, index: int, zero_division: float) -> "Shares":
        """Return the shares of the rows of a pass; the arguments are those of `paired_delta`."""
        total = _total(given)
        slopes = slopes_of(total, known.base, known.average, index, zero_division)
        tp, fp, fn, tn = (cell[:, None] for cell in total)
        value = float(table_score(known.base, Cells(tp, fp, fn, tn), known.average, index, zero_division)[0])
        if given.rows.kind == "multilabel":
            return cls(value, slopes, given)
        of_tp, of_fp, of_fn, of_tn = slopes
        of_cells = of_tn.sum() + (of_fn - of_tn)[:, None] + (of_fp - of_tn)[None, :]
        np.fill_diagonal(of_cells, of_tn.sum() + of_tp - of_tn)
        return cls(value, of_cells, given)

    def of_rows(self, part: slice = slice(None)) -> Masses:
        """Return the share of each row, or of some, (N,), times its weight."""
        rows, y_true, y_pred = self.given.rows, self.given.rows.y_true[part], self.given.y_pred[part]
        weight = None if rows.weight is None else _weight(rows)[part]
        if rows.kind != "multilabel":
            classes = len(self.of_cells)
            places = y_true.astype(np.intp) * classes + y_pred if classes > 15 else y_true * np.uint8(classes) + y_pred
            found: Masses = self.of_cells.ravel().take(places)
            return found if weight is None else found * weight
        of_tp, of_fp, of_fn, of_tn = self.of_cells
        shares = np.where(y_true, np.where(y_pred, of_tp, of_fn), np.where(y_pred, of_fp, of_tn))
        if rows.present is not None:
            shares = np.where(rows.present[part], shares, 0.0)
        if weight is not None:
            shares = shares * weight.reshape(len(weight), -1)
        return np.asarray(shares.sum(axis=1))


def _variance(shares: Sequence[Shares], rows: PassRows, numbers: npt.NDArray[np.integer] | None) -> tuple[float, float]:
    """Return the variance of the difference of two scores, and its degrees of freedom."""
    first, second = shares
    classes = len(first.of_cells)
    if numbers is None and rows.kind != "multilabel" and rows.weight is None and classes**3 <= _MOST_CELLS:
        counts = _joint(first.given, second.given, classes)
        differences = first.of_cells[:, :, None] - second.of_cells[:, None, :]
        variance = float((counts * differences**2).sum())  # the mean is 0
        return variance * len(rows) / max(1, len(rows) - 1), len(rows) - 1.0
    own = first.of_rows() - second.of_rows()
    if numbers is not None:
        own = np.bincount(numbers, own).astype(np.float64)
    return float(len(own) * np.var(own, ddof=1)) if len(own) > 1 else 0.0, max(1.0, len(own) - 1.0)


def _joint(first: LabelledPass, second: LabelledPass, classes: int) -> npt.NDArray[np.integer]:
    """Return how many rows have each true, first and second label, C × C × C."""
    true, one, other = first.rows.y_true, first.y_pred, second.y_pred
    if true.dtype == bool:  # ten times as fast as counting codes
        cells = itertools.product((~true, true), (~one, one), (~other, other))
        return np.array([np.count_nonzero(y & a & b) for y, a, b in cells]).reshape(2, 2, 2)
    codes = (true.astype(np.int32) * classes + one) * classes + other
    return np.bincount(codes, minlength=classes**3).reshape(classes, classes, classes)


def _total(given: LabelledPass) -> Masses:
    """Return tp, fp, fn and tn of each class or label, (4, C)."""
    rows, y_pred = given.rows, given.y_pred
    weight = None if rows.weight is None else _weight(rows)
    labels = rows.kind == "multilabel"
    if labels:
        table = label_tables(rows.y_true, y_pred, weight, rows.present)
    else:
        table = Counts.of(rows.y_true, y_pred, len(rows.class_names), weight).matrix()
    cells = Cells.of_matrices(table, labels=labels)
    return np.stack([cell[:, 0] for cell in (cells.tp, cells.fp, cells.fn, cells.tn)])


def _weight(rows: PassRows) -> Masses:
    assert rows.weight is not None
    return tamed(rows.weight, FOUR_FACTORS)


def _is_right(given: LabelledPass) -> npt.NDArray[np.bool_]:
    same = given.y_pred == given.rows.y_true
    if same.ndim == 2:
        same = (same if given.rows.present is None else same | ~given.rows.present).all(axis=1)
    return np.asarray(same)
