"""Damaged and hostile files: the error names the place, nothing is executed, only an incomplete last line is lost."""

import builtins
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kerascb_metrics import Binary, ScoreHistory
from kerascb_metrics.record.json_files import jsonl_of, parse_jsonl
from kerascb_metrics.record.log_file import LogFile
from tests.support.saved_histories import BINARY, PB, YB, recorded

HEADER = {"format": "kerascb_metrics.ScoreHistory", "version": 1, "settings": {}, "directions": {}}
EPOCH = json.loads(jsonl_of(recorded(BINARY, epochs=[0])._run).splitlines()[1])
TALLY = EPOCH["tallies"][0]
HUGE = 10**18


def with_(form, **changes):
    return {**form, **changes}


def of_scores(value):
    return with_(EPOCH, scores={"own": value})


def of_tally(**changes):
    return with_(EPOCH, tallies=[with_(TALLY, **changes)])


def ints(*values):
    return {"dtype": "int64", "values": list(values)}


def floats(*values):
    return {"dtype": "float32", "values": list(values), "shape": [len(values)]}


REGRESSION = {
    "output": None,
    "n_columns": 1,
    "weighted": False,
    "n_rows": [5],
    "lengths": [2],
    "true": floats(0.5, 1.0),
    "predicted": floats(0.25, 1.0),
}


def of_regression(**changes):
    return with_(EPOCH, regressions=[with_(REGRESSION, **changes)])


HOSTILE_EPOCHS = {
    "not a dict": [1, 2],
    "no epoch": {name: value for name, value in EPOCH.items() if name != "epoch"},
    "epoch of text": with_(EPOCH, epoch="0"),
    "epoch true": with_(EPOCH, epoch=True),
    "negative epoch": with_(EPOCH, epoch=-1),
    "huge epoch": with_(EPOCH, epoch=10**30),
    "scores a list": with_(EPOCH, scores=[]),
    "text for a number": of_scores("0.5"),
    "true for a number": of_scores(True),
    "null for a number": of_scores(None),
    "an integer past floats": of_scores(10**400),
    "dtype object": of_scores({"dtype": "object", "values": [1]}),
    "dtype of records": of_scores({"dtype": "f8,O", "values": [1]}),
    "a long string dtype": of_scores({"dtype": f"U{HUGE}", "values": ["a"]}),
    "no values": of_scores({"dtype": "int64", "shape": [HUGE]}),
    "values a number": of_scores({"dtype": "int64", "values": HUGE}),
    "rows of unequal length": of_scores({"dtype": "float64", "values": [[1, 2], [3]]}),
    "numbers next to lists": of_scores({"dtype": "float64", "values": [[1, 2], 3]}),
    "text in an array": of_scores({"dtype": "float64", "values": ["1"]}),
    "nan in an int array": of_scores(ints("NaN")),
    "fraction in an int array": of_scores(ints(0.5)),
    "overflow": of_scores({"dtype": "uint8", "values": [-1]}),
    "logs of text": with_(EPOCH, logs={"loss": "low"}),
    "tallies a dict": with_(EPOCH, tallies={}),
    "tally a number": with_(EPOCH, tallies=[1]),
    "output a list": with_(EPOCH, tallies=[{"output": []}]),
    "no kind": with_(EPOCH, tallies=[{"output": None}]),
    "another kind": of_tally(kind="regression"),
    "class names of numbers": of_tally(class_names=[0, 1]),
    "no class names": of_tally(class_names=[]),
    "pos_index": of_tally(pos_index=HUGE),
    "scale": of_tally(scale="odds"),
    "zero_division": of_tally(zero_division=None),
    "threshold": of_tally(threshold=ints(1, 2, 3)),
    "class without a name": of_tally(counts={"y_true": ints(HUGE), "y_pred": ints(0), "weight": ints(1)}),
    "negative class": of_tally(counts={"y_true": ints(-1), "y_pred": ints(0), "weight": ints(1)}),
    "counts of different length": of_tally(counts={"y_true": ints(0), "y_pred": ints(0, 1), "weight": ints(1)}),
    "counts of fractions": of_tally(
        counts={"y_true": {"dtype": "float64", "values": [0.5]}, "y_pred": ints(0), "weight": ints(1)}
    ),
    "tables of another shape": of_tally(kind="multilabel", counts=ints(1, 2)),
    "curve of an unknown class": of_tally(curves={"x": TALLY["curves"]["1"]}),
    "curve without points": of_tally(curves={"1": {"thresholds": ints(), "tps": ints(), "fps": ints()}}),
    "curve of different length": of_tally(curves={"1": {"thresholds": ints(1), "tps": ints(1, 2), "fps": ints(1)}}),
    "regressions a dict": with_(EPOCH, regressions={}),
    "an output twice": with_(EPOCH, regressions=[REGRESSION, REGRESSION]),
    "rows of float64": of_regression(true={"dtype": "float64", "values": [0.5, 1.0]}),
    "rows not finite": of_regression(predicted=floats(0.5, "NaN")),
    "rows in two columns": of_regression(true={"dtype": "float32", "values": [[0.5], [1.0]]}),
    "one target for two outputs": of_regression(true=floats(0.5)),
    "more rows than there were": of_regression(n_rows=[1]),
    "rows of no column": of_regression(n_rows=[], lengths=[], true=floats(), predicted=floats()),
    "more columns than there were": of_regression(n_columns=0),
    "lengths of other rows": of_regression(lengths=[1]),
    "lengths of fractions": of_regression(lengths=[2.0]),
    "negative lengths": of_regression(lengths=[3, -1], n_rows=[5, 5], n_columns=2),
}


