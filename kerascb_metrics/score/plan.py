"""What to score on which output: `scoring=` and `task=`, for one output, for all alike, or by output."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from kerascb_metrics.exceptions import DataError, naming_output
from kerascb_metrics.interpret.kinds import INFERRED, Kind
from kerascb_metrics.interpret.losses import LossReading
from kerascb_metrics.interpret.outputs import Outputs
from kerascb_metrics.interpret.slices import Slicing
from kerascb_metrics.interpret.tasks import as_task, needs_loss
from kerascb_metrics.score.panel import CELLS
from kerascb_metrics.score.scoring import Scoring
from kerascb_metrics.score.slice_keys import directions_of_slices, refuse_slices


def full_name(output: str | None, name: str) -> str:
    """Return the name of a score of an output; `output` is None for the only one.

    >>> full_name("a", "f1"), full_name(None, "f1")
    ('a_f1', 'f1')
    """
    return name if output is None else f"{output}_{name}"


@dataclass(frozen=True, eq=False)
class OutputPlan:
    """What is scored on one output, resolved once per fit.

    Attributes:
        scoring: the `Scoring`.
        task: the settled task.
        loss: what the compiled loss tells about the output.
    """

    scoring: Scoring
    task: Any
    loss: LossReading


@dataclass(frozen=True, eq=False)
class Plan:
    """The checked `scoring=` and `task=` of a `Metrics`.

    A dict `scoring=` with lists, dicts or None in it is by output. A flat one, `{"a": "f1"}`, names scores, unless the
    model has several outputs and all of its keys are theirs.

    In each method but `check`, `outputs` are the names of the model's outputs where there are several: empty for one.
    A dict with the name of the only output as its only key is for that output.

    >>> plan = Plan({"a": ["f1"], "b": "r2"}, task={"a": "binary"})
    >>> plan.scoring_of("a", ["a", "b"]).names, plan.task_of("b")
    (('f1',), 'auto')
    """

    scoring: Any = None
    task: Any = "auto"
    average: str | None = "auto"
    zero_division: float = 0.0
    only: str | None = None
    memory: Literal["auto", "exact", "bounded"] = "exact"
    per_class: bool = False
    slices: tuple[Slicing, ...] = ()
    _whole: Scoring | None = field(init=False)
    # Output → what it was given, and once asked for its `Scoring`.
    _by_output: dict[str | None, Any] = field(init=False)
    _tasks: dict[str | None, Any] = field(init=False)

    def __post_init__(self) -> None:
        nested = isinstance(self.scoring, dict) and any(
            value is None or isinstance(value, dict | list | tuple) for value in self.scoring.values()
        )
        tasks = self.task if isinstance(self.task, dict) else {None: self.task}
        object.__setattr__(self, "_whole", None if nested else self._scoring(self.scoring))
        object.__setattr__(self, "_by_output", dict(self.scoring) if isinstance(self.scoring, dict) else {})
        object.__setattr__(self, "_tasks", {name: as_task(task) for name, task in tasks.items()})
        for output in self._by_output if nested else [None]:
            task = self.task_of(output)
            scoring = self._recording_threshold(output, self._own_scoring(output) if nested else self._whole)
            if scoring is not None and task != "auto" and self.only in (None, output):
                with naming_output(output):
                    scoring.check(task.kind)
                    scoring.refuse_double(task.kind, getattr(task, "class_names", None) or ())
                    refuse_slices(self.slices, scoring, task.kind, getattr(task, "class_names", None) or ())
        if nested:
            self._refuse_double_names(self.named_outputs)

    def task_of(self, output: str | None) -> Any:
        """Return the task of an output (None: the only one)."""
        sole = next(iter(self._tasks.values())) if output is None and len(self._tasks) == 1 else "auto"
        return self._tasks.get(output, self._tasks.get(None, sole))

    def scoring_of(self, output: str | None, outputs: Collection[str] = ()) -> Scoring | None:
        """Return the `Scoring` of an output, or None if it is not scored.

        Args:
            output: its name; None for the only one.
            outputs: the names of all outputs, where there are several.
        """
        return self._recording_threshold(output, self._asked_of(output, outputs))

    def _recording_threshold(self, output: str | None, scoring: Scoring | None) -> Scoring | None:
        """Add the threshold to the scores of an output if its task has one chosen."""
        chooses = isinstance(getattr(self.task_of(output), "threshold", None), str)
        return scoring.with_threshold if scoring is not None and chooses else scoring

    def _asked_of(self, output: str | None, outputs: Collection[str]) -> Scoring | None:
        if output is None and self._whole is None:
            return self._own_scoring(next(iter(self._by_output))) if len(self._by_output) == 1 else None
        if self.only not in (None, output) and output is not None:
            return None
        if self._whole is not None and not self._is_by_output(outputs):
            return self._whole
        return self._own_scoring(output) if output in self._by_output else None

    def check(self, outputs: Outputs, scored: Iterable[str | None] | None = None) -> None:
        """Raise for what can be known to be wrong before any row is seen.

        Args:
            outputs: the model's `Outputs`.
            scored: the outputs that have targets, as in `Outputs.keys`; None: all.

        Raises:
            ValueError: if an output does not exist, a score is not defined for its task, or two scores would have the
                same name.
            DataError: for a compiled loss that cannot be read, where the task has to come from it.
        """
        self.check_names(outputs)
        self.check_scores(outputs, outputs.keys if scored is None else scored)

    def check_names(self, outputs: Outputs) -> None:
        """Raise `ValueError` where an argument names an output that the model does not have."""
        by_output = self._by_output if self._whole is None or self._is_by_output(outputs.names) else ()
        named = {*by_output, *self._tasks, self.only} - {None, *outputs.all_names}
        if named:
            raise ValueError(
                f"Metrics: scoring=, task= or output= names {', '.join(sorted(map(str, named)))}, but "
                f"{_listed(outputs)}."
            )

    def check_scores(self, outputs: Outputs, scored: Iterable[str | None]) -> None:
        """Raise where some of the outputs, those that have targets, cannot have their scores."""
        for output in scored:
            scoring, reading = self.scoring_of(output, outputs.names), outputs.loss_of(output)
            if scoring is None:
                continue
            self._refuse_unread(output, reading)
            kind = self._known_kind(output, reading)
            if kind is not None:
                with naming_output(output):
                    scoring.check(kind, reading.name)
        self._refuse_double_names(outputs.names)

    def _refuse_unread(self, output: Any, reading: LossReading) -> None:
        """A loss that cannot be read must not be taken for one of probabilities."""
        task = self.task_of(output)
        if reading.problem and (task == "auto" or needs_loss(task)):
            of_output = "" if output is None else f"output {output!r}: "
            remedy = "task=" if output is None else f"task={{{output!r}: …}}, such as "
            raise DataError(
                f"Metrics: {of_output}{reading.problem}. To describe the outputs, pass {remedy}"
                "Multiclass(from_logits=True), or Binary, Multilabel or Regression."
            )

    def _refuse_double_names(self, outputs: tuple[str, ...]) -> None:
        """Two outputs whose scores have one name, such as x with y_f1 and x_y with f1, would overwrite each other."""
        named: dict[str, str] = {}
        for output in outputs:
            for name in self._names_of(output, outputs):
                other = named.setdefault(name, output)
                if other != output:
                    raise ValueError(
                        f"Metrics: the outputs {other!r} and {output!r} would both write the score {name!r}. Give one "
                        "of the scores another name, as in scoring={'output': {'name': …}}."
                    )

    def _names_of(self, output: str, outputs: tuple[str, ...]) -> list[str]:
        scoring = self.scoring_of(output, outputs)
        task = self.task_of(output)
        cells = () if task == "auto" or task.kind != "binary" else CELLS
        own = [] if scoring is None else [*scoring.names, *(cells if "confusion" in scoring.names else ())]
        return [full_name(output, name) for name in own]

    def directions(
        self, outputs: Collection[str] = (), kinds: Mapping[str | None, Kind] | None = None
    ) -> dict[str, bool | None]:
        """Return the direction of every score.

        Args:
            outputs: the names of the model's outputs where there are several; empty for one.
            kinds: output → its kind of task, of the outputs that have targets. None: not known; of an output whose
                task is not told the names of the panels of classification and of regression are both there.

        Returns:
            Name → True if higher is better, False if lower is better, None if unknown. The names are those of the
            history and, cells included, of `logs`; with several outputs each begins with that of its output.
        """
        known: dict[str, bool | None] = {}
        for output in (outputs or (None,)) if kinds is None else kinds:
            scoring = self.scoring_of(output, outputs)
            if scoring is not None:
                scores = scoring.for_kind(*(self._possible_kinds(output) if kinds is None else [kinds[output]]))
                own = {score.name: score.greater_is_better for score in scores}
                cells = CELLS if "confusion" in own else {}
                known.update({full_name(output, name): better for name, better in {**own, **cells}.items()})
        return known

    def of_slices(self, outputs: Collection[str] = ()) -> dict[str, bool | None]:
        """Return the direction of every score of a slice, as far as the tasks are known; see `directions`."""
        known: dict[str, bool | None] = {}
        for output in (outputs or (None,)) if self.slices else ():
            scoring = self.scoring_of(output, outputs)
            own = {} if scoring is None else directions_of_slices(self.slices, scoring, self._possible_kinds(output))
            known.update({full_name(output, name): better for name, better in own.items()})
        return known

    def only_for_regression(self, output: str | None, outputs: Collection[str]) -> Collection[str]:
        """Return the names of the panel that an output, whose task is not told, has only if it is a regression."""
        scoring = self.scoring_of(output, outputs)
        return () if scoring is None or self.task_of(output) != "auto" else scoring.of_other_panels

    def is_of_panel(self, name: str) -> bool:
        """Return whether a name in `logs` is of the default panel, and nobody asked for it by name.

        Args:
            name: without prefix; it may begin with the name of an output.
        """
        panel = () if self._whole is None else self._whole.from_panel
        names = [*panel, *(CELLS if "confusion" in panel else ())]
        return any(name == own or name.endswith(f"_{own}") for own in names)

    def asked_by_output(self, outputs: Collection[str] = ()) -> list[str]:
        """Return the outputs that `scoring=` or `output=` asks for by name."""
        named = self._by_output if self._whole is None or self._is_by_output(outputs) else ()
        return [output for output in outputs if output in named and self.scoring_of(output, outputs) is not None]

    @property
    def named_outputs(self) -> tuple[str, ...]:
        """The outputs that `scoring=` names: a nested one must, a flat one need not, so then it is empty."""
        return tuple(map(str, self._by_output)) if self._whole is None else ()

    def known_kinds(self, outputs: Outputs) -> dict[str | None, Kind | None]:
        """Return output → its kind of task where the user or the loss is certain of it, else None.

        Args:
            outputs: the model's `Outputs`.
        """
        return {output: self._known_kind(output, outputs.loss_of(output)) for output in outputs.keys}

    def _known_kind(self, output: str | None, reading: LossReading) -> Kind | None:
        """The kind of task where the user or the loss is certain of it, else None."""
        return self.told_kind(output) or ("regression" if reading.family == "regression" else None)

    def _possible_kinds(self, output: str | None) -> Collection[Kind]:
        """The kinds of task that an output may have; None: the only one, or any of outputs that are not known yet."""
        told = self.told_kind(output)
        others = [task.kind for task in self._tasks.values() if task != "auto"] if output is None else []
        return {*INFERRED, *others} if told is None else [told]

    def told_kind(self, output: str | None) -> Kind | None:
        """Return the kind of task that the user says an output has; None if nobody says it."""
        task = self.task_of(output)
        return None if task == "auto" else task.kind

    def _scoring(self, scoring: Any) -> Scoring:
        return Scoring(scoring, self.average, self.zero_division, self.memory, self.per_class)

    def _own_scoring(self, output: str | None) -> Scoring:
        if not isinstance(self._by_output[output], Scoring):
            self._by_output[output] = self._scoring(self._by_output[output])
        own: Scoring = self._by_output[output]
        return own

    def _is_by_output(self, outputs: Collection[str]) -> bool:
        return bool(self._by_output) and len(outputs) > 1 and set(self._by_output) <= set(outputs)


def _listed(outputs: Outputs) -> str:
    """Say which outputs there are, for a message."""
    if not outputs.names:
        return "the model has a single output. Leave the names out"
    return f"the model's outputs are {', '.join(outputs.names)}. Use one of these names"
