"""A `ScoreHistory` in the terms of JSON, and back, with every check of what a file may hold.

The JSON is strict, so nan and the infinities, which it has no numbers for, are the strings "NaN", "Infinity" and
"-Infinity" where a number belongs. An array is `{"dtype": "int64", "values": [[3, 1], [0, 2]]}`, and an empty one has
its "shape" too. What is read is built from plain values only: no code, and no array larger than the text that it comes
from. What would not come back as it is, is refused when it is written.
"""

import math
import operator
import re
import reprlib
from typing import Any

import numpy as np

from kerascb_metrics.record.epoch_record import EpochRecord
from kerascb_metrics.tally.counts import Counts
from kerascb_metrics.tally.curve import Curve

FORMAT, VERSION = "kerascb_metrics.ScoreHistory", 1

_NOT_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
_FLOATS = ("float16", "float32", "float64")
# The Python types that an array of each dtype is made of.
_LEAVES = {
    "bool": {bool},
    **{name: {int} for name in _INTEGERS},
    **{name: {int, float} for name in _FLOATS},
}
# Half a character each. JSON cannot tell the two from the one character that they spell together.
_HALVES = re.compile("[\ud800-\udbff][\udc00-\udfff]")
_INTEGER_BITS = 10_000  # of a setting; Python itself reads 4300 decimal digits at most


# Writing.


def header_of(history):
    """Return what holds for the whole run: format, version, settings, directions."""
    directions = {_text_out(name): _way(greater_is_better) for name, greater_is_better in history.directions.items()}
    settings = {_text_out(name): setting_out(name, value) for name, value in history.settings.items()}
    return {"format": FORMAT, "version": VERSION, "settings": settings, "directions": directions}


def epoch_of(history, place):
    """Return what was recorded at one place of the history's lists."""
    tallies, bounds = history.tallies[place], history.intervals[place]
    _refuse_strange(bounds, history)
    return {
        "epoch": epoch_out(history, place),
        "scores": {_text_out(name): _value_out(name, value) for name, value in history.values_at(place).items()},
        "logs": {_text_out(name): number_out(name, value) for name, value in history.logs[place].items()},
        "tallies": [{"output": _output_out(output), **_tally_out(tally)} for output, tally in tallies.items()],
        **({"bounds": {name: _bounds_out(name, pair) for name, pair in bounds.items()}} if bounds else {}),
    }


def epoch_out(history, place):
    """Return the epoch at one place of the history's lists as an int: a count, greater than the one before."""
    epoch = history.epochs[place]
    try:
        count = operator.index(epoch)
    except TypeError:
        count = -1
    if not 0 <= count < 2**63:
        raise ValueError(f"epoch {reprlib.repr(epoch)} is not an epoch number (0, 1, …): a file cannot hold it.")
    if place and count <= history.epochs[place - 1]:
        raise ValueError(f"epoch {count} is recorded after epoch {history.epochs[place - 1]}: in a file epochs rise.")
    return count


def number_out(name: str, value: Any) -> float | str:
    """Return a single number as JSON has it: a float, or the text for one that is not finite.

    Raises:
        ValueError: names what holds something else, or an integer that no float is equal to.
    """
    if type(value) is float:  # nearly all are
        return _spelt(value)
    array = _as_array(name, value)
    if array.ndim or not np.can_cast(array.dtype, np.float64):
        raise ValueError(f"{name!r} holds {reprlib.repr(value)}: a file holds numbers and arrays of numbers only.")
    if array.dtype.kind in "iu" and int(float(array)) != int(array):
        raise ValueError(f"{name!r} holds {int(array)}, which no float is equal to: a file would round it.")
    return _spelt(float(array))


def setting_out(name: str, value: Any) -> Any:
    """Return a setting as JSON has it: text, True, False, None, an integer, `number_out`, or a list of these.

    Raises:
        ValueError: names what holds something else.
    """
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, list | tuple):
        return [setting_out(name, item) for item in value]
    if isinstance(value, int) and value.bit_length() > _INTEGER_BITS:
        raise ValueError(f"{name!r} holds an integer of more than {_INTEGER_BITS} bits: a file cannot hold it.")
    if isinstance(value, str):
        return _text_out(value)
    if value is None or isinstance(value, bool | int):
        return value
    number = number_out(name, value)
    return {"number": number} if isinstance(number, str) else number


def _way(greater_is_better):
    return None if greater_is_better is None else "max" if greater_is_better else "min"


def _text_out(text):
    """A name, or other text, if it comes back as it is."""
    if not isinstance(text, str):
        raise ValueError(f"{text!r} is the name of a score, a log or a setting, and is no text: a file cannot hold it.")
    if _HALVES.search(text):
        raise ValueError(
            f"{text!r} holds the two halves of a character as two surrogates, which a file cannot tell from that "
            "character. Join them: text.encode('utf-16', 'surrogatepass').decode('utf-16')."
        )
    return text


