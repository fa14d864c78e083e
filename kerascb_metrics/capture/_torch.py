"""The tapped test function on PyTorch."""

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
