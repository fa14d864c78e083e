"""A score of each group of samples as a plot: a point and an interval per group."""

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from kerascb_metrics.insight.groups import GroupScores, group_text
from kerascb_metrics.show.plots.axes import COLOURS, literal, panels, shorten

if TYPE_CHECKING:  # matplotlib is an extra
    from matplotlib.axes import Axes

_MOST_GROUPS = 60


class GroupsDisplay:
    """The groups, the lowest score at the bottom, with the number of rows of each and a line for all rows.

    Args:
        scores: the `GroupScores`.
        title: the title of the plot.

    Attributes:
        figure_: the matplotlib figure, or the subfigure of the axes that were given.
        ax_: its axes.
    """

    figure_: Any
    ax_: "Axes"

    def __init__(self, scores: GroupScores, title: str = "") -> None:
        self.scores = scores
        self.title = title

    def plot(self, ax: "Axes | None" = None) -> Self:
        """Draw the groups.

        Args:
            ax: matplotlib axes; None for a new figure.

        Returns:
            The display itself.

        Raises:
            ValueError: if there are too many groups to read.
        """
        scores = self.scores
        if len(scores) > _MOST_GROUPS:
            raise ValueError(
                f"received {len(scores)} groups; one plot can show at most {_MOST_GROUPS}. print(by_group(…)) has all."
            )
        names = sorted(scores, key=lambda group: (not np.isnan(scores[group]), scores[group]))
        self.figure_, (self.ax_,) = panels(ax, size=(6.4, 1.6 + 0.3 * len(names)))
        labels = [
            f"{literal(label)}  ({scores.n[group]:,})"
            for label, group in zip(shorten(map(group_text, names)), names, strict=True)
        ]
        for place, group in enumerate(names):
            interval = scores.confidence_interval[group]
            self.ax_.plot(interval, (place, place), color=COLOURS[0], linewidth=1.6, solid_capstyle="butt")
            self.ax_.plot(scores[group], place, "o", color=COLOURS[0], markersize=6)
        self.ax_.axvline(scores.overall, color="black", linestyle="--", linewidth=1)
        self.ax_.set_yticks(range(len(names)), labels)
        self.ax_.set_ylim(-0.6, len(names) - 0.4)
        level = f"{100 * scores.confidence_level:.4g} % intervals of all groups together"
        dashed = f"{literal(scores.name)} (dashed: all rows, {scores.overall:.3f})"
        self.ax_.set_xlabel(f"{dashed}\n{level}", fontsize="medium")
        test = "" if np.isnan(scores.pvalue) else f"all equal: p = {scores.pvalue:.2g}"
        self.ax_.set_title("; ".join(filter(None, [self.title, test])), fontsize="medium")
        self.ax_.grid(alpha=0.3, axis="x")
        return self
