"""The record of one fit: each pass scored and written down, whatever happens to it."""

from typing import Any

import numpy as np

from kerascb_metrics.assess import assess, describe, settle_task
from kerascb_metrics.exceptions import ScoringError
from kerascb_metrics.history import ScoreHistory
from kerascb_metrics.predictions import Predictions
from kerascb_metrics.troubles import Troubles


class Recorder:
    """Scores the passes of one fit, and keeps what they came to.

    Args:
        scoring: the `Scoring`.
        task: a task object, or "auto": settled by the first pass.
        use_sample_weight: whether weights count.
        error_score: what becomes of errors, see `Troubles`.
        greater_is_better: name → direction, for the history.
        tell: called once with a sentence that says how the outputs are read.

    Attributes:
        history: the `ScoreHistory`.
        predictions: the last scored pass's `Predictions`, or None.
        troubles: the `Troubles`.
    """

    def __init__(self, scoring, task, use_sample_weight, error_score, greater_is_better, tell):
        self.history = ScoreHistory(greater_is_better)
        self.predictions: Predictions | None = None
        self.troubles = Troubles(error_score)
        self._scoring, self._task, self._use_sample_weight = scoring, task, use_sample_weight
        self._tell = tell
        self._epoch = 0
        self._entries = {}

    def record(self, collect, epoch, loss):
        """Score one pass and write it down.

        Args:
            collect: called for the `Pass`; may raise, as everything that follows.
            epoch: counted from 0.
            loss: the `LossReading`.

        Returns:
            What goes to `logs`, name → float, without prefix: the same names in every epoch.
        """
        self._epoch = epoch
        try:
            assessment = self._assess(collect(), loss)
            values, tally, self._entries = assessment.values, assessment.tally, assessment.entries
            self.troubles.report(assessment.scores, epoch)
        except Exception as error:  # whatever it is, it must not end a long run, unless error_score says so
            value, tally = self._settle(error), None
            values = {name: np.full(np.shape(past[-1]), value)[()] for name, past in self.history.items()}
            self._entries = dict.fromkeys(self._entries, value)
        self.history.append(epoch, values, tally)
        return self._entries

    def _assess(self, seen, loss):
        self.predictions = rows = Predictions.join(seen.batches)
        if self._task == "auto" or not self.history.epochs:
            self._task = settle_task(self._task, rows, loss, self._scoring)
            self._tell(f"Metrics: {describe(self._task, rows, loss)}.")
        rows = rows if self._use_sample_weight else rows.unweighted()
        return assess(rows, loss, self._task, self._scoring, complete=seen.complete, on_error=self._score_failed)

    def _score_failed(self, name, error):
        rows: Any = self.predictions
        told = ScoringError(
            f"Metrics: the score {name!r} failed in epoch {self._epoch + 1} (counted from 1), on targets "
            f"{rows.y_true.shape} and outputs {rows.y_pred.shape}: {error}"
        )
        told.__cause__ = error
        return self._settle(told)

    def _settle(self, error):
        return self.troubles.settle(error, self._epoch, first=not self.history.epochs)
