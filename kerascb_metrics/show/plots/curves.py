"""ROC and precision-recall curves of some epochs and classes, and precision, recall and F1 against the threshold."""

import numpy as np
from sklearn.metrics import PrecisionRecallDisplay, RocCurveDisplay

from kerascb_metrics.show.plots.axes import aspect, check_lines, legend, panels, room, short, style

# Marks the highest F1.
_STAR = {"marker": "*", "markersize": 15, "markeredgecolor": "black", "linestyle": "none", "zorder": 3}
_CHANCE = {"color": "0.5", "linestyle": (0, (1, 2)), "linewidth": 1.2}


class CurvesDisplay:
    """Curves of several epochs or classes in one picture, each drawn by scikit-learn's display of one curve.

    Args:
        displays: a `sklearn.metrics.RocCurveDisplay` or `PrecisionRecallDisplay` a curve.
        names: what the legend says of each curve.
        title: what stands above them.
        chance: whether the last display draws the line of chance too.

    Attributes:
        lines_: the line of each curve.
        figure_: the matplotlib figure.
        ax_: its axes.
    """

    def __init__(self, displays, names, *, title=None, chance=True):
        self.displays = displays
        self.names = names
        self.title = title
        self.chance = chance

    def plot(self, ax=None):
        """Draw it.

        Args:
            ax: matplotlib axes; None for a figure of its own.

        Returns:
            The display itself.
        """
        self.figure_, (self.ax_,) = panels(ax, size=room([*self.names, 26 * " "], 5, 4.8))
        for number, (display, name) in enumerate(zip(self.displays, self.names, strict=True)):
            chance = self.chance and number == len(self.displays) - 1
            # Named here too: scikit-learn 1.6 draws a legend in any case, and warns where there is nothing in it.
            display.plot(ax=self.ax_, name=name, plot_chance_level=chance, chance_level_kw=_CHANCE if chance else None)
            # Markers at other places for each curve, so that they show where curves lie upon each other.
            display.line_.set(**style(number), label=name, markevery=(0.03 * (number % 5), 0.15))
        self.lines_ = [display.line_ for display in self.displays]
        self.ax_.set_aspect(aspect(self.ax_))
        self.ax_.set_title(self.title or "")
        self.ax_.grid(alpha=0.3)
        legend(self.ax_)
        return self


class ThresholdDisplay:
    """Precision, recall and F1 of one class against the threshold above which a row is positive.

    Args:
        thresholds: (K,) rising: probabilities of the class, or margins.
        precision, recall, f1: (K,) of the rows that score at or above each.
        threshold: the one that the task uses, or None.
        axis: what the thresholds are.
        title: what stands above it.

    Attributes:
        lines_: the lines of precision, recall and F1.
        figure_: the matplotlib figure.
        ax_: its axes.
    """

    def __init__(self, thresholds, precision, recall, f1, *, threshold=None, axis="threshold", title=None):
        self.thresholds = thresholds
        self.precision = precision
        self.recall = recall
        self.f1 = f1
        self.threshold = threshold
        self.axis = axis
        self.title = title

    @classmethod
    def from_history(cls, history, epoch=-1, class_name=None, *, output=None):
        """Take it out of a `ScoreHistory`; arguments as in `ScoreHistory.plot_threshold`."""
        tally, epoch = history.tally(epoch, output), history.epochs[history.index_of(epoch)]
        names = _classes(tally, None if class_name is None else [class_name], epoch)
        if len(names) > 1:
            raise ValueError(f"one class goes into this picture: choose class_name= of {', '.join(names)}.")
        (name,) = names
        thresholds, tps, fps = _counts_rising(tally, name)
        positives = tally.curves[name].positives
        return cls(
            thresholds,
            np.divide(tps, tps + fps, out=np.full(len(tps), np.nan), where=tps + fps > 0),
            tps / positives,
            2 * tps / (tps + fps + positives),
            threshold=tally.own_threshold(name),
            axis="threshold" if tally.scale == "margin" else f"threshold: probability of class {_short(tally, name)}",
            title=_title(output, epoch),
        )

    @property
    def best(self):
        """`(threshold, F1)` where F1 is highest, of the points drawn: those kept, and the task's own threshold."""
        place = int(np.argmax(self.f1))
        return float(self.thresholds[place]), float(self.f1[place])

    def plot(self, ax=None):
        """Draw it.

        Args:
            ax: matplotlib axes; None for a figure of its own.

        Returns:
            The display itself.
        """
        self.figure_, (self.ax_,) = panels(ax, size=(8, 4.2))
        threshold, value = self.best
        lines = {"precision": self.precision, "recall": self.recall, "F1": self.f1}
        # What holds at a threshold holds down to the next lower score.
        self.lines_ = [
            self.ax_.plot(
                self.thresholds, values, drawstyle="steps-pre", label=name, markevery=(0.05 * i, 0.15), **style(i)
            )[0]
            for i, (name, values) in enumerate(lines.items())
        ]
        label = f"highest F1 drawn:\n{value:.3f} at {threshold:.3g}"
        self.ax_.plot(threshold, value, color=style(2)["color"], label=label, **_STAR)
        if self.threshold is not None:
            self.ax_.axvline(
                self.threshold, color="black", linewidth=1, label=f"the task's\nthreshold {self.threshold:.3g}"
            )
        self.ax_.set(xlabel=self.axis, ylim=(-0.02, 1.05), title=self.title or "")
        self.ax_.grid(alpha=0.3)
        legend(self.ax_)
        return self


