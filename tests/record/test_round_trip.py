"""A file is loaded as it was saved, or the value is refused by name before anything is written (hypothesis)."""

import math
import os
import re
import tempfile
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from kerascb_metrics import ScoreHistory
from kerascb_metrics.record.epoch_record import EpochRecord
from kerascb_metrics.record.log_file import LogFile
from kerascb_metrics.tally.curve import Curve
from kerascb_metrics.tally.exact import Counts

# Each has damaged a file, or could: line ends, quotes, byte order marks, names that JSON and JavaScript use.
HOSTILE = [
    "", " ", "epoch", "logs_epoch", "logs_f1", "f1", "loss", "scores", "format", "number", "dtype", "__proto__", "NaN",
    "a\rb", "a\nb", "a\r\nb", "\r", "\n", "\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\0",
    "\ufeff", "\ufeffepoch", '"', '"a"', "a,b", "a;b", "\t", "'", "\\", "\\ud800", "=1+1", "sep=;", "#", "0", "☃",
    "\U0001f600", "\ud800", "\udce9", "caf\udce9",
]  # fmt: skip
HALVES = ["\ud800\udc00", "a\ud83d\ude00b"]
LONG = "a" * 140_000
DTYPES = [
    "bool",
    *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)),
    *("float16", "float32", "f8", ">f8"),
]

texts = st.sampled_from(HOSTILE) | st.text(st.characters(), max_size=6)
whole = st.integers(-(2**62), 2**62) | st.integers(-3, 3)
NUMBERS = [
    *(-0.0, 5e-324, 1e308, 0.1 + 0.2, math.nan, math.inf, True, np.True_, np.int8(-3), np.uint64(2**63)),
    *(np.float16(0.1), np.float32(0.1), np.float64(0.1), np.array(0.1), np.array(3, "int8")),
]
numbers = st.floats() | st.sampled_from(NUMBERS) | whole
shapes = array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=3)
values = numbers | st.sampled_from(DTYPES).flatmap(lambda dtype: arrays(dtype, shapes))
epochs = st.lists(st.integers(0, 5) | st.integers(0, 2**63 - 1), unique=True, max_size=4).map(sorted)
plain = texts | st.none() | st.booleans() | st.integers() | st.floats()


@st.composite
def tallies(draw):
    names = tuple(draw(st.lists(texts, min_size=2, max_size=4, unique=True)))
    cells = [np.array(draw(st.lists(st.integers(0, len(names) - 1), min_size=2, max_size=2))) for _ in range(2)]
    weight = draw(arrays(st.sampled_from(["int64", "float64"]), 2))
    curve = Curve(np.array([np.inf, draw(st.floats())]), np.array([0, 1]), np.array([0.0, 2.0]))
    threshold = draw(st.none() | st.floats() | arrays("float64", len(names)))
    return EpochRecord(
        "multiclass", names, Counts(*cells, weight, len(names)), 0.0, 1, "logit", threshold, {names[-1]: curve}
    )


@st.composite
def histories(draw):
    history = ScoreHistory(draw(st.dictionaries(texts, st.none() | st.booleans(), max_size=3)))
    history.settings.update(draw(st.dictionaries(texts, plain | st.lists(plain, max_size=2), max_size=3)))
    names = draw(st.lists(texts, unique=True, max_size=4))
    for epoch in draw(epochs):
        own = {name: draw(values) for name in names if draw(st.integers(0, 4))}
        outputs = draw(st.dictionaries(st.none() | texts, st.none() | tallies(), max_size=2))
        bounds = {name: (draw(values), draw(values)) for name in own if not draw(st.integers(0, 3))}
        history.append(epoch, own, outputs, bounds)
        history.logs[-1].update(draw(st.dictionaries(texts, numbers, max_size=3)))
    return history


def form(value):
    """The parts of a value that a file must keep: numbers as floats to the last bit, arrays by dtype and shape."""
    if isinstance(value, dict):
        return [(name, form(item)) for name, item in value.items()]
    if isinstance(value, list | tuple):
        return [form(item) for item in value]
    if isinstance(value, np.ndarray) and value.ndim:
        return value.dtype.name, value.shape, repr(value.tolist())
    if hasattr(value, "__dataclass_fields__"):
        return [form(getattr(value, name)) for name in value.__dataclass_fields__]
    if isinstance(value, str | None):
        return value
    return repr(float(value))


