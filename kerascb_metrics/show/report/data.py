"""The data of the HTML page: numbers and text that JSON can contain, bounded in size."""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self, TypeAlias

import numpy as np

from kerascb_metrics.record.epoch_record import EpochRecord
from kerascb_metrics.record.intervals import compute_intervals, intervals_of_run
from kerascb_metrics.record.run_record import RunRecord
from kerascb_metrics.show.best import best_index, corrected, headline_of
from kerascb_metrics.show.report.areas import areas_of
from kerascb_metrics.show.report.budget import EpochBudget
from kerascb_metrics.show.report.calibrations import calibrated
from kerascb_metrics.show.report.comparisons import compared_pairs
from kerascb_metrics.show.report.curves import Areas, CurveBudget, PageCurve, is_weighted, page_curves
from kerascb_metrics.show.report.residuals import page_regressions
from kerascb_metrics.show.report.rows import rows_of_run
from kerascb_metrics.show.report.slices import slices_of
from kerascb_metrics.tally.counts import Counts

Json: TypeAlias = "Mapping[str, Json] | Sequence[Json] | PageCurve | str | float | None"

LARGEST_MATRIX = 100  # classes; of a larger matrix the page has the classes of its most frequent errors only
_CONFUSED, _ERRORS = 20, 20
# Of all epochs: cells of matrices, about two characters each, and lines of reports, about thirty.
_MOST_CELLS, _MOST_LINES = 200_000, 10_000
_MOST_CALIBRATIONS = 500  # of about 300 characters

# Confidence intervals are drawn around the first scores, which the page shows large.
_LEVEL, _MOST_BANDS = 0.95, 8
_NO_CURVES = (
    "No score of this run ranks the rows, so no curves were kept. To get curves, add auc, roc_auc or "
    "average_precision to the scores. There are none for outputs that cannot be compared between classes."
)


def page_data(history: RunRecord, single: str | None = None) -> dict[str, Json]:
    """Return the data of the page as dicts, lists, text and numbers; None where a number is not finite.

    Args:
        history: the record.
        single: for the only epoch of a record, shown as a result by itself: what the scores are of.
    """
    tallies = list(history.tallies)
    outputs = dict.fromkeys(name for of_epoch in tallies for name, tally in of_epoch.items() if tally is not None)
    records = [tally for of_epoch in tallies for tally in of_epoch.values() if tally is not None]
    headline = headline_of(history)
    always = {len(history.epochs) - 1, _finite_best(history, headline)}
    budgets = Budgets.of_records(records, always)
    return {
        "single": single,
        "epochs": [int(epoch) for epoch in history.epochs],
        "headline": headline,
        "corrected": None if headline is None else _corrected(history, headline),
        "scores": _scores(history),
        "logs": _logs(history.logs),
        "settings": [[str(name), _text(value)] for name, value in history.settings.items()],
        "rows": rows_of_run(history),
        "compared": compared_pairs(history, headline),
        "slices": [vars(found) for found in slices_of(history, headline)],
        "weighted": any(map(is_weighted, records)),
        "thinned": budgets.curves.thinned,
        "without_calibration": budgets.calibrations.note("a calibration"),
        "without_matrix": budgets.matrices.note("a matrix"),
        "without_report": budgets.reports.note("lines of classes here"),
        "outputs": [_output(name, [of_epoch.get(name) for of_epoch in tallies], budgets, history) for name in outputs],
        **page_regressions(history, always, beside_curves=bool(records)),
    }


@dataclass(frozen=True)
class Budgets:
    """Which epochs have curves, their calibration, matrices, and the lines of classes in their report."""

    curves: CurveBudget
    calibrations: EpochBudget
    matrices: EpochBudget
    reports: EpochBudget

    @classmethod
    def of_records(cls, records: Sequence[EpochRecord], always: Collection[int | None]) -> Self:
        """Return the budgets for all records.

        Args:
            records: of all epochs and outputs.
            always: the indices of epochs that have everything.
        """
        lines = sum(len(record.class_names) for record in records)
        return cls(
            CurveBudget.of_records(records, always),
            EpochBudget(sum(map(len, map(calibrated, records))), _MOST_CALIBRATIONS, always),
            EpochBudget(sum(map(_cells_of, records)), _MOST_CELLS, always),
            EpochBudget(lines, _MOST_LINES, always),
        )


