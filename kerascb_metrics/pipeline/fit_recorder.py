"""The record of one fit: each pass scored and written down, whatever happens to it."""

from functools import partial

import numpy as np

from kerascb_metrics.exceptions import ScoringError
from kerascb_metrics.history import ScoreHistory
from kerascb_metrics.pipeline.assess import assess, widest
from kerascb_metrics.pipeline.pass_reader import Reader
from kerascb_metrics.record.error_policy import ErrorPolicy
from kerascb_metrics.record.run_settings import score_names
from kerascb_metrics.record.saved_run import SavedRun


class Recorder:
    """Scores the passes of one fit, and keeps what they came to.

    Args:
        plan: the `Plan`: what to score on which output, and whether to keep the rows.
        use_sample_weight: whether weights count.
        error_score: what becomes of errors, see `ErrorPolicy`.
        tell: called with a sentence for each output that says how it is read.

    Attributes:
        history: the `ScoreHistory`.
        reader: the `Reader`, which takes what rows are not kept.
        troubles: the `ErrorPolicy`.
        resumed_epochs: how many epochs of the history are those of an earlier fit, from a log file.
    """

    def __init__(self, plan, use_sample_weight, error_score, tell):
        self.history = ScoreHistory()
        self.troubles = ErrorPolicy(error_score)
        # Nothing of the recorder itself, which would then live until the next round of the garbage collector.
        self.reader = Reader(plan, use_sample_weight, partial(_say_how, self.history, tell), self.troubles.warn_once)
        self.resumed_epochs = 0
        self._plan, self._tell = plan, tell
        self._epoch = 0
        self._undefined: dict = {}
        self._unweighted: list = []
        self._entries: dict = {}
        self._shapes: dict = {}  # output → name → shape of its values
        self._width_said = False

    @property
    def predictions(self):
        """The last scored pass's `Predictions`, by output where there are several; None where rows are not kept."""
        return self.reader.predictions

    def continue_from(self, run: SavedRun | None) -> None:
        """Begin the history with the epochs of an earlier fit; None: there are none."""
        if run is not None:
            self.history.restore(run)
            self.resumed_epochs = len(run.epochs)

    def begin(self, epoch, facts):
        """Begin a pass, see `Reader.begin`."""
        self._epoch = epoch
        self.reader.begin(epoch, facts)

    def record(self, collect):
        """Score the pass and write it down.

        Args:
            collect: called for the `Pass`; may raise, as everything that follows.

        Returns:
            What goes to `logs`, name → float, without prefix: the same names in every epoch.
        """
        self._undefined, self._unweighted = {}, []
        bounds: dict = {}
        try:
            values, entries, tallies, bounds = self._assess(collect())
        except Exception as error:  # whatever it is, it must not end a long run, unless error_score says so
            value = self._settle(error)
            values = {name: value for name, past in self.history.items() if not np.ndim(past[-1])}
            entries, tallies = dict.fromkeys(self._entries, value), {}
        finally:
            self.reader.end()
        if self._entries:  # a score that failed or is undefined may not know its keys, a class each
            entries = {name: entries.get(name, float("nan")) for name in self._entries}
        self._entries = entries
        self.history.append(self._epoch, values, tallies, bounds)
        self.troubles.report(self._undefined, self._unweighted, self._epoch)
        return entries

    def note(self, epoch, logs):
        """Note what else was logged in an epoch, if it was scored."""
        if epoch in self.history.epochs[-1:]:
            self.history.logs[-1].update({str(key): float(value) for key, value in logs.items() if _is_number(value)})

    def _assess(self, seen):
        readings = self.reader.read(seen.batches)
        values: dict = {}
        entries: dict = {}
        tallies: dict = {}
        bounds: dict = {}
        for output, reading in readings.items():
            prefix = "" if output is None else f"{output}_"
            found = self._assess_one(reading, seen.complete, self._shapes.setdefault(output, {}), prefix)
            for total, own in ((values, found.values), (entries, found.entries), (bounds, found.bounds)):
                _add(total, {f"{prefix}{name}": value for name, value in own.items()})
            self._undefined.update({f"{prefix}{name}": cause for name, cause in found.scores.undefined.items()})
            self._unweighted += [f"{prefix}{name}" for name in found.scores.unweighted]
            tallies[output] = found.tally
        self._say_width(bounds)
        self.history.set_directions(self._plan.directions(self.reader.output_names, scored=tuple(readings)))
        self.history.settings["scoring"] = score_names(self._plan, self.reader.output_names, scored=tuple(readings))
        return values, entries, tallies, bounds

    def _assess_one(self, reading, complete, shapes, prefix):
        return assess(
            reading.evidence,
            reading.scoring,
            complete=complete,
            shapes=shapes,
            on_error=lambda name, error: self._score_failed(f"{prefix}{name}", error, reading.shapes),
        )

    def _say_width(self, bounds):
        known = {name: pair for name, pair in bounds.items() if np.isfinite(pair).any()}
        if known and not self._width_said:
            self._width_said = True
            self._tell(
                f"{', '.join(known)}: the middle of an interval (history.bounds), which holds the exact value; in "
                f"epoch {self._epoch + 1} at most {widest(known):.1e} wide."
            )

    def _score_failed(self, name, error, shapes):
        told = ScoringError(
            f"Metrics: the score {name!r} failed in epoch {self._epoch + 1} (counted from 1), on {shapes}: "
            f"{type(error).__name__}: {error}"
        )
        told.__cause__ = error
        return self._settle(told)

    def _settle(self, error):
        """Raise, or return what stands for the error; a first pass that cannot be scored at all always raises."""
        first = len(self.history.epochs) == self.resumed_epochs
        if first and not isinstance(error, ScoringError):
            raise error
        return self.troubles.settle(error, self._epoch, first)


def _say_how(history, tell, output, sentence):
    sentence = sentence if output is None else f"output {output!r}: {sentence}"
    history.settings["task"] = " ".join(filter(None, [history.settings.get("task"), sentence]))
    tell(sentence)


def _add(total, own):
    """Add the entries of one output: two outputs must not overwrite each other's."""
    double = sorted(total.keys() & own.keys())
    if double:
        raise ValueError(
            f"Metrics: two outputs would both write {', '.join(double)}. Give one of the scores, or a class, another "
            "name."
        )
    total.update(own)


def _is_number(value):
    """Tell whether a single real number was logged: callbacks may log anything."""
    return np.ndim(value) == 0 and np.asarray(value).dtype.kind in "biuf"
