"""Which fit a callback is in: it serves one at a time, across all threads.

Keras calls no hook after a `fit` that raised. So a claim does not show whether its fit is running or was interrupted.
The stacks do: a running fit is on the stack of a thread.
"""

import threading
import weakref
from collections.abc import Callable
from typing import Any

from kerascb_metrics.collect import keras_internals

_LOCK = threading.Lock()


class Claim:
    """The fit that a callback is in. It holds a weak reference only, so it does not keep the fit's model alive."""

    def __init__(self) -> None:
        self._list: Callable[[], Any] = _no_list

    def take(self) -> None:
        """Claim the callback for the innermost fit of this thread; raise `ValueError` if another fit has it."""
        with _LOCK:
            own = keras_internals.list_of_innermost_fit()
            self._refuse_others(own)
            self._list = _no_list if own is None else weakref.ref(own)

    def release(self) -> None:
        """Allow the next fit to have the callback."""
        self._list = _no_list

    def refuse_use(self) -> None:
        """Raise `ValueError` if another fit than the innermost one of this thread has the callback."""
        with _LOCK:
            self._refuse_others(keras_internals.list_of_innermost_fit())

    def _refuse_others(self, own: Any) -> None:
        held = self._list()
        running = 0 if held is None else sum(listed is held for listed in keras_internals.lists_of_all_fits())
        if running > (held is own):
            raise ValueError(
                "Metrics: this Metrics is in use: another fit, which has not ended, calls it. Give each fit its own "
                "Metrics."
            )


def _no_list() -> None:
    return None
