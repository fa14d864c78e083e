"""The terms of JSON as a `SavedRun`, with every check of what a file may hold.

Every `ValueError` explains what is wrong with the file. Its name and the line are added where it is read.
"""

import base64
import binascii
import math
import reprlib
from collections.abc import Sequence
from typing import Any, TypeVar, get_args

import numpy as np
import numpy.typing as npt

from kerascb_metrics.insight.labelled_pass import PassRows
from kerascb_metrics.interpret.kinds import Kind, Scale
from kerascb_metrics.record.epoch_record import EpochRecord
from kerascb_metrics.record.json_format import (
    CELLS,
    CURVE,
    FORMAT,
    IN_ORDER,
    LEAVES,
    MATRIX_OF,
    NOT_FINITE,
    READABLE,
    SHUFFLED,
    Form,
)
from kerascb_metrics.record.packed_array import STORED, PackedArray
from kerascb_metrics.record.packed_record import JoinedCurves, MatrixOf, PackedRecord, counts_of_table, stored
from kerascb_metrics.record.regression_record import RegressionRecord, SampledColumn
from kerascb_metrics.record.saved_run import KeptTallies, SavedEpoch, SavedLabels
from kerascb_metrics.record.values import Bounds, Directions, Value
from kerascb_metrics.tally.counts import Counts
from kerascb_metrics.tally.curve import Curve
from kerascb_metrics.tally.delong import Spread
from kerascb_metrics.tally.evidence import Evidence

_T = TypeVar("_T")

_OF_ROWS = ("weight", "present", "numbers")
_KINDS: dict[str, Kind] = {kind: kind for kind in get_args(Kind) if kind != "regression"}
_MOST_BYTES = 2**31  # of an array that is unpacked from a file
_SCALES: dict[str, Scale] = {scale: scale for scale in get_args(Scale)}


def header_in(form: Any) -> tuple[dict[str, Any], Directions]:
    """Return `(settings, directions)` of a header.

    Raises:
        ValueError: if it is damaged, of another format or of a later version.
    """
    if not isinstance(form, dict) or form.get("format") != FORMAT:
        raise ValueError(f'not a score history: it does not begin with "format": "{FORMAT}"')
    version = form.get("version")
    if version not in READABLE or isinstance(version, bool):
        known = " and ".join(map(str, READABLE))
        raise ValueError(f"format version {reprlib.repr(version)}; this kerascb_metrics reads version {known}")
    modes = {"max": True, "min": False, None: None}
    directions = _get(form, "directions", dict)
    _check(all(mode is None or isinstance(mode, str) for mode in directions.values()), "'directions' must be texts")
    _check(set(directions.values()) <= set(modes), "'directions' must be max, min or null")
    settings = {name: _setting_in(value) for name, value in _get(form, "settings", dict).items()}
    return settings, {name: modes[mode] for name, mode in directions.items()}


def epoch_in(form: Any) -> SavedEpoch:
    """Return an epoch.

    Raises:
        ValueError: if it is damaged.
    """
    epoch = _get(form, "epoch", int)
    _check(0 <= epoch < 2**63, "'epoch' is not an epoch number")
    logs = {name: _number_in(value) for name, value in _get(form, "logs", dict).items()}
    tallies = {_output_in(each): stored(_tally_in(each)) for each in _get(form, "tallies", list)}
    _check(len(tallies) == len(form["tallies"]), "'tallies' has an output twice")
    values = {name: _score_in(value, tallies) for name, value in _get(form, "scores", dict).items()}
    bounds = {name: _bounds_in(pair) for name, pair in _get(form, "bounds", dict).items()} if "bounds" in form else {}
    _check(bounds.keys() <= values.keys(), "'bounds' are of scores that are not there")
    labels = {_output_in(each): _labels_in(each, tallies) for each in form["tallies"] if "labels" in each}
    listed = _get(form, "regressions", list) if "regressions" in form else []  # absent in files of earlier versions
    regressions = {_output_in(each): _regression_in(each) for each in listed}
    _check(len(regressions) == len(listed), "'regressions' has an output twice")
    return SavedEpoch(epoch, values, logs, tallies, bounds, labels, regressions)


