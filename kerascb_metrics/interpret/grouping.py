"""Which group each sample is in: one value per sample, or several columns, whose combinations are the groups."""

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.integer]

# As many values show what the groups are where there are few; then no sort of all of them is needed.
_FIRST = 1000


@dataclass(frozen=True, eq=False)
class Grouping:
    """The group of each sample.

    Attributes:
        names: the groups, sorted: values of the samples, or tuples of them where there are several columns.
        numbers: (N,) the place of the group of each sample in `names`.

    >>> Grouping.of(["b", "a", "b"]).names, Grouping.of(["b", "a", "b"]).numbers.tolist()
    (('a', 'b'), [1, 0, 1])
    """

    names: tuple[Hashable, ...]
    numbers: Numbers

    @classmethod
    def of(cls, groups: Any, samples: int | None = None, subject: str = "groups") -> "Grouping":
        """Read the groups that a user gives.

        Args:
            groups: (N,) numbers, text, or anything else that can be hashed: an array, a list, a column of pandas. A
                DataFrame, a dict of columns, or an array (N, K) of several columns: groups are their combinations. Or a
                `Grouping`.
            samples: how many there must be; None: any number.
            subject: what is wrong, in messages.

        Raises:
            ValueError: if there is not one value per sample, or a sample has None or nan.
        """
        if isinstance(groups, Grouping):
            one_per_sample(groups.numbers, samples, subject)
            return groups
        columns = [_column(column, samples, subject) for column in _columns_of(groups)]
        if not columns:
            raise ValueError(f"{subject} has no column. Pass one value per sample.")
        found = columns[0]
        if len(columns) == 1:
            return found
        names = [(name,) for name in found.names]
        numbers: Numbers = found.numbers.astype(np.int64)
        for column in columns[1:]:
            there, numbers = _distinct_integers(numbers * len(column.names) + column.numbers)
            whole, last = divmod(there, len(column.names))
            names = [(*names[one], column.names[other]) for one, other in zip(whole, last, strict=True)]
        return cls(tuple(names), numbers)

    def __len__(self) -> int:
        return len(self.numbers)


def rows_by_number(numbers: Numbers, count: int) -> list[npt.NDArray[np.intp]]:
    """Return the rows of each number, rising; an empty array for a number without a row.

    Args:
        numbers: (N,) from 0 to count − 1.
        count: how many numbers there are.

    >>> [rows.tolist() for rows in rows_by_number(np.array([1, 0, 1]), 3)]
    [[1], [0, 2], []]
    """
    ends = np.cumsum(np.bincount(numbers, minlength=count))
    return np.split(np.argsort(numbers, kind="stable"), ends[:-1])[:count]


def one_per_sample(values: Any, samples: int | None, subject: str = "groups") -> np.ndarray:
    """Return the values of samples as an array (N,).

    Args:
        values: one per sample: an array, a list, a column of pandas.
        samples: how many there must be; None: any number.
        subject: what is wrong, in messages.

    Raises:
        ValueError: if there is not one value per sample.
    """
    to_numpy = getattr(values, "to_numpy", None)
    given = np.asarray(values if to_numpy is None else to_numpy())
    if given.ndim != 1 or samples not in (None, len(given)):
        wanted = f", so the shape ({samples},)" if samples is not None else ""
        raise ValueError(f"{subject} must have one value per sample{wanted}; received {given.shape}.")
    return given


def _columns_of(groups: Any) -> Iterable[Any]:
    if isinstance(groups, Mapping):
        return list(groups.values())
    if hasattr(groups, "levels"):  # a MultiIndex
        groups = groups.to_frame(index=False)
    if getattr(groups, "columns", None) is not None:  # a DataFrame
        return [groups[name] for name in groups.columns]
    # As objects, values of several types stay what they are.
    given = np.asarray(groups, object) if isinstance(groups, list | tuple) else groups
    return list(np.asarray(given).T) if np.ndim(given) == 2 else [given]


