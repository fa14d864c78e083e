"""The bytes of .csv files of a `RunRecord`, written and read: single numbers only."""

import csv
import io
import math
import re
import reprlib
from collections.abc import Sequence
from typing import Any

from kerascb_metrics.record.atomic_write import FilePath
from kerascb_metrics.record.columns import columns
from kerascb_metrics.record.json_files import damaged, unmarked
from kerascb_metrics.record.json_write import epoch_out, number_out
from kerascb_metrics.record.run_record import RunRecord
from kerascb_metrics.record.saved_run import SavedEpoch, SavedRun


def csv_of(run: RunRecord) -> bytes:
    """Return the single numbers of a run as the bytes of a .csv file.

    Raises:
        ValueError: with the name, if a column could not be read again without change.
    """
    table = columns(run)
    for name in table:
        _refuse_name(name)
    rows: list[list[Any]] = [["epoch", *table]]
    for index in range(len(run.epochs)):
        cells = [float(number_out(name, values[index])) for name, values in table.items()]
        rows.append([epoch_out(run, index), *cells])
    return "".join(map(_csv_line, rows)).encode()


def parse_csv(path: FilePath, data: bytes) -> SavedRun:
    """Return the run that the bytes of a .csv file hold: each column becomes a score.

    Args:
        path: the file, for messages.
        data: its bytes.

    Raises:
        ValueError: with the path and the line, if the file is damaged.
    """
    try:
        text = unmarked(data).decode()
        _refuse_separator(text)
    except UnicodeDecodeError as error:
        raise damaged(path, f"{error}. Save it as UTF-8.") from None
    except ValueError as error:
        raise damaged(path, error, 1) from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows = (row for row in reader if row)  # a blank line has no field
    epochs: list[SavedEpoch] = []
    try:
        names = _names_in(next(rows))
        for row in rows:
            epochs.append(_row_in(row, names, epochs))
    except (ValueError, csv.Error) as error:
        raise damaged(path, error, reader.line_num) from None
    return SavedRun({}, {}, tuple(epochs))


def _csv_line(fields: Sequence[Any]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow(fields)  # quotes a field with a character of the line end in it
    return text.getvalue().removesuffix("\r\n") + "\n"


def _refuse_name(name: str) -> None:
    """Raise `ValueError` if the name of a column could not be read again without change."""
    try:
        line = _csv_line(["epoch", name]).encode().decode()
        found = next(csv.reader(io.StringIO(line, newline=""), strict=True))
    except (ValueError, csv.Error) as error:
        found, reason = [], f": {error}"
    else:
        reason = ""
    if found != ["epoch", name]:
        raise ValueError(
            f"a .csv file cannot hold the name {name!r} of a score or log{reason}. Save to a .json file, or rename it."
        )


def _refuse_separator(text: str) -> None:
    other = re.match(r"""\s*(?:"epoch"|epoch)\s*([;\t|])""", text) or re.match(r"sep=(.)", text)
    if other:
        raise ValueError(
            f"the columns are separated by {other[1]!r}. Save it with commas, and with points in the numbers."
        )


def _names_in(row: list[str]) -> list[str]:
    names = row[1:]
    if row[0] != "epoch" or len(set(names)) < len(names):
        raise ValueError(f"the columns must be 'epoch' and different names; received {reprlib.repr(row)}")
    return names


def _row_in(row: list[str], names: Sequence[str], before: Sequence[SavedEpoch]) -> SavedEpoch:
    if len(row) != len(names) + 1:
        raise ValueError(f"{len(row)} fields under {len(names) + 1} columns")
    epoch, *cells = row
    if not (epoch.isascii() and epoch.isdigit() and len(epoch) < 20 and int(epoch) < 2**63):
        raise ValueError(f"{reprlib.repr(epoch)} is not an epoch")
    if before and int(epoch) <= before[-1].epoch:
        raise ValueError(f"epoch {int(epoch)} after epoch {before[-1].epoch}")
    return SavedEpoch(int(epoch), {name: _cell_in(cell) for name, cell in zip(names, cells, strict=True)}, {}, {}, {})


def _cell_in(cell: str) -> float:
    try:
        number = float(cell) if cell else math.nan
    except ValueError:
        hint = ": a decimal comma? Save it with points in the numbers" if "," in cell else ""
        raise ValueError(f"{reprlib.repr(cell)} is not a number{hint}") from None
    if math.isinf(number) and "inf" not in cell.lower():
        raise ValueError(f"{reprlib.repr(cell)} is too large for a float")
    return number