def _cells_of(record: EpochRecord) -> int:
    """Return how many cells with a count of one digit would take as much room on the page as the counts of a record."""
    size = len(record.class_names)
    if isinstance(record.counts, np.ndarray):  # of labels: most counts are long
        return 4 * size * (6 if record.weighted else 3)
    if size > LARGEST_MATRIX:
        return (_CONFUSED + 1) ** 2 * (9 if record.weighted else 1)
    if record.weighted:
        return 9 * size**2
    digits = np.log10(np.maximum(record.counts.weight, 1)).astype(int)
    return size**2 + int(digits.sum()) // 2  # a count of one digit takes two characters, each further digit one


def _corrected(history: RunRecord, name: str) -> float | None:
    """Return what the best epoch would score on new rows; None if that is not known."""
    value = corrected(history, name)
    return None if value is None else _number(value)


def _text(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _finite_best(history: RunRecord, name: str | None) -> int | None:
    """Return the index of the best epoch of a score; None if there is none, or its value is infinite."""
    index = best_index(history, name)
    return index if name is not None and index is not None and math.isfinite(history[name][index]) else None


def _scores(history: RunRecord) -> Json:
    names = [name for name in history if history.is_scalar(name)]
    compute_intervals(history, names[:_MOST_BANDS], _LEVEL)
    return [_score(history, name, banded=number < _MOST_BANDS) for number, name in enumerate(names)]


def _score(history: RunRecord, name: str, banded: bool) -> Json:
    bands: list[list[float] | None] = []
    if banded:
        ends = [list(map(float, interval)) for interval in intervals_of_run(history, name, _LEVEL)]
        bands = [None if math.isnan(low) else [float(f"{low:.4g}"), float(f"{high:.4g}")] for low, high in ends]
    return {
        "name": name,
        "values": [_short(value) for value in history[name]],
        "best": _finite_best(history, name),
        "bands": bands if any(bands) else None,
    }


def _logs(logs: Sequence[Mapping[str, float]]) -> Json:
    names = dict.fromkeys(name for of_epoch in logs for name in of_epoch)
    return [
        {
            "name": name,
            "values": [_number(of_epoch.get(name, math.nan)) for of_epoch in logs],
            "best": None,
            "bands": None,
        }
        for name in names
    ]


def _short(value: float) -> float | None:
    """Return a score with nine digits, more than the page shows: slices and classes may have thousands of values."""
    return float(f"{value:.9g}") if math.isfinite(value) else None


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _output(name: str | None, tallies: Sequence[EpochRecord | None], budgets: Budgets, history: RunRecord) -> Json:
    last = next(tally for tally in reversed(tallies) if tally is not None)
    sign = "−" if last.inverted else ""
    return {
        "name": "" if name is None else str(name),
        "kind": last.kind,
        "names": list(last.class_names),
        "curved": [of for of in last.class_names if any(tally is not None and of in tally.curves for tally in tallies)],
        "no_curves": _NO_CURVES,
        "calibrated": calibrated(last),
        "score": f"{sign}output" if last.scale == "margin" else "probability",
        "default_sign": "≥" if last.inverted else ">",
        "zero_division": _number(last.zero_division),
        "epochs": [
            None if tally is None else _entry(tally, last, index, budgets, areas_of(history, index, name))
            for index, tally in enumerate(tallies)
        ],
    }


def _entry(tally: EpochRecord, last: EpochRecord, index: int, budgets: Budgets, areas: Areas) -> Json:
    """Return one epoch of one output."""
    with_curves = budgets.curves.includes(index)
    with_calibration = calibrated(tally) if budgets.calibrations.includes(index) else []
    return {
        "names": None if tally.class_names == last.class_names else list(tally.class_names),
        **_counts(tally, budgets.matrices.includes(index)),
        **_report(tally, budgets.reports.includes(index)),
        "has_curves": with_curves,
        "curves": page_curves(tally, budgets.curves.points, areas, with_calibration) if with_curves else [],
    }


def _counts(tally: EpochRecord, with_matrix: bool) -> Mapping[str, Json]:
    if isinstance(tally.counts, np.ndarray):  # multilabel
        tables = _rows(tally.counts.reshape(-1, 4)) if with_matrix else None
        return {"matrix": None, "part": None, "tables": tables, "confused": []}
    readable = len(tally.class_names) <= LARGEST_MATRIX
    return {
        "matrix": _rows(tally.matrix()) if readable and with_matrix else None,
        "part": _part(tally.counts) if with_matrix and not readable else None,
        "tables": None,
        "confused": _confused(tally.counts),
    }


def _rows(table: Iterable[np.ndarray]) -> Json:
    return [_short_amounts(row) for row in table]


def _short_amounts(numbers: np.ndarray) -> list[float]:
    """Return counts as integers, or sums of weights with more digits than are shown, not with all."""
    return [value if isinstance(value, int) else float(f"{value:.7g}") for value in numbers.tolist()]


def _part(counts: Counts) -> Json:
    """Return the matrix of the classes of the most frequent confusions, and in one row and column of all others."""
    wrong = counts.y_true != counts.y_pred
    low, high = np.minimum(counts.y_true, counts.y_pred)[wrong], np.maximum(counts.y_true, counts.y_pred)[wrong]
    pairs, cell = np.unique(low.astype(np.int64) * counts.n_classes + high, return_inverse=True)
    order = pairs[np.argsort(-np.bincount(cell, counts.weight[wrong]), kind="stable")][:_CONFUSED]
    classes = np.column_stack(np.divmod(order, counts.n_classes)).ravel()
    of = list(dict.fromkeys([*classes.tolist(), *range(counts.n_classes)]))[:_CONFUSED]
    place = np.full(counts.n_classes, _CONFUSED)
    place[of] = np.arange(_CONFUSED)
    matrix = np.zeros((_CONFUSED + 1, _CONFUSED + 1), counts.weight.dtype)
    np.add.at(matrix, (place[counts.y_true], place[counts.y_pred]), counts.weight)
    return {"of": of, "matrix": _rows(matrix)}


def _confused(counts: Counts) -> Json:
    """Return the most frequent errors: true, predicted, how often, and the share of the true class."""
    of_class = np.bincount(counts.y_true, counts.weight, minlength=counts.n_classes)
    wrong = np.flatnonzero((counts.y_true != counts.y_pred) & (counts.weight > 0))
    order = wrong[np.argsort(-counts.weight[wrong], kind="stable")][:_ERRORS]
    return [
        [*pair, amount, share]
        for *pair, amount, share in zip(
            counts.y_true[order].tolist(),
            counts.y_pred[order].tolist(),
            _short_amounts(counts.weight[order]),
            map(_shown, counts.weight[order] / of_class[counts.y_true[order]]),
            strict=True,
        )
    ]


def _report(tally: EpochRecord, with_classes: bool) -> Mapping[str, Json]:
    """Return the classification report: precision, recall, F1, support of each class, and the named averages."""
    # Classes are numbered, because in scikit-learn's dict an average would replace a class of the same name.
    n_classes = len(tally.class_names)
    report = replace(tally, class_names=tuple(map(str, range(n_classes)))).report(output_dict=True)
    total = report["weighted avg"]["support"]
    rows: list[list[Json]] = [
        _report_row(row) if isinstance(row, dict) else ["", "", _shown(row), total] for row in report.values()
    ]
    averages = [[name, *row] for name, row in list(zip(report, rows, strict=True))[n_classes:]]
    return {"report": rows[:n_classes] if with_classes else None, "averages": averages}


def _report_row(row: Mapping[str, float]) -> list[Json]:
    *scores, support = row.values()
    return [*map(_shown, scores), *_short_amounts(np.array([support]))]


def _shown(value: float) -> float | None:
    """Return a score with the digits that the page shows."""
    return round(float(value), 4) if math.isfinite(value) else None
