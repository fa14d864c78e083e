"""Histories in files: a loaded history equals the saved one, and a file is written completely or not at all."""

import errno
import json
import os
import stat
import sys
from contextlib import nullcontext

import numpy as np
import pytest

from kerascb_metrics import ScoreHistory
from tests.support.saved_histories import BINARY, HISTORIES, NAN, assert_same, assert_same_history, recorded


@pytest.fixture
def example():
    return recorded(BINARY)


# Round trips.


@pytest.mark.parametrize("suffix", ["json", "jsonl"])
@pytest.mark.parametrize("name", HISTORIES)
def test_loaded_history_equals_the_saved_one(tmp_path, name, suffix):
    history = recorded(*HISTORIES[name])
    history.save(tmp_path / f"scores.{suffix}")
    loaded = ScoreHistory.load(tmp_path / f"scores.{suffix}")
    assert_same_history(loaded, history)
    with pytest.raises(AssertionError):  # the comparison can fail
        assert_same_history(loaded, recorded(*HISTORIES[name], epochs=(0, 1, 4)))


def test_loaded_history_has_the_same_methods(tmp_path, example):
    example.save(tmp_path / "scores.json")
    loaded = ScoreHistory.load(str(tmp_path / "scores.json"))
    assert loaded.best("f1") == example.best("f1")
    assert loaded.report("best") == example.report("best")
    np.testing.assert_array_equal(loaded.tally(3).curves["1"].tpr, example.tally(3).curves["1"].tpr)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64", "uint64", "float16", "float32", "float64"])
def test_arrays_keep_their_dtype(tmp_path, dtype):
    history = ScoreHistory()
    values = np.array([[0, 1], [2, 3]]) / 3 if dtype.startswith("float") else np.array([[0, 1], [2, 200]])
    history.append(0, {"own": values.astype(dtype)})
    if dtype.startswith("float"):
        history.append(1, {"own": np.array([NAN, np.inf, -np.inf], dtype)})
    history.save(tmp_path / "scores.json")
    assert_same_history(ScoreHistory.load(tmp_path / "scores.json"), history)


def test_an_empty_history(tmp_path):
    for suffix in ("json", "jsonl", "csv"):
        ScoreHistory({"f1": True}).save(tmp_path / f"scores.{suffix}")
        assert ScoreHistory.load(tmp_path / f"scores.{suffix}").epochs == []


def test_json_is_strict_and_plain(tmp_path, example):
    example.save(tmp_path / "scores.jsonl")
    header, first, *_ = (tmp_path / "scores.jsonl").read_text().splitlines()

    def refuse(name):
        raise AssertionError(f"{name} is not JSON")

    assert json.loads(header, parse_constant=refuse)["directions"]["loss"] == "min"
    epoch = json.loads(first, parse_constant=refuse)
    assert epoch["scores"]["f1"] == example["f1"][0]
    assert epoch["scores"]["confusion"] == {"dtype": "int64", "values": example["confusion"][0].tolist()}
    assert epoch["logs"] == {"loss": 0.0, "val_loss": "Infinity"}


# CSV and frames.


def test_csv_holds_single_numbers_only(tmp_path):
    history = recorded(*HISTORIES["multiclass by class"])
    history.append(7, {"f1": np.full(3, NAN)})
    history.save(tmp_path / "scores.csv")
    loaded = ScoreHistory.load(tmp_path / "scores.csv")
    scalars = [name for name in history if not np.ndim(history[name][0])]
    assert list(loaded) == [*scalars, "loss", "val_loss"]
    assert loaded.epochs == [0, 1, 3, 7]
    for name in scalars:
        assert_same(loaded[name], history[name])
    assert_same(loaded["val_loss"], [np.inf, NAN, NAN, NAN])
    assert (loaded.settings, loaded.logs) == ({}, [{}, {}, {}, {}])


def test_csv_written_by_a_spreadsheet(tmp_path):
    (tmp_path / "scores.csv").write_bytes(b'\xef\xbb\xbfepoch,f1,"a,b"\r\n0,0.5,\r\n2,NaN,1e3\r\n')
    loaded = ScoreHistory.load(tmp_path / "scores.csv")
    assert_same(dict(loaded), {"f1": [0.5, NAN], "a,b": [NAN, 1000.0]})


