"""The scores of each group of samples in each pass of a fit, for the argument `slices`."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from kerascb_metrics.exceptions import DataError, naming_output
from kerascb_metrics.interpret.slices import Slicing
from kerascb_metrics.pipeline.epoch_result import EpochResult
from kerascb_metrics.record.values import is_number
from kerascb_metrics.score.score import Score
from kerascb_metrics.score.scoring import ScoreValues, Scoring
from kerascb_metrics.tally.checksum import checksum
from kerascb_metrics.tally.exact import ExactTally
from kerascb_metrics.tally.sliced import SlicedCounts, rows_of_groups
from kerascb_metrics.tally.streaming import StreamingTally
from kerascb_metrics.tally.tally import Tally

_MOST_NAMED = 5
_NO_NUMBER = np.empty(0)

OnError = Callable[[str, Exception], float]


@dataclass(frozen=True)
class _Known:
    """What the first pass of a fit fixes for an output.

    Attributes:
        checksum: of its rows.
        scores: the names of the scores that groups have.
    """

    checksum: int
    scores: tuple[str, ...]


class SliceScores:
    """Adds the scores of slices to those of each pass.

    Args:
        slices: the slices; none: nothing is added.
        warn: called with (topic, sentence).
    """

    def __init__(self, slices: Sequence[Slicing], warn: Callable[[str, str], None]) -> None:
        self._slices, self._warn = slices, warn
        self._known: dict[str | None, _Known] = {}

    def add(
        self,
        result: EpochResult,
        output: str | None,
        tally: Tally,
        scoring: Scoring,
        counted: SlicedCounts | None,
        where: str,
        complete: bool,
        on_error: OnError,
    ) -> None:
        """Add the scores of slices of one output.

        Args:
            result: the scores of all rows of the output, to which they are added.
            output: its name, or None.
            tally: the tally of all rows.
            scoring: the `Scoring`.
            counted: what was counted of the groups where rows are not kept.
            where: the pass, in words.
            complete: whether the pass saw all of its data; if not, every score is nan.
            on_error: called with (name, error) for a score that raised on a group; returns what to record, or raises.

        Raises:
            DataError: if there is not one value per sample.
            ValueError: if a slice and a class would have one key.
        """
        if not self._slices:
            return
        samples, own_checksum = _rows_of(tally, counted)
        if complete:
            with naming_output(output):
                self._refuse_other_length(samples)
        scores = [
            score for score in scoring.of_groups(tally.kind) if is_number(result.values.get(score.name, _NO_NUMBER))
        ]
        own = _Known(own_checksum, tuple(score.name for score in scores))
        # A pass that was cut short has other rows than those after it.
        known = self._known.setdefault(output, own) if complete else self._known.get(output, own)
        computed = [score for score in scores if isinstance(tally, ExactTally) or score.needs[tally.kind] == "counts"]
        if not complete or tally.undefined:
            computed = []
        elif known.checksum != own_checksum:
            self._warn(
                "slices",
                f"{where}: the targets are not those of the first validation pass, or have another order, so the "
                "scores of slices are nan. Slices need the same rows in every pass.",
            )
            computed = []
        elif len(computed) < len(scores):
            self._warn("slices", f"{where}: rows were only counted, so slices have label scores alone; others are nan.")
        own_scores = {score.name: score for score in computed}
        self._add(result, known, tally, scoring, counted, own_scores, where, on_error)

    def _add(
        self,
        result: EpochResult,
        known: _Known,
        tally: Tally,
        scoring: Scoring,
        counted: SlicedCounts | None,
        computed: dict[str, Score],
        where: str,
        on_error: OnError,
    ) -> None:
        undefined: list[str] = []
        directions = {score.name: score.greater_is_better for score in scoring.for_kind(tally.kind)}
        parts = None if counted is None else counted.tallies(_streamed(tally))
        for place, slicing in enumerate(self._slices):
            groups: Iterable[Tally | None] = (None for _ in slicing.keys)
            if computed:
                groups = rows_of_groups(tally, slicing) if isinstance(tally, ExactTally) else (parts or [])[place]
            found = [_scored(group, scoring, computed) for group in groups]
            for name in known.scores:
                values = []
                for key, of_group in zip(slicing.keys, found, strict=True):
                    own = slicing.key(name, key)
                    values.append(_value(own, name, of_group, on_error))
                    is_undefined = math.isnan(values[-1]) or name in of_group.undefined
                    undefined += [own] * (is_undefined and name in computed)
                entries = {slicing.key(name, key): value for key, value in zip(slicing.keys, values, strict=True)}
                entries[slicing.worst(name, directions[name])] = _worst(values, directions[name])
                _write(result, name, entries)
        if undefined:
            more = f" and {len(undefined) - _MOST_NAMED} more" if len(undefined) > _MOST_NAMED else ""
            self._warn(
                "slices without a score",
                f"{where}: undefined for {', '.join(undefined[:_MOST_NAMED])}{more}: these groups have no row, or a "
                "class too few. Only nan does not count for the worst group; zero_division=nan leaves out 0/0.",
            )

    def _refuse_other_length(self, samples: int) -> None:
        for slicing in self._slices:
            refuse_other_length(slicing, samples)


def refuse_other_length(slicing: Slicing, samples: int) -> None:
    """Raise `DataError` if there is not one value per sample of the validation data."""
    if len(slicing.grouping) != samples:
        raise DataError(
            f"Metrics: slices[{slicing.name!r}] must have one value per validation sample, so {samples:,}; received "
            f"{len(slicing.grouping):,}. With validation_split= those are the last samples."
        )


def _rows_of(tally: Tally, counted: SlicedCounts | None) -> tuple[int, int]:
    """Return the number of samples, and a checksum of the rows."""
    if isinstance(tally, ExactTally):
        return tally.samples, checksum(tally)
    assert counted is not None
    return counted.samples, counted.checksum


def _streamed(tally: Tally) -> StreamingTally:
    assert isinstance(tally, StreamingTally)
    return tally


def _scored(group: Tally | None, scoring: Scoring, computed: dict[str, Score]) -> ScoreValues:
    """Return the scores of one group; none where it has no row."""
    return ScoreValues() if group is None or not computed else scoring.score(group, only=computed)


def _value(full: str, name: str, found: ScoreValues, on_error: OnError) -> float:
    """Return a score of a group; nan where there is none."""
    if name in found.errors:
        return on_error(full, found.errors[name])
    value = found.values.get(name, _NO_NUMBER)
    return float(value) if is_number(value) else math.nan


def _worst(values: Iterable[float], greater_is_better: bool | None) -> float:
    """Return the worst of the groups that have a number, as `GroupScores` and fairlearn have it."""
    numbers = (value for value in values if not math.isnan(value))
    return (max if greater_is_better is False else min)(numbers, default=math.nan)


def _write(result: EpochResult, name: str, entries: dict[str, float]) -> None:
    double = sorted(entries.keys() & (result.values.keys() | result.entries.keys()))
    if double:
        raise ValueError(f"Metrics: a slice and another score would both write {', '.join(double)}. Rename one.")
    result.values.update(entries)
    result.entries.update(entries)
    result.by_class.update(dict.fromkeys(entries, name))
