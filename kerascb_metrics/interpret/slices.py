"""The argument `slices`: what divides the validation samples into groups, each with scores of its own."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

from kerascb_metrics.interpret.grouping import Grouping

# More groups have no place in `logs`, where each of them is a key of each score.
_MOST_GROUPS = 100
_ENDS = ("min", "max")


@dataclass(frozen=True, eq=False)
class Slicing:
    """One way to divide the samples.

    Attributes:
        name: what it is called in keys, such as "sex".
        grouping: the group of each sample.
        keys: what each group is called in keys.
    """

    name: str
    grouping: Grouping
    keys: tuple[str, ...]

    @classmethod
    def of(cls, name: Any, groups: Any) -> "Slicing":
        """Read one entry of `slices`.

        Args:
            name: its name.
            groups: as in `Grouping.of`.

        Raises:
            ValueError: for another name than text, groups that cannot be read, and too many of them.
        """
        if not isinstance(name, str) or not name:
            raise ValueError(f"Metrics: the names of slices must be text, such as 'sex'; received {name!r}.")
        grouping = Grouping.of(groups, subject=f"Metrics: slices[{name!r}]")
        if len(grouping.names) > _MOST_GROUPS:
            raise ValueError(
                f"Metrics: slices[{name!r}] has {len(grouping.names):,} groups, and each of them would be a key of "
                f"each score; at most {_MOST_GROUPS} are possible. After training history.by_group(…) takes any number."
            )
        return cls(name, grouping, tuple(map(group_key, grouping.names)))

    def key(self, score: str, group: str) -> str:
        """Return the key of a score of a group.

        >>> Slicing.of("sex", ["m", "f"]).key("f1", "m")
        'f1_sex_m'
        """
        return f"{score}_{self.name}_{group}"

    def worst(self, score: str, greater_is_better: bool | None) -> str:
        """Return the key of the worst value of a score: the lowest, or the highest where less is better."""
        return self.key(score, _ENDS[greater_is_better is False])

    def keys_of(self, score: str, greater_is_better: bool | None) -> list[str]:
        """Return all keys of a score."""
        return [*(self.key(score, group) for group in self.keys), self.worst(score, greater_is_better)]


def group_key(group: Hashable) -> str:
    """Return what a group is called in keys.

    >>> group_key(("Bern", 1)), group_key(True)
    ('Bern_1', 'True')
    """
    return "_".join(map(str, group)) if isinstance(group, tuple) else str(group)


def slicings_of(slices: Any) -> tuple[Slicing, ...]:
    """Read the argument `slices`.

    Args:
        slices: None, a dict name → groups, see `Grouping.of`, or a DataFrame, whose columns are such groups.

    Raises:
        ValueError: for anything else, slices of several lengths, and names that would be one key.

    >>> [own.keys for own in slicings_of({"sex": ["f", "m", "f"], "old": [True, False, False]})]
    [('f', 'm'), ('False', 'True')]
    """
    if slices is None:
        return ()
    names = getattr(slices, "columns", slices)
    if not isinstance(slices, Mapping) and names is slices:
        raise ValueError(
            "Metrics: slices must be a dict such as {'sex': array}, or a DataFrame; received "
            f"{type(slices).__name__}."
        )
    found = tuple(Slicing.of(name, slices[name]) for name in names)
    lengths = {own.name: len(own.grouping) for own in found}
    if len(set(lengths.values())) > 1:
        raise ValueError(
            "Metrics: slices must have one value per validation sample; received "
            f"{', '.join(f'{length} for {name!r}' for name, length in lengths.items())}."
        )
    keys = [key for own in found for key in [*own.keys_of("", None), own.worst("", False)]]
    double = sorted({key[1:] for key in keys if keys.count(key) > 1})
    if double:
        raise ValueError(f"Metrics: two slices or groups would both write {', '.join(double)}. Rename one of them.")
    return found
