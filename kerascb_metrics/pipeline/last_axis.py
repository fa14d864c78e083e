"""Whether the last axis of an output holds columns, such as classes, or positions, such as time steps."""

from collections.abc import Sequence
from typing import Any

from kerascb_metrics.exceptions import DataError
from kerascb_metrics.interpret.join import Batch
from kerascb_metrics.interpret.losses import LossReading

# Families of losses whose outputs have one column per class.
OF_COLUMNS = ("categorical", "categorical_hinge", "crossentropy")


def known_columns(
    axes: tuple[int | None, ...] | None, task: Any, loss: LossReading, batches: Sequence[Batch]
) -> bool | None:
    """Tell whether the model says that an output's last axis holds columns; None where it does not say.

    An axis of unknown length holds positions, unless the task, the loss or the targets want columns. A known length
    says nothing where the number of rows is known too: a Sequential model that is built by its first batch takes the
    whole shape of that batch for its own.

    Args:
        axes: the static shape of the output, or None.
        task: the task of the output, or "auto".
        loss: what the compiled loss says about it.
        batches: of the output.
    """
    if axes is None or len(axes) < 2:
        return None
    if axes[-1] is not None:
        return True if axes[0] is None and lengths_of(batches) == {(axes[-1],)} else None
    wants_columns = getattr(task, "kind", None) in ("multiclass", "multilabel") or loss.family in OF_COLUMNS
    wants_columns = wants_columns or (getattr(task, "kind", None) == "ordinal" and task.labels is None)
    # One target for several outputs of a row: they are columns, whatever the loss is.
    targets = [(batch["y_true"], batch["y_pred"]) for batch in batches]
    shared = any(y_true is not None and 0 < y_true.size < y_pred.size for y_true, y_pred in targets)
    return None if wants_columns or shared else False


def lengths_of(batches: Sequence[Batch]) -> set[tuple[int, ...]]:
    """Return the lengths of the last axis, each in a tuple; () for outputs of one axis."""
    return {batch["y_pred"].shape[1:][-1:] for batch in batches}


class LastAxes:
    """Remembers the last axis of each output, for passes that are counted part by part.

    In sequences (B, T) of different T the last axis holds positions, and each is a row. A part with one T does not
    show that.
    """

    def __init__(self) -> None:
        self._known: dict[str | None, tuple[int, ...] | None] = {}

    def may_hold_columns(self, output: str | None, batches: Sequence[Batch]) -> bool:
        """Tell whether the last axis may hold columns.

        Raises:
            DataError: where it is of one length in some parts and of another in others.
        """
        lengths = lengths_of(batches)
        own = None if len(lengths) > 1 else lengths.pop()
        known = self._known.setdefault(output, own)
        if known not in (None, own):
            raise DataError(
                f"Metrics: the outputs' last axis has length {known[0] if known else 1} in some validation batches and "
                "not in others, so they cannot be counted part by part. Pad them, or pass memory='exact'."
            )
        return known is not None
