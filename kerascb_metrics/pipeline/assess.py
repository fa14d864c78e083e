"""EpochRecord and score the rows of one pass: the middle of the way, with nothing of Keras's hooks in it."""

from dataclasses import dataclass, replace

import numpy as np

from kerascb_metrics.record.epoch_record import EpochRecord
from kerascb_metrics.record.log_entries import history_entries, log_entries
from kerascb_metrics.score.score import Scores


@dataclass(frozen=True)
class Assessment:
    """What one pass came to.

    Attributes:
        values: what the history records, name → float or array.
        entries: what goes to `logs`, name → float, without prefix.
        scores: the `Scores` behind them, with what was undefined or failed.
        tally: the counts, for the report.
        bounds: name → (lowest, highest), of values that are the middle of an interval.
    """

    values: dict
    entries: dict
    scores: Scores
    tally: EpochRecord | None
    bounds: dict


def assess(evidence, scoring, *, complete=True, on_error, shapes=None):
    """Score an `Evidence`.

    Args:
        evidence: of a settled task.
        scoring: the `Scoring`.
        complete: whether the pass saw all of its data; if not, every score is nan.
        on_error: called with (name, error) for a score that raised; returns the value to record, or raises.
        shapes: name → shape of its values in earlier epochs, to which those of this one are added. Another shape is an
            error: its numbers would go under the names of others.
    """
    evidence = replace(evidence, wants_precision=scoring.wants_precision)
    if not evidence.rows:
        evidence = replace(evidence, undefined="no row is left to score")
    elif evidence.weightless:
        evidence = replace(evidence, undefined="all sample weights are zero")
    if not complete:
        evidence = replace(evidence, undefined="the pass was cut short by stop_evaluating")
    scores, bounds = _score(evidence, scoring)
    shapes = {} if shapes is None else shapes
    _refuse_other_shapes(scores, shapes)
    for name, error in scores.errors.items():
        value = on_error(name, error)  # in the shape of other epochs, so that it has their keys
        scores.values[name] = np.full(shapes[name], value) if shapes.get(name) else value
    names = evidence.class_names
    entries = log_entries(
        scores.values, names, evidence.kind, evidence.pos_index, scoring.matrices, scoring.wants_cells
    )
    tally = EpochRecord.of(evidence, scoring.zero_division)
    return Assessment(history_entries(scores.values, names), entries, scores, tally, _by_class(bounds, names))


def _refuse_other_shapes(scores: Scores, shapes: dict) -> None:
    for name in scores.values.keys() - scores.errors.keys() - scores.undefined.keys():
        shape = np.shape(scores.values[name])
        known = shapes.setdefault(name, shape)
        if shape != known:
            scores.errors[name] = ValueError(f"it returned values of shape {shape}, in earlier epochs {known}.")


def _score(evidence, scoring):
    """The scores; where the rows were not kept, those that rank them as the middle of their bounds."""
    scores = scoring.score(evidence)
    if evidence.rows_kept:
        return scores, {}
    best = scoring.score(replace(evidence, best=True), only=scoring.ranked)  # averages rise with each class
    bounds = {name: (scores.values[name], best.values[name]) for name in scoring.ranked if name in scores.values}
    scores.values.update({name: (low + high) / 2 for name, (low, high) in bounds.items()})
    return scores, bounds


def _by_class(bounds, class_names):
    """Bounds by the names of the history: a value a class has bounds a class too."""
    lowest, highest = (
        history_entries({name: pair[end] for name, pair in bounds.items()}, class_names) for end in (0, 1)
    )
    return {name: (lowest[name], highest[name]) for name in lowest}


def widest(bounds):
    """Return the width of the widest of some bounds; 0.0 without any."""
    widths = [np.nanmax(np.append(np.ravel(high) - np.ravel(low), 0.0)) for low, high in bounds.values()]
    return float(max(widths, default=0.0))
