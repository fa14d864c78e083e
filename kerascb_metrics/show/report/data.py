"""The data of the HTML page: numbers and text that JSON can contain, bounded in size."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from kerascb_metrics.record.epoch_record import EpochRecord
from kerascb_metrics.record.intervals import intervals_of_run
from kerascb_metrics.record.run_record import RunRecord
from kerascb_metrics.show.best import best_index, compared_with_last, corrected, headline_of
from kerascb_metrics.show.report.areas import areas_of
from kerascb_metrics.show.report.curves import Areas, CurveBudget, PageCurve, amounts, is_weighted, page_curves
from kerascb_metrics.tally.counts import Counts

Json: TypeAlias = "Mapping[str, Json] | Sequence[Json] | PageCurve | str | float | None"

LARGEST_MATRIX = 100  # classes; a larger matrix is not readable, so the page has its most frequent errors only
_ERRORS = 10
_MOST_COUNTS = 20

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
    budget = CurveBudget.of_records(records, always={len(history.epochs) - 1, _finite_best(history, headline)})
    return {
        "single": single,
        "epochs": [int(epoch) for epoch in history.epochs],
        "headline": headline,
        "corrected": None if headline is None else _corrected(history, headline),
        "scores": [
            _score(history, name, banded=number < _MOST_BANDS)
            for number, name in enumerate(name for name in history if history.is_scalar(name))
        ],
        "logs": _logs(history.logs),
        "settings": [[str(name), _text(value)] for name, value in history.settings.items()],
        "rows": _rows_of_epoch(history),
        "compared": compared_with_last(history, headline),
        "weighted": any(map(is_weighted, records)),
        "thinned": budget.note,
        "outputs": [_output(name, [of_epoch.get(name) for of_epoch in tallies], budget, history) for name in outputs],
    }


def _rows_of_epoch(history: RunRecord) -> Json:
    """Return what was counted in the last epoch: of each output the name, and the class and amount of each class."""
    found: list[Json] = []
    for name, tally in history.tallies[-1].items():
        if tally is not None:
            matrix = tally.matrix()
            counts = matrix[:, 1].sum(axis=1) if tally.kind == "multilabel" else matrix.sum(axis=1)
            total = matrix[0].sum() if tally.kind == "multilabel" else matrix.sum()
            most = np.argsort(-counts, kind="stable")[:_MOST_COUNTS]
            found.append(
                {
                    "output": "" if name is None else str(name),
                    "kind": tally.kind,
                    "total": amounts(np.array([total]))[0],
                    "classes": [[tally.class_names[at], amounts(counts[[at]])[0]] for at in sorted(most.tolist())],
                    "more": len(counts) - len(most),
                }
            )
    return found


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


def _score(history: RunRecord, name: str, banded: bool) -> Json:
    bands: list[list[float] | None] = []
    if banded:
        ends = [list(map(float, interval)) for interval in intervals_of_run(history, name, _LEVEL)]
        bands = [None if math.isnan(low) else [float(f"{low:.4g}"), float(f"{high:.4g}")] for low, high in ends]
    return {
        "name": name,
        "values": [_number(value) for value in history[name]],
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


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _output(name: str | None, tallies: Sequence[EpochRecord | None], budget: CurveBudget, history: RunRecord) -> Json:
    last = next(tally for tally in reversed(tallies) if tally is not None)
    sign = "−" if last.inverted else ""
    return {
        "name": "" if name is None else str(name),
        "kind": last.kind,
        "names": list(last.class_names),
        "curved": [of for of in last.class_names if any(tally is not None and of in tally.curves for tally in tallies)],
        "no_curves": _NO_CURVES,
        "score": f"{sign}output" if last.scale == "margin" else "probability",
        "default_sign": "≥" if last.inverted else ">",
        "zero_division": _number(last.zero_division),
        "epochs": [
            None
            if tally is None
            else _entry(tally, last, budget.points if budget.includes(index) else None, areas_of(history, index, name))
            for index, tally in enumerate(tallies)
        ],
    }


def _entry(tally: EpochRecord, last: EpochRecord, points: int | None, areas: Areas) -> Json:
    """Return one epoch of one output; `points` per curve, or None for no curves."""
    return {
        "names": None if tally.class_names == last.class_names else list(tally.class_names),
        **_counts(tally),
        "report": _report(tally),
        "has_curves": points is not None,
        "curves": [] if points is None else page_curves(tally, points, areas),
    }


def _counts(tally: EpochRecord) -> Mapping[str, Json]:
    if isinstance(tally.counts, np.ndarray):  # multilabel
        return {"matrix": None, "tables": _rows(tally.counts.reshape(-1, 4)), "confused": []}
    readable = len(tally.class_names) <= LARGEST_MATRIX
    return {
        "matrix": _rows(tally.matrix()) if readable else None,
        "tables": None,
        "confused": _confused(tally.counts),
    }


def _rows(table: Iterable[np.ndarray]) -> Json:
    return [amounts(row) for row in table]


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
            amounts(counts.weight[order]),
            (counts.weight[order] / of_class[counts.y_true[order]]).tolist(),
            strict=True,
        )
    ]


def _report(tally: EpochRecord) -> list[list[Json]]:
    """Return the rows of the classification report: name, precision, recall, F1, support."""
    # Classes are numbered, because in scikit-learn's dict an average would replace a class of the same name.
    numbered = replace(tally, class_names=tuple(map(str, range(len(tally.class_names)))))
    report = numbered.report(output_dict=True)
    total = report["weighted avg"]["support"]
    names = dict(zip(numbered.class_names, tally.class_names, strict=True))
    return [
        [names.get(name, name), *(_number(value) for value in row.values())]
        if isinstance(row, dict)
        else [name, "", "", row, total]
        for name, row in report.items()
    ]
