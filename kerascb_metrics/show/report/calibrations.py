"""The calibration of the classes of the HTML page, from the curves that are kept."""

import math
from collections.abc import Iterable, Mapping

from kerascb_metrics.record.epoch_record import EpochRecord

_BINS, _LEVEL = 10, 0.95
# Of more classes than this the first ones have a calibration: each takes a millisecond, and 300 characters.
MOST_CLASSES = 12

# Of one class, name → value: see `page_calibration`.
PageCalibration = Mapping[str, float | list[float] | list[float | None] | str | None]


def calibrated(record: EpochRecord) -> list[str]:
    """Return the classes of a record that have a calibration on the page: those with probabilities and a curve."""
    has_probabilities = record.kind != "ordinal" and record.scale != "margin"
    return list(record.curves)[:MOST_CLASSES] if has_probabilities else []


def page_calibration(record: EpochRecord, name: str) -> PageCalibration:
    """Return the calibration of a class, with the digits that the page shows.

    Args:
        record: the record.
        name: one of the classes that `calibrated` returns.

    Returns:
        "predicted", "observed", "n": of each bin; "low" and "high": its band, None where there is none, with the
        "reason"; "brier", "log_loss", "ece" and "ece_if_calibrated".
    """
    from kerascb_metrics.insight.calibration import calibration_of  # here, so that a page without curves needs no SciPy
    from kerascb_metrics.record.result_calibration import probabilities_of_curve

    found = calibration_of(name, probabilities_of_curve(record, name), _BINS, _LEVEL)
    return {
        "predicted": _rounded(found.prob_pred),
        "observed": _rounded(found.prob_true),
        "n": [float(f"{n:.4g}") if record.weighted else int(n) for n in found.n],
        "low": _rounded(found.low),
        "high": _rounded(found.high),
        "brier": _digits(found.brier, 4),
        "log_loss": _digits(found.log_loss, 4),
        "ece": _digits(found.ece, 4),
        "ece_if_calibrated": _digits(found.ece_if_calibrated, 4),
        "reason": found.reason,
    }


def _rounded(values: Iterable[float]) -> list[float | None]:
    return [_digits(value, 3) for value in values]


def _digits(value: float, digits: int) -> float | None:
    return round(float(value), digits) if math.isfinite(value) else None
