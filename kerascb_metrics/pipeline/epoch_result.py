"""`EpochResult`: the scores of one pass under their final names, computed from the tally of each output."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kerascb_metrics.insight.evidence import evidence_of
from kerascb_metrics.record.epoch_record import EpochRecord
from kerascb_metrics.record.log_entries import history_entries, log_entries, per_class_entries
from kerascb_metrics.record.regression_record import MOST_ROWS, RegressionRecord
from kerascb_metrics.score.plan import full_name
from kerascb_metrics.score.score import Value
from kerascb_metrics.score.scoring import ScoreValues, Scoring
from kerascb_metrics.tally.exact import ExactTally
from kerascb_metrics.tally.streaming import StreamingTally
from kerascb_metrics.tally.tally import Tally

Bounds = dict[str, tuple[Value, Value]]
Shapes = dict[str, tuple[int, ...]]

CUT_SHORT = "the pass was cut short by stop_evaluating"


@dataclass(frozen=True)
class EpochResult:
    """The result of one pass; with several outputs each name begins with that of its output.

    Attributes:
        values: what the history records, name → float or array.
        entries: what goes to `logs`, name → float, without prefix.
        records: output → its `EpochRecord`, or None where it has none.
        regressions: output → its `RegressionRecord`, of the regressions that have one.
        bounds: name → (lowest, highest), of values that are the middle of an interval.
        undefined: name → why it has no value.
        left_out: name → which classes its value leaves out.
        unweighted: the names of scores that take no sample weights, where there are weights.
        by_class: the name of the value of a class → the name of its score, for `per_class=True`.
    """

    values: dict[str, Value] = field(default_factory=dict)
    entries: dict[str, float] = field(default_factory=dict)
    records: dict[str | None, EpochRecord | None] = field(default_factory=dict)
    regressions: dict[str | None, RegressionRecord] = field(default_factory=dict)
    bounds: Bounds = field(default_factory=dict)
    undefined: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    unweighted: list[str] = field(default_factory=list)
    by_class: dict[str, str] = field(default_factory=dict)

    def add(self, output: str | None, own: "EpochResult") -> None:
        """Add the result of one output.

        Raises:
            ValueError: where two outputs would write the same name.
        """
        for total, part in ((self.values, own.values), (self.entries, own.entries), (self.bounds, own.bounds)):
            _add(total, {full_name(output, name): value for name, value in part.items()})
        self.undefined.update({full_name(output, name): cause for name, cause in own.undefined.items()})
        self.left_out.update({full_name(output, name): classes for name, classes in own.left_out.items()})
        self.by_class.update(
            {full_name(output, own_name): full_name(output, name) for own_name, name in own.by_class.items()}
        )
        self.unweighted.extend(full_name(output, name) for name in own.unweighted)
        self.records[output] = own.records[None]
        if None in own.regressions:
            self.regressions[output] = own.regressions[None]


def score_output(
    tally: Tally,
    scoring: Scoring,
    *,
    on_error: Callable[[str, Exception], float],
    complete: bool = True,
    shapes: Shapes | None = None,
    most_rows: int = MOST_ROWS,
) -> EpochResult:
    """Score the tally of one output.

    Args:
        tally: of a settled task.
        scoring: the `Scoring` of the output.
        on_error: called with (name, error) for a score that raised; returns the value to record, or raises.
        complete: whether the pass saw all of its data; if not, every score is nan.
        shapes: name → shape of its values in earlier epochs, to which those of this one are added. A different shape
            is an error, because its values would get wrong names.
        most_rows: how many rows of a regression to keep.
    """
    undefined = None if complete else CUT_SHORT
    scores, bounds = _scored(tally, scoring, undefined)
    shapes = {} if shapes is None else shapes
    _refuse_other_shapes(scores, shapes)
    for name, error in scores.errors.items():
        value = on_error(name, error)  # in the shape of other epochs, so that it has their keys
        scores.values[name] = np.full(shapes[name], value) if shapes.get(name) else value
        if name in scores.by_class:
            scores.by_class[name] = np.full(len(scores.by_class[name]), value)
    names = tally.class_names
    matrices = {score.name for score in scoring.scores if score.matrix}
    return EpochResult(
        values=history_entries(scores.values, names, scores.by_class),
        entries=log_entries(
            scores.values, names, tally.kind, tally.pos_index, matrices, scoring.wants_cells, scores.by_class
        ),
        records={None: _record(tally, scoring, undefined)},
        regressions=_regressions(tally, undefined, most_rows),
        bounds=_by_class(bounds, names),
        undefined=scores.undefined,
        left_out=scores.left_out,
        unweighted=scores.unweighted,
        by_class={
            entry: name for name, value in scores.by_class.items() for entry in per_class_entries({name: value}, names)
        },
    )


def widest(bounds: Bounds) -> float:
    """Return the width of the widest of some bounds; 0.0 without any."""
    widths = [np.nanmax(np.append(np.ravel(high) - np.ravel(low), 0.0)) for low, high in bounds.values()]
    return float(max(widths, default=0.0))


def _scored(tally: Tally, scoring: Scoring, undefined: str | None) -> tuple[ScoreValues, Bounds]:
    """The scores; where the rows were not kept, those that rank them as the middle of their bounds."""
    scores = scoring.score(tally, undefined=undefined)
    if not isinstance(tally, StreamingTally):
        return scores, {}
    ranked = [score.name for score in scoring.scores if score.ranks]
    best = scoring.score(tally.at_best(), undefined=undefined, only=ranked)  # averages rise with each class
    bounds = _middles(scores.values, best.values, ranked)
    of_classes = _middles(scores.by_class, best.by_class, ranked)
    return scores, {**bounds, **_by_class(of_classes, tally.class_names)}


def _middles(lowest: dict[str, Any], highest: dict[str, Any], names: Collection[str]) -> Bounds:
    """Replace the lowest values by the middles of their intervals; return the intervals."""
    bounds = {name: (lowest[name], highest[name]) for name in names if name in lowest}
    lowest.update({name: (low + high) / 2 for name, (low, high) in bounds.items()})
    return bounds


def _record(tally: Tally, scoring: Scoring, undefined: str | None) -> EpochRecord | None:
    """Counts and curves of the rows: none of a regression, or of a pass that could not be scored."""
    if tally.kind == "regression" or undefined or tally.undefined:
        return None
    ranked = any(score.ranks_classes(tally) for score in scoring.for_kind(tally.kind))
    evidence = evidence_of(tally, scoring, ranked)
    return EpochRecord.of(tally, scoring.zero_division, tally.curves() if ranked else {}, evidence)


def _regressions(tally: Tally, undefined: str | None, most_rows: int) -> dict[str | None, RegressionRecord]:
    """Some rows of a regression: none of a pass that could not be scored. Its scores need rows, so they are there."""
    if tally.kind != "regression" or undefined or tally.undefined or not isinstance(tally, ExactTally):
        return {}
    return {None: RegressionRecord.of(tally.labeled, most_rows)}


def _refuse_other_shapes(scores: ScoreValues, shapes: Shapes) -> None:
    for name in scores.values.keys() - scores.errors.keys() - scores.undefined.keys():
        shape = np.shape(scores.values[name])
        known = shapes.setdefault(name, shape)
        if shape != known:
            scores.errors[name] = ValueError(
                f"it returned values of shape {shape}, but {known} in earlier epochs. Return one shape."
            )


def _by_class(bounds: Bounds, class_names: tuple[str, ...]) -> Bounds:
    """Bounds by the names of the history: a score with one value per class has one pair of bounds per class."""
    lowest, highest = (
        history_entries({name: pair[end] for name, pair in bounds.items()}, class_names) for end in (0, 1)
    )
    return {name: (lowest[name], highest[name]) for name in lowest}


def _add(total: dict[str, Any], own: dict[str, Any]) -> None:
    """Add the entries of one output: two outputs must not overwrite each other's."""
    double = sorted(total.keys() & own.keys())
    if double:
        raise ValueError(
            f"Metrics: two outputs would both write {', '.join(double)}. Give one of the scores, or a class, another "
            "name."
        )
    total.update(own)
