"""The step spy: runs a test step and also returns the inputs of its metrics."""

import contextlib
import inspect
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from keras import tree

from kerascb_metrics.collect.backend import Captured, Tensor
from kerascb_metrics.collect.keras_internals import get_keras_mask
from kerascb_metrics.collect.restore import replaced
from kerascb_metrics.exceptions import CaptureError, DataError

_ARGUMENTS = ("x", "y", "y_pred", "sample_weight")
_SPIED = ("compute_metrics", "compute_loss")  # the first one that the step calls counts

# The targets, outputs and sample weights of one call.
_Call = tuple[Any, Any, Any]


class StepSpy:
    """Runs a step of `model` and also returns the targets, outputs, weights and mask that the step used.

    They are the arguments of `compute_metrics`, which every step of Keras ends with, or, if the step never calls it,
    of `compute_loss`.

    Args:
        model: the model whose steps are run.
        copy: called on sample weights, for backends whose losses may change them in place.
    """

    def __init__(self, model: Any, copy: Callable[[Tensor], Tensor] = lambda leaf: leaf) -> None:
        self._model = model
        self._copy = copy
        # MirroredStrategy traces in one thread per replica, interleaved: each must see its own calls only.
        self._seen = threading.local()
        self._spies = {name: self._spy(name) for name in _SPIED}

    def spying(self) -> contextlib.AbstractContextManager[None]:
        """Replace the spied methods of the model for a while.

        Use it around the whole call of the test function, because the threads of replicas share the model. JAX has no
        such threads: there it is used inside the step, and so only while the step is traced.
        """
        return replaced(self._model, **self._spies)

    def step(self, test_step: Callable[..., Any], *args: Any) -> tuple[Any, Captured]:
        """Run `test_step(*args)`; return its result and a dict `y_true, y_pred, sample_weight, mask`."""
        self._seen.calls = {name: [] for name in _SPIED}
        self._seen.weights = {}
        result = test_step(*args)
        calls, self._seen.calls = self._seen.calls, None
        return result, _captured(*_only_call(calls))

    def _spy(self, name: str) -> Callable[..., Any]:
        original = getattr(self._model, name)
        own_names = list(inspect.signature(original).parameters)  # once: it costs as much as a small step

        def spy(*args: Any, **kwargs: Any) -> Any:
            calls = getattr(self._seen, "calls", None)
            if calls is not None:
                calls[name].append(self._inputs(_by_keras_names(own_names, args, kwargs)))
            return original(*args, **kwargs)

        return spy

    def _inputs(self, given: Mapping[str, Any]) -> _Call:
        return given.get("y"), given.get("y_pred"), mapped(self._as_first_seen, given.get("sample_weight"))

    def _as_first_seen(self, leaf: Tensor) -> Tensor:
        """Return the leaf as it was when the step first passed it: `compute_loss` comes before `compute_metrics`."""
        if leaf is None:
            return None
        return self._seen.weights.setdefault(id(leaf), (leaf, self._copy(leaf)))[1]


def mapped(function: Callable[[Any], Any], value: Any) -> Any:
    """Return `tree.map_structure(function, value)`, ten times as fast if the value is a single leaf, as usual."""
    return tree.map_structure(function, value) if isinstance(value, dict | list | tuple) else function(value)


def _captured(y_true: Any, y_pred: Any, sample_weight: Any) -> Captured:
    _refuse_ragged(tree.flatten((y_true, y_pred)))
    mask = mapped(get_keras_mask, y_pred)
    return {"y_true": y_true, "y_pred": y_pred, "sample_weight": sample_weight, "mask": mask}


def _refuse_ragged(leaves: Iterable[Tensor]) -> None:
    for leaf in leaves:
        if hasattr(leaf, "ragged_rank") or getattr(leaf, "is_nested", False):
            raise DataError(
                "Metrics: validation targets and outputs must be dense; received a ragged tensor "
                f"({type(leaf).__name__}). Pad it (`.to_tensor()`) and mask the padding, or give it zero weight."
            )


def _by_keras_names(own_names: Sequence[str], args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Bind by position, because overrides rename the parameters."""
    given = dict(zip(_ARGUMENTS, args, strict=False))
    for name, value in kwargs.items():
        position = own_names.index(name) if name in own_names else len(_ARGUMENTS)
        renamed = name not in _ARGUMENTS and position < len(_ARGUMENTS)
        given[_ARGUMENTS[position] if renamed else name] = value
    return given


def _only_call(calls: Mapping[str, Sequence[_Call]]) -> _Call:
    for name in _SPIED:
        if len(calls[name]) == 1:
            return calls[name][0]
        if calls[name]:
            raise CaptureError(
                f"Metrics: the model's `test_step` calls `self.{name}` {len(calls[name])} times per batch, so a row "
                "would be scored more than once. Call it once per batch, or pass Metrics(validation_data=…)."
            )
    raise CaptureError(
        "Metrics: nothing can be captured from the model's `test_step`: it calls neither `self.compute_metrics` nor "
        "`self.compute_loss`. End it with `return self.compute_metrics(x, y, y_pred, sample_weight)`, or pass "
        "Metrics(validation_data=…)."
    )