def _regression_in(form: Form) -> RegressionRecord:
    n_columns, rows, lengths = _get(form, "n_columns", int), _get(form, "n_rows", list), _get(form, "lengths", list)
    true, predicted = _vectors_in(form, ("true", "predicted"))
    _check(true.dtype == predicted.dtype == np.float32, "'true' and 'predicted' must be float32")
    _check(np.isfinite(true).all() and np.isfinite(predicted).all(), "'true' or 'predicted' is not finite")
    _check(all(type(count) is int for count in (*rows, *lengths)), "'n_rows' and 'lengths' must be integers")
    _check(0 < len(rows) == len(lengths) <= n_columns, "'n_rows' and 'lengths' are not one number per column")
    pairs = list(zip(lengths, rows, strict=True))
    _check(all(0 <= length <= count for length, count in pairs), "'lengths' are not those of some rows")
    _check(sum(lengths) == len(true), "'lengths' are not those of the columns")
    cuts = np.cumsum(lengths)[:-1]
    parts = zip(np.split(true, cuts), np.split(predicted, cuts), rows, strict=True)
    return RegressionRecord(tuple(SampledColumn(*part) for part in parts), n_columns, form.get("weighted") is True)


def _labels_in(form: Form, tallies: KeptTallies) -> SavedLabels:
    record = tallies[_output_in(form)]
    plain = record.plain if isinstance(record, PackedRecord) else record
    if plain is None:
        raise ValueError("'labels' are of an output without counts")
    y_pred, fingerprint = _codes_in(_get(form, "labels", dict), plain), _get(form, "fingerprint", int)
    if "rows" not in form:
        return SavedLabels(y_pred, fingerprint)
    rows = _get(form, "rows", dict)
    y_true = _codes_in(_get(rows, "y_true", dict), plain)
    _check(y_true.shape == y_pred.shape, "'labels' and 'y_true' differ in shape")
    weight, present, numbers = (_array_in(rows[name]) if name in rows else None for name in _OF_ROWS)
    _check(weight is None or weight.shape in (y_true.shape, y_true.shape[:1]), "'weight' is of another shape")
    _check(present is None or present.shape == y_true.shape, "'present' is of another shape")
    samples = _get(rows, "samples", int)
    numbered = numbers is None or (numbers.shape == y_true.shape[:1] and numbers.dtype.kind in "iu")
    _check(numbered and samples >= 0, "'numbers' are not one per row")
    _check(numbers is None or not len(numbers) or 0 <= numbers.min() <= numbers.max() < samples, "'numbers' are wrong")
    of_positions = rows.get("of_positions") is True
    present = None if present is None else present.astype(bool)
    own = PassRows(plain.kind, plain.class_names, y_true, weight, present, numbers, of_positions, samples, fingerprint)
    return SavedLabels(y_pred, fingerprint, own)


def _codes_in(form: Form, plain: EpochRecord) -> npt.NDArray[Any]:
    """Return labels as a pass has them: bool of two classes and of labels, else class indices."""
    codes, classes = _array_in(form), len(plain.class_names)
    is_bool = plain.kind in ("binary", "multilabel")
    shaped = codes.ndim == 2 and codes.shape[1] == classes if plain.kind == "multilabel" else codes.ndim == 1
    _check(shaped and codes.dtype.kind in "iu", "labels must be integers, one per row or one per label")
    _check(not codes.size or 0 <= codes.min() <= codes.max() < (2 if is_bool else classes), "labels without a class")
    return codes.astype(bool) if is_bool else codes


def _check(holds: Any, message: str) -> None:
    if not holds:
        raise ValueError(message)


def _get(form: Any, name: str, kind: type[_T]) -> _T:
    _check(isinstance(form, dict) and name in form, f"{name!r} is missing")
    value = form[name]
    if not isinstance(value, kind) or isinstance(value, bool):
        raise ValueError(f"{name!r} is {reprlib.repr(value)}, not of type {kind.__name__}")
    return value


def _setting_in(value: Any) -> Any:
    if isinstance(value, list):
        return [_setting_in(item) for item in value]
    return _number_in(_get(value, "number", str)) if isinstance(value, dict) else value


def _score_in(value: Any, tallies: KeptTallies) -> Any:
    """Return the value of a score as it is kept: a large array packed."""
    if not isinstance(value, dict):
        return _number_in(value)
    if MATRIX_OF in value:
        output = value[MATRIX_OF]
        record = tallies.get(output) if output is None or isinstance(output, str) else None
        if record is None:
            raise ValueError(f"'{MATRIX_OF}' is {reprlib.repr(output)}, an output without counts")
        plain = record.plain if isinstance(record, PackedRecord) else record
        size = len(plain.class_names)
        return MatrixOf(output, record, (size, 2, 2) if plain.kind == "multilabel" else (size, size))
    return _packed_in(value) if _is_packed(value) else _array_in(value)