def test_frame_holds_single_numbers_by_epoch():
    pd = pytest.importorskip("pandas")
    history = recorded(*HISTORIES["weights, logits, pos_label"])
    history.append(5, {"f1": 0.25})
    history.logs[-1]["f1"] = 0.125  # a compiled metric of that name
    frame = history.to_frame()
    assert list(frame.columns) == ["f1", "precision", "recall", "kappa", "auc", "loss", "val_loss", "logs_f1"]
    assert (frame.index.name, list(frame.index)) == ("epoch", [0, 1, 3, 5])
    assert_same(frame["f1"].tolist(), history["f1"])
    assert_same(frame["logs_f1"].tolist(), [NAN, NAN, NAN, 0.125])
    assert all(dtype == np.float64 for dtype in frame.dtypes)
    assert isinstance(ScoreHistory().to_frame(), pd.DataFrame)


def test_frame_accepts_any_name_if_pandas_stores_text_in_arrow(monkeypatch):
    pd = pytest.importorskip("pandas")
    index = pd.Index

    def of_arrow(data, **options):
        if "dtype" not in options:
            "".join(data).encode()  # pyarrow, which is not installed here, does the same
        return index(data, **options)

    monkeypatch.setattr(pd, "Index", of_arrow)
    history = ScoreHistory()
    history.append(0, {"caf\udce9": 0.5})
    assert history.to_frame().to_dict("list") == {"caf\udce9": [0.5]}


def test_without_pandas_the_error_names_the_extra(monkeypatch, example):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r'pip install "kerascb_metrics\[pandas\]", or pip install pandas'):
        example.to_frame()


# Written completely or not at all.


def test_failed_write_leaves_only_the_old_file(tmp_path, monkeypatch, example):
    path = tmp_path / "scores.json"
    example.save(path)
    old = path.read_bytes()

    def full(handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    example.append(9, {"f1": 0.5})
    with pytest.raises(OSError, match=r"No space left on device.*scores\.json"):
        example.save(path)
    assert path.read_bytes() == old
    assert os.listdir(tmp_path) == ["scores.json"]


@pytest.mark.skipif(os.name != "posix", reason="an open file can be replaced")
def test_open_reader_still_reads_the_whole_old_file(tmp_path, example):
    example.save(tmp_path / "scores.json")
    old = (tmp_path / "scores.json").read_bytes()
    with open(tmp_path / "scores.json", "rb") as reader:
        example.append(9, {"f1": 0.5})
        example.save(tmp_path / "scores.json")
        assert reader.read() == old
    assert ScoreHistory.load(tmp_path / "scores.json").epochs == [0, 1, 3, 9]


@pytest.mark.skipif(os.name != "posix", reason="modes and links")
def test_file_mode_and_link_are_kept(tmp_path, example):
    (tmp_path / "real.json").write_text("")
    (tmp_path / "real.json").chmod(0o640)
    (tmp_path / "link.json").symlink_to("real.json")
    example.save(tmp_path / "link.json")
    assert (tmp_path / "link.json").is_symlink()
    assert stat.S_IMODE((tmp_path / "real.json").stat().st_mode) == 0o640
    assert ScoreHistory.load(tmp_path / "real.json").epochs == [0, 1, 3]


def test_error_names_the_path_that_cannot_be_written(tmp_path, example):
    with pytest.raises(FileNotFoundError, match=r"nowhere.*scores\.json"):
        example.save(tmp_path / "nowhere" / "scores.json")
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(OSError, match=r"folder\.json"):
        example.save(tmp_path / "folder.json")
    assert os.listdir(tmp_path) == ["folder.json"]
    with pytest.raises(FileNotFoundError, match=r"none\.csv"):
        ScoreHistory.load(tmp_path / "none.csv")


@pytest.mark.parametrize("name", ["scores", "scores.pkl", "scores.json.gz"])
def test_another_ending_is_refused(tmp_path, name, example):
    for use in (example.save, ScoreHistory.load):
        with pytest.raises(ValueError, match=rf"must end in \.csv, \.json, \.jsonl; received .*{name}"):
            use(tmp_path / name)


@pytest.mark.parametrize("value", [np.array(["a"]), np.array([1j]), np.array([object()]), "text", object(), 1j])
def test_only_numbers_are_written(tmp_path, value):
    history = ScoreHistory()
    history.append(0, {"own": value})
    with pytest.raises(ValueError, match=r"'own' holds .*a file holds numbers"):
        history.save(tmp_path / "scores.json")
    history = ScoreHistory()
    history.settings["own"] = value
    refused = pytest.raises(ValueError, match=r"'own' holds .*a file holds numbers")
    with nullcontext() if isinstance(value, str) else refused:
        history.save(tmp_path / "scores.jsonl")
