"""The tapped test function on PyTorch."""

import keras
import torch

from kerascb_metrics.collect.keras_internals import joins_torch_processes
from kerascb_metrics.collect.step_spy import Tap
from kerascb_metrics.exceptions import CaptureError


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


def is_host_memory(tensor):
    """Tell whether a tensor is in the host's memory: there is no device to be kept waiting."""
    return tensor.device.type == "cpu"


def start_copy(tensor):
    """Do nothing: PyTorch copies from a device when it is asked for the values."""


def process_count():
    """Return how many processes torch.distributed has; 1 where it is not initialized."""
    distributed = torch.distributed.is_available() and torch.distributed.is_initialized()
    return torch.distributed.get_world_size() if distributed else 1


def refuse_unsupported(model, given=False):
    """Raise `CaptureError` for processes that Keras trains together: each has the outputs of its own rows only.

    `given`: with data of the callback's own.
    """
    count, distribution = process_count(), keras.distribution.distribution()
    if count == 1 or (distribution is None and not joins_torch_processes()):
        return
    how = f"Keras {keras.__version__} joins them" if distribution is None else type(distribution).__name__
    raise CaptureError(
        f"Metrics: {count} processes of torch.distributed train together ({how}). On PyTorch their rows cannot be "
        "gathered yet, so each process would score its own rows only. Train on JAX, where all rows are scored; or "
        "leave Metrics out, save the model after training, and call metrics.evaluate(model, data) in a process of its "
        "own."
    )