def _value_in(value: Any) -> Value:
    return _array_in(value) if isinstance(value, dict) else _number_in(value)


def _bounds_in(pair: Any) -> Bounds:
    _check(isinstance(pair, list) and len(pair) == 2, "'bounds' must be pairs")
    lowest, highest = pair
    return _value_in(lowest), _value_in(highest)


def _number_in(value: Any) -> float:
    if isinstance(value, str) and value in NOT_FINITE:
        return NOT_FINITE[value]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{reprlib.repr(value)} is not a number, and a number must be here")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    _check(math.isfinite(number), "a number too large for a float")  # an infinite one is written as text
    return number


def _is_packed(form: Form) -> bool:
    return SHUFFLED in form or IN_ORDER in form


def _packed_in(form: Form) -> PackedArray:
    dtype, shape = _get(form, "dtype", str), _get(form, "shape", list)
    stored_as, differences = _get(form, "stored", str), form.get("differences")
    _check(dtype in LEAVES, f"{dtype!r} is not a dtype that an array can have here")
    _check(all(type(length) is int and 0 <= length < 2**31 for length in shape), "'shape' must be lengths")
    _check(8 * math.prod(shape) <= _MOST_BYTES, f"an array of shape {tuple(shape)} is too large for a file")
    _check(stored_as in STORED, f"'stored' is {stored_as!r}")
    _check(isinstance(differences, bool), "'differences' must be true or false")
    kinds = {"i": "iu", "u": "iu"}.get(np.dtype(dtype).kind, np.dtype(dtype).kind)
    _check(np.dtype(stored_as).kind in kinds, f"an array of dtype {dtype} cannot be stored as {stored_as!r}")
    _check(not differences or (len(shape) == 1 and kinds == "iu"), "'differences' are of a vector of integers")
    key = SHUFFLED if SHUFFLED in form else IN_ORDER
    try:
        data = base64.b64decode(_get(form, key, str), validate=True)
    except binascii.Error as error:
        raise ValueError(f"{key!r} is damaged: {error}") from None
    array = PackedArray(dtype, tuple(shape), stored_as, bool(differences), data, shuffled=key == SHUFFLED)
    array.unpack()  # which raises if the bytes are damaged
    return array


def _array_in(form: Form) -> npt.NDArray[Any]:
    if isinstance(form, dict) and _is_packed(form):
        return _packed_in(form).unpack()
    dtype, values = _get(form, "dtype", str), _get(form, "values", list)
    _check(dtype in LEAVES, f"{dtype!r} is not a dtype that an array can have here")
    try:
        with np.errstate(over="raise"):
            array = np.array(_plain_lists(values, LEAVES[dtype]), dtype)
        return array.reshape(_get(form, "shape", list)) if "shape" in form else array
    except (ValueError, TypeError, OverflowError, FloatingPointError) as error:
        raise ValueError(f"not an array of dtype {dtype}: {error}") from None


def _plain_lists(values: list[Any], leaves: set[type]) -> list[Any]:
    kinds = set(map(type, values))
    if list in kinds:
        _check(kinds == {list}, "numbers next to lists of numbers")
        return [_plain_lists(value, leaves) for value in values]
    if float in kinds:
        _check(not (math.inf in values or -math.inf in values), "a number too large for a float")
    if str in kinds and float in leaves:
        values = [_number_in(value) for value in values]
        kinds = set(map(type, values))
    _check(kinds <= leaves, "it holds values of another type")
    return values


def _vectors_in(form: Any, names: Sequence[str]) -> list[npt.NDArray[Any]]:
    arrays = [_array_in(_get(form, name, dict)) for name in names]
    _check(all(array.shape == (len(arrays[0]),) for array in arrays), f"{', '.join(names)} differ in length")
    return arrays


def _output_in(form: Any) -> str | None:
    _check(isinstance(form, dict) and isinstance(form.get("output"), str | None), "'output' is not text")
    output: str | None = form.get("output")
    return output


def _tally_in(form: Form) -> EpochRecord | None:
    if form.get("kind", "") is None:
        return None
    kind, names, scale = _get(form, "kind", str), tuple(_get(form, "class_names", list)), _get(form, "scale", str)
    _check(kind in _KINDS, f"'kind' is {kind!r}")
    _check(scale in _SCALES, f"'scale' is {scale!r}")
    _check(names and all(isinstance(name, str) for name in names), "'class_names' must be texts")
    pos_index = _get(form, "pos_index", int)
    _check(0 <= pos_index < max(2, len(names)), "'pos_index' is not the index of a class")
    counts = _tables_in(form, names) if kind == "multilabel" else _counts_in(form, names)
    zero_division = _number_in(form.get("zero_division"))
    threshold, curves, chosen = _threshold_in(form, names), _curves_in(form, names), _chosen_in(form, names)
    scaled = _SCALES[scale]
    evidence = _evidence_in(form, names, kind)
    return EpochRecord(
        _KINDS[kind], names, counts, zero_division, pos_index, scaled, threshold, curves, chosen, evidence
    )


