"""The keys of one `Metrics` in `logs`: the prefix, then the names of its scores, different from all other keys."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from kerascb_metrics.score.modes import RENAMED, Modes
from kerascb_metrics.score.plan import Plan, full_name


class LogKeys:
    """Makes the keys of one `Metrics`, and remembers which of them it gave to `monitor`.

    Args:
        prefix: how every key begins.
        plan: the `Plan`, which knows the scores and their directions.

    >>> from kerascb_metrics.score.plan import Plan
    >>> LogKeys("val_", Plan("f1")).monitor("f1", outputs=())
    {'monitor': 'val_f1', 'mode': 'max'}
    """

    def __init__(self, prefix: str, plan: Plan) -> None:
        self.prefix = prefix
        self._plan, self._modes = plan, Modes(plan)
        self._monitored: set[str] = set()  # names, without prefix
        self._described: tuple[str, ...] = ()  # the names of the panel that were said to be renamed

    def monitor(self, name: str, outputs: Sequence[str] | None) -> dict[str, str]:
        """Return the `monitor` and `mode` of a score, and remember that they were given out.

        Args:
            name: the score, without prefix.
            outputs: the names of the model's outputs if there are several, () for one, None if they are not known.

        Raises:
            ValueError: if there is no such score, or its direction is not known.
        """
        if name.startswith(self.prefix):
            raise ValueError(
                f"Metrics: monitor() takes the name of a score without prefix, {name.removeprefix(self.prefix)!r}; "
                f"received {name!r}."
            )
        mode = self._modes.to_monitor(name, outputs)
        self._monitored.add(name)
        return {"monitor": self.prefix + name, "mode": mode}

    def mode_of(self, key: object, outputs: Sequence[str] | None) -> str | None:
        """Return "max" or "min" for a key in `logs`, or None if it is not one of these or has no known direction.

        Args:
            key: any key, or anything else that a callback has as its `monitor`.
            outputs: as in `monitor`.
        """
        name = str(key)
        if not name.startswith(self.prefix):
            return None
        return self._modes.of(name.removeprefix(self.prefix), outputs)

    def with_prefix(self, entries: Mapping[str, float]) -> dict[str, float]:
        """Return the entries under their keys in `logs`."""
        return {self.prefix + name: value for name, value in entries.items()}

    def without_prefix(self, logs: Iterable[Any]) -> set[str]:
        """Return the names that stand under the prefix in `logs`."""
        keys = (key for key in logs if isinstance(key, str) and key.startswith(self.prefix))
        return {key.removeprefix(self.prefix) for key in keys}

    def renamed(
        self,
        entries: Mapping[str, float],
        used: Collection[str],
        warn: Callable[[object, str], None],
        describe: Callable[[str], None],
    ) -> dict[str, float]:
        """Return the entries, each under another name if a compiled Keras metric already uses its own.

        Args:
            entries: score name → float.
            used: the names that are in use under the prefix.
            warn: called with (topic, sentence) if scores that were asked for by name get another one.
            describe: called once with a sentence if scores of the default panel do.

        Raises:
            ValueError: if two scores would have the same key, or if `monitor` gave out a key that is in use.
        """
        taken = [name for name in entries if name in used]
        self._refuse_monitored(taken)
        names = [RENAMED + name if name in used else name for name in entries]
        double = {name for name in names if names.count(name) > 1 or (name in used and name.startswith(RENAMED))}
        if double:
            raise ValueError(
                f"Metrics: two scores would both be logged as {', '.join(self._sorted_keys(double))}. Give them "
                "different names, as in scoring={'name': …}."
            )
        asked = [name for name in taken if not self._plan.is_of_panel(name)]
        if asked:
            remedy = f"Choose a name yourself, as in scoring={{'exact_{asked[0]}': …}}."
            warn(("names", tuple(asked)), f"{self._moved(asked)} {remedy}")
        unasked = tuple(name for name in taken if name not in asked)
        if unasked and unasked != self._described:
            self._described = unasked
            describe(self._moved(unasked))
        return dict(zip(names, entries.values(), strict=True))

    def _moved(self, names: Sequence[str]) -> str:
        """Return a sentence that tells which keys are in use, and which are written instead."""
        keys = ", ".join(repr(self.prefix + name) for name in names)
        others = ", ".join(repr(self.prefix + RENAMED + name) for name in names)
        return f"a compiled Keras metric or another Metrics already uses {keys}; logged as {others} instead."

    def _refuse_monitored(self, taken: Sequence[str]) -> None:
        for name in taken:
            if name in self._monitored:
                raise ValueError(
                    f"Metrics: metrics.monitor({name!r}) returned {self.prefix + name!r}, but a compiled Keras metric "
                    f"or another Metrics already uses that key. Choose a name yourself, as in "
                    f"scoring={{'exact_{name}': …}}."
                )

    def refuse_unknown(self, outputs: Sequence[str] | None) -> None:
        """Raise `ValueError` if `monitor` gave out a key before the outputs were known, and it is not a score."""
        unknown = {name for name in self._monitored if self._modes.of(name, outputs) is None}
        if unknown:
            raise ValueError(
                f"Metrics: metrics.monitor returned {', '.join(self._sorted_keys(unknown))}, but the scores of this "
                f"fit are {', '.join(self._plan.directions(outputs or ()))}."
            )

    def refuse_double(self, others: Iterable["LogKeys"], outputs: Sequence[str] | None) -> None:
        """Raise `ValueError` if another `Metrics` of the same fit would write the same keys.

        Args:
            others: the `LogKeys` of the other `Metrics`.
            outputs: as in `monitor`.
        """
        names = self._certain_names(outputs)
        for other in others:
            double = names & other._certain_names(outputs) if other.prefix == self.prefix else set()
            if double:
                raise ValueError(
                    f"Metrics: two Metrics of this fit would both write {', '.join(sorted(double))} under "
                    f"{self.prefix!r}. Give the scores different names, as in scoring={{'f1_at_0.3': 'f1'}}."
                )

    def _certain_names(self, outputs: Sequence[str] | None) -> set[str]:
        """Return the names without those that only a regression would have, where nobody asked for them."""
        names = outputs or ()
        plan = self._plan
        unasked = {
            full_name(output, name) for output in names or (None,) for name in plan.only_for_regression(output, names)
        }
        return set(plan.directions(names)) - unasked

    def _sorted_keys(self, names: Iterable[str]) -> list[str]:
        return sorted(self.prefix + name for name in names)
