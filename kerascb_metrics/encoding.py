"""A `ScoreHistory` in the terms of JSON, and back, with every check of what a file may hold.

The JSON is strict, so nan and the infinities, which it has no numbers for, are the strings "NaN", "Infinity" and
"-Infinity" where a number belongs. An array is `{"dtype": "int64", "values": [[3, 1], [0, 2]]}`. What is read is
built from plain values only: no code, and no array larger than the text that it comes from.
"""

import math
import reprlib

import numpy as np

from kerascb_metrics.curves import Curve
from kerascb_metrics.evidence import Counts
from kerascb_metrics.tally import Tally

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


# Writing.


def header_of(history):
    """Return what holds for the whole run: format, version, settings, directions."""
    directions = {name: _way(greater_is_better) for name, greater_is_better in history.directions.items()}
    settings = {str(name): _setting_out(name, value) for name, value in history.settings.items()}
    return {"format": FORMAT, "version": VERSION, "settings": settings, "directions": directions}


def epoch_of(history, place):
    """Return what was recorded at one place of the history's lists."""
    tallies, bounds = history.tallies[place], history.intervals[place]
    return {
        "epoch": int(history.epochs[place]),
        "scores": {name: _value_out(name, value) for name, value in history.values_at(place).items()},
        "logs": {name: _number_out(name, value) for name, value in history.logs[place].items()},
        "tallies": [{"output": output, **_tally_out(tally)} for output, tally in tallies.items()],
        **({"bounds": {name: _bounds_out(name, pair) for name, pair in bounds.items()}} if bounds else {}),
    }


def _way(greater_is_better):
    return None if greater_is_better is None else "max" if greater_is_better else "min"


def _setting_out(name, value):
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, list | tuple):
        return [_setting_out(name, item) for item in value]
    if value is None or isinstance(value, str | bool | int):
        return value
    number = _number_out(name, value)
    return {"number": number} if isinstance(number, str) else number


def _value_out(name, value):
    return _array_out(name, value) if np.ndim(value) else _number_out(name, value)


def _bounds_out(name, pair):
    return [_value_out(name, end) for end in pair]


def _number_out(name, value):
    if isinstance(value, str) or not np.can_cast(np.asarray(value).dtype, np.float64):
        raise ValueError(f"{name!r} holds {reprlib.repr(value)}: a file holds numbers and arrays of numbers only.")
    return _spelt(float(value))


def _array_out(name, values):
    array = np.asarray(values)
    if array.dtype.name not in _LEAVES:
        raise ValueError(
            f"{name!r} holds an array of dtype {array.dtype}: a file holds numbers of {', '.join(_LEAVES)}."
        )
    listed = array.tolist()
    return {"dtype": array.dtype.name, "values": listed if np.isfinite(array).all() else _spelt(listed)}


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
        "class_names": list(tally.class_names),
        "counts": _counts_out(tally.counts),
        "zero_division": _number_out("zero_division", tally.zero_division),
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
    _need(0 <= epoch < 2**63, "'epoch' is no count of epochs")
    values = {name: _value_in(value) for name, value in _take(form, "scores", dict).items()}
    logs = {name: _number_in(value) for name, value in _take(form, "logs", dict).items()}
    tallies = {_output_in(each): _tally_in(each) for each in _take(form, "tallies", list)}
    bounds = {name: _bounds_in(pair) for name, pair in _take(form, "bounds", dict).items()} if "bounds" in form else {}
    _need(bounds.keys() <= values.keys(), "'bounds' are of scores that are not there")
    return epoch, values, logs, tallies, bounds


def fill(history, header, epochs):
    """Put into an empty history what `header_in` and `epoch_in` return; epochs must rise."""
    settings, directions = header
    history.settings.update(settings)
    history.declare(directions)
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
        return float(value)
    except OverflowError:
        raise ValueError("an integer too large for a number") from None


def _array_in(form):
    dtype, values = _take(form, "dtype", str), _take(form, "values", list)
    _need(dtype in _LEAVES, f"{dtype!r} is no dtype of an array here")
    try:
        with np.errstate(over="ignore"):
            return np.array(_plain_lists(values, _LEAVES[dtype]), dtype)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"no array of dtype {dtype}: {error}") from None


def _plain_lists(values, leaves):
    kinds = set(map(type, values))
    if list in kinds:
        _need(kinds == {list}, "numbers beside lists of numbers")
        return [_plain_lists(value, leaves) for value in values]
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
    return Tally(kind, names, counts, zero_division, pos_index, scale, threshold, curves)


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
