"""Labels made on the device: of outputs that nobody needs on the host, one or two bytes per row cross to it.

They are made from the outputs that the step returned, by a small compiled function of their own. So the step stays as
it is: no model is traced again when labels begin to suffice, and what is labelled is exactly what would have crossed.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
from keras import tree

from kerascb_metrics.collect.backend import Captured, Tensor, backend
from kerascb_metrics.collect.label_rule import LabelRule
from kerascb_metrics.collect.processes import captures_own_rows, is_multi_process
from kerascb_metrics.collect.row_store import RowConsumer


@dataclass(frozen=True, eq=False)
class LabelledPart:
    """A captured part with labels in place of some outputs.

    Attributes:
        part: its `y_pred` is None where an output was labelled; `labels`, of the same structure, is None elsewhere.
        are_enough: whether the labels of each labelled output are enough, on the device.
        bytes_saved: how many bytes of a row stay on the device.
    """

    part: Captured
    are_enough: Sequence[Tensor]
    bytes_saved: int

    def is_enough(self) -> bool:
        """Return whether the host can do without the outputs; waits for the device."""
        return all(bool(backend().to_numpy(enough)) for enough in self.are_enough)


def labelled(part: Captured, consumers: Sequence[RowConsumer]) -> LabelledPart | None:
    """Label the outputs of a part on the device, as far as all consumers want the same labels; None: none of them.

    Args:
        part: the captured tensors.
        consumers: all who get the rows; none of them keeps any.
    """
    rules = _common_rules(part["y_pred"], consumers) if consumers else ()
    if not any(rules):
        return None
    structure = part["y_pred"]
    outputs = tree.flatten(structure)
    made = [None if rule is None else backend().label(own, rule) for own, rule in zip(outputs, rules, strict=True)]
    kept = [own if pair is None else None for own, pair in zip(outputs, made, strict=True)]
    labels = [None if pair is None else pair[0] for pair in made]
    packed = {"y_pred": tree.pack_sequence_as(structure, kept), "labels": tree.pack_sequence_as(structure, labels)}
    pairs = [(own, *pair) for own, pair in zip(outputs, made, strict=True) if pair is not None]
    saved = sum(bytes_of_row(own) - bytes_of_row(labels) for own, labels, _ in pairs)
    return LabelledPart({**part, **packed}, [enough for _, _, enough in pairs], saved)


def _common_rules(outputs: Any, consumers: Sequence[RowConsumer]) -> Sequence[LabelRule | None]:
    """Return the rule of each output that all consumers have in common; an empty sequence if there is none."""
    leaves = tree.flatten(outputs)
    if (is_multi_process() and not captures_own_rows()) or not all(map(keras.ops.is_tensor, leaves)):
        return ()
    asked = [consumer.label_rules(outputs) for consumer in consumers]
    if not all(map(any, asked)):
        return ()
    return [rules[0] if all(rule == rules[0] for rule in rules) else None for rules in zip(*asked, strict=True)]


def bytes_of_row(tensor: Tensor) -> int:
    """Return how many bytes a row of a tensor takes."""
    bits = int("".join(filter(str.isdigit, dtype_of(tensor))))  # NumPy does not know "bfloat16"
    values: int = math.prod(tensor.shape[1:])
    return values * bits // 8


def dtype_of(tensor: Tensor) -> str:
    """Return the name of a tensor's dtype, the same on every backend."""
    name: str = keras.backend.standardize_dtype(tensor.dtype)
    return name