def _tables_in(form: Form, names: Sequence[str]) -> npt.NDArray[Any]:
    tables = _array_in(_get(form, "counts", dict))
    _check(tables.shape == (len(names), 2, 2), "'counts' must be one table per label")
    return tables


def _counts_in(form: Form, names: Sequence[str]) -> Counts:
    counts = _get(form, "counts", dict)
    if "matrix" in counts:
        matrix = _array_in(counts["matrix"])
        _check(matrix.shape == (len(names),) * 2 and matrix.dtype == np.int64, "'matrix' must be int64, C × C")
        return counts_of_table(matrix)
    y_true, y_pred, weight = _vectors_in(counts, CELLS)
    for cells in (y_true, y_pred):
        _check(cells.dtype == np.int64, "the classes of 'counts' must be int64")
        _check(((cells >= 0) & (cells < len(names))).all(), "'counts' have classes without a name")
    return Counts(y_true, y_pred, weight, len(names))


def _threshold_in(form: Form, names: Sequence[str]) -> Value | None:
    if form.get("threshold") is None:
        return None
    threshold = _value_in(form["threshold"])
    _check(np.shape(threshold) in ((), (1,), (len(names),)), "'threshold' is neither one number nor one per label")
    return threshold


def _evidence_in(form: Form, names: Sequence[str], kind: str) -> Evidence:
    squared = None
    if form.get("squared_weights") is not None:
        squares = {**form, "counts": form["squared_weights"]}
        squared = _tables_in(squares, names) if kind == "multilabel" else _counts_in(squares, names)
    areas = None
    if form.get("area_spreads") is not None:
        areas = _array_in(_get(form, "area_spreads", dict))
        _check(areas.shape == (len(names), 2), "'area_spreads' must be two numbers per class")
    samples = {}
    if form.get("sample_spreads") is not None:
        own = _get(form, "sample_spreads", dict)
        scores = _get(own, "scores", list)
        variances, degrees = _vectors_in(own, ("variance", "degrees"))
        _check(len(scores) == len(variances) and all(isinstance(name, str) for name in scores), "'scores' are no texts")
        pairs = zip(variances.tolist(), degrees.tolist(), strict=True)
        samples = {name: Spread(*pair) for name, pair in zip(scores, pairs, strict=True)}
    return Evidence(squared, areas, samples, form.get("positions") is True)


def _chosen_in(form: Form, names: Sequence[str]) -> npt.NDArray[Any] | None:
    if form.get("chosen") is None:  # also of a file that an earlier version wrote
        return None
    chosen = np.asarray(_value_in(form["chosen"]))
    _check(chosen.shape in ((1,), (len(names),)), "'chosen' is neither one number nor one per label")
    return chosen


def _curves_in(form: Form, names: Sequence[str]) -> dict[str, Curve]:
    curves = _get(form, "curves", dict)
    # A class may be called "lengths", but it has no dtype.
    is_joined = isinstance(curves.get("lengths"), dict) and "dtype" in curves["lengths"]
    _check(is_joined or curves.keys() <= set(names), "'curves' have classes without a name")
    found = _joined_in(curves) if is_joined else {name: Curve(*_vectors_in(own, CURVE)) for name, own in curves.items()}
    _check(found.keys() <= set(names), "'curves' have classes without a name")
    _check(all(len(curve.tps) for curve in found.values()), "a curve has no point")
    return found


def _joined_in(form: Form) -> dict[str, Curve]:
    names, lengths = _get(form, "classes", list), _array_in(_get(form, "lengths", dict))
    _check(all(isinstance(name, str) for name in names) and len(set(names)) == len(names), "'classes' must be texts")
    _check(lengths.dtype == np.int64 and lengths.shape == (len(names),), "'lengths' must be one int64 per class")
    arrays = _vectors_in(form, CURVE)
    _check((lengths > 0).all() and lengths.sum() == len(arrays[0]), "'lengths' are not those of the curves")
    return JoinedCurves(tuple(names), lengths, *arrays).split()
