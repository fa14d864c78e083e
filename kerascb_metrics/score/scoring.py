"""`Scoring`: a checked `scoring=`, and the values of its scores for a `Tally`."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from kerascb_metrics.interpret.kinds import Kind
from kerascb_metrics.interpret.labeled_rows import Labeling
from kerascb_metrics.score.class_values import count_of_classes, has_classes, values_of_classes
from kerascb_metrics.score.panel import PANEL
from kerascb_metrics.score.panels import OF_ANY_TASK, PANELS
from kerascb_metrics.score.parse import parse_scoring
from kerascb_metrics.score.recordable import recordable
from kerascb_metrics.score.score import AVERAGES, Options, Score, Undefined, Value
from kerascb_metrics.score.threshold import THRESHOLD, threshold_score
from kerascb_metrics.tally.tally import Tally


@dataclass(frozen=True)
class ScoreValues:
    """The values of the scores of one output.

    Attributes:
        values: name → float, or an array: one value per class, or the confusion matrix.
        undefined: name → why it has no value of its own.
        left_out: name → which classes its value leaves out.
        errors: name → the exception that the user's score raised.
        unweighted: the names that take no sample weight, where there are weights.
        by_class: name → one value per class, or per column of a regression, for `per_class=True`.
    """

    values: dict[str, Value] = field(default_factory=dict)
    undefined: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    errors: dict[str, Exception] = field(default_factory=dict)
    unweighted: list[str] = field(default_factory=list)
    by_class: dict[str, np.ndarray] = field(default_factory=dict)

    def add(self, score: Score, tally: Tally, undefined: str | None) -> None:
        """Compute a score; nan if it fails.

        Args:
            score: the score.
            tally: the tally.
            undefined: why nothing can be scored, or None.
        """
        try:
            if undefined:
                raise Undefined(undefined, score.blank(tally))
            value = recordable(score.compute(tally))
            if left_out := score.leaves_out(tally):
                self.left_out[score.name] = left_out
        except Undefined as error:
            value, self.undefined[score.name] = recordable(error.value), error.cause
        except Exception as error:  # a user's score; the caller raises it or records nan, see `error_score`
            value, self.errors[score.name] = float("nan"), error
        self.values[score.name] = value

    def add_classes(self, score: Score, tally: Tally, undefined: str | None) -> None:
        """Compute the values per class of a score; nan if it fails. The arguments are those of `add`."""
        nothing = np.full(count_of_classes(tally), np.nan)
        try:
            if undefined:
                raise Undefined(undefined, nothing)
            values = recordable(values_of_classes(score, tally))
        except Undefined as error:
            values = recordable(error.value)
            self.undefined.setdefault(score.name, error.cause)
        except Exception as error:  # as in `add`
            values = nothing
            self.errors.setdefault(score.name, error)
        self.by_class[score.name] = np.asarray(values)


@dataclass(frozen=True, eq=False)
class Scoring:
    """A checked `scoring=`, with the options of the panel.

    Attributes:
        chooses: whether the threshold of the task is chosen by a score, and so recorded too.
        scores: the `Score` objects, in the order they were asked for.

    >>> Scoring("accuracy").names
    ('accuracy',)
    >>> Scoring("acuracy")
    Traceback (most recent call last):
        ...
    ValueError: Metrics: unknown score 'acuracy'; did you mean 'accuracy' or ...
    """

    scoring: Any = None
    average: str | None = "auto"
    zero_division: float = 0.0
    memory: str = "exact"
    per_class: bool = False
    chooses: bool = False
    scores: tuple[Score, ...] = field(init=False)

    def __post_init__(self) -> None:
        if self.average not in ("auto", *AVERAGES):
            raise ValueError(
                f"Metrics: average must be 'auto', 'binary', 'micro', 'macro', 'weighted', 'samples' or None; "
                f"received {self.average!r}."
            )
        if self.zero_division not in (0, 1) and str(self.zero_division) != "nan":
            raise ValueError(f"Metrics: zero_division must be 0, 1 or nan; received {self.zero_division!r}.")
        if self.per_class not in (True, False):
            raise ValueError(f"Metrics: per_class must be True or False; received {self.per_class!r}.")
        if self.per_class and self.average is None:
            raise ValueError(
                "Metrics: average=None gives values per class instead of an average, per_class=True gives both. Pass "
                "one of them."
            )
        options = Options(self.average, float(self.zero_division))
        scores = parse_scoring(self.scoring, options)
        if self.chooses and any(score.name == THRESHOLD for score in scores):
            raise ValueError(
                f"Metrics: the chosen threshold is recorded as {THRESHOLD!r}, and so is a score. Give the score "
                "another name."
            )
        object.__setattr__(self, "scores", (*scores, threshold_score()) if self.chooses else scores)
        self._refuse_rows(None)

    @cached_property
    def with_threshold(self) -> "Scoring":
        """The same with the chosen threshold as one of the scores."""
        return replace(self, chooses=True)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the scores, in the order they were asked for; of the panels that of classification."""
        return tuple(score.name for score in self.scores if score.name not in self.of_other_panels)

    @property
    def of_other_panels(self) -> Collection[str]:
        """The names of the panels that only a regression or an ordinal task has."""
        return [name for name in self.from_panel if name not in PANEL]

    def ranks(self, kind: Kind) -> bool:
        """Return whether a score depends on the order of the rows, for a kind of task."""
        return any(score.needs.get(kind) == "ranking" for score in self.for_kind(kind))

    @property
    def averages_precision(self) -> bool:
        """Whether a score asks for average precision."""
        return any(score.averages_precision for score in self.scores)

    @property
    def wants_cells(self) -> bool:
        """Whether a confusion matrix of any size goes to `logs` cell by cell."""
        return any(score.matrix == "all" for score in self.scores)

    @property
    def by_class(self) -> list[str]:
        """The names of the scores that have one value per class, whatever the task."""
        return [score.name for score in self.scores if "binary" in score.per_class]

    @property
    def with_classes(self) -> list[str]:
        """The names of the scores that `per_class=True` gives values per class, or per column, beside their own."""
        some = [score for score in self.scores if score.of_classes or "regression" in score.takes_elements]
        return [score.name for score in some] if self.per_class else []

    def for_kind(self, *kinds: Kind) -> tuple[Score, ...]:
        """Return the scores for a kind of task, or for several: of the panels those that one of the kinds has."""
        if kinds not in self._of_kinds:  # asked for several times in each epoch
            of_panel = self.from_panel
            self._of_kinds[kinds] = tuple(
                score
                for score in self.scores
                if score.name not in of_panel or any(_is_defined(score, kind) for kind in kinds)
            )
        return self._of_kinds[kinds]

    @cached_property
    def _of_kinds(self) -> dict[tuple[Kind, ...], tuple[Score, ...]]:
        return {}

    def of_groups(self, *kinds: Kind) -> list[Score]:
        """Return the scores that groups of the samples have too, for a kind of task, or for several: single numbers."""
        counted = self.memory == "bounded"
        return [
            score
            for score in self.for_kind(*kinds)
            if not (score.matrix or score.whole)
            and any(_is_number(score, kind) and not (counted and score.needs[kind] != "counts") for kind in kinds)
        ]

    @cached_property
    def from_panel(self) -> Collection[str]:
        """The names of all panels that were not asked for one by one."""
        listed = ["panel"] if self.scoring is None else self.scoring
        if not isinstance(listed, list | tuple) or "panel" not in listed:
            return ()
        return [name for name in OF_ANY_TASK if name not in listed]

    def needing_rows(self, kind: Kind | None) -> list[str]:
        """Return the names of the scores that need the rows; None: for every kind of classification."""
        scores = [score for score in self.scores if score.name in self.names] if kind is None else self.for_kind(kind)
        # The bins of a binary task rank one of the classes.
        both = self.per_class and kind == "binary"
        return [score.name for score in scores if score.needs_rows(kind) or (both and score.averages_precision)]

    def check(self, kind: Kind, loss: str | None = None, *, by_element: bool = False) -> None:
        """Check that the scores are defined for a kind of task.

        Args:
            kind: the kind of task.
            loss: the name of the compiled loss, for messages.
            by_element: whether single elements of a row can be left out or weighted.

        Raises:
            ValueError: for a score or an average that the task does not have, a score that needs rows that
                memory="bounded" does not keep, or one of whole rows where there are only elements.
        """
        undefined = [score.name for score in self.for_kind(kind) if kind not in score.needs]
        if undefined and kind == "regression":
            of_loss = "" if loss is None else f" (the loss is {loss})"
            raise ValueError(
                f"Metrics: a regression task has no {', '.join(undefined)}{of_loss}. Pass regression scores, as in "
                "scoring=['r2', 'neg_mean_absolute_error']; or, if this is not regression, pass task=."
            )
        if undefined and kind == "ordinal":
            others = [score.name for score in self.for_kind(kind) if score.name not in undefined]
            ranked = any(score.name in undefined and "multiclass" in score.needs for score in self.scores)
            why = ": grades are labels, not probabilities, which task='multiclass' has" if ranked else ""
            raise ValueError(
                f"Metrics: an ordinal task has no {', '.join(undefined)}{why}. Leave it out, as in "
                f"scoring={others or self._instead(kind)!r}."
            )
        if undefined:
            raise ValueError(
                f"Metrics: {', '.join(undefined)} is not defined for a {kind} task. Leave it out of scoring="
                f"{', or take iou instead of jaccard' if 'jaccard' in undefined else ''}."
            )
        if self.average == "binary" and kind != "binary":
            raise ValueError(
                f"Metrics: average='binary' needs a binary task, this one is {kind}. Pass average='macro', 'micro', "
                "'weighted', or None for one value per class."
            )
        if self.average == "samples" and kind != "multilabel":
            raise ValueError(f"Metrics: average='samples' needs a multilabel task, this one is {kind}.")
        self._refuse_rows(kind)
        whole = [score.name for score in self.for_kind(kind) if by_element and score.needs_whole_rows(kind)]
        if whole:
            raise ValueError(
                f"Metrics: {', '.join(whole)} of a {kind} task needs whole rows, but single elements of them are left "
                "out or weighted. Leave it out of scoring=, as in "
                f"scoring={[name for name in self.names if name not in whole] or self._instead(kind)!r}."
            )

    def refuse_double(self, kind: Kind, class_names: Sequence[str]) -> None:
        """Raise `ValueError` if the value of a class would have the name of another score.

        Args:
            kind: the kind of task.
            class_names: the name of each class.
        """
        with_classes = self.with_classes
        scores = [score for score in self.for_kind(kind) if kind in score.needs]
        names = [score.name for score in scores]
        for score in scores:
            if score.name in with_classes or (kind in score.per_class and self.average is None):
                double = [f"{score.name}_{of}" for of in class_names if f"{score.name}_{of}" in names]
                if double:
                    raise ValueError(
                        f"Metrics: a score and the value of a class would both write {', '.join(double)}. Give the "
                        "score, or the class, another name."
                    )

    def refuse_margins(self, labeling: Labeling) -> None:
        """Raise `ValueError` if a score needs probabilities, and the outputs are no such thing.

        Args:
            labeling: of a task that `check` accepts.
        """
        names = [score.name for score in self.for_kind(labeling.kind) if score.needs_proba]
        if names and labeling.kind != "regression" and not labeling.has_proba:
            raise ValueError(
                f"Metrics: {', '.join(names)} needs probabilities, but the outputs are margins, or in units of their "
                "own. Leave it out of scoring=, as in "
                f"scoring={[name for name in self.names if name not in names] or self._instead(labeling.kind)!r}."
            )

    def _instead(self, kind: Kind) -> list[str]:
        return [PANELS[kind][0]]

    def _refuse_rows(self, kind: Kind | None) -> None:
        names = self.needing_rows(kind) if self.memory == "bounded" else []
        if names:
            of_kind = "" if kind is None else f" of a {kind} task"
            raise ValueError(
                f"Metrics: memory='bounded' keeps counts and no rows, and {', '.join(names)} cannot be computed from "
                f"counts{of_kind}. Leave it out, or pass memory='exact'."
            )

    def score(self, tally: Tally, *, undefined: str | None = None, only: Collection[str] | None = None) -> ScoreValues:
        """Compute the scores.

        Args:
            tally: of a task that `check` accepts.
            undefined: why nothing can be scored, where that is known; else `tally.undefined`.
            only: the names of the scores to compute; None: all.

        Returns:
            The `ScoreValues`; a score that failed is nan there, with its error.
        """
        found, with_classes = ScoreValues(), self.with_classes
        undefined = undefined or tally.undefined
        for score in self.for_kind(tally.kind):
            if only is not None and score.name not in only:
                continue
            found.add(score, tally, undefined)
            if score.name in with_classes and has_classes(score, tally):
                found.add_classes(score, tally, undefined)
            if tally.weighted and not score.takes_weight:
                found.unweighted.append(score.name)
        return found


def _is_number(score: Score, kind: Kind) -> bool:
    """Return whether a score of a kind of task is defined, and not one value per class."""
    return kind in score.needs and kind not in score.per_class


def _is_defined(score: Score, kind: Kind) -> bool:
    """Return whether a task has a score of the panels. A multilabel task has no kappa."""
    return kind in score.needs and score.name in PANELS[kind]
