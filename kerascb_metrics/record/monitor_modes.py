"""Directions for Keras's monitoring callbacks.

EarlyStopping, ModelCheckpoint and ReduceLROnPlateau left at `mode="auto"` know the direction of compiled metrics only;
at any other name they raise at their first `on_epoch_end`. They read `mode` there, so it can be given before.
"""


def give_modes(callbacks, mode_of):
    """Give each callback left at `mode="auto"` the direction of what it monitors, where `mode_of` knows it.

    Args:
        callbacks: a list of callbacks.
        mode_of: monitor → "max", "min" or None.

    Returns:
        The callbacks that were given one, for `restore_auto_mode`.
    """
    given = []
    for callback in callbacks:
        if getattr(callback, "mode", None) != "auto" or getattr(callback, "monitor_op", None) is not None:
            continue
        mode = mode_of(getattr(callback, "monitor", None))
        if mode is not None:
            callback.mode = mode
            given.append(callback)
    return given


def restore_auto_mode(given):
    """Leave the callbacks at `mode="auto"` again."""
    for callback in given:
        callback.mode = "auto"
