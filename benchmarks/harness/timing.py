"""Times several cases in one process, interleaved: in each round every case runs once."""

import time
from dataclasses import dataclass
from statistics import median, quantiles

# A case that takes longer than this in the first round is not run again: its first time counts.
ONCE_SECONDS = 20


@dataclass(frozen=True)
class Times:
    """Seconds by case.

    Attributes:
        first: those of the first round, which compiles and warms up, and does not count.
        rounds: those of each later round; a case that was run only once has its first time.
    """

    first: dict
    rounds: dict

    def of(self, *cases):
        """Return the median of a case, or the sum of the medians of several cases."""
        return sum(median(self.rounds[case]) for case in cases)

    def extra(self, case, base):
        """Return the quartiles of the extra time of a case over another in the same round."""
        return quantiles(
            (more - less for more, less in zip(self.rounds[case], self.rounds[base], strict=True)), method="inclusive"
        )

    def note(self, *cases):
        """Return a note if a case was timed only once."""
        return "timed once" if any(len(self.rounds[case]) == 1 for case in cases) else ""


def interleave(cases, once=ONCE_SECONDS, rounds=None):
    """Time a dict name → function; a case that takes more than `once` seconds in the first round is not run again.

    Without a number of `rounds` there are as many as the seconds of one allow.
    """
    first = {name: _seconds(run) for name, run in cases.items()}
    again = {name: run for name, run in cases.items() if first[name] <= once}
    times = {name: [] if name in again else [first[name]] for name in cases}
    for _ in range(rounds or _count(sum(first[name] for name in again))):
        for name, run in again.items():
            times[name].append(_seconds(run))
    return Times(first, times)


def _seconds(run):
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def _count(seconds):
    """Return how many rounds to run, given the seconds of one."""
    if seconds > 5:
        return 5
    return 11 if seconds > 0.1 else 31
