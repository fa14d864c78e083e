"""The tapped test function on PyTorch."""

import torch


def build(model, tap):
    """Build the twin of Keras's test function: `twin(data) -> (logs, parts)`.

    Keras allows no `steps_per_execution` here, so there is one batch a call.
    """

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
