"""The scores of each group of samples as text, score by score."""

from typing import Any

from kerascb_metrics.exceptions import MissingRowsError
from kerascb_metrics.record.intervals import output_and_name
from kerascb_metrics.record.result_insight import ResultInsight
from kerascb_metrics.score.threshold import THRESHOLD


def group_report(result: ResultInsight, groups: Any, output: str | None, level: float) -> str:
    """Return a table per score: the groups, their rows, scores and intervals, and one test.

    Args:
        result: the result.
        groups: as in `ResultInsight.by_group`.
        output: the name of the output whose scores are wanted; None: all.
        level: the confidence level of the intervals of a score together.

    Raises:
        ValueError: as `ResultInsight.by_group`, and if no score has groups.
    """
    tables, without = [], []
    for name in _asked(result, output):
        try:
            tables.append(str(result.by_group(groups, name, confidence_level=level)))
        except MissingRowsError:
            raise
        except ValueError as error:
            without.append((name, error))
    if not tables:
        raise without[0][1] if without else ValueError("no score here is one number, so none has groups.")
    more = [f"without groups, as they need rows that are gone: {', '.join(name for name, _ in without)}"] * bool(
        without
    )
    return "\n\n".join([*tables, *more])


def _asked(result: ResultInsight, output: str | None) -> list[str]:
    """Return the names of the scores that were asked for and are one number, not those of single classes or groups."""
    record = result._record
    names = record.settings.get("scoring", result)
    found = [name for name in names if isinstance(result.get(name), float)]
    own = {name: output_and_name(record, name) for name in found}
    return [name for name in found if output in (None, own[name][0]) and own[name][1] != THRESHOLD]
