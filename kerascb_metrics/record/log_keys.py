"""The keys of one `Metrics` in `logs`: the prefix and the scores' names, kept apart from everybody else's."""

from kerascb_metrics.score.plan import RENAMED


class Keys:
    """Names keys, knows which of them were handed out to monitor, and keeps off those of others.

    Args:
        prefix: how every key begins.
        plan: the `Plan`, which knows the scores and their directions.

    >>> from kerascb_metrics.score.plan import Plan
    >>> Keys("val_", Plan("f1")).monitor("f1", outputs=())
    {'monitor': 'val_f1', 'mode': 'max'}
    """

    def __init__(self, prefix, plan):
        self.prefix = prefix
        self._plan = plan
        self._handed_out = set()

    def monitor(self, name, outputs):
        """Return monitor and mode of a score, and remember that its key was handed out."""
        if name.startswith(self.prefix):
            raise ValueError(f"Metrics: give monitor() the score's own name, {name.removeprefix(self.prefix)!r}.")
        mode = self._plan.mode_to_monitor(name, outputs)
        self._handed_out.add(self.prefix + name)
        return {"monitor": self.prefix + name, "mode": mode}

    def mode_of(self, key, outputs):
        """Return "max", "min", or None, of a key in `logs`."""
        own = str(key).startswith(self.prefix)
        return self._plan.mode(str(key).removeprefix(self.prefix), outputs) if own else None

    def apart(self, entries, taken, say):
        """Return the entries under their keys; none overwrites a key that is taken by a compiled Keras metric.

        Args:
            entries: score name → float.
            taken: the keys that `logs` holds.
            say: called with (topic, sentence) for each score that is renamed.
        """
        keys = [self._free(name, taken, say) for name in entries]
        double = sorted({key for key in keys if keys.count(key) > 1 or (key in taken and RENAMED in key)})
        if double:
            raise ValueError(
                f"Metrics: two scores would both be logged as {', '.join(double)}. Give one of them another name, as "
                "in scoring={'name': …}."
            )
        return dict(zip(keys, entries.values(), strict=True))

    def _free(self, name, taken, say):
        key, free = self.prefix + name, self.prefix + RENAMED + name
        if key not in taken:
            return key
        remedy = f"Name it yourself, as in scoring={{'exact_{name}': …}}."
        if key in self._handed_out:
            raise ValueError(
                f"Metrics: metrics.monitor({name!r}) was given out as {key!r}, but that is the key of a compiled Keras "
                f"metric, or of another Metrics. {remedy}"
            )
        say(
            ("name", name),
            f"{key!r} is the key of a compiled Keras metric, or of another Metrics; this one's own is {free!r}. "
            f"{remedy}",
        )
        return free

    def refuse_unknown(self, outputs):
        """Raise `ValueError` for what was handed out before the outputs of the model were known, and is no score."""
        unknown = [key for key in self._handed_out if self.mode_of(key, outputs) is None]
        if unknown:
            raise ValueError(
                f"Metrics: metrics.monitor gave out {', '.join(sorted(unknown))}, but this fit's scores are "
                f"{', '.join(self._plan.directions(outputs or ()))}."
            )

    def refuse_double(self, others, outputs):
        """Raise `ValueError` where another `Metrics` of the same fit would write the same keys."""
        own = self._plan.directions(outputs or ())
        for other in others:
            double = (
                sorted(set(own) & set(other._plan.directions(outputs or ()))) if other.prefix == self.prefix else []
            )
            if double:
                raise ValueError(
                    f"Metrics: two Metrics of this fit would both write {', '.join(double)} under {self.prefix!r}. "
                    "Name them apart, as in scoring={'f1_at_0.3': 'f1'}."
                )
