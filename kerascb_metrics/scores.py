"""`Scores`: the result of scoring one set of rows, such as an epoch, a test set, or arrays."""

from collections.abc import Iterator
from os import PathLike
from typing import TYPE_CHECKING, Any, Self

from kerascb_metrics.exceptions import MissingRowsError
from kerascb_metrics.predictions import Predictions
from kerascb_metrics.record import files
from kerascb_metrics.record.atomic_write import write_whole
from kerascb_metrics.record.result_record import ResultRecord
from kerascb_metrics.record.run_record import RunRecord
from kerascb_metrics.record.unknown_score import attribute_of, unknown_score
from kerascb_metrics.record.values import Bounds, copied, copied_pair
from kerascb_metrics.show.notebook import html_of_scores
from kerascb_metrics.show.report.render import report_page_of
from kerascb_metrics.show.result_plots import ResultPlots
from kerascb_metrics.show.result_tables import line_of_result, text_of_result

_NOT_AT_HAND = "the rows are not at hand: files and copies of a history hold none"


class Scores(ResultPlots):
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
        self._run: RunRecord | None = None  # that it is an epoch of
        self._was_chosen = False  # as the best epoch of that run

    def __getitem__(self, name: str) -> Any:
        values = self._record.values
        if not isinstance(name, str) or name not in values:
            raise unknown_score(name, values, of_result=True)
        return copied(values[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._record.values)

    def __len__(self) -> int:
        return len(self._record.values)

    if not TYPE_CHECKING:  # a type checker shall know the attributes that there are

        def __getattr__(self, name: str) -> Any:
            return attribute_of(self, name, self, "scores")

    # Two matrices do not compare to a single truth value, so the comparison of `Mapping` would raise.
    __eq__ = object.__eq__
    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return line_of_result(self._record)

    def __str__(self) -> str:
        return text_of_result(self._record)

    def _repr_html_(self) -> str:
        return html_of_scores(self._record)

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
