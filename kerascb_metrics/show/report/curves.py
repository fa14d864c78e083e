"""The curves of the HTML page: fewer points than are recorded, each exact, the default threshold among them.

How many points a curve gets, and which epochs have curves, is decided here only: `CurveBudget`.
"""

import decimal
from collections.abc import Collection, Iterable, Mapping
from typing import TypedDict

import numpy as np

from kerascb_metrics.record.epoch_record import EpochRecord
from kerascb_metrics.show.report.budget import EpochBudget
from kerascb_metrics.show.report.calibrations import PageCalibration, page_calibration
from kerascb_metrics.tally.curve import Curve

# About so many characters for all curves: a page of 50 epochs of 10 classes, or 100 of 100, stays under 2 MB.
_CHARACTERS = 1_200_000
_CHARACTERS_PER_COUNT, _CHARACTERS_PER_WEIGHT = 26, 42  # of one point
_FEWEST_POINTS, _MOST_POINTS = 24, 300
_MOST_CURVES = 1_500
_DOWN = decimal.Context(prec=12, rounding=decimal.ROUND_FLOOR)


class PageCurve(TypedDict):
    """A curve as the page contains it.

    Attributes:
        of: the index of the class.
        thresholds: descending; None for inf.
        tps: true positives at each threshold.
        fps: false positives at each threshold.
        default: the index of the threshold that decides the labels, or would without a chosen one; None if several
            classes compete.
        chosen: the index of the lowest kept threshold above the one that a score chose; None if none did.
        chosen_at: the threshold that it chose.
        roc: the recorded area under the ROC curve: name, value, and the ends of its interval; None without one.
        average: the same of the average precision.
        calibration: how often the class came true, by its probability; None where the page has none.
    """

    of: int
    thresholds: list[float | None]
    tps: list[float]
    fps: list[float]
    default: int | None
    chosen: int | None
    chosen_at: float | None
    roc: "Area | None"
    average: "Area | None"
    calibration: PageCalibration | None


# The name of a score, its value, and the ends of its interval, None where it is not known.
Area = tuple[str, float, float | None, float | None]
# Index of a class → its areas: under the ROC curve, and the average precision.
Areas = Mapping[int, tuple[Area | None, Area | None]]


