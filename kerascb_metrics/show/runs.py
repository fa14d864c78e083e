"""Runs side by side, such as the folds of a cross-validation: a table, and one plot of a score."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from kerascb_metrics.record.run_record import RunRecord
from kerascb_metrics.show.best import best_index, corrected, headline_of
from kerascb_metrics.show.plots.axes import RING, add_legend, check_lines, panels, shorten, size_with_legend, style
from kerascb_metrics.show.tables import number_text, printable

if TYPE_CHECKING:  # matplotlib is an extra
    from matplotlib.axes import Axes


class RunsDisplay:
    """A score of several runs by epoch, the best epoch of each run marked. The runs may differ in length.

    Args:
        name: the name of the score.
        runs: run → (epochs, values).
        best: run → (epoch, value) of its best epoch; a run without one is missing.

    Attributes:
        figure_: the matplotlib figure, or the subfigure of the axes that were given.
        ax_: its axes.
    """

    figure_: Any
    ax_: "Axes"

    def __init__(
        self,
        name: str,
        runs: Mapping[str, tuple[Sequence[int], Sequence[float]]],
        best: Mapping[str, tuple[int, float]],
    ) -> None:
        self.name, self.runs, self.best = name, runs, best

    def plot(self, ax: "Axes | None" = None) -> Self:
        """Draw the runs.

        Args:
            ax: matplotlib axes; None for a new figure.

        Returns:
            The display itself.
        """
        labels = [self._label(run, short) for run, short in zip(self.runs, shorten(self.runs, 32), strict=True)]
        self.figure_, (self.ax_,) = panels(ax, size=size_with_legend(labels, 6, 3.6))
        for number, ((run, (epochs, values)), label) in enumerate(zip(self.runs.items(), labels, strict=True)):
            # The markers of each run are at other epochs, so that they show where lines overlap.
            step = len(epochs) // 8 + 1
            self.ax_.plot(epochs, values, label=label, markevery=(number % step, step), **style(number))
            if run in self.best:
                self.ax_.plot(*self.best[run], linestyle="none", **RING)
        self.ax_.set(xlabel="epoch, counted from 0", ylabel=self.name)
        self.ax_.locator_params(axis="x", integer=True)
        self.ax_.grid(alpha=0.3)
        add_legend(self.ax_)
        return self

    def _label(self, run: str, short: str) -> str:
        if run not in self.best:
            return short
        epoch, value = self.best[run]
        return f"{short}, best {value:.4g} in epoch {epoch}"


class RunComparison:
    """Several runs side by side. `compare_histories` returns one.

    Args:
        runs: the name of each run → its record.
    """

    def __init__(self, runs: Mapping[str, RunRecord]) -> None:
        self._runs = dict(runs)

    def __repr__(self) -> str:
        return f"RunComparison({len(self._runs)} runs: {printable(', '.join(list(self._runs)[:12]))})"

    def __str__(self) -> str:
        return self.table()

    def table(self, name: str | None = None) -> str:
        """Return a table: the best value of each run, its epoch, the last value, and their mean over the runs.

        The best of many epochs has been lucky; "corrected" is what it would score on new rows, where that is known, see
        `ScoreHistory.corrected_best`.

        Args:
            name: the score; None: the first score that has a best.

        Returns:
            Text. The last two rows are the mean and the sample standard deviation over the runs that have a value.

        Raises:
            KeyError: if no run has the score.
            ValueError: if the score has several values per epoch, or its direction is not known.
        """
        name = self._score(name)
        rows = [["run", f"best {name}", "in epoch", "corrected", f"last {name}", "epochs"]]
        numbers: list[tuple[float, float, float]] = []
        for label, run in self._runs.items():
            best, last = self._best(run, name), self._last(run, name)
            honest = None if best is None else corrected(run, name)
            numbers.append((math.nan if best is None else best[1], math.nan if honest is None else honest, last))
            shown = ["–", "–"] if best is None else [number_text(best[1]), str(best[0])]
            rows.append([label, *shown, _shown(numbers[-1][1]), _shown(last), str(len(run.epochs))])
        if len(self._runs) > 1:
            rows += _summary(np.array(numbers))
        if all(math.isnan(honest) for _, honest, _ in numbers):  # of files nothing tells it
            rows = [[*row[:3], *row[4:]] for row in rows]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return "\n".join(
            printable("  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip())
            for row in rows
        )

    def plot(self, name: str | None = None, *, ax: "Axes | None" = None) -> RunsDisplay:
        """Draw a score of all runs by epoch, and mark the best epoch of each.

        Args:
            name: as in `table`.
            ax: matplotlib axes; None for a new figure, with the legend beside the axes.

        Returns:
            A `RunsDisplay`.

        Raises:
            ImportError: without matplotlib.
            KeyError, ValueError: as `table`; for too many runs to distinguish.
        """
        name = self._score(name)
        runs = {label: (run.epochs, list(run[name])) for label, run in self._runs.items() if name in run}
        check_lines(len(runs), "Choose fewer runs.")
        best = {label: self._best(self._runs[label], name) for label in runs}
        return RunsDisplay(name, runs, {label: pair for label, pair in best.items() if pair is not None}).plot(ax)

    def _score(self, name: str | None) -> str:
        """Return the name of a score that the runs can be compared by."""
        found = name or next(filter(None, map(headline_of, self._runs.values())), None)
        known = list(dict.fromkeys(own for run in self._runs.values() for own in run if run.is_scalar(own)))
        if found is None:
            raise ValueError("no run has a score with one number per epoch and a known direction.")
        runs = [run for run in self._runs.values() if found in run]
        if not runs:
            raise KeyError(f"no run has the score {found!r}; there are: {', '.join(known) or 'none'}")
        if not all(run.is_scalar(found) for run in runs):
            raise ValueError(f"{found!r} is not one number per epoch; choose one of {', '.join(known)}.")
        modes = {run.mode(found) for run in runs}
        if len(modes) > 1:
            raise ValueError(f"greater {found!r} is better in some runs and worse in others.")
        return found

    def _best(self, run: RunRecord, name: str) -> tuple[int, float] | None:
        index = best_index(run, name) if name in run else None
        return None if index is None else (run.epochs[index], float(run[name][index]))

    def _last(self, run: RunRecord, name: str) -> float:
        return float(run[name][-1]) if name in run and run.epochs else math.nan


def _shown(value: float) -> str:
    return "–" if math.isnan(value) else number_text(value)


def _summary(numbers: np.ndarray) -> list[list[str]]:
    """Return the mean and the standard deviation of each column, over the runs that have a value."""
    known = [column[~np.isnan(column)] for column in numbers.T]
    means = [column.mean() if len(column) else math.nan for column in known]
    spreads = [column.std(ddof=1) if len(column) > 1 else math.nan for column in known]
    return [
        ["mean", _shown(means[0]), "", *map(_shown, means[1:]), ""],
        ["standard deviation", _shown(spreads[0]), "", *map(_shown, spreads[1:]), ""],
    ]
