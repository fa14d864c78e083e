"""The scores of one result as text for terminals, and as HTML for notebooks."""

from html import escape

import numpy as np

from kerascb_metrics.record.result_record import ResultRecord
from kerascb_metrics.record.values import Value, is_number
from kerascb_metrics.show.tables import number_text, printable

_WIDTH = 100  # characters
# A larger matrix, or a longer array, is shown by its shape.
_MOST_CLASSES = 10


def line_of_result(result: ResultRecord) -> str:
    """Return the scores on one line of at most 100 characters.

    >>> line_of_result(ResultRecord({"f1": 0.5, "confusion": np.eye(2)}, epoch=3))
    'Scores(f1=0.5000, confusion=(2, 2); epoch 3)'
    """
    end = ")" if result.epoch is None else f"; epoch {result.epoch})"
    shown = [printable(f"{name}={_short(value)}") for name, value in result.values.items()]
    text, count = f"Scores({', '.join(shown)}", len(shown)
    while len(text + end) > _WIDTH and count > 1:
        count -= 1
        text = f"Scores({', '.join(shown[:count])}, … {len(shown) - count} more"
    return text + end


def text_of_result(result: ResultRecord) -> str:
    """Return the scores as text, one per line, then the matrices.

    >>> print(text_of_result(ResultRecord({"f1": 0.5, "confusion": np.eye(2, dtype=int)})))
    f1         0.5000
    confusion  [[1 0]
                [0 1]]
    """
    width = max((len(name) for name in result.values), default=0)
    lines = []
    for name, value in result.values.items():
        first, *rest = _long(value).splitlines()
        lines += [f"{printable(name):{width}}  {first}", *(" " * (width + 2) + line for line in rest)]
    return "\n".join(lines) or line_of_result(result)


def html_of_result(result: ResultRecord) -> str:
    """Return the scores as an HTML table; names are escaped."""
    rows = "".join(f"<tr><th>{escape(name)}</th><td>{_html(value)}</td></tr>" for name, value in result.values.items())
    caption = "" if result.epoch is None else f"<caption>{result.subject}</caption>"
    return f"<table>{caption}<tbody>{rows}</tbody></table>"


def _is_small(value: Value) -> bool:
    return all(length <= _MOST_CLASSES for length in np.shape(value))


def _short(value: Value) -> str:
    return number_text(value) if is_number(value) else str(np.shape(value))


def _long(value: Value) -> str:
    if is_number(value):
        return number_text(value)
    return np.array2string(np.asarray(value), precision=4, max_line_width=_WIDTH) if _is_small(value) else _shape(value)


def _shape(value: Value) -> str:
    return f"array of shape {np.shape(value)}"


def _html(value: Value) -> str:
    array = np.asarray(value)
    if array.ndim != 2 or not _is_small(array):
        return f"<pre>{escape(_long(value))}</pre>" if array.ndim else number_text(float(array))
    cells = (
        "".join(f"<td>{cell if isinstance(cell, int) else f'{cell:.6g}'}</td>" for cell in row)
        for row in array.tolist()
    )
    return f"<table>{''.join(f'<tr>{row}</tr>' for row in cells)}</table>"


def text_of_intervals(result: ResultRecord, output: str | None, level: float) -> str:
    """Return the confidence intervals of the recorded scores of an output as text, those that are known.

    Args:
        result: the result.
        output: the name of the output if there are several.
        level: the confidence level.
    """
    from kerascb_metrics.record.intervals import output_and_name, recorded_interval  # needs scikit-learn

    lines = []
    for name, value in result.values.items():
        of, own = output_and_name(result, name)
        interval = recorded_interval(result, name, level) if of == output and is_number(value) else None
        if interval is not None:
            low, high = interval
            ends = f"{low:.4f} to {high:.4f}" if not interval.reason else f"unknown: {interval.reason}"
            lines.append((printable(own), f"{value:.4f}", ends))
    widths = [max([len(line[column]) for line in lines], default=0) for column in (0, 1)]
    rows = [f"  {name.rjust(widths[0])}  {value.rjust(widths[1])}  {ends}" for name, value, ends in lines]
    return "\n".join([f"{100 * level:.4g} % confidence intervals", *rows, ""])
