"""Epochs of a run compared by their labels, and the best of them corrected for having been chosen."""

import math
from collections.abc import Sequence
from typing import Any

from kerascb_metrics.insight.best_of_many import CorrectedBest, corrected_best, max_t
from kerascb_metrics.insight.comparison import Comparison, as_comparison, compared
from kerascb_metrics.insight.group_labels import group_scores
from kerascb_metrics.insight.groups import Groups, GroupScores
from kerascb_metrics.insight.intervals import Basis, formula_of
from kerascb_metrics.insight.known_scores import KnownScore
from kerascb_metrics.insight.labelled_pass import LabelledPass
from kerascb_metrics.insight.paired_areas import paired_delong
from kerascb_metrics.record.epoch_record import EpochRecord
from kerascb_metrics.record.intervals import basis_of, output_and_name
from kerascb_metrics.record.result_record import ResultRecord
from kerascb_metrics.record.run_record import RunRecord

_ONLY_RIGHT = "with memory='bounded' only right or wrong is kept of each row, which accuracy alone is made of"


def compare_epochs(
    run: RunRecord, first: int, second: int, name: str, level: float, chosen: int | None, groups: Any = None
) -> Comparison:
    """Compare two epochs of a run.

    Args:
        run: the run.
        first: an epoch.
        second: another one.
        name: the score.
        level: the confidence level.
        chosen: that of the two which was chosen as the best of all; None: neither was.
        groups: None, or the group of each sample, see `PassRows.groups_of`.

    Raises:
        ValueError: if the score is not one of labels, or the labels or rows of an epoch were not kept.
    """
    last = run.at("last")
    known, basis = compared_formula(last, name)
    output, _ = output_and_name(last, name)
    epochs = [first, second] if chosen is None else run.epochs
    _refuse(run, epochs, output)
    passes = {epoch: run.labels.pass_of(epoch, output) for epoch in epochs}
    refuse_all_but_accuracy(passes[first], known, basis)
    if known.is_area:
        return _compare_areas(name, passes[first], passes[second], basis, level, chosen)
    numbers = None if groups is None else passes[first].rows.groups_of(groups)
    if chosen is None or first == second:
        index = index_of(known, basis)
        return compared(name, known, passes[first], passes[second], index, basis.zero_division, level, numbers)
    other = second if chosen == first else first
    order = list(passes)
    found = max_t(
        order.index(chosen),
        order.index(other),
        list(passes.values()),
        known,
        index_of(known, basis),
        basis.zero_division,
        level,
        numbers,
    )
    found = found if chosen == first else found.turned()
    return as_comparison(name, found, passes[first], passes[second], level)


def compared_formula(result: ResultRecord, name: str) -> tuple[KnownScore, Basis]:
    """Return the formula of a score that a test is known for, and what the formula was checked with.

    Args:
        result: the result that has the score.
        name: the score.

    Raises:
        ValueError: for any other score, whatever is kept of the rows.
    """
    record, (_, own), value = compared_record(result, name), output_and_name(result, name), result.values[name]
    if isinstance(value, float) and math.isnan(value):
        raise ValueError(f"{name} cannot be compared: it is undefined in {result.subject}.")
    basis = basis_of(record, result.settings)
    known = formula_of(own, value, basis)
    if known is None:
        raise ValueError(
            f"{name} cannot be compared: it is not made of the labels alone. Scores of labels, such as f1, precision, "
            "recall, accuracy, kappa and mcc, can."
        )
    if known.is_area and known.base != "auc":
        raise ValueError(f"{name} cannot be compared: of the areas, a test is known for ROC AUC alone. Record 'auc'.")
    return known, basis


def compared_record(result: ResultRecord, name: str) -> EpochRecord:
    """Return what is kept of the rows of a score that is to be compared.

    Args:
        result: the result that has the score.
        name: the score.

    Raises:
        ValueError: for a score of a regression, and where there are no counts of its rows.
    """
    output, _ = output_and_name(result, name)
    record = result.tallies.get(output)
    if record is not None:
        return record
    if output in result.regressions:
        raise ValueError(
            f"{name} cannot be compared: it is a score of a regression, and comparisons are for scores of labels, such "
            f"as f1, and ROC AUC. confidence_interval({name!r}) says how certain a score of a regression is."
        )
    raise ValueError(
        f"{name} cannot be compared: {result.subject} has no counts, because its scores are undefined, or it was not "
        "scored here (a .csv file, history.append)."
    )


