"""`python -m kerascb_metrics`: show, report, compare; errors are one line, with exit status 2."""

import json
import subprocess
import sys

import pytest

from kerascb_metrics import ScoreHistory, __version__
from kerascb_metrics.__main__ import main
from tests.support.histories import binary_history


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for epochs, file in ((3, "first.jsonl"), (2, "second.json"), (2, "third.csv")):
        history, *_ = binary_history(epochs)
        history.save(file)
    return tmp_path


def output(capsys, *arguments):
    main(arguments)
    return capsys.readouterr()


@pytest.mark.parametrize("file", ["first.jsonl", "second.json", "third.csv"])
def test_show_prints_the_table(folder, capsys, file):
    printed = output(capsys, "show", file)
    assert printed.out == f"{ScoreHistory.load(file)}\n"
    assert printed.err == ""


def test_show_the_log_of_a_run_that_is_still_going(folder, capsys):
    lines = (folder / "first.jsonl").read_bytes().splitlines(keepends=True)
    (folder / "log.jsonl").write_bytes(b"".join([*lines[:-1], lines[-1][:50]]))
    printed = output(capsys, "show", "log.jsonl")
    assert printed.out.splitlines()[2].split()[0] == "1"
    assert printed.err.startswith("kerascb_metrics: the last line is damaged and is left out: log.jsonl, line 4")
    (folder / "begun.jsonl").write_bytes(lines[0])
    assert output(capsys, "show", "begun.jsonl").out == "begun.jsonl: no epoch was scored yet\n"


def test_report_writes_the_page(folder, capsys):
    printed = output(capsys, "report", "first.jsonl", "-o", "page.html")
    assert printed.out == "page.html: open it in a browser\n"
    assert "<h1>first</h1>" in (folder / "page.html").read_text(encoding="utf-8")


def test_compare_prints_a_table_and_draws(folder, capsys):
    pytest.importorskip("matplotlib")
    printed = output(capsys, "compare", "first.jsonl", "second.json", "--score", "auc", "-o", "runs.png")
    lines = printed.out.splitlines()
    assert lines[0].split()[:3] == ["run", "best", "auc"]
    assert [line.split()[0] for line in lines[1:4]] == ["first", "second", "mean"]
    assert (folder / "runs.png").read_bytes().startswith(b"\x89PNG")


def test_files_of_one_name_are_told_apart_by_their_folders(folder, capsys):
    (folder / "a").mkdir()
    (folder / "a" / "first.jsonl").write_bytes((folder / "first.jsonl").read_bytes())
    printed = output(capsys, "compare", "first.jsonl", "a/first.jsonl")
    assert [line.split()[0] for line in printed.out.splitlines()[1:3]] == ["first.jsonl", "a/first.jsonl"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["show", "nothing.json"], "nothing.json: No such file"),
        (["show", "first.txt"], "a score file must end in .csv, .json, .jsonl"),
        (["show", "damaged.json"], "damaged.json: "),
        (["show"], "the following arguments are required: file"),
        (["draw", "first.jsonl"], "invalid choice: 'draw'"),
        ([], "the following arguments are required: COMMAND"),
        (["compare", "first.jsonl", "--score", "zz"], "no run has the score 'zz'; there are: f1"),
        (["compare", "first.jsonl", "first.jsonl"], "the same file is there twice"),
        (["report", "first.jsonl", "-o", "no/folder/page.html"], "no/folder/page.html"),
    ],
)
def test_an_error_is_one_line_and_exit_status_2(folder, capsys, arguments, message):
    (folder / "damaged.json").write_text(json.dumps({"format": "another"}))
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    printed = capsys.readouterr()
    assert ended.value.code == 2
    assert printed.out == ""
    assert printed.err.startswith("kerascb_metrics: ")
    assert printed.err.count("\n") == 1
    assert message in printed.err


IMPORTED = """
import sys
from kerascb_metrics.__main__ import main
main(sys.argv[2:])
print(*sorted(set(sys.argv[1].split(",")) & set(sys.modules)))
"""


@pytest.mark.parametrize(
    ("command", "unwanted"),
    [
        (["show", "first.jsonl"], "keras,sklearn,matplotlib,pandas"),
        (["compare", "first.jsonl", "second.json"], "keras,sklearn,matplotlib,pandas"),
        (["report", "first.jsonl"], "keras,matplotlib"),
    ],
)
def test_what_is_not_needed_is_not_imported(folder, command, unwanted):
    run = [sys.executable, "-c", IMPORTED, unwanted, *command]
    done = subprocess.run(run, cwd=folder, capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.splitlines()[-1] == ""


def test_the_version(folder, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"kerascb_metrics {__version__}\n"
