"""The confidence interval of a recorded score, from what is kept of its rows."""

from collections.abc import Iterable, Mapping
from typing import Any

from kerascb_metrics.insight.confidence import ConfidenceInterval, unknown
from kerascb_metrics.insight.intervals import Basis, interval_of
from kerascb_metrics.record.epoch_record import EpochRecord
from kerascb_metrics.record.result_record import ResultRecord
from kerascb_metrics.record.run_record import RunRecord
from kerascb_metrics.score.score import Options


def recorded_interval(result: ResultRecord, name: str, level: float) -> ConfidenceInterval | None:
    """Return the interval of a score of a result.

    Args:
        result: the result.
        name: the score, one number.
        level: the confidence level.

    Returns:
        The interval, also one that is nan and says why; None if the score is not made of what is kept.
    """
    output, own = output_and_name(result, name)
    record = result.tallies.get(output)
    return None if record is None else interval_of(own, result.values[name], basis_of(record, result.settings), level)


def intervals_of_run(run: RunRecord, name: str, level: float) -> list[ConfidenceInterval]:
    """Return the interval of a score in each epoch, from what is kept; computed once per epoch.

    Args:
        run: the run.
        name: the score, one number per epoch.
        level: the confidence level.
    """
    return [_interval(run, epoch, name, level) for epoch in run.epochs]


def compute_intervals(run: RunRecord, names: Iterable[str], level: float) -> None:
    """Compute the intervals of several scores epoch by epoch, which is faster than score by score.

    Scores of one matrix share the matrices that are drawn for their intervals.

    Args:
        run: the run, which remembers them for `intervals_of_run`.
        names: the scores.
        level: the confidence level.
    """
    wanted = list(names)
    for epoch in run.epochs:
        for name in wanted:
            _interval(run, epoch, name, level)


def _interval(run: RunRecord, epoch: int, name: str, level: float) -> ConfidenceInterval:
    key = ("interval", epoch, name, level)
    if key not in run.memo:
        run.memo[key] = recorded_interval(run.at(epoch), name, level) or unknown("it is not made of what is kept")
    found: ConfidenceInterval = run.memo[key]
    return found


def output_and_name(result: ResultRecord, name: str) -> tuple[str | None, str]:
    """Return the output that a score is of, and its name without that output's.

    Args:
        result: the result.
        name: the score.
    """
    outputs = [output for output in result.tallies if output is not None and name.startswith(f"{output}_")]
    if not outputs:
        return None, name
    output = max(outputs, key=len)
    return output, name.removeprefix(f"{output}_")


def basis_of(record: EpochRecord, settings: Mapping[str, Any]) -> Basis:
    """Return what the intervals of an output are made of.

    Args:
        record: what is kept of its rows.
        settings: those of the run.
    """
    return Basis(
        kind=record.kind,
        matrix=record.matrix(),
        squared=record.squared_matrix(),
        weighted=record.weighted,
        class_names=record.class_names,
        pos_index=record.pos_index,
        average=Options(settings.get("average", "auto")).average_for(record.kind) or "",
        zero_division=record.zero_division,
        curves=record.curves,
        evidence=record.evidence,
    )
