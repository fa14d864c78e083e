"""The other callbacks of a fit, and the order in which Keras calls them."""

from kerascb_metrics.collect import keras_internals


def callbacks_beside(callback):
    """Return the callbacks of the fit whose hook is calling `callback`, itself included; where not seen, it alone."""
    calling = keras_internals.calling_list(callback)
    return [callback] if calling is None else list(keras_internals.callbacks_in(calling))


def may_stand_beside(callback, other):
    """Tell whether `other` is in the list whose hook is calling `callback`; True where the list is not seen."""
    calling = keras_internals.calling_list(callback)
    return calling is None or any(each is other for each in keras_internals.callbacks_in(calling))


def move_callback(place, callback):
    """Have Keras call `callback` at another place of its list from the next hook on; return the place it had.

    At the front, the others see what it adds to `logs`.
    """
    calling = keras_internals.calling_list(callback)
    if calling is None or place is None:
        return None
    listed = keras_internals.callbacks_in(calling)
    others = [other for other in listed if other is not callback]
    keras_internals.put_in_order(calling, [*others[:place], callback, *others[place:]])
    return listed.index(callback)
