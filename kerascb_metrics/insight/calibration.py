"""`Calibration`: how often rows of a class are of it, by the probability that was predicted."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import binom

from kerascb_metrics.insight.class_probabilities import ClassProbabilities

_Floats = npt.NDArray[np.float64]

_DEPEND = "rows of one sample depend on each other, so that the binomial distribution does not hold"
_UNKNOWN = "the curve of weighted rows does not tell how many rows there are"


@dataclass(frozen=True, eq=False)
class Calibration:
    """Predicted probabilities of a class beside how often they came true, in bins; `print` shows a table.

    Bins hold about equal numbers of rows (equal weight, where rows have weights), and rows of equal probability are in
    one bin, as in `sklearn.calibration.calibration_curve(strategy="quantile")`. B is the number of bins that hold rows.

    Attributes:
        class_name: the class or label.
        prob_pred: (B,) the mean predicted probability in each bin, rising.
        prob_true: (B,) the share of rows of the class.
        n: (B,) the number of rows; from the curve of weighted rows, which does not tell it, their weight.
        low: (B,) the lower end of the band that holds `prob_true` of a perfectly calibrated model with the confidence
            level, by the binomial distribution; nan where that does not hold, see `reason`.
        high: (B,) the upper end.
        brier: the Brier score, as `sklearn.metrics.brier_score_loss`.
        log_loss: as `sklearn.metrics.log_loss`, of the class against all others.
        ece: the expected calibration error: the mean of `|prob_true − prob_pred|` over the rows. It tells something
            only beside `ece_if_calibrated`.
        ece_if_calibrated: what a perfectly calibrated model with these probabilities would get on average: more than
            0, as so many rows differ from their expected share by chance. nan as the band.
        confidence_level: that of the band.
        reason: why there is no band; "" if there is one.

    >>> from kerascb_metrics import Metrics
    >>> found = Metrics().score([0, 0, 1, 0, 1, 1], [0.125, 0.125, 0.125, 0.75, 0.75, 0.75]).calibration(n_bins=2)
    >>> found.prob_pred, found.prob_true.round(3), found.n
    (array([0.125, 0.75 ]), array([0.333, 0.667]), array([3, 3]))
    >>> print(found)
    class 1: 2 bins of 6 rows
    predicted  observed  rows  if calibrated (95 %)
        0.125     0.333     3        0.000 to 0.667
        0.750     0.667     3        0.333 to 1.000
    Brier score 0.2474, log loss 0.7180
    ECE 0.1458; a calibrated model would get 0.1892
    """

    class_name: str
    prob_pred: _Floats = field(repr=False)
    prob_true: _Floats = field(repr=False)
    n: npt.NDArray[Any] = field(repr=False)
    low: _Floats = field(repr=False)
    high: _Floats = field(repr=False)
    brier: float
    log_loss: float
    ece: float
    ece_if_calibrated: float
    confidence_level: float = 0.95
    reason: str = ""

    def __str__(self) -> str:
        band = "" if self.reason else f"if calibrated ({100 * self.confidence_level:.4g} %)"
        rows = [_number(n) for n in self.n]
        width = max(4, *map(len, rows))
        ends = zip(self.low, self.high, strict=True)
        bands = [f"{low:.3f} to {high:.3f}".rjust(len(band)) if band else "" for low, high in ends]
        lines = [
            f"{predicted:9.3f}  {observed:8.3f}  {n:>{width}}  {own_band}"
            for predicted, observed, n, own_band in zip(self.prob_pred, self.prob_true, rows, bands, strict=True)
        ]
        told = f"ECE {self.ece:.4f}; a calibrated model would get {self.ece_if_calibrated:.4f}"
        table = [
            f"class {self.class_name}: {len(rows)} bins of {_number(self.n.sum())} rows",
            f"predicted  observed  {'rows':>{width}}  {band}",
            *lines,
            f"Brier score {self.brier:.4f}, log loss {self.log_loss:.4f}",
            f"No band: {self.reason}." if self.reason else told,
        ]
        return "\n".join(line.rstrip() for line in table)


def check_bins(n_bins: int) -> None:
    """Raise `ValueError` for a number of bins that is not a positive integer."""
    if isinstance(n_bins, bool) or not isinstance(n_bins, int | np.integer) or n_bins < 1:
        raise ValueError(f"n_bins must be a positive integer, such as 10; received {n_bins!r}.")


def calibration_of(name: str, given: ClassProbabilities, n_bins: int, level: float) -> Calibration:
    """Return the calibration of a class.

    Args:
        name: the class.
        given: its probabilities.
        n_bins: into how many bins they go, at most.
        level: the confidence level of the band.
    """
    bins = _bins_of(given, n_bins)

    def sums(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return np.bincount(bins, values)[np.unique(bins)]

    mass = sums(given.total)
    prob_pred, prob_true = sums(given.total * given.proba) / mass, sums(given.positive) / mass
    rows, share = sums(given.rows), mass / mass.sum()
    reason = _DEPEND if given.depend else _UNKNOWN if given.squares is None else ""
    if reason or given.squares is None:
        low = high = apart = np.full(len(mass), np.nan)
    else:
        worth = _worth(mass, sums(given.squares))
        low, high = (binom.ppf(tail, worth, prob_pred) / worth for tail in ((1 - level) / 2, (1 + level) / 2))
        spread = sums(given.total * given.proba * (1 - given.proba)) / mass
        apart = _apart(worth, prob_pred, spread)
    return Calibration(
        class_name=name,
        prob_pred=prob_pred,
        prob_true=prob_true,
        n=rows.astype(given.rows.dtype),
        low=low,
        high=high,
        brier=given.brier,
        log_loss=given.log_loss,
        ece=float(share @ np.abs(prob_true - prob_pred)),
        ece_if_calibrated=float(share @ apart),
        confidence_level=float(level),
        reason=reason,
    )


def _bins_of(given: ClassProbabilities, n_bins: int) -> npt.NDArray[np.int64]:
    """Return the bin of each entry, (K,): that of its first row, as the quantiles of scikit-learn have it."""
    total = given.total
    before = np.cumsum(total) - total
    # Row i of n is above the quantile q if i > q (n − 1); weights are cut where their sum reaches the quantile.
    last = total.sum() - 1 if total.dtype.kind in "iu" else total.sum() * (1 - 1e-12)
    return np.asarray(np.searchsorted(np.arange(1, n_bins) * last, before * n_bins))


def _worth(mass: npt.NDArray[Any], squares: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Return how many rows without weights the weighted rows of each bin are worth, rounded."""
    worth = np.divide(mass**2, squares, out=np.ones(len(mass)), where=squares > 0)
    return np.asarray(np.maximum(np.round(worth), 1), np.int64)


def _apart(n: npt.NDArray[np.int64], share: _Floats, spread: _Floats) -> _Floats:
    """Return how far the share of a calibrated model is from the expected one on average, in each bin.

    The mean absolute deviation of a binomial distribution is de Moivre's. Rows of a bin whose probabilities differ vary
    a little less than those of one probability, by the mean `spread` p (1 − p) of each.
    """
    above = np.floor(n * share) + 1
    deviation = 2 * above * (1 - share) * binom.pmf(above, n, share) / n
    alike = share * (1 - share)
    return np.asarray(deviation * np.sqrt(np.divide(spread, alike, out=np.ones(len(n)), where=alike > 0)))


def _number(n: Any) -> str:
    return f"{n:,}" if isinstance(n, np.integer) else f"{n:,.6g}"
