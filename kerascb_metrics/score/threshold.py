"""The threshold that a score chose, recorded beside the scores as `threshold`."""

import numpy as np

from kerascb_metrics.interpret.kinds import Kind
from kerascb_metrics.score.score import Needs, Score, Undefined, Value
from kerascb_metrics.tally.tally import Tally

THRESHOLD = "threshold"


def threshold_score() -> Score:
    """Return the score that records the threshold of a binary task, or one per label."""
    needs: dict[Kind, Needs] = {"binary": "counts", "multilabel": "counts"}
    labels: tuple[Kind, ...] = ("multilabel",)
    return Score(THRESHOLD, _threshold, needs, greater_is_better=None, per_class=labels, whole=True)


def _threshold(tally: Tally) -> Value:
    assert tally.chosen is not None
    thresholds = tally.chosen.thresholds
    value: Value = float(thresholds[0]) if tally.kind == "binary" else thresholds.copy()
    gone = np.isnan(thresholds)
    if gone.any():
        raise Undefined(f"there is nothing to choose it by{_of_labels(tally, gone)}", value)
    return value


def _of_labels(tally: Tally, gone: np.ndarray) -> str:
    if tally.kind == "binary":
        return f": no row of class {tally.class_names[tally.pos_index]}, or a score that is 0/0 at every threshold"
    names = [name for name, is_gone in zip(tally.class_names, gone, strict=True) if is_gone]
    return f" for label {', '.join(names[:5])}{', …' if len(names) > 5 else ''}"
