"""The record of a fit as one self-contained HTML page that works offline."""

import base64
import datetime
import hashlib
import html
import json
import re
from collections.abc import Mapping
from importlib.resources import files

from kerascb_metrics import __version__
from kerascb_metrics.record.result_record import ResultRecord
from kerascb_metrics.record.run_record import SOURCE, RunRecord
from kerascb_metrics.show.report.data import Json, page_data

_SCRIPTS = ("dom.js", "charts.js", "matrix.js", "curves.js", "calibration.js", "residuals.js", "slices.js", "page.js")
# "<" could end a script element. The other two are escaped because some XML and HTML tools read them.
_ESCAPED = {ord(character): f"\\u{ord(character):04x}" for character in "<>&"}


def report_page_of(result: ResultRecord, title: str | None = None) -> str:
    """Return the HTML page of one result.

    Args:
        result: the scores, counts and curves.
        title: the heading; None: "Scores".
    """
    source = result.settings.get(SOURCE)
    subject = f"Scores of {result.subject}." if source is None else f"Made by {source}."
    return report_page(RunRecord.of(result), "Scores" if title is None else title, subject)


def report_page(history: RunRecord, title: str | None = None, single: str | None = None) -> str:
    """Return the HTML page of a `ScoreHistory`.

    The page contains its style, script and data. A content security policy forbids any other script, and all
    loading. Names and text of the user are data: they are escaped here, and the script sets them as text, never as
    HTML.

    Args:
        history: with at least one scored epoch.
        title: the heading; None: "Scores of each epoch".
        single: see `page_data`.

    Raises:
        ValueError: if no epoch was scored.
    """
    if not history.epochs:
        raise ValueError("save_report: no epoch was scored, so there is nothing to show.")
    style, script = _asset("page.css"), "\n".join(map(_asset, _SCRIPTS))
    parts = {
        "title": html.escape("Scores of each epoch" if title is None else str(title)),
        "version": html.escape(__version__),
        "date": datetime.datetime.now().astimezone().date().isoformat(),
        "style": style,
        "style_hash": _digest(style),
        "script": script,
        "script_hash": _digest(script),
        "data": _embedded(page_data(history, single)),
    }
    # One pass, so that inserted text is not searched again.
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], _asset("page.html"))


def _asset(name: str) -> str:
    return (files("kerascb_metrics.show.report") / "assets" / name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    """Return the hash that identifies a style or script in the content security policy."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _embedded(data: Mapping[str, Json]) -> str:
    """Return ASCII-only JSON that is safe in a script element, whatever its strings contain."""
    return json.dumps(data, allow_nan=False, separators=(",", ":")).translate(_ESCAPED)
