"""Large arrays are kept and written as compressed bytes, exact to the last bit, and within a budget."""

import base64
import json
import tracemalloc
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from kerascb_metrics import Metrics, Multiclass, ScoreHistory, Scores
from kerascb_metrics.record.epoch_record import EpochRecord
from kerascb_metrics.record.json_values import packed_in
from kerascb_metrics.record.json_write import _packed_out
from kerascb_metrics.record.packed_array import LARGE, PackedArray
from kerascb_metrics.record.packed_record import MatrixOf, PackedRecord, stored
from kerascb_metrics.tally.counts import Counts
from kerascb_metrics.tally.curve import Curve
from kerascb_metrics.tally.ranking import points_each
from tests.support.saved_histories import assert_same, assert_same_history

RNG = np.random.default_rng(0)
DTYPES = ["bool", "int8", "uint8", "int16", "int64", "uint64", "float16", "float32", "float64"]
ARRAYS = {
    "sorted": np.arange(0, 3000, 7),
    "falling": np.arange(3000, 0, -7),
    "negative": RNG.integers(-3, 4, 500),
    "the ends of int64": np.array([-(2**63), 2**63 - 1] * 200),
    "the end of uint64": np.array([2**64 - 1, 0] * 200, "uint64"),
    "a matrix": RNG.integers(0, 3, (40, 40)),
    "floats": RNG.random(300),
    "floats that float32 holds": RNG.random(300).astype("float32").astype("float64"),
    "large floats": np.array([1e300, 1.0] * 200),
    "signed zeros": np.array([0.0, -0.0] * 200),
    "not finite": np.array([np.nan, np.inf, -np.inf] * 100),
    "nothing": np.zeros((0, 3), "int64"),
}


def bits(array):
    return array.dtype, array.shape, array.tobytes()


@pytest.mark.parametrize("name", ARRAYS)
def test_an_array_is_the_same_to_the_last_bit(name):
    array = ARRAYS[name]
    packed = PackedArray.of(array)
    assert bits(packed.unpack()) == bits(array)
    assert (packed.shape, packed.ndim) == (array.shape, array.ndim)
    np.testing.assert_array_equal(np.asarray(packed), array)
    assert packed.unpack().flags.writeable


@settings(max_examples=200)
@given(st.data(), st.sampled_from(DTYPES), hnp.array_shapes(max_dims=3, max_side=12))
def test_any_array_is_the_same_to_the_last_bit(data, dtype, shape):
    elements = {"allow_nan": False} if dtype.startswith("float") else {}
    array = data.draw(hnp.arrays(dtype, shape, elements=hnp.from_dtype(np.dtype(dtype), **elements)))
    assert bits(PackedArray.of(array).unpack()) == bits(array)


@pytest.mark.parametrize(
    "array",
    [np.ma.masked_array(np.arange(300), np.arange(300) == 3), np.arange(300, dtype=np.longdouble), np.arange(300) * 1j],
    ids=["masked", "longdouble", "complex"],
)
def test_what_a_file_cannot_hold_is_kept_and_refused(array, tmp_path):
    history = ScoreHistory()
    history.append(0, {"own": array})
    kept = history["own"][0]
    assert type(kept) is type(array)
    assert kept.dtype == array.dtype
    np.testing.assert_array_equal(kept, array)
    with pytest.raises(ValueError, match=r"'own' holds .*: a file"):
        history.save(tmp_path / "scores.json")


def test_bytes_in_another_order_are_the_same_numbers():
    array = np.arange(300, dtype=">i4")
    history = ScoreHistory()
    history.append(0, {"own": array})
    np.testing.assert_array_equal(history["own"][0], array)
    assert history["own"][0].dtype == np.int32


