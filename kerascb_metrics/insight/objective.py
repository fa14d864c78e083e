"""What a threshold is chosen for: the best of a score, or the least cost, for many thresholds at a time."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from kerascb_metrics.insight.table_scores import table_score
from kerascb_metrics.interpret.kinds import CHOOSING
from kerascb_metrics.interpret.task_arguments import is_finite_number
from kerascb_metrics.score.averaged import Cells, Masses

_COSTS = ("fp", "fn", "tp", "tn")


@dataclass(frozen=True, eq=False)
class Objective:
    """What a threshold of two classes is chosen for.

    All scores here can only rise when a row of class 1 moves above the threshold, or one of class 0 below it. The
    search rests on that.

    Attributes:
        name: the score, one of `CHOOSING`; None: the cost.
        cost: cell → the cost of one of its rows.
        at_least: score → the lowest value that is allowed.
        average: how scores are averaged over the two classes: "binary", "macro", "weighted" or "micro".
        pos_index: the index of the positive class.
        zero_division: the value of a class whose score is 0/0, within an average over classes.
    """

    name: str | None = None
    cost: Mapping[str, float] = field(default_factory=dict)
    at_least: Mapping[str, float] = field(default_factory=dict)
    average: str = "binary"
    pos_index: int = 1
    zero_division: float = 0.0

    @classmethod
    def of(cls, name: Any, at_least: Any = None, cost: Any = None, **options: Any) -> "Objective":
        """Return the objective that a user asks for.

        Args:
            name: the name of a score, or None.
            at_least: None, or a dict score → lowest value.
            cost: None, or a dict cell → cost.
            options: the other attributes.

        Raises:
            TypeError: unless there is exactly one of `name` and `cost`.
            ValueError: for unknown names, and for costs that reward mistakes.
        """
        if (name is None) == (cost is None):
            raise TypeError(
                'best_threshold takes a score, as in best_threshold("f1"), or a cost, as in '
                'best_threshold(cost={"fp": 1, "fn": 20}).'
            )
        for asked in [] if name is None else [name]:
            _check_score(asked)
        return cls(name, _checked_costs(cost), _checked_limits(at_least), **options)

    def values(self, tables: Cells) -> Masses:
        """Return how good thresholds are, greater is better; nan where the score is 0/0.

        Args:
            tables: the cells of both classes, arrays (2, K): one column per threshold.
        """
        return self._cost(tables) * -1.0 if self.name is None else self._score(self.name, tables)

    def allowed(self, tables: Cells, *, if_undefined: bool = False) -> npt.NDArray[np.bool_]:
        """Return which thresholds respect `at_least`, (K,).

        Args:
            tables: as in `values`.
            if_undefined: what to return where a score is 0/0.
        """
        found = np.ones(tables.tp.shape[1], bool)
        for name, limit in self.at_least.items():
            values = self._score(name, tables)
            found &= np.where(np.isnan(values), if_undefined, values >= limit)
        return found

    def value(self, tables: Cells) -> float:
        """Return the score, or the cost per row, of one threshold: cells (2, 1)."""
        return float(self._cost(tables)[0] if self.name is None else self._score(self.name, tables)[0])

    def _cost(self, tables: Cells) -> Masses:
        own = {cell: getattr(tables, cell)[self.pos_index] for cell in _COSTS}
        total = own["tp"] + own["fp"] + own["fn"] + own["tn"]
        summed: Masses = sum(self.cost.get(cell, 0.0) * own[cell] for cell in _COSTS) / total
        return summed

    def _score(self, name: str, tables: Cells) -> Masses:
        return table_score(name, tables, self.average, self.pos_index, self.zero_division)


def _check_score(name: object) -> None:
    if name not in CHOOSING:
        raise ValueError(f"best_threshold takes a score that counts suffice for: {', '.join(CHOOSING)}; got {name!r}.")


def _checked_limits(at_least: Any) -> dict[str, float]:
    if at_least is None:
        return {}
    if not isinstance(at_least, Mapping) or not all(map(is_finite_number, at_least.values())):
        raise ValueError(
            f'at_least must be a dict of a score and its lowest value, as in {{"precision": 0.9}}; received '
            f"{at_least!r}."
        )
    for name in at_least:
        _check_score(name)
    return {name: float(limit) for name, limit in at_least.items()}


def _checked_costs(cost: Any) -> dict[str, float]:
    if cost is None:
        return {}
    if (
        not isinstance(cost, Mapping)
        or not cost
        or not all(map(is_finite_number, cost.values()))
        or set(cost) - {*_COSTS}
    ):
        raise ValueError(
            'cost must be a dict of "fp", "fn", "tp" or "tn" and the cost of one such row, as in {"fp": 1, "fn": 20}; '
            f"received {cost!r}."
        )
    costs = {cell: float(value) for cell, value in cost.items()}
    if costs.get("fp", 0.0) < costs.get("tn", 0.0) or costs.get("fn", 0.0) < costs.get("tp", 0.0):
        raise ValueError(
            f"cost must not reward mistakes: fp at least as much as tn, fn at least as much as tp; received {cost!r}."
        )
    return costs
