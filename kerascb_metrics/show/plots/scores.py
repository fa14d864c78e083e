"""Scores over the epochs, the best of each marked."""

import math

import numpy as np

from kerascb_metrics.show.plots.axes import check_lines, legend, panels, room, short, style

# Marks the best without hiding the marker of its line.
_RING = {"marker": "o", "markersize": 13, "color": "black", "fillstyle": "none", "markeredgewidth": 1.6}
_LOSSES = ("loss", "val_loss")


class ScoresDisplay:
    """Scores over the epochs; scores of one order of magnitude share a panel, and the losses have their own.

    Args:
        epochs: (E,) the scored epochs, counted from 0.
        scores: name → (E,) values.
        best: name → `(epoch, value)` of the scores that have a best.
        losses: name → (E,) values.

    Attributes:
        figure_: the matplotlib figure.
        ax_: the first panel; `axes_`: all of them, top down.
    """

    def __init__(self, epochs, scores, *, best=None, losses=None):
        self.epochs = epochs
        self.scores = scores
        self.best = best or {}
        self.losses = losses or {}

    @classmethod
    def from_history(cls, history, names=None, *, losses=False):
        """Take them out of a `ScoreHistory`; arguments as in `ScoreHistory.plot`."""
        if not history.epochs:
            raise ValueError("no epoch was scored yet, so there is nothing to draw.")
        chosen = _chosen(history, names)
        return cls(
            list(history.epochs),
            {name: list(history[name]) for name in chosen},
            best={name: history.best(name) for name in chosen if _has_best(history, name)},
            losses=_losses(history) if losses else {},
        )

    def plot(self, ax=None):
        """Draw it.

        Args:
            ax: matplotlib axes; None for a figure of its own. Several panels divide the place of `ax`.

        Returns:
            The display itself.
        """
        groups = [*_by_magnitude(self.scores), *([self.losses] if self.losses else [])]
        sizes = [room(map(self._label, group), 6, 2.7) for group in groups]
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

    def _label(self, name):
        """What the legend says of a line."""
        if name not in self.best:
            return self._short[name]
        epoch, value = self.best[name]
        return f"{self._short[name]}, best {value:.4g} in epoch {epoch}"

    @property
    def _short(self):
        return dict(zip(self.scores, short(self.scores, 32), strict=True)) | {name: name for name in self.losses}

    def _draw(self, panel, name, values, number):
        best = self.epochs.index(self.best[name][0]) if name in self.best else None
        panel.plot(
            self.epochs, values, label=self._label(name), markevery=_marked(values, number, best), **style(number)
        )
        if best is not None:
            panel.plot(*self.best[name], linestyle="none", **_RING)

    def _finish(self, panel):
        panel.xaxis.get_major_locator().set_params(integer=True)
        if len(self.epochs) == 1:
            panel.set_xticks(self.epochs)
        panel.ticklabel_format(axis="y", useOffset=False)
        panel.grid(alpha=0.3)
        legend(panel)


def _chosen(history, names):
    """The names of the lines: given, or every score of one number; one with a value a class stands for its classes."""
    if names is None:
        chosen = [name for name in history if not _is_wide(history, name)]
        if not chosen:
            raise ValueError(f"no score here is one number an epoch; there are: {', '.join(history)}.")
    else:
        chosen = [one for name in ([names] if isinstance(names, str) else names) for one in _lines_of(history, name)]
    known = ", ".join(name for name in history if _base(history, name) is None)
    check_lines(len(chosen), f"Choose names= of: {known}.")
    return list(dict.fromkeys(chosen))


def _lines_of(history, name):
    if not _is_wide(history, name):
        return [name]
    classes = [one for one in history if _base(history, one) == name]
    if not classes:
        raise ValueError(f"{name!r} is no single number an epoch, so no line. A confusion matrix: plot_confusion().")
    return classes


def _base(history, name):
    """The score with a value a class of which a name is one class, or None."""
    if _is_wide(history, name):
        return None
    bases = [base for base in history if name.startswith(f"{base}_") and _is_wide(history, base)]
    return max(bases, key=len, default=None)


def _is_wide(history, name):
    return any(np.ndim(value) for value in history[name])


def _has_best(history, name):
    try:
        history.best(name)
    except ValueError:  # no direction is known, or no epoch has a value
        return False
    return True


def _losses(history):
    found = {
        name: [logs.get(name, float("nan")) for logs in history.logs]
        for name in _LOSSES
        if any(name in logs for logs in history.logs)
    }
    if not found:
        raise ValueError("no loss was logged beside these scores, so there is none to draw. Leave losses out.")
    return found


def _by_magnitude(scores):
    """The scores in groups that share an axis: those up to 1 in size, up to 10, up to 100 …; negative ones apart."""
    groups: dict[tuple, dict] = {}
    for name, values in scores.items():
        finite = np.array([value for value in values if math.isfinite(value)])
        size = math.ceil(math.log10(np.abs(finite).max(initial=1)))
        groups.setdefault((size, len(finite) > 0 and finite.max() < 0), {})[name] = values
    return [groups[size] for size in sorted(groups)]


def _marked(values, number, best):
    """The points with a marker: the best, those between two gaps, and about ten, at other places for each line."""
    every = max(1, len(values) // 10)
    gap = np.concatenate([[True], np.isnan(np.asarray(values, float)), [True]])
    alone = gap[:-2] & gap[2:]
    return [place for place in range(len(values)) if alone[place] or place == best or place % every == number % every]