class CurveBudget(EpochBudget):
    """How many points each curve gets on the page, and which epochs have curves.

    Args:
        n_curves: how many curves there are, of all epochs, outputs and classes.
        weighted: whether counts are sums of weights, which need more characters.
        always: the indices of epochs that have curves in any case.

    Attributes:
        points: the maximum number of points per curve.
    """

    def __init__(self, n_curves: int, weighted: bool, always: Collection[int | None] = ()) -> None:
        each = _CHARACTERS_PER_WEIGHT if weighted else _CHARACTERS_PER_COUNT
        super().__init__(n_curves * each, _MOST_CURVES * _CHARACTERS_PER_COUNT, always)
        characters = max(1, n_curves) * each
        self.points = min(_MOST_POINTS, max(_FEWEST_POINTS, _CHARACTERS * self.every // characters))

    @classmethod
    def of_records(cls, records: Iterable[EpochRecord], always: Collection[int | None]) -> "CurveBudget":
        """Return the budget for the curves of all records."""
        records = list(records)
        return cls(sum(len(record.curves) for record in records), any(map(is_weighted, records)), always)

    @property
    def thinned(self) -> str:
        """The text on the page about what was left out."""
        sentences = (
            f"Each curve has at most {self.points} points here, fewer than the history, and denser where it "
            "bends. Each point is exact, counted over all rows.",
            self.note("curves"),
        )
        return " ".join(filter(None, sentences))


def is_weighted(record: EpochRecord) -> bool:
    """Return whether the counts of a record are sums of sample weights."""
    counts = record.counts if isinstance(record.counts, np.ndarray) else record.counts.weight
    return not np.issubdtype(counts.dtype, np.integer)


def page_curves(record: EpochRecord, points: int, areas: Areas, calibrated: Collection[str] = ()) -> list[PageCurve]:
    """Return the curves of a record, each with at most so many points, and those of the task's thresholds.

    Args:
        record: the record.
        points: how many.
        areas: the recorded areas of each class.
        calibrated: the classes whose calibration the page has.
    """
    return [_page_curve(record, name, points, areas, calibrated) for name in record.curves]


def _page_curve(record: EpochRecord, name: str, points: int, areas: Areas, calibrated: Collection[str]) -> PageCurve:
    curve, default = _with_default_point(record, name)
    cut = record.chosen_threshold(name)
    cut = None if cut is None or np.isnan(cut) else cut
    chosen = None if cut is None else int(np.searchsorted(-curve.thresholds, -cut)) - 1  # the last one above it
    kept = np.union1d(thin(curve, points), [place for place in (default, chosen) if place is not None]).astype(int)
    index = record.class_names.index(name)
    roc, average = areas.get(index, (None, None))
    return {
        "of": index,
        "thresholds": [None, *curve.thresholds[kept].tolist()[1:]],
        "tps": amounts(curve.tps[kept]),
        "fps": amounts(curve.fps[kept]),
        "default": None if default is None else int(np.searchsorted(kept, default)),
        "chosen": None if chosen is None else int(np.searchsorted(kept, chosen)),
        "chosen_at": None if cut is None else float(f"{cut:.7g}"),
        "roc": roc,
        "average": average,
        "calibration": page_calibration(record, name) if name in calibrated else None,
    }


def thin(curve: Curve, points: int) -> np.ndarray:
    """Return the indices of at most so many points of a curve, including its ends and its highest F1.

    Half of the points are evenly spaced along the ROC curve, and a third evenly by threshold. The others become denser
    towards the highest scores, where precision changes most.
    """
    last = len(curve.tps) - 1
    if last < points:
        return np.arange(last + 1)
    predicted = curve.tps + curve.fps
    along = np.searchsorted(curve.tpr + curve.fpr, np.linspace(0, 2, points // 2))
    ascending = -curve.thresholds[1:]
    by_threshold = 1 + np.searchsorted(ascending, np.linspace(ascending[0], ascending[-1], points // 3))
    top = np.searchsorted(predicted, np.geomspace(predicted[1:][predicted[1:] > 0][0], predicted[-1], points // 6 - 3))
    best = np.argmax(curve.tps / (predicted + curve.positives))
    return np.unique(np.concatenate([[0, best, last], along, by_threshold, top]).clip(0, last))


def amounts(numbers: np.ndarray) -> list[float]:
    """Return counts as integers, or sums of weights with twelve digits."""
    values: list[float] = numbers.tolist()
    return values if np.issubdtype(numbers.dtype, np.integer) else [float(f"{value:.12g}") for value in values]


def _with_default_point(record: EpochRecord, name: str) -> tuple[Curve, int | None]:
    """Return the curve with short thresholds and the point that decided the labels, and the index of that point."""
    curve, counts, cut = record.curves[name], record.own_counts(name), record.own_threshold(name)
    thresholds, tps, fps = _short(record.thresholds(name)), curve.tps, curve.fps
    if counts is None:
        return Curve(thresholds, tps, fps), None
    # Index 0 is the point of inf. The last digits of sums of weights depend on the order of the rows.
    predicted = tps + fps
    default = max(1, int(np.searchsorted(predicted, sum(counts) * (1 - 1e-9))))
    if not np.isclose(predicted[default], sum(counts), rtol=1e-9, atol=0):  # the history does not keep all points
        thresholds, tps, fps = (
            np.insert(old, default, new) for old, new in zip((thresholds, tps, fps), (0, *counts), strict=True)
        )
    thresholds[default] = float(f"{cut:.7g}")
    return Curve(thresholds, tps, fps), default


def _short(thresholds: np.ndarray) -> np.ndarray:
    """Return short decimals that separate the same rows: those of float32, or twelve digits, rounded down."""
    narrow = thresholds.astype(np.float32)
    if np.array_equal(narrow, thresholds):
        return np.array([float(str(value)) for value in narrow])
    return np.array([float(_DOWN.create_decimal_from_float(value)) for value in thresholds.tolist()])