def test_the_rows_of_a_regression_that_are_damaged_here_could_be_read(tmp_path):
    load_text(tmp_path, lines(HEADER, with_(EPOCH, regressions=[REGRESSION])))


def load_text(tmp_path, text, name="scores.jsonl"):
    (tmp_path / name).write_text(text, encoding="utf-8")
    return ScoreHistory.load(tmp_path / name)


def lines(*forms):
    return "".join(json.dumps(form) + "\n" for form in forms)


@pytest.mark.parametrize("name", HOSTILE_EPOCHS)
def test_invalid_epoch(tmp_path, name):
    second = with_(EPOCH, epoch=1)
    assert load_text(tmp_path, lines(HEADER, EPOCH, second)).epochs == [0, 1]
    with pytest.raises(ValueError, match=r"scores\.jsonl, line 2: "):
        load_text(tmp_path, lines(HEADER, HOSTILE_EPOCHS[name], with_(EPOCH, epoch=9)))
    with pytest.raises(ValueError, match=r"scores\.json: entry 0 of 'epochs': "):
        load_text(tmp_path, json.dumps({**HEADER, "epochs": [HOSTILE_EPOCHS[name]]}), "scores.json")
    with pytest.warns(UserWarning, match=r"the last line is damaged and is left out: .*scores\.jsonl, line 3: "):
        loaded = load_text(tmp_path, lines(HEADER, EPOCH, HOSTILE_EPOCHS[name]))
    assert loaded.epochs == [0]


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ([], "not a score history"),
        ({}, "not a score history"),
        (with_(HEADER, format="other"), "not a score history"),
        (with_(HEADER, version=3), r"format version 3; this kerascb_metrics reads version 1 and 2"),
        (with_(HEADER, version="1"), r"format version '1'"),
        (with_(HEADER, version=True), "format version True"),
        (with_(HEADER, version=[1] * 1000), r"format version \[1, 1"),
        (with_(HEADER, settings=[]), "'settings' is"),
        (with_(HEADER, settings={"a": {"b": 1}}), "'number' is missing"),
        (with_(HEADER, directions={"f1": "up"}), "'directions' must be max, min or null"),
        (with_(HEADER, directions={"f1": []}), "'directions' must be texts"),
    ],
)
def test_invalid_header(tmp_path, header, message):
    with pytest.raises(ValueError, match=rf"scores\.jsonl, line 1: {message}"):
        load_text(tmp_path, lines(header, EPOCH))
    form = {**header, "epochs": [EPOCH]} if isinstance(header, dict) else header
    with pytest.raises(ValueError, match=rf"scores\.json: {message}"):
        load_text(tmp_path, json.dumps(form), "scores.json")


