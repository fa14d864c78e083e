"""The terms of JSON as a `SavedRun`, with every check of what a file may hold.

Every `ValueError` explains what is wrong with the file. Its name and the line are added where it is read.
"""

import reprlib
from collections.abc import Sequence
from typing import Any, get_args

import numpy as np
import numpy.typing as npt

from kerascb_metrics.insight.labelled_pass import PassRows
from kerascb_metrics.interpret.kinds import Kind, Scale
from kerascb_metrics.record.epoch_record import EpochRecord
from kerascb_metrics.record.json_format import (
    CELLS,
    CURVE,
    FORMAT,
    MATRIX_OF,
    READABLE,
    Form,
)
from kerascb_metrics.record.json_values import (
    array_in,
    check,
    entry,
    is_packed,
    number_in,
    packed_in,
    value_in,
    vectors_in,
)
from kerascb_metrics.record.packed_record import JoinedCurves, MatrixOf, PackedRecord, counts_of_table, stored
from kerascb_metrics.record.regression_record import RegressionRecord, SampledColumn
from kerascb_metrics.record.saved_run import KeptTallies, SavedEpoch, SavedLabels
from kerascb_metrics.record.values import Bounds, Directions, Value
from kerascb_metrics.tally.counts import Counts
from kerascb_metrics.tally.curve import Curve
from kerascb_metrics.tally.delong import Spread
from kerascb_metrics.tally.evidence import Evidence

_OF_ROWS = ("weight", "present", "numbers")
_KINDS: dict[str, Kind] = {kind: kind for kind in get_args(Kind) if kind != "regression"}
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
    directions = entry(form, "directions", dict)
    check(all(mode is None or isinstance(mode, str) for mode in directions.values()), "'directions' must be texts")
    check(set(directions.values()) <= set(modes), "'directions' must be max, min or null")
    settings = {name: _setting_in(value) for name, value in entry(form, "settings", dict).items()}
    return settings, {name: modes[mode] for name, mode in directions.items()}


def epoch_in(form: Any) -> SavedEpoch:
    """Return an epoch.

    Raises:
        ValueError: if it is damaged.
    """
    epoch = entry(form, "epoch", int)
    check(0 <= epoch < 2**63, "'epoch' is not an epoch number")
    logs = {name: number_in(value) for name, value in entry(form, "logs", dict).items()}
    tallies = {_output_in(each): stored(_tally_in(each)) for each in entry(form, "tallies", list)}
    check(len(tallies) == len(form["tallies"]), "'tallies' has an output twice")
    values = {name: _score_in(value, tallies) for name, value in entry(form, "scores", dict).items()}
    bounds = {name: _bounds_in(pair) for name, pair in entry(form, "bounds", dict).items()} if "bounds" in form else {}
    check(bounds.keys() <= values.keys(), "'bounds' are of scores that are not there")
    labels = {_output_in(each): _labels_in(each, tallies) for each in form["tallies"] if "labels" in each}
    listed = entry(form, "regressions", list) if "regressions" in form else []  # absent in files of earlier versions
    regressions = {_output_in(each): _regression_in(each) for each in listed}
    check(len(regressions) == len(listed), "'regressions' has an output twice")
    return SavedEpoch(epoch, values, logs, tallies, bounds, labels, regressions)


def _regression_in(form: Form) -> RegressionRecord:
    n_columns, rows, lengths = entry(form, "n_columns", int), entry(form, "n_rows", list), entry(form, "lengths", list)
    true, predicted = vectors_in(form, ("true", "predicted"))
    check(true.dtype == predicted.dtype == np.float32, "'true' and 'predicted' must be float32")
    check(np.isfinite(true).all() and np.isfinite(predicted).all(), "'true' or 'predicted' is not finite")
    check(all(type(count) is int for count in (*rows, *lengths)), "'n_rows' and 'lengths' must be integers")
    check(0 < len(rows) == len(lengths) <= n_columns, "'n_rows' and 'lengths' are not one number per column")
    pairs = list(zip(lengths, rows, strict=True))
    check(all(0 <= length <= count for length, count in pairs), "'lengths' are not those of some rows")
    check(sum(lengths) == len(true), "'lengths' are not those of the columns")
    cuts = np.cumsum(lengths)[:-1]
    parts = zip(np.split(true, cuts), np.split(predicted, cuts), rows, strict=True)
    return RegressionRecord(tuple(SampledColumn(*part) for part in parts), n_columns, form.get("weighted") is True)


