"""The recorded areas under the curves of the HTML page, with their confidence intervals."""

import math

from kerascb_metrics.record.intervals import intervals_of_run
from kerascb_metrics.record.run_record import RunRecord
from kerascb_metrics.record.values import is_number
from kerascb_metrics.show.report.curves import Area, Areas

# More classes than this would make the page slow to write: an interval takes about a millisecond.
_LEVEL, _MOST_CLASSES = 0.95, 12
_ROC, _AVERAGE = ("auc", "roc_auc"), ("average_precision",)


def areas_of(run: RunRecord, index: int, output: str | None) -> Areas:
    """Return the areas of the curves of an epoch, by the index of the class.

    Those of a binary task are its scores; of several classes and labels the values of each class.

    Args:
        run: the run.
        index: the index of the epoch.
        output: the name of the output, or None.
    """
    tally = run.tallies[index].get(output)
    if tally is None:
        return {}
    names = list(tally.curves)[:_MOST_CLASSES]
    before = "" if output is None else f"{output}_"
    found = {}
    for name in names:
        after = "" if tally.kind == "binary" else f"_{name}"
        roc, average = (_area(run, index, [f"{before}{own}{after}" for own in scores]) for scores in (_ROC, _AVERAGE))
        found[tally.class_names.index(name)] = roc, average
    return found


def _area(run: RunRecord, index: int, names: list[str]) -> Area | None:
    """Return the first of some scores that was recorded and has a value."""
    for name in names:
        value = run[name][index] if name in run else math.nan
        if is_number(value) and not math.isnan(value):
            low, high = intervals_of_run(run, name, _LEVEL)[index]
            known = not math.isnan(low)
            return name, float(value), float(low) if known else None, float(high) if known else None
    return None
