"""Which way is better for each name in `logs`: "max" or "min", as Keras's callbacks ask for it."""

from collections.abc import Collection, Iterator
from typing import Literal

from kerascb_metrics.score.plan import Plan, full_name
from kerascb_metrics.score.scoring import Scoring
from kerascb_metrics.score.slice_keys import example_of_slices

# Before the name of a score whose own name a compiled Keras metric has.
RENAMED = "sklearn_"


class Modes:
    """The directions of the names that the scores of a `Plan` have in `logs`, all without `val_`.

    In each method `outputs` are the names of the model's outputs where there are several: empty for one, None where
    they are not known.

    >>> modes = Modes(Plan(["f1", "neg_log_loss"], per_class=True))
    >>> modes.of("f1", ()), modes.of("f1_2", ()), modes.of("loss", ())
    ('max', 'max', None)
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def to_monitor(self, name: str, outputs: Collection[str] | None) -> Literal["max", "min"]:
        """Return the direction of a score that a Keras callback is to monitor.

        Args:
            name: the name of the score.
            outputs: see the class.

        Returns:
            "max" or "min".

        Raises:
            ValueError: for a name that has several values per epoch, no known direction, or no score.
        """
        supposed = self._supposed(outputs)
        of_slices = self._plan.of_slices(supposed)
        mode, directions = self.of(name, outputs), self._plan.directions(supposed)
        if name in self._by_class(supposed):
            raise ValueError(
                f"Metrics: with average=None {name!r} has one value per class. Monitor one of them, such as "
                f"{name + '_1'!r}; per_class=True, instead of average=None, gives {name!r} as well."
            )
        if mode is None and name in {**directions, **of_slices}:
            raise ValueError(
                f"Metrics: cannot tell whether a higher {name!r} is better (a plain function). Make a scorer "
                "of it with make_scorer(…, greater_is_better=…), or pass monitor= and mode= to the Keras callback."
            )
        if mode is None:
            known = [known for known, greater in directions.items() if greater is not None]
            raise ValueError(
                f"Metrics: {name!r} is not a score of this callback with a known direction; those are: "
                f"{', '.join(known) or 'none'}{example_of_slices(of_slices)}. For another one, pass monitor= and mode= "
                "to the Keras callback."
            )
        return mode

    def of(self, name: str, outputs: Collection[str] | None) -> Literal["max", "min"] | None:
        """Return the direction of a name in `logs`; None where it is not known.

        The value of one class has the direction of its score, and so does a renamed score.

        Args:
            name: without `val_`.
            outputs: see the class; None: any of them may begin the name.
        """
        name = name.removeprefix(RENAMED)
        supposed = self._supposed(outputs)
        with_classes = self._with_classes(supposed)
        for known, greater_is_better in {**self._plan.directions(supposed), **self._plan.of_slices(supposed)}.items():
            of_class = known in with_classes and name.startswith(f"{known}_")
            of_output = outputs is None and name.endswith(f"_{known}")
            if known == "loss":
                continue  # that key is Keras's own
            if greater_is_better is not None and (name == known or of_class or of_output):
                return "max" if greater_is_better else "min"
        return None

    def _supposed(self, outputs: Collection[str] | None) -> Collection[str]:
        """The outputs; where they are not known, those that `scoring=` names."""
        return self._plan.named_outputs if outputs is None else outputs

    def _by_class(self, outputs: Collection[str]) -> set[str]:
        """The names of the scores that have one value per class, so that none of them can be monitored."""
        return {full_name(output, name) for output, own in self._scorings(outputs) for name in own.by_class}

    def _with_classes(self, outputs: Collection[str]) -> set[str]:
        """The names of the scores of which a class may have a value of its own."""
        if self._plan.average is None:
            return set(self._plan.directions(outputs))
        return {full_name(output, name) for output, own in self._scorings(outputs) for name in own.with_classes}

    def _scorings(self, outputs: Collection[str]) -> Iterator[tuple[str | None, Scoring]]:
        for output in outputs or (None,):
            scoring = self._plan.scoring_of(output, outputs)
            if scoring is not None:
                yield output, scoring