def listed(part):
    """A list, also of records that are unpacked when they are read."""
    return part if isinstance(part, dict) else list(part)


def of_history(history):
    parts = ("epochs", "logs", "tallies", "intervals", "directions")
    return {
        **{part: form(listed(getattr(history._run, part))) for part in parts},
        "scores": form(dict(history)),
        "settings": [(name, repr(value)) for name, value in history.settings.items()],
    }


def texts_in(value):
    """Every text in a history, or in a part of one."""
    if isinstance(value, ScoreHistory):
        return texts_in([vars(value)[part] for part in vars(value)])
    if isinstance(value, EpochRecord):
        return texts_in([value.class_names])
    if isinstance(value, dict):
        return texts_in([*value, *value.values()])
    if isinstance(value, list | tuple):
        return [text for item in value for text in texts_in(item)]
    return [value] if isinstance(value, str) else []


# Text with the two halves of a character, which JSON cannot hold.
WRONG = re.compile("[\ud800-\udbff][\udc00-\udfff]")


def refused(history):
    """The texts that JSON cannot hold, and the names of numbers that no float is equal to: an error must name one."""
    bounds = [item for of_epoch in history._run.intervals for item in of_epoch.items()]
    halves = [text for text in texts_in(history) if WRONG.search(text)]
    return halves + inexact_names([*history.items(), *logs_of(history), *bounds])


def logs_of(history):
    return [item for of_epoch in history.logs for item in of_epoch.items()]


def inexact_names(items):
    return [name for name, of in items if any(map(is_inexact, of if isinstance(of, list | tuple) else [of]))]


def is_inexact(value):
    return isinstance(value, int | np.integer) and int(float(value)) != int(value)


def assert_named(error, names):
    assert any(repr(name) in str(error.value) for name in names), error.value


# .json, .jsonl, and a log file that a fit resumes.


@pytest.mark.parametrize("suffix", ["json", "jsonl"])
@settings(max_examples=30)
@given(history=histories())
def test_saved_history_is_loaded_unchanged_or_refused_by_name(suffix, history):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"scores.{suffix}"
        if names := refused(history):
            with pytest.raises(ValueError, match="a file") as error:
                history.save(path)
            assert_named(error, names)
            assert not os.listdir(folder)
        else:
            history.save(path)
            assert of_history(ScoreHistory.load(path)) == of_history(history)


@settings(max_examples=25)
@given(history=histories())
def test_log_file_is_resumed_unchanged(history):
    if refused(history):
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scores.jsonl"
        written, log = ScoreHistory(history.directions), LogFile(path, pytest.fail)
        written.settings.update(history.settings)
        for index, epoch in enumerate(history.epochs):
            scores = {name: past[index] for name, past in history.items()}
            written.append(epoch, scores, history.tallies[index], history._run.intervals[index])
            written.logs[-1].update(history.logs[index])
            log.write(written._run)
        resumed, saved = ScoreHistory(), LogFile(path, pytest.fail).resume(None, settings=history.settings)
        assert (saved is None) == (not history.epochs)
        if history.epochs:
            assert len(saved.epochs) == len(history.epochs)
            resumed._run.restore(saved)
            assert of_history(resumed) == of_history(written)


PARTS = ["score", "log", "setting", "name of a setting", "direction", "output", "class"]


def with_text(part, text):
    """A history with a text in one of its places."""
    history = ScoreHistory({text if part == "direction" else "f1": True})
    history.settings.update({text if part == "name of a setting" else "name": text if part == "setting" else "x"})
    names, zero = ("b", text if part == "class" else "c"), np.zeros(1, "int64")
    tally = EpochRecord("multiclass", names, Counts(zero, zero, zero, 2))
    history.append(0, {text if part == "score" else "f1": 0.5}, {text if part == "output" else None: tally})
    history.logs[-1][text if part == "log" else "loss"] = 0.25
    return history


