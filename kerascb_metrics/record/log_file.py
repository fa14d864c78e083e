"""The log file of a fit: each scored epoch is on the disk before the next one begins."""

import codecs
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from io import RawIOBase
from pathlib import Path
from typing import Any

import keras

from kerascb_metrics.collect.processes import is_first_process
from kerascb_metrics.record.atomic_write import (
    FilePath,
    naming_path,
    refuse_shared,
    refuse_special,
    refuse_unwritable,
    resolve_links,
    write_whole,
)
from kerascb_metrics.record.json_files import check_header, jsonl_of, line_of, parse_jsonl
from kerascb_metrics.record.json_write import epoch_of, header_of, setting_out
from kerascb_metrics.record.run_record import RunRecord
from kerascb_metrics.record.saved_run import SavedRun

# A first line is read up to this length: a longer one is not a header.
_LONGEST_HEADER = 1 << 24
# Scores of the same name have the same meaning only if these settings are equal.
_SAME = ("prefix", "average", "zero_division", "use_sample_weight")
# Settings that each fit writes again when it scores.
_OF_ONE_FIT = ("task", "scoring")


def open_log(
    path: FilePath | None, others: Iterable[FilePath | None], warn: Callable[[object, str], None]
) -> "LogFile | None":
    """Return the `LogFile` of a fit that begins; None without a path.

    Args:
        path: the `log_file` of a `Metrics`.
        others: the `log_file` of each other `Metrics` of the fit.
        warn: called with (topic, sentence) for a warning.

    Raises:
        OSError: as `LogFile.check`.
        ValueError: as `LogFile.check`, and if another `Metrics` writes the same file.
    """
    if path is None:
        return None
    log = LogFile(path, warn)
    log.check()
    refuse_shared("log_file", path, others)
    return log


def index_of_saver_before(callback: Any, callbacks: Sequence[Any]) -> int | None:
    """Return the index of the first callback before `callback` that saves the model; None if there is none.

    A process that is killed between the two would resume after an epoch that is not in the log file.
    """
    savers = (keras.callbacks.BackupAndRestore, keras.callbacks.ModelCheckpoint)
    before = callbacks[: callbacks.index(callback)]
    return next((index for index, other in enumerate(before) if isinstance(other, savers)), None)


