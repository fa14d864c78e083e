"""The numbers of one fit, for every_score: each as a key and a value, by the package's public names."""

import hashlib
import json
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from kerascb_metrics import Metrics, ScoreHistory

Numbers = Iterable[tuple[str, Any]]
LISTS = ("f1s", "precision", "recall", "kappa", "auc", "confusion")
FIELDS = ("y_true", "y_pred", "sample_weight", "mask", "has_columns")
SHOWN_IN_FULL = 64
_NOT_FINITE = {"NaN", "Infinity", "-Infinity"}


@dataclass(frozen=True)
class Part:
    """One part of a case: a name, and what yields its numbers."""

    name: str
    numbers: Callable[[], Numbers]


# A value as text, to the last bit.


def encoded(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return _array(value)
    if isinstance(value, list | tuple):
        return f"{type(value).__name__.lstrip('_').lower()} {' '.join(map(encoded, value))}"
    if value is None or isinstance(value, str | bool | int):
        return str(value)
    return float(value).hex() if isinstance(value, float) else f"{type(value).__name__} {float(value).hex()}"


def _array(array: np.ndarray) -> str:
    digest = hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()
    head = f"array {array.size} {array.dtype} {'×'.join(map(str, array.shape))} {digest}"
    exact = float.hex if array.dtype.kind not in "biu" else str
    shown = [exact(value if exact is str else float(value)) for value in array.ravel()[: SHOWN_IN_FULL + 1]]
    return head if len(shown) > SHOWN_IN_FULL else " ".join([head, *shown])


# The numbers of a fit.


def of_fit(
    metrics: Metrics, run: Any, seen: dict[str, list], outputs: tuple = (None,), drawn: bool = True
) -> list[Part]:
    """Return the parts of a fit.

    Args:
        metrics: the callback, after the fit.
        run: what `fit` returned.
        seen: who looked → the `logs` of each epoch's end.
        outputs: the names of the scored outputs, where there are several.
        drawn: whether to draw its pictures and make its page too.
    """
    history = metrics.history
    return [
        Part("fit", lambda: [("names", " ".join(run.history)), *_lists(run.history)]),
        *(Part(f"seen {who}", lambda logs=logs: _logs(logs)) for who, logs in seen.items()),
        Part("attributes", lambda: _lists({name: getattr(metrics, name) for name in LISTS if hasattr(metrics, name)})),
        Part("history", lambda: of_history(history)),
        Part("predictions", lambda: _predictions(metrics.predictions)),
        *(Part(f"report {output}", lambda output=output: _reports(history, output, drawn)) for output in outputs),
        Part("saved", lambda: _saved(history)),
        *([Part("page", lambda: _page(history)), *_drawn(history, outputs)] if drawn else []),
    ]


def of_history(history: ScoreHistory) -> Iterator[tuple[str, Any]]:
    """Yield the numbers of a history: its lists, bounds, best epochs, logs and tables."""
    yield "names", " ".join(history)
    yield "epochs", history.epochs
    yield from _lists(dict(history))
    yield from ((f"bounds/{name}", np.array(pairs)) for name, pairs in history.bounds.items())
    for name in history:
        for mode in (None, "max", "min"):
            yield f"best/{name}/{mode}", _or_its_type(history.best, name, mode)
    yield from ((f"logs/{key}", value) for key, value in _logs(history.logs))
    yield "table", _in_text(str(history))
    frame = history.to_frame()
    yield "frame/epochs", frame.index.to_numpy()
    yield from ((f"frame/{name}", frame[name].to_numpy()) for name in frame)


def of_scores(scores: Any) -> Numbers:
    """Return the numbers that `evaluate` gave."""
    return [("names", " ".join(scores)), *scores.items()]


def of_log_file(path: Path) -> Iterator[tuple[str, Any]]:
    """Yield the numbers of a log file, by line, but for the settings."""
    for place, line in enumerate(path.read_text(encoding="utf-8").splitlines()):
        form = json.loads(line)
        form.pop("settings", None)
        yield from ((f"{place}/{key}", value) for key, value in _in_json(form))


def _lists(lists: dict[str, list]) -> Iterator[tuple[str, Any]]:
    for name, values in lists.items():
        if any(np.ndim(value) for value in values):
            yield from ((f"{name}/{place}", value) for place, value in enumerate(values))
        else:
            yield name, list(values)


def _logs(logs: list[dict]) -> Iterator[tuple[str, Any]]:
    for place, of_epoch in enumerate(logs):
        yield f"{place}/names", " ".join(of_epoch)
        yield from ((f"{place}/{name}", value) for name, value in of_epoch.items())


def _predictions(rows: Any) -> Iterator[tuple[str, Any]]:
    if rows is None:
        yield "", None
    for name, each in rows.items() if isinstance(rows, dict) else [("", rows)]:
        if each is not None:
            yield f"{name}rows", len(each)
            yield from ((f"{name}{field}", getattr(each, field, None)) for field in FIELDS)


def _reports(history: ScoreHistory, output: str | None, in_full: bool) -> Iterator[tuple[str, Any]]:
    """Of the last epoch; `in_full`: as text too, and of the best one. The page has those of all epochs."""
    for epoch in (-1, "best") if in_full else (-1,):
        report = history.report(epoch, output=output, output_dict=True)
        yield from ((f"{epoch}/{key}", value) for key, value in _in_json(report))
        if in_full:
            yield f"{epoch}/text", _in_text(history.report(epoch, output=output))


def _saved(history: ScoreHistory) -> Iterator[tuple[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        for ending in ("json", "jsonl"):
            path = Path(folder, f"scores.{ending}")
            history.save(path)
            back = ScoreHistory.load(path)
            yield f"{ending}/back/epochs", back.epochs
            yield from ((f"{ending}/back/{key}", value) for key, value in _lists(dict(back)))
            if ending == "jsonl":
                yield from ((f"jsonl/{key}", value) for key, value in of_log_file(path))
            else:
                form = json.loads(path.read_text(encoding="utf-8"))
                form.pop("settings", None)
                yield "json/sha256", hashlib.sha256(json.dumps(form, sort_keys=True).encode()).hexdigest()


def _page(history: ScoreHistory) -> Numbers:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "report.html")
        history.save_report(path)
        page = path.read_text(encoding="utf-8")
    data = json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)[1])
    data.pop("settings", None)
    return _in_json(data)


