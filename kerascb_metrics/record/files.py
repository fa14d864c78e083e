"""A `ScoreHistory` as a file: whole files written atomically, and read with suspicion."""

import codecs
import csv
import errno
import io
import json
import math
import os
import re
import reprlib
import secrets
import shutil
import stat
import warnings
from contextlib import suppress
from pathlib import Path

from kerascb_metrics.record.json_format import epoch_in, epoch_of, epoch_out, fill, header_in, header_of, number_out
from kerascb_metrics.show.tables import columns


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

    What a symbolic link points to is replaced, and the link stays. A hard link cannot be kept: the file's other names
    keep the old content.

    Raises:
        OSError: names the path; the old content is still there.
    """
    try:
        target = written_to(path)
        refuse_special(target)
        _replace(target, data)
    except OSError as error:
        raise naming(error, path) from error


def _replace(target, data):
    part = os.path.join(os.path.dirname(target), f".{secrets.token_hex(8)}.part")  # short, as a name may be long
    try:
        _write_part(part, data)
        if os.path.exists(target):
            shutil.copymode(target, part)
        os.replace(part, target)
        _sync_folder(os.path.dirname(target))
    finally:
        with suppress(OSError):  # there is none after a write that succeeded
            os.unlink(part)


def written_to(path: str | os.PathLike) -> str:
    """Return the file that a path leads to, there or not, by however many symbolic links.

    Raises:
        OSError: where links lead to each other.
        ValueError: where no file can have the name.
    """
    try:
        target = os.path.realpath(path)
    except ValueError as error:
        raise ValueError(f"{os.fspath(path)!r} is not a valid path: {error}") from error
    if os.path.islink(target):
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    return target


def refuse_special(path: str | os.PathLike) -> None:
    """Raise `OSError` for a device or a folder, which must not be replaced by a file."""
    if os.path.exists(path) and not stat.S_ISREG(os.stat(path).st_mode):
        raise OSError(None, "no regular file")


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

    Blank lines are passed over. A last line that is damaged is left out, with a warning. Raises `ValueError` for any
    other damage.
    """
    (first, line), *lines = _lines(path, data)
    header = _checked(path, first, line, header_in)
    epochs: list = []
    for number, line in lines:
        try:
            epochs.append(_checked(path, number, line, _epoch_of_line))
            _refuse_fall(path, number, epochs)
        except ValueError as error:
            if number < lines[-1][0] or _is_header(line):
                raise
            warnings.warn(f"Metrics: the last line is left out, it is damaged: {error}", stacklevel=2)
    return header, epochs


def check_header(line: bytes) -> None:
    """Raise `ValueError` or `RecursionError` for a line that is no header of a .jsonl file."""
    header_in(_json(unmarked(line)))


def _is_header(line):
    try:
        check_header(line)
    except (ValueError, RecursionError):
        return False
    return True


def _lines(path, data):
    """The lines that are not blank, each with its number. Only line feeds end them: names may hold the others."""
    try:
        lines = enumerate(unmarked(data).split(b"\n"), start=1)
    except ValueError as error:
        raise _damaged(path, error, 1) from None
    return [(number, line) for number, line in lines if line.strip()]


def unmarked(data: bytes) -> bytes:
    """Return the bytes of a file without the mark that some programs begin UTF-8 with.

    Raises:
        ValueError: for an empty file, or one in UTF-16.
    """
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise ValueError("the file is in UTF-16. Save it as UTF-8.")
    data = data.removeprefix(codecs.BOM_UTF8)
    if not data.strip():
        raise ValueError("the file is empty")
    return data


def _epoch_of_line(form):
    if isinstance(form, dict) and "format" in form:
        raise ValueError("a second header: this is where another file begins. Load each file by itself.")
    return epoch_in(form)


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
    return json.loads(data.decode(), parse_constant=_refuse_constant, object_pairs_hook=_refuse_double)


def _refuse_double(pairs):
    """Of a name that is there twice JSON's reader would keep the last one, in silence."""
    form = dict(pairs)
    if len(form) < len(pairs):
        names = [name for name, _ in pairs]
        double = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{double!r} is there twice")
    return form


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
        form = _json(unmarked(data))
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
    for name in table:
        _refuse_name(name)
    rows = [["epoch", *table]]
    for place in range(len(history.epochs)):
        cells = [float(number_out(name, values[place])) for name, values in table.items()]
        rows.append([epoch_out(history, place), *cells])
    return "".join(map(_csv_line, rows)).encode()


def _csv_line(fields):
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow(fields)  # quotes what has a character of the line's end in it
    return text.getvalue().removesuffix("\r\n") + "\n"


def _refuse_name(name):
    """Raise for the name of a column that would not come back."""
    try:
        found = next(_csv_rows(_csv_line(["epoch", name]).encode().decode()))
    except (ValueError, csv.Error) as error:
        found, why = None, f": {error}"
    else:
        why = ""
    if found != ["epoch", name]:
        raise ValueError(
            f"a .csv file cannot hold the name {name!r} of a score or log{why}. Save to a .json file, or rename it."
        )


def _csv_rows(text):
    return csv.reader(io.StringIO(text, newline=""), strict=True)


def _read_csv(history, path, data):
    try:
        text = unmarked(data).decode()
        _refuse_separator(text)
    except UnicodeDecodeError as error:
        raise _damaged(path, f"{error}. Save it as UTF-8.") from None
    except ValueError as error:
        raise _damaged(path, error, 1) from None
    reader = _csv_rows(text)
    rows = (row for row in reader if row)  # a blank line has no field
    try:
        names = _names_in(next(rows))
        for row in rows:
            history.append(*_row_in(row, names, history.epochs))
    except (ValueError, csv.Error) as error:
        raise _damaged(path, error, reader.line_num) from None


def _refuse_separator(text):
    other = re.match(r"""\s*(?:"epoch"|epoch)\s*([;\t|])""", text) or re.match(r"sep=(.)", text)
    if other:
        raise ValueError(f"the columns are separated by {other[1]!r}. Save it with commas, and points in the numbers.")


def _names_in(row):
    names = row[1:]
    if row[0] != "epoch" or len(set(names)) < len(names):
        raise ValueError(f"the columns must be 'epoch' and names that differ; they are {reprlib.repr(row)}")
    return names


def _row_in(row, names, past):
    if len(row) != len(names) + 1:
        raise ValueError(f"{len(row)} fields under {len(names) + 1} columns")
    epoch, *cells = row
    if not (epoch.isascii() and epoch.isdigit() and len(epoch) < 20 and int(epoch) < 2**63):
        raise ValueError(f"{reprlib.repr(epoch)} is no epoch")
    if past and int(epoch) <= past[-1]:
        raise ValueError(f"epoch {int(epoch)} after epoch {past[-1]}")
    return int(epoch), {name: _cell_in(cell) for name, cell in zip(names, cells, strict=True)}


def _cell_in(cell):
    try:
        number = float(cell) if cell else math.nan
    except ValueError:
        hint = ": a decimal comma? Save it with points in the numbers" if "," in cell else ""
        raise ValueError(f"{reprlib.repr(cell)} is no number{hint}") from None
    if math.isinf(number) and "inf" not in cell.lower():
        raise ValueError(f"{reprlib.repr(cell)} is too large for a float")
    return number


_WRITERS = {".csv": _csv_of, ".json": _json_of, ".jsonl": jsonl_of}
_READERS = {".csv": _read_csv, ".json": _read_json, ".jsonl": _read_jsonl}
