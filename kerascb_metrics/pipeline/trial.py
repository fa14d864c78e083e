"""A trial reading: whether a task can read the rows of an output, on rows that are there before the pass has ended.

What is refused here would be refused after the whole pass too: a part of the rows is never judged more strictly.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kerascb_metrics.exceptions import DataError, naming_output
from kerascb_metrics.interpret.advice import read_rows
from kerascb_metrics.interpret.infer_task import infer_task
from kerascb_metrics.interpret.join import Batch
from kerascb_metrics.interpret.losses import LossReading
from kerascb_metrics.interpret.outputs import Outputs
from kerascb_metrics.interpret.regression import Regression
from kerascb_metrics.pipeline.last_axis import OF_COLUMNS, known_columns
from kerascb_metrics.pipeline.settling import is_by_element, refuse_element_weights
from kerascb_metrics.predictions import Predictions
from kerascb_metrics.score.plan import Plan
from kerascb_metrics.score.scoring import Scoring

# Output → its task.
Tasks = dict[str | None, Any]


@dataclass(frozen=True, eq=False)
class Trial:
    """Reads some rows of each output as the pass will be read, and forgets them.

    Args:
        plan: the `Plan`.
        outputs: the model's `Outputs`.
        structure: `ModelFacts.structure`.
        use_sample_weight: whether weights count.
        is_fit_pass: see `ModelFacts`.
    """

    plan: Plan
    outputs: Outputs
    structure: Any
    use_sample_weight: bool = True
    is_fit_pass: bool = False

    def check(
        self, parts: Mapping[str | None, Sequence[Batch]], *, whole: bool = False, tasks: Tasks | None = None
    ) -> Tasks:
        """Raise if an output cannot be read, or cannot have the scores asked for.

        Args:
            parts: output → batches.
            whole: whether these are all targets of the pass. If not, a task that depends on the values of all of them
                stays open.
            tasks: output → its task, where that is settled.

        Returns:
            Output → its task, of the outputs that were read.

        Raises:
            DataError: as the tasks do.
            ValueError: as `Scoring.check`.
        """
        found: Tasks = {}
        for output, batches in parts.items():
            scoring = self.plan.scoring_of(output, self.outputs.names)
            if scoring is not None:
                task = (tasks or {}).get(output, self.plan.task_of(output))
                with naming_output(output):
                    task = self._read(output, task, batches, scoring, whole)
                if task is not None:
                    found[output] = task
        return found

    def _read(self, output: str | None, task: Any, batches: Sequence[Batch], scoring: Scoring, whole: bool) -> Any:
        loss = self.outputs.loss_of(output)
        has_columns = known_columns(self.outputs.axes_of(output, self.structure), task, loss, batches)
        rows = Predictions.join(batches, has_columns)
        rows = rows if self.use_sample_weight else rows.unweighted()
        if self.is_fit_pass:
            refuse_element_weights(rows, loss)
        try:
            return _read(task, rows, loss, scoring, whole)
        except ValueError:
            # Batches of other lengths may follow, and show that the last axis holds positions.
            if has_columns is None and rows.y_pred.ndim > 1 and _can_read(task, rows, loss, scoring, whole):
                return None
            raise


def refuse_untargeted(plan: Plan, outputs: Outputs, parts: Mapping[str | None, Sequence[Batch]]) -> None:
    """Raise `DataError` if an output whose scores are asked for by its name has no targets.

    Args:
        plan: the `Plan`.
        outputs: the model's `Outputs`.
        parts: the outputs that have targets.
    """
    missing = [name for name in plan.asked_by_output(outputs.names) if name not in parts]
    if missing:
        raise DataError(
            f"Metrics: scoring= asks for scores of the output {', '.join(map(repr, missing))}, which has no "
            "targets in the validation data. Add them, or leave it out of scoring=."
        )


def _can_read(task: Any, rows: Predictions, loss: LossReading, scoring: Scoring, whole: bool) -> bool:
    """Return whether the rows can be read with positions in their last axis."""
    try:
        _read(task, replace(rows, has_columns=False), loss, scoring, whole)
    except ValueError:
        return False
    return True


def _read(task: Any, rows: Predictions, loss: LossReading, scoring: Scoring, whole: bool) -> Any:
    """Read the rows and return their task; None, and nothing is read, if later rows may decide it."""
    settled = infer_task(rows, loss) if task == "auto" and whole else _certain_task(task, rows, loss)
    if settled is not None:
        _refuse_unfit(settled, rows, loss)
        scoring.check(settled.kind, loss.name, by_element=is_by_element(settled, rows, loss))
        labeling = read_rows(settled, rows, loss).labeling
        scoring.refuse_margins(labeling)
        scoring.refuse_double(labeling.kind, labeling.class_names)
    return settled


def _certain_task(task: Any, rows: Predictions, loss: LossReading) -> Any:
    """Return the task that the whole pass will have; None if the values of later rows may decide it."""
    if task != "auto":
        return task
    if loss.problem or loss.family not in (None, "regression"):
        return infer_task(rows, loss)
    try:
        inferred = infer_task(rows, loss)
    except DataError:  # later targets may be others than 0 and 1, or no whole numbers
        return Regression() if loss.family == "regression" else None
    return inferred if inferred.kind == "regression" else None


def _refuse_unfit(task: Any, rows: Predictions, loss: LossReading) -> None:
    """Raise `DataError` if columns are classes by the loss, and the task would read each as a position."""
    if task.kind == "binary" and loss.family in OF_COLUMNS and rows.columns > 2:
        raise DataError(
            f"Metrics: a binary task needs outputs with one or two columns; received outputs "
            f"{(None, *rows.y_pred.shape[1:])} and the loss {loss.name}, whose columns are classes. Pass "
            "task='multiclass'."
        )
