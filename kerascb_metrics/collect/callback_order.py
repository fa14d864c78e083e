"""The other callbacks of a fit, and the order in which Keras calls them."""

from typing import Any

import keras

from kerascb_metrics.collect import keras_internals


def callbacks_of_fit(callback: keras.callbacks.Callback) -> list[Any]:
    """Return the callbacks in the list whose hook is calling `callback`; only itself if the list is not found."""
    calling = keras_internals.calling_list(callback)
    return [callback] if calling is None else list(keras_internals.callbacks_in(calling))


def may_be_in_same_fit(callback: keras.callbacks.Callback, other: keras.callbacks.Callback) -> bool:
    """Return whether `other` is in the list whose hook is calling `callback`; True if the list is not found."""
    calling = keras_internals.calling_list(callback)
    return calling is None or any(each is other for each in keras_internals.callbacks_in(calling))


def move_callback(place: int | None, callback: keras.callbacks.Callback) -> int | None:
    """Move `callback` to another place of the list that is calling it, from the next hook on.

    At the front, the others see what it adds to `logs`.

    Args:
        place: the new index; None leaves the list as it is.
        callback: the callback that Keras is calling.

    Returns:
        The index that it had; None if nothing was moved.
    """
    calling = keras_internals.calling_list(callback)
    if calling is None or place is None:
        return None
    listed = keras_internals.callbacks_in(calling)
    others = [other for other in listed if other is not callback]
    keras_internals.put_in_order(calling, [*others[:place], callback, *others[place:]])
    return listed.index(callback)
