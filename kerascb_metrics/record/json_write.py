"""A `RunRecord` in the terms of JSON. Everything that could not be read again without change is refused."""

import base64
import math
import operator
import re
import reprlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from kerascb_metrics.record.json_format import CURVE, FORMAT, IN_ORDER, LEAVES, MATRIX_OF, SHUFFLED, VERSION, Form
from kerascb_metrics.record.packed_array import LARGE, PackedArray
from kerascb_metrics.record.packed_record import (
    JoinedCurves,
    MatrixOf,
    PackedRecord,
    StoredRecord,
    are_alike,
    arrays_of,
)
from kerascb_metrics.record.regression_record import RegressionRecord
from kerascb_metrics.record.run_record import RunRecord
from kerascb_metrics.record.saved_run import SavedLabels
from kerascb_metrics.record.values import Bounds, Value
from kerascb_metrics.tally.counts import Counts
from kerascb_metrics.tally.curve import Curve
from kerascb_metrics.tally.evidence import Evidence

# Two halves of a character. JSON cannot tell them from the one character that they encode together.
_HALVES = re.compile("[\ud800-\udbff][\udc00-\udfff]")
_INTEGER_BITS = 10_000  # of a setting; Python itself reads at most 4300 decimal digits


def header_of(run: RunRecord) -> Form:
    """Return what holds for the whole run: format, version, settings, directions."""
    directions = {_text_out(name): _mode_of(greater_is_better) for name, greater_is_better in run.directions.items()}
    settings = {_text_out(name): setting_out(name, value) for name, value in run.settings.items()}
    return {"format": FORMAT, "version": VERSION, "settings": settings, "directions": directions}


def epoch_of(run: RunRecord, index: int) -> Form:
    """Return what was recorded at one index of the run's lists."""
    tallies, bounds, regressions = run.tallies.stored_at(index), run.intervals[index], run.regressions[index]
    _refuse_unknown(bounds, run)
    return {
        "epoch": epoch_out(run, index),
        "scores": {_text_out(name): _value_out(name, value) for name, value in run.values_at(index).items()},
        "logs": {_text_out(name): number_out(name, value) for name, value in run.logs[index].items()},
        "tallies": [{"output": _output_out(output), **_tally_out(tally)} for output, tally in tallies.items()],
        **({"bounds": {name: _bounds_out(name, pair) for name, pair in bounds.items()}} if bounds else {}),
        **({"regressions": [_regression_out(*pair) for pair in regressions.items()]} if regressions else {}),
    }


def labels_of(run: RunRecord, index: int) -> dict[str | None, Form]:
    """Return output → the predicted labels of one epoch; with the last one, the rows that they are of."""
    is_last = index == len(run.epochs) - 1
    saved = run.labels.saved(run.epochs[index], with_rows=is_last)
    return {output: _labels_out(own) for output, own in saved.items()}


def _labels_out(saved: SavedLabels) -> Form:
    form: Form = {"labels": _array_out("labels", _as_bytes(saved.y_pred)), "fingerprint": saved.fingerprint}
    if saved.rows is not None:
        rows = saved.rows
        arrays = {"y_true": rows.y_true, "weight": rows.weight, "present": rows.present, "numbers": rows.numbers}
        given = {name: _array_out(name, _as_bytes(array)) for name, array in arrays.items() if array is not None}
        form["rows"] = {**given, "of_positions": rows.of_positions, "samples": rows.samples}
    return form


def _as_bytes(array: np.ndarray) -> np.ndarray:
    return array.astype(np.uint8) if array.dtype == bool else array


def epoch_out(run: RunRecord, index: int) -> int:
    """Return the epoch at one index of the run's lists as an int.

    Raises:
        ValueError: if it is not an epoch number, or not greater than the one before.
    """
    epoch = run.epochs[index]
    try:
        count = operator.index(epoch)
    except TypeError:
        count = -1
    if not 0 <= count < 2**63:
        raise ValueError(f"epoch {reprlib.repr(epoch)} is not an epoch number (0, 1, …): a file cannot hold it.")
    if index and count <= run.epochs[index - 1]:
        raise ValueError(f"epoch {count} is recorded after epoch {run.epochs[index - 1]}: in a file epochs must rise.")
    return count


def number_out(name: str, value: Any) -> float | str:
    """Return a single number in the terms of JSON: a float, or the text for one that is not finite.

    Raises:
        ValueError: with the name, if the value is not a number or is an integer that no float is equal to.
    """
    if type(value) is float:  # nearly all are
        return _number_or_text(value)
    array = _as_array(name, value)
    if array.ndim or not np.can_cast(array.dtype, np.float64):
        raise ValueError(f"{name!r} holds {reprlib.repr(value)}: a file holds numbers and arrays of numbers only.")
    if array.dtype.kind in "iu" and int(float(array)) != int(array):
        raise ValueError(f"{name!r} holds {int(array)}, which no float is equal to: a file would round it.")
    return _number_or_text(float(array))


