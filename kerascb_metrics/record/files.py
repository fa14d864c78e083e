"""A run as a file: its ending chooses the format."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from kerascb_metrics.record.atomic_write import FilePath, write_whole
from kerascb_metrics.record.csv_files import csv_of, parse_csv
from kerascb_metrics.record.json_files import json_of, jsonl_of, parse_json, parse_jsonl
from kerascb_metrics.record.run_record import RunRecord
from kerascb_metrics.record.saved_run import SavedRun

_T = TypeVar("_T")

_WRITERS: dict[str, Callable[..., bytes]] = {".csv": csv_of, ".json": json_of, ".jsonl": jsonl_of}
_READERS: dict[str, Callable[[FilePath, bytes], SavedRun]] = {
    ".csv": parse_csv,
    ".json": parse_json,
    ".jsonl": parse_jsonl,
}


def save(run: RunRecord, path: FilePath, *, labels: bool = False) -> None:
    """Write a run to a file, completely or not at all.

    Args:
        run: the record.
        path: ends in .csv, .json or .jsonl, which chooses the format.
        labels: whether predicted labels and targets are written too; not in .csv.

    Raises:
        ValueError: for another ending, or if the file cannot hold something in the run.
        OSError: with the path, if it cannot be written.
    """
    write = _by_suffix(path, _WRITERS)
    if labels and write is csv_of:
        raise ValueError("a .csv file holds single numbers only, and no labels. Save it as .json.")
    write_whole(path, write(run, labels) if labels else write(run))


def load(path: FilePath) -> SavedRun:
    """Return the run that a file holds.

    Args:
        path: a file that `save` or `Metrics(log_file=…)` wrote.

    Raises:
        ValueError: for another ending, or with the path and the line, if the file is damaged.
        OSError: with the path, if it cannot be read.
    """
    parse = _by_suffix(path, _READERS)
    return parse(path, Path(path).read_bytes())


def _by_suffix(path: FilePath, table: Mapping[str, _T]) -> _T:
    suffix = Path(path).suffix.lower()
    if suffix not in table:
        raise ValueError(f"a score file must end in {', '.join(table)}; received {os.fspath(path)!r}.")
    return table[suffix]
