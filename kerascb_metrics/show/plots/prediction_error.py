"""The predictions of a regression: against the true values, or the residuals against the predictions."""

from typing import TYPE_CHECKING, Any, Literal, Self, get_args

import numpy as np
import numpy.typing as npt

from kerascb_metrics.record.result_record import ResultRecord
from kerascb_metrics.show.plots.axes import COLOURS, aspect, literal, panels, title_of

if TYPE_CHECKING:  # matplotlib is an extra
    from matplotlib.axes import Axes
    from matplotlib.collections import PathCollection
    from matplotlib.lines import Line2D

# scikit-learn's names, see its `PredictionErrorDisplay`.
ErrorKind = Literal["actual_vs_predicted", "residual_vs_predicted"]


class PredictionErrorDisplay:
    """Points of true and predicted values, and the line of perfect predictions.

    Attributes and residuals, true minus predicted, are those of `sklearn.metrics.PredictionErrorDisplay`.

    Args:
        y_true: the true values, (N,).
        y_pred: the predicted ones, (N,).
        kind: what is drawn: "actual_vs_predicted" or "residual_vs_predicted".
        rows: which rows these are, in words.
        title: the title of the plot.

    Attributes:
        scatter_: the points.
        line_: the line of perfect predictions.
        figure_: the matplotlib figure, or the subfigure of the axes that were given.
        ax_: its axes.
    """

    scatter_: "PathCollection"
    line_: "Line2D"
    figure_: Any
    ax_: "Axes"

    def __init__(
        self,
        *,
        y_true: npt.NDArray[Any],
        y_pred: npt.NDArray[Any],
        kind: ErrorKind = "actual_vs_predicted",
        rows: str = "",
        title: str = "",
    ) -> None:
        self.y_true, self.y_pred, self.kind = y_true, y_pred, kind
        self.rows, self.title = rows, title

    @property
    def residuals(self) -> npt.NDArray[np.float64]:
        """True minus predicted, of each row."""
        residuals: npt.NDArray[np.float64] = self.y_true.astype(np.float64) - self.y_pred
        return residuals

    def plot(self, ax: "Axes | None" = None) -> Self:
        """Draw the points and the line.

        Args:
            ax: matplotlib axes; None for a new figure.

        Returns:
            The display itself.
        """
        self.figure_, (self.ax_,) = panels(ax, size=(5.2, 4.8))
        values = self.y_true if self.kind == "actual_vs_predicted" else self.residuals
        self.scatter_ = self.ax_.scatter(self.y_pred, values, 14, COLOURS[0], alpha=0.5, linewidths=0)
        if self.kind == "actual_vs_predicted":
            self.line_ = self.ax_.axline((0, 0), slope=1, **_PERFECT)
            both = np.concatenate([self.y_true, self.y_pred]).astype(np.float64)
            room = 0.05 * np.ptp(both) or 0.5
            limits = both.min() - room, both.max() + room
            self.ax_.set(xlim=limits, ylim=limits, ylabel="true value")
            self.ax_.set_aspect(aspect(self.ax_))
        else:
            self.line_ = self.ax_.axhline(0, **_PERFECT)
            self.ax_.set_ylabel("residual (true − predicted)")
        self.ax_.set_xlabel("predicted value")
        self.ax_.set_title("\n".join(filter(None, [literal(self.title), self.rows])), fontsize="medium")
        self.ax_.grid(alpha=0.3)
        return self


_PERFECT: dict[str, Any] = {"color": COLOURS[1], "linewidth": 1.2}


def prediction_error_display(
    result: ResultRecord, *, kind: str, output: str | None, column: int
) -> PredictionErrorDisplay:
    """Return the display of a result; the arguments and errors are those of `Scores.plot_prediction_error`."""
    known = get_args(ErrorKind)
    if kind not in known:
        raise ValueError(f"kind must be {' or '.join(map(repr, known))}; received {kind!r}.")
    record = result.regression(output)
    number = _number_of(column, len(record.columns), record.n_columns)
    own = record.columns[number]
    if not len(own.true):
        raise ValueError(f"column {number} of {result.subject} has no row: all were left out.")
    title = [title_of(output, result.epoch), f"column {number}" if record.n_columns > 1 else ""]
    return PredictionErrorDisplay(
        y_true=own.true,
        y_pred=own.predicted,
        kind="actual_vs_predicted" if kind == "actual_vs_predicted" else "residual_vs_predicted",
        rows=own.words + (", without their weights" if record.weighted else ""),
        title=", ".join(filter(None, title)),
    )


def _number_of(column: Any, kept: int, n_columns: int) -> int:
    """Return the number of a column that is kept."""
    is_whole = isinstance(column, int | np.integer) and not isinstance(column, bool)
    if not (is_whole and 0 <= column < kept):
        of_more = f": of {n_columns} columns the first {kept} are kept" if n_columns > kept else ""
        raise ValueError(f"column must be one of {', '.join(map(str, range(kept)))}{of_more}; received {column!r}.")
    return int(column)
