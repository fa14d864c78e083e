"""The file that a fit writes as it goes: each scored epoch on the disk before the next one begins."""

import codecs
import os
import tempfile
from pathlib import Path

import keras

from kerascb_metrics.collect.processes import is_first_process
from kerascb_metrics.record.files import (
    check_header,
    jsonl_of,
    line_of,
    naming,
    parse_jsonl,
    refuse_special,
    write_whole,
    written_to,
)
from kerascb_metrics.record.json_format import epoch_of, fill, header_of, setting_out

# What a first line may be long before it is taken for something else.
_HEADER = 1 << 24
# Scores of one name mean the same only where these are the same.
_SAME = ("prefix", "average", "zero_division", "use_sample_weight")


def open_log(metrics, others, say):
    """Return the `LogFile` of a `Metrics` at the start of a fit, or None; raise for a file that will not do.

    Args:
        metrics: the `Metrics`.
        others: the other `Metrics` of the fit.
        say: called with (topic, sentence) for a warning.
    """
    if metrics.log_file is None:
        return None
    log = LogFile(metrics.log_file, say)
    log.check()
    taken = [written_to(other.log_file) for other in others if other.log_file is not None]
    if written_to(log.path) in taken:
        raise ValueError(
            f"Metrics: two callbacks of this fit have the log_file {os.fspath(log.path)!r}. Give each its own."
        )
    return log


def place_before_savers(metrics, peers):
    """Return the place of the first callback before `metrics` that saves the model, or None.

    A process that is killed between the two would resume after an epoch that is not on file.
    """
    savers = (keras.callbacks.BackupAndRestore, keras.callbacks.ModelCheckpoint)
    before = peers[: peers.index(metrics)]
    return next((place for place, peer in enumerate(before) if isinstance(peer, savers)), None)


class LogFile:
    """Writes the history of one fit to a .jsonl file, an epoch at a time.

    The first write of a fit replaces the file atomically, by one that begins with what was taken up of the old one.
    Each later write appends, and waits for the disk. What a write that fails has left is cut off again, and the next
    one makes up for it. Where several processes train together the first one writes; the others read, to go on.

    A symbolic link stays, and what it points to is written. A hard link cannot stay, as the first write makes a new
    file: the old one's other names keep what they had. A relative path is resolved when the fit begins.

    Args:
        path: the file.
        say: called with (topic, sentence) for a warning.
    """

    def __init__(self, path, say):
        self.path = path
        self._file = path if os.path.isabs(path) else os.path.join(os.getcwd(), path)  # which may change later
        self._say = say
        self._writes = is_first_process()
        self._begun = False  # whether an epoch has begun
        self._resumed = False
        self._header = b""  # of the file, once this fit has written it
        self._size = self._epochs = 0

    def check(self):
        """Raise where the file cannot be written, or holds something else, before any epoch is trained.

        In a process that does not write, only where it cannot be read.

        Raises:
            OSError: no such folder, not writable, no regular file.
            ValueError: the file is there, and is no log of scores.
        """
        try:
            target = written_to(self.path)
            if self._writes:
                with tempfile.TemporaryFile(dir=os.path.dirname(target)):
                    pass  # tried, for the rights of a folder do not tell all
            refuse_special(target)
            if os.path.exists(target):
                with open(target, "r+b" if self._writes else "rb"):
                    pass
            first = self._first_line()
        except OSError as error:
            raise naming(error, self.path) from error
        if first:
            _check_first(self.path, first)

    def resume(self, recorder, epoch=None):
        """Have a `Recorder` begin with what is on file of the epochs before the first one of its fit.

        Args:
            recorder: the `Recorder`.
            epoch: the epoch that begins; None where the fit has none.
        """
        if self._begun:
            return
        self._begun, self._resumed = True, epoch != 0
        if not self._resumed or not self._first_line():
            return
        header, epochs = parse_jsonl(self.path, Path(self._file).read_bytes())
        settings, directions = header
        own = recorder.history.settings
        for name in _SAME:
            # As in a file, where nan is a text, which is equal to itself.
            if name in settings and setting_out(name, settings[name]) != setting_out(name, own.get(name)):
                raise ValueError(
                    f"Metrics: {os.fspath(self.path)} was written with {name}={settings[name]!r}, and this fit has "
                    f"{name}={own.get(name)!r}: its scores do not go on. Pass another log_file."
                )
        if epoch is not None:  # the passes to come say these again
            settings = {name: value for name, value in settings.items() if name not in ("task", "scoring")}
        before = [each for each in epochs if epoch is None or each[0] < epoch]
        fill(recorder.history, (settings | own, directions), before)
        recorder.taken_up = len(before)

    def write(self, history):
        """Bring the file up to date; an error becomes one warning a fit."""
        if not self._writes:
            return
        try:
            header = line_of(header_of(history))
            if self._header != header or not os.path.exists(self._file):
                self._write_whole(history, header)
            else:
                self._append(history)
        except (OSError, ValueError) as error:
            self._say(
                "log_file",
                f"{os.fspath(self.path)} could not be written after epoch {history.epochs[-1] + 1} (counted from 1): "
                f"{error}. Training goes on; the scores are in metrics.history, and the file gets what it lacks when "
                "it can be written again. Said once a fit.",
            )

    def _write_whole(self, history, header):
        data = jsonl_of(history)
        if self._header and os.path.exists(self._file):
            _refuse_change(os.path.getsize(self._file), self._size)
        elif not self._header and not self._resumed and self._first_line():
            self._put_aside()
        write_whole(self._file, data)
        self._header, self._size, self._epochs = header, len(data), len(history.epochs)

    def _append(self, history):
        lacking = range(self._epochs, len(history.epochs))
        data = b"".join(line_of(epoch_of(history, place)) for place in lacking)
        with open(self._file, "r+b", buffering=0) as file:
            _refuse_change(file.seek(0, os.SEEK_END), self._size)
            try:
                _write_all(file, data)
                os.fsync(file.fileno())
            except BaseException:  # Ctrl-C too
                file.truncate(self._size)
                raise
        self._size, self._epochs = self._size + len(data), len(history.epochs)

    def _put_aside(self):
        path = Path(written_to(self._file))  # what a link points to: the link stays, for the new run
        number = 1
        while os.path.lexists(aside := path.with_name(f"{path.stem}.{number}{path.suffix}")):
            number += 1
        os.rename(path, aside)
        self._say("aside", f"a new run begins in {self.path}; what it held of an earlier one is now in {aside}.")

    def _first_line(self):
        """The first line that is not blank; b"" where there is none, or no file."""
        if not os.path.exists(self._file):
            return b""
        with open(self._file, "rb") as file:
            lines = iter(lambda: file.readline(_HEADER), b"")
            return next((line for line in lines if line.removeprefix(codecs.BOM_UTF8).strip()), b"")


def _check_first(path, line):
    try:
        check_header(line)
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"Metrics: log_file {os.fspath(path)!r} is there already, and is no log of scores that can be gone on "
            f"with ({error}). Pass another name, or move the file away."
        ) from None


def _refuse_change(size, expected):
    """Two runs in one file would leave neither whole."""
    if size != expected:
        raise OSError(None, "another program has changed the file")


def _write_all(file, data):
    left = memoryview(data)
    while left:  # a disk that gets full takes a part, and refuses the rest
        left = left[file.write(left) :]
