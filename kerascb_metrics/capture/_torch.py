"""The tapped test function on PyTorch."""

import keras
import torch

from kerascb_metrics.capture.tap import Tap


def build(model):
    """Build the twin of Keras's test function: `twin(data) -> (logs, parts)`.

    Keras allows no `steps_per_execution` here, so there is one batch a call.
    """
    # Under a mask, Keras's losses multiply the sample weights in place (`sample_weight *= mask` in `apply_mask`).
    tap = Tap(model, copy=torch.clone)

    def one_step(data):
        with torch.no_grad():
            return tap.step(model.test_step, data)

    if model.jit_compile:
        one_step = torch.compile(one_step)

    def twin(data):
        with tap.listening():
            logs, captured = one_step(data[0])
        return logs, [captured]

    return twin


def to_numpy(tensor):
    """An array of a tensor's values; it may share its memory."""
    if tensor.dtype == torch.bfloat16:
        return keras.ops.convert_to_numpy(tensor)
    return tensor.numpy(force=True)  # Keras's own way warns at every call, at ten times the cost


def is_at_hand(tensor):
    """Tell whether a tensor is in the host's memory: there is no device to be kept waiting."""
    return tensor.device.type == "cpu"


def start_copy(tensor):
    """Do nothing: PyTorch copies from a device when it is asked for the values."""


def refuse_unsupported(model, given=False):
    """Raise `CaptureError` for what Keras itself cannot do; `given`: with data of the callback's own."""
