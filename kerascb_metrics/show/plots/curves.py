"""ROC and precision-recall curves of epochs and classes; precision, recall and F1 by threshold."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import numpy as np
from sklearn.metrics import PrecisionRecallDisplay, RocCurveDisplay

from kerascb_metrics.record.class_names import chosen_names, names_of_curves, only_name
from kerascb_metrics.record.epoch_record import EpochRecord
from kerascb_metrics.record.result_record import ResultRecord
from kerascb_metrics.record.values import is_number
from kerascb_metrics.show.plots.axes import (
    add_legend,
    aspect,
    check_lines,
    panels,
    shorten,
    size_with_legend,
    style,
    title_of,
)
from kerascb_metrics.tally.curve import Curve

if TYPE_CHECKING:  # matplotlib is an extra
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

# Marks the highest F1.
_STAR: dict[str, Any] = {"marker": "*", "markersize": 15, "markeredgecolor": "black", "linestyle": "none", "zorder": 3}
_CHANCE: dict[str, Any] = {"color": "0.5", "linestyle": (0, (1, 2)), "linewidth": 1.2}

_CurveDisplay: TypeAlias = RocCurveDisplay | PrecisionRecallDisplay
# Makes a display of a curve, its recorded score, and the name of its class.
_MakeDisplay: TypeAlias = Callable[[Curve, float | None, str | None], _CurveDisplay]


class CurvesDisplay:
    """Curves of several epochs or classes in one plot, each drawn by scikit-learn's display of one curve.

    Args:
        displays: one `sklearn.metrics.RocCurveDisplay` or `PrecisionRecallDisplay` per curve.
        names: the text of each curve in the legend.
        title: the title of the plot.
        chance: whether to draw the chance level, by the last display.

    Attributes:
        lines_: the line of each curve.
        figure_: the matplotlib figure, or the subfigure of the axes that were given.
        ax_: its axes.
    """

    lines_: "list[Line2D]"
    figure_: Any
    ax_: "Axes"

    def __init__(
        self, displays: Sequence[_CurveDisplay], names: Sequence[str], *, title: str | None = None, chance: bool = True
    ) -> None:
        self.displays = displays
        self.names = names
        self.title = title
        self.chance = chance

    def plot(self, ax: "Axes | None" = None) -> Self:
        """Draw the curves.

        Args:
            ax: matplotlib axes; None for a new figure.

        Returns:
            The display itself.
        """
        self.figure_, (self.ax_,) = panels(ax, size=size_with_legend([*self.names, 26 * " "], 5, 4.8))
        for number, (display, name) in enumerate(zip(self.displays, self.names, strict=True)):
            chance = self.chance and number == len(self.displays) - 1
            # The name is given here too: scikit-learn 1.6 always draws a legend, and warns if it is empty.
            display.plot(ax=self.ax_, name=name, plot_chance_level=chance, chance_level_kw=_CHANCE if chance else None)
            # The markers of each curve are at other places, so that they show where curves overlap.
            display.line_.set(**style(number), label=name, markevery=(0.03 * (number % 5), 0.15))
        self.lines_ = [display.line_ for display in self.displays]
        self.ax_.set_aspect(aspect(self.ax_))
        self.ax_.set_title(self.title or "")
        self.ax_.grid(alpha=0.3)
        add_legend(self.ax_)
        return self


class ThresholdDisplay:
    """Precision, recall and F1 of one class by threshold; a row above the threshold is positive.

    Args:
        thresholds: (K,) ascending: probabilities of the class, or margins.
        precision, recall, f1: (K,) of the rows that score at or above each threshold.
        threshold: the threshold that the task uses if none is chosen, or None.
        chosen: the threshold that a score chose, or None.
        cross_fitted: F1 of the rows, each fifth labelled by the threshold that the other four choose; with `chosen`.
        axis: the label of the threshold axis.
        title: the title of the plot.

    Attributes:
        lines_: the lines of precision, recall and F1.
        figure_: the matplotlib figure, or the subfigure of the axes that were given.
        ax_: its axes.
    """

    lines_: "list[Line2D]"
    figure_: Any
    ax_: "Axes"

    def __init__(
        self,
        thresholds: np.ndarray,
        precision: np.ndarray,
        recall: np.ndarray,
        f1: np.ndarray,
        *,
        threshold: float | None = None,
        chosen: float | None = None,
        cross_fitted: float = float("nan"),
        axis: str = "threshold",
        title: str | None = None,
    ) -> None:
        self.thresholds = thresholds
        self.precision = precision
        self.recall = recall
        self.f1 = f1
        self.threshold = threshold
        self.chosen = chosen
        self.cross_fitted = cross_fitted
        self.axis = axis
        self.title = title

    @classmethod
    def from_result(cls, result: ResultRecord, class_name: object = None, *, output: str | None = None) -> Self:
        """Return the display of a result; the arguments are those of `Scores.plot_threshold`."""
        tally = result.tally(output)
        name = only_name(_class_names(tally, class_name, result.subject), "this plot shows")
        thresholds, tps, fps = _ascending_counts(tally, name)
        positives = tally.curves[name].positives
        return cls(
            thresholds,
            np.divide(tps, tps + fps, out=np.full(len(tps), np.nan), where=tps + fps > 0),
            tps / positives,
            2 * tps / (tps + fps + positives),
            threshold=tally.own_threshold(name),
            chosen=tally.chosen_threshold(name),
            cross_fitted=tally.own_f1(name),
            axis=_threshold_axis(tally, name),
            title=title_of(output, result.epoch),
        )

    @property
    def best(self) -> tuple[float, float]:
        """`(threshold, F1)` of the highest F1 among the drawn points, which include the default threshold."""
        index = int(np.argmax(self.f1))
        return float(self.thresholds[index]), float(self.f1[index])

    def plot(self, ax: "Axes | None" = None) -> Self:
        """Draw the lines, the default threshold, and the highest F1, or the threshold that a score chose.

        Args:
            ax: matplotlib axes; None for a new figure.

        Returns:
            The display itself.
        """
        self.figure_, (self.ax_,) = panels(ax, size=(8, 4.2))
        lines = {"precision": self.precision, "recall": self.recall, "F1": self.f1}
        # The values at a threshold hold down to the next lower score.
        self.lines_ = [
            self.ax_.plot(
                self.thresholds, values, drawstyle="steps-pre", label=name, markevery=(0.05 * i, 0.15), **style(i)
            )[0]
            for i, (name, values) in enumerate(lines.items())
        ]
        if self.chosen is None:
            threshold, value = self.best
            label = f"highest F1 drawn:\n{value:.3f} at {threshold:.3g}"
            self.ax_.plot(threshold, value, color=style(2)["color"], label=label, **_STAR)
        elif np.isfinite(self.chosen):
            self._mark_chosen(self.chosen)
        if self.threshold is not None:
            self.ax_.axvline(
                self.threshold, color="black", linewidth=1, label=f"default\nthreshold {self.threshold:.3g}"
            )
        self.ax_.set(xlabel=self.axis, ylim=(-0.02, 1.05), title=self.title or "")
        self.ax_.grid(alpha=0.3)
        add_legend(self.ax_)
        return self

    def _mark_chosen(self, chosen: float) -> None:
        """Mark the chosen threshold, and what it is worth on rows that did not choose it."""
        self.ax_.axvline(chosen, color="black", linewidth=1, linestyle="--", label=f"chosen\nthreshold {chosen:.3g}")
        label = f"cross-fitted F1:\n{self.cross_fitted:.3f}"
        self.ax_.plot(chosen, self.cross_fitted, color=style(2)["color"], label=label, **_STAR)


def roc_display(results: Sequence[ResultRecord], *, classes: object = None, output: str | None = None) -> CurvesDisplay:
    """Return the display of ROC curves; the arguments and errors are those of `Scores.plot_roc`."""

    def make(curve: Curve, score: float | None, pos_label: str | None) -> RocCurveDisplay:
        return RocCurveDisplay(fpr=curve.fpr, tpr=curve.tpr, roc_auc=score, pos_label=pos_label)

    return _curves_display(results, classes, output, make, ("auc", "roc_auc"))


def precision_recall_display(
    results: Sequence[ResultRecord], *, classes: object = None, output: str | None = None
) -> CurvesDisplay:
    """Return the display of precision-recall curves; the arguments and errors are those of `Scores.plot_roc`."""

    def make(curve: Curve, score: float | None, pos_label: str | None) -> PrecisionRecallDisplay:
        # scikit-learn draws steps from the highest recall to the lowest.
        return PrecisionRecallDisplay(
            curve.precision[::-1],
            curve.tpr[::-1],
            average_precision=score,
            pos_label=pos_label,
            prevalence_pos_label=curve.positives / (curve.positives + curve.negatives),
        )

    return _curves_display(results, classes, output, make, ("average_precision",))


def _curves_display(
    results: Sequence[ResultRecord],
    classes: object,
    output: str | None,
    make: _MakeDisplay,
    score_names: Sequence[str],
) -> CurvesDisplay:
    """Return one of scikit-learn's displays for each class of each result."""
    displays, labels = [], []
    for result in results:
        tally = result.tally(output)
        for name in _class_names(tally, classes, result.subject):
            score, score_text = _recorded(result, tally, name, output, score_names)
            displays.append(make(tally.curves[name], score, name))
            epoch = [result.subject] if len(results) > 1 else []
            labels.append(", ".join([_subject(tally, name), *epoch, *score_text]))
    check_lines(len(displays), "Choose fewer epochs, or some classes, as in classes=[…].")
    if len({display.pos_label for display in displays}) > 1:
        for display in displays:
            display.pos_label = None  # the legend names the class
    is_roc = isinstance(displays[0], RocCurveDisplay)
    one_class = displays[0].pos_label is not None
    title = title_of(output, results[0].epoch if len(results) == 1 else None)
    return CurvesDisplay(displays, labels, title=title, chance=is_roc or one_class)