@pytest.mark.parametrize(
    "line",
    [
        b"\x00\x01\xff\xfe binary",
        b"\x80\x04\x95.",  # the beginning of a pickle
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"9" * 10_000,
        b'{"epoch": NaN}',
        '{"epoch": 0}'.encode("utf-16"),
        b'{"epoch": 0, "scores": {"own": {"dtype": "int8", "values": ' + b"[" * 200 + b"]" * 200 + b"}}}",
    ],
    ids=range(8),
)
def test_bytes_that_are_not_a_line(tmp_path, line):
    header, epoch = lines(HEADER).encode(), lines(EPOCH).encode()
    (tmp_path / "scores.jsonl").write_bytes(header + line + b"\n" + epoch)
    with pytest.raises(ValueError, match=r"scores\.jsonl, line 2: "):
        ScoreHistory.load(tmp_path / "scores.jsonl")
    (tmp_path / "scores.jsonl").write_bytes(line + b"\n" + epoch)
    with pytest.raises(ValueError, match=r"scores\.jsonl, line 1: "):
        ScoreHistory.load(tmp_path / "scores.jsonl")
    (tmp_path / "scores.json").write_bytes(line)
    with pytest.raises(ValueError, match=r"scores\.json: "):
        ScoreHistory.load(tmp_path / "scores.json")


def test_deep_lists_that_json_accepts(tmp_path):
    deep = "[" * 800 + "]" * 800
    text = lines(HEADER) + lines(of_scores({"dtype": "int8", "values": 7})).replace("7", deep) + lines(EPOCH)
    with pytest.raises(ValueError, match=r"scores\.jsonl, line 2: "):
        load_text(tmp_path, text)


def test_epochs_must_rise(tmp_path):
    forms = [with_(EPOCH, epoch=epoch) for epoch in (0, 2, 2, 3)]
    with pytest.raises(ValueError, match=r"scores\.jsonl, line 4: epoch 2 after epoch 2"):
        load_text(tmp_path, lines(HEADER, *forms))
    with pytest.raises(ValueError, match=r"scores\.json: epoch 2 after epoch 2"):
        load_text(tmp_path, json.dumps({**HEADER, "epochs": forms}), "scores.json")
    with pytest.raises(ValueError, match=r"scores\.csv, line 4: epoch 2 after epoch 2"):
        load_text(tmp_path, "epoch,f1\n0,1\n2,1\n2,1\n3,1\n", "scores.csv")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("f1,epoch\n", "line 1: the columns must be 'epoch'"),
        ("epoch,f1,f1\n", "line 1: the columns must be 'epoch' and different names"),
        ("epoch,f1\n0,1\n1\n", "line 3: 1 fields under 2 columns"),
        ("epoch,f1\n0,__import__('os')\n", r"line 2: \"__import__\('os'\)\" is not a number"),
        ("epoch,f1\n-1,1\n", "line 2: '-1' is not an epoch"),
        ("epoch,f1\n" + "9" * 400 + ",1\n", "line 2: '99+"),
        ('epoch,f1\n0,"1\n', "line 2: unexpected end of data"),
        ("epoch,f1\n0," + "1" * 200_000, "line 2: field larger than field limit"),
    ],
)
def test_invalid_csv(tmp_path, text, message):
    with pytest.raises(ValueError, match=rf"scores\.csv, {message}"):
        load_text(tmp_path, text, "scores.csv")
    (tmp_path / "scores.csv").write_bytes(b"\xff\x00\xfe")
    with pytest.raises(ValueError, match=r"scores\.csv: .*decode"):
        ScoreHistory.load(tmp_path / "scores.csv")


# Files after editors, spreadsheets and shells have changed them.

EPOCHS = [with_(EPOCH, epoch=epoch) for epoch in range(3)]
CLEAN = lines(HEADER, *EPOCHS).encode()
REWRITTEN = {
    "byte order mark": b"\xef\xbb\xbf" + CLEAN,
    "Windows line ends": CLEAN.replace(b"\n", b"\r\n"),
    "no last line end": CLEAN.removesuffix(b"\n"),
    "a blank line between epochs": CLEAN.replace(b"\n", b"\n\n", 2),
    "blank lines first and last": b"\n \r\n" + CLEAN + b"\n\t\n\n",
    "mark, blank line, Windows": b"\xef\xbb\xbf\r\n" + CLEAN.replace(b"\n", b"\r\n\r\n"),
    "other ends of lines in a text": lines(with_(HEADER, settings={"a": "b"}), *EPOCHS)
    .replace('"b"', '"\u2028\x85\u2029"')
    .encode(),
}