def record_of(classes, rows, weighted=False, curves=True):
    """A record as an epoch leaves it, of random labels."""
    y_true, y_pred = RNG.integers(0, classes, (2, rows))
    weight = RNG.uniform(0.5, 2, rows) if weighted else None
    names = tuple(map(str, range(classes)))
    found = {}
    for name in names if curves else ():
        points = points_each(classes)
        most = [[max(2, 2 * rows // points // classes)], [max(2, 2 * rows // points)]]
        steps = (1 + RNG.integers(0, most, (2, points))).cumsum(axis=1)
        tps, fps = steps * 0.1 if weighted else steps
        thresholds = np.append(np.inf, np.sort(RNG.random(points - 1).astype("float32"))[::-1].astype("float64"))
        found[name] = Curve(thresholds, tps, fps)
    kind = "binary" if classes == 2 else "multiclass"
    return EpochRecord(kind, names, Counts.of(y_true, y_pred, classes, weight), curves=found)


@pytest.mark.parametrize("rows", [1000, 40_000])
@pytest.mark.parametrize("weighted", [False, True])
def test_a_record_is_the_same_to_the_last_bit(weighted, rows):
    record = record_of(100, rows, weighted)
    packed = stored(record)
    assert isinstance(packed, PackedRecord)
    assert_same(packed.unpack(), record)
    assert bits(packed.matrix()) == bits(record.matrix())
    few = record_of(2, 500)
    assert stored(few) is few


def history_of(records, **values):
    history = ScoreHistory({"f1": True})
    for epoch, record in enumerate(records):
        history.append(epoch, {"f1": epoch / 7, **values, "confusion": record.matrix()}, {None: record})
    return history


@pytest.mark.parametrize("suffix", ["json", "jsonl"])
@pytest.mark.parametrize("weighted", [False, True])
def test_a_history_of_many_classes_is_saved_and_loaded(tmp_path, weighted, suffix):
    history = history_of([record_of(100, 20_000, weighted) for _ in range(3)], by_class=RNG.random(300))
    history.save(tmp_path / f"scores.{suffix}")
    loaded = ScoreHistory.load(tmp_path / f"scores.{suffix}")
    assert_same_history(loaded, history)
    assert loaded.report("best") == history.report("best")
    again = tmp_path / f"again.{suffix}"
    loaded.save(again)
    assert again.read_bytes() == (tmp_path / f"scores.{suffix}").read_bytes()


def test_the_matrix_is_kept_and_written_once(tmp_path):
    history = history_of([record_of(100, 20_000)])
    assert isinstance(history._run._values["confusion"][0], MatrixOf)
    history.save(tmp_path / "scores.json")
    form = json.loads((tmp_path / "scores.json").read_text())
    assert form["epochs"][0]["scores"]["confusion"] == {"matrix_of": None}
    other = history_of([record_of(100, 20_000)])
    other.append(1, {"confusion": record_of(100, 50).matrix()}, {None: record_of(100, 50)})  # not the record's own
    assert isinstance(other._run._values["confusion"][1], PackedArray)


def test_what_is_read_is_a_copy():
    history = history_of([record_of(100, 20_000)] * 2)
    expected = history["confusion"][1]
    for read in (
        lambda: history["confusion"][1],
        lambda: history["confusion"][-1:][0],
        lambda: list(history["confusion"])[1],
        lambda: history.at(1)["confusion"],
        lambda: history.tally(1).matrix(),
        lambda: history.at(1).to_dict()["confusion"],
    ):
        np.testing.assert_array_equal(read(), expected)
        if isinstance(read(), np.ndarray):
            read()[...] = 0
    np.testing.assert_array_equal(history["confusion"][1], expected)


def test_a_fit_of_many_classes(tmp_path):
    classes, rows = 60, 400
    y_true, y_pred = RNG.integers(0, classes, rows), RNG.dirichlet(np.full(classes, 0.1), rows)
    y_true[:classes], y_pred[:classes] = np.arange(classes), np.eye(classes)
    scores = Metrics(task=Multiclass()).score(y_true, y_pred)
    matrix = np.zeros((classes, classes), int)
    np.add.at(matrix, (y_true, y_pred.argmax(1)), 1)
    np.testing.assert_array_equal(scores["confusion"], matrix)
    scores.save(tmp_path / "scores.json")
    loaded = Scores.load(tmp_path / "scores.json")
    assert loaded.to_dict() == scores.to_dict()
    assert loaded.report() == scores.report()


# The budget of an epoch, in memory and in a file.


@pytest.mark.parametrize(("classes", "rows", "budget"), [(2, 100_000, 64 * 1024), (1000, 1_000_000, 1024**2)])
def test_an_epoch_stays_within_its_budget(tmp_path, classes, rows, budget):
    record = record_of(classes, rows)
    values = dict.fromkeys(("f1", "precision", "recall", "kappa", "auc"), 0.1)
    history = history_of([record])
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        history.append(1, {**values, "confusion": record.matrix()}, {None: record})
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    own = 0 if isinstance(stored(record), PackedRecord) else 24 * len(record.curves["1"].tps) * classes
    assert after - before + own <= budget
    history.save(tmp_path / "scores.jsonl")
    assert len((tmp_path / "scores.jsonl").read_bytes().splitlines()[2]) <= budget


@pytest.mark.parametrize(
    "array",
    [np.sort(RNG.random(900).astype("float32")), RNG.integers(-5, 70_000, 600), RNG.integers(0, 2, (20, 20)) == 1],
    ids=["float32", "integers", "booleans"],
)
def test_arrays_of_files_before_0_2_0_are_read_and_stay_as_they_are(array, tmp_path):
    packed = PackedArray.of(array)
    stored = np.diff(array, prepend=0) if packed.differences else array
    in_order = zlib.compress(stored.astype(packed.stored).tobytes(), 1)
    form = packed_form(array, zlib=base64.b64encode(in_order).decode())
    del form["shuffled_zlib"]
    read = packed_in(form)
    np.testing.assert_array_equal(read.unpack(), array)
    assert _packed_out(read) == form


def test_thresholds_take_less_space_than_their_bytes_in_order():
    thresholds = np.sort(RNG.random(9000).astype("float32"))
    in_order = zlib.compress(thresholds.tobytes(), 1)
    assert len(PackedArray.of(thresholds).data) < 0.8 * len(in_order)


# Files that lie.


def packed_form(array, **changes):
    packed = PackedArray.of(array)
    form = {
        "dtype": packed.dtype,
        "shape": list(packed.shape),
        "stored": packed.stored,
        "differences": packed.differences,
        "shuffled_zlib": base64.b64encode(packed.data).decode(),
    }
    return {**form, **changes}


BOMB = base64.b64encode(zlib.compress(bytes(50_000_000), 9)).decode()
SQUARE = RNG.integers(0, 9, (20, 20))
DAMAGED = {
    "no base64": (packed_form(SQUARE, shuffled_zlib="%%%"), "'shuffled_zlib' is damaged"),
    "no zlib": (packed_form(SQUARE, shuffled_zlib="AAAA"), "packed bytes are damaged"),
    "cut": (packed_form(SQUARE, shuffled_zlib=packed_form(SQUARE)["shuffled_zlib"][:40]), "packed bytes are"),
    "more rows": (packed_form(SQUARE, shape=[21, 20]), "packed bytes are not those"),
    "fewer rows": (packed_form(SQUARE, shape=[19, 20]), "packed bytes are not those"),
    "a huge shape": (packed_form(SQUARE, shape=[2**30, 2**30]), "is too large for a file"),
    "a negative shape": (packed_form(SQUARE, shape=[-20, -20]), "'shape' must be lengths"),
    "a shape of texts": (packed_form(SQUARE, shape=["20", 20]), "'shape' must be lengths"),
    "a bomb": (packed_form(SQUARE, shuffled_zlib=BOMB), "packed bytes are not those"),
    "a bomb of its shape": (packed_form(SQUARE, shuffled_zlib=BOMB, shape=[2**28], stored="|u1"), "cannot be an array"),
    "an unknown dtype": (packed_form(SQUARE, dtype="object"), "is not a dtype"),
    "an unknown way": (packed_form(SQUARE, stored="O"), "'stored' is 'O'"),
    "floats for integers": (packed_form(SQUARE, stored="<f4"), "cannot be stored as"),
    "too large for the dtype": (packed_form(SQUARE + 300, dtype="int8"), "do not fit into int8"),
    "differences of a matrix": (packed_form(SQUARE, differences=True), "'differences' are of a vector"),
    "no differences": (packed_form(SQUARE, differences=None), "'differences' must be true or false"),
    "a matrix of nothing": ({"matrix_of": "a"}, "'matrix_of' is 'a', an output without counts"),
    "a matrix of a number": ({"matrix_of": [1]}, "an output without counts"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_array_is_refused_with_the_line(name, tmp_path):
    form, message = DAMAGED[name]
    header = {"format": "kerascb_metrics.ScoreHistory", "version": 2, "settings": {}, "directions": {}}
    epoch = {"epoch": 0, "scores": {"confusion": form}, "logs": {}, "tallies": []}
    path = tmp_path / "scores.jsonl"
    path.write_text("\n".join(map(json.dumps, (header, epoch, epoch))))
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=rf"scores\.jsonl, line 2: .*{message}"):
            ScoreHistory.load(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 20_000_000


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lengths": {"dtype": "int64", "values": [200, 101]}}, "'lengths' are not those of the curves"),
        ({"lengths": {"dtype": "int64", "values": [300, 0]}}, "'lengths' are not those of the curves"),
        ({"lengths": {"dtype": "float64", "values": [150.0, 150.0]}}, "'lengths' must be one int64 per class"),
        ({"classes": ["0", "2"]}, "classes without a name"),
        ({"classes": ["0", "0"]}, "'classes' must be texts"),
        ({"classes": ["0"]}, "'lengths' must be one int64 per class"),
    ],
)
def test_damaged_curves_are_refused(changes, message, tmp_path):
    points = np.arange(150)
    curve = Curve(np.append(np.inf, -points[1:].astype(float)), points, 2 * points)
    record = EpochRecord("multilabel", ("0", "1"), np.ones((2, 2, 2), int), curves={"0": curve, "1": curve})
    history = ScoreHistory()
    history.append(0, {"f1": 0.5}, {None: record})
    history.save(tmp_path / "scores.json")
    assert_same(ScoreHistory.load(tmp_path / "scores.json").tally(), record)
    form = json.loads((tmp_path / "scores.json").read_text())
    form["epochs"][0]["tallies"][0]["curves"].update(changes)
    (tmp_path / "scores.json").write_text(json.dumps(form))
    with pytest.raises(ValueError, match=rf"scores\.json: .*{message}"):
        ScoreHistory.load(tmp_path / "scores.json")


def test_small_arrays_stay_readable():
    assert LARGE == 256
    history = history_of([record_of(16, 500, curves=False)])
    assert isinstance(history._run._values["confusion"][0], np.ndarray)
