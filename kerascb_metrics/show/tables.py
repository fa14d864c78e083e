"""The scores of a `ScoreHistory` as a table: columns of numbers, text for terminals, HTML for notebooks."""

import itertools
from html import escape

import numpy as np

# Rows of a long run: the first, the last, and the best between them.
_FIRST, _LAST, _ROWS = 5, 5, 12
_WIDTH = 100


def text_table(history):
    """Return the scalar scores as text: long runs and wide tables abbreviated, the best epoch marked.

    >>> from kerascb_metrics import ScoreHistory
    >>> history = ScoreHistory({"f1": True})
    >>> for epoch, value in enumerate([0.5, 0.75, 0.625]):
    ...     history.append(epoch, {"f1": value})
    >>> print(text_table(history))
    epoch      f1
        0  0.5000
        1  0.7500 *
        2  0.6250
    * the best f1, 0.7500, in epoch 1
    """
    best, (names, left_out) = _best(history), _fitting(history)
    rows = [["epoch", *map(printable, names)], *_cells(history, names, best)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    places = [None, *_places(len(history.epochs), best)]
    lines = [line + " *" * (place is not None and place == best) for line, place in zip(lines, places, strict=True)]
    return "\n".join([*lines, *map(printable, _notes(history, best, left_out))])


def html_table(history):
    """Return the same as HTML; names are escaped, and the best epoch is bold and has a star."""
    best, (names, left_out) = _best(history), _fitting(history)
    head = "".join(f"<th>{escape(name)}</th>" for name in ("epoch", *names))
    rows = [
        _html_row(cells, place is not None and place == best)
        for cells, place in zip(_cells(history, names, best), _places(len(history.epochs), best), strict=True)
    ]
    notes = "".join(f"<div>{escape(note)}</div>" for note in _notes(history, best, left_out))
    return f"<div><table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>{notes}</div>"


def _is_scalar(values):
    return not any(np.ndim(value) for value in values)


def _best(history):
    """Where the best epoch stands; None where no score has a best."""
    try:
        return history.index_of("best")
    except ValueError:
        return None


def _fitting(history):
    """The scalar scores that fit on a line, one at least, and how many do not."""
    names = [name for name, values in history.items() if _is_scalar(values)]
    ends = np.cumsum([max(len(name), 6) + 2 for name in names])
    shown = max(1, int(np.count_nonzero(ends <= _WIDTH)))
    return names[:shown], len(names[shown:])


def _places(n, best):
    """The places of the rows that are shown; None for a gap."""
    if n <= _ROWS:
        return list(range(n))
    shown = sorted({*range(_FIRST), *range(n - _LAST, n), *([] if best is None else [best])})
    places: list = shown[:1]
    for before, after in itertools.pairwise(shown):
        places += [after] if after == before + 1 else [None, after]
    return places


def _cells(history, names, best):
    return [
        ["…"] * (len(names) + 1)
        if place is None
        else [str(history.epochs[place]), *(_number(history[name][place]) for name in names)]
        for place in _places(len(history.epochs), best)
    ]


def _number(value):
    """Four decimals, where they say enough."""
    return f"{value:.4f}" if value == 0 or 1e-3 <= abs(value) < 1e5 or not np.isfinite(value) else f"{value:.3e}"


def _notes(history, best, left_out):
    if best is not None:
        name = history.headline
        yield f"* the best {name}, {_number(history[name][best])}, in epoch {history.epochs[best]}"
    if left_out:
        yield f"{left_out} more scores: .to_frame() has all"


def _html_row(cells, is_best):
    cells = [cells[0] + " *", *cells[1:]] if is_best else cells
    tag = "th" if is_best else "td"
    return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"


def printable(text: str) -> str:
    """Return text with a mark for each character that would move the cursor, break the line or not be encoded."""
    return "".join(character if character.isprintable() else "�" for character in text)