@pytest.mark.parametrize("case", REWRITTEN)
def test_jsonl_rewritten_by_a_tool(tmp_path, case):
    (tmp_path / "scores.jsonl").write_bytes(REWRITTEN[case])
    loaded = ScoreHistory.load(tmp_path / "scores.jsonl")
    assert (loaded.epochs, loaded.settings) == ([0, 1, 2], {"a": "\u2028\x85\u2029"} if "other" in case else {})
    log = LogFile(tmp_path / "scores.jsonl", pytest.fail)
    log.check()
    resumed = log.resume(2, settings={})
    assert [saved.epoch for saved in resumed.epochs] == [0, 1]


@pytest.mark.parametrize("before", [b"", b"\xef\xbb\xbf", b"\r\n\r\n"])
@pytest.mark.parametrize("after", [b"", b"\r\n"])
def test_json_and_csv_rewritten_by_a_tool(tmp_path, before, after):
    whole = json.dumps({**HEADER, "epochs": EPOCHS}, indent=1).encode()
    for name, data in {"scores.json": whole, "scores.csv": b'"epoch",f1\r\n"0","0.5"\r\n\r\n1,\r\n2,1\r\n'}.items():
        (tmp_path / name).write_bytes(before + data + after)
        assert ScoreHistory.load(tmp_path / name).epochs == [0, 1, 2]


def in_array(dtype, text):
    """A line with an array of one number, whose text has too many digits for its dtype."""
    return lines(of_scores({"dtype": dtype, "values": [7654321]})).replace("7654321", text).encode()


HEAD, LAST = lines(HEADER).encode(), lines(with_(EPOCH, epoch=9)).encode()
LOGS = b'"logs": {'
FOREIGN = {
    "two files put together": ("jsonl", CLEAN + CLEAN, "line 5: a second header"),
    "two, the last without epochs": ("jsonl", CLEAN + HEAD, "line 5: a second header"),
    "two on one line": ("jsonl", CLEAN.removesuffix(b"\n") + CLEAN, "line 4: Extra data"),
    "the second with a mark": ("jsonl", CLEAN + b"\xef\xbb\xbf" + CLEAN, "line 5: .*UTF-8 BOM"),
    "two JSON files": ("json", json.dumps({**HEADER, "epochs": []}).encode() * 2, "Extra data"),
    "no header": ("jsonl", lines(*EPOCHS).encode(), "line 1: not a score history"),
    "lines in another order": ("jsonl", HEAD + lines(*EPOCHS[::-1]).encode(), "line 3: epoch 1 after epoch 2"),
    "only carriage returns": ("jsonl", CLEAN.replace(b"\n", b"\r"), "line 1: Extra data"),
    "a name twice": ("jsonl", CLEAN.replace(LOGS, LOGS + b'"a": 1, "a": 2, '), "line 2: 'a' is there twice"),
    "an output twice": ("jsonl", HEAD + lines(with_(EPOCH, tallies=[TALLY] * 2)).encode() + LAST, "line 2: 'tallies'"),
    "UTF-16": ("jsonl", CLEAN.decode().encode("utf-16"), "line 1: the file is in UTF-16. Save it as UTF-8"),
    "UTF-16 JSON": ("json", json.dumps(HEADER).encode("utf-16"), "the file is in UTF-16"),
    "UTF-16 CSV": ("csv", "epoch\tf1\r\n".encode("utf-16"), "the file is in UTF-16"),
    "Latin-1 CSV": ("csv", "epoch,f1_é\n0,1\n".encode("latin-1"), "decode byte 0xe9.* Save it as UTF-8"),
    "empty": ("jsonl", b"", "line 1: the file is empty"),
    "blank": ("jsonl", b"\xef\xbb\xbf\r\n \n", "line 1: the file is empty"),
    "empty JSON": ("json", b"\n", "the file is empty"),
    "empty CSV": ("csv", b"", "line 1: the file is empty"),
    "semicolons": ("csv", b"epoch;f1\n0;0,5\n", "line 1: the columns are separated by ';'. Save it with commas"),
    "semicolons, quotes": (
        "csv",
        b'\xef\xbb\xbf"epoch";"f1,a"\r\n0;0,5\r\n',
        "line 1: the columns are separated by ';'",
    ),
    "tabs": ("csv", b"epoch\tf1\n0\t1\n", r"line 1: the columns are separated by '\\t'"),
    "a line for Excel": ("csv", b"sep=;\nepoch;f1\n", "line 1: the columns are separated by ';'"),
    "a decimal comma": ("csv", b'epoch,f1\n0,"0,5"\n', "line 2: '0,5' is not a number: a decimal comma"),
    "a column twice": ("csv", b"epoch,f1,f1\n0,1,2\n", "line 1: the columns must be 'epoch' and different names"),
    "too large for a float": ("csv", b"epoch,f1\n0,1e999\n", "line 2: '1e999' is too large"),
    "too large for a float in JSON": (
        "jsonl",
        CLEAN.replace(LOGS, LOGS + b'"a": -1e999, '),
        "line 2: a number too large",
    ),
    "too large for an array": (
        "jsonl",
        HEAD + in_array("float64", "-1e999") + LAST,
        "line 2: not an array of dtype float64",
    ),
    "too large for 32 bits": (
        "jsonl",
        HEAD + in_array("float32", "1e39") + LAST,
        "line 2: not an array of dtype float32",
    ),
    "epochs as fractions": ("csv", b"epoch,f1\n0.0,1\n", "line 2: '0.0' is not an epoch"),
}