def _labels_in(form: Form, tallies: KeptTallies) -> SavedLabels:
    record = tallies[_output_in(form)]
    plain = record.plain if isinstance(record, PackedRecord) else record
    if plain is None:
        raise ValueError("'labels' are of an output without counts")
    y_pred, fingerprint = _codes_in(entry(form, "labels", dict), plain), entry(form, "fingerprint", int)
    if "rows" not in form:
        return SavedLabels(y_pred, fingerprint)
    rows = entry(form, "rows", dict)
    y_true = _codes_in(entry(rows, "y_true", dict), plain)
    check(y_true.shape == y_pred.shape, "'labels' and 'y_true' differ in shape")
    weight, present, numbers = (array_in(rows[name]) if name in rows else None for name in _OF_ROWS)
    check(weight is None or weight.shape in (y_true.shape, y_true.shape[:1]), "'weight' is of another shape")
    check(present is None or present.shape == y_true.shape, "'present' is of another shape")
    samples = entry(rows, "samples", int)
    numbered = numbers is None or (numbers.shape == y_true.shape[:1] and numbers.dtype.kind in "iu")
    check(numbered and samples >= 0, "'numbers' are not one per row")
    check(numbers is None or not len(numbers) or 0 <= numbers.min() <= numbers.max() < samples, "'numbers' are wrong")
    of_positions = rows.get("of_positions") is True
    present = None if present is None else present.astype(bool)
    own = PassRows(plain.kind, plain.class_names, y_true, weight, present, numbers, of_positions, samples, fingerprint)
    return SavedLabels(y_pred, fingerprint, own)


def _codes_in(form: Form, plain: EpochRecord) -> npt.NDArray[Any]:
    """Return labels as a pass has them: bool of two classes and of labels, else class indices."""
    codes, classes = array_in(form), len(plain.class_names)
    is_bool = plain.kind in ("binary", "multilabel")
    shaped = codes.ndim == 2 and codes.shape[1] == classes if plain.kind == "multilabel" else codes.ndim == 1
    check(shaped and codes.dtype.kind in "iu", "labels must be integers, one per row or one per label")
    check(not codes.size or 0 <= codes.min() <= codes.max() < (2 if is_bool else classes), "labels without a class")
    return codes.astype(bool) if is_bool else codes


def _setting_in(value: Any) -> Any:
    if isinstance(value, list):
        return [_setting_in(item) for item in value]
    return number_in(entry(value, "number", str)) if isinstance(value, dict) else value


def _score_in(value: Any, tallies: KeptTallies) -> Any:
    """Return the value of a score as it is kept: a large array packed."""
    if not isinstance(value, dict):
        return number_in(value)
    if MATRIX_OF in value:
        output = value[MATRIX_OF]
        record = tallies.get(output) if output is None or isinstance(output, str) else None
        if record is None:
            raise ValueError(f"'{MATRIX_OF}' is {reprlib.repr(output)}, an output without counts")
        plain = record.plain if isinstance(record, PackedRecord) else record
        size = len(plain.class_names)
        return MatrixOf(output, record, (size, 2, 2) if plain.kind == "multilabel" else (size, size))
    return packed_in(value) if is_packed(value) else array_in(value)


def _bounds_in(pair: Any) -> Bounds:
    check(isinstance(pair, list) and len(pair) == 2, "'bounds' must be pairs")
    lowest, highest = pair
    return value_in(lowest), value_in(highest)


def _output_in(form: Any) -> str | None:
    check(isinstance(form, dict) and isinstance(form.get("output"), str | None), "'output' is not text")
    output: str | None = form.get("output")
    return output


def _tally_in(form: Form) -> EpochRecord | None:
    if form.get("kind", "") is None:
        return None
    kind, names, scale = entry(form, "kind", str), tuple(entry(form, "class_names", list)), entry(form, "scale", str)
    check(kind in _KINDS, f"'kind' is {kind!r}")
    check(scale in _SCALES, f"'scale' is {scale!r}")
    check(names and all(isinstance(name, str) for name in names), "'class_names' must be texts")
    pos_index = entry(form, "pos_index", int)
    check(0 <= pos_index < max(2, len(names)), "'pos_index' is not the index of a class")
    counts = _tables_in(form, names) if kind == "multilabel" else _counts_in(form, names)
    zero_division = number_in(form.get("zero_division"))
    threshold, curves, chosen = _threshold_in(form, names), _curves_in(form, names), _chosen_in(form, names)
    scaled = _SCALES[scale]
    evidence = _evidence_in(form, names, kind)
    return EpochRecord(
        _KINDS[kind], names, counts, zero_division, pos_index, scaled, threshold, curves, chosen, evidence
    )


