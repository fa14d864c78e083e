"""`ScoreHistory`: the scores of each epoch, and how they are shown and saved."""

import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal, Self, cast, overload

from kerascb_metrics.insight.confidence import ConfidenceInterval, check_level
from kerascb_metrics.record.atomic_write import write_whole
from kerascb_metrics.record.columns import frame_of
from kerascb_metrics.record.epoch_record import EpochRecord
from kerascb_metrics.record.files import load, save
from kerascb_metrics.record.result_record import ResultRecord
from kerascb_metrics.record.run_record import RunRecord
from kerascb_metrics.record.saved_run import Tallies
from kerascb_metrics.record.values import Bounds, Epoch, Mode, Value
from kerascb_metrics.scores import Scores
from kerascb_metrics.show.plots.confusion import ConfusionDisplay, LabelConfusionDisplay, Normalize
from kerascb_metrics.show.plots.curves import CurvesDisplay, ThresholdDisplay, precision_recall_display, roc_display
from kerascb_metrics.show.plots.scores import ScoresDisplay
from kerascb_metrics.show.report.render import report_page
from kerascb_metrics.show.tables import html_table, names_in_words, text_table

if TYPE_CHECKING:  # matplotlib is an extra
    from matplotlib.axes import Axes

Epochs = Epoch | Sequence[Epoch]


