"""The tapped test function on JAX."""

import numpy as np

from kerascb_metrics.capture.guards import replaced
from kerascb_metrics.capture.tap import Tap


def build(model):
    """Build the twin of Keras's test function: `twin(state, iterator) -> ((logs, state), parts)`.

    Keras's own `make_test_function` makes it, with the step replaced, and so keeps its jit, donation and shardings.
    Built for one step and looped here: with `steps_per_execution > 1` Keras returns the last step's outputs only.
    """
    tap, test_step = Tap(model), model.test_step

    def tapped_step(state, data):
        (logs, state), captured = tap.step(test_step, state, data)
        return (logs, captured), state

    with replaced(model, test_step=tapped_step, steps_per_execution=1, test_function=None):
        model.make_test_function(force=True)
        one_step = model.test_function

    def twin(state, iterator):
        parts = []
        for step in range(model.steps_per_execution):
            try:
                with tap.listening():
                    (logs, captured), state = one_step(state, iterator)
            except StopIteration:
                if step == 0:
                    raise  # Keras's evaluate ends the epoch on it
                break
            parts.append(captured)
        return (logs, state), parts

    return twin


def to_numpy(array):
    """An array of a JAX array's values; it may share its memory."""
    return np.asarray(array)


def is_at_hand(array):
    """Tell whether an array is in the host's memory: no JAX array is taken for it."""
    return False


def start_copy(array):
    """Begin to copy to the host, without waiting."""
    array.copy_to_host_async()


def refuse_unsupported(model, given=False):
    """Raise `CaptureError` for what Keras itself cannot do; `given`: with data of the callback's own."""
