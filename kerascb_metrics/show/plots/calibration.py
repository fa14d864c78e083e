"""The calibration of one class: how often it is true, by its predicted probability."""

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from kerascb_metrics.insight.calibration import Calibration
from kerascb_metrics.show.plots.axes import add_legend, aspect, panels, shorten, size_with_legend, style

if TYPE_CHECKING:  # matplotlib is an extra
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

_PERFECT: dict[str, Any] = {"color": "0.5", "linestyle": (0, (1, 2)), "linewidth": 1.2}
_BAND: dict[str, Any] = {"color": "0.85", "zorder": 1}
# The area of the marker of the bin with the most rows, and of one without rows.
_LARGEST, _SMALLEST = 60.0, 12.0


class CalibrationDisplay:
    """Predicted probabilities of one class and how often they came true, with the band of a calibrated model.

    Args:
        calibration: the `Calibration`.
        title: the title of the plot.

    Attributes:
        line_: the line through the bins.
        figure_: the matplotlib figure, or the subfigure of the axes that were given.
        ax_: its axes.
    """

    line_: "Line2D"
    figure_: Any
    ax_: "Axes"

    def __init__(self, calibration: Calibration, *, title: str | None = None) -> None:
        self.calibration = calibration
        self.title = title

    def plot(self, ax: "Axes | None" = None) -> Self:
        """Draw the share of the class in each bin, and the band in which a calibrated model would have it.

        Markers are larger where a bin has more rows. The axes end where the bins do.

        Args:
            ax: matplotlib axes; None for a new figure.

        Returns:
            The display itself.
        """
        found = self.calibration
        self.figure_, (self.ax_,) = panels(ax, size=size_with_legend([22 * " "], 5, 4.8))
        if not found.reason:
            label = f"{100 * found.confidence_level:.4g} % of\ncalibrated models"
            self.ax_.fill_between(found.prob_pred, found.low, found.high, label=label, linewidth=0, **_BAND)
            if len(found.n) == 1:  # a line has no area
                self.ax_.vlines(found.prob_pred, found.low, found.high, linewidth=5, **_BAND)
        self.ax_.axline((0, 0), slope=1, label="perfectly\ncalibrated", **_PERFECT)
        look = {**style(0), "marker": "none"}
        (self.line_,) = self.ax_.plot(found.prob_pred, found.prob_true, label=self._bins, zorder=3, **look)
        sizes = _SMALLEST + (_LARGEST - _SMALLEST) * found.n / max(found.n.max(), 1)
        self.ax_.scatter(found.prob_pred, found.prob_true, sizes, look["color"], zorder=3)
        limits = self._limits
        self.ax_.set(xlim=limits, ylim=limits)
        self.ax_.set_title(self._heading, fontsize="medium")
        short = shorten([found.class_name])[0]
        self.ax_.set(xlabel=f"predicted probability of class {short}", ylabel=f"share of class {short}")
        self.ax_.set_aspect(aspect(self.ax_))
        self.ax_.grid(alpha=0.3)
        add_legend(self.ax_)
        return self

    @property
    def _bins(self) -> str:
        """How many bins there are, of how many rows: the text of the line in the legend."""
        n = self.calibration.n
        low, high = (f"{rows:,.6g}" for rows in (n.min(), n.max()))
        return f"{len(n)} bin{'s' * (len(n) > 1)} of\n{low if low == high else f'{low} to {high}'} rows"

    @property
    def _heading(self) -> str:
        """The title, and what the figures are worth: ECE only beside that of a calibrated model."""
        found = self.calibration
        lines = [f"Brier score {found.brier:.4f}, log loss {found.log_loss:.4f}"]
        if not found.reason:
            lines.append(f"ECE {found.ece:.4f} (if calibrated {found.ece_if_calibrated:.4f})")
        return "\n".join([*filter(None, [self.title]), *lines])

    @property
    def _limits(self) -> tuple[float, float]:
        """Where the axes begin and end: at 0 and 1, or nearer where all bins lie near one of them."""
        found = self.calibration
        values = np.concatenate([found.prob_pred, found.prob_true, found.low, found.high])
        low, high = np.nanmin(values), np.nanmax(values)
        room = 0.05 * max(high - low, 0.01)
        return (-room if low < 0.5 else float(low - room)), (1 + room if high > 0.5 else float(high + room))
