"""The format of files is described by a JSON Schema, and files of version 1 still load."""

import json
from importlib.resources import files
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from hypothesis import given, settings

from kerascb_metrics import Metrics, ScoreHistory
from kerascb_metrics.record.log_file import LogFile
from tests.record.test_packed import history_of, record_of
from tests.record.test_round_trip import histories, refused
from tests.support.saved_histories import HISTORIES, assert_same_history, recorded

SCHEMA = json.loads((files("kerascb_metrics.record") / "score_history.schema.json").read_text(encoding="utf-8"))
OLD = Path(__file__).parent / "files"
VERSION_1 = {
    "binary": "binary",
    "weighted": "weights, logits, pos_label",
    "outputs": "several outputs, one without counts",
}


def validator(part):
    return jsonschema.Draft202012Validator({**SCHEMA, "$ref": f"#/$defs/{part}"})


def assert_valid(folder, history):
    """Whole files and log files, with every line."""
    history.save(folder / "scores.json")
    validator("file").validate(json.loads((folder / "scores.json").read_text()))
    history.save(folder / "scores.jsonl")
    header, *epochs = map(json.loads, (folder / "scores.jsonl").read_text().splitlines())
    validator("header").validate(header)
    for epoch in epochs:
        validator("epoch").validate(epoch)


@pytest.mark.parametrize("name", HISTORIES)
def test_files_are_those_of_the_schema(name, tmp_path):
    assert_valid(tmp_path, recorded(*HISTORIES[name]))


@pytest.mark.parametrize("rows", [1000, 40_000])
def test_packed_files_are_those_of_the_schema(rows, tmp_path):
    assert_valid(tmp_path, history_of([record_of(100, rows)], by_class=np.arange(300) / 7))


@settings(max_examples=30)
@given(history=histories())
def test_any_file_is_one_of_the_schema(history, tmp_path_factory):
    if not refused(history):
        assert_valid(tmp_path_factory.mktemp("files"), history)


def test_a_result_is_one_of_the_schema(tmp_path):
    Metrics().score([0, 1, 1], [0.2, 0.9, 0.4]).save(tmp_path / "scores.json")
    form = json.loads((tmp_path / "scores.json").read_text())
    assert validator("file").is_valid(form)
    assert form["settings"]["source"] == "Metrics.score"


@pytest.mark.parametrize(
    "change",
    [
        lambda form: form.update(version=1),
        lambda form: form["epochs"][0].update(epoch=-1),
        lambda form: form["epochs"][0]["scores"].update(f1="high"),
        lambda form: form["epochs"][0]["tallies"][0].pop("counts"),
        lambda form: form["epochs"][0]["tallies"][0]["counts"].pop("weight"),
        lambda form: form["epochs"][0]["scores"]["confusion"].update(dtype="object"),
        lambda form: form["directions"].update(f1="up"),
    ],
)
def test_the_schema_can_fail(change, tmp_path):
    recorded(*HISTORIES["binary"]).save(tmp_path / "scores.json")
    form = json.loads((tmp_path / "scores.json").read_text())
    change(form)
    assert not validator("file").is_valid(form)


def test_reserved_fields_are_described_and_ignored(tmp_path):
    history = recorded(*HISTORIES["binary"])
    history.save(tmp_path / "scores.json")
    form = json.loads((tmp_path / "scores.json").read_text())
    form["epochs"][0].update(standard_errors={"f1": [0.1, 58.0]}, fingerprint="0a1b2c3d")
    validator("file").validate(form)
    (tmp_path / "scores.json").write_text(json.dumps(form))
    assert_same_history(ScoreHistory.load(tmp_path / "scores.json"), history)


# Version 1.


@pytest.mark.parametrize("name", VERSION_1)
def test_a_file_of_version_1_is_loaded(name, tmp_path):
    path = OLD / f"version_1_{name}.json"
    assert json.loads(path.read_text())["version"] == 1
    loaded = ScoreHistory.load(path)
    # Weighted areas were summed by BLAS, whose last bit depends on the machine that wrote the file.
    assert_same_history(loaded, recorded(*HISTORIES[VERSION_1[name]]), evidence=False, rounding=1e-15)
    loaded.save(tmp_path / "scores.json")
    assert json.loads((tmp_path / "scores.json").read_text())["version"] == 2


def test_a_log_of_version_1_is_resumed_as_version_2(tmp_path):
    path = tmp_path / "scores.jsonl"
    path.write_bytes((OLD / "version_1.jsonl").read_bytes())
    earlier = ScoreHistory.load(path)
    log, history = LogFile(path, pytest.fail), ScoreHistory()
    log.check()
    history._run.restore(log.resume(5, earlier.settings))
    history.append(5, {name: values[-1] for name, values in earlier.items()})
    log.write(history._run)
    assert json.loads(path.read_text().splitlines()[0])["version"] == 2
    assert ScoreHistory.load(path).epochs == [*earlier.epochs, 5]
    assert_valid(tmp_path, ScoreHistory.load(path))
