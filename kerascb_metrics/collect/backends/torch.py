"""PyTorch."""

import contextlib
import functools
import threading
from collections.abc import Iterator
from typing import Any

import keras
import torch

from kerascb_metrics.collect.backend import Array, Backend, Captured, TappedFunction, Tensor
from kerascb_metrics.collect.backends.torch_processes import (
    EXCHANGE,
    are_joined,
    local_rows,
    owns_rows,
    process_count,
    refuse_unknown_distribution,
)
from kerascb_metrics.collect.keras_internals import models_in_fit
from kerascb_metrics.collect.label_rule import SHARES_WITHIN, LabelRule
from kerascb_metrics.collect.step_spy import StepSpy

# `torch.get_rng_state` holds the generator's mutex while it makes a Python object. If that starts a garbage collection
# that lets go of the GIL, another thread in it waits for the mutex with the GIL: both wait for ever (PyTorch 2.13).
_GENERATOR = threading.Lock()


class _OnItsWay:
    """A tensor that is being copied from a GPU to the host.

    To read it waits for the work that was queued on the GPU before the copy, not for the next batch.
    """

    def __init__(self, tensor: Tensor) -> None:
        self._copy = tensor.to("cpu", non_blocking=True)  # PyTorch pins the memory, and uses it again for later copies
        self._copied = torch.cuda.Event()
        self._copied.record(torch.cuda.current_stream(tensor.device))

    def arrived(self) -> Tensor:
        """Return the copy, once it is complete."""
        self._copied.synchronize()
        return self._copy


class TorchBackend(Backend):
    """PyTorch: nothing is traced, modules have a training mode, and processes are joined by torch.distributed."""

    def build(self, model: Any) -> TappedFunction:
        """Build `tapped(data) -> (logs, parts)`. Keras allows no `steps_per_execution` here: one batch per call."""
        # Under a mask, Keras's losses multiply the sample weights in place (`sample_weight *= mask` in `apply_mask`).
        spy = StepSpy(model, copy=_copy)

        def one_step(data: Any) -> tuple[Any, Captured]:
            with torch.no_grad():
                return spy.step(model.test_step, data)

        if model.jit_compile:
            one_step = torch.compile(one_step)

        def tapped(data: Any) -> tuple[Any, list[Captured]]:
            with spy.spying():
                logs, captured = one_step(data[0])
            if self.spans_processes():
                captured = keras.tree.map_structure(local_rows, captured)
            return logs, [captured]

        return tapped

    def refuse_unsupported(self, model: Any, *, given: bool = False) -> None:
        """Raise `CaptureError` for processes whose rows cannot be gathered."""
        refuse_unknown_distribution()

    def to_numpy(self, tensor: Tensor) -> Array:
        """Return a tensor's values; Keras's own function warns at every call and takes ten times as long."""
        if isinstance(tensor, _OnItsWay):
            tensor = tensor.arrived()
        if tensor.dtype == torch.bfloat16:
            return super().to_numpy(tensor)
        array: Array = tensor.numpy(force=True)
        return array

    def start_copy(self, tensor: Tensor) -> Tensor:
        """Start to copy from a GPU to pinned memory, without waiting. With several processes it has not been tried."""
        return _OnItsWay(tensor) if tensor.is_cuda and process_count() == 1 else tensor

    def label(self, outputs: Tensor, rule: LabelRule) -> tuple[Tensor, Tensor]:
        """Return the labels of a tensor of outputs, and whether they are enough."""
        if not outputs.numel():
            return _labels(outputs, rule), torch.tensor(True)
        lowest, highest = torch.aminmax(outputs)  # NaN if one is
        limits = torch.finfo(outputs.dtype)
        least, most = (limits.min, limits.max) if rule.highest is None else (0.0, rule.highest)
        are_enough = (lowest >= least) & (highest <= most)
        if rule.columns and rule.cuts:
            sums = outputs.sum(dim=-1, dtype=torch.float32)
            are_enough &= ((sums - 1).abs() <= SHARES_WITHIN).all()
        return _labels(outputs, rule), are_enough

    def is_host_memory(self, tensor: Tensor) -> bool:
        """Return whether the tensor is on the CPU."""
        on_cpu: bool = tensor.device.type == "cpu"
        return on_cpu

    @contextlib.contextmanager
    def evaluation_mode(self, model: Any) -> Iterator[None]:
        """Turn the training mode of the modules off, as Keras's `predict` does; in a fit, restore it.

        The fit may be that of a model around this one. Outside a fit it stays off, as after `predict`: another thread
        may be predicting.
        """
        training = [module for module in model.modules() if module.training] if models_in_fit() else []
        model.eval()
        try:
            yield
        finally:
            for module in training:
                vars(module)["training"] = True

    def get_random_state(self) -> Tensor:
        """Return the state of PyTorch's global generator: a DataLoader takes its seed from there at every reading."""
        with _GENERATOR:
            return torch.get_rng_state()

    def set_random_state(self, state: Tensor) -> None:
        """Restore the state of PyTorch's global generator."""
        with _GENERATOR:
            torch.set_rng_state(state)

    # Processes of torch.distributed.

    def spans_processes(self) -> bool:
        """Return whether Keras trains several processes together."""
        return are_joined()

    def process_index(self) -> int:
        """Return the rank of this process."""
        return int(torch.distributed.get_rank()) if process_count() > 1 else 0

    def separate_processes(self) -> int:
        """Return how many processes torch.distributed has that Keras does not join; 1 if there are none."""
        return 1 if are_joined() else process_count()

    def captures_own_rows(self) -> bool:
        """Return True: each process sees the tensors of the rows that it feeds."""
        return True

    def owns_captured_rows(self) -> bool:
        """Return whether the rows count here, and not in another process that feeds the same."""
        return owns_rows()

    def predicts_together(self, model: Any) -> bool:
        """Return whether the model itself is cut, or has buffers, which DistributedDataParallel keeps equal."""
        cut = isinstance(keras.distribution.distribution(), keras.distribution.ModelParallel)
        return cut or any(True for _ in model.buffers())

    def wait_for_processes(self, action: str) -> None:
        """Wait until all processes are here."""
        EXCHANGE.wait(action)

    def from_processes(self, array: Array) -> Array:
        """Stack the arrays of all processes; every process gets all of them."""
        return EXCHANGE.all_gather(array)

    def broadcast(self, array: Array, source: int) -> None:
        """Fill an array in every process with its values in the process `source`."""
        EXCHANGE.broadcast(array, source)


def _labels(outputs: Tensor, rule: LabelRule) -> Tensor:
    dtype = getattr(torch, rule.dtype)
    if not rule.cuts:
        return outputs.max(dim=-1, keepdim=True).indices.to(dtype)  # the first of several
    floats = (outputs if rule.columns is None else outputs[..., 1:]).float()
    return (floats > _on_device(rule.cuts, floats.device)).to(dtype)


@functools.lru_cache(maxsize=16)
def _on_device(cuts: tuple[float, ...], device: Any) -> Tensor:
    """Return thresholds as a tensor; kept, because to copy them to a GPU waits for all work on it."""
    return torch.tensor(cuts, dtype=torch.float32, device=device)


def _copy(leaf: Any) -> Any:
    """Return a copy of a tensor; a loss tracker gets the number of rows as its weight, which is a plain number."""
    return torch.clone(leaf) if torch.is_tensor(leaf) else leaf


BACKEND: Backend = TorchBackend()
