"""Files behind links: the file that a link leads to is written, and the link stays."""

import os
import re
import stat

import keras
import pytest

from kerascb_metrics import ScoreHistory
from tests.support.log_files import on_file
from tests.support.models import echo_model
from tests.support.short_fits import X, Y, binary, fit

pytestmark = pytest.mark.skipif(os.name != "posix", reason="symbolic links need a permission elsewhere")


@pytest.fixture(scope="module")
def model():
    return echo_model()


def link(path, target):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)
    return path


# Each makes links in a folder and returns the path to write to; the file is real/data.<suffix>.
LINKS = {
    "absolute": lambda folder, suffix: link(folder / f"a.{suffix}", folder / f"real/data.{suffix}"),
    "relative": lambda folder, suffix: link(folder / f"a.{suffix}", f"real/data.{suffix}"),
    "of another folder": lambda folder, suffix: link(folder / f"runs/1/a.{suffix}", f"../../real/data.{suffix}"),
    "a chain": lambda folder, suffix: link(
        folder / f"runs/a.{suffix}", link(folder / f"b.{suffix}", f"real/data.{suffix}")
    ),
    "a linked folder": lambda folder, suffix: link(folder / "runs", "real") / f"data.{suffix}",
    "up from a linked folder": lambda folder, suffix: link(folder / "runs", "real/deep") / ".." / f"data.{suffix}",
}
WRITERS = {
    "json": lambda history, path: history.save(path),
    "jsonl": lambda history, path: history.save(path),
    "csv": lambda history, path: history.save(path),
    "html": lambda history, path: history.save_report(path),
}


@pytest.fixture
def history():
    history = ScoreHistory({"f1": True})
    history.append(0, {"f1": 0.5})
    return history


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "real" / "deep").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def links_in(folder):
    return {path: os.readlink(path) for path in folder.rglob("*") if path.is_symlink()}


@pytest.mark.parametrize("there", [True, False])
@pytest.mark.parametrize("suffix", WRITERS)
@pytest.mark.parametrize("kind", LINKS)
def test_file_behind_a_link_is_written(folder, history, kind, suffix, there):
    path, real = LINKS[kind](folder, suffix), folder / "real" / f"data.{suffix}"
    if there:
        real.write_text("old")
        real.chmod(0o640)
    before = links_in(folder)
    for way in (path, os.path.relpath(path) if kind != "up from a linked folder" else path):
        WRITERS[suffix](history, way)
    assert links_in(folder) == before
    assert real.is_file()
    assert not real.is_symlink()
    assert stat.S_IMODE(real.stat().st_mode) == 0o640 or not there
    assert sorted(os.listdir(folder / "real")) == [f"data.{suffix}", "deep"]
    if suffix != "html":
        assert ScoreHistory.load(path).epochs == [0]
    else:
        assert real.read_text().startswith("<!DOCTYPE html>")


@pytest.mark.parametrize("kind", LINKS)
def test_log_file_behind_a_link_is_written_resumed_and_renamed(folder, model, kind):
    path, real = LINKS[kind](folder, "jsonl"), folder / "real" / "data.jsonl"
    before = links_in(folder)
    fit(model, binary(log_file=path), epochs=2)
    assert on_file(real) == [0, 1]
    fit(model, binary(log_file=path), epochs=3, initial_epoch=2)
    assert on_file(real) == [0, 1, 2]
    with pytest.warns(UserWarning, match=rf"a new run begins in .*now in {re.escape(str(real.parent))}/data\.1\.jsonl"):
        fit(model, binary(log_file=path), epochs=1)
    assert (on_file(real), on_file(real.with_name("data.1.jsonl"))) == ([0], [0, 1, 2])
    assert links_in(folder) == before
    assert not real.is_symlink()
    assert sorted(os.listdir(folder / "real")) == ["data.1.jsonl", "data.jsonl", "deep"]


def test_renamed_log_file_does_not_replace_a_dangling_link(folder, model):
    (folder / "scores.1.jsonl").symlink_to("nowhere")
    fit(model, binary(log_file="scores.jsonl"))
    with pytest.warns(UserWarning, match=r"now in .*scores\.2\.jsonl"):
        fit(model, binary(log_file="scores.jsonl"))
    assert os.readlink(folder / "scores.1.jsonl") == "nowhere"


