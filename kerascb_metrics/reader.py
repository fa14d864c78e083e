"""Interpret: captured batches as the `Evidence` of each output, by tasks that are settled once a fit.

Rows that are kept are read when the pass has ended. Others are read part by part, as they come, and counted.
"""

from dataclasses import dataclass
from typing import Any

from kerascb_metrics import capture
from kerascb_metrics.counting import Counting
from kerascb_metrics.evidence import Evidence
from kerascb_metrics.inference import infer_task
from kerascb_metrics.losses import read_loss
from kerascb_metrics.merging import merged, refuse_if_any
from kerascb_metrics.outputs import of_output, split_outputs
from kerascb_metrics.predictions import Predictions
from kerascb_metrics.scoring import Scoring


@dataclass(frozen=True)
class Reading:
    """What one output of a pass says, and what is asked of it.

    Attributes:
        evidence: the `Evidence`.
        scoring: the `Scoring`.
        shapes: of its targets and outputs, in words.
    """

    evidence: Evidence
    scoring: Scoring
    shapes: str


class Reader(capture.Taker):
    """Reads the passes of one fit.

    Args:
        plan: the `Plan`.
        use_sample_weight: whether weights count.
        tell: called with (output, sentence) for each output, to say how it is read.
        say: called with (topic, sentence) for a warning.

    Attributes:
        predictions: the last pass's `Predictions`, by output where there are several; None where its rows are not kept.
    """

    def __init__(self, plan, use_sample_weight, tell, say):
        self.memory = plan.memory
        self.predictions: Any = None
        self._plan, self._use_sample_weight, self._tell, self._say = plan, use_sample_weight, tell, say
        self._tasks: dict = {}
        self._epoch, self._loss, self._output_names = 0, None, None
        self._counted: dict = {}
        self._shapes: dict = {}
        self._error: Exception | None = None

    def begin(self, epoch, loss, output_names=None):
        """Begin a pass.

        Args:
            epoch: counted from 0.
            loss: the compiled loss, or losses by output.
            output_names: the model's, where it has them.
        """
        self._epoch, self._loss, self._output_names = epoch, loss, output_names
        self._counted, self._error = {}, None

    def can_do_without(self, batches):
        """Tell whether counts are enough for every score, and say what follows."""
        try:
            needing = self._needing_rows(self._rows_of(batches))
        except Exception as error:  # of the data; it waits for the end of the pass
            self._error = error
            return True
        begun = f"epoch {self._epoch + 1}: the rows of the validation pass pass the limit of memory='auto'"
        if needing:
            self._say("memory", f"{begun}, and are kept all the same, for {', '.join(needing)} needs them.")
        else:
            self._say(
                "memory",
                f"{begun}, so only counts are kept from here on. Label scores stay exact; ROC AUC and average "
                "precision are the middle of the intervals in `history.bounds`; `predictions` is None. memory='exact' "
                "keeps the rows, memory='bounded' never does, and says nothing.",
            )
        return not needing

    def look(self, batches):
        """Settle the tasks, so that all processes do it alike."""
        try:
            self._scorings(self._rows_of(batches))
        except Exception as error:
            self._error = error

    def take(self, batches):
        """Count some rows of the pass; an error waits for its end."""
        if self._error is not None:
            return
        try:
            rows = self._rows_of(batches)
            for output, scoring in self._scorings(rows).items():
                counting = self._counted.setdefault(output, Counting(bool(scoring.ranked)))
                counting.add(self._evidence(output, rows[output]), rows[output].y_pred.dtype.name)
        except Exception as error:
            self._error = error

    def read(self, batches):
        """Return output → `Reading` of the pass that has ended; None → that of an only output.

        Args:
            batches: those that were kept.
        """
        shared = self.memory == "bounded" and capture.together()
        if shared:
            refuse_if_any(self._error)
        elif self._error is not None:
            raise self._error
        if self._counted:
            self.predictions = None
            scorings = {name: self._plan.scoring_of(name, _several(self._counted)) for name in self._counted}
            evidence = {name: counting.evidence() for name, counting in self._counted.items()}
            evidence = {name: merged(own) for name, own in evidence.items()} if shared else evidence
        else:
            rows = self._rows_of(batches)
            self.predictions = rows.get(None, rows)
            scorings = self._scorings(rows)
            evidence = {name: self._evidence(name, rows[name]) for name in scorings}
        return {name: Reading(evidence[name], scorings[name], self._shapes[name]) for name in scorings}

    def end(self):
        """End a pass: let go of what was counted."""
        self._counted, self._error = {}, None

    def _rows_of(self, batches):
        parts = split_outputs(batches, self._output_names, self._plan.only, self._loss)
        rows = {name: Predictions.join(own) for name, own in parts.items()}
        if not self._tasks:
            self._plan.check(self._loss, _several(rows))
        self._shapes = {
            name: f"targets {own.y_true.shape} and outputs {own.y_pred.shape}" for name, own in rows.items()
        }
        return rows

    def _scorings(self, rows):
        """The `Scoring` of each output that is scored, its task settled."""
        found = {name: self._plan.scoring_of(name, _several(rows)) for name in rows}
        found = {name: scoring for name, scoring in found.items() if scoring is not None}
        for name in found.keys() - self._tasks.keys():
            self._tasks[name] = self._settled(name, rows[name], found[name])
        return found

    def _needing_rows(self, rows):
        scorings = self._scorings(rows)
        return [name for output, own in scorings.items() for name in own.needing_rows(self._tasks[output].kind)]

    def _settled(self, output, rows, scoring):
        loss = self._loss_of(output)
        task = settle_task(self._plan.task_of(output), rows, loss, scoring)
        self._tell(output, f"{describe(task, rows, loss)}.")
        return task

    def _evidence(self, output, rows):
        rows = rows if self._use_sample_weight else rows.unweighted()
        return self._tasks[output].read(rows, self._loss_of(output))

    def _loss_of(self, output):
        return read_loss(of_output(self._loss, output, self._output_names))


def _several(rows):
    """The names of the outputs, where there are several."""
    return [name for name in rows if name is not None]


def settle_task(task, rows, loss, scoring):
    """Return the task of a pass, inferred where it is "auto", and checked against the scores asked for."""
    settled = infer_task(rows, loss) if task == "auto" else task
    scoring.check(settled.kind, loss.name)
    return settled


def describe(task, rows, loss):
    """Say in one sentence how the outputs are read.

    >>> import numpy as np
    >>> from kerascb_metrics import Binary
    >>> rows = Predictions(np.array([0, 1]), np.array([[0.2], [0.9]]))
    >>> describe(Binary(), rows, read_loss("binary_crossentropy"))
    'binary task (loss binary_crossentropy, output (None, 1)), positive when probability > 0.5'
    """
    shape = (None, *rows.y_pred.shape[1:])
    return f"{task.kind} task (loss {loss.name}, output {shape}), {task.describe(loss)}"
