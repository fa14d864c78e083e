"""Scores by epoch, with the best epoch of each score marked."""

import math
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from kerascb_metrics.record.run_record import RunRecord
from kerascb_metrics.show.best import best_index
from kerascb_metrics.show.plots.axes import RING, add_legend, check_lines, panels, shorten, size_with_legend, style

if TYPE_CHECKING:  # matplotlib is an extra
    from matplotlib.axes import Axes

_LOSSES = ("loss", "val_loss")

_Series = Mapping[str, Sequence[float]]


class ScoresDisplay:
    """Scores by epoch. Scores of the same order of magnitude share a panel; the losses have their own.

    Args:
        epochs: (E,) the scored epochs, counted from 0.
        scores: name → (E,) values.
        best: name → `(epoch, value)` of the scores that have a best epoch.
        losses: name → (E,) values.
        bands: name → (E, 2) the ends of confidence intervals, nan where there is none.
        confidence_level: that of the bands, for the legend.

    Attributes:
        figure_: the matplotlib figure, or the subfigure of the axes that were given.
        ax_: the first panel.
        axes_: all panels, from top to bottom.
    """

    figure_: Any
    ax_: "Axes"
    axes_: "list[Axes]"

    def __init__(
        self,
        epochs: Sequence[int],
        scores: _Series,
        *,
        best: Mapping[str, tuple[int, float]] | None = None,
        losses: _Series | None = None,
        bands: Mapping[str, np.ndarray] | None = None,
        confidence_level: float | None = None,
    ) -> None:
        self.epochs = epochs
        self.scores = scores
        self.best = best or {}
        self.losses = losses or {}
        self.bands = bands or {}
        self.confidence_level = confidence_level

    @classmethod
    def from_history(
        cls,
        history: RunRecord,
        names: str | Sequence[str] | None = None,
        *,
        losses: bool = False,
        confidence_level: float | None = None,
    ) -> Self:
        """Return the display of a `ScoreHistory`; the arguments are those of `ScoreHistory.plot`."""
        if not history.epochs:
            raise ValueError("no epoch was scored yet, so there is nothing to draw.")
        chosen = _chosen(history, names)
        return cls(
            list(history.epochs),
            {name: list(history[name]) for name in chosen},
            best={name: history.best(name) for name in chosen if best_index(history, name) is not None},
            losses=_losses(history) if losses else {},
            bands={} if confidence_level is None else {name: _band(history, name, confidence_level) for name in chosen},
            confidence_level=confidence_level,
        )

    def plot(self, ax: "Axes | None" = None) -> Self:
        """Draw the scores.

        Args:
            ax: matplotlib axes, divided if there are several panels; None for a new figure.

        Returns:
            The display itself.
        """
        groups = [*by_magnitude(self.scores), *([self.losses] if self.losses else [])]
        sizes = [size_with_legend(map(self._label, group), 6, 2.7) for group in groups]
        heights = [height for _, height in sizes]
        size = max(width for width, _ in sizes), sum(heights) + 0.6
        self.figure_, self.axes_ = panels(ax, len(groups), size=size, height_ratios=heights)
        self.ax_ = self.axes_[0]
        drawn = 0
        for panel, group in zip(self.axes_, groups, strict=True):
            for name, values in group.items():
                self._draw(panel, name, values, drawn)
                drawn += 1
            panel.set_ylabel("loss" if group is self.losses else "score")
            self._finish(panel)
        for panel in self.axes_[:-1]:
            panel.sharex(self.axes_[-1])
            panel.tick_params(labelbottom=False)
        self.axes_[-1].set_xlabel("epoch, counted from 0")
        return self

    def _label(self, name: str) -> str:
        """Return the text of a line in the legend."""
        if name not in self.best:
            return self._short_names[name]
        epoch, value = self.best[name]
        return f"{self._short_names[name]}, best {value:.4g} in epoch {epoch}"

    @property
    def _short_names(self) -> dict[str, str]:
        return dict(zip(self.scores, shorten(self.scores, 32), strict=True)) | {name: name for name in self.losses}

    def _draw(self, panel: "Axes", name: str, values: Sequence[float], number: int) -> None:
        best = self.epochs.index(self.best[name][0]) if name in self.best else None
        panel.plot(
            self.epochs, values, label=self._label(name), markevery=_marked(values, number, best), **style(number)
        )
        if best is not None:
            panel.plot(*self.best[name], linestyle="none", **RING)
        if name in self.bands:
            low, high = self.bands[name].T
            color = style(number)["color"]
            level = "" if self.confidence_level is None else f"{100 * self.confidence_level:.4g} % "
            is_first = not panel.collections
            label = f"{level}confidence interval" if is_first else None
            panel.fill_between(self.epochs, low, high, color=color, alpha=0.15, linewidth=0, label=label)
            for end in (low, high):  # the ends tell bands apart where they overlap, and without colour
                panel.plot(self.epochs, end, color=color, linewidth=0.7, linestyle=style(number)["linestyle"])

    def _finish(self, panel: "Axes") -> None:
        panel.locator_params(axis="x", integer=True)
        if len(self.epochs) == 1:
            panel.set_xticks(self.epochs)
        panel.ticklabel_format(axis="y", useOffset=False)
        panel.grid(alpha=0.3)
        add_legend(panel)


