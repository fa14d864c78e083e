"""Confusion matrices of one epoch, readable from 2 classes to 100."""

import math
from typing import Any

import numpy as np
from sklearn.metrics import ConfusionMatrixDisplay, confusion_matrix

from kerascb_metrics.show.plots.axes import aspect, panels, short

_MOST_WITH_VALUES = 30  # classes
_SMALLEST_FONT = 5  # points
_LINE = 12  # points that the label of one row needs
NORMALIZE = (None, "true", "pred", "all")


class ConfusionDisplay(ConfusionMatrixDisplay):
    """scikit-learn's display of a confusion matrix, with the figure, fonts and tick labels fitted to the classes.

    Values are written into the cells where there is room; without them a colour bar stands beside.

    Args:
        confusion_matrix: (C, C), rows true, columns predicted.
        display_labels: (C,) the names of the classes.
        normalize: how it was normalised: None, "true", "pred" or "all".
        title: what stands above it.

    Attributes:
        figure_, ax_, im_, text_: as in `sklearn.metrics.ConfusionMatrixDisplay`.
    """

    text_: Any

    def __init__(self, confusion_matrix, *, display_labels=None, normalize=None, title=None):
        super().__init__(confusion_matrix, display_labels=display_labels)
        self.normalize = normalize
        self.title = title

    def plot(self, ax=None, *, include_values=None, colorbar=None, **options):
        """Draw it.

        Args:
            ax: matplotlib axes, of the size they have now; None for a figure of its own.
            include_values: whether values stand in the cells; None: where there is room.
            colorbar: whether there is one; None: where there are no values.
            **options: as in `ConfusionMatrixDisplay.plot`.

        Returns:
            The display itself.
        """
        n_classes = len(self.confusion_matrix)
        _, (ax,) = panels(ax, size=_size(n_classes, self._names))
        wanted = n_classes <= _MOST_WITH_VALUES if include_values is None else include_values
        look = _look(self.confusion_matrix, self.normalize, ax)
        super().plot(ax=ax, include_values=wanted, colorbar=False, **{**look, **options})
        ax.set_title(self.title or "")
        self._fit(wanted and include_values is None)
        if self.text_ is None if colorbar is None else colorbar:
            self.figure_.colorbar(self.im_, ax=ax, fraction=0.046, pad=0.04)
        return self

    def _fit(self, may_drop_values):
        """Fit fonts and tick labels to the cells, whose size the layout settles."""
        self._set_ticks(1, 90)
        self.figure_.canvas.figure.draw_without_rendering()  # of a subfigure, the whole
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

    def _set_ticks(self, step, rotation):
        shown, labels = range(0, len(self._names), step), self._names[::step]
        self.ax_.set_xticks(shown, labels, rotation=rotation)
        self.ax_.set_yticks(shown, labels)

    @property
    def _names(self):
        return short(range(len(self.confusion_matrix)) if self.display_labels is None else self.display_labels)

    def _drop_values(self):
        for text in self.text_.flat:
            text.remove()
        self.text_ = None


class LabelConfusionDisplay:
    """A small confusion matrix for each label of a multilabel task, in a grid.

    Args:
        confusion_matrices: (L, 2, 2) tables [[tn, fp], [fn, tp]].
        display_labels: (L,) the names of the labels.
        normalize: how each was normalised: None, "true", "pred" or "all".
        title: what stands above them.

    Attributes:
        displays_: a `ConfusionDisplay` a label.
        figure_: the matplotlib figure.
        ax_: the first label's axes; `axes_`: all of them.
    """

    def __init__(self, confusion_matrices, *, display_labels, normalize=None, title=None):
        self.confusion_matrices = confusion_matrices
        self.display_labels = display_labels
        self.normalize = normalize
        self.title = title

    def plot(self, ax=None):
        """Draw it.

        Args:
            ax: matplotlib axes, whose place is divided; None for a figure of its own.

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

    def _draw(self, number, columns):
        """Draw one label's table; only the outer ones of the grid say what the axes are."""
        table, ax = self.confusion_matrices[number], self.axes_[number]
        display = ConfusionMatrixDisplay(table).plot(ax=ax, colorbar=False, **_look(table, self.normalize, ax))
        _fit_values(display, min(9, 42 / _longest(display)))
        ax.set_title(short(self.display_labels, 16)[number], fontsize=9)
        is_lowest, is_left = number + columns >= len(self.confusion_matrices), number % columns == 0
        ax.set_xlabel("predicted" if is_lowest else "", fontsize=9)
        ax.set_ylabel("true" if is_left else "", fontsize=9)
        ax.tick_params(labelsize=8)
        return display


def _longest(display):
    return max(len(text.get_text()) for text in display.text_.flat)


def _fit_values(display, font):
    """Give the values their size, and the colour that shows on their cell."""
    for text, value in zip(display.text_.flat, display.confusion_matrix.flat, strict=True):
        text.set(fontsize=font, color="white" if display.im_.norm(value) > 0.6 else "black")


def confusion_display(history, epoch=-1, *, normalize=None, output=None):
    """Return the display of an epoch of a `ScoreHistory`: one matrix, or of a multilabel task one a label."""
    if normalize not in NORMALIZE:
        raise ValueError(f"normalize must be one of {', '.join(map(repr, NORMALIZE))}; received {normalize!r}.")
    tally = history.tally(epoch, output)
    title = " ".join([*([] if output is None else [f"{output},"]), f"epoch {history.epochs[history.index_of(epoch)]}"])
    matrix, options = tally.matrix(), {"normalize": normalize, "title": title, "display_labels": tally.class_names}
    if tally.kind == "multilabel":
        return LabelConfusionDisplay(np.stack([_normalized(table, normalize) for table in matrix]), **options)
    return ConfusionDisplay(_normalized(matrix, normalize), **options)


def _normalized(matrix, normalize):
    """The matrix as scikit-learn normalises it, a row without rows as zeros."""
    if normalize is None:
        return matrix
    y_true, y_pred = np.indices(matrix.shape).reshape(2, -1)
    return confusion_matrix(y_true, y_pred, sample_weight=matrix.ravel(), normalize=normalize)


def _look(matrix, normalize, ax):
    """Colours from white, nothing, to blue, and the form of the numbers."""
    form = "d" if np.issubdtype(matrix.dtype, np.integer) else ".4g" if normalize is None else ".2f"
    return {
        "cmap": "Blues",
        "values_format": form,
        "im_kw": {"vmin": 0, "vmax": matrix.max() or 1, "aspect": aspect(ax)},
    }


def _size(n_classes, names):
    side = float(np.clip(0.5 * n_classes, 2, 10))
    label = 0.085 * max(map(len, names))
    below = label if n_classes > 3 and label > 0.3 else 0.15
    return side + label + 0.6, side + below + 0.9