@pytest.mark.parametrize("case", FOREIGN)
def test_foreign_file_is_an_error_with_the_reason(tmp_path, case):
    suffix, data, message = FOREIGN[case]
    (tmp_path / f"scores.{suffix}").write_bytes(data)
    with pytest.raises(ValueError, match=rf"scores\.{suffix}(: |, ).*{message}"):
        ScoreHistory.load(tmp_path / f"scores.{suffix}")


def test_file_can_be_read_while_it_is_written(tmp_path):
    """A reader that sees an incomplete line gets the epochs before it, and a warning."""
    path, history = tmp_path / "scores.jsonl", recorded(BINARY, epochs=(0, 1))
    log = LogFile(path, pytest.fail)
    log.write(history._run)
    whole = path.read_bytes()
    path.write_bytes(whole + lines(with_(EPOCH, epoch=2)).encode()[:50])
    with pytest.warns(UserWarning, match=r"the last line is damaged.*scores\.jsonl, line 4"):
        assert ScoreHistory.load(path).epochs == [0, 1]
    path.write_bytes(whole)
    log.write(history._run)
    assert ScoreHistory.load(path).epochs == [0, 1]


def test_nothing_is_executed(tmp_path, monkeypatch):
    for name in ("eval", "exec", "compile"):
        monkeypatch.setattr(builtins, name, lambda *args, **options: pytest.fail("executed"))
    text = lines(HEADER, of_scores({"dtype": "float64", "values": ["__import__('os').abort()"]}), EPOCH)
    with pytest.raises(ValueError, match="line 2"):
        load_text(tmp_path, text)


# Damage at any byte.

WHOLE = jsonl_of(recorded((None, Binary(), YB[:6], PB[:6], {"scoring": ["f1", "confusion"]}), epochs=range(3))._run)
ENDS = [index for index, byte in enumerate(WHOLE) if byte == ord("\n")]


@pytest.mark.filterwarnings("ignore:Metrics. the last line is damaged")
def test_truncated_file_loses_only_its_last_line():
    for end in range(len(WHOLE)):
        whole_lines = sum(end >= line_end for line_end in ENDS)  # with or without the line feed
        if not whole_lines:
            with pytest.raises(ValueError, match=r"scores\.jsonl, line 1: "):
                parse_jsonl("scores.jsonl", WHOLE[:end])
        else:
            epochs = [saved.epoch for saved in parse_jsonl("scores.jsonl", WHOLE[:end]).epochs]
            assert epochs == list(range(whole_lines - 1))


def test_truncated_file_gives_one_warning(tmp_path):
    (tmp_path / "scores.jsonl").write_bytes(WHOLE[:-20])
    with pytest.warns(UserWarning, match=r"damaged and is left out: .*scores\.jsonl, line 4: ") as warned:
        assert ScoreHistory.load(tmp_path / "scores.jsonl").epochs == [0, 1]
    assert len(warned) == 1


@given(st.integers(0, len(WHOLE) - 1), st.binary(max_size=8), st.integers(0, 8))
@pytest.mark.filterwarnings("ignore:Metrics. the last line is damaged")
def test_file_with_changed_bytes_is_read_or_refused(start, bytes_, removed):
    damaged = WHOLE[:start] + bytes_ + WHOLE[start + removed :]
    try:
        run = parse_jsonl("scores.jsonl", damaged)
    except ValueError as error:
        refused = str(error)
    else:
        refused = None
        ScoreHistory()._run.restore(run)
    assert refused is None or refused.startswith("scores.jsonl, line ")
