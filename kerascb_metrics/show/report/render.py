"""The record of a fit as one HTML file, which loads nothing and asks no server."""

import base64
import hashlib
import html
import json
import re
from importlib.resources import files

from kerascb_metrics import __version__
from kerascb_metrics.show.report.data import page_data

_SCRIPTS = ("dom.js", "charts.js", "matrix.js", "curves.js", "page.js")
# Within a script element only "<" could end the data; the others mean something to readers of other kinds.
_ESCAPED = {ord(character): f"\\u{ord(character):04x}" for character in "<>&"}


def report_page(history, title=None):
    """Return the HTML page of a `ScoreHistory`.

    Everything is inside: style, script and data. A content security policy lets nothing else run or load. Names and
    text of the user's are data: escaped here, and set as text by the script, never read as HTML.

    Args:
        history: with one scored epoch or more.
        title: the heading; None: "Scores of each epoch".
    """
    if not history.epochs:
        raise ValueError("save_report: no epoch was scored, so there is nothing to show.")
    style, script = _part("page.css"), "\n".join(map(_part, _SCRIPTS))
    parts = {
        "title": html.escape("Scores of each epoch" if title is None else str(title)),
        "version": html.escape(__version__),
        "style": style,
        "style_hash": _digest(style),
        "script": script,
        "script_hash": _digest(script),
        "data": _embedded(page_data(history)),
    }
    # One pass, so that what is put in is not searched again.
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], _part("page.html"))


def _part(name):
    return (files(__package__) / "assets" / name).read_text(encoding="utf-8")


def _digest(text):
    """The hash by which the content security policy knows a style or script."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _embedded(data):
    """JSON that can stand in a script element whatever its strings hold."""
    return json.dumps(data, allow_nan=False, separators=(",", ":")).translate(_ESCAPED)  # and ASCII only