def test_two_callbacks_reach_one_log_file_through_links(folder, model):
    link(folder / "a.jsonl", "real/data.jsonl")
    twin = binary(log_file="real/data.jsonl", validation_data=(X, Y), prefix="test_")
    with pytest.raises(ValueError, match="two callbacks of this fit have the log_file"):
        fit(model, binary(log_file="a.jsonl"), [twin])


@pytest.mark.parametrize(
    ("target", "error"),
    [("nowhere/data", "no such directory"), ("a", "[Ll]evels"), ("b", "[Ll]evels"), (".", "regular")],
)
def test_error_names_a_link_that_leads_to_no_file(folder, history, model, target, error):
    for suffix, write in WRITERS.items():
        link(folder / f"a.{suffix}", target if target == "." else f"{target}.{suffix}")
        link(folder / f"b.{suffix}", f"a.{suffix}")
        with pytest.raises(OSError, match=rf"{error}.*a\.{suffix}"):
            write(history, folder / f"a.{suffix}")
    before = links_in(folder)
    with pytest.raises(OSError, match=rf"{error}.*a\.jsonl"):
        fit(model, binary(log_file="a.jsonl"))
    assert links_in(folder) == before
    assert len(before) == 2 * len(WRITERS)


def test_hard_links_keep_the_old_content(folder, history, model):
    """A file that is replaced is a new file, as the documentation explains."""
    (folder / "a.json").write_text("old")
    os.link(folder / "a.json", folder / "b.json")
    history.save("a.json")
    assert ((folder / "b.json").read_text(), ScoreHistory.load("a.json").epochs) == ("old", [0])
    fit(model, binary(log_file="a.jsonl"), epochs=2)
    os.link(folder / "a.jsonl", folder / "b.jsonl")
    fit(model, binary(log_file="a.jsonl"), epochs=3, initial_epoch=2)
    assert (on_file(folder / "a.jsonl"), on_file(folder / "b.jsonl")) == ([0, 1, 2], [0, 1])


@pytest.mark.parametrize("suffix", WRITERS)
def test_device_is_not_replaced_by_a_file(folder, history, suffix):
    os.mkfifo(folder / f"a.{suffix}")  # an example of a device
    with pytest.raises(OSError, match=rf"not a regular file.*a\.{suffix}"):
        WRITERS[suffix](history, f"a.{suffix}")
    assert stat.S_ISFIFO((folder / f"a.{suffix}").stat().st_mode)


@pytest.mark.parametrize("suffix", WRITERS)
def test_longest_possible_file_name(folder, history, suffix):
    name = "a" * (254 - len(suffix)) + f".{suffix}"
    WRITERS[suffix](history, name)
    assert name in os.listdir(folder)


@pytest.mark.parametrize("name", ["a\0", "a\ud800"])
def test_impossible_file_name(folder, history, model, name):
    for suffix, write in WRITERS.items():
        with pytest.raises(ValueError, match=re.escape(repr(f"{name}.{suffix}")) + " is not a valid path"):
            write(history, f"{name}.{suffix}")
    with pytest.raises(ValueError, match=re.escape(repr(f"{name}.jsonl")) + " is not a valid path"):
        fit(model, binary(log_file=f"{name}.jsonl"))


@pytest.mark.parametrize("name", ["a\r\nb", "\u2028", "☃", "caf\udce9", "=1", " a ", ".."])
def test_any_other_file_name(folder, history, model, name):
    for suffix, write in WRITERS.items():
        write(history, f"{name}.{suffix}")
    assert ScoreHistory.load(f"{name}.json").epochs == [0]
    fit(model, binary(log_file=f"{name} log.jsonl"))
    assert ScoreHistory.load(f"{name} log.jsonl").epochs == [0]


def test_log_file_stays_if_the_working_directory_changes(folder, model):
    there = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: os.chdir("real") if epoch == 1 else None)
    fit(model, binary(log_file="scores.jsonl"), [there], epochs=3)
    assert on_file(folder / "scores.jsonl") == [0, 1, 2]
    assert os.listdir(folder / "real") == ["deep"]
