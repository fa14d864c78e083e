"""The plots of a `ScoreHistory`, in scikit-learn's style: a display has data and `plot(ax=None)`, which returns it.

matplotlib, the extra `plot`, is imported when something is drawn. No figure is shown or closed here.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kerascb_metrics.record.run_record import RunRecord
from kerascb_metrics.record.values import Epoch
from kerascb_metrics.show.plots.confusion import (
    ConfusionDisplay,
    LabelConfusionDisplay,
    Normalize,
    confusion_display,
)
from kerascb_metrics.show.plots.curves import CurvesDisplay, ThresholdDisplay, precision_recall_display, roc_display
from kerascb_metrics.show.plots.scores import ScoresDisplay

if TYPE_CHECKING:  # matplotlib is an extra
    from matplotlib.axes import Axes

__all__ = [
    "ConfusionDisplay",
    "CurvesDisplay",
    "LabelConfusionDisplay",
    "PlotMethods",
    "ScoresDisplay",
    "ThresholdDisplay",
]


class PlotMethods(RunRecord):
    """A `RunRecord` with methods that plot it.

    Each method draws at once, in `ax` or in a new figure, and returns a display: its data as attributes, `figure_`,
    `ax_`, and `plot(ax=None)` to draw it again.
    """

    def plot(
        self, names: str | Sequence[str] | None = None, *, losses: bool = False, ax: "Axes | None" = None
    ) -> ScoresDisplay:
        """Draw scores by epoch, and mark the best epoch of each.

        Args:
            names: of the scores; a score with one value per class stands for all its classes. None: every score that
                is one number per epoch.
            losses: whether to draw `loss` and `val_loss` too, in a panel below.
            ax: matplotlib axes; None for a new figure. If scores differ in magnitude, or losses are drawn, the axes
                are divided into panels.

        Returns:
            A `ScoresDisplay`.

        Raises:
            ImportError: without matplotlib.
            KeyError: for an unknown name.
            ValueError: if there is nothing to draw, or there are too many lines to distinguish.

        >>> import pytest; plt = pytest.importorskip("matplotlib.pyplot")
        >>> from kerascb_metrics import ScoreHistory
        >>> history = ScoreHistory({"f1": True})
        >>> for epoch, f1 in enumerate([0.5, 0.75, 0.7]): history.append(epoch, {"f1": f1})
        >>> display = history.plot("f1")
        >>> display.best, display.ax_.get_xlabel()
        ({'f1': (1, 0.75)}, 'epoch, counted from 0')
        >>> plt.close(display.figure_)
        """
        return ScoresDisplay.from_history(self, names, losses=losses).plot(ax)

    def plot_confusion(
        self,
        epoch: Epoch = -1,
        *,
        normalize: Normalize | None = None,
        output: str | None = None,
        ax: "Axes | None" = None,
    ) -> ConfusionDisplay | LabelConfusionDisplay:
        """Draw the confusion matrix of a scored epoch; for a multilabel task one per label.

        Args:
            epoch: one of `epochs`; −1: the last; "best": the best epoch of the first score that has one.
            normalize: None, "true" (over the rows), "pred" (over the columns) or "all", as in
                `sklearn.metrics.confusion_matrix`.
            output: which output of a model with several.
            ax: matplotlib axes; None for a new figure, whose size depends on the number of classes.

        Returns:
            A `ConfusionDisplay`, which is a `sklearn.metrics.ConfusionMatrixDisplay`; for a multilabel task a
            `LabelConfusionDisplay`.

        Raises:
            ImportError: without matplotlib.
            ValueError: for an epoch that was not scored or has no counts.
        """
        return confusion_display(self, epoch, normalize=normalize, output=output).plot(ax)

    def plot_roc(
        self,
        epochs: Epoch | Sequence[Epoch] = -1,
        *,
        classes: str | Sequence[str] | None = None,
        output: str | None = None,
        ax: "Axes | None" = None,
    ) -> CurvesDisplay:
        """Draw the ROC curves of one or several scored epochs in one plot.

        The curves are exact at the points that are kept, about 1,000 per class. The legend has the area if it was
        recorded: `auc` or `roc_auc`, for several classes with `average=None`.

        Args:
            epochs: one epoch or a list of them, each as in `plot_confusion`.
            classes: the names of classes or labels; None: all. A binary task has one curve, of the positive class.
            output: which output of a model with several.
            ax: matplotlib axes; None for a new figure.

        Returns:
            A `CurvesDisplay` of `sklearn.metrics.RocCurveDisplay` objects.

        Raises:
            ImportError: without matplotlib.
            ValueError: for an epoch that was not scored or has no such curve, and for too many curves to distinguish.
        """
        return roc_display(self, epochs, classes=classes, output=output).plot(ax)

    def plot_precision_recall(
        self,
        epochs: Epoch | Sequence[Epoch] = -1,
        *,
        classes: str | Sequence[str] | None = None,
        output: str | None = None,
        ax: "Axes | None" = None,
    ) -> CurvesDisplay:
        """Draw the precision-recall curves of one or several scored epochs in one plot.

        The legend has the `average_precision` if it was recorded.

        Args:
            epochs: as in `plot_roc`.
            classes: as in `plot_roc`.
            output: which output of a model with several.
            ax: matplotlib axes; None for a new figure.

        Returns:
            A `CurvesDisplay` of `sklearn.metrics.PrecisionRecallDisplay` objects.

        Raises:
            ImportError: without matplotlib.
            ValueError: as in `plot_roc`.
        """
        return precision_recall_display(self, epochs, classes=classes, output=output).plot(ax)

    def plot_threshold(
        self,
        epoch: Epoch = -1,
        class_name: str | None = None,
        *,
        output: str | None = None,
        ax: "Axes | None" = None,
    ) -> ThresholdDisplay:
        """Draw precision, recall and F1 of one class by threshold, and mark the default threshold of the task.

        Args:
            epoch: as in `plot_confusion`.
            class_name: the class or label; required if there are several curves.
            output: which output of a model with several.
            ax: matplotlib axes; None for a new figure.

        Returns:
            A `ThresholdDisplay`.

        Raises:
            ImportError: without matplotlib.
            ValueError: for an epoch that was not scored or has no such curve.
        """
        return ThresholdDisplay.from_history(self, epoch, class_name, output=output).plot(ax)