def setting_out(name: str, value: Any) -> Any:
    """Return a setting in the terms of JSON: text, True, False, None, an integer, `number_out`, or a list of these.

    Raises:
        ValueError: with the name, if the value is something else.
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


def _mode_of(greater_is_better: bool | None) -> str | None:
    return None if greater_is_better is None else "max" if greater_is_better else "min"


def _text_out(text: Any) -> str:
    """Return a name, or other text, if it can be read again without change."""
    if not isinstance(text, str):
        raise ValueError(
            f"{text!r} is the name of a score, a log or a setting, and is not text: a file cannot hold it."
        )
    if _HALVES.search(text):
        raise ValueError(
            f"{text!r} holds the two halves of a character as two surrogates, which a file cannot tell from that "
            "character. Join them: text.encode('utf-16', 'surrogatepass').decode('utf-16')."
        )
    return text


def _output_out(output: str | None) -> str | None:
    return None if output is None else _text_out(output)


def _refuse_unknown(bounds: Mapping[str, Bounds], run: RunRecord) -> None:
    unknown = [name for name in bounds if name not in run]
    if unknown:
        raise ValueError(f"bounds of {', '.join(map(repr, unknown))}, which is not a score: a file cannot hold them.")


def _as_array(name: str, value: Any) -> npt.NDArray[Any]:
    if np.ma.is_masked(value):
        raise ValueError(f"{name!r} holds {reprlib.repr(value)}: a file cannot hold masked values.")
    try:
        return np.asarray(value)
    except ValueError as error:  # lists of unequal length
        raise ValueError(f"{name!r} holds {reprlib.repr(value)}, which is not an array: {error}") from None


def _value_out(name: str, value: Any) -> Form | float | str:
    if isinstance(value, MatrixOf):
        return {MATRIX_OF: _output_out(value.output)}
    if isinstance(value, PackedArray):
        return _packed_out(value)
    return _array_out(name, value) if _as_array(name, value).ndim else number_out(name, value)


def _bounds_out(name: str, pair: Iterable[Value]) -> list[Form | float | str]:
    return [_value_out(name, end) for end in pair]


def _array_out(name: str, values: Any) -> Form:
    array = np.asarray(values)
    if array.dtype.name not in LEAVES:
        raise ValueError(
            f"{name!r} holds an array of dtype {array.dtype}: a file holds numbers of {', '.join(LEAVES)}."
        )
    if array.size > LARGE:
        return _packed_out(PackedArray.of(array))
    listed = array.tolist()
    form = {"dtype": array.dtype.name, "values": listed if np.isfinite(array).all() else _numbers_or_texts(listed)}
    return form if array.size else {**form, "shape": list(array.shape)}  # lists end at the first axis of length 0


def _packed_out(array: PackedArray) -> Form:
    return {
        "dtype": array.dtype,
        "shape": list(array.shape),
        "stored": array.stored,
        "differences": array.differences,
        SHUFFLED if array.shuffled else IN_ORDER: base64.b64encode(array.data).decode(),
    }


def _numbers_or_texts(values: list[Any]) -> list[Any]:
    """Return nested lists of floats, with a text for each one that is not finite."""
    return [_numbers_or_texts(item) if isinstance(item, list) else _number_or_text(item) for item in values]


def _number_or_text(value: float) -> float | str:
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _tally_out(tally: StoredRecord) -> Form:
    if tally is None:
        return {"kind": None}
    if isinstance(tally, PackedRecord):
        tally = tally.unpack()
    return {
        "kind": tally.kind,
        "class_names": [_text_out(name) for name in tally.class_names],
        "counts": _counts_out(tally.counts),
        "zero_division": number_out("zero_division", tally.zero_division),
        "pos_index": int(tally.pos_index),
        "scale": tally.scale,
        "threshold": None if tally.threshold is None else _value_out("threshold", tally.threshold),
        "curves": _curves_out(tally.curves),
        **_evidence_out(tally.evidence),
        "chosen": None if tally.chosen is None else _value_out("chosen", tally.chosen),
    }


def _regression_out(output: str | None, record: RegressionRecord) -> Form:
    """Return some rows of an output: those of all columns one after the other, so that they are packed together."""
    columns = record.columns
    return {
        "output": _output_out(output),
        "n_columns": record.n_columns,
        "weighted": record.weighted,
        "n_rows": [column.n_rows for column in columns],
        "lengths": [len(column.true) for column in columns],
        "true": _packed_out(PackedArray.of(np.concatenate([column.true for column in columns]))),
        "predicted": _packed_out(PackedArray.of(np.concatenate([column.predicted for column in columns]))),
    }


def _evidence_out(evidence: Evidence) -> Form:
    """Return what tells how certain scores are; nothing where there is nothing of a kind."""
    form: Form = {"positions": True} if evidence.positions else {}
    if evidence.squared is not None:
        form["squared_weights"] = _counts_out(evidence.squared)
    if evidence.areas is not None:
        form["area_spreads"] = _array_out("area_spreads", evidence.areas)
    if evidence.samples:
        spreads = np.array([(own.variance, own.degrees) for own in evidence.samples.values()])
        form["sample_spreads"] = {"scores": [_text_out(name) for name in evidence.samples], **_arrays_of(spreads)}
    return form


def _arrays_of(spreads: npt.NDArray[Any]) -> Form:
    return {name: _array_out(name, spreads[:, column]) for column, name in enumerate(("variance", "degrees"))}


def _curves_out(curves: Mapping[str, Curve]) -> Form:
    """Return a few points by class, to be read by eye; the points of many classes joined, so that they are packed."""
    if sum(len(curve.tps) for curve in curves.values()) <= LARGE or not are_alike(curves):
        return {name: _arrays_out(curve, CURVE) for name, curve in curves.items()}
    joined = JoinedCurves.of(curves)
    return {"classes": list(joined.names), **_arrays_out(joined, ("lengths", *CURVE))}


def _counts_out(counts: Counts | npt.NDArray[Any]) -> Form:
    arrays = arrays_of(counts)
    forms = {name: _array_out(name, array) for name, array in arrays.items()}
    return forms.get("tables", forms)


def _arrays_out(holder: Curve | JoinedCurves, names: Sequence[str]) -> Form:
    return {name: _array_out(name, getattr(holder, name)) for name in names}
