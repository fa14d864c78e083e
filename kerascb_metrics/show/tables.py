"""The scores of a run as a table: columns of numbers, text for terminals, HTML for notebooks."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from html import escape

import numpy as np

from kerascb_metrics.record.run_record import RunRecord
from kerascb_metrics.show.best import best_index, corrected, headline_of

# A long run is shown by its first rows, its last rows, and the best epoch.
_FIRST, _LAST, _ROWS = 5, 5, 12
_WIDTH = 100  # characters
_NAMES = 12  # in a repr


def text_table(history: RunRecord) -> str:
    """Return the scalar scores as text: long runs and wide tables are shortened, the best epoch is marked.

    >>> history = RunRecord({"f1": True})
    >>> for epoch, value in enumerate([0.5, 0.75, 0.625]):
    ...     history.append(epoch, {"f1": value})
    >>> print(text_table(history))
    epoch      f1
        0  0.5000
        1  0.7500 *
        2  0.6250
    * best f1: 0.7500 in epoch 1
    """
    best, (names, left_out) = _best(history), _fitting(history)
    rows = [["epoch", *map(printable, names)], *_cells(history, names, best)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    indices = [None, *_shown_indices(len(history.epochs), best)]
    lines = [line + " *" * (index is not None and index == best) for line, index in zip(lines, indices, strict=True)]
    return "\n".join([*lines, *map(printable, _notes(history, best, left_out))])


def line_of_epoch(history: RunRecord, before: str = "") -> str:
    """Return the scalar scores of the last epoch on one line of at most 100 characters.

    A star follows the headline score if no earlier epoch has a better one.

    Args:
        history: with at least one epoch.
        before: the begin of the line.

    >>> history = RunRecord({"f1": True})
    >>> history.append(0, {"f1": 0.5, "auc": 0.625})
    >>> line_of_epoch(history, "Metrics: ")
    'Metrics: epoch 0: f1 0.5000 *, auc 0.6250'
    """
    best, last = _best(history), len(history.epochs) - 1
    shown = []
    for name in history:
        if history.is_scalar(name):
            mark = " *" if best == last and name == history.headline else ""
            shown.append(f"{printable(name)} {number_text(history[name][last])}{mark}")
    line = f"{before}epoch {history.epochs[last]}: {', '.join(shown) or 'no score is a single number'}"
    for count in range(len(shown) - 1, 0, -1):
        if len(line) <= _WIDTH:
            break
        line = f"{before}epoch {history.epochs[last]}: {', '.join(shown[:count])}, … {len(shown) - count} more"
    return line


def html_table(history: RunRecord) -> str:
    """Return the same table as HTML: names are escaped, the best epoch is bold and has a star."""
    best, (names, left_out) = _best(history), _fitting(history)
    head = "".join(f"<th>{escape(name)}</th>" for name in ("epoch", *names))
    rows = [
        _html_row(cells, index is not None and index == best)
        for cells, index in zip(_cells(history, names, best), _shown_indices(len(history.epochs), best), strict=True)
    ]
    notes = "".join(f"<div>{escape(note)}</div>" for note in _notes(history, best, left_out))
    return f"<div><table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>{notes}</div>"


def _best(history: RunRecord) -> int | None:
    return best_index(history, headline_of(history))


def _fitting(history: RunRecord) -> tuple[list[str], int]:
    """Return the scalar scores that fit on a line, at least one, and how many do not."""
    names = [name for name in history if history.is_scalar(name)]
    ends = np.cumsum([max(len(name), 6) + 2 for name in names])
    shown = max(1, int(np.count_nonzero(ends <= _WIDTH)))
    return names[:shown], len(names[shown:])


def _shown_indices(n: int, best: int | None) -> list[int | None]:
    """Return the indices of the epochs that are shown, None for a gap."""
    if n <= _ROWS:
        return list(range(n))
    shown = sorted({*range(_FIRST), *range(n - _LAST, n), *([] if best is None else [best])})
    indices: list[int | None] = [shown[0]]
    for before, after in itertools.pairwise(shown):
        indices += [after] if after == before + 1 else [None, after]
    return indices


def _cells(history: RunRecord, names: Sequence[str], best: int | None) -> list[list[str]]:
    return [
        ["…"] * (len(names) + 1)
        if index is None
        else [str(history.epochs[index]), *(number_text(history[name][index]) for name in names)]
        for index in _shown_indices(len(history.epochs), best)
    ]


def number_text(value: float) -> str:
    """Return a number with four decimals, or in scientific notation if it is very small or large."""
    return f"{value:.4f}" if value == 0 or 1e-3 <= abs(value) < 1e5 or not np.isfinite(value) else f"{value:.3e}"


def _notes(history: RunRecord, best: int | None, left_out: int) -> Iterator[str]:
    if best is not None:
        name = history.headline
        yield f"* best {name}: {number_text(history[name][best])} in epoch {history.epochs[best]}"
        value = corrected(history, name)
        if value is not None:
            yield f"  corrected for choosing among {len(history.epochs)} epochs: {number_text(value)}"
    if left_out:
        yield f"{left_out} more scores: .to_frame() has all"


def _html_row(cells: Sequence[str], is_best: bool) -> str:
    cells = [cells[0] + " *", *cells[1:]] if is_best else cells
    tag = "th" if is_best else "td"
    return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"


def names_in_words(names: Iterable[str]) -> str:
    """Return the first twelve names, and how many more there are.

    >>> names_in_words(["f1", "auc"]), names_in_words([])
    ('f1, auc', 'no scores')
    """
    listed = list(names)
    more = f", … {len(listed) - _NAMES} more" if len(listed) > _NAMES else ""
    return printable(", ".join(listed[:_NAMES]) or "no scores") + more


def printable(text: str) -> str:
    """Return text with a mark for each character that would move the cursor, break the line or fail to encode."""
    return "".join(character if character.isprintable() else "�" for character in text)
