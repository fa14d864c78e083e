"""Counts of several processes as one: each has counted the rows that it holds, and all get the sum."""

from dataclasses import replace

import numpy as np

from kerascb_metrics.collect.processes import joined_over_processes, sum_over_processes
from kerascb_metrics.exceptions import CaptureError, DataError
from kerascb_metrics.interpret.validation import some
from kerascb_metrics.tally.exact import Counts
from kerascb_metrics.tally.streaming import check_sums


def refuse_if_any(error):
    """Raise `error`, or say that another process has one: called by all, before they add up their counts."""
    (failed,) = sum_over_processes([np.array([error is not None], np.int64)])
    if error is not None:
        raise error
    if failed.any():
        raise CaptureError("Metrics: counting the rows failed in another process; what went wrong is told there.")


def merged(evidence):
    """Return the `CountedEvidence` of the rows of all processes; every one of them must ask for it.

    Args:
        evidence: of the rows that this process holds.
    """
    # Class by class: every process holds for a moment what all have of it.
    bins = None if evidence.bins is None else np.array(sum_over_processes(list(evidence.bins)))
    figures = np.array([evidence.total, evidence.undefined is not None], np.int64)
    total, undefined = sum_over_processes([figures])[0].tolist()
    elsewhere = "outputs of another process are NaN or infinite" if undefined else None
    whole = replace(
        _with_labels(evidence),
        total=total,
        summed=_summed(evidence.summed),
        bins=bins,
        undefined=evidence.undefined or elsewhere,
    )
    check_sums(whole)
    return whole


def _summed(counts):
    if not isinstance(counts, Counts):  # label tables
        return sum_over_processes([counts])[0]
    cells = joined_over_processes([counts.y_true, counts.y_pred, counts.weight])
    y_true, y_pred, weight = cells
    none = Counts(y_true[:0], y_pred[:0], weight[:0], counts.n_classes)
    return none + Counts(y_true, y_pred, weight, counts.n_classes)


def _with_labels(evidence):
    """The labels of a binary task: a process without the other class can only have guessed it."""
    if evidence.kind != "binary":
        return evidence
    certain = [evidence.classes[0]] if evidence.has_other_class else []
    is_float = [evidence.classes.dtype.kind == "f"] * len(certain)
    labels, floats = joined_over_processes([np.array(certain, np.float64), np.array(is_float, np.int64)])
    if not len(labels):
        return evidence
    if len(np.unique(labels)) > 1:  # so all of them raise
        raise DataError(
            "Metrics: a binary task has two target labels; of the one that is not positive, processes that train "
            f"together have {some(labels)}."
        )
    classes = np.array([labels[0], evidence.classes[1]]).astype(np.float64 if floats.any() else np.int64)
    told = [str(one) for one in evidence.classes] == list(evidence.class_names)
    names = tuple(str(one) for one in classes) if told else evidence.class_names
    return replace(evidence, classes=classes, class_names=names)
