"""The bytes of .json and .jsonl files of a `RunRecord`, written and read."""

import codecs
import json
import os
import reprlib
import warnings
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from kerascb_metrics.record.atomic_write import FilePath
from kerascb_metrics.record.json_format import Form
from kerascb_metrics.record.json_read import epoch_in, header_in
from kerascb_metrics.record.json_write import epoch_of, header_of, labels_of
from kerascb_metrics.record.run_record import RunRecord
from kerascb_metrics.record.saved_run import SavedEpoch, SavedRun

_T = TypeVar("_T")


def line_of(form: Form) -> bytes:
    """Return a header or an epoch as one line of a .jsonl file."""
    return json.dumps(form, allow_nan=False).encode() + b"\n"


def jsonl_of(run: RunRecord, labels: bool = False) -> bytes:
    """Return a run as the bytes of a .jsonl file: a header, then one line per epoch.

    Args:
        run: the run.
        labels: whether the predicted labels are written too, and the targets once.
    """
    epochs = (line_of(_epoch_of(run, index, labels)) for index in range(len(run.epochs)))
    return line_of(header_of(run)) + b"".join(epochs)


def json_of(run: RunRecord, labels: bool = False) -> bytes:
    """Return a run as the bytes of a .json file: the header, with the epochs in it; arguments as in `jsonl_of`."""
    epochs = [_epoch_of(run, index, labels) for index in range(len(run.epochs))]
    return line_of({**header_of(run), "epochs": epochs})


def _epoch_of(run: RunRecord, index: int, labels: bool) -> Form:
    form = epoch_of(run, index)
    if labels:
        of_outputs = labels_of(run, index)
        for tally in form["tallies"]:
            tally.update(of_outputs.get(tally["output"], {}))
    return form


def parse_jsonl(path: FilePath, data: bytes) -> SavedRun:
    """Return the run that the bytes of a .jsonl file hold.

    Blank lines are skipped. A damaged last line is left out, with a warning.

    Args:
        path: the file, for messages.
        data: its bytes.

    Raises:
        ValueError: with the path and the line, for any other damage.
    """
    (first, line), *lines = _lines(path, data)
    header = _parse_line(path, first, line, header_in)
    epochs: list[SavedEpoch] = []
    for number, line in lines:
        try:
            saved = _parse_line(path, number, line, _epoch_of_line)
            if reason := _out_of_order(saved, epochs):
                raise damaged(path, reason, number)
        except ValueError as error:
            if number < lines[-1][0] or _is_header(line):
                raise
            warnings.warn(f"Metrics: the last line is damaged and is left out: {error}", stacklevel=2)
        else:
            epochs.append(saved)
    return SavedRun(*header, tuple(epochs))


def parse_json(path: FilePath, data: bytes) -> SavedRun:
    """Return the run that the bytes of a .json file hold.

    Args:
        path: the file, for messages.
        data: its bytes.

    Raises:
        ValueError: with the path, if the file is damaged.
    """
    try:
        form = _parse(unmarked(data))
        header, listed = header_in(form), form.get("epochs")
        if not isinstance(listed, list):
            raise ValueError("'epochs' is missing, or is not a list")
        epochs: list[SavedEpoch] = []
        for index, each in enumerate(listed):
            saved = _epoch_at(index, each)
            if reason := _out_of_order(saved, epochs):
                raise ValueError(reason)
            epochs.append(saved)
    except (ValueError, RecursionError) as error:
        raise damaged(path, error) from None
    return SavedRun(*header, tuple(epochs))


def check_header(line: bytes) -> None:
    """Raise `ValueError` or `RecursionError` if a line is not the header of a .jsonl file."""
    header_in(_parse(unmarked(line)))


def unmarked(data: bytes) -> bytes:
    """Return the bytes of a file without the byte order mark that some programs put before UTF-8.

    Raises:
        ValueError: if the file is empty, or in UTF-16.
    """
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise ValueError("the file is in UTF-16. Save it as UTF-8.")
    data = data.removeprefix(codecs.BOM_UTF8)
    if not data.strip():
        raise ValueError("the file is empty")
    return data


def damaged(path: FilePath, problem: object, line: int | None = None) -> ValueError:
    """Return the error for a damaged file: where, then what is wrong."""
    what = "nested too deep" if isinstance(problem, RecursionError) else problem
    where = "" if line is None else f", line {line}"
    return ValueError(f"{os.fspath(path)}{where}: {what}")


def _is_header(line: bytes) -> bool:
    try:
        check_header(line)
    except (ValueError, RecursionError):
        return False
    return True


def _lines(path: FilePath, data: bytes) -> list[tuple[int, bytes]]:
    """Return the lines that are not blank, each with its number. Only line feeds end them: names may hold others."""
    try:
        lines = enumerate(unmarked(data).split(b"\n"), start=1)
    except ValueError as error:
        raise damaged(path, error, 1) from None
    return [(number, line) for number, line in lines if line.strip()]


def _epoch_of_line(form: Any) -> SavedEpoch:
    if isinstance(form, dict) and "format" in form:
        raise ValueError("a second header: another file begins here. Load each file separately.")
    return epoch_in(form)


def _epoch_at(index: int, form: Any) -> SavedEpoch:
    try:
        return epoch_in(form)
    except ValueError as error:
        raise ValueError(f"entry {index} of 'epochs': {error}") from None


def _parse_line(path: FilePath, number: int, line: bytes, read: Callable[[Any], _T]) -> _T:
    try:
        return read(_parse(line))
    except (ValueError, RecursionError) as error:
        raise damaged(path, error, number) from None


def _out_of_order(saved: SavedEpoch, before: Sequence[SavedEpoch]) -> str:
    """Return what is wrong if an epoch is not greater than the one before it; "" if it is."""
    if not before or saved.epoch > before[-1].epoch:
        return ""
    return f"epoch {reprlib.repr(saved.epoch)} after epoch {reprlib.repr(before[-1].epoch)}"


def _parse(data: bytes) -> Any:
    return json.loads(data.decode(), parse_constant=_refuse_constant, object_pairs_hook=_refuse_double)


def _refuse_double(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """If a name is there twice, JSON's reader would silently keep the last one."""
    form = dict(pairs)
    if len(form) < len(pairs):
        names = [name for name, _ in pairs]
        double = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{double!r} is there twice")
    return form


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not valid JSON; a number that is not finite is the string {name!r} here")