def _tables_in(form: Form, names: Sequence[str]) -> npt.NDArray[Any]:
    tables = array_in(entry(form, "counts", dict))
    check(tables.shape == (len(names), 2, 2), "'counts' must be one table per label")
    return tables


def _counts_in(form: Form, names: Sequence[str]) -> Counts:
    counts = entry(form, "counts", dict)
    if "matrix" in counts:
        matrix = array_in(counts["matrix"])
        check(matrix.shape == (len(names),) * 2 and matrix.dtype == np.int64, "'matrix' must be int64, C × C")
        return counts_of_table(matrix)
    y_true, y_pred, weight = vectors_in(counts, CELLS)
    for cells in (y_true, y_pred):
        check(cells.dtype == np.int64, "the classes of 'counts' must be int64")
        check(((cells >= 0) & (cells < len(names))).all(), "'counts' have classes without a name")
    return Counts(y_true, y_pred, weight, len(names))


def _threshold_in(form: Form, names: Sequence[str]) -> Value | None:
    if form.get("threshold") is None:
        return None
    threshold = value_in(form["threshold"])
    check(np.shape(threshold) in ((), (1,), (len(names),)), "'threshold' is neither one number nor one per label")
    return threshold


def _evidence_in(form: Form, names: Sequence[str], kind: str) -> Evidence:
    squared = None
    if form.get("squared_weights") is not None:
        squares = {**form, "counts": form["squared_weights"]}
        squared = _tables_in(squares, names) if kind == "multilabel" else _counts_in(squares, names)
    areas = None
    if form.get("area_spreads") is not None:
        areas = array_in(entry(form, "area_spreads", dict))
        check(areas.shape == (len(names), 2), "'area_spreads' must be two numbers per class")
    samples = {}
    if form.get("sample_spreads") is not None:
        own = entry(form, "sample_spreads", dict)
        scores = entry(own, "scores", list)
        variances, degrees = vectors_in(own, ("variance", "degrees"))
        check(len(scores) == len(variances) and all(isinstance(name, str) for name in scores), "'scores' are no texts")
        pairs = zip(variances.tolist(), degrees.tolist(), strict=True)
        samples = {name: Spread(*pair) for name, pair in zip(scores, pairs, strict=True)}
    return Evidence(squared, areas, samples, form.get("positions") is True)


def _chosen_in(form: Form, names: Sequence[str]) -> npt.NDArray[Any] | None:
    if form.get("chosen") is None:  # also of a file that an earlier version wrote
        return None
    chosen = np.asarray(value_in(form["chosen"]))
    check(chosen.shape in ((1,), (len(names),)), "'chosen' is neither one number nor one per label")
    return chosen


def _curves_in(form: Form, names: Sequence[str]) -> dict[str, Curve]:
    curves = entry(form, "curves", dict)
    # A class may be called "lengths", but it has no dtype.
    is_joined = isinstance(curves.get("lengths"), dict) and "dtype" in curves["lengths"]
    check(is_joined or curves.keys() <= set(names), "'curves' have classes without a name")
    found = _joined_in(curves) if is_joined else {name: Curve(*vectors_in(own, CURVE)) for name, own in curves.items()}
    check(found.keys() <= set(names), "'curves' have classes without a name")
    check(all(len(curve.tps) for curve in found.values()), "a curve has no point")
    return found


def _joined_in(form: Form) -> dict[str, Curve]:
    names, lengths = entry(form, "classes", list), array_in(entry(form, "lengths", dict))
    check(all(isinstance(name, str) for name in names) and len(set(names)) == len(names), "'classes' must be texts")
    check(lengths.dtype == np.int64 and lengths.shape == (len(names),), "'lengths' must be one int64 per class")
    arrays = vectors_in(form, CURVE)
    check((lengths > 0).all() and lengths.sum() == len(arrays[0]), "'lengths' are not those of the curves")
    return JoinedCurves(tuple(names), lengths, *arrays).split()