# The data behind the pictures.


def _drawn(history: ScoreHistory, outputs: tuple) -> list[Part]:
    return [
        Part("plot", lambda: _closed(history.plot(), lambda shown: _lists(shown.scores))),
        *(
            Part(f"{name} {output}", lambda draw=draw, output=output: draw(history, output))
            for name, draw in _PICTURES.items()
            for output in outputs
        ),
    ]


def _closed(display: Any, numbers: Callable[[Any], Numbers]) -> Numbers:
    import matplotlib.pyplot as plt

    found = list(numbers(display))
    plt.close(display.figure_)
    return found


def _confusion(history: ScoreHistory, output: str | None) -> Iterator[tuple[str, Any]]:
    for normalize in (None, "true", "pred", "all"):
        display = history.plot_confusion(normalize=normalize, output=output)
        yield from _closed(
            display, lambda shown, of=normalize: [(f"{of}/{key}", value) for key, value in _arrays_of(shown)]
        )


def _curves(display: Any) -> Iterator[tuple[str, Any]]:
    for place, curve in enumerate(display.displays):
        yield from ((f"{place}/{key}", value) for key, value in _arrays_of(curve))


def _thresholds(history: ScoreHistory, output: str | None) -> Iterator[tuple[str, Any]]:
    for name in _with_curves(history, output):
        display = history.plot_threshold(class_name=name, output=output)
        numbers = _closed(display, lambda shown: [*_arrays_of(shown), ("best", shown.best)])
        yield from ((f"{name}/{key}", value) for key, value in numbers)


def _with_curves(history: ScoreHistory, output: str | None) -> list[str]:
    """The classes whose curves are drawn; no more than four, for a picture takes its time."""
    display = history.plot_roc(output=output)
    _closed(display, _curves)
    return re.findall(r"(?:class|label) ([^,\n]+)", "\n".join(display.names))[:4]


def _arrays_of(display: Any) -> Iterator[tuple[str, Any]]:
    """Yield the numbers and arrays among the public attributes of a display."""
    for name, value in vars(display).items():
        if (
            not name.endswith("_")
            and isinstance(value, np.ndarray | float | int)
            and np.asarray(value).dtype.kind in "biuf"
        ):
            yield name, value


_PICTURES = {
    "plot_confusion": _confusion,
    "plot_roc": lambda history, output: _closed(history.plot_roc(output=output), _curves),
    "plot_precision_recall": lambda history, output: _closed(history.plot_precision_recall(output=output), _curves),
    "plot_threshold": _thresholds,
}


# Numbers out of text and JSON.


def _in_text(text: str) -> str:
    """The numbers of a table, as they are written."""
    return " ".join(word for word in text.split() if re.fullmatch(r"-?\d+(\.\d+)?(e[+-]?\d+)?|nan|-?inf", word))


def _in_json(form: Any) -> Iterator[tuple[str, Any]]:
    """Yield the numbers of a tree, by path; a list without dicts in it is one array."""
    stack = [("", form)]
    while stack:
        path, value = stack.pop()
        if isinstance(value, dict):
            stack.extend((f"{path}.{key}" if path else key, item) for key, item in value.items())
        elif isinstance(value, list) and any(isinstance(leaf, dict) for leaf in _leaves(value)):
            stack.extend((f"{path}.{place}", item) for place, item in zip(count(), value))
        elif isinstance(value, list):
            numbers = [leaf for leaf in _leaves(value) if _is_number(leaf)]
            yield path, np.array([np.nan if leaf is None else float(leaf) for leaf in numbers])
        elif _is_number(value):
            yield path, value


def _is_number(value: Any) -> bool:
    return value in _NOT_FINITE if isinstance(value, str) else not isinstance(value, dict)


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    else:
        yield value


def _or_its_type(function: Callable, *arguments: Any) -> Any:
    try:
        return function(*arguments)
    except Exception as error:
        return f"raises {type(error).__name__}"
