"""The record of one fit: each pass scored and written down, whatever happens to it."""

from typing import Any

import numpy as np

from kerascb_metrics.assess import assess, describe, settle_task
from kerascb_metrics.exceptions import ScoringError
from kerascb_metrics.history import ScoreHistory
from kerascb_metrics.losses import read_loss
from kerascb_metrics.outputs import of_output, split_outputs
from kerascb_metrics.predictions import Predictions
from kerascb_metrics.settings import score_names
from kerascb_metrics.troubles import Troubles


class Recorder:
    """Scores the passes of one fit, and keeps what they came to.

    Args:
        plan: the `Plan`: what to score on which output.
        use_sample_weight: whether weights count.
        error_score: what becomes of errors, see `Troubles`.
        tell: called with a sentence for each output that says how it is read.

    Attributes:
        history: the `ScoreHistory`.
        predictions: the last scored pass's `Predictions`, by output where there are several; or None.
        troubles: the `Troubles`.
        taken_up: how many epochs of the history are those of an earlier fit, from a file.
    """

    def __init__(self, plan, use_sample_weight, error_score, tell):
        self.history = ScoreHistory()
        self.predictions: Any = None
        self.troubles = Troubles(error_score)
        self.taken_up = 0
        self._plan, self._use_sample_weight, self._tell = plan, use_sample_weight, tell
        self._epoch = 0
        self._undefined: dict = {}
        self._unweighted: list = []
        self._tasks: dict = {}
        self._entries: dict = {}

    def record(self, collect, epoch, loss, output_names=None):
        """Score one pass and write it down.

        Args:
            collect: called for the `Pass`; may raise, as everything that follows.
            epoch: counted from 0.
            loss: the compiled loss, or losses by output.
            output_names: the model's, where it has them.

        Returns:
            What goes to `logs`, name → float, without prefix: the same names in every epoch.
        """
        self._epoch, self._undefined, self._unweighted = epoch, {}, []
        try:
            values, entries, tallies = self._assess(collect(), loss, output_names)
        except Exception as error:  # whatever it is, it must not end a long run, unless error_score says so
            value = self._settle(error)
            values = {name: value for name, past in self.history.items() if not np.ndim(past[-1])}
            entries, tallies = dict.fromkeys(self._entries, value), {}
        if self._entries:  # a score that failed or is undefined may not know its keys, a class each
            entries = {name: entries.get(name, float("nan")) for name in self._entries}
        self._entries = entries
        self.history.append(epoch, values, tallies)
        self.troubles.report(self._undefined, self._unweighted, epoch)
        return entries

    def note(self, epoch, logs):
        """Note what else was logged in an epoch, if it was scored."""
        if epoch in self.history.epochs[-1:]:
            self.history.logs[-1].update({key: float(value) for key, value in logs.items() if _is_number(value)})

    def _assess(self, seen, loss, output_names):
        parts = split_outputs(seen.batches, output_names, self._plan.only, loss)
        rows = {name: Predictions.join(batches) for name, batches in parts.items()}
        outputs = [name for name in rows if name is not None]
        self.predictions = rows.get(None, rows)
        if not self._tasks:
            self._plan.check(loss, outputs)
        values, entries, tallies = {}, {}, {}
        for name in rows:
            if self._plan.scoring_of(name, outputs) is None:
                continue
            prefix = "" if name is None else f"{name}_"
            found = self._assess_output(name, outputs, rows[name], of_output(loss, name, output_names), seen.complete)
            values.update({f"{prefix}{key}": value for key, value in found.values.items()})
            entries.update({f"{prefix}{key}": value for key, value in found.entries.items()})
            self._undefined.update({f"{prefix}{key}": cause for key, cause in found.scores.undefined.items()})
            self._unweighted += [f"{prefix}{key}" for key in found.scores.unweighted]
            tallies[name] = found.tally
        self.history.declare(self._plan.directions(outputs))
        self.history.settings["scoring"] = score_names(self._plan, outputs)
        return values, entries, tallies

    def _assess_output(self, name, outputs, rows, loss, complete):
        scoring, reading = self._plan.scoring_of(name, outputs), read_loss(loss)
        if name not in self._tasks:
            self._tasks[name] = settle_task(self._plan.task_of(name), rows, reading, scoring)
            of_which = "" if name is None else f"output {name!r}: "
            sentence = f"{of_which}{describe(self._tasks[name], rows, reading)}."
            self.history.settings["task"] = " ".join(filter(None, [self.history.settings.get("task"), sentence]))
            self._tell(sentence)
        return assess(
            rows if self._use_sample_weight else rows.unweighted(),
            reading,
            self._tasks[name],
            scoring,
            complete=complete,
            on_error=lambda score, error: self._score_failed(score, error, rows),
        )

    def _score_failed(self, name, error, rows):
        told = ScoringError(
            f"Metrics: the score {name!r} failed in epoch {self._epoch + 1} (counted from 1), on targets "
            f"{rows.y_true.shape} and outputs {rows.y_pred.shape}: {type(error).__name__}: {error}"
        )
        told.__cause__ = error
        return self._settle(told)

    def _settle(self, error):
        """Raise, or return what stands for the error; a first pass that cannot be scored at all always raises."""
        first = len(self.history.epochs) == self.taken_up
        if first and not isinstance(error, ScoringError):
            raise error
        return self.troubles.settle(error, self._epoch, first)


def _is_number(value):
    """Tell whether a single real number was logged: callbacks may log anything."""
    return np.ndim(value) == 0 and np.asarray(value).dtype.kind in "biuf"
