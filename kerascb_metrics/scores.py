"""`Scores`: the result of scoring one set of rows, such as an epoch, a test set, or arrays."""

from collections.abc import Iterator, Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal, Self, overload

import numpy as np

from kerascb_metrics.exceptions import MissingRowsError
from kerascb_metrics.insight.confidence import ConfidenceInterval, check_level, unknown
from kerascb_metrics.insight.group_intervals import interval_of_groups, numbers_of_groups
from kerascb_metrics.insight.objective import Objective
from kerascb_metrics.insight.row_bootstrap import of_any_score
from kerascb_metrics.insight.thresholds import BestThreshold, best_threshold, options_of
from kerascb_metrics.predictions import Predictions
from kerascb_metrics.record import files
from kerascb_metrics.record.atomic_write import write_whole
from kerascb_metrics.record.intervals import basis_of, output_and_name, recorded_interval
from kerascb_metrics.record.result_record import ResultRecord
from kerascb_metrics.record.run_record import RunRecord
from kerascb_metrics.record.values import Bounds, copied, copied_pair
from kerascb_metrics.score.threshold import THRESHOLD
from kerascb_metrics.show.plots.confusion import ConfusionDisplay, LabelConfusionDisplay, Normalize, confusion_display
from kerascb_metrics.show.plots.curves import CurvesDisplay, ThresholdDisplay, precision_recall_display, roc_display
from kerascb_metrics.show.report.render import report_page_of
from kerascb_metrics.show.result_tables import html_of_result, line_of_result, text_of_result

if TYPE_CHECKING:  # matplotlib is an extra
    from matplotlib.axes import Axes

_NO_THRESHOLD = {
    "multiclass": "the highest output is the label",
    "ordinal": "the nearest grade, or the highest output, is the label",
    "regression": "its outputs are no labels",
}
_NOT_AT_HAND = "the rows are not at hand: files and copies of a history hold none"


