"""The reports and plots of the epochs of a run, as methods of it. `ScoreHistory` has them."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal, cast, overload

from kerascb_metrics.insight.confidence import check_level
from kerascb_metrics.record.result_record import ResultRecord
from kerascb_metrics.record.run_record import RunRecord
from kerascb_metrics.record.values import Epoch
from kerascb_metrics.show.plots.calibration import CalibrationDisplay
from kerascb_metrics.show.plots.confusion import ConfusionDisplay, LabelConfusionDisplay, Normalize
from kerascb_metrics.show.plots.curves import CurvesDisplay, ThresholdDisplay, precision_recall_display, roc_display
from kerascb_metrics.show.plots.groups import GroupsDisplay
from kerascb_metrics.show.plots.prediction_error import ErrorKind, PredictionErrorDisplay
from kerascb_metrics.show.plots.scores import ScoresDisplay
from kerascb_metrics.show.result_plots import ResultPlots

if TYPE_CHECKING:  # matplotlib is an extra
    from matplotlib.axes import Axes

Epochs = Epoch | Sequence[Epoch]


class HistoryPlots:
    """A run with the methods that show it, or one of its epochs."""

    _run: RunRecord

    def _shown(self, epoch: Epoch) -> ResultPlots:
        """Return an epoch as something that shows itself."""
        raise NotImplementedError

    @overload
    def report(
        self,
        epoch: Epoch = -1,
        *,
        output: str | None = None,
        output_dict: Literal[False] = False,
        confidence_level: float | None = None,
        by: Any = None,
    ) -> str: ...
    @overload
    def report(self, epoch: Epoch = -1, *, output: str | None = None, output_dict: Literal[True]) -> dict[str, Any]: ...
    @overload
    def report(self, epoch: Epoch = -1, *, output: str | None = None, output_dict: bool) -> str | dict[str, Any]: ...
    def report(
        self,
        epoch: Epoch = -1,
        *,
        output: str | None = None,
        output_dict: bool = False,
        confidence_level: float | None = None,
        by: Any = None,
    ) -> str | dict[str, Any]:
        """Return `sklearn.metrics.classification_report` of an epoch: `at(epoch).report(…)`, which documents it."""
        return self._shown(epoch).report(
            output=output, output_dict=output_dict, confidence_level=confidence_level, by=by
        )

    def plot(
        self,
        names: str | Sequence[str] | None = None,
        *,
        losses: bool = False,
        confidence_level: float | None = None,
        ax: "Axes | None" = None,
    ) -> ScoresDisplay:
        """Draw scores by epoch, and mark the best epoch of each.

        Args:
            names: of the scores; a score with one value per class stands for all its classes. None: every score that
                is one number per epoch.
            losses: whether to draw `loss` and `val_loss` too, in a panel below.
            confidence_level: such as 0.95: a band around each line, see `Scores.confidence_interval`; a score whose
                interval needs rows that are gone has none. None: no bands.
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
        if confidence_level is not None:
            check_level(confidence_level)
        display = ScoresDisplay.from_history(self._run, names, losses=losses, confidence_level=confidence_level)
        return display.plot(ax)

    def plot_confusion(
        self,
        epoch: Epoch = -1,
        *,
        normalize: Normalize | None = None,
        output: str | None = None,
        ax: "Axes | None" = None,
    ) -> ConfusionDisplay | LabelConfusionDisplay:
        """Draw the confusion matrix of an epoch: `at(epoch).plot_confusion(…)`, which documents it."""
        return self._shown(epoch).plot_confusion(normalize=normalize, output=output, ax=ax)

    def plot_roc(
        self,
        epochs: Epochs = -1,
        *,
        classes: str | Sequence[str] | None = None,
        output: str | None = None,
        ax: "Axes | None" = None,
    ) -> CurvesDisplay:
        """Draw the ROC curves of one or several epochs in one plot, as `Scores.plot_roc`; each epoch is as in `at`."""
        return roc_display(self._records(epochs), classes=classes, output=output).plot(ax)

    def plot_precision_recall(
        self,
        epochs: Epochs = -1,
        *,
        classes: str | Sequence[str] | None = None,
        output: str | None = None,
        ax: "Axes | None" = None,
    ) -> CurvesDisplay:
        """Draw precision-recall curves, as `Scores.plot_precision_recall`; each epoch is as in `at`."""
        return precision_recall_display(self._records(epochs), classes=classes, output=output).plot(ax)

    def plot_threshold(
        self,
        epoch: Epoch = -1,
        class_name: str | None = None,
        *,
        output: str | None = None,
        ax: "Axes | None" = None,
    ) -> ThresholdDisplay:
        """Draw precision, recall and F1 by threshold: `at(epoch).plot_threshold(…)`, which documents it."""
        return self._shown(epoch).plot_threshold(class_name, output=output, ax=ax)

    def plot_groups(
        self,
        name: str,
        groups: Any = None,
        epoch: Epoch = -1,
        *,
        confidence_level: float = 0.95,
        ax: "Axes | None" = None,
    ) -> GroupsDisplay:
        """Draw a score of each group of samples in an epoch: `at(epoch).plot_groups(…)`, which documents it."""
        return self._shown(epoch).plot_groups(name, groups, confidence_level=confidence_level, ax=ax)

    def plot_calibration(
        self,
        epoch: Epoch = -1,
        class_name: str | None = None,
        *,
        n_bins: int = 10,
        confidence_level: float = 0.95,
        output: str | None = None,
        ax: "Axes | None" = None,
    ) -> CalibrationDisplay:
        """Draw predicted probabilities and how often they came true: `at(epoch).plot_calibration(…)`, see there."""
        return self._shown(epoch).plot_calibration(
            class_name, n_bins=n_bins, confidence_level=confidence_level, output=output, ax=ax
        )

    def plot_prediction_error(
        self,
        epoch: Epoch = -1,
        kind: ErrorKind = "actual_vs_predicted",
        *,
        output: str | None = None,
        column: int = 0,
        ax: "Axes | None" = None,
    ) -> PredictionErrorDisplay:
        """Draw the predictions of a regression in an epoch: `at(epoch).plot_prediction_error(…)`, see there."""
        return self._shown(epoch).plot_prediction_error(kind, output=output, column=column, ax=ax)

    def _records(self, epochs: Epochs) -> list[ResultRecord]:
        """Return the record of each epoch, once."""
        several = not isinstance(epochs, str) and isinstance(epochs, Iterable)
        chosen: list[Any] = list(cast("Iterable[Any]", epochs)) if several else [epochs]
        if not chosen:
            raise ValueError(f"choose at least one epoch from {self._run.epochs}.")
        records = [self._run.at(epoch) for epoch in chosen]
        return list({record.epoch: record for record in records}.values())
