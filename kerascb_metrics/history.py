"""`ScoreHistory`: the scores of each epoch, and how they are shown and saved."""

import weakref
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from os import PathLike
from typing import TYPE_CHECKING, Any, Self

from kerascb_metrics.insight.best_of_many import CorrectedBest
from kerascb_metrics.insight.comparison import Comparison
from kerascb_metrics.insight.confidence import ConfidenceInterval, check_level
from kerascb_metrics.insight.groups import GroupScores
from kerascb_metrics.record.atomic_write import write_whole
from kerascb_metrics.record.columns import frame_of
from kerascb_metrics.record.comparisons import compare_epochs, corrected_best_of
from kerascb_metrics.record.epoch_record import EpochRecord
from kerascb_metrics.record.files import load, save
from kerascb_metrics.record.run_record import RunRecord
from kerascb_metrics.record.saved_run import Tallies
from kerascb_metrics.record.unknown_score import attribute_of
from kerascb_metrics.record.values import Bounds, Epoch, Mode, Value
from kerascb_metrics.scores import Scores
from kerascb_metrics.show.history_plots import HistoryPlots
from kerascb_metrics.show.notebook import html_of_run
from kerascb_metrics.show.report.render import report_page
from kerascb_metrics.show.tables import names_in_words, text_table


class ScoreHistory(HistoryPlots, Mapping[str, list[Any]]):
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

    if not TYPE_CHECKING:  # a type checker shall know the attributes that there are

        def __getattr__(self, name: str) -> Any:
            return attribute_of(self, name, self, "history")

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
        count = len(self.epochs)
        return f"ScoreHistory({count} epoch{'' if count == 1 else 's'}: {names_in_words(self)})"

    def __str__(self) -> str:
        return text_table(self._run) if self.epochs else repr(self)

    def _repr_html_(self) -> str:
        return html_of_run(self._run) if self.epochs else f"<code>{escape(repr(self))}</code>"

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
        scores = Scores(record) if source is None else Scores(record, *source.rows_of(record.epoch or 0))
        scores._run, scores._was_chosen = self._run, epoch == "best"
        return scores

    def _shown(self, epoch: Epoch) -> Scores:
        """An epoch with its rows, where they are at hand."""
        return self.at(epoch)

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

    def compare(
        self, epoch: Epoch, other: Epoch, name: str, *, groups: Any = None, confidence_level: float = 0.95
    ) -> Comparison:
        """Say whether one epoch is really better than another one, row by row.

        Both predicted the same rows, so the difference is tested on the rows that changed: McNemar's test (mid-p) for
        accuracy, the paired delta method for other label scores. "best" is the best epoch of the score: it was chosen,
        so it is tested with all epochs at a time, or luck would often pass for progress.

        Args:
            epoch: as in `at`; "best": the best one of this score.
            other: as `epoch`.
            name: a score of labels, one number.
            groups: as in `Scores.confidence_interval`: what samples depend on each other.
            confidence_level: of the interval of the difference.

        Returns:
            A `Comparison`: `difference` (the first minus the second), `confidence_interval`, `pvalue`, `method`,
            `n_changed`, `table`. `print` says it in a sentence.

        Raises:
            KeyError: if there is no such score.
            ValueError: if an epoch was not scored, its labels were not kept, its rows were others or had another order,
                or the score is not one of labels. (Rows that are shuffled go unnoticed only where all targets are the
                same.)
        """
        check_level(confidence_level)
        self._run[name]  # a KeyError
        best = self._run.best(name)[0] if "best" in (epoch, other) else None
        first, second = (
            best if one == "best" and best is not None else self.epochs[self.index_of(one)] for one in (epoch, other)
        )
        return compare_epochs(self._run, first, second, name, confidence_level, best, groups)

    def by_group(self, groups: Any, name: str, *, confidence_level: float = 0.95) -> list[GroupScores]:
        """Return a score of each group of samples, in each scored epoch: `at(epoch).by_group(…)`, which documents it.

        Args:
            groups: the group of each sample of the validation data, (N,).
            name: a score of labels, one number.
            confidence_level: as in `Scores.by_group`.
        """
        return [self.at(epoch).by_group(groups, name, confidence_level=confidence_level) for epoch in self.epochs]

    def corrected_best(self, name: str) -> CorrectedBest:
        """Return what the best epoch of a score would score on new rows, given that it was chosen.

        The best of many epochs has been lucky, and its score is too high: by 0.05 for the best F1 of 40 equal epochs
        with 50 positive rows. Here the best epoch by four fifths of the samples labels the fifth one, in turn; the
        counts of all five are scored once.

        Args:
            name: a score of labels, one number.

        Returns:
            A `CorrectedBest`: `value`, `epochs`; where it is not known the value is nan, and `reason` says why.

        Raises:
            KeyError: if there is no such score.
        """
        self._run[name]  # a KeyError
        return corrected_best_of(self._run, name)

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

    def save(self, path: str | PathLike[str], *, labels: bool = False) -> None:
        """Write everything to a file. At any time the file holds either its old content or all of the new one.

        A .json file, or a .jsonl file with one line per epoch, holds everything, with the dtypes of arrays; when it is
        loaded, single numbers are floats and lists are arrays. A .csv file is for spreadsheets: it holds the scores
        that are single numbers, then `logs`, and nothing else. A symbolic link stays, and the file that it points to is
        written.

        Args:
            path: ends in ".json", ".jsonl" or ".csv".
            labels: whether to write what `compare` and `corrected_best` need: the targets, and the predicted labels of
                each epoch. A byte per row and epoch before they are packed; whoever has the file can read them.

        Raises:
            ValueError: for another ending, and for anything that could not be loaded without change, with its name: a
                score, log or setting that is not a number, array or text; an integer that no float is equal to; epochs
                that do not rise from 0 on; in .csv a name with a lone surrogate. Nothing is written then.
            OSError: with the path, if it cannot be written.
        """
        save(self._run, path, labels=labels)

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
