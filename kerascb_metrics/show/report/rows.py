"""What was scored in the last epoch, for the foot of the page."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np

from kerascb_metrics.record.epoch_record import EpochRecord
from kerascb_metrics.record.regression_record import RegressionRecord
from kerascb_metrics.record.run_record import RunRecord
from kerascb_metrics.show.report.curves import amounts

PageRows: TypeAlias = "Mapping[str, PageRows] | Sequence[PageRows] | str | float"

_MOST_CLASSES = 20


def rows_of_run(history: RunRecord) -> list[PageRows]:
    """Return of each output its name, its kind of task, how many rows it had, and how many of each class.

    Args:
        history: with at least one epoch.
    """
    outputs = history.tallies[-1].items()
    counted = [_of_classes(name, record) for name, record in outputs if record is not None]
    return counted + [_of_regression(name, record) for name, record in history.regressions[-1].items()]


def _of_classes(name: str | None, record: EpochRecord) -> PageRows:
    matrix, labels = record.matrix(), record.kind == "multilabel"
    counts = matrix[:, 1].sum(axis=1) if labels else matrix.sum(axis=1)
    total = matrix[0].sum() if labels else matrix.sum()
    most = np.argsort(-counts, kind="stable")[:_MOST_CLASSES]
    return {
        "output": "" if name is None else str(name),
        "kind": record.kind,
        "unit": "sum of weights" if record.weighted else "rows",
        "total": amounts(np.array([total]))[0],
        "classes": [[record.class_names[at], amounts(counts[[at]])[0]] for at in sorted(most.tolist())],
        "more": len(counts) - len(most),
    }


def _of_regression(name: str | None, record: RegressionRecord) -> PageRows:
    """The rows that were scored, of several columns those of the one that has most."""
    return {
        "output": "" if name is None else str(name),
        "kind": "regression",
        "unit": "rows",
        "total": max(column.n_rows for column in record.columns),
        "classes": [],
        "more": 0,
    }
