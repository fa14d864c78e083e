"""The reports and plots of a result, as methods of it. `Scores` has them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, overload

from kerascb_metrics.insight.confidence import check_level
from kerascb_metrics.record.result_calibration import ResultCalibration
from kerascb_metrics.record.result_insight import ResultInsight
from kerascb_metrics.show.group_report import group_report
from kerascb_metrics.show.plots.axes import title_of
from kerascb_metrics.show.plots.calibration import CalibrationDisplay
from kerascb_metrics.show.plots.confusion import ConfusionDisplay, LabelConfusionDisplay, Normalize, confusion_display
from kerascb_metrics.show.plots.curves import CurvesDisplay, ThresholdDisplay, precision_recall_display, roc_display
from kerascb_metrics.show.plots.groups import GroupsDisplay
from kerascb_metrics.show.plots.prediction_error import ErrorKind, PredictionErrorDisplay, prediction_error_display
from kerascb_metrics.show.result_tables import text_of_intervals

if TYPE_CHECKING:  # matplotlib is an extra
    from matplotlib.axes import Axes


class ResultPlots(ResultCalibration, ResultInsight):
    """A result with the methods that show it."""

    @overload
    def report(
        self,
        *,
        output: str | None = None,
        output_dict: Literal[False] = False,
        confidence_level: float | None = None,
        by: Any = None,
    ) -> str: ...
    @overload
    def report(self, *, output: str | None = None, output_dict: Literal[True]) -> dict[str, Any]: ...
    @overload
    def report(
        self,
        *,
        output: str | None = None,
        output_dict: bool,
        confidence_level: float | None = None,
        by: Any = None,
    ) -> str | dict[str, Any]: ...
    def report(
        self,
        *,
        output: str | None = None,
        output_dict: bool = False,
        confidence_level: float | None = None,
        by: Any = None,
    ) -> str | dict[str, Any]:
        """Return `sklearn.metrics.classification_report`, or the recorded scores of each group of samples.

        Args:
            output: the name of the output if the model has several.
            output_dict: whether to return a dict instead of text.
            confidence_level: such as 0.95: the intervals of the recorded scores stand below the text, see
                `Scores.confidence_interval`.
            by: None; or the group of each sample, as in `Scores.by_group`: its table of each score that is one number.

        Returns:
            The report, as text or as a dict.

        Raises:
            ValueError: if there is no such output, or it has no counts (a regression, or undefined scores).

        >>> from kerascb_metrics import Metrics
        >>> print(Metrics().score([0, 1, 1, 0], [0.2, 0.9, 0.4, 0.1]).report())
                      precision    recall  f1-score   support
        <BLANKLINE>
                   0       0.67      1.00      0.80         2
                   1       1.00      0.50      0.67         2
        <BLANKLINE>
            accuracy                           0.75         4
           macro avg       0.83      0.75      0.73         4
        weighted avg       0.83      0.75      0.73         4
        <BLANKLINE>
        """
        if by is not None:
            if output_dict:
                raise ValueError("a report of groups is text. by_group(groups, name) returns the numbers.")
            return group_report(self, by, output, 0.95 if confidence_level is None else confidence_level)
        report = self._record.tally(output).report(output_dict)
        if confidence_level is None or isinstance(report, dict):
            return report
        check_level(confidence_level)
        return f"{report}\n{text_of_intervals(self._record, output, confidence_level)}"

    def plot_confusion(
        self, *, normalize: Normalize | None = None, output: str | None = None, ax: "Axes | None" = None
    ) -> ConfusionDisplay | LabelConfusionDisplay:
        """Draw the confusion matrix; for a multilabel task one per label.

        Args:
            normalize: None, "true" (over the rows), "pred" (over the columns) or "all", as in
                `sklearn.metrics.confusion_matrix`.
            output: the name of the output if the model has several.
            ax: matplotlib axes; None for a new figure, whose size depends on the number of classes.

        Returns:
            A `ConfusionDisplay`, which is a `sklearn.metrics.ConfusionMatrixDisplay`; for a multilabel task a
            `LabelConfusionDisplay`.

        Raises:
            ImportError: without matplotlib.
            ValueError: as `report`.

        >>> import pytest; plt = pytest.importorskip("matplotlib.pyplot")
        >>> from kerascb_metrics import Metrics
        >>> display = Metrics().score([0, 1, 1], [0.2, 0.9, 0.4]).plot_confusion()
        >>> display.confusion_matrix
        array([[1, 0],
               [1, 1]])
        >>> plt.close(display.figure_)
        """
        return confusion_display(self._record, normalize=normalize, output=output).plot(ax)

    def plot_roc(
        self,
        *,
        classes: str | Sequence[str] | None = None,
        output: str | None = None,
        ax: "Axes | None" = None,
    ) -> CurvesDisplay:
        """Draw the ROC curves.

        The curves are exact at the points that are kept, about 1,000 per class. The legend has the area if it was
        recorded: `auc` or `roc_auc`, for several classes with `average=None`.

        Args:
            classes: the names of classes or labels; None: all. A binary task has one curve, of the positive class.
            output: the name of the output if the model has several.
            ax: matplotlib axes; None for a new figure.

        Returns:
            A `CurvesDisplay` of `sklearn.metrics.RocCurveDisplay` objects.

        Raises:
            ImportError: without matplotlib.
            ValueError: as `report`; if there is no such curve, or there are too many curves to distinguish.

        >>> import pytest; plt = pytest.importorskip("matplotlib.pyplot")
        >>> from kerascb_metrics import Metrics
        >>> display = Metrics().score([0, 1, 1], [0.2, 0.9, 0.4]).plot_roc()
        >>> display.names
        ['class 1, auc 1.000']
        >>> plt.close(display.figure_)
        """
        return roc_display([self._record], classes=classes, output=output).plot(ax)

    def plot_precision_recall(
        self,
        *,
        classes: str | Sequence[str] | None = None,
        output: str | None = None,
        ax: "Axes | None" = None,
    ) -> CurvesDisplay:
        """Draw the precision-recall curves. The legend has the `average_precision` if it was recorded.

        Args:
            classes: as in `plot_roc`.
            output: the name of the output if the model has several.
            ax: matplotlib axes; None for a new figure.

        Returns:
            A `CurvesDisplay` of `sklearn.metrics.PrecisionRecallDisplay` objects.

        Raises:
            ImportError: without matplotlib.
            ValueError: as in `plot_roc`.

        >>> import pytest; plt = pytest.importorskip("matplotlib.pyplot")
        >>> from kerascb_metrics import Metrics
        >>> scores = Metrics("average_precision").score([0, 1, 1], [0.2, 0.9, 0.4])
        >>> display = scores.plot_precision_recall()
        >>> display.names
        ['class 1, average_precision 1.000']
        >>> plt.close(display.figure_)
        """
        return precision_recall_display([self._record], classes=classes, output=output).plot(ax)

    def plot_threshold(
        self, class_name: str | None = None, *, output: str | None = None, ax: "Axes | None" = None
    ) -> ThresholdDisplay:
        """Draw precision, recall and F1 of one class by threshold, and mark the default threshold of the task.

        Of a task whose threshold a score chooses that threshold is marked too, with F1 of rows that did not choose it.
        Else the highest F1 is marked, which is too good to be expected of other rows.

        Args:
            class_name: the class or label; required if there are several curves.
            output: the name of the output if the model has several.
            ax: matplotlib axes; None for a new figure.

        Returns:
            A `ThresholdDisplay`.

        Raises:
            ImportError: without matplotlib.
            ValueError: as in `plot_roc`.

        >>> import pytest; plt = pytest.importorskip("matplotlib.pyplot")
        >>> from kerascb_metrics import Metrics
        >>> display = Metrics().score([0, 1, 1], [0.25, 0.75, 0.375]).plot_threshold()
        >>> display.best
        (0.375, 1.0)
        >>> plt.close(display.figure_)
        """
        return ThresholdDisplay.from_result(self._record, class_name, output=output).plot(ax)

    def plot_groups(
        self, name: str, groups: Any = None, *, confidence_level: float = 0.95, ax: "Axes | None" = None
    ) -> GroupsDisplay:
        """Draw a score of each group of samples, with its interval and number of rows.

        Args:
            name: a score of one number.
            groups: as in `Scores.by_group`; None: the only one of the `slices` of `Metrics`.
            confidence_level: of all intervals together, as in `Scores.by_group`.
            ax: matplotlib axes; None for a new figure, whose height depends on the number of groups.

        Returns:
            A `GroupsDisplay`, with the `GroupScores` as its `scores`.

        Raises:
            ImportError: without matplotlib.
            KeyError, MissingRowsError, ValueError: as in `Scores.by_group`.

        >>> import pytest; plt = pytest.importorskip("matplotlib.pyplot")
        >>> from kerascb_metrics import Metrics
        >>> scores = Metrics("recall").score([0, 1, 1, 1, 0, 1, 1, 1], [0.2, 0.9, 0.7, 0.6, 0.6, 0.9, 0.2, 0.1])
        >>> display = scores.plot_groups("recall", ["a"] * 4 + ["b"] * 4)
        >>> display.scores["a"], display.ax_.get_title()
        (1.0, 'all equal: p = 0.083')
        >>> plt.close(display.figure_)
        """
        if groups is None:
            groups = self._only_slices()
        found = self.by_group(groups, name, confidence_level=confidence_level)
        return GroupsDisplay(found, title_of(None, self._record.epoch)).plot(ax)

    def plot_calibration(
        self,
        class_name: str | None = None,
        *,
        n_bins: int = 10,
        confidence_level: float = 0.95,
        output: str | None = None,
        ax: "Axes | None" = None,
    ) -> CalibrationDisplay:
        """Draw how often a class is true, by its predicted probability, and what a calibrated model would have.

        A share outside the grey band is more than chance. `Scores.calibration` has the numbers.

        Args:
            class_name: the class or label; required if there are several.
            n_bins: into how many bins of about equal numbers of rows the probabilities go.
            confidence_level: of the band.
            output: the name of the output if the model has several.
            ax: matplotlib axes; None for a new figure.

        Returns:
            A `CalibrationDisplay`.

        Raises:
            ImportError: without matplotlib.
            ValueError: as `Scores.calibration`.

        >>> import pytest; plt = pytest.importorskip("matplotlib.pyplot")
        >>> from kerascb_metrics import Metrics
        >>> display = Metrics().score([0, 1, 1, 0], [0.25, 0.75, 0.75, 0.25]).plot_calibration()
        >>> display.calibration.prob_true
        array([0., 1.])
        >>> plt.close(display.figure_)
        """
        found = self.calibration(class_name, n_bins=n_bins, confidence_level=confidence_level, output=output)
        return CalibrationDisplay(found, title=title_of(output, self._record.epoch)).plot(ax)

    def plot_prediction_error(
        self,
        kind: ErrorKind = "actual_vs_predicted",
        *,
        output: str | None = None,
        column: int = 0,
        ax: "Axes | None" = None,
    ) -> PredictionErrorDisplay:
        """Draw the predictions of a regression, of at most 1,000 rows that are evenly spaced; weights are not drawn.

        Names and residuals are those of `sklearn.metrics.PredictionErrorDisplay`: a residual is true minus predicted.

        Args:
            kind: "actual_vs_predicted" with the diagonal, or "residual_vs_predicted" with the line of zero.
            output: the name of the output if the model has several.
            column: which column of the output; of more than four the first four are kept.
            ax: matplotlib axes; None for a new figure.

        Returns:
            A `PredictionErrorDisplay`, with `y_true`, `y_pred` and `residuals`.

        Raises:
            ImportError: without matplotlib.
            ValueError: if the task is no regression, there is no such output, column or kind, or no rows were kept
                (undefined scores, a .csv file).

        >>> import pytest; plt = pytest.importorskip("matplotlib.pyplot")
        >>> from kerascb_metrics import Metrics
        >>> scores = Metrics(task="regression").score([1.0, 2.5, 4.0], [1.5, 2.5, 3.0])
        >>> display = scores.plot_prediction_error("residual_vs_predicted")
        >>> display.residuals, display.ax_.get_title()
        (array([-0.5,  0. ,  1. ]), 'all 3 rows')
        >>> plt.close(display.figure_)
        """
        return prediction_error_display(self._record, kind=kind, output=output, column=column).plot(ax)
