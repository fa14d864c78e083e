"""Names of scores that are to be of one output: with its name, as in the keys of a result, or without it."""

from collections.abc import Mapping
from typing import Any

from kerascb_metrics.interpret.kinds import CHOOSING
from kerascb_metrics.record.intervals import output_and_name
from kerascb_metrics.record.result_record import ResultRecord


def in_one_output(
    result: ResultRecord, name: str | None, at_least: Any, output: str | None
) -> tuple[str | None, str | None, Any]:
    """Return the output of the scores that a threshold is chosen by, and both arguments without its name.

    Args:
        result: the result.
        name: a score, or None.
        at_least: None, or a dict score → lowest value; anything else is returned as it is.
        output: the output that they are of; None: the one in their names.

    Raises:
        ValueError: if they are of several outputs.
    """
    if output is not None and output not in result.tallies:
        return output, name, at_least  # the caller raises
    limits = at_least if isinstance(at_least, Mapping) else {}
    own = {asked: _split(result, asked) for asked in (name, *limits) if isinstance(asked, str)}
    found = {} if output is None else {output: f"output={output!r}"}
    for asked, (of, _) in own.items():
        if of is not None:
            found.setdefault(of, repr(asked))
    if len(found) > 1:
        raise ValueError(f"a threshold is of one output; received {' and '.join(found.values())}.")
    bare = {own[asked][1] if asked in own else asked: limit for asked, limit in limits.items()}
    if len(bare) < len(limits):
        raise ValueError(f"at_least has a score twice: {', '.join(map(repr, limits))}.")
    return next(iter(found), None), own[name][1] if isinstance(name, str) else name, bare if limits else at_least


def _split(result: ResultRecord, name: str) -> tuple[str | None, str]:
    return (None, name) if name in CHOOSING else output_and_name(result, name)