def _subject(tally: EpochRecord, name: str) -> str:
    """Return which class a curve is of."""
    return f"{'label' if tally.kind == 'multilabel' else 'class'} {_short(tally, name)}"


def _short(tally: EpochRecord, name: str) -> str:
    names = list(tally.curves)
    return shorten(names)[names.index(name)]


def _class_names(tally: EpochRecord, chosen: Any, subject: str) -> list[str]:
    """Return the names of the classes to draw. `chosen` is one class, several, or None: all that have a curve."""
    return chosen_names(names_of_curves(tally, subject), chosen, subject)


def _recorded(
    result: ResultRecord, tally: EpochRecord, name: str, output: str | None, score_names: Sequence[str]
) -> tuple[float | None, list[str]]:
    """Return the recorded score of one curve and its text for the legend; `(None, [])` if none was recorded.

    With several classes this is the value per class of `average=None`. The score is not computed here: the area
    under the kept points is only an approximation.
    """
    for score_name in score_names:
        key = "_".join(filter(None, [output, score_name, None if tally.kind == "binary" else name]))
        value = result.values.get(key, np.nan)
        if is_number(value) and not np.isnan(value):
            return value, [f"{score_name} {value:.3f}"]
    return None, []


def _threshold_axis(tally: EpochRecord, name: str) -> str:
    """Return what the thresholds of a class are; those of the class of low outputs are of the negated outputs."""
    if tally.scale == "margin":
        return "threshold of −output" if tally.inverted else "threshold"
    return f"threshold: probability of class {_short(tally, name)}"


def _ascending_counts(tally: EpochRecord, name: str) -> list[np.ndarray]:
    """Return thresholds, ascending, and true and false positives at or above each.

    The default threshold of the task is one of them. The first point of the curve, where no row is positive, is not.
    """
    curve, kept = tally.curves[name], slice(None, 0, -1)
    columns = [tally.thresholds(name)[kept], curve.tps[kept], curve.fps[kept]]
    default, counts = tally.own_threshold(name), tally.own_counts(name)
    if default is None or counts is None:
        return columns
    index = np.searchsorted(columns[0], default, side="right")
    return [np.insert(column, index, value) for column, value in zip(columns, (default, *counts), strict=True)]
