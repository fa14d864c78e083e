"""What a notebook shows of a run or a result: the table, and beside it its curves as a picture without a script."""

import numbers

import numpy as np

from kerascb_metrics.record.epoch_record import EpochRecord
from kerascb_metrics.record.result_record import ResultRecord
from kerascb_metrics.record.run_record import RunRecord
from kerascb_metrics.show.best import best_index
from kerascb_metrics.show.inline_svg import Line, line_chart
from kerascb_metrics.show.plots.scores import by_magnitude, main_scores
from kerascb_metrics.show.result_tables import html_of_result
from kerascb_metrics.show.tables import html_table, number_text, printable

_MOST_LINES = 7


def html_of_run(history: RunRecord) -> str:
    """Return the table of the epochs, and beside it the scores by epoch, as HTML; names are escaped.

    Args:
        history: with at least one epoch.
    """
    scores = {name: history[name] for name in main_scores(history) if np.isfinite(history[name]).any()}
    # Scores of other magnitudes than the first would flatten its line.
    group = next((own for own in by_magnitude(scores) if next(iter(scores)) in own), {})
    if not all(isinstance(epoch, numbers.Real) for epoch in history.epochs):  # a user may have appended anything
        return html_table(history)
    epochs = np.array(history.epochs, float)
    lines = [_of_score(history, name, epochs) for name in list(group)[:_MOST_LINES]]
    more = _more(len(group), "scores: history.plot([…])")
    return _beside(html_table(history), *([line_chart(lines, "epoch", "score", whole=True) + more] if lines else []))


def html_of_scores(result: ResultRecord) -> str:
    """Return the table of a result, and beside it its ROC and precision-recall curves, as HTML; names are escaped."""
    charts = [chart for output, record in result.tallies.items() if record for chart in _curves(output, record)]
    return _beside(html_of_result(result), *charts[:2])


def _of_score(history: RunRecord, name: str, epochs: np.ndarray) -> Line:
    values = np.array(history[name], float)
    best = best_index(history, name)
    name = printable(name)
    text = name if best is None else f"{name}, best {number_text(values[best])} in epoch {history.epochs[best]}"
    return Line(text, epochs, np.where(np.isfinite(values), values, np.nan), best)


def _curves(output: str | None, record: EpochRecord) -> list[str]:
    of_output = "" if output is None else f"{output}, "
    curves = list(record.curves.items())[:_MOST_LINES]
    if not curves:
        return []
    roc = [Line(printable(f"{of_output}class {name}"), curve.fpr, curve.tpr) for name, curve in curves]
    # Without a prediction precision is 1 by convention: no row stands for it.
    precision = [
        Line(line.name, curve.tpr[1:], curve.precision[1:]) for line, (_, curve) in zip(roc, curves, strict=True)
    ]
    more = _more(len(record.curves), "classes")
    return [
        line_chart(roc, "false positive rate", "true positive rate", square=True) + more,
        line_chart(precision, "recall", "precision", square=True) + more,
    ]


def _more(count: int, of: str) -> str:
    """Say how many lines are left out."""
    return f"<div><small>{count - _MOST_LINES} more {of}</small></div>" if count > _MOST_LINES else ""


def _beside(table: str, *charts: str) -> str:
    style = "display:flex;flex-wrap:wrap;gap:1em;align-items:flex-start"
    return f'<div style="{style}">{table}{"".join(f"<div>{chart}</div>" for chart in charts)}</div>'
