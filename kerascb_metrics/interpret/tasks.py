"""The tasks that `task=` can name. A new one is a file of its own and one entry in `TASKS`."""

from typing import Any, ClassVar, Protocol

from kerascb_metrics.interpret.binary import Binary
from kerascb_metrics.interpret.labeled_rows import LabeledRows
from kerascb_metrics.interpret.losses import LossReading
from kerascb_metrics.interpret.multiclass import Multiclass
from kerascb_metrics.interpret.multilabel import Multilabel
from kerascb_metrics.interpret.regression import Regression


class Task(Protocol):
    """What a model output means."""

    kind: ClassVar[str]

    def read(self, rows: Any, loss: LossReading) -> LabeledRows:
        """Return the rows as `LabeledRows`."""

    def describe(self, loss: LossReading) -> str:
        """Return how a row gets its label, in words."""


TASKS = {task.kind: task for task in (Binary, Multiclass, Multilabel, Regression)}


def as_task(task):
    """Turn `task=` into a task object, or "auto"; raise for anything else.

    >>> as_task("binary")
    Binary(threshold=None, from_logits='auto', pos_label=1, class_names=None)
    """
    if isinstance(task, tuple(TASKS.values())) or task == "auto":
        return task
    if isinstance(task, str) and task in TASKS:
        return TASKS[task]()
    raise ValueError(
        f"Metrics: task must be 'auto', {', '.join(map(repr, TASKS))}, or an object like Binary(threshold=0.3); "
        f"received {task!r}."
    )


def needs_loss(task: Any) -> bool:
    """Tell whether a task takes from the loss what its outputs are.

    >>> needs_loss(Binary()), needs_loss(Binary(from_logits=True)), needs_loss(Regression())
    (True, False, False)
    """
    return getattr(task, "from_logits", None) == "auto"
