"""What is recorded of a run: the scores of each epoch, in order."""

import math
from collections.abc import Mapping

import numpy as np

from kerascb_metrics.record.epoch_record import EpochRecord


class RunRecord(Mapping):
    """The scores of each scored epoch, in order, with what belongs to them. See `ScoreHistory`, its public form.

    Attributes:
        logs: what Keras itself logged in each epoch, name → float.
        settings: what was scored and how, name → text or number.
        directions: score name → True where greater is better, False where less is, None where that is not known.
        tallies: the `EpochRecord` of each epoch, by output (None: the only one).
        intervals: the bounds of each epoch, score name → (lowest, highest).
    """

    def __init__(self, greater_is_better: dict[str, bool | None] | None = None) -> None:
        self._epochs: list[int] = []
        self.logs: list[dict[str, float]] = []
        self.settings: dict = {}
        self._values: dict[str, list] = {}
        self.tallies: list[dict] = []
        self.intervals: list[dict] = []
        self.directions = dict(greater_is_better or {})

    def __getitem__(self, name):
        if name not in self._values:
            raise KeyError(f"no score {name!r} was recorded; there are: {', '.join(self._values) or 'none yet'}")
        values = self._values[name]
        return _Copies(values) if any(isinstance(value, np.ndarray) for value in values) else list(values)

    def __iter__(self):
        return iter(self._values)

    def __len__(self):
        return len(self._values)

    # Matrices do not compare to one truth value, so the Mapping's own comparison would raise.
    __eq__ = object.__eq__
    __hash__ = object.__hash__

    def set_directions(self, greater_is_better):
        """Say of more scores whether greater is better: name → True, False or None."""
        self.directions.update(greater_is_better)

    def append(self, epoch, values, tallies=None, intervals=None):
        """Record the scores of one epoch, the same names in every one, its counts by output, and its bounds by name."""
        for name in {**self._values, **values}:
            past = self._values.setdefault(name, [float("nan")] * len(self._epochs))
            past.append(_copied(values[name]) if name in values else _blank_like(past[-1]))
        self._epochs.append(epoch)
        self.tallies.append(tallies or {})
        self.intervals.append(intervals or {})
        self.logs.append({})

    def values_at(self, place: int) -> dict:
        """Return name → what was recorded at one place of the lists; arrays as they are, to be read only."""
        return {name: values[place] for name, values in self._values.items()}

    @property
    def epochs(self) -> list[int]:
        """The scored epochs, counted from 0 as Keras counts them in `on_epoch_end`."""
        return list(self._epochs)

    @property
    def bounds(self) -> dict[str, list[tuple]]:
        """Name → list of (lowest, highest), one a scored epoch; an epoch whose rows were kept has the value twice."""
        names = dict.fromkeys(name for interval in self.intervals for name in interval)
        return {
            name: [
                tuple(map(_copied, own.get(name, (value, value))))
                for own, value in zip(self.intervals, self._values[name], strict=True)
            ]
            for name in names
        }

    def best(self, name: str, mode: str | None = None) -> tuple[int, float]:
        """Return `(epoch, value)` of the best value of a score; ties go to the earliest epoch, nan is passed over.

        Args:
            name: a scalar score.
            mode: "max" or "min"; needed only for a score whose direction is not known (a bare metric function).
        """
        place = self._place_of_best(name, mode)
        return self.epochs[place], self[name][place]

    def _place_of_best(self, name, mode=None):
        values = self[name]
        if any(np.ndim(value) for value in values):
            raise ValueError(f"{name!r} is no single number an epoch: it has no best. Choose one of its own keys.")
        if mode not in ("max", "min", None):
            raise ValueError(f"mode must be 'max' or 'min'; received {mode!r}.")
        sign = {"max": 1, "min": -1}[mode or self.mode(name)]
        # Python's numbers compare exactly; NumPy would round one of two to the dtype of the other.
        numbers = [value.item() if isinstance(value, np.generic | np.ndarray) else value for value in values]
        ranked = [(sign * number, -place) for place, number in enumerate(numbers) if not math.isnan(number)]
        if not ranked:
            raise ValueError(f"no epoch has a value for {name!r}: {values}")
        return -max(ranked)[1]

    def tally(self, epoch: int | str = -1, output: str | None = None) -> EpochRecord:
        """Return the counts and curves of a scored epoch: what its report and its pictures are made of.

        Args:
            epoch: as in `report`.
            output: as in `report`.
        """
        place = self.index_of(epoch)
        tallies = self.tallies[place]
        if tallies and output not in tallies:
            raise ValueError(f"output must be one of {', '.join(map(repr, tallies))}; received {output!r}.")
        tally = tallies.get(output)
        if tally is None:
            raise ValueError(
                f"epoch {self.epochs[place]} has no counts, so no pictures and no classification report: a "
                "regression, or a pass with undefined scores."
            )
        return tally

    def is_scalar(self, name: str) -> bool:
        """Return whether a score is one number per epoch, not an array."""
        return not any(np.ndim(value) for value in self[name])

    def _is_class_of(self, name, base):
        return name.startswith(f"{base}_") and any(np.ndim(value) == 1 for value in self._values.get(base, ()))

    def index_of(self, epoch: int | str) -> int:
        """Return where a scored epoch stands in the lists; −1: the last; "best": of the first score that has a best."""
        if epoch == "best":
            return self._place_of_best(self.headline)
        if isinstance(epoch, bool | np.bool_):  # Python takes them for 1 and 0
            raise ValueError(f"epoch must be one of {self.epochs}, -1 or 'best'; received {epoch!r}.")
        if epoch == -1 and self.epochs:
            return len(self.epochs) - 1
        if epoch not in self.epochs:
            raise ValueError(f"epoch {epoch!r} was not scored; the scored epochs are {self.epochs}.")
        return self.epochs.index(epoch)

    @property
    def headline(self) -> str:
        """The name of the first score that has a best: a single number, with a known direction."""
        for name, values in self.items():
            if not any(np.ndim(value) for value in values) and self._direction(name) is not None:
                return name
        raise ValueError("no score here has a best: a single number an epoch of which it is known which way is better.")

    def mode(self, name: str) -> str:
        """Return "max" or "min", as Keras names the direction of a score."""
        greater_is_better = self._direction(name)
        if greater_is_better is None:
            raise ValueError(
                f"whether a greater {name!r} is better is not known. Pass mode='max' or mode='min', or make a scorer "
                "with sklearn.metrics.make_scorer(…, greater_is_better=…)."
            )
        return "max" if greater_is_better else "min"

    def _direction(self, name):
        bases = [base for base in self.directions if name == base or self._is_class_of(name, base)]
        return self.directions[max(bases, key=len)] if bases else None


class _Copies(list):
    """A list whose arrays are copied when they are looked at: a copy of all of them at once may be large."""

    def __getitem__(self, place):
        found = super().__getitem__(place)
        return _Copies(found) if isinstance(place, slice) else _copied(found)

    def __iter__(self):
        return map(_copied, super().__iter__())

    def __reversed__(self):
        return map(_copied, super().__reversed__())

    def __add__(self, other):
        return _Copies([*self, *other])

    def __mul__(self, times):
        return _Copies([*self] * times)

    __rmul__ = __mul__

    def copy(self):
        return _Copies(self)

    def pop(self, place=-1):
        return _copied(super().pop(place))


def _copied(value):
    return value.copy() if isinstance(value, np.ndarray) else value


def _blank_like(value):
    """Nan in the shape of a value: a Python float for a number."""
    return np.full(np.shape(value), np.nan) if np.ndim(value) else float("nan")