def _output_out(output):
    return None if output is None else _text_out(output)


def _refuse_strange(bounds, history):
    strange = [name for name in bounds if name not in history]
    if strange:
        raise ValueError(f"bounds of {', '.join(map(repr, strange))}, which is no score: a file cannot hold them.")


def _as_array(name, value):
    if np.ma.is_masked(value):
        raise ValueError(f"{name!r} holds {reprlib.repr(value)}: a file cannot hold what is masked.")
    try:
        return np.asarray(value)
    except ValueError as error:  # lists of unequal length
        raise ValueError(f"{name!r} holds {reprlib.repr(value)}, which is no array: {error}") from None


def _value_out(name, value):
    return _array_out(name, value) if _as_array(name, value).ndim else number_out(name, value)


def _bounds_out(name, pair):
    return [_value_out(name, end) for end in pair]


def _array_out(name, values):
    array = np.asarray(values)
    if array.dtype.name not in _LEAVES:
        raise ValueError(
            f"{name!r} holds an array of dtype {array.dtype}: a file holds numbers of {', '.join(_LEAVES)}."
        )
    listed = array.tolist()
    form = {"dtype": array.dtype.name, "values": listed if np.isfinite(array).all() else _spelt(listed)}
    return form if array.size else {**form, "shape": list(array.shape)}  # lists end at the first axis of length 0


def _spelt(value):
    """A float, or nested lists of floats, with the strings that stand for what JSON has no number for."""
    if isinstance(value, list):
        return [_spelt(item) for item in value]
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _tally_out(tally):
    if tally is None:
        return {"kind": None}
    return {
        "kind": tally.kind,
        "class_names": [_text_out(name) for name in tally.class_names],
        "counts": _counts_out(tally.counts),
        "zero_division": number_out("zero_division", tally.zero_division),
        "pos_index": int(tally.pos_index),
        "scale": tally.scale,
        "threshold": None if tally.threshold is None else _value_out("threshold", tally.threshold),
        "curves": {name: _arrays_out(curve, _CURVE) for name, curve in tally.curves.items()},
    }


_CELLS, _CURVE = ("y_true", "y_pred", "weight"), ("thresholds", "tps", "fps")


def _counts_out(counts):
    return _array_out("counts", counts) if isinstance(counts, np.ndarray) else _arrays_out(counts, _CELLS)


def _arrays_out(holder, names):
    return {name: _array_out(name, getattr(holder, name)) for name in names}


# Reading. Every ValueError says what is wrong with the file; its name and the line are added where it is read.


def header_in(form):
    """Return `(settings, directions)` of a header, checked."""
    if not isinstance(form, dict) or form.get("format") != FORMAT:
        raise ValueError(f'no score history: it does not begin with "format": "{FORMAT}"')
    version = form.get("version")
    if version != VERSION or isinstance(version, bool):
        raise ValueError(f"format version {reprlib.repr(version)}; this kerascb_metrics reads version {VERSION}")
    ways = {"max": True, "min": False, None: None}
    directions = _take(form, "directions", dict)
    _need(all(way is None or isinstance(way, str) for way in directions.values()), "'directions' are no texts")
    _need(set(directions.values()) <= set(ways), "'directions' are other than max, min and null")
    settings = {name: _setting_in(value) for name, value in _take(form, "settings", dict).items()}
    return settings, {name: ways[way] for name, way in directions.items()}


def epoch_in(form):
    """Return `(epoch, values, logs, tallies, bounds)` of an epoch, checked."""
    epoch = _take(form, "epoch", int)
    _need(0 <= epoch < 2**63, "'epoch' is not an epoch number")
    values = {name: _value_in(value) for name, value in _take(form, "scores", dict).items()}
    logs = {name: _number_in(value) for name, value in _take(form, "logs", dict).items()}
    tallies = {_output_in(each): _tally_in(each) for each in _take(form, "tallies", list)}
    _need(len(tallies) == len(form["tallies"]), "'tallies' has an output twice")
    bounds = {name: _bounds_in(pair) for name, pair in _take(form, "bounds", dict).items()} if "bounds" in form else {}
    _need(bounds.keys() <= values.keys(), "'bounds' are of scores that are not there")
    return epoch, values, logs, tallies, bounds


def fill(history, header, epochs):
    """Put into an empty history what `header_in` and `epoch_in` return; epochs must rise."""
    settings, directions = header
    history.settings.update(settings)
    history.set_directions(directions)
    for epoch, values, logs, tallies, bounds in epochs:
        history.append(epoch, values, tallies, bounds)
        history.logs[-1].update(logs)


