"""The record of one fit: each pass scored and written down, whatever happens to it."""

from typing import Any

import numpy as np

from kerascb_metrics.assess import assess, describe, settle_task
from kerascb_metrics.exceptions import ScoringError
from kerascb_metrics.history import ScoreHistory
from kerascb_metrics.losses import read_loss
from kerascb_metrics.outputs import of_output, split_outputs
from kerascb_metrics.predictions import Predictions
from kerascb_metrics.troubles import Troubles


class Recorder:
    """Scores the passes of one fit, and keeps what they came to.

    Args:
        plan: the `Plan`: what to score on which output.
        output: the only output to score, or None.
        use_sample_weight: whether weights count.
        error_score: what becomes of errors, see `Troubles`.
        tell: called with a sentence for each output that says how it is read.

    Attributes:
        history: the `ScoreHistory`.
        predictions: the last scored pass's `Predictions`, by output where there are several; or None.
        troubles: the `Troubles`.
    """

    def __init__(self, plan, output, use_sample_weight, error_score, tell):
        self.history = ScoreHistory()
        self.predictions: Any = None
        self.troubles = Troubles(error_score)
        self._plan, self._output, self._use_sample_weight, self._tell = plan, output, use_sample_weight, tell
        self._epoch = 0
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
        self._epoch = epoch
        try:
            values, self._entries, tallies = self._assess(collect(), loss, output_names)
        except Exception as error:  # whatever it is, it must not end a long run, unless error_score says so
            value, tallies = self._settle(error), {}
            values = {name: np.full(np.shape(past[-1]), value)[()] for name, past in self.history.items()}
            self._entries = dict.fromkeys(self._entries, value)
        self.history.append(epoch, values, tallies)
        return self._entries

    def _assess(self, seen, loss, output_names):
        parts = split_outputs(seen.batches, output_names, self._output, loss)
        rows = {name: Predictions.join(batches) for name, batches in parts.items()}
        outputs = [name for name in rows if name is not None]
        self._plan.check_outputs(outputs or [None])
        self.predictions = rows.get(None, rows)
        values, entries, tallies, undefined, unweighted = {}, {}, {}, {}, []
        for name in rows:
            if not self._plan.scores_at_all(name, outputs):
                continue
            prefix = "" if name is None else f"{name}_"
            found = self._assess_output(name, outputs, rows[name], of_output(loss, name, output_names), seen.complete)
            values.update({f"{prefix}{key}": value for key, value in found.values.items()})
            entries.update({f"{prefix}{key}": value for key, value in found.entries.items()})
            undefined.update({f"{prefix}{key}": cause for key, cause in found.scores.undefined.items()})
            unweighted += [f"{prefix}{key}" for key in found.scores.unweighted]
            tallies[name] = found.tally
        self.troubles.report(undefined, unweighted, self._epoch)
        return values, entries, tallies

    def _assess_output(self, name, outputs, rows, loss, complete):
        scoring, task = self._plan.of(name, outputs)
        reading = read_loss(loss)
        if name not in self._tasks:
            self._tasks[name] = settle_task(task, rows, reading, scoring)
            self.history.declare(self._plan.directions(outputs))
            of_which = "" if name is None else f"output {name!r}: "
            self._tell(f"Metrics: {of_which}{describe(self._tasks[name], rows, reading)}.")
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
        return self.troubles.settle(error, self._epoch, first=not self.history.epochs)
