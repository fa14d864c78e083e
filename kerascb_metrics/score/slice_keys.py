"""The names of the scores of slices, such as f1_sex_female and f1_sex_min, and their directions."""

from collections.abc import Collection, Iterable

from kerascb_metrics.interpret.kinds import Kind
from kerascb_metrics.interpret.slices import Slicing
from kerascb_metrics.score.scoring import Scoring

Directions = dict[str, bool | None]


def directions_of_slices(slices: Iterable[Slicing], scoring: Scoring, kinds: Collection[Kind]) -> Directions:
    """Return the direction of every score of a slice, by its name without that of the output.

    Args:
        slices: the slices.
        scoring: of an output.
        kinds: the kinds of task that the output may have.
    """
    return {
        key: score.greater_is_better
        for own in slices
        for score in scoring.of_groups(*kinds)
        for key in own.keys_of(score.name, score.greater_is_better)
    }


def refuse_slices(slices: Collection[Slicing], scoring: Scoring, kind: Kind, class_names: Collection[str] = ()) -> None:
    """Raise `ValueError` for scores of slices that cannot be counted, or that have the name of another score.

    Args:
        slices: the slices.
        scoring: of an output.
        kind: its kind of task.
        class_names: the names of its classes, as far as they are told.
    """
    if slices and scoring.chooses and scoring.memory == "bounded":
        raise ValueError(
            "Metrics: with memory='bounded' a threshold is chosen when the rows are gone, so slices= have no scores. "
            "Pass memory='exact', or a number as the threshold."
        )
    names = {score.name for score in scoring.for_kind(kind)}
    names |= {f"{name}_{of}" for name in scoring.with_classes for of in class_names}
    double = names & directions_of_slices(slices, scoring, [kind]).keys()
    if double:
        raise ValueError(
            f"Metrics: a slice and another score would both write {', '.join(sorted(double))}. Rename one."
        )


def example_of_slices(directions: Directions) -> str:
    """Say how the scores of slices are called, for a message."""
    worst = [name for name in directions if name.endswith(("_min", "_max"))]
    return f", and of slices such as {worst[0]}" if worst else ""