class LogFile:
    """Writes the record of one fit to a .jsonl file, one epoch at a time.

    The first write of a fit replaces the file atomically. The new file begins with the epochs of the old one that the
    fit resumes. Each later write appends and waits for the disk. If a write fails, its incomplete part is removed, and
    the next write includes what was missing. If several processes train together, the first one reads and writes the
    file; the others only check that it is a log.

    A symbolic link stays, and the file that it points to is written. A hard link cannot stay, because the first write
    makes a new file: the other names of the old one keep its content. A relative path is resolved when the fit begins.

    Args:
        path: the file.
        warn: called with (topic, sentence) for a warning.
    """

    def __init__(self, path: FilePath, warn: Callable[[object, str], None]) -> None:
        self.path = path
        # Absolute, because the working directory may change during the fit.
        self._file = path if os.path.isabs(path) else os.path.join(os.getcwd(), path)
        self._warn = warn
        self._writes = is_first_process()
        self._begun = False  # whether an epoch has begun
        self._resumed = False
        self._header = b""  # of the file, once this fit has written it
        self._size = self._epochs = 0

    def check(self) -> None:
        """Raise before training if the file cannot be written, or holds something else.

        A process that does not write raises only if the file cannot be read.

        Raises:
            OSError: if there is no such directory, it is not writable, or the path is not a regular file.
            ValueError: if the file exists and is not a score log.
        """
        try:
            target = resolve_links(self.path)
            if self._writes:
                refuse_unwritable(self.path)
            refuse_special(target)
            if os.path.exists(target):
                with open(target, "r+b" if self._writes else "rb"):
                    pass
            first = self._first_line()
        except OSError as error:
            raise naming_path(error, self.path) from error
        if first:
            _check_first(self.path, first)

    def resume(self, epoch: int | None, settings: Mapping[str, Any]) -> SavedRun | None:
        """Return what the file holds of the epochs before this fit. Only the first call in a fit has a result.

        Args:
            epoch: the epoch that begins; None if the fit has no epoch to train.
            settings: the settings of this fit.

        Returns:
            The saved run; None if the fit starts at epoch 0, or there is no file.

        Raises:
            ValueError: if the file is damaged, or its scores have other settings than this fit.
        """
        if self._begun:
            return None
        self._begun, self._resumed = True, epoch != 0
        if not self._resumed or not self._first_line():
            return None
        run = parse_jsonl(self.path, Path(self._file).read_bytes())
        _refuse_other_settings(self.path, run.settings, settings)
        if epoch is None:
            return run
        kept = {name: value for name, value in run.settings.items() if name not in _OF_ONE_FIT}
        return replace(run, settings=kept, epochs=tuple(saved for saved in run.epochs if saved.epoch < epoch))

    def write(self, run: RunRecord) -> None:
        """Bring the file up to date; an error becomes one warning per fit.

        Args:
            run: the record of the fit.
        """
        if not self._writes:
            return
        try:
            header = line_of(header_of(run))
            if self._header != header or not os.path.exists(self._file):
                self._write_whole(run, header)
            else:
                self._append(run)
        except (OSError, ValueError) as error:
            reason = str(error).removesuffix(".")
            self._warn(
                "log_file",
                f"cannot write {os.fspath(self.path)} after epoch {run.epochs[-1]} (counted from 0): {reason}. "
                "Training continues. The scores are in metrics.history, and the missing epochs are added as soon as "
                "the file can be written again. This warning appears once per fit.",
            )

    def _write_whole(self, run: RunRecord, header: bytes) -> None:
        data = jsonl_of(run)
        if self._header and os.path.exists(self._file):
            _refuse_change(os.path.getsize(self._file), self._size)
        elif not self._header and not self._resumed and self._first_line():
            self._rename_old()
        write_whole(self._file, data)
        self._header, self._size, self._epochs = header, len(data), len(run.epochs)

    def _append(self, run: RunRecord) -> None:
        missing = range(self._epochs, len(run.epochs))
        data = b"".join(line_of(epoch_of(run, index)) for index in missing)
        with open(self._file, "r+b", buffering=0) as file:
            _refuse_change(file.seek(0, os.SEEK_END), self._size)
            try:
                _write_all(file, data)
                os.fsync(file.fileno())
            except BaseException:  # Ctrl-C too
                file.truncate(self._size)
                raise
        self._size, self._epochs = self._size + len(data), len(run.epochs)

    def _rename_old(self) -> None:
        """Give the file of an earlier run another name. If the path is a link, the link stays for the new run."""
        path = Path(resolve_links(self._file))
        number = 1
        while os.path.lexists(renamed := path.with_name(f"{path.stem}.{number}{path.suffix}")):
            number += 1
        os.rename(path, renamed)
        self._warn(
            "renamed", f"a new run begins in {os.fspath(self.path)}; the earlier run of that file is now in {renamed}."
        )

    def _first_line(self) -> bytes:
        """Return the first line that is not blank; b"" if there is none, or no file."""
        if not os.path.exists(self._file):
            return b""
        with open(self._file, "rb") as file:
            lines = iter(lambda: file.readline(_LONGEST_HEADER), b"")
            return next((line for line in lines if line.removeprefix(codecs.BOM_UTF8).strip()), b"")


def _check_first(path: FilePath, line: bytes) -> None:
    try:
        check_header(line)
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"Metrics: the log_file {os.fspath(path)!r} exists and is not a score log that can be resumed ({error}). "
            "Choose another name, or move the file away."
        ) from None


def _refuse_other_settings(path: FilePath, saved: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
    for name in _SAME:
        # Compared as in a file, where nan is a text, which is equal to itself.
        if name in saved and setting_out(name, saved[name]) != setting_out(name, settings.get(name)):
            raise ValueError(
                f"Metrics: {os.fspath(path)} was written with {name}={saved[name]!r}, and this fit has "
                f"{name}={settings.get(name)!r}: their scores cannot be in one file. Choose another log_file."
            )


def _refuse_change(size: int, expected: int) -> None:
    """If two runs wrote to one file, neither would be complete in it."""
    if size != expected:
        raise OSError("another program has changed the file")


def _write_all(file: RawIOBase, data: bytes) -> None:
    left = memoryview(data)
    while left:  # a disk that is nearly full writes a part, then refuses the rest
        left = left[file.write(left) :]
