"""Takes from the rows of a pass what tells how certain its scores are, while they are there."""

import numpy as np

from kerascb_metrics.insight.known_scores import known_score
from kerascb_metrics.insight.sample_tables import SampleTables
from kerascb_metrics.interpret.weights import is_ordinary
from kerascb_metrics.score.score import Options
from kerascb_metrics.score.scoring import Scoring
from kerascb_metrics.tally.counts import Counts, label_tables
from kerascb_metrics.tally.delong import Spread
from kerascb_metrics.tally.evidence import Evidence
from kerascb_metrics.tally.exact import ExactTally
from kerascb_metrics.tally.streaming import StreamingTally
from kerascb_metrics.tally.tally import Tally


def evidence_of(tally: Tally, scoring: Scoring, ranked: bool) -> Evidence:
    """Return what a tally knows.

    Args:
        tally: of classes or labels, with defined outputs.
        scoring: the `Scoring` of the output.
        ranked: whether a score ranked the rows.
    """
    areas = _areas(tally) if ranked else None
    if isinstance(tally, StreamingTally):
        tables = None if tally.samples is None else SampleTables(tally.samples)
        return Evidence(None, areas, _samples(tally, scoring, tables, tally.of_positions), tally.of_positions)
    assert isinstance(tally, ExactTally)
    depend = tally.of_positions or (tally.kind == "multilabel" and len(tally.classes) > 1)
    tables = SampleTables.of(tally, tally.numbers_of_samples) if depend else None
    return Evidence(_squared(tally), areas, _samples(tally, scoring, tables, tally.of_positions), tally.of_positions)


def _areas(tally: Tally) -> np.ndarray | None:
    found = np.full((len(tally.classes), 2), np.nan)
    for index, ranking in tally.rankings().items():
        if ranking.spread is not None:
            found[index] = ranking.spread.variance, ranking.spread.degrees
    return None if np.isnan(found).all() else found


def _squared(tally: ExactTally) -> Counts | np.ndarray | None:
    weight = tally.sample_weight
    if weight is None or not is_ordinary(weight):  # squares of the others need not fit into float64
        return None
    squares = weight**2
    if tally.kind == "multilabel":
        return label_tables(tally.y_true, tally.y_pred, squares, tally.labeled.present)
    return Counts.of(tally.y_true, tally.y_pred, len(tally.classes), squares)


def _samples(tally: Tally, scoring: Scoring, tables: SampleTables | None, positions: bool) -> dict[str, Spread]:
    """How much each score varies between samples; of labels those that several labels of a row go into."""
    if tables is None:
        return {}
    average = Options(scoring.average).average_for(tally.kind) or ""
    with_classes, found = scoring.with_classes, {}
    for score in scoring.for_kind(tally.kind):
        names = [score.name]
        if positions and (score.name in with_classes or not average):
            names += [f"{score.name}_{of}" for of in tally.class_names]
        for name in names:
            known = known_score(name, average, tally.class_names)
            if known is None or known.is_area:
                continue
            index = tally.pos_index if known.index is None else known.index
            spread = tables.spread(known.base, known.average, index, scoring.zero_division)
            if spread is not None:
                found[name] = spread
    return found