def groups_of_epoch(run: RunRecord, epoch: int, name: str, groups: Any, level: float) -> GroupScores:
    """Return a label score of each group of samples in an epoch, from the labels that were kept.

    Args:
        run: the run.
        epoch: one of its epochs.
        name: the score.
        groups: the group of each sample.
        level: the confidence level.

    Raises:
        ValueError: if the score is not one of labels, or the labels of the epoch were not kept.
    """
    result = run.at(epoch)
    output, own = output_and_name(result, name)
    record = result.tallies.get(output)
    basis = None if record is None else basis_of(record, run.settings)
    known = None if basis is None else formula_of(own, result.values[name], basis)
    if basis is None or known is None or known.is_area:
        raise ValueError(f"{name} of epoch {epoch} has no groups: it is not made of labels, and the rows are gone.")
    problem = run.labels.problem(epoch, output)
    if problem is not None:
        raise ValueError(f"{name} of epoch {epoch} has no groups: {problem}.")
    given = run.labels.pass_of(epoch, output)
    if given.rows.only_right and not is_accuracy(known, basis):
        raise ValueError(f"{name} of epoch {epoch} has no groups: {_ONLY_RIGHT}.")
    return group_scores(name, own, known, given, Groups.of(groups, given.rows), basis, level)


def refuse_all_but_accuracy(given: LabelledPass, known: KnownScore, basis: Basis) -> None:
    """Raise `ValueError` for another score than accuracy, where of each row only right or wrong is kept."""
    if given.rows.only_right and not is_accuracy(known, basis):
        raise ValueError(f"epochs cannot be compared: {_ONLY_RIGHT}.")


def is_accuracy(known: KnownScore, basis: Basis) -> bool:
    """Return whether a score is the share of right rows."""
    if basis.kind == "multilabel":
        return False
    return known.base == "accuracy" or (known.average == "micro" and known.index is None)


def _compare_areas(
    name: str, first: LabelledPass, second: LabelledPass, basis: Basis, level: float, chosen: int | None
) -> Comparison:
    if chosen is not None:
        raise ValueError(
            f"{name} of the best epoch cannot be compared: it was chosen among all, and no test is known that allows "
            "for that. A number instead of 'best' compares it as if it had not been chosen."
        )
    if first.scores is None or second.scores is None:
        raise ValueError(
            f"{name} of these epochs cannot be compared: it needs their outputs, which are kept of the best and the "
            "last epoch only, up to 64 MiB, for a binary task without weights or positions."
        )
    sign = 1 if basis.pos_index == 1 else -1
    positive = first.rows.y_true if sign == 1 else ~first.rows.y_true
    found = paired_delong(positive, sign * first.scores, sign * second.scores, level)
    return as_comparison(name, found, first, second, level)


def corrected_best_of(run: RunRecord, name: str) -> CorrectedBest:
    """Return what the best epoch of a score would score on new rows; nan, with the reason, where that is not known.

    Args:
        run: the run.
        name: the score.
    """
    count, unknown = len(run.epochs), float("nan")
    last = run.at("last")
    output, own = output_and_name(last, name)
    record = last.tallies.get(output)
    if record is None:
        return CorrectedBest(unknown, count, "the score is not one of labels")
    basis = basis_of(record, run.settings)
    known = formula_of(own, last.values[name], basis)
    if known is None or known.is_area:
        return CorrectedBest(unknown, count, "the score is not one of labels alone")
    if record.chosen is not None:
        return CorrectedBest(unknown, count, "the threshold was chosen in each epoch, by the same folds")
    problems = [problem for epoch in run.epochs if (problem := run.labels.problem(epoch, output))]
    if problems:
        return CorrectedBest(unknown, count, problems[0])
    if run.labels.pass_of(run.epochs[-1], output).rows.only_right and not is_accuracy(known, basis):
        return CorrectedBest(unknown, count, _ONLY_RIGHT)
    tables = [run.labels.tables_of(epoch, output) for epoch in run.epochs]
    return CorrectedBest(corrected_best(tables, known, index_of(known, basis), basis.zero_division), count)


def index_of(known: KnownScore, basis: Basis) -> int:
    """Return the class that a score is of, if it is of one."""
    return basis.pos_index if known.index is None else known.index


def _refuse(run: RunRecord, epochs: Sequence[int], output: str | None) -> None:
    for epoch in epochs:
        problem = run.labels.problem(epoch, output)
        if problem is not None:
            raise ValueError(f"epochs cannot be compared: {problem}.")
