"""The rows of the table: what was measured, what it is compared with, and whether the target is reached."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One comparison.

    Attributes:
        case: what was measured.
        n: number of rows of data; None if there are none.
        ours, theirs: medians, in `unit`; None if there is no such figure.
        against: what `theirs` is.
        unit: "ms", "bytes per row" …
        ratio: in words, "2.1 × as long" or "40 × as fast".
        target: what was promised, in words; "" if nothing was.
        verdict: "reached", "missed", "missing", "failed", or "" without a target.
        note: anything else.
    """

    case: str
    n: int | None = None
    ours: float | None = None
    against: str = ""
    theirs: float | None = None
    unit: str = "ms"
    ratio: str = ""
    target: str = ""
    verdict: str = ""
    note: str = ""


def as_long(case, n, ours, against, theirs, at_most=None, **more):
    """Return a comparison with something cheaper: how many times as long ours takes. Times are given in seconds.

    `more` may contain `note`, and `why`, which is added to the note if the target is missed.
    """
    ratio = ours / theirs
    target = "" if at_most is None else f"≤ {at_most:g} ×"
    return _timed(case, n, ours, against, theirs, f"{_digits(ratio)} × as long", target, ratio <= (at_most or 0), more)


def as_fast(case, n, ours, against, theirs, at_least=None, **more):
    """Return a comparison with something slower: how many times as fast ours is; `more` as in `as_long`."""
    ratio = theirs / ours
    target = "" if at_least is None else f"≥ {at_least:g} ×"
    return _timed(case, n, ours, against, theirs, f"{_digits(ratio)} × as fast", target, ratio >= (at_least or 0), more)


def bounded(case, n, ours, unit, at_most=None, **more):
    """Return a figure without comparison, and the most that it may be; `more` as in `as_long`."""
    target = "" if at_most is None else f"≤ {at_most:g}"
    return Row(case, n, ours, unit=unit, target=target, **_judged(target, ours <= (at_most or 0), **more))


def missing(case, why):
    """Return a row for something that could not be measured, and why."""
    return Row(case, verdict="missing", note=why)


def _timed(case, n, ours, against, theirs, ratio, target, reached, more):
    judged = _judged(target, reached, **more)
    return Row(case, n, 1e3 * ours, against, 1e3 * theirs, ratio=ratio, target=target, **judged)


def _judged(target, reached, note="", why=""):
    if not target or reached:
        return {"verdict": "reached" if target else "", "note": note}
    return {"verdict": "missed", "note": "; ".join(filter(None, [note, why]))}


COLUMNS = ("case", "N", "ours", "against", "theirs", "ratio", "target", "verdict", "note")


def cells(row):
    """Return the row's cells as text, in the order of `COLUMNS`."""
    return (
        row.case,
        "" if row.n is None else f"{row.n:,}",
        _figure(row.ours, row.unit),
        row.against,
        _figure(row.theirs, row.unit),
        row.ratio,
        row.target,
        row.verdict,
        row.note,
    )


def markdown(rows):
    """Return rows as a Markdown table."""
    lines = [COLUMNS, ("---",) * len(COLUMNS), *map(cells, rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def plain(rows):
    """Return rows as a table for the terminal."""
    lines = [COLUMNS, *map(cells, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(COLUMNS))]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def _figure(value, unit):
    return "" if value is None else f"{_digits(value)} {unit}".strip()


def _digits(value):
    """Return three significant digits, without an exponent.

    >>> [_digits(value) for value in (0.01234, 1.234, 1234.4)]
    ['0.0123', '1.23', '1,234']
    """
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) >= 0.001 else f"{value:.1g}"