def _band(history: RunRecord, name: str, level: float) -> np.ndarray:
    """Return the ends of the confidence intervals of a score, (E, 2)."""
    from kerascb_metrics.record.intervals import intervals_of_run  # here, so that other plots need no statistics

    return np.array(intervals_of_run(history, name, level))


def _chosen(history: RunRecord, names: str | Sequence[str] | None) -> list[str]:
    """Return the names of the lines: those of the given scores, or every score that is one number per epoch.

    The value of a class beside an average has no line unless it is asked for.
    """
    if names is None:
        chosen = main_scores(history)
        if not chosen:
            raise ValueError(f"no score here is one number per epoch; there are: {', '.join(history)}.")
    else:
        chosen = [line for name in ([names] if isinstance(names, str) else names) for line in _lines_of(history, name)]
    known = ", ".join(name for name in history if _base(history, name) is None)
    check_lines(len(chosen), f"Choose names= from: {known}.")
    return list(dict.fromkeys(chosen))


def main_scores(history: RunRecord) -> list[str]:
    """Return the names of the scores that are one number per epoch, without those of single classes or groups.

    Args:
        history: the record.
    """
    averaged = _scoring_of(history)
    return [name for name in history if history.is_scalar(name) and _base(history, name) not in averaged]


def _lines_of(history: RunRecord, name: str) -> list[str]:
    """Return the lines of a score: itself, or one per class."""
    if history.is_scalar(name):
        return [name]
    classes = [other for other in history if _base(history, other) == name]
    if not classes:
        raise ValueError(
            f"{name!r} is not one number per epoch, so it has no line. For a confusion matrix use plot_confusion()."
        )
    return classes


def _base(history: RunRecord, name: str) -> str | None:
    """Return the score with one value per class that a name belongs to as one class, or None."""
    if not history.is_scalar(name):
        return None
    averaged = _scoring_of(history)
    bases = [
        base
        for base in history
        if name.startswith(f"{base}_") and (base in averaged or not history.is_scalar(base)) and name not in averaged
    ]
    return max(bases, key=len, default=None)


def _scoring_of(history: RunRecord) -> Collection[str]:
    """Return the names of the scores as they were asked for, where values per class or group are added to them."""
    has_parts = history.settings.get("per_class") or history.settings.get("slices")
    names: Collection[str] = history.settings.get("scoring", ()) if has_parts else ()
    return names


def _losses(history: RunRecord) -> dict[str, list[float]]:
    found = {
        name: [logs.get(name, float("nan")) for logs in history.logs]
        for name in _LOSSES
        if any(name in logs for logs in history.logs)
    }
    if not found:
        raise ValueError("no loss was logged with these scores, so there is none to draw. Leave losses= out.")
    return found


def by_magnitude(scores: _Series) -> list[_Series]:
    """Group scores that share an axis: those up to 1 in size, up to 10, up to 100 …; negative ones separately.

    Args:
        scores: name → one value per epoch.
    """
    groups: dict[tuple[int, bool], dict[str, Sequence[float]]] = {}
    for name, values in scores.items():
        finite = np.array([value for value in values if math.isfinite(value)])
        size = math.ceil(math.log10(np.abs(finite).max(initial=1)))
        groups.setdefault((size, len(finite) > 0 and bool(finite.max() < 0)), {})[name] = values
    return [groups[size] for size in sorted(groups)]


def _marked(values: Sequence[float], number: int, best: int | None) -> list[int]:
    """Return the points that get a marker: the best, those between two gaps, and about ten others.

    The others differ from line to line, so that markers show where lines overlap.
    """
    step = max(1, len(values) // 10)
    gap = np.concatenate([[True], np.isnan(np.asarray(values, float)), [True]])
    isolated = gap[:-2] & gap[2:]
    return [index for index in range(len(values)) if isolated[index] or index == best or index % step == number % step]
