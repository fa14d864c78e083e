"""The predictions and residuals of the regressions of the HTML page."""

from collections.abc import Collection, Mapping, Sequence
from typing import TypeAlias

import numpy as np

from kerascb_metrics.record.regression_record import RegressionRecord, SampledColumn
from kerascb_metrics.record.run_record import RunRecord
from kerascb_metrics.show.report.budget import EpochBudget

# About so many characters of all epochs: with counts and curves on the page, and without them.
_MOST_BESIDE_CURVES, _MOST = 250_000, 1_200_000
_CHARACTERS_PER_POINT, _CHARACTERS_PER_COLUMN = 10, 250
_STEPS = 9_999  # numbers of the page are whole steps from the lowest one, so each has at most four digits
_LEVELS = (0.05, 0.5, 0.95)

PageRegression: TypeAlias = "Mapping[str, PageRegression] | Sequence[PageRegression] | str | float | None"


def page_regressions(
    run: RunRecord, always: Collection[int | None], *, beside_curves: bool
) -> dict[str, PageRegression]:
    """Return the regressions of the page, and the sentence about epochs whose points were left out.

    Args:
        run: the run.
        always: the indices of epochs that have points in any case.
        beside_curves: whether the page has counts and curves, too, which take most of its room.
    """
    records = [record for of_epoch in run.regressions for record in of_epoch.values()]
    amount = sum(map(_characters_of, records))
    budget = EpochBudget(amount, _MOST_BESIDE_CURVES if beside_curves else _MOST, always)
    outputs = dict.fromkeys(output for of_epoch in run.regressions for output in of_epoch)
    return {
        "regressions": [_output(run, output, budget) for output in outputs],
        "without_points": budget.note("points"),
    }


def _characters_of(record: RegressionRecord) -> int:
    """Return about how many characters the points of a record take on the page."""
    return sum(_CHARACTERS_PER_COLUMN + _CHARACTERS_PER_POINT * len(column.true) for column in record.columns)


def _output(run: RunRecord, output: str | None, budget: EpochBudget) -> PageRegression:
    found = [of_epoch.get(output) for of_epoch in run.regressions]
    last = next(record for record in reversed(found) if record is not None)
    return {
        "name": "" if output is None else str(output),
        "columns": len(last.columns),
        "more": last.n_columns - len(last.columns),
        "epochs": [
            None if record is None else _entry(record, with_points=budget.includes(index))
            for index, record in enumerate(found)
        ],
    }


def _entry(record: RegressionRecord, *, with_points: bool) -> PageRegression:
    """Return one epoch of one output: its columns, empty if the page has no room for them."""
    return {"columns": [_column(column, record.weighted) for column in record.columns] if with_points else []}


def _column(column: SampledColumn, weighted: bool) -> PageRegression:
    residuals = column.residuals
    facts = [residuals.mean(), residuals.std(), *np.quantile(residuals, _LEVELS)] if len(residuals) else []
    return {
        "predicted": _in_steps(column.predicted.astype(np.float64)),
        "residual": _in_steps(residuals),
        "facts": [float(f"{fact:.4g}") for fact in facts],
        "rows": _sentence(column, weighted),
    }


def _in_steps(values: np.ndarray) -> PageRegression:
    """Return numbers as whole steps from the lowest one: the page has four digits of the range that it draws."""
    if not len(values):
        return {"low": 0.0, "step": 0.0, "at": []}
    low, step = float(values.min()), float(values.max() - values.min()) / _STEPS
    at = np.round((values - low) / (step or 1.0)).astype(int)
    return {"low": float(f"{low:.9g}"), "step": float(f"{step:.9g}"), "at": at.tolist()}


def _sentence(column: SampledColumn, weighted: bool) -> str:
    words = column.words
    sentence = f"{words[0].upper()}{words[1:]}."
    return f"{sentence} Points and numbers are without the sample weights." if weighted else sentence
