"""Which fit a callback is in: it serves one at a time, in all threads.

After a `fit` that raised, Keras calls no hook. So a claim alone does not tell a fit that goes on from an interrupted
one; the stacks do: a fit that goes on is on the stack of a thread.
"""

import threading
import weakref

from kerascb_metrics.collect import keras_internals

_LOCK = threading.Lock()


class Claim:
    """What a callback holds of the fit that it is in; nothing that would keep the fit's model alive."""

    def __init__(self):
        self._list = _nothing

    def take(self):
        """Claim the callback for the innermost fit of this thread; raise `ValueError` if another one has it."""
        with _LOCK:
            own = keras_internals.list_of_innermost_fit()
            self._refuse_others(own)
            self._list = _nothing if own is None else weakref.ref(own)

    def release(self):
        """Let the next fit have the callback."""
        self._list = _nothing

    def refuse_use(self):
        """Raise `ValueError` if another fit than the innermost one of this thread has the callback."""
        with _LOCK:
            self._refuse_others(keras_internals.list_of_innermost_fit())

    def _refuse_others(self, own):
        held = self._list()
        going_on = 0 if held is None else sum(listed is held for listed in keras_internals.lists_of_all_fits())
        if going_on > (held is own):
            raise ValueError(
                "Metrics: this Metrics is in use: another fit, which has not ended, calls it. Give each fit a Metrics "
                "of its own."
            )


def _nothing():
    return None