class Scores(Mapping[str, Any]):
    """A mapping from score name to its value: a float, or an array for a confusion matrix or one value per class.

    `metrics.history.at(epoch)`, `metrics.evaluate(model, x, y)` and `metrics.score(y_true, y_pred)` return one. With
    several outputs the names are `<output>_<score>`, and the methods take `output=`. Arrays are copies: changing them
    does not change the scores. Two `Scores` are equal only if they are the same object.

    Attributes:
        epoch: the epoch, counted from 0; None for a test set or arrays.
        settings: what was scored and how, name → text or number.
        directions: score name → True where greater is better, False where less is, None where that is not known.
        bounds: name → (lowest, highest), of scores that rank rows which were not kept (`memory="bounded"`): their value
            is the middle of an interval that holds the exact value.

    >>> import numpy as np
    >>> from kerascb_metrics import Metrics
    >>> scores = Metrics(["f1", "recall"]).score(y_true=[0, 1, 1], y_pred=[0.2, 0.9, 0.4])
    >>> scores
    Scores(f1=0.6667, recall=0.5000)
    >>> scores["recall"], dict(scores) == scores.to_dict()
    (0.5, True)
    """

    def __init__(self, record: ResultRecord, rows: Any = None, why_no_rows: str = _NOT_AT_HAND) -> None:
        self._record, self._rows, self._why_no_rows = record, rows, why_no_rows

    def __getitem__(self, name: str) -> Any:
        values = self._record.values
        if name not in values:
            raise KeyError(f"no score {name!r} was computed; there are: {', '.join(values) or 'none'}")
        return copied(values[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._record.values)

    def __len__(self) -> int:
        return len(self._record.values)

    # Two matrices do not compare to a single truth value, so the comparison of `Mapping` would raise.
    __eq__ = object.__eq__
    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return line_of_result(self._record)

    def __str__(self) -> str:
        return text_of_result(self._record)

    def _repr_html_(self) -> str:
        return html_of_result(self._record)

    # What is known of the result.

    @property
    def epoch(self) -> int | None:
        """The epoch, counted from 0; None for a test set or arrays."""
        return self._record.epoch

    @property
    def settings(self) -> dict[str, Any]:
        """What was scored and how, name → text or number."""
        return dict(self._record.settings)

    @property
    def directions(self) -> dict[str, bool | None]:
        """Score name → True where greater is better, False where less is, None where that is not known."""
        return dict(self._record.directions)

    @property
    def bounds(self) -> dict[str, Bounds]:
        """Name → (lowest, highest), of the scores that rank rows which were not kept."""
        return {name: copied_pair(pair) for name, pair in self._record.bounds.items()}

    @property
    def predictions(self) -> Predictions | dict[str, Predictions]:
        """The `Predictions` that were scored, in a dict by output if there are several.

        Raises:
            MissingRowsError: a `ValueError`, if the rows were not kept. Those of arrays, of a test set and of the last
                scored epoch are, unless `memory="bounded"`.
        """
        if self._rows is None:
            raise MissingRowsError(f"no predictions: {self._why_no_rows}.")
        predictions: Predictions | dict[str, Predictions] = self._rows.predictions
        return predictions

    def to_dict(self) -> dict[str, Any]:
        """Return name → value as plain Python values: floats, and nested lists for arrays.

        >>> from kerascb_metrics import Metrics
        >>> Metrics("confusion").score([0, 1, 1], [0.2, 0.9, 0.4]).to_dict()
        {'confusion': [[1, 0], [1, 1]]}
        """
        return {name: value.tolist() if hasattr(value, "tolist") else value for name, value in self.items()}

    # Thresholds.

    def best_threshold(
        self,
        name: str | None = None,
        *,
        at_least: Mapping[str, float] | None = None,
        cost: Mapping[str, float] | None = None,
        output: str | None = None,
    ) -> BestThreshold:
        """Choose the threshold of a binary task, or of each label, for use after training.

        The best score on the rows that chose the threshold is too good: by 0.1 where 10 of 1,000 rows are positive.
        `cross_fitted` is what to expect of other rows.

        Args:
            name: the score to make best, one that counts suffice for: "f1", "precision", "recall", "iou",
                "specificity", "f0_5", "f2", "accuracy", "balanced_accuracy", "kappa", "kappa_linear",
                "kappa_quadratic" or "mcc"; recorded or not. With the `average` of `Metrics`; of a multilabel task each
                label's own.
            at_least: the lowest values that other scores may have, as in {"precision": 0.9}.
            cost: instead of a score, what one row of "fp", "fn", "tp" or "tn" costs, 0 where it is not given: then
                the least cost per row is the best.
            output: the name of the output if the model has several.

        Returns:
            A named tuple `(threshold, value, cross_fitted)` of floats, of a multilabel task of arrays. A row is
            positive when its probability (margin) is greater than the threshold, as for `Binary(threshold=…)`. Of
            equally good thresholds it is the one that labels most rows right. All three are nan where no threshold is
            allowed, or where no row is positive.

        Raises:
            MissingRowsError: a `ValueError`, if the rows were not kept.
            TypeError: unless exactly one of `name` and `cost` is given.
            ValueError: for a task without a threshold, a score that counts do not suffice for, or a cost that rewards
                mistakes.

        >>> from kerascb_metrics import Metrics
        >>> scores = Metrics().score([0, 0, 1, 0, 1, 1], [0.1, 0.2, 0.3, 0.4, 0.6, 0.8])
        >>> best = scores.best_threshold("f1")
        >>> best.threshold, round(best.value, 3)
        (0.25, 0.857)
        >>> scores.best_threshold("recall", at_least={"precision": 1.0}).threshold
        0.5
        >>> best = scores.best_threshold(cost={"fp": 3, "fn": 1})
        >>> best.threshold, round(best.value, 3)  # one positive row is missed
        (0.5, 0.167)
        """
        if self._rows is None:
            raise MissingRowsError(f"no threshold can be chosen: {self._why_no_rows}.")
        tally, scoring = self._rows.tally(output), self._rows.scoring(output)
        if tally.kind not in ("binary", "multilabel"):
            raise ValueError(
                f"a {tally.kind} task has no threshold: {_NO_THRESHOLD[tally.kind]}. A binary or multilabel task has."
            )
        return best_threshold(tally, Objective.of(name, at_least, cost, **options_of(scoring, tally.labeling)))

    # How certain.

    def confidence_interval(
        self, name: str, confidence_level: float = 0.95, *, groups: Any = None
    ) -> ConfidenceInterval:
        """Return an interval that says how certain a score is, given that the validation rows are a sample.

        It speaks of the sampling of rows alone, not of seeds or of training. (`bounds` is something else: what is not
        known of a ranking whose rows were not kept.)

        Shares of rows, such as accuracy, precision and recall, have Wilson's interval, and F1 that of the Jaccard
        index; kappa, MCC and their like one of drawn confusion matrices; averages over classes a bootstrap of the
        matrix; ROC AUC DeLong's variance on the logit scale. Positions of a sample, and labels of a row, depend on each
        other: there the samples are compared. Any other score of rows at hand has a bootstrap of 999 resamples, which
        takes as long as 999 scorings.

        Args:
            name: a score of one number.
            confidence_level: of how many samples of rows the interval holds the true score, about.
            groups: for samples that depend on each other, such as images of one patient: the patient of each sample,
                (N,). Needs the rows.

        Returns:
            `(low, high)`, a named tuple that also has the `method`. Where nothing honest can be said both are nan, and
            `reason` says why: too few rows of a class, an undefined score, rows that are gone.

        Raises:
            KeyError: if there is no such score.
            ValueError: for a score of several numbers, a level that is not between 0 and 1, groups of another length.
            MissingRowsError: a `ValueError`, for groups if the rows were not kept.

        >>> from kerascb_metrics import Metrics
        >>> scores = Metrics().score([0, 0, 0, 0, 1, 1, 1, 1, 1, 1], [0.1, 0.2, 0.3, 0.6, 0.4, 0.6, 0.7, 0.8, 0.9, 0.9])
        >>> low, high = scores.confidence_interval("recall")
        >>> round(low, 3), round(scores["recall"], 3), round(high, 3)
        (0.436, 0.833, 0.97)
        >>> scores.confidence_interval("auc").reason
        'the rarer class has 4 rows, and ROC AUC needs 5'
        """
        check_level(confidence_level)
        value = self[name]
        if not isinstance(value, float):
            raise ValueError(f"{name!r} has several values: name one of them, such as one of a class; see keys().")
        if np.isnan(value):
            return unknown("the score is undefined")
        if output_and_name(self._record, name)[1].startswith(THRESHOLD):
            return unknown("a threshold that was chosen is no score")
        if groups is not None:
            return self._interval_of_groups(name, confidence_level, groups)
        found = recorded_interval(self._record, name, confidence_level)
        return self._interval_of_rows(name, confidence_level) if found is None else found

    def _interval_of_rows(self, name: str, level: float, numbers: Any = None) -> ConfidenceInterval:
        """Return the interval of a score whose formula is not known: a bootstrap, if the rows are at hand."""
        output, own = output_and_name(self._record, name)
        score = None if self._rows is None else self._rows.score(output, own)
        if score is None:
            why = self._why_no_rows if self._rows is None else "nothing else is known of it"
            return unknown(f"it is not made of counts, and {why}")
        tally = self._rows.tally(output)
        if numbers is None and tally.of_positions:
            numbers = tally.numbers_of_samples
        return of_any_score(score, tally, level, numbers)

    def _interval_of_groups(self, name: str, level: float, groups: Any) -> ConfidenceInterval:
        if self._rows is None:
            raise MissingRowsError(f"groups need the rows: {self._why_no_rows}.")
        output, own = output_and_name(self._record, name)
        tally, record = self._rows.tally(output), self._record.tallies.get(output)
        numbers = numbers_of_groups(groups, tally)
        basis = None if record is None else basis_of(record, self._record.settings)
        found = None if basis is None else interval_of_groups(own, self[name], tally, numbers, basis, level)
        return self._interval_of_rows(name, level, numbers) if found is None else found

    # Reports and plots.

    @overload
    def report(self, *, output: str | None = None, output_dict: Literal[False] = False) -> str: ...
    @overload
    def report(self, *, output: str | None = None, output_dict: Literal[True]) -> dict[str, Any]: ...
    @overload
    def report(self, *, output: str | None = None, output_dict: bool) -> str | dict[str, Any]: ...
    def report(self, *, output: str | None = None, output_dict: bool = False) -> str | dict[str, Any]:
        """Return `sklearn.metrics.classification_report`.

        Args:
            output: the name of the output if the model has several.
            output_dict: whether to return a dict instead of text.

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
        return self._record.tally(output).report(output_dict)

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

    # Files.

    def save(self, path: str | PathLike[str]) -> None:
        """Write the scores, counts and curves to a file, without the rows. `Scores.load` reads it.

        Args:
            path: ends in ".json", ".jsonl" or ".csv", as in `ScoreHistory.save`; a .csv file holds single numbers only.

        Raises:
            ValueError: as `ScoreHistory.save`.
            OSError: with the path, if it cannot be written.

        >>> import os, tempfile
        >>> from kerascb_metrics import Metrics
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = os.path.join(folder, "test_set.json")
        ...     Metrics("f1").score([0, 1, 1], [0.2, 0.9, 0.4]).save(path)
        ...     Scores.load(path)
        Scores(f1=0.6667)
        """
        files.save(RunRecord.of(self._record), path)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Self:
        """Read a file that `save` wrote, or that holds one scored epoch. Nothing in the file is executed.

        Args:
            path: ends in ".json", ".jsonl" or ".csv".

        Returns:
            A `Scores`.

        Raises:
            ValueError: with the path, if the file is damaged, or holds another number of epochs than one.
            OSError: with the path, if it cannot be read.
        """
        run = RunRecord()
        run.restore(files.load(path))
        if len(run.epochs) != 1:
            raise ValueError(
                f"{path}: it holds {len(run.epochs)} epochs, and Scores are of one. Load it with "
                "ScoreHistory.load(path), and choose an epoch with .at(epoch)."
            )
        return cls(run.at("last"))

    def save_report(self, path: str | PathLike[str], *, title: str | None = None) -> None:
        """Write the scores as a self-contained HTML page that works offline: matrices, curves and reports.

        Args:
            path: the file, such as "report.html". It is written completely or not at all.
            title: the heading of the page; None: "Scores".

        Raises:
            OSError: with the path, if it cannot be written.
        """
        write_whole(path, report_page_of(self._record, title).encode(errors="replace"))
