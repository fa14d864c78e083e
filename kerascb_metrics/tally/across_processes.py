"""Counts of several processes as one: each process has counted the rows that it holds, and all get the sum."""

import zlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from kerascb_metrics.collect.processes import joined_over_processes, meet, sum_over_processes
from kerascb_metrics.exceptions import CaptureError, DataError
from kerascb_metrics.interpret.labeled_rows import Labeling
from kerascb_metrics.interpret.validation import some
from kerascb_metrics.tally.counts import Counts
from kerascb_metrics.tally.sample_cells import joined
from kerascb_metrics.tally.streaming import StreamingTally, check_sums


def refuse_if_any(error: Exception | None, tallies: Mapping[str | None, StreamingTally]) -> None:
    """Raise `error`, or `CaptureError` where another process has one, or has counted in another way.

    All processes call this before they merge: tables of other shapes, dtypes or bins cannot be added up.

    Args:
        error: why this process has not counted its rows.
        tallies: output → what it has counted.
    """
    form = repr([(output, _form(tally)) for output, tally in tallies.items()])
    forms = meet("counting the rows", error, [zlib.crc32(form.encode())])
    if len(np.unique(forms)) > 1:
        raise CaptureError(
            "Metrics: the processes that train together have read their rows in different ways: as other tasks, or "
            "with other classes, dtypes or weights. So their counts cannot be added up. Pass task=, and give each "
            "process rows of the same kind."
        )


def _form(tally: StreamingTally) -> tuple[Any, ...]:
    """Return what must be equal for tallies to be added up; a binary task may have seen one of its labels only."""
    summed = tally.summed.weight if isinstance(tally.summed, Counts) else tally.summed
    names = () if tally.kind == "binary" else tuple(tally.class_names)
    bins = (
        None if tally.bins is None or tally.binning is None else (_array(tally.bins), _checksum(tally.binning.lowest))
    )
    tables = summed.dtype.name if isinstance(tally.summed, Counts) else _array(summed)
    samples = None if tally.samples is None else (tally.samples.dtype.name, tally.samples.shape[1:])
    return tally.kind, names, tally.labeling.score_scale, tables, bins, samples, tuple(map(_form, tally.folds))


def _array(array: np.ndarray) -> tuple[str, tuple[int, ...]]:
    return array.dtype.name, array.shape


def _checksum(array: np.ndarray) -> int:
    return zlib.crc32(array.tobytes())


def merged(tally: StreamingTally) -> StreamingTally:
    """Return the tally of the rows of all processes; every process must call this.

    Args:
        tally: that of the rows that this process holds.
    """
    # Class by class: for a moment every process holds what all have of one class.
    bins = None if tally.bins is None else np.array(sum_over_processes(list(tally.bins)))
    figures = np.array([tally.total, tally.not_finite is not None], np.int64)
    total, not_finite = sum_over_processes([figures])[0].tolist()
    elsewhere = "outputs of another process are NaN or infinite" if not_finite else None
    whole = replace(
        tally,
        rule=_common_rule(tally),
        total=total,
        summed=_summed(tally.summed),
        bins=bins,
        not_finite=tally.not_finite or elsewhere,
        samples=_all_samples(tally.samples),
        folds=tuple(merged(fold) for fold in tally.folds),
        memo={},
    )
    check_sums(whole)
    return whole


def _all_samples(cells: np.ndarray | None) -> np.ndarray | None:
    """Return the cells of the samples of all processes."""
    if cells is None:
        return None
    (flat,) = joined_over_processes([cells.ravel()])
    return joined(flat.reshape(-1, *cells.shape[1:]))


def _summed(summed: Counts | np.ndarray) -> Counts | np.ndarray:
    if not isinstance(summed, Counts):  # label tables
        tables: np.ndarray = sum_over_processes([summed])[0]
        return tables
    y_true, y_pred, weight = joined_over_processes([summed.y_true, summed.y_pred, summed.weight])
    none = Counts(y_true[:0], y_pred[:0], weight[:0], summed.n_classes)
    return none + Counts(y_true, y_pred, weight, summed.n_classes)


def _common_rule(tally: StreamingTally) -> Labeling:
    """Return the rule with the labels of a binary task; a process without the other class only guessed its label."""
    if tally.kind != "binary":
        return tally.rule
    certain = [tally.classes[0]] if tally.has_other_class else []
    is_float = [tally.classes.dtype.kind == "f"] * len(certain)
    labels, floats = joined_over_processes([np.array(certain, np.float64), np.array(is_float, np.int64)])
    if not len(labels):
        return tally.rule
    if len(np.unique(labels)) > 1:  # so all processes raise
        raise DataError(
            f"Metrics: a binary task needs two target labels, but the processes have different negative labels: "
            f"{some(labels)}. Use the same labels in every process."
        )
    classes = np.array([labels[0], tally.classes[1]]).astype(np.float64 if floats.any() else np.int64)
    named_by_label = [str(one) for one in tally.classes] == list(tally.class_names)
    names = tuple(str(one) for one in classes) if named_by_label else tally.class_names
    return replace(tally.rule, classes=classes, class_names=names)
