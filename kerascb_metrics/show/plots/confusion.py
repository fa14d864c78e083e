"""Confusion matrices of one epoch, readable from 2 classes to 100."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, Self, get_args

import numpy as np
from sklearn.metrics import ConfusionMatrixDisplay, confusion_matrix

from kerascb_metrics.record.result_record import ResultRecord
from kerascb_metrics.show.plots.axes import aspect, panels, shorten, title_of

if TYPE_CHECKING:  # matplotlib is an extra
    from matplotlib.axes import Axes

Normalize = Literal["true", "pred", "all"]

_MOST_WITH_VALUES = 30  # classes
_SMALLEST_FONT = 5  # points
_LINE = 12  # points of height that the label of one row needs


class ConfusionDisplay(ConfusionMatrixDisplay):
    """scikit-learn's display of a confusion matrix, with figure size, fonts and tick labels adapted to the classes.

    Values are written into the cells if there is space for them; otherwise there is a colour bar.

    Args:
        confusion_matrix: (C, C), rows true, columns predicted.
        display_labels: (C,) the names of the classes.
        normalize: how the matrix was normalised: None, "true", "pred" or "all".
        title: the title of the plot.

    Attributes:
        figure_, ax_, im_, text_: as in `sklearn.metrics.ConfusionMatrixDisplay`.
    """

    confusion_matrix: np.ndarray
    ax_: "Axes"
    figure_: Any
    text_: Any

    def __init__(
        self,
        confusion_matrix: np.ndarray,
        *,
        display_labels: Sequence[object] | None = None,
        normalize: Normalize | None = None,
        title: str | None = None,
    ) -> None:
        super().__init__(confusion_matrix, display_labels=display_labels)
        self.normalize = normalize
        self.title = title

    def plot(
        self,
        ax: "Axes | None" = None,
        *,
        include_values: bool | None = None,
        colorbar: bool | None = None,
        **options: Any,
    ) -> Self:
        """Draw the matrix.

        Args:
            ax: matplotlib axes, which keep their size; None for a new figure.
            include_values: whether to write values into the cells; None: if there is space.
            colorbar: whether to draw a colour bar; None: if there are no values.
            **options: as in `ConfusionMatrixDisplay.plot`.

        Returns:
            The display itself.
        """
        n_classes = len(self.confusion_matrix)
        _, (ax,) = panels(ax, size=_size(n_classes, self._names))
        wanted = n_classes <= _MOST_WITH_VALUES if include_values is None else include_values
        defaults = _colours_and_format(self.confusion_matrix, self.normalize, ax)
        super().plot(ax=ax, include_values=wanted, colorbar=False, **{**defaults, **options})
        ax.set_title(self.title or "")
        self._fit(wanted and include_values is None)
        if self.text_ is None if colorbar is None else colorbar:
            self.figure_.colorbar(self.im_, ax=ax, fraction=0.046, pad=0.04)
        return self

    def _fit(self, may_drop_values: bool) -> None:
        """Fit fonts and tick labels to the cells, whose size is known after the layout."""
        self._set_ticks(1, 90)
        self.figure_.canvas.figure.draw_without_rendering()  # the whole figure, also for a subfigure
        extent = self.ax_.get_window_extent()
        cell = min(extent.width, extent.height) * 72 / self.figure_.dpi / len(self.confusion_matrix)
        is_wide = 6.5 * max(map(len, self._names)) > cell
        self._set_ticks(math.ceil(_LINE / cell), 90 if is_wide else 0)
        if self.text_ is None:
            return
        font = min(11, cell / (0.7 * _longest(self)))
        if font < _SMALLEST_FONT and may_drop_values:
            self._drop_values()
        else:
            _fit_values(self, font)

    def _set_ticks(self, step: int, rotation: int) -> None:
        shown, labels = range(0, len(self._names), step), self._names[::step]
        self.ax_.set_xticks(shown, labels, rotation=rotation)
        self.ax_.set_yticks(shown, labels)

    @property
    def _names(self) -> list[str]:
        return shorten(range(len(self.confusion_matrix)) if self.display_labels is None else self.display_labels)

    def _drop_values(self) -> None:
        for text in self.text_.flat:
            text.remove()
        self.text_ = None


class LabelConfusionDisplay:
    """Small confusion matrices in a grid, one per label of a multilabel task.

    Args:
        confusion_matrices: (L, 2, 2) tables [[tn, fp], [fn, tp]].
        display_labels: (L,) the names of the labels.
        normalize: how each was normalised: None, "true", "pred" or "all".
        title: the title of the plot.

    Attributes:
        displays_: one `sklearn.metrics.ConfusionMatrixDisplay` per label.
        figure_: the matplotlib figure, or the subfigure of the axes that were given.
        ax_: the axes of the first label.
        axes_: the axes of all labels.
    """

    displays_: list[ConfusionMatrixDisplay]
    figure_: Any
    ax_: "Axes"
    axes_: "list[Axes]"

    def __init__(
        self,
        confusion_matrices: np.ndarray,
        *,
        display_labels: Sequence[object],
        normalize: Normalize | None = None,
        title: str | None = None,
    ) -> None:
        self.confusion_matrices = confusion_matrices
        self.display_labels = display_labels
        self.normalize = normalize
        self.title = title

    def plot(self, ax: "Axes | None" = None) -> Self:
        """Draw the matrices.

        Args:
            ax: matplotlib axes, which are divided; None for a new figure.

        Returns:
            The display itself.
        """
        tables = self.confusion_matrices
        columns = math.ceil(math.sqrt(len(tables)))
        rows = math.ceil(len(tables) / columns)
        self.figure_, axes = panels(ax, rows, columns, (1.45 * columns + 0.6, 1.55 * rows + 0.9))
        for unused in axes[len(tables) :]:
            unused.remove()
        self.axes_ = axes[: len(tables)]
        self.ax_ = self.axes_[0]
        self.displays_ = [self._draw(number, columns) for number in range(len(tables))]
        if ax is None:
            self.figure_.suptitle(self.title or "")
        else:
            self.ax_.set_title(f"{self.title or ''}\n{self.ax_.get_title()}", fontsize=9)
        return self

    def _draw(self, number: int, columns: int) -> ConfusionMatrixDisplay:
        """Draw the table of one label; only the left column and the lowest row of the grid have axis labels."""
        table, ax = self.confusion_matrices[number], self.axes_[number]
        options = _colours_and_format(table, self.normalize, ax)
        display = ConfusionMatrixDisplay(table).plot(ax=ax, colorbar=False, **options)
        _fit_values(display, min(9, 42 / _longest(display)))
        ax.set_title(shorten(self.display_labels, 16)[number], fontsize=9)
        is_lowest, is_left = number + columns >= len(self.confusion_matrices), number % columns == 0
        ax.set_xlabel("predicted" if is_lowest else "", fontsize=9)
        ax.set_ylabel("true" if is_left else "", fontsize=9)
        ax.tick_params(labelsize=8)
        return display


def _longest(display: ConfusionMatrixDisplay) -> int:
    return max(len(text.get_text()) for text in display.text_.flat)


def _fit_values(display: ConfusionMatrixDisplay, font: float) -> None:
    """Set the size of the values, and a colour that is visible on their cell."""
    for text, value in zip(display.text_.flat, display.confusion_matrix.flat, strict=True):
        text.set(fontsize=font, color="white" if display.im_.norm(value) > 0.6 else "black")


def confusion_display(
    result: ResultRecord, *, normalize: Normalize | None = None, output: str | None = None
) -> ConfusionDisplay | LabelConfusionDisplay:
    """Return the display of a result: one matrix, or one per label of a multilabel task.

    The arguments and errors are those of `Scores.plot_confusion`.
    """
    choices = (None, *get_args(Normalize))
    if normalize not in choices:
        raise ValueError(f"normalize must be one of {', '.join(map(repr, choices))}; received {normalize!r}.")
    tally, title = result.tally(output), title_of(output, result.epoch)
    names, matrix = tally.class_names, tally.matrix()
    if tally.kind == "multilabel":
        tables = np.stack([_normalized(table, normalize) for table in matrix])
        return LabelConfusionDisplay(tables, display_labels=names, normalize=normalize, title=title)
    return ConfusionDisplay(_normalized(matrix, normalize), display_labels=names, normalize=normalize, title=title)


def _normalized(matrix: np.ndarray, normalize: Normalize | None) -> np.ndarray:
    """Return the matrix as scikit-learn normalises it; a row, column or matrix that sums to 0 stays 0."""
    if normalize is None:
        return matrix
    y_true, y_pred = np.indices(matrix.shape).reshape(2, -1)
    normalized: np.ndarray = confusion_matrix(y_true, y_pred, sample_weight=matrix.ravel(), normalize=normalize)
    return normalized


def _colours_and_format(matrix: np.ndarray, normalize: Normalize | None, ax: "Axes") -> dict[str, Any]:
    """Return options of `ConfusionMatrixDisplay.plot`: colours from white (0) to blue, and the number format."""
    values_format = "d" if np.issubdtype(matrix.dtype, np.integer) else ".4g" if normalize is None else ".2f"
    return {
        "cmap": "Blues",
        "values_format": values_format,
        "im_kw": {"vmin": 0, "vmax": matrix.max() or 1, "aspect": aspect(ax)},
    }


def _size(n_classes: int, names: Sequence[str]) -> tuple[float, float]:
    side = float(np.clip(0.5 * n_classes, 2, 10))
    label = 0.085 * max(map(len, names))
    below = label if n_classes > 3 and label > 0.3 else 0.15
    return side + label + 0.6, side + below + 0.9
