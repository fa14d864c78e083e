"""The tasks that `task=` can name. A new task is one file and one entry in `TASKS`."""

from typing import Any, ClassVar, Literal, Protocol

from kerascb_metrics.collect.label_rule import LabelRule
from kerascb_metrics.interpret.binary import Binary
from kerascb_metrics.interpret.join import Rows
from kerascb_metrics.interpret.kinds import Kind
from kerascb_metrics.interpret.labeled_rows import LabeledRows
from kerascb_metrics.interpret.losses import LossReading
from kerascb_metrics.interpret.multiclass import Multiclass
from kerascb_metrics.interpret.multilabel import Multilabel
from kerascb_metrics.interpret.ordinal import Ordinal
from kerascb_metrics.interpret.regression import Regression


class Task(Protocol):
    """What a model output means. A task is a frozen dataclass of its options."""

    kind: ClassVar[Kind]

    def read(self, rows: Rows, loss: LossReading) -> LabeledRows:
        """Return the rows as `LabeledRows`; raise `DataError` if they do not fit the task."""

    def label_rule(self, columns: int, loss: LossReading) -> LabelRule | None:
        """Return how the device labels outputs whose last axis has some length; None if the host has to."""

    def describe(self, loss: LossReading) -> str:
        """Return how a row gets its label, in words."""


_CLASSES: tuple[type[Task], ...] = (Binary, Multiclass, Multilabel, Ordinal, Regression)
TASKS: dict[str, type[Task]] = {task.kind: task for task in _CLASSES}


def as_task(task: Any) -> Task | Literal["auto"]:
    """Return the task object that `task=` names, or "auto".

    Args:
        task: what the user passed: a task object, the kind of one, or "auto".

    Raises:
        ValueError: if it is anything else.

    >>> as_task("regression")
    Regression(ignore_class=None)
    """
    if isinstance(task, _CLASSES):
        return task
    if task == "auto":
        return "auto"
    if isinstance(task, str) and task in TASKS:
        return TASKS[task]()
    raise ValueError(
        f"Metrics: task must be 'auto', {', '.join(map(repr, TASKS))}, or an object like Binary(threshold=0.3); "
        f"received {task!r}."
    )


def needs_loss(task: Any) -> bool:
    """Return whether a task needs the loss to know what its outputs are.

    >>> needs_loss(Binary()), needs_loss(Binary(from_logits=True)), needs_loss(Regression())
    (True, False, False)
    """
    return getattr(task, "from_logits", None) == "auto"
