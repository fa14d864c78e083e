"""Epochs of a run compared by their labels, and the best of them corrected for having been chosen."""

from collections.abc import Sequence

from kerascb_metrics.insight.best_of_many import CorrectedBest, corrected_best, max_t
from kerascb_metrics.insight.comparison import Comparison, as_comparison, compared
from kerascb_metrics.insight.intervals import Basis, formula_of
from kerascb_metrics.insight.known_scores import KnownScore
from kerascb_metrics.record.intervals import basis_of, output_and_name
from kerascb_metrics.record.run_record import RunRecord


def compare_epochs(run: RunRecord, first: int, second: int, name: str, level: float, chosen: int | None) -> Comparison:
    """Compare two epochs of a run.

    Args:
        run: the run.
        first: an epoch.
        second: another one.
        name: the score.
        level: the confidence level.
        chosen: that of the two which was chosen as the best of all; None: neither was.

    Raises:
        ValueError: if the score is not one of labels, or the labels or rows of an epoch were not kept.
    """
    output, own, basis = _basis(run, name)
    known = formula_of(own, run.at(run.epochs[-1]).values[name], basis) if basis else None
    epochs = [first, second] if chosen is None else run.epochs
    _refuse(run, epochs, output)
    passes = {epoch: run.labels.pass_of(epoch, output) for epoch in epochs}
    if basis is None or known is None or chosen is None or first == second:
        index, zero = _index(known, basis), basis.zero_division if basis else 0.0
        return compared(name, known, passes[first], passes[second], index, zero, level)
    other = second if chosen == first else first
    order = list(passes)
    found = max_t(
        order.index(chosen),
        order.index(other),
        list(passes.values()),
        known,
        _index(known, basis),
        basis.zero_division,
        level,
    )
    found = found if chosen == first else found.turned()
    return as_comparison(name, found, passes[first], passes[second], level)


def corrected_best_of(run: RunRecord, name: str) -> CorrectedBest:
    """Return what the best epoch of a score would score on new rows; nan, with the reason, where that is not known.

    Args:
        run: the run.
        name: the score.
    """
    count, unknown = len(run.epochs), float("nan")
    output, own, basis = _basis(run, name)
    record = run.tallies[-1].get(output) if count else None
    if basis is None or record is None:
        return CorrectedBest(unknown, count, "the score is not one of labels")
    known = formula_of(own, run[name][-1], basis)
    if known is None or known.base in ("auc", "average_precision"):
        return CorrectedBest(unknown, count, "the score is not one of labels alone")
    if record.chosen is not None:
        return CorrectedBest(unknown, count, "the threshold was chosen in each epoch, by the same folds")
    problems = [problem for epoch in run.epochs if (problem := run.labels.problem(epoch, output))]
    if problems:
        return CorrectedBest(unknown, count, problems[0])
    tables = [run.labels.tables_of(epoch, output) for epoch in run.epochs]
    return CorrectedBest(corrected_best(tables, known, _index(known, basis), basis.zero_division), count)


def _basis(run: RunRecord, name: str) -> tuple[str | None, str, Basis | None]:
    """Return the output that a score is of, its own name, and what its formula is checked with: the last epoch."""
    last = run.at("last")
    output, own = output_and_name(last, name)
    record = last.tallies.get(output)
    return output, own, None if record is None else basis_of(record, run.settings)


def _index(known: KnownScore | None, basis: Basis | None) -> int:
    if known is None or basis is None:
        return 1
    return basis.pos_index if known.index is None else known.index


def _refuse(run: RunRecord, epochs: Sequence[int], output: str | None) -> None:
    for epoch in epochs:
        problem = run.labels.problem(epoch, output)
        if problem is not None:
            raise ValueError(f"epochs cannot be compared: {problem}.")