def roc_display(history, epochs=-1, *, classes=None, output=None):
    """Return the `CurvesDisplay` of the ROC curves of a `ScoreHistory`."""

    def draw(curve, score, pos_label):
        return RocCurveDisplay(fpr=curve.fpr, tpr=curve.tpr, roc_auc=score, pos_label=pos_label)

    return _curves_display(history, epochs, classes, output, draw, ("auc", "roc_auc"))


def precision_recall_display(history, epochs=-1, *, classes=None, output=None):
    """Return the `CurvesDisplay` of the precision-recall curves of a `ScoreHistory`."""

    def draw(curve, score, pos_label):
        # scikit-learn's steps go on from falling recall.
        return PrecisionRecallDisplay(
            curve.precision[::-1],
            curve.tpr[::-1],
            average_precision=score,
            pos_label=pos_label,
            prevalence_pos_label=curve.positives / (curve.positives + curve.negatives),
        )

    return _curves_display(history, epochs, classes, output, draw, ("average_precision",))


def _curves_display(history, epochs, classes, output, draw, score_names):
    """One of scikit-learn's displays for each class of each epoch."""
    displays, names, places = [], [], _places(history, epochs)
    for place in places:
        epoch = history.epochs[place]
        tally = history.tally(epoch, output)
        for name in _classes(tally, classes, epoch):
            score, said = _recorded(history, place, tally, name, output, score_names)
            displays.append(draw(tally.curves[name], score, name))
            names.append(", ".join([*_of_what(tally, name, epoch, len(places) > 1), *said]))
    check_lines(len(displays), "Choose fewer epochs, or some classes, as in classes=[…].")
    if len({display.pos_label for display in displays}) > 1:
        for display in displays:
            display.pos_label = None  # of which class, the legend says
    is_roc = isinstance(displays[0], RocCurveDisplay)
    one_class = displays[0].pos_label is not None
    title = _title(output, history.epochs[places[0]] if len(places) == 1 else None)
    return CurvesDisplay(displays, names, title=title, chance=is_roc or one_class)


def _of_what(tally, name, epoch, several_epochs):
    """What a curve is of, as far as the title does not say it."""
    kind = "label" if tally.kind == "multilabel" else "class"
    return [f"{kind} {_short(tally, name)}", *([f"epoch {epoch}"] if several_epochs else [])]


def _short(tally, name):
    names = list(tally.curves)
    return short(names)[names.index(name)]


def _places(history, epochs):
    """Where the epochs stand in the lists, each once."""
    chosen = [epochs] if isinstance(epochs, str) or np.ndim(epochs) == 0 else list(epochs)
    if not chosen:
        raise ValueError(f"choose at least one epoch of {history.epochs}.")
    return list(dict.fromkeys(history.index_of(epoch) for epoch in chosen))


def _classes(tally, chosen, epoch):
    """The names of the classes whose curves are drawn."""
    if not tally.curves:
        raise ValueError(
            f"epoch {epoch} has no curves: they are kept where a score ranks the rows (auc, roc_auc…, "
            "average_precision), and the rows have more than one class."
        )
    wanted = tally.curves if chosen is None else [chosen] if np.ndim(chosen) == 0 else chosen
    names = list(dict.fromkeys(map(str, wanted)))
    missing = [name for name in names if name not in tally.curves]
    if missing or not names:
        known, received = (", ".join(map(repr, some)) for some in (tally.curves, missing))
        raise ValueError(f"epoch {epoch} has curves of the classes {known}; received {received or 'none'}.")
    return names


def _recorded(history, place, tally, name, output, score_names):
    """The recorded score of one curve, and what the legend says of it; None and nothing where none was recorded.

    Of several classes that is a value a class, of `average=None`. None is computed here: the area under the points
    kept is only near it.
    """
    for score_name in score_names:
        key = "_".join(filter(None, [output, score_name, None if tally.kind == "binary" else name]))
        value = history[key][place] if key in history else np.nan
        if np.ndim(value) == 0 and not np.isnan(value):
            return value, [f"{score_name} {value:.3f}"]
    return None, []


def _counts_rising(tally, name):
    """Thresholds from the lowest, and the counts at or above each; among them what the task itself counted at its own.

    Without the curve's first point, where nothing is positive.
    """
    curve, kept = tally.curves[name], slice(None, 0, -1)
    columns = [tally.thresholds(name)[kept], curve.tps[kept], curve.fps[kept]]
    own = tally.own_threshold(name)
    if own is None:
        return columns
    point = own, *tally.own_counts(name)
    place = np.searchsorted(columns[0], own, side="right")
    return [np.insert(column, place, value) for column, value in zip(columns, point, strict=True)]


def _title(output, epoch):
    return ", ".join([*([] if output is None else [output]), *([] if epoch is None else [f"epoch {epoch}"])])
