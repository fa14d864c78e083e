"""The record of a run: the scores of each epoch, in order."""

import math
from collections.abc import Iterator, Mapping
from typing import Any, Self

import numpy as np

from kerascb_metrics.interpret.grouping import Grouping
from kerascb_metrics.record.epoch_record import EpochRecord
from kerascb_metrics.record.label_store import LabelStore
from kerascb_metrics.record.packed_record import StoredRecord, StoredTallies, stored, stored_value
from kerascb_metrics.record.regression_record import RegressionRecord
from kerascb_metrics.record.result_record import ResultRecord
from kerascb_metrics.record.saved_run import SavedRun
from kerascb_metrics.record.unknown_score import unknown_score
from kerascb_metrics.record.values import (
    Bounds,
    Copies,
    Directions,
    Epoch,
    Mode,
    Value,
    blank_like,
    copied_pair,
    is_number,
)

# The setting that tells where rows came from that are not those of an epoch.
SOURCE = "source"


class RunRecord(Mapping[str, list[Any]]):
    """The scores of each scored epoch, in order, and their context. `ScoreHistory` is its public form.

    Args:
        greater_is_better: the first `directions`.

    Attributes:
        logs: what Keras itself logged in each epoch, name → float.
        settings: what was scored and how, name → text or number.
        directions: score name → True where greater is better, False where less is, None where that is not known.
        tallies: the `EpochRecord` of each epoch, by output (None: the only one).
        regressions: the `RegressionRecord` of each epoch, by output; outputs that have none are not in it.
        intervals: the bounds of each epoch, score name → (lowest, highest).
        labels: the predicted labels of the epochs of a fit.
        groupings: the slices of a fit, name → the group of each sample.
        memo: what was computed of its epochs, which never change, by a key of its own.
    """

    def __init__(self, greater_is_better: Mapping[str, bool | None] | None = None) -> None:
        self._epochs: list[int] = []
        self.logs: list[dict[str, float]] = []
        self.settings: dict[str, Any] = {}
        self._values: dict[str, list[Any]] = {}  # large arrays are packed, see `stored_value`
        self._with_arrays: set[str] = set()  # the scores that may have arrays: not all values are floats
        self._bests: dict[tuple[str, int], tuple[int, int | None]] = {}  # epochs looked at, and the index of the best
        self.tallies = StoredTallies()
        self.regressions: list[dict[str | None, RegressionRecord]] = []
        self.intervals: list[dict[str, Bounds]] = []
        self.directions: Directions = dict(greater_is_better or {})
        self.labels = LabelStore()
        self.groupings: dict[str, Grouping] = {}
        self.memo: dict[Any, Any] = {}

    def __getitem__(self, name: str) -> list[Any]:
        if not isinstance(name, str) or name not in self._values:
            raise unknown_score(name, self._values)
        values = self._values[name]
        return Copies(values) if name in self._with_arrays and any(map(np.ndim, values)) else list(values)

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    # Two matrices do not compare to a single truth value, so the comparison of `Mapping` would raise.
    __eq__ = object.__eq__
    __hash__ = object.__hash__

    def set_directions(self, greater_is_better: Mapping[str, bool | None]) -> None:
        """Note the directions of more scores.

        Args:
            greater_is_better: score name → True, False or None.
        """
        self.directions.update(greater_is_better)

    def append(
        self,
        epoch: int,
        values: Mapping[str, Value],
        tallies: Mapping[str | None, StoredRecord] | None = None,
        intervals: Mapping[str, Bounds] | None = None,
        regressions: Mapping[str | None, RegressionRecord] | None = None,
    ) -> None:
        """Record the scores of one epoch.

        Args:
            epoch: counted from 0.
            values: score name → value. A name that other epochs lack, or that this one lacks, is nan there.
            tallies: its counts and curves, by output.
            intervals: score name → (lowest, highest).
            regressions: some rows of its regressions, by output.
        """
        tallies = tallies or {}
        kept = {output: stored(record) for output, record in tallies.items()}
        for name in {**self._values, **values}:
            past = self._values.setdefault(name, [float("nan")] * len(self._epochs))
            past.append(stored_value(values[name] if name in values else blank_like(past[-1]), tallies, kept))
            if not isinstance(past[-1], float):
                self._with_arrays.add(name)
        self._epochs.append(epoch)
        self.tallies.append(kept)
        self.regressions.append(dict(regressions or {}))
        self.intervals.append(dict(intervals or {}))
        self.logs.append({})

    def restore(self, run: SavedRun) -> None:
        """Add the epochs, directions and settings of a saved run. Settings that are here already stay.

        Args:
            run: its epochs must be later than those that are here.
        """
        self.settings.update(run.settings | self.settings)
        self.set_directions(run.directions)
        for saved in run.epochs:
            self.append(saved.epoch, saved.values, saved.tallies, saved.bounds, saved.regressions)
            self.logs[-1].update(saved.logs)
            self.labels.restore(saved.epoch, saved.labels)

    def values_at(self, index: int) -> dict[str, Value]:
        """Return name → the value at one index of the lists. Arrays are not copied, and large ones are packed."""
        return {name: values[index] for name, values in self._values.items()}

    @property
    def epochs(self) -> list[int]:
        """The scored epochs, counted from 0 as Keras counts them in `on_epoch_end`."""
        return list(self._epochs)

    @property
    def bounds(self) -> dict[str, list[Bounds]]:
        """Name → list of (lowest, highest), one per scored epoch. Where the rows were kept both are the value."""
        names = dict.fromkeys(name for interval in self.intervals for name in interval)
        return {
            name: [
                copied_pair(interval.get(name, (value, value)))
                for interval, value in zip(self.intervals, self._values[name], strict=True)
            ]
            for name in names
        }

    def best(self, name: str, mode: Mode | None = None) -> tuple[int, float]:
        """Return `(epoch, value)` of the best value of a score; `ScoreHistory.best` documents it."""
        index = self._index_of_best(name, mode)
        return self._epochs[index], self[name][index]

    def _index_of_best(self, name: str, mode: Mode | None = None) -> int:
        if not self.is_scalar(name):
            raise ValueError(
                f"{name!r} has several values per epoch, so it has no single best. Choose a score with one number, "
                f"such as one class of {name!r}."
            )
        if mode not in ("max", "min", None):
            raise ValueError(f"mode must be 'max' or 'min'; received {mode!r}.")
        sign = 1 if (mode or self.mode(name)) == "max" else -1
        found = self._best_so_far(name, sign)
        if found is None:
            raise ValueError(f"no epoch has a value for {name!r}: {self[name]}")
        return found

    def _best_so_far(self, name: str, sign: int) -> int | None:
        """The index of the best number that is not nan; only those since the last time are looked at."""
        values = self._values[name]
        seen, best = self._bests.get((name, sign), (0, None))
        for index in range(seen, len(values)):
            number = _exact(values[index])
            if not math.isnan(number) and (best is None or sign * number > sign * _exact(values[best])):
                best = index
        self._bests[name, sign] = len(values), best
        return best

    def at(self, epoch: Epoch) -> ResultRecord:
        """Return the record of one epoch.

        Args:
            epoch: one of `epochs`; "last" or −1: the last one; "best": the best one of the first score that has a best.

        Raises:
            ValueError: if the epoch was not scored, or no score has a best.
        """
        index = self.index_of(epoch)
        is_of_epoch = SOURCE not in self.settings
        return ResultRecord(
            self.values_at(index),
            self.tallies[index],
            self.intervals[index],
            self.logs[index],
            self.directions,
            self.settings,
            self._epochs[index] if is_of_epoch else None,
            self.regressions[index],
        )

    @classmethod
    def of(cls, result: ResultRecord) -> Self:
        """Return a run whose only epoch is a result; 0 if it is not one of an epoch."""
        run = cls(result.directions)
        run.settings.update(result.settings)
        run.append(result.epoch or 0, result.values, result.tallies, result.bounds, result.regressions)
        run.logs[-1].update(result.logs)
        return run

    def tally(self, epoch: Epoch = -1, output: str | None = None) -> EpochRecord:
        """Return the counts and curves of a scored epoch; `ScoreHistory.tally` documents it."""
        return self.at(epoch).tally(output)

    def index_of(self, epoch: Epoch) -> int:
        """Return the index of a scored epoch in the lists; `ScoreHistory.index_of` documents it."""
        self._refuse_none()
        if epoch == "best":
            return self._index_of_best(self.headline)
        if isinstance(epoch, bool | np.bool_):  # equal to 1 and 0 for Python
            raise ValueError(f"epoch must be one of {self.epochs}, 'last' or 'best'; received {epoch!r}.")
        if epoch in (-1, "last"):
            return len(self._epochs) - 1
        if epoch not in self._epochs:
            named = "; 'last' and 'best' name two of them" if isinstance(epoch, str) else ""
            raise ValueError(f"epoch {epoch!r} was not scored; the scored epochs are {self.epochs}{named}.")
        return next(index for index, scored in enumerate(self._epochs) if scored == epoch)

    @property
    def headline(self) -> str:
        """The name of the first score that has a best: one number per epoch, with a known direction."""
        self._refuse_none()
        for name in self:
            if self.is_scalar(name) and self._direction(name) is not None:
                return name
        raise ValueError("no score here has a best: none has one number per epoch and a known direction.")

    def _refuse_none(self) -> None:
        if not self._epochs:
            raise ValueError("no epoch was scored yet.")

    def mode(self, name: str) -> Mode:
        """Return the direction of a score; `ScoreHistory.mode` documents it."""
        greater_is_better = self._direction(name)
        if greater_is_better is None:
            raise ValueError(
                f"cannot tell whether a higher {name!r} is better. Pass mode='max' or mode='min', or make a scorer "
                "with sklearn.metrics.make_scorer(…, greater_is_better=…)."
            )
        return "max" if greater_is_better else "min"

    def _direction(self, name: str) -> bool | None:
        bases = [base for base in self.directions if name == base or self._is_class_of(name, base)]
        return self.directions[max(bases, key=len)] if bases else None

    def is_scalar(self, name: str) -> bool:
        """Return whether a score is one number per epoch, not an array."""
        values = self[name]
        return name not in self._with_arrays or all(map(is_number, values))

    def _is_class_of(self, name: str, base: str) -> bool:
        return name.startswith(f"{base}_") and any(np.ndim(value) == 1 for value in self._values.get(base, ()))


def _exact(value: Any) -> Any:
    """Return a number as Python's, which compare exactly; NumPy would round one of two to the dtype of the other."""
    return value.item() if isinstance(value, np.generic | np.ndarray) else value
