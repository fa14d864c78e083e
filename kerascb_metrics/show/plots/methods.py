"""Pictures of a `ScoreHistory` in scikit-learn's manner: data, and `plot(ax=None)` that returns itself.

matplotlib, the extra `plot`, is imported when something is drawn. Nothing here shows a figure or closes one.
"""

from typing import Any

from kerascb_metrics.show.plots.confusion import ConfusionDisplay, LabelConfusionDisplay, confusion_display
from kerascb_metrics.show.plots.curves import CurvesDisplay, ThresholdDisplay, precision_recall_display, roc_display
from kerascb_metrics.show.plots.scores import ScoresDisplay

__all__ = [
    "ConfusionDisplay",
    "CurvesDisplay",
    "Displays",
    "LabelConfusionDisplay",
    "ScoresDisplay",
    "ThresholdDisplay",
]

_Epoch = int | str


class Displays:
    """The pictures of a `ScoreHistory`, as methods of it.

    Each draws at once, in `ax` or in a new figure, and returns a display: its data as attributes, `figure_`, `ax_`,
    and `plot(ax=None)` to draw it again.
    """

    def plot(self, names: str | list[str] | None = None, *, losses: bool = False, ax: Any = None) -> ScoresDisplay:
        """Draw scores over the epochs, the best of each marked.

        Args:
            names: of the scores; one with a value a class stands for all of them. None: every single number.
            losses: whether to draw `loss` and `val_loss` too, below.
            ax: matplotlib axes; None for a new figure. Scores of other magnitude, and losses, get panels of their own
                in its place.

        Returns:
            A `ScoresDisplay`.

        Raises:
            ImportError: without matplotlib.
            KeyError: for an unknown name.
            ValueError: where there is nothing to draw, or more than can be told apart.

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
        self, epoch: _Epoch = -1, *, normalize: str | None = None, output: str | None = None, ax: Any = None
    ) -> ConfusionDisplay | LabelConfusionDisplay:
        """Draw the confusion matrix of a scored epoch; of a multilabel task one a label.

        Args:
            epoch: one of `epochs`; −1: the last; "best": of the first score that has a best.
            normalize: None, "true" (over the rows), "pred" (over the columns) or "all", as in
                `sklearn.metrics.confusion_matrix`.
            output: which output of a model of several.
            ax: matplotlib axes; None for a new figure, which grows with the classes.

        Returns:
            A `ConfusionDisplay`, which is a `sklearn.metrics.ConfusionMatrixDisplay`; multilabel a
            `LabelConfusionDisplay`.

        Raises:
            ImportError: without matplotlib.
            ValueError: for an epoch that was not scored, or has no counts.
        """
        return confusion_display(self, epoch, normalize=normalize, output=output).plot(ax)

    def plot_roc(
        self,
        epochs: _Epoch | list[_Epoch] = -1,
        *,
        classes: str | list[str] | None = None,
        output: str | None = None,
        ax: Any = None,
    ) -> CurvesDisplay:
        """Draw the ROC curves of one scored epoch, or of several upon each other.

        The curves are exact at the points kept, about 1,000 a class. The area stands in the legend where it was
        recorded: `auc` or `roc_auc`, of several classes with `average=None`.

        Args:
            epochs: one, or a list, of what `plot_confusion` takes as `epoch`.
            classes: the names of classes or labels; None: all. A binary task has one curve, of the positive class.
            output: which output of a model of several.
            ax: matplotlib axes; None for a new figure.

        Returns:
            A `CurvesDisplay` of `sklearn.metrics.RocCurveDisplay`.

        Raises:
            ImportError: without matplotlib.
            ValueError: for an epoch that was not scored or has no such curve, and for more curves than can be told
                apart.
        """
        return roc_display(self, epochs, classes=classes, output=output).plot(ax)

    def plot_precision_recall(
        self,
        epochs: _Epoch | list[_Epoch] = -1,
        *,
        classes: str | list[str] | None = None,
        output: str | None = None,
        ax: Any = None,
    ) -> CurvesDisplay:
        """Draw the precision-recall curves of one scored epoch, or of several upon each other.

        Arguments and errors are those of `plot_roc`; the score in the legend is `average_precision`, where it was
        recorded.

        Returns:
            A `CurvesDisplay` of `sklearn.metrics.PrecisionRecallDisplay`.
        """
        return precision_recall_display(self, epochs, classes=classes, output=output).plot(ax)

    def plot_threshold(
        self, epoch: _Epoch = -1, class_name: str | None = None, *, output: str | None = None, ax: Any = None
    ) -> ThresholdDisplay:
        """Draw precision, recall and F1 of one class against the threshold, with the task's own threshold marked.

        Args:
            epoch: as in `plot_confusion`.
            class_name: the class or label; needed where there is more than one curve.
            output: which output of a model of several.
            ax: matplotlib axes; None for a new figure.

        Returns:
            A `ThresholdDisplay`.

        Raises:
            ImportError: without matplotlib.
            ValueError: for an epoch that was not scored or has no such curve.
        """
        return ThresholdDisplay.from_history(self, epoch, class_name, output=output).plot(ax)
