"""A `ScoreHistory` as a file: whole files written atomically, and read with suspicion."""

import csv
import io
import json
import math
import os
import reprlib
import secrets
import shutil
import warnings
from contextlib import suppress
from pathlib import Path

from kerascb_metrics.encoding import epoch_in, epoch_of, fill, header_in, header_of
from kerascb_metrics.tables import columns


def save(history, path):
    """Write a history to a file of the kind that its name ends with, atomically."""
    write_whole(path, _by_suffix(path, _WRITERS)(history))


def load(history, path):
    """Read a file that `save`, or `Metrics(log_file=…)`, wrote into an empty history, and return it."""
    read = _by_suffix(path, _READERS)
    data = Path(path).read_bytes()
    read(history, path, data)
    return history


def write_whole(path, data):
    """Write bytes to a file so that at every moment either the old content is there or the new.

    Raises:
        OSError: names the path; the old content is still there.
    """
    target = os.path.realpath(path)  # what a link points to is replaced, not the link
    part = f"{target}.{secrets.token_hex(4)}.part"
    try:
        _write_part(part, data)
        if os.path.exists(target):
            shutil.copymode(target, part)
        os.replace(part, target)
        _sync_folder(os.path.dirname(target))
    except OSError as error:
        raise naming(error, path) from error
    finally:
        with suppress(OSError):  # there is none after a write that succeeded
            os.unlink(part)


def naming(error, path):
    """Return an `OSError` of the same kind that names the path that the user gave."""
    return OSError(error.errno, f"{error.strerror or error}, so it cannot be written", os.fspath(path))


def _write_part(part, data):
    with open(part, "xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder):
    """Have the new name outlast a power cut too, where the system lets a folder be synced."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _by_suffix(path, table):
    suffix = Path(path).suffix.lower()
    if suffix not in table:
        raise ValueError(f"a file of scores ends in {', '.join(table)}; received {os.fspath(path)!r}.")
    return table[suffix]


# JSON, whole and by line.


def line_of(form):
    """Return a header or an epoch as one line of a .jsonl file."""
    return json.dumps(form, allow_nan=False).encode() + b"\n"


def jsonl_of(history):
    """Return a history as the bytes of a .jsonl file: a header, then a line an epoch."""
    epochs = (line_of(epoch_of(history, place)) for place in range(len(history.epochs)))
    return line_of(header_of(history)) + b"".join(epochs)


def parse_jsonl(path, data):
    """Return `(header, epochs)` of the bytes of a .jsonl file, for `fill`.

    A last line that is damaged is left out, with a warning. Raises `ValueError` for any other damage.
    """
    first, *lines = data.removesuffix(b"\n").split(b"\n")
    header = _checked(path, 1, first, header_in)
    epochs: list = []
    for number, line in enumerate(lines, start=2):
        try:
            epochs.append(_checked(path, number, line, epoch_in))
            _refuse_fall(path, number, epochs)
        except ValueError as error:
            if number <= len(lines):
                raise
            warnings.warn(f"Metrics: the last line is left out, it is damaged: {error}", stacklevel=2)
    return header, epochs


def _checked(path, number, line, check):
    try:
        return check(_json(line))
    except (ValueError, RecursionError) as error:
        raise _damaged(path, error, number) from None


def _damaged(path, error, line=None):
    what = "nested too deep" if isinstance(error, RecursionError) else error
    where = "" if line is None else f", line {line}"
    return ValueError(f"{os.fspath(path)}{where}: {what}")


def _json(data):
    return json.loads(data.decode(), parse_constant=_refuse_constant)


def _refuse_constant(name):
    raise ValueError(f"{name} is no JSON; a number that is not finite is the string {name!r} here")


def _refuse_fall(path, number, epochs):
    if len(epochs) > 1 and epochs[-1][0] <= epochs[-2][0]:
        epoch = epochs.pop()[0]
        raise _damaged(path, f"epoch {reprlib.repr(epoch)} after epoch {reprlib.repr(epochs[-1][0])}", number)


def _read_jsonl(history, path, data):
    fill(history, *parse_jsonl(path, data))


def _json_of(history):
    epochs = [epoch_of(history, place) for place in range(len(history.epochs))]
    return line_of({**header_of(history), "epochs": epochs})


def _read_json(history, path, data):
    try:
        form = _json(data)
        header, listed = header_in(form), form.get("epochs")
        if not isinstance(listed, list):
            raise ValueError("'epochs' is missing, or no list")
        epochs: list = []
        for place, each in enumerate(listed):
            epochs.append(_epoch_at(place, each))
            _refuse_fall(path, None, epochs)
    except (ValueError, RecursionError) as error:
        raise _damaged(path, error) from None
    fill(history, header, epochs)


def _epoch_at(place, form):
    try:
        return epoch_in(form)
    except ValueError as error:
        raise ValueError(f"entry {place} of 'epochs': {error}") from None


# CSV: the numbers alone.


def _csv_of(history):
    table = columns(history)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["epoch", *table])
    for place, epoch in enumerate(history.epochs):
        writer.writerow([epoch, *(values[place] for values in table.values())])
    return text.getvalue().encode(errors="backslashreplace")


def _read_csv(history, path, data):
    try:
        text = data.decode("utf-8-sig")  # as spreadsheets write it
    except UnicodeDecodeError as error:
        raise _damaged(path, error) from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        names = _names_in(next(reader, []))
        for row in reader:
            history.append(*_row_in(row, names, history.epochs))
    except (ValueError, csv.Error) as error:
        raise _damaged(path, error, reader.line_num) from None


def _names_in(row):
    if row[:1] != ["epoch"] or len(set(row)) < len(row):
        raise ValueError(f"the columns must be 'epoch' and names that differ; they are {reprlib.repr(row)}")
    return row[1:]


def _row_in(row, names, past):
    if len(row) != len(names) + 1:
        raise ValueError(f"{len(row)} fields under {len(names) + 1} columns")
    epoch, *cells = row
    if not (epoch.isascii() and epoch.isdigit() and len(epoch) < 19):
        raise ValueError(f"{reprlib.repr(epoch)} is no epoch")
    if past and int(epoch) <= past[-1]:
        raise ValueError(f"epoch {int(epoch)} after epoch {past[-1]}")
    return int(epoch), {name: _cell_in(cell) for name, cell in zip(names, cells, strict=True)}


def _cell_in(cell):
    try:
        return float(cell) if cell else math.nan
    except ValueError:
        raise ValueError(f"{reprlib.repr(cell)} is no number") from None


_WRITERS = {".csv": _csv_of, ".json": _json_of, ".jsonl": jsonl_of}
_READERS = {".csv": _read_csv, ".json": _read_json, ".jsonl": _read_jsonl}