class ScoreHistory(Mapping[str, list[Any]]):
    """A mapping from score name to the list of its values, one per scored epoch.

    The lists and arrays that it returns are copies: changing them does not change the record.

    Args:
        greater_is_better: score name → True where greater is better, False where less is, None where not known.

    >>> history = ScoreHistory({"f1": True})
    >>> history.append(0, {"f1": 0.5})
    >>> history.append(1, {"f1": 0.75})
    >>> history["f1"], history.epochs
    ([0.5, 0.75], [0, 1])
    >>> history.best("f1")
    (1, 0.75)
    >>> history.at("best")
    Scores(f1=0.7500; epoch 1)
    """

    def __init__(self, greater_is_better: Mapping[str, bool | None] | None = None) -> None:
        self._run = RunRecord(greater_is_better)
        self._row_source: weakref.ref[Any] | None = None

    @classmethod
    def _of(cls, run: RunRecord, row_source: Any) -> Self:
        """Return the history of a record, with the `Recorder` that has the rows of the last epoch.

        A history that outlives its `Metrics` must not keep the rows alive.
        """
        history = cls()
        history._run, history._row_source = run, weakref.ref(row_source)
        return history

    def __getstate__(self) -> dict[str, Any]:
        """A copy, or a pickle, holds no rows."""
        return {**vars(self), "_row_source": None}

    def __getitem__(self, name: str) -> list[Any]:
        return self._run[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._run)

    def __len__(self) -> int:
        return len(self._run)

    # Two matrices do not compare to a single truth value, so the comparison of `Mapping` would raise.
    __eq__ = object.__eq__
    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return f"ScoreHistory({len(self.epochs)} epochs: {names_in_words(self)})"

    def __str__(self) -> str:
        return text_table(self._run) if self.epochs else repr(self)

    def _repr_html_(self) -> str:
        return html_table(self._run) if self.epochs else f"<code>{escape(repr(self))}</code>"

    # The record.

    @property
    def epochs(self) -> list[int]:
        """The scored epochs, counted from 0 as Keras counts them in `on_epoch_end`."""
        return self._run.epochs

    @property
    def logs(self) -> list[dict[str, float]]:
        """What Keras itself logged in each epoch (`loss`, `val_loss`, compiled metrics), name → float."""
        return self._run.logs

    @property
    def settings(self) -> dict[str, Any]:
        """What was scored and how, name → text or number."""
        return self._run.settings

    @property
    def directions(self) -> dict[str, bool | None]:
        """Score name → True where greater is better, False where less is, None where that is not known."""
        return self._run.directions

    @property
    def bounds(self) -> dict[str, list[Bounds]]:
        """Name → list of (lowest, highest), one per scored epoch, of scores that rank rows which were not kept.

        With `memory="bounded"` such a score is the middle of this interval, which holds the exact value. Of epochs
        whose rows were kept both ends are the value.
        """
        return self._run.bounds

    @property
    def tallies(self) -> Sequence[Tallies]:
        """The counts and curves of each scored epoch, a dict by output (None: the only one)."""
        return self._run.tallies

    def append(
        self,
        epoch: int,
        values: Mapping[str, Value],
        tallies: Tallies | None = None,
        intervals: Mapping[str, Bounds] | None = None,
    ) -> None:
        """Record the scores of one epoch, such as one of a training loop that you write yourself.

        Args:
            epoch: counted from 0.
            values: score name → value. A name that other epochs lack, or that this one lacks, is nan there.
            tallies: its counts and curves, by output.
            intervals: score name → (lowest, highest).
        """
        self._run.append(epoch, values, tallies, intervals)

    def at(self, epoch: Epoch) -> Scores:
        """Return the `Scores` of one epoch, with its report and plots.

        Args:
            epoch: one of `epochs`; "last" or −1: the last one; "best": the best one of the first score that has a best.

        Returns:
            The `Scores`. Those of the last scored epoch of a fit have `predictions`, while its `Metrics` exists.

        Raises:
            ValueError: if the epoch was not scored, or no score has a best.

        >>> history = ScoreHistory({"f1": True})
        >>> history.append(0, {"f1": 0.75})
        >>> history.append(1, {"f1": 0.5})
        >>> history.at("last")["f1"], history.at("best").epoch
        (0.5, 0)
        """
        record = self._run.at(epoch)
        source = None if self._row_source is None else self._row_source()
        return Scores(record) if source is None else Scores(record, *source.rows_of(record.epoch or 0))

    def best(self, name: str, mode: Mode | None = None) -> tuple[int, float]:
        """Return `(epoch, value)` of the best value of a score. The earliest epoch wins a tie; nan is ignored.

        Args:
            name: a score with one number per epoch.
            mode: "max" or "min"; needed only if the direction of the score is not known (a plain metric function).

        Returns:
            The epoch, counted from 0, and the value of the score in it.

        Raises:
            KeyError: if there is no such score.
            ValueError: if the score has several values per epoch, no value at all, or no known direction.
        """
        return self._run.best(name, mode)

    def index_of(self, epoch: Epoch) -> int:
        """Return the index of a scored epoch in the lists.

        Args:
            epoch: as in `at`.

        Raises:
            ValueError: if the epoch was not scored.
        """
        return self._run.index_of(epoch)

    def mode(self, name: str) -> Mode:
        """Return "max" or "min", as Keras names the direction of a score.

        Args:
            name: the score.

        Raises:
            ValueError: if the direction is not known.
        """
        return self._run.mode(name)

    @property
    def headline(self) -> str:
        """The name of the first score that has a best: one number per epoch, with a known direction."""
        return self._run.headline

    def tally(self, epoch: Epoch = -1, output: str | None = None) -> EpochRecord:
        """Return the counts and curves of a scored epoch: its report and its plots are made from them.

        Args:
            epoch: as in `at`.
            output: the name of the output if the model has several.

        Raises:
            ValueError: if the epoch was not scored, has no such output, or has no counts.
        """
        return self._run.tally(epoch, output)

    def confidence_interval(self, name: str, confidence_level: float = 0.95) -> list[ConfidenceInterval]:
        """Return how certain a score is, `(low, high)` per scored epoch: `at(epoch).confidence_interval(…)` of each.

        Args:
            name: a score of one number per epoch.
            confidence_level: as in `Scores.confidence_interval`, which documents it.

        Raises:
            KeyError: if there is no such score.
            ValueError: for a score of several numbers, or a level that is not between 0 and 1.
        """
        self._run[name]  # a KeyError also without epochs
        return [self.at(epoch).confidence_interval(name, confidence_level) for epoch in self.epochs]

    # What `Scores` do for one epoch.

    @overload
    def report(self, epoch: Epoch = -1, *, output: str | None = None, output_dict: Literal[False] = False) -> str: ...
    @overload
    def report(self, epoch: Epoch = -1, *, output: str | None = None, output_dict: Literal[True]) -> dict[str, Any]: ...
    @overload
    def report(self, epoch: Epoch = -1, *, output: str | None = None, output_dict: bool) -> str | dict[str, Any]: ...
    def report(
        self, epoch: Epoch = -1, *, output: str | None = None, output_dict: bool = False
    ) -> str | dict[str, Any]:
        """Return `sklearn.metrics.classification_report` of an epoch: `at(epoch).report(…)`, which documents it."""
        return self.at(epoch).report(output=output, output_dict=output_dict)

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
        return self.at(epoch).plot_confusion(normalize=normalize, output=output, ax=ax)

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
        return self.at(epoch).plot_threshold(class_name, output=output, ax=ax)

    def _records(self, epochs: Epochs) -> list[ResultRecord]:
        """Return the record of each epoch, once."""
        several = not isinstance(epochs, str) and isinstance(epochs, Iterable)
        chosen: list[Any] = list(cast("Iterable[Any]", epochs)) if several else [epochs]
        if not chosen:
            raise ValueError(f"choose at least one epoch from {self.epochs}.")
        records = [self._run.at(epoch) for epoch in chosen]
        return list({record.epoch: record for record in records}.values())

    # Files and frames.

    def save_report(self, path: str | PathLike[str], *, title: str | None = None) -> None:
        """Write the whole record as a self-contained HTML page that works offline: charts, matrices, curves, reports.

        Args:
            path: the file, such as "report.html". It is written completely or not at all.
            title: the heading of the page.

        Raises:
            OSError: with the path, if it cannot be written.
            ValueError: if no epoch was scored.
        """
        write_whole(path, report_page(self._run, title).encode(errors="replace"))

    def save(self, path: str | PathLike[str]) -> None:
        """Write everything to a file. At any time the file holds either its old content or all of the new one.

        A .json file, or a .jsonl file with one line per epoch, holds everything, with the dtypes of arrays; when it is
        loaded, single numbers are floats and lists are arrays. A .csv file is for spreadsheets: it holds the scores
        that are single numbers, then `logs`, and nothing else. A symbolic link stays, and the file that it points to is
        written.

        Args:
            path: ends in ".json", ".jsonl" or ".csv".

        Raises:
            ValueError: for another ending, and for anything that could not be loaded without change, with its name: a
                score, log or setting that is not a number, array or text; an integer that no float is equal to; epochs
                that do not rise from 0 on; in .csv a name with a lone surrogate. Nothing is written then.
            OSError: with the path, if it cannot be written.
        """
        save(self._run, path)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Self:
        """Read a file that `save` or `Metrics(log_file=…)` wrote. Nothing in the file is executed.

        If the last line of a .jsonl file is damaged, as after a power failure, it is left out with a warning. Every
        column of a .csv file becomes a score, for which `best` needs `mode=`.

        Args:
            path: ends in ".json", ".jsonl" or ".csv".

        Returns:
            A `ScoreHistory`.

        Raises:
            ValueError: with the path and the line, if the file is damaged, of another kind, or of a later format.
            OSError: with the path, if it cannot be read.

        >>> import os, tempfile
        >>> import numpy as np
        >>> history = ScoreHistory({"f1": True})
        >>> history.append(0, {"f1": 0.5, "confusion": np.array([[3, 1], [0, 2]])})
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = os.path.join(folder, "scores.json")
        ...     history.save(path)
        ...     dict(ScoreHistory.load(path))
        {'f1': [0.5], 'confusion': [array([[3, 1], [0, 2]])]}
        """
        history = cls()
        history._run.restore(load(path))
        return history

    def to_frame(self) -> Any:
        """Return the scores that are single numbers, then `logs`, as a `pandas.DataFrame` with one row per epoch.

        If a log has the name of a score, its column is `logs_<name>`. Missing values are nan. Needs pandas, which the
        extra `pandas` installs.

        Returns:
            A `pandas.DataFrame` with the index `epoch`.

        Raises:
            ImportError: without pandas.
        """
        return frame_of(self._run)
