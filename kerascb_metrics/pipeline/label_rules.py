"""Which outputs may become labels on the device, and their labels in the shape of the outputs, as rows have them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import tree

from kerascb_metrics.collect.device_labels import bytes_of_row, dtype_of
from kerascb_metrics.collect.label_rule import FLOATS, MOST_COLUMNS, LabelRule
from kerascb_metrics.collect.row_store import Batch
from kerascb_metrics.exceptions import DataError
from kerascb_metrics.interpret.join import LabelledBy
from kerascb_metrics.interpret.losses import LossReading

# For outputs of each new shape a function is compiled, which takes longer than to label a small batch on the host.
_MOST_SHAPES = 8
# Of a batch with fewer bytes of outputs, the call of a function on the device takes longer than what it saves.
LEAST_BYTES = 1 << 14
_Axes = tuple[int | None, ...] | None


class LabelRules:
    """The `LabelRule` of each output that was labelled on the device in a fit; it stays the same."""

    def __init__(self) -> None:
        self._rules: dict[str | None, LabelRule] = {}
        self._shapes: dict[str | None, set[tuple[int, ...]]] = {}

    def of(self, output: str | None, task: Any, loss: LossReading, tensor: Any, axes: _Axes) -> LabelRule | None:
        """Return the rule for an output of a batch; None if the host needs the output itself.

        Args:
            output: its name.
            task: the settled task.
            loss: what the compiled loss tells about it.
            tensor: the output.
            axes: its static shape, or None.
        """
        rule, shape = _rule_of(task, loss, tensor, axes), tuple(tensor.shape)
        if rule is None or (output not in self._rules and bytes_of_row(tensor) * shape[0] < LEAST_BYTES):
            return None
        if rule != self._rules.setdefault(output, rule):
            return None
        shapes = self._shapes.setdefault(output, set())
        if len(shapes) < _MOST_SHAPES:
            shapes.add(shape)
        return rule if shape in shapes else None

    def labelled_by(self, output: str | None) -> LabelledBy:
        """Return what the labels of an output are for, see `LabelledBy`."""
        return "element" if self._rules[output].columns is None else "row"

    def unpacked(self, batch: Batch, outputs: Sequence[str | None]) -> Batch:
        """Return a batch with labels in place of the outputs, in their shape; they take no more memory.

        Args:
            batch: as it was captured.
            outputs: the name of each output, in flattened order.
        """
        if "labels" not in batch:
            return batch
        values = zip(outputs, tree.flatten(batch["y_pred"]), tree.flatten(batch["labels"]), strict=True)
        y_pred = [own if labels is None else self._in_shape(output, labels) for output, own, labels in values]
        whole = {name: value for name, value in batch.items() if name != "labels"}
        return {**whole, "y_pred": tree.pack_sequence_as(batch["y_pred"], y_pred)}

    def _in_shape(self, output: str | None, labels: np.ndarray) -> np.ndarray:
        columns = self._rules[output].columns
        return labels if columns is None else np.broadcast_to(labels, (*labels.shape[:-1], columns))


def are_labelled(batch: Batch) -> tuple[bool, ...]:
    """Return which outputs of a batch were labelled on the device; () if none was."""
    return tuple(labels is not None for labels in tree.flatten(batch["labels"])) if "labels" in batch else ()


def _rule_of(task: Any, loss: LossReading, tensor: Any, axes: _Axes) -> LabelRule | None:
    shape, dtype = tuple(tensor.shape), dtype_of(tensor)
    if dtype not in FLOATS or not shape:
        return None
    columns = shape[-1] if len(shape) > 1 else 1
    if not _are_columns(task, columns, axes):
        return None
    try:
        rule: LabelRule | None = task.label_rule(columns, loss)
    except DataError:  # reading the rows will raise it
        return None
    return None if rule is None or (rule.columns or 0) > MOST_COLUMNS else rule


def _are_columns(task: Any, columns: int, axes: _Axes) -> bool:
    """Return whether the last axis holds columns, where a task would read positions in another way."""
    if (task.kind, columns) == ("binary", 2) or (task.kind == "ordinal" and task.labels is not None):
        return axes is not None and axes[0] is None and axes[-1] == columns
    return True
