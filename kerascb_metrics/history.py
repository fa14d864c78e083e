"""`ScoreHistory`: the scores of each epoch, and how they are shown and saved."""

from html import escape
from os import PathLike
from typing import Any, Literal, Self, overload

from kerascb_metrics.record.atomic_write import write_whole
from kerascb_metrics.record.columns import frame_of
from kerascb_metrics.record.files import load, save
from kerascb_metrics.record.run_record import RunRecord
from kerascb_metrics.record.values import Epoch
from kerascb_metrics.show.plots.methods import PlotMethods
from kerascb_metrics.show.report.render import report_page
from kerascb_metrics.show.tables import html_table, printable, text_table


class ScoreHistory(PlotMethods, RunRecord):
    """A mapping from score name to the list of its values, one per scored epoch.

    The lists and arrays that it returns are copies: changing them does not change the record.

    Args:
        greater_is_better: score name → True where greater is better, False where less is, None where not known.

    Attributes:
        logs: what Keras itself logged in each epoch (`loss`, `val_loss`, compiled metrics), name → float.
        settings: what was scored and how, name → text or number, for files and report pages.
        directions: score name → True where greater is better, False where less is, None where that is not known.
        bounds: name → list of (lowest, highest), one per scored epoch. A score has bounds if it ranks rows that were
            not kept (`memory="bounded"`): its value is the middle of an interval that holds the exact value.
        tallies: the counts and curves of each scored epoch, a dict by output (None: the only one); see `tally`.

    >>> history = ScoreHistory({"f1": True})
    >>> history.append(0, {"f1": 0.5})
    >>> history.append(1, {"f1": 0.75})
    >>> history["f1"], history.epochs
    ([0.5, 0.75], [0, 1])
    >>> history.best("f1")
    (1, 0.75)
    """

    def __repr__(self) -> str:
        return printable(f"ScoreHistory({len(self.epochs)} epochs: {', '.join(self) or 'no scores'})")

    def __str__(self) -> str:
        return text_table(self) if self.epochs else repr(self)

    def _repr_html_(self) -> str:
        return html_table(self) if self.epochs else f"<code>{escape(repr(self))}</code>"

    @overload
    def report(self, epoch: Epoch = -1, *, output: str | None = None, output_dict: Literal[False] = False) -> str: ...
    @overload
    def report(self, epoch: Epoch = -1, *, output: str | None = None, output_dict: Literal[True]) -> dict[str, Any]: ...
    @overload
    def report(self, epoch: Epoch = -1, *, output: str | None = None, output_dict: bool) -> str | dict[str, Any]: ...
    def report(
        self, epoch: Epoch = -1, *, output: str | None = None, output_dict: bool = False
    ) -> str | dict[str, Any]:
        """Return `sklearn.metrics.classification_report` of a scored epoch.

        Args:
            epoch: one of `epochs`; −1: the last one; "best": the best one of the first score that has a best.
            output: the name of the output if the model has several.
            output_dict: whether to return a dict instead of text.

        Returns:
            The report, as text or as a dict.

        Raises:
            ValueError: if the epoch was not scored, has no such output, or has no counts.
        """
        return self.tally(epoch, output).report(output_dict)

    def save_report(self, path: str | PathLike[str], *, title: str | None = None) -> None:
        """Write the whole record as a self-contained HTML page that works offline: charts, matrices, curves, reports.

        Args:
            path: the file, such as "report.html". It is written completely or not at all.
            title: the heading of the page.

        Raises:
            OSError: with the path, if it cannot be written.
            ValueError: if no epoch was scored.
        """
        write_whole(path, report_page(self, title).encode(errors="replace"))

    # Files and frames.

    def save(self, path: str | PathLike[str]) -> None:
        """Write everything to a file. At any time the file holds either its old content or all of the new one.

        A .json file, or a .jsonl file with one line per epoch, holds everything: scores and matrices with their dtypes,
        logs, directions, settings, counts and curves. When it is loaded, single numbers are floats, lists are arrays,
        and tuples in the settings are lists; everything else is as it was.

        A .csv file is for spreadsheets. It holds the scores that are single numbers, then `logs`. It does NOT hold
        matrices, arrays, counts, curves, directions and settings, nor which columns were scores.

        If the path is a symbolic link, the file that it points to is written and the link stays. A hard link cannot
        stay: the other names of the file keep its old content.

        Args:
            path: ends in ".json", ".jsonl" or ".csv".

        Raises:
            ValueError: for another ending, and for anything that could not be loaded without change, with its name: a
                score, log or setting that is not a number, array or text; an integer that no float is equal to; epochs
                that do not rise from 0 on; in .csv a name with a lone surrogate. Nothing is written then.
            OSError: with the path, if it cannot be written.
        """
        save(self, path)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Self:
        """Read a file that `save` or `Metrics(log_file=…)` wrote. Nothing in the file is executed.

        If the last line of a .jsonl file is damaged, as after a power failure, it is left out with a warning. Every
        column of a .csv file becomes a score, for which `best` needs `mode=`. Blank lines, Windows line ends and a byte
        order mark are ignored.

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
        history.restore(load(path))
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
        return frame_of(self)
