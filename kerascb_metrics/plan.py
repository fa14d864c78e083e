"""What to score on which output: `scoring=` and `task=`, for one output, for all alike, or by output."""

from dataclasses import dataclass, field
from typing import Any

from kerascb_metrics.records import CELLS
from kerascb_metrics.scoring import Scoring
from kerascb_metrics.tasks import as_task


@dataclass(frozen=True, eq=False)
class Plan:
    """The checked `scoring=` and `task=` of a `Metrics`.

    A dict `scoring=` with lists, dicts or None in it is by output. A flat one, `{"a": "f1"}`, names scores, unless the
    model has several outputs and all of its keys are theirs.

    >>> plan = Plan({"a": ["f1"], "b": "r2"}, task={"a": "binary"})
    >>> plan.of("a", ["a", "b"])[0].names, plan.of("b", ["a", "b"])[1]
    (('f1',), 'auto')
    """

    scoring: Any = None
    task: Any = "auto"
    average: str | None = "auto"
    zero_division: float = 0.0
    _scorings: dict = field(init=False)
    _tasks: dict = field(init=False)

    def __post_init__(self):
        by_output = isinstance(self.scoring, dict) and any(
            value is None or isinstance(value, dict | list | tuple) for value in self.scoring.values()
        )
        scorings = self._split_scoring() if by_output else {None: self._scoring(self.scoring)}
        tasks = self.task if isinstance(self.task, dict) else {None: self.task}
        object.__setattr__(self, "_scorings", scorings)
        object.__setattr__(self, "_tasks", {name: as_task(task) for name, task in tasks.items()})

    def of(self, output, outputs=()):
        """Return the `Scoring` and the task of one output (None: the only one) of the given names."""
        task = self._tasks.get(output, self._tasks.get(None, "auto"))
        return self._by_output(outputs).get(output, self._scoring_of_others(outputs)), task

    def scores_at_all(self, output, outputs):
        """Tell whether an output is to be scored: a dict by output leaves out the others."""
        scorings = self._by_output(outputs)
        return None in scorings or output in scorings

    def check_outputs(self, outputs):
        """Raise `ValueError` for a name that is no output."""
        named = {*self._by_output(outputs), *self._tasks} - {None, *outputs}
        if named:
            raise ValueError(
                f"Metrics: scoring= or task= names the outputs {', '.join(sorted(map(str, named)))}; the model's are "
                f"{', '.join(map(str, outputs)) or 'one only'}."
            )

    def names(self, outputs=()):
        """Return all names of the scores, with `<output>_` before them where there are several outputs."""
        return list(self.directions(outputs, cells=False))

    def directions(self, outputs=(), cells=True):
        """Return name → True where greater is better, False where less is, None where that is not known."""
        several = outputs if len(outputs) > 1 else (None,)
        known = {}
        for output in several:
            if self.scores_at_all(output, outputs):
                prefix = "" if output is None else f"{output}_"
                scoring, _ = self.of(output, outputs)
                own = CELLS if cells and "confusion" in scoring.names else {}
                known.update({f"{prefix}{name}": way for name, way in {**own, **scoring.greater_is_better()}.items()})
        return known

    def mode(self, name, outputs=()):
        """Return "max", "min" or None for a name in `logs`, without `val_`.

        A value a class goes the way of its score. As long as the outputs are not known, any may stand before.
        """
        for known, greater_is_better in self.directions(outputs).items():
            of_class = self.average is None and name.startswith(f"{known}_")
            of_output = not outputs and name.endswith(f"_{known}")
            if greater_is_better is not None and (name == known or of_class or of_output):
                return "max" if greater_is_better else "min"
        return None

    def _scoring(self, scoring):
        return Scoring(scoring, self.average, self.zero_division)

    def _split_scoring(self):
        return {output: self._scoring(scoring) for output, scoring in self.scoring.items()}

    def _by_output(self, outputs):
        flat = isinstance(self.scoring, dict) and None in self._scorings
        if flat and len(outputs) > 1 and set(self.scoring) <= set(outputs):
            return self._split_scoring()
        return self._scorings

    def _scoring_of_others(self, outputs):
        return self._by_output(outputs).get(None)
