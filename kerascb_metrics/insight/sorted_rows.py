"""The sorted rows of two classes in five folds: how many of each lie above a threshold."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kerascb_metrics.interpret.thresholds import Floats
from kerascb_metrics.score.averaged import Cells, Masses
from kerascb_metrics.tally.bins import Binning
from kerascb_metrics.tally.folds import FOLDS

# A threshold as the search has it: the highest score that is not above it; −inf if every row is above.
Cut = float | np.floating


@dataclass(frozen=True, eq=False)
class SortedRows:
    """The rows of one class in one fold, by their scores.

    Attributes:
        scores: (N,) rising, as outputs are compared with a threshold.
        below: None, or (N + 1,) float64: the weight of the first 0 … N rows.
        starts: None, or (N,) where each entry is a bin of rows: the lowest score that it may hold; `scores` are then
            the highest.
    """

    scores: Floats
    below: Masses | None = None
    starts: Floats | None = None

    @classmethod
    def of_bins(cls, counts: Masses, binning: Binning, dtype: np.dtype) -> "SortedRows":
        """Take rows that were counted in bins.

        Args:
            counts: (2^16,) the rows, or their weight, in each bin.
            binning: the `Binning`.
            dtype: in which the outputs are compared with a threshold.
        """
        used = np.flatnonzero(counts)
        highest, lowest = (ends[used].astype(dtype) for ends in (binning.highest, binning.lowest))
        return cls(highest, np.append(0.0, np.cumsum(counts[used], dtype=np.float64)), lowest)

    @classmethod
    def of(cls, scores: Floats, weight: Masses | None = None) -> "SortedRows":
        """Sort rows.

        Args:
            scores: (N,) finite.
            weight: None, or (N,).
        """
        if weight is None:
            return cls(np.sort(scores))
        order = np.argsort(scores, kind="stable")
        return cls(scores[order], np.append(0.0, np.cumsum(weight[order])))

    def above(self, cuts: Floats) -> Masses:
        """Return how many rows, or how much weight, lies above each of some scores, (K,)."""
        places = np.searchsorted(self.scores, cuts, "right")
        return (
            (len(self.scores) - places).astype(np.float64)
            if self.below is None
            else self.below[-1] - self.below[places]
        )

    @property
    def total(self) -> float:
        """The rows, or their weight."""
        return float(len(self.scores)) if self.below is None else float(self.below[-1])


@dataclass(frozen=True, eq=False)
class Folds:
    """The rows of both classes, in each of five folds or in some of them.

    Attributes:
        classes: fold → the `SortedRows` of class 0 and of class 1.
    """

    classes: Sequence[tuple[SortedRows, SortedRows]]

    @classmethod
    def of(
        cls, y_true: npt.NDArray[np.bool_], scores: Floats, folds: npt.NDArray[np.uint8], weight: Masses | None = None
    ) -> "Folds":
        """Sort the rows of each fold and class.

        Args:
            y_true: (N,).
            scores: (N,) finite, as outputs are compared with a threshold.
            folds: (N,).
            weight: None, or (N,).
        """
        groups = folds * np.uint8(2) + y_true
        rows = [np.flatnonzero(groups == group) for group in range(2 * FOLDS)]
        parts = [SortedRows.of(scores[own], None if weight is None else weight[own]) for own in rows]
        return cls(list(zip(parts[::2], parts[1::2], strict=True)))

    def without(self, fold: int) -> "Folds":
        """Return all folds but one."""
        return Folds([own for index, own in enumerate(self.classes) if index != fold])

    def only(self, fold: int) -> "Folds":
        """Return one fold."""
        return Folds([self.classes[fold]])

    @property
    def parts(self) -> Iterable[SortedRows]:
        """The rows of each fold and class."""
        return (part for own in self.classes for part in own)

    def totals(self) -> tuple[float, float]:
        """Return the rows, or the weight, of class 0 and of class 1."""
        zeros, ones = zip(*self.classes, strict=True)
        return sum(part.total for part in zeros), sum(part.total for part in ones)

    def above(self, cuts: Floats) -> tuple[Masses, Masses]:
        """Return the rows, or the weight, of class 0 and of class 1 above each score, (K,)."""
        nothing = np.zeros(len(cuts))
        zeros, ones = (sum((part.above(cuts) for part in own), nothing) for own in zip(*self.classes, strict=True))
        return zeros, ones

    def tables(self, fp: Masses, tp: Masses) -> Cells:
        """Return the cells of both classes, (2, K), from the rows of class 0 and of class 1 above each threshold."""
        zeros, ones = self.totals()
        tn, fn = np.maximum(zeros - fp, 0.0), np.maximum(ones - tp, 0.0)
        return Cells(np.stack([tn, tp]), np.stack([fn, fp]), np.stack([fp, fn]), np.stack([tp, tn]))

    def next_above(self, cuts: Floats) -> Floats:
        """Return the lowest score above each of some scores; inf where there is none."""
        found = np.full(len(cuts), np.inf, cuts.dtype)
        for part in self.parts:
            places = np.searchsorted(part.scores, cuts, "right")
            is_there = places < len(part.scores)
            starts = part.scores if part.starts is None else part.starts
            found[is_there] = np.minimum(found[is_there], starts[places[is_there]])
        return found

    def within(self, ranges: npt.NDArray[np.floating]) -> list[Floats]:
        """Return the scores of the rows between each pair of (R, 2) scores, both left out, part by part."""
        found: list[Floats] = []
        for part in self.parts:
            starts = np.searchsorted(part.scores, ranges[:, 0], "right")
            stops = np.searchsorted(part.scores, ranges[:, 1], "left")
            found.extend(part.scores[start:stop] for start, stop in zip(starts, stops, strict=True) if stop > start)
        return found
