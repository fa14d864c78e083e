"""`Metrics(log_file=…)` with a file that cannot be written: early errors, or one warning in a fit that continues."""

import errno
import os
import re
from pathlib import Path

import pytest

from kerascb_metrics import Metrics, ScoreHistory
from tests.support.log_files import Look, on_file
from tests.support.models import echo_model
from tests.support.saved_histories import assert_same_history
from tests.support.short_fits import X, Y, binary, fit, ours


@pytest.fixture(scope="module")
def model():
    return echo_model()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "scores.jsonl"


def full(*args):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("log_file", ["scores", "scores.json", "scores.csv", Path("scores.txt")])
def test_another_ending_is_refused(log_file):
    with pytest.raises(ValueError, match=r"log_file must end in \.jsonl.*received .*scores"):
        Metrics(log_file=log_file)


@pytest.mark.parametrize("log_file", [True, 3, b"scores.jsonl", ["scores.jsonl"]])
def test_log_file_must_be_a_path(log_file):
    with pytest.raises(ValueError, match="log_file must be a path such as"):
        Metrics(log_file=log_file)


def test_unwritable_log_file_stops_the_fit_at_its_start(model, path):
    (path.parent / "file").write_text("")
    path.mkdir()
    targets = [path, path.parent / "nowhere" / "scores.jsonl", path.parent / "file" / "scores.jsonl"]
    if hasattr(os, "mkfifo"):  # an example of a device, which a file must not replace
        os.mkfifo(path.parent / "pipe")
        targets.append(path.with_name("link.jsonl"))
        targets[-1].symlink_to("pipe")
        with pytest.raises(OSError, match="not a regular file"):
            fit(model, binary(log_file=targets[-1]))
    for target in targets:
        with pytest.raises(OSError, match=re.escape(str(target))):
            fit(model, binary(log_file=target))
    assert "evaluate" not in vars(model)
    assert not (path.parent / "pipe").is_file()


@pytest.mark.parametrize("content", [b"id,name\n1,a\n", b'{"id": 1}\n', b"\x00\xff", b"[" * 100_000, b"null"])
def test_other_files_are_not_overwritten(model, path, content):
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"log_file '.*scores\.jsonl' exists and is not a score log"):
        fit(model, binary(log_file=path))
    assert path.read_bytes() == content


def test_two_metrics_of_a_fit_need_two_files(model, path):
    twin = binary(log_file=path.parent / "." / path.name, validation_data=(X, Y), prefix="test_")
    with pytest.raises(ValueError, match=r"two callbacks of this fit have the log_file '.*scores\.jsonl'"):
        fit(model, binary(log_file=path), [twin])


def test_full_disk_gives_one_warning_and_loses_no_epoch(model, path, monkeypatch):
    sync = os.fsync

    def disk(epoch):
        monkeypatch.setattr(os, "fsync", full if epoch in (0, 2, 3) else sync)

    metrics, contents = binary(log_file=path), []
    looks = Look(lambda epoch: (contents.append(path.exists() and on_file(path)), disk(epoch)))
    with pytest.warns(UserWarning, match="cannot write") as warned:
        fit(model, metrics, [looks], epochs=5)
    assert len(ours(warned)) == 1
    assert re.search(r"cannot write .*scores\.jsonl after epoch 0 .*No space left", str(ours(warned)[0].message))
    assert contents == [False, False, [0, 1], [0, 1], [0, 1]]
    assert metrics.history.epochs == on_file(path) == [0, 1, 2, 3, 4]
    assert os.listdir(path.parent) == ["scores.jsonl"]


def test_incomplete_line_on_a_full_disk_is_removed(model, path):
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def limit(epoch):
        if epoch == 1:  # enough for a part of a line
            resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 100, hard))
        if epoch == 2:
            sizes.append(path.stat().st_size)
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    sizes: list = []
    try:
        with pytest.warns(UserWarning, match=r"cannot write .* after epoch 1 .*File too large"):
            fit(model, binary(log_file=path), [Look(limit)], epochs=3)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert on_file(path) == [0, 1, 2]
    assert sizes == [sum(map(len, path.read_bytes().splitlines(keepends=True)[:2]))]


def test_directory_that_disappears_for_a_while(model, tmp_path):
    path = tmp_path / "logs" / "scores.jsonl"
    path.parent.mkdir()

    def change(epoch):
        if epoch == 1:
            path.unlink()
            path.parent.rmdir()
        if epoch == 2:
            path.parent.mkdir()

    metrics = binary(log_file=path)
    with pytest.warns(UserWarning, match=r"cannot write .*scores\.jsonl after epoch 1 .*no such directory") as warned:
        fit(model, metrics, [Look(change)], epochs=3)
    assert len(ours(warned)) == 1
    assert_same_history(ScoreHistory.load(path), metrics.history)


def test_file_changed_by_another_program_is_not_overwritten(model, path):
    def change(epoch):
        if epoch == 1:
            path.write_text("theirs\n")

    metrics = binary(log_file=path)
    with pytest.warns(UserWarning, match="another program has changed the file") as warned:
        fit(model, metrics, [Look(change)], epochs=3)
    assert (len(ours(warned)), path.read_text(), metrics.history.epochs) == (1, "theirs\n", [0, 1, 2])


def test_value_that_a_file_cannot_hold_does_not_end_the_fit(model, path):
    metrics = binary(log_file=path)
    own = Look(lambda epoch: metrics.history.settings.update(own=object()))
    with pytest.warns(UserWarning, match=r"cannot write .*'own'"):
        fit(model, metrics, [own], epochs=2)
    assert metrics.history.epochs == [0, 1]


def test_changed_settings_are_written(model, path):
    metrics = binary(log_file=path)
    fit(model, metrics, [Look(lambda epoch: metrics.history.settings.update(note=f"in {epoch}"))], epochs=2)
    assert ScoreHistory.load(path).settings["note"] == "in 1"
    assert on_file(path) == [0, 1]
