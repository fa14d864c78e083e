"""A label score of each group, with its interval, from the labels of a pass."""

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from kerascb_metrics.insight.confidence import ConfidenceInterval, unknown
from kerascb_metrics.insight.group_cells import cells_of_rows, cells_of_samples, classes_there, depend, scores_of_cells
from kerascb_metrics.insight.group_tests import equality_test
from kerascb_metrics.insight.groups import Groups, GroupScores
from kerascb_metrics.insight.intervals import Basis, interval_of, of_samples
from kerascb_metrics.insight.known_scores import KnownScore
from kerascb_metrics.insight.labelled_pass import LabelledPass
from kerascb_metrics.insight.sample_tables import SampleTables
from kerascb_metrics.interpret.weights import is_ordinary
from kerascb_metrics.score.averaged import Masses
from kerascb_metrics.tally.evidence import Evidence
from kerascb_metrics.tally.sample_cells import cells_by_number, cells_of_tables, tables_by_number

_MOST_CELLS = 1 << 22


def group_scores(
    name: str, own: str, known: KnownScore, given: LabelledPass, groups: Groups, basis: Basis, level: float
) -> GroupScores:
    """Return a label score of each group.

    Args:
        name: the score, as it was recorded.
        own: the same without the name of the output.
        known: its formula.
        given: the pass.
        groups: the groups of its rows.
        basis: what the interval of all rows is made of.
        level: the confidence level.
    """
    index = basis.pos_index if known.index is None else known.index
    tables = _tables(given, groups, given.rows.weight)
    cells = (
        cells_of_rows(given, groups.numbers, len(groups.names))
        if _is_scaled(given) or tables is None
        else _cells_of(tables)
    )
    there = classes_there(given, groups.numbers, len(groups.names))
    values = scores_of_cells(cells, known, index, basis.zero_division, there)
    values[cells.sum(axis=(1, 2)) == 0] = np.nan  # no row, or none of any weight
    everywhere = None if there is None else np.asarray(there.any(axis=0))[None]
    overall = float(scores_of_cells(cells.sum(axis=0)[None], known, index, basis.zero_division, everywhere)[0])
    each = 1 - (1 - level) / len(groups.names)
    intervals = _intervals(own, known, given, groups, basis, values, each, tables)
    pvalue, method = np.nan, "fewer than two groups have this score"
    if np.count_nonzero(~np.isnan(values)) > 1 or len(values) == 1:
        pvalue, method = equality_test(known, index, cells, given, groups, basis)
    counts = np.bincount(groups.numbers, minlength=len(groups.names)).tolist()
    return GroupScores(
        name=name,
        by_group=dict(zip(groups.names, values.tolist(), strict=True)),
        n=dict(zip(groups.names, counts, strict=True)),
        confidence_interval=dict(zip(groups.names, intervals, strict=True)),
        overall=overall,
        pvalue=pvalue,
        method=method,
        confidence_level=level,
    )


def _intervals(
    own: str,
    known: KnownScore,
    given: LabelledPass,
    groups: Groups,
    basis: Basis,
    values: Masses,
    level: float,
    tables: npt.NDArray[Any] | None,
) -> list[ConfidenceInterval]:
    count = len(groups.names)
    if depend(given, known):
        index = basis.pos_index if known.index is None else known.index
        samples = SampleTables(cells_of_samples(given))
        found = []
        for group, value in enumerate(values.tolist()):
            spread = SampleTables(samples.cells[groups.of_samples == group]).spread(
                known.base, known.average, index, basis.zero_division
            )
            alone = unknown("the group has a single sample")
            found.append(alone if spread is None else of_samples(value, spread, level, known))
        return found
    if tables is None:
        return [unknown("there are too many groups and classes to count all pairs of labels")] * count
    weight = given.rows.weight
    squared = None if weight is None or _is_scaled(given) else _tables(given, groups, weight**2)
    own_bases = [
        replace(
            basis,
            matrix=tables[group],
            squared=None if squared is None else squared[group],
            evidence=Evidence(),
            exact=True,
        )
        for group in range(count)
    ]
    nothing = unknown("the group has no such score")
    return [interval_of(own, *pair, level) or nothing for pair in zip(values.tolist(), own_bases, strict=True)]


def _is_scaled(given: LabelledPass) -> bool:
    """Return whether weights are of no ordinary size: then products and squares of them need not fit into float64."""
    return given.rows.weight is not None and not is_ordinary(given.rows.weight)


def _tables(given: LabelledPass, groups: Groups, weight: Masses | None) -> npt.NDArray[Any] | None:
    """Return the confusion matrix of each group, (G, C, C), or of labels (G, L, 2, 2); None where they are too many."""
    rows, count, classes = given.rows, len(groups.names), len(given.rows.class_names)
    if rows.kind == "multilabel":
        found = cells_by_number(rows.y_true, given.y_pred, groups.numbers, count, classes, weight, rows.present)
        tp, fp, fn, tn = found.transpose(1, 0, 2)
        return np.stack([np.stack([tn, fp], axis=-1), np.stack([fn, tp], axis=-1)], axis=-2)
    if count * classes**2 > _MOST_CELLS:
        return None
    return tables_by_number(rows.y_true, given.y_pred, groups.numbers, count, classes, weight)


def _cells_of(tables: npt.NDArray[Any]) -> Masses:
    """Return the cells of each group and class, (G, 4, C), of `_tables`."""
    if tables.ndim == 3:
        return cells_of_tables(tables)
    return np.stack([tables[..., 1, 1], tables[..., 0, 1], tables[..., 1, 0], tables[..., 0, 0]], axis=1)
