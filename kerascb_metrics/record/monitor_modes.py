"""Directions for Keras's monitoring callbacks.

EarlyStopping, ModelCheckpoint and ReduceLROnPlateau with `mode="auto"` know the direction of compiled metrics only; for
any other name they raise at their first `on_epoch_end`. They read `mode` there, so it can be set before.
"""

from collections.abc import Callable, Iterable
from typing import Any


def give_modes(callbacks: Iterable[Any], mode_of: Callable[[Any], str | None]) -> list[Any]:
    """Set the `mode` of each callback that has `mode="auto"`, if the direction of what it monitors is known.

    Args:
        callbacks: the callbacks of a fit.
        mode_of: monitor → "max", "min" or None.

    Returns:
        The callbacks whose mode was set, for `restore_auto_mode`.
    """
    changed = []
    for callback in callbacks:
        if getattr(callback, "mode", None) != "auto" or getattr(callback, "monitor_op", None) is not None:
            continue
        mode = mode_of(getattr(callback, "monitor", None))
        if mode is not None:
            callback.mode = mode
            changed.append(callback)
    return changed


def restore_auto_mode(callbacks: Iterable[Any]) -> None:
    """Set the callbacks back to `mode="auto"`."""
    for callback in callbacks:
        callback.mode = "auto"