@pytest.mark.parametrize("text", [*HOSTILE, LONG])
def test_every_text_is_loaded_unchanged(tmp_path, text):
    for part, suffix in product(PARTS, ("json", "jsonl")):
        history = with_text(part, text)
        history.save(tmp_path / f"scores.{suffix}")
        assert of_history(ScoreHistory.load(tmp_path / f"scores.{suffix}")) == of_history(history), part


@pytest.mark.parametrize("text", HALVES)
@pytest.mark.parametrize("part", PARTS)
def test_two_halves_of_a_character_are_refused(tmp_path, text, part):
    for suffix in ("json", "jsonl"):
        with pytest.raises(ValueError, match=re.escape(repr(text))):
            with_text(part, text).save(tmp_path / f"scores.{suffix}")
    assert not os.listdir(tmp_path)


REFUSED_PARTS = {
    "an integer between two floats": {"values": {"own": 2**53 + 1}},
    "one in an epoch's logs": {"logs": {"own": -(2**53) - 1}},
    "a masked number": {"values": {"own": np.ma.masked}},
    "a masked array": {"values": {"own": np.ma.array([1, 2], mask=[True, False])}},
    "lists of unequal length": {"values": {"own": [[1], [1, 2]]}},
    "an array among the logs": {"logs": {"own": np.zeros(3)}},
    "an array among the settings": {"settings": {"own": np.zeros(3)}},
    "a dict among the settings": {"settings": {"own": {"a": 1}}},
    "a huge integer": {"settings": {"own": 10**5000}},
    "bounds of an unknown score": {"bounds": {"own": (0.0, 1.0)}},
    "a name that is not text": {"values": {("own",): 0.5}},
    "two names that JSON makes one": {"values": {1: 0.5, "1": 0.25}},
    "a log's name that is not text": {"logs": {None: 0.5}},
    "a setting's name that is not text": {"settings": {True: 0.5}},
    "a negative epoch": {"epoch": -1},
    "half an epoch": {"epoch": 2.5},
    "an epoch past 64 bits": {"epoch": 2**63},
    "an epoch of text": {"epoch": "own"},
}


@pytest.mark.parametrize("suffix", ["json", "jsonl"])
@pytest.mark.parametrize("case", REFUSED_PARTS)
def test_values_that_cannot_be_loaded_unchanged_are_refused_by_name(tmp_path, case, suffix):
    parts = REFUSED_PARTS[case]
    history = ScoreHistory()
    history.settings.update(parts.get("settings", {}))
    history.append(parts.get("epoch", 0), parts.get("values", {}), None, parts.get("bounds"))
    history.logs[-1].update(parts.get("logs", {}))
    named = "|".join(map(repr, ["own", 1, None, True, -1, 2.5, 2**63]))
    with pytest.raises(ValueError, match=named):
        history.save(tmp_path / f"scores.{suffix}")
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("suffix", ["json", "jsonl", "csv"])
def test_epochs_that_do_not_rise_are_not_written(tmp_path, suffix):
    history = ScoreHistory()
    for epoch in (3, 3):
        history.append(epoch, {"f1": 0.5})
    with pytest.raises(ValueError, match="epoch 3 is recorded after epoch 3"):
        history.save(tmp_path / f"scores.{suffix}")


def test_numpy_epochs_are_written_as_numbers(tmp_path):
    history = ScoreHistory()
    for epoch in np.arange(2):
        history.append(epoch, {"f1": 0.5})
    for suffix in ("json", "jsonl", "csv"):
        history.save(tmp_path / f"scores.{suffix}")
        assert ScoreHistory.load(tmp_path / f"scores.{suffix}").epochs == [0, 1]


# .csv: single numbers.


def table_of(history):
    """The documented content of a .csv file: the scores that are numbers, then the logs, by name."""
    scores = {name: past for name, past in history.items() if not any(map(np.ndim, past))}
    logged = list(dict.fromkeys(name for logs in history.logs for name in logs))
    return form(scores), [(name, form([logs.get(name, math.nan) for logs in history.logs])) for name in logged]


def fits_in_csv(name):
    return len(name) < 131_072 and not re.search("[\ud800-\udfff]", name)


