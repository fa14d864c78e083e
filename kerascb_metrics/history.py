"""`ScoreHistory`: the scores of each epoch, and how they are shown and saved."""

from html import escape
from os import PathLike
from typing import Any

from kerascb_metrics.record.files import load, save, write_whole
from kerascb_metrics.record.run_record import RunRecord
from kerascb_metrics.show.plots.methods import PlotMethods
from kerascb_metrics.show.report.render import report_page
from kerascb_metrics.show.tables import columns, html_table, printable, text_table


class ScoreHistory(PlotMethods, RunRecord):
    """A mapping from score name to the list of its values, one a scored epoch.

    The lists and arrays that it returns are copies: what is done to them does not change the record.

    Attributes:
        logs: what Keras itself logged in each of them (`loss`, `val_loss`, compiled metrics), name → float.
        settings: what was scored and how, name → text or number, for files and pages.
        directions: score name → True where greater is better, False where less is, None where that is not known.
        bounds: name → list of (lowest, highest), one a scored epoch, of scores that are the middle of an interval:
            those that rank rows which were not kept (`memory="bounded"`). The exact value lies in it.
        tallies: of each scored epoch its counts and curves, a dict by output (None: the only one); see `tally`.

    >>> history = ScoreHistory({"f1": True})
    >>> history.append(0, {"f1": 0.5})
    >>> history.append(1, {"f1": 0.75})
    >>> history["f1"], history.epochs
    ([0.5, 0.75], [0, 1])
    >>> history.best("f1")
    (1, 0.75)
    """

    def __repr__(self):
        return printable(f"ScoreHistory({len(self.epochs)} epochs: {', '.join(self._values) or 'no scores'})")

    def __str__(self):
        return text_table(self) if self.epochs else repr(self)

    def _repr_html_(self):
        return html_table(self) if self.epochs else f"<code>{escape(repr(self))}</code>"

    def report(self, epoch: int | str = -1, *, output: str | None = None, output_dict: bool = False) -> str | dict:
        """Return `sklearn.metrics.classification_report` of a scored epoch.

        Args:
            epoch: one of `epochs`; −1: the last; "best": of the first score that has a best.
            output: which output of a model of several.
            output_dict: whether to return a dict instead of text.
        """
        return self.tally(epoch, output).report(output_dict)

    def save_report(self, path: str | PathLike, *, title: str | None = None) -> None:
        """Write the whole record as one HTML page: charts, matrices, curves, reports; it loads nothing.

        Args:
            path: the file, such as "report.html"; written whole or not at all.
            title: its heading.

        Raises:
            OSError: for a path that cannot be written to, which it names.
            ValueError: if no epoch was scored.
        """
        write_whole(path, report_page(self, title).encode(errors="replace"))

    # Files and frames.

    def save(self, path: str | PathLike) -> None:
        """Write everything to a file, atomically: at every moment it has its old content, or all of the new.

        Args:
            path: ends in ".json", or in ".jsonl" for a line an epoch, which hold all that the history does: scores
                and matrices with their dtypes, logs, directions, settings, counts and curves. Or in ".csv", for
                spreadsheets: the scores that are single numbers, then `logs`. It does NOT hold matrices, arrays,
                counts, curves, directions and settings, nor which columns were scores. Single numbers come back as
                floats, lists as arrays, and tuples among the settings as lists; everything else as it was. A
                symbolic link is written through, and stays; a hard link cannot stay, and its other names keep what
                they had.

        Raises:
            ValueError: for another ending, or for what would not come back, which it names: a score, log or setting
                that is neither number nor array nor text, an integer that no float is equal to, epochs that do not
                rise from 0 on, in .csv a name with a lone surrogate. Nothing is written then.
            OSError: names the path.
        """
        save(self, path)

    @classmethod
    def load(cls, path: str | PathLike) -> "ScoreHistory":
        """Read what `save`, or `Metrics(log_file=…)`, has written; nothing of the file is executed.

        A .jsonl file whose last line is damaged, as by a power cut, is read without it, with a warning. Of a .csv
        file every column comes back as a score, for which `best` asks for `mode=`. Blank lines, Windows line ends and
        a byte order mark are passed over.

        Raises:
            ValueError: names the path, and the line, of a file that is damaged, of another kind, or of a later format.
            OSError: names the path.

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
        return load(cls(), path)

    def to_frame(self) -> Any:
        """Return a `pandas.DataFrame`: a row an epoch, indexed by it; the scores that are single numbers, then `logs`.

        A log that has the name of a score is the column `logs_<name>`; what an epoch has no value for is nan. Needs
        pandas, in the extra of that name.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise ImportError(
                "ScoreHistory.to_frame needs pandas: pip install 'kerascb_metrics[pandas]', or pip install pandas."
            ) from error
        table = columns(self)
        frame = pd.DataFrame(dict(enumerate(table.values())), index=pd.Index(self.epochs, name="epoch", dtype="int64"))
        try:
            frame.columns = pd.Index(list(table))
        except UnicodeEncodeError:  # pyarrow, where pandas uses it, takes no lone surrogates
            frame.columns = pd.Index(list(table), dtype=object)
        return frame
