"""Trial readings before training: of static shapes, and of targets in arrays. Datasets are never read for it."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import tree

from kerascb_metrics.interpret.join import Batch
from kerascb_metrics.pipeline.trial import Trial, refuse_untargeted

# How many rows are tried where their number is not known: few, for a row may have millions of positions.
_ROWS = 2
# How many outputs are read at a time.
_AT_ONCE = 1 << 20
_SPARSE = "sparse_categorical_crossentropy"


@dataclass(frozen=True, eq=False)
class Targets:
    """The targets and weights of validation data that are arrays.

    Attributes:
        y_true: the targets, in any structure that Keras accepts.
        sample_weight: the weights, in any structure that Keras accepts, or None.
        rows: how many rows the pass sees; None: all.
    """

    y_true: Any
    sample_weight: Any = None
    rows: int | None = None

    @classmethod
    def of(cls, y_true: Any, sample_weight: Any = None, rows: int | None = None) -> "Targets | None":
        """Return the targets as NumPy arrays; None if they are not arrays in the memory of the host."""
        leaves = [leaf for leaf in tree.flatten([y_true, sample_weight]) if leaf is not None]
        if y_true is None or not all(isinstance(_as_array(leaf), np.ndarray) for leaf in leaves):
            return None
        return cls(tree.map_structure(_as_array, y_true), tree.map_structure(_as_array, sample_weight), rows)

    @property
    def samples(self) -> int:
        """How many samples the pass sees."""
        first = len(tree.flatten(self.y_true)[0])
        return first if self.rows is None else min(first, self.rows)


def check_targets(trial: Trial, targets: Targets, *, masked: bool) -> None:
    """Read the targets, with outputs of the model's static shape: shapes, dtypes and labels.

    Args:
        trial: the `Trial`.
        targets: all targets of the validation data.
        masked: whether the model may hide positions, whose targets need not be valid.

    Raises:
        DataError: as the tasks do.
        ValueError: as `Scoring.check`.
    """
    nested = {"y_true": targets.y_true, "y_pred": trial.structure, "sample_weight": targets.sample_weight, "mask": None}
    parts = trial.outputs.split([nested], trial.plan.only)
    refuse_untargeted(trial.plan, trial.outputs, parts)
    for output, (given,) in parts.items():
        batch = _with_outputs(given, trial.outputs.axes_of(output, trial.structure))
        if batch is None:
            continue
        batch = _cut(batch, slice(0, targets.rows))
        tasks = trial.check({output: [_hidden(batch)]}, whole=not masked)
        for block in _blocks_of(batch) if tasks and not masked else ():
            trial.check({output: [block]}, tasks=tasks)


def check_shapes(trial: Trial) -> None:
    """Read rows of the model's static shapes, with the layouts of targets that the loss allows.

    Args:
        trial: the `Trial`.

    Raises:
        DataError: if an output cannot be read with any of them.
        ValueError: as `Scoring.check`.
    """
    for output, trained in zip(trial.outputs.keys, trial.outputs.trained, strict=True):
        axes = trial.outputs.axes_of(output, trial.structure)
        if axes and axes[-1] is not None and (trained or not trial.outputs.names):
            _check_shape(trial, output, (_ROWS, *(length or 1 for length in axes[1:])))


def _check_shape(trial: Trial, output: str | None, shape: tuple[int, ...]) -> None:
    loss, task = trial.outputs.loss_of(output), trial.plan.task_of(output)
    layouts = [shape[:-1] if len(shape) > 1 else shape]
    if loss.name != _SPARSE:
        layouts = [shape] if loss.family == "categorical" else [*layouts, shape]
    labels = getattr(task, "labels", None)
    label = np.zeros((), np.asarray(getattr(task, "pos_label", 0) if labels is None else labels).dtype)
    errors: list[ValueError] = []
    for layout in layouts:
        y_true, y_pred = np.broadcast_to(label, layout), _outputs_of(shape)
        batch = Batch(y_true=y_true, y_pred=y_pred, sample_weight=None, mask=None)
        try:
            trial.check({output: [_hidden(batch)]})
        except ValueError as error:
            errors.append(error)
    if len(errors) == len(layouts):
        raise type(errors[-1])(str(errors[-1]).replace(f"({_ROWS},", "(None,")) from None


# Batches for a trial.


def _as_array(leaf: Any) -> Any:
    """Return a Series or DataFrame of pandas, or a masked array, as an array of NumPy; anything else as it is."""
    leaf = leaf.to_numpy() if hasattr(leaf, "to_numpy") else leaf
    return np.asarray(leaf) if isinstance(leaf, np.ndarray) else leaf


def _outputs_of(shape: tuple[int, ...]) -> np.ndarray:
    """Return outputs that every task accepts, as probabilities that add up to 1; they take no memory."""
    return np.broadcast_to(np.float32(1 / shape[-1] if len(shape) > 1 and shape[-1] > 1 else 0.5), shape)


def _with_outputs(given: Batch, axes: tuple[int | None, ...] | None) -> Batch | None:
    """Return a batch with outputs in place of their static shape; None if targets do not tell the unknown lengths."""
    y_true = given["y_true"]
    if y_true is None or axes is None or not y_true.ndim:
        return None
    own, places = axes[1:], y_true.shape[1:]
    if axes[0] is not None:  # the shape of a first batch, whose lengths other batches need not have
        own = (*(None for _ in own[:-1]), *own[-1:])
        if len(places) == len(own) and places[-1:] not in ((1,), own[-1:]):
            return None
    if None in own and len(places) not in (len(own), len(own) - 1):
        return None
    lengths = (*places, own[-1]) if own and len(places) < len(own) else places
    shape = tuple(known if known is not None else length for known, length in zip(own, lengths, strict=False))
    if None in shape or len(shape) != len(own):
        return None
    return {**given, "y_pred": _outputs_of((len(y_true), *(length or 0 for length in shape)))}


def _hidden(batch: Batch) -> Batch:
    """Return the batch with a mask that hides every row: then its shapes are checked, and no value."""
    return {**batch, "mask": np.broadcast_to(False, batch["y_pred"].shape[:1])}


def _blocks_of(batch: Batch) -> Iterator[Batch]:
    shape = batch["y_pred"].shape
    step = max(1, _AT_ONCE // max(1, math.prod(shape[1:])))
    return (_cut(batch, slice(start, start + step)) for start in range(0, shape[0], step))


def _cut(batch: Batch, rows: slice) -> Batch:
    """Return some rows, in the dtype that Keras gives them."""
    y_true, weight = batch["y_true"], batch["sample_weight"]
    return {
        "y_true": None if y_true is None else _in_keras_dtype(y_true[rows]),
        "y_pred": batch["y_pred"][rows],
        "sample_weight": None if weight is None else weight[rows],
        "mask": None,
    }


def _in_keras_dtype(array: np.ndarray) -> np.ndarray:
    return array.astype(keras.config.floatx()) if array.dtype == np.float64 else array