def _column(groups: Any, samples: int | None, subject: str) -> Grouping:
    # pandas has a missing value of its own, and a masked array hides its values.
    missing = groups.isna() if hasattr(groups, "isna") else np.ma.getmaskarray(groups) if np.ma.isMA(groups) else False
    count = int(np.count_nonzero(missing))
    given = one_per_sample(groups, samples, subject)
    if not count:
        names, numbers = _distinct(given, subject)
        lost = [place for place, name in enumerate(names) if _is_missing(name)]
        if not lost:
            return Grouping(tuple(names), numbers)
        count = int(np.isin(numbers, lost).sum())
    raise ValueError(
        f"{subject}: {count} samples have None or nan for a group. Give them a group of their own, such as 'unknown', "
        "or leave them out of the data."
    )


def _is_missing(name: Hashable) -> bool:
    try:
        return name is None or bool(name != name)
    except TypeError:  # pandas' own missing value in a list
        return True


def _distinct(given: np.ndarray, subject: str) -> tuple[list[Hashable], Numbers]:
    """Return the distinct values, sorted, and the number of each value among them."""
    if given.dtype.kind in "biu":
        values, numbers = _distinct_integers(given)
        return values.astype(given.dtype).tolist(), numbers
    if given.dtype.kind in "OUS":  # for text too a dict is faster than a sort
        return _distinct_objects(given, subject)
    values, numbers = np.unique(given, return_inverse=True)
    # As Python's values; a date is none, or it would become a number.
    return list(values) if given.dtype.kind in "Mm" else values.tolist(), numbers


def _distinct_integers(given: Numbers | npt.NDArray[np.bool_]) -> tuple[Numbers, Numbers]:
    if not given.size:
        return np.zeros(0, np.int64), np.zeros(0, np.intp)
    lowest = int(given.min())
    span = int(given.max()) - lowest
    if span > 4 * len(given) + _FIRST or given.dtype == np.uint64:
        return _distinct_by_search(given)
    places = given.astype(np.int64) - lowest
    there = np.flatnonzero(np.bincount(places, minlength=span + 1))
    numbers = np.zeros(span + 1, _dtype_for(len(there)))
    numbers[there] = np.arange(len(there))
    return there + lowest, numbers[places]


def _distinct_by_search(given: np.ndarray) -> tuple[np.ndarray, Numbers]:
    """Look for each value among those that occur first; sort all of them only if another one occurs."""
    known = np.unique(given[:_FIRST])
    if len(known) < _FIRST // 2:
        places = np.minimum(np.searchsorted(known, given), len(known) - 1)
        if np.array_equal(known[places], given):
            return known, places
    values, numbers = np.unique(given, return_inverse=True)
    return values, numbers


def _distinct_objects(given: np.ndarray, subject: str) -> tuple[list[Hashable], Numbers]:
    known: dict[Hashable, int] = {}
    try:
        numbers = np.fromiter((known.setdefault(one, len(known)) for one in given.tolist()), np.intp, len(given))
    except TypeError as error:
        raise ValueError(f"{subject} must have values that can be hashed, such as numbers or text: {error}.") from None
    names = list(known)
    try:
        return _sorted(names, numbers, key=None)
    except TypeError:  # such as numbers beside text
        return _sorted(names, numbers, key=lambda name: (type(name).__name__, str(name)))


def _sorted(names: list[Any], numbers: Numbers, key: Callable[[Any], Any] | None) -> tuple[list[Hashable], Numbers]:
    order = sorted(range(len(names)), key=lambda place: names[place] if key is None else key(names[place]))
    places = np.empty(len(names), _dtype_for(len(names)))
    places[order] = np.arange(len(names))
    return [names[place] for place in order], places[numbers]


def _dtype_for(count: int) -> np.dtype[Any]:
    """Return the smallest signed integers for so many numbers: differences of them are taken."""
    return np.min_scalar_type(-max(count, 1))