@settings(max_examples=30)
@given(history=histories())
def test_csv_is_loaded_unchanged_or_refused_by_name(history):
    scores, logs = table_of(history)
    columns = dict([*scores, *logs])
    wrong = [name for name in columns if not fits_in_csv(name)]
    wrong += inexact_names([(name, history[name]) for name, _ in scores] + logs_of(history))
    frame = history.to_frame()
    assert form(frame.to_dict("list"))[: len(scores)] == scores
    assert [form(values_) for values_ in frame.to_dict("list").values()][len(scores) :] == [of for _, of in logs]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scores.csv"
        if wrong:
            with pytest.raises(ValueError, match=r"a (\.csv )?file") as error:
                history.save(path)
            assert_named(error, wrong)
            assert not os.listdir(folder)
            return
        history.save(path)
        loaded = ScoreHistory.load(path)
        assert path.read_bytes().startswith(b"epoch")
    assert loaded.epochs == history.epochs
    if not history.epochs:  # names without a value are not scores
        return
    found = form(dict(loaded))
    assert found[: len(scores)] == scores
    assert list(loaded) == list(frame)
    assert len(found) == len(scores) + len(logs)  # none has overwritten another
    for (column, values_), (name, logged) in zip(found[len(scores) :], logs, strict=True):
        assert values_ == logged
        used = {"epoch", *dict(scores)}
        assert re.fullmatch(f"(logs_)+{re.escape(name)}", column) if name in used else column == name


@pytest.mark.parametrize("text", [*HOSTILE, *HALVES, LONG])
def test_every_name_in_a_csv(tmp_path, text):
    history = ScoreHistory()
    history.append(0, {text: 0.5, f"f1_{text}": -0.0, "last": 1 / 3})
    history.logs[-1][f"val_{text}"] = math.inf
    if fits_in_csv(text):
        history.save(tmp_path / "scores.csv")
        loaded = ScoreHistory.load(tmp_path / "scores.csv")
        assert form(dict(loaded)) == form({**history, f"val_{text}": [math.inf]})
    else:
        with pytest.raises(ValueError, match=re.escape(f"a .csv file cannot hold the name {text!r}")):
            history.save(tmp_path / "scores.csv")
        assert not os.listdir(tmp_path)


@pytest.mark.parametrize(
    ("scores", "logs", "columns"),
    [
        (["f1"], ["f1"], ["f1", "logs_f1"]),
        (["f1", "logs_f1"], ["f1"], ["f1", "logs_f1", "logs_logs_f1"]),
        (["f1"], ["f1", "logs_f1"], ["f1", "logs_logs_f1", "logs_f1"]),
        (["f1"], ["logs_f1", "f1"], ["f1", "logs_f1", "logs_logs_f1"]),
        (["f1", "logs_f1"], ["f1", "logs_f1"], ["f1", "logs_f1", "logs_logs_f1", "logs_logs_logs_f1"]),
        (["epoch"], ["epoch", "logs_epoch"], ["epoch", "logs_logs_epoch", "logs_epoch"]),
        ([], ["epoch"], ["logs_epoch"]),
    ],
)
def test_log_with_the_name_of_a_score_has_a_separate_column(tmp_path, scores, logs, columns):
    history = ScoreHistory()
    history.append(0, {name: float(index) for index, name in enumerate(scores)})
    history.logs[-1].update({name: float(index) for index, name in enumerate(logs, start=len(scores))})
    history.save(tmp_path / "scores.csv")
    expected = {column: [float(index)] for index, column in enumerate(columns)}
    assert dict(ScoreHistory.load(tmp_path / "scores.csv")) == expected
    frame = history.to_frame()
    assert frame.to_dict("list") == expected


@pytest.mark.parametrize("value", ["text", None, 1j, object(), 2**53 + 1, np.ma.masked])
def test_only_numbers_are_written_to_csv(tmp_path, value):
    history = ScoreHistory()
    history.append(0, {"own": value})
    with pytest.raises(ValueError, match="'own' holds"):
        history.save(tmp_path / "scores.csv")
    assert not os.listdir(tmp_path)
