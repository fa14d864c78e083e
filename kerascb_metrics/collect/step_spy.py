"""The step spy: runs a test step and also returns the inputs of its metrics."""

import contextlib
import functools
import inspect
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import keras
from keras import tree

from kerascb_metrics.collect.backend import Captured, Tensor
from kerascb_metrics.collect.keras_internals import compiled_metrics, deprecated_update, get_keras_mask
from kerascb_metrics.collect.restore import replaced
from kerascb_metrics.collect.shadow import has_call
from kerascb_metrics.collect.step_calls import (
    CALL,
    COMPILED,
    DEPRECATED,
    LOSS,
    METRICS,
    OTHER_METRICS,
    Call,
    batch_of,
    call_to_score,
)
from kerascb_metrics.exceptions import DataError

_ARGUMENTS = ("x", "y", "y_pred", "sample_weight")  # of `compute_metrics` and `compute_loss`
_METRIC_ARGUMENTS = _ARGUMENTS[1:]  # of a metric's `update_state`


class StepSpy:
    """Runs a step of `model` and also returns the targets, outputs, weights and mask that the step used.

    They are the arguments of `compute_metrics`, which Keras's own step ends with. If the model's own `test_step` never
    calls it, they are what its loss and its metrics get, see `step_calls.py`.

    Args:
        model: the model whose steps are run.
        copy: called on sample weights, for backends whose losses may change them in place.
    """

    def __init__(self, model: Any, copy: Callable[[Tensor], Tensor] = lambda leaf: leaf) -> None:
        self._can_predict = has_call(model)  # now: a spy on `call` would look like one
        self._copy = copy
        # MirroredStrategy traces in one thread per replica, interleaved: each must see its own calls only.
        self._seen = threading.local()
        spied = (("compute_metrics", METRICS), ("compute_loss", LOSS))
        self._spies = [(model, {name: self._spy(model, name, place) for name, place in spied})]
        if "test_step" in vars(model) or type(model).test_step is not keras.Model.test_step:
            self._spies += self._spies_of_own_step(model)

    def spying(self) -> contextlib.AbstractContextManager[None]:
        """Replace the spied methods for a while.

        Use it around the whole call of the test function, because the threads of replicas share the model. JAX has no
        such threads: there it is used inside the step, and so only while the step is traced.
        """
        (owner, spies), *others = self._spies
        return self._spying_on_all() if others else replaced(owner, **spies)

    def step(self, test_step: Callable[..., Any], *args: Any) -> tuple[Any, Captured]:
        """Run `test_step(*args)`; return its result and a dict `y_true, y_pred, sample_weight, mask`."""
        self._seen.calls = defaultdict(list)
        self._seen.weights = {}
        result = test_step(*args)
        calls, self._seen.calls = self._seen.calls, None
        own_step = len(self._spies) > 1  # Keras's own needs no look at the batch
        batch = batch_of(args[-1], calls[CALL], functools.partial(mapped, self._as_first_seen)) if own_step else None
        return result, _captured(*call_to_score(calls, batch, can_predict=self._can_predict))

    @contextlib.contextmanager
    def _spying_on_all(self) -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            for owner, spies in self._spies:
                stack.enter_context(replaced(owner, **spies))
            yield

    def _spies_of_own_step(self, model: Any) -> list[tuple[Any, dict[str, Any]]]:
        spies = [(model, {"call": self._spy_on_call(model)})]
        if (name := deprecated_update(model)) is not None:
            spies.append((model, {name: self._spy(model, name, DEPRECATED, _METRIC_ARGUMENTS)}))
        compiled = compiled_metrics(model)
        for metric in {id(metric): metric for metric in (*model.metrics, compiled) if metric is not None}.values():
            place = COMPILED if metric is compiled else OTHER_METRICS
            spies.append((metric, {"update_state": self._spy(metric, "update_state", place, _METRIC_ARGUMENTS)}))
        return spies

    def _spy(self, owner: Any, name: str, place: str, arguments: Sequence[str] = _ARGUMENTS) -> Callable[..., Any]:
        original = getattr(owner, name)
        own_names = list(inspect.signature(original).parameters)  # once: it costs as much as a small step

        def spy(*args: Any, **kwargs: Any) -> Any:
            calls = getattr(self._seen, "calls", None)
            if calls is not None:
                calls[place].append(self._inputs(_by_keras_names(arguments, own_names, args, kwargs)))
            return original(*args, **kwargs)

        return spy

    def _spy_on_call(self, model: Any) -> Callable[..., Any]:
        original = model.call

        @functools.wraps(original)
        def spy(*args: Any, **kwargs: Any) -> Any:
            outputs = original(*args, **kwargs)
            calls = getattr(self._seen, "calls", None)
            if calls is not None:
                calls[CALL].append(outputs)
            return outputs

        return spy

    def _inputs(self, given: Mapping[str, Any]) -> Call:
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
    mapped(_refuse_ragged, y_true)
    mapped(_refuse_ragged, y_pred)
    mask = mapped(get_keras_mask, y_pred)
    return {"y_true": y_true, "y_pred": y_pred, "sample_weight": sample_weight, "mask": mask}


def _refuse_ragged(leaf: Tensor) -> None:
    if hasattr(leaf, "ragged_rank") or getattr(leaf, "is_nested", False):
        raise DataError(
            "Metrics: validation targets and outputs must be dense; received a ragged tensor "
            f"({type(leaf).__name__}). Pad it (`.to_tensor()`) and mask the padding, or give it zero weight."
        )


def _by_keras_names(
    arguments: Sequence[str], own_names: Sequence[str], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> dict[str, Any]:
    """Bind by position, because overrides rename the parameters."""
    given = dict(zip(arguments, args, strict=False))
    for name, value in kwargs.items():
        position = own_names.index(name) if name in own_names else len(arguments)
        renamed = name not in arguments and position < len(arguments)
        given[arguments[position] if renamed else name] = value
    return given