def _need(holds, message):
    if not holds:
        raise ValueError(message)


def _take(form, name, kind):
    _need(isinstance(form, dict) and name in form, f"{name!r} is missing")
    value = form[name]
    if not isinstance(value, kind) or isinstance(value, bool):
        raise ValueError(f"{name!r} is {reprlib.repr(value)}, not of type {kind.__name__}")
    return value


def _setting_in(value):
    if isinstance(value, list):
        return [_setting_in(item) for item in value]
    return _number_in(_take(value, "number", str)) if isinstance(value, dict) else value


def _value_in(value):
    return _array_in(value) if isinstance(value, dict) else _number_in(value)


def _bounds_in(pair):
    _need(isinstance(pair, list) and len(pair) == 2, "'bounds' are no pairs")
    return tuple(_value_in(end) for end in pair)


def _number_in(value):
    if isinstance(value, str) and value in _NOT_FINITE:
        return _NOT_FINITE[value]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{reprlib.repr(value)} stands where a number belongs")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    _need(math.isfinite(number), "a number too large for a float")  # one that is infinite is spelt as text
    return number


def _array_in(form):
    dtype, values = _take(form, "dtype", str), _take(form, "values", list)
    _need(dtype in _LEAVES, f"{dtype!r} is no dtype of an array here")
    try:
        with np.errstate(over="raise"):
            array = np.array(_plain_lists(values, _LEAVES[dtype]), dtype)
        return array.reshape(_take(form, "shape", list)) if "shape" in form else array
    except (ValueError, TypeError, OverflowError, FloatingPointError) as error:
        raise ValueError(f"no array of dtype {dtype}: {error}") from None


def _plain_lists(values, leaves):
    kinds = set(map(type, values))
    if list in kinds:
        _need(kinds == {list}, "numbers beside lists of numbers")
        return [_plain_lists(value, leaves) for value in values]
    if float in kinds:
        _need(not (math.inf in values or -math.inf in values), "a number too large for a float")
    if str in kinds and float in leaves:
        values = [_number_in(value) for value in values]
        kinds = set(map(type, values))
    _need(kinds <= leaves, "values of another type in it")
    return values


def _vectors_in(form, names):
    arrays = [_array_in(_take(form, name, dict)) for name in names]
    _need(all(array.shape == (len(arrays[0]),) for array in arrays), f"{', '.join(names)} differ in length")
    return arrays


def _output_in(form):
    _need(isinstance(form, dict) and isinstance(form.get("output"), str | None), "'output' is no text")
    return form.get("output")


def _tally_in(form):
    if form.get("kind", "") is None:
        return None
    kind, names, scale = _take(form, "kind", str), tuple(_take(form, "class_names", list)), _take(form, "scale", str)
    _need(kind in ("binary", "multiclass", "multilabel"), f"'kind' is {kind!r}")
    _need(scale in ("probability", "logit", "margin"), f"'scale' is {scale!r}")
    _need(names and all(isinstance(name, str) for name in names), "'class_names' are no texts")
    pos_index = _take(form, "pos_index", int)
    _need(0 <= pos_index < max(2, len(names)), "'pos_index' is no index of a class")
    counts = _tables_in(form, names) if kind == "multilabel" else _counts_in(form, names)
    zero_division = _number_in(form.get("zero_division"))
    threshold, curves = _threshold_in(form, names), _curves_in(form, names)
    return EpochRecord(kind, names, counts, zero_division, pos_index, scale, threshold, curves)


def _tables_in(form, names):
    tables = _array_in(_take(form, "counts", dict))
    _need(tables.shape == (len(names), 2, 2), "'counts' are no table a label")
    return tables


def _counts_in(form, names):
    y_true, y_pred, weight = _vectors_in(_take(form, "counts", dict), _CELLS)
    for cells in (y_true, y_pred):
        _need(cells.dtype == np.int64, "'counts' are of cells that are no int64")
        _need(((cells >= 0) & (cells < len(names))).all(), "'counts' are of classes that have no name")
    return Counts(y_true, y_pred, weight, len(names))


def _threshold_in(form, names):
    if form.get("threshold") is None:
        return None
    threshold = _value_in(form["threshold"])
    _need(np.shape(threshold) in ((), (1,), (len(names),)), "'threshold' is neither one number nor one a label")
    return threshold


def _curves_in(form, names):
    curves = _take(form, "curves", dict)
    _need(curves.keys() <= set(names), "'curves' are of classes that have no name")
    found = {name: Curve(*_vectors_in(curve, _CURVE)) for name, curve in curves.items()}
    _need(all(len(curve.tps) for curve in found.values()), "a curve has no point")
    return found
