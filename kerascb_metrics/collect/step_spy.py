"""The tap: a test step that also hands out what it gave to its metrics."""

import inspect
import threading

from keras import tree

from kerascb_metrics.collect.keras_internals import get_keras_mask
from kerascb_metrics.collect.restore import replaced
from kerascb_metrics.exceptions import CaptureError, DataError

_ARGUMENTS = ("x", "y", "y_pred", "sample_weight")
_SPIED = ("compute_metrics", "compute_loss")  # in this order of trust


class Tap:
    """Runs a step of `model` and hands out the targets, outputs, weights and mask that the step worked with.

    They are what the step gave to `compute_metrics`, which every step of Keras's own ends in, or, for a step that
    never calls it, to `compute_loss`.
    """

    def __init__(self, model, copy=lambda leaf: leaf):
        self._model = model
        self._copy = copy  # of sample weights, where a loss may change them in place
        # MirroredStrategy traces one thread a replica, interleaved: each must see its own calls only.
        self._seen = threading.local()
        self._spies = {name: self._spy(name) for name in _SPIED}

    def listening(self):
        """Spy on the model for a while.

        Around the whole call of its test function, for replicas' threads share the model; on JAX, without any, inside
        the step, and so only while it is traced.
        """
        return replaced(self._model, **self._spies)

    def step(self, test_step, *args):
        """Run `test_step(*args)`; return its result and a dict `y_true, y_pred, sample_weight, mask`."""
        self._seen.calls = {name: [] for name in _SPIED}
        self._seen.weights = {}
        result = test_step(*args)
        calls, self._seen.calls = self._seen.calls, None
        return result, _captured(*_only_call(calls))

    def _spy(self, name):
        original = getattr(self._model, name)
        own_names = list(inspect.signature(original).parameters)  # once: it costs as much as a small step

        def spy(*args, **kwargs):
            calls = getattr(self._seen, "calls", None)
            if calls is not None:
                calls[name].append(self._handed_over(_by_keras_names(own_names, args, kwargs)))
            return original(*args, **kwargs)

        return spy

    def _handed_over(self, given):
        return given.get("y"), given.get("y_pred"), mapped(self._first_seen, given.get("sample_weight"))

    def _first_seen(self, leaf):
        """The leaf as it was when the step first handed it over: `compute_loss` comes before `compute_metrics`."""
        if leaf is None:
            return None
        return self._seen.weights.setdefault(id(leaf), (leaf, self._copy(leaf)))[1]


def _captured(y_true, y_pred, sample_weight):
    _refuse_ragged(tree.flatten((y_true, y_pred)))
    mask = mapped(get_keras_mask, y_pred)
    return {"y_true": y_true, "y_pred": y_pred, "sample_weight": sample_weight, "mask": mask}


def mapped(function, value):
    """`tree.map_structure`, at a tenth of its cost for the one leaf that it mostly is."""
    return tree.map_structure(function, value) if isinstance(value, dict | list | tuple) else function(value)


def _refuse_ragged(leaves):
    for leaf in leaves:
        if hasattr(leaf, "ragged_rank") or getattr(leaf, "is_nested", False):
            raise DataError(
                "Metrics: validation targets and outputs must be dense; received a ragged tensor "
                f"({type(leaf).__name__}). Pad it (`.to_tensor()`) and mask the padding, or give it zero weight."
            )


def _by_keras_names(own_names, args, kwargs):
    """Bind by position, because overrides rename the parameters."""
    given = dict(zip(_ARGUMENTS, args, strict=False))
    for name, value in kwargs.items():
        position = own_names.index(name) if name in own_names else len(_ARGUMENTS)
        renamed = name not in _ARGUMENTS and position < len(_ARGUMENTS)
        given[_ARGUMENTS[position] if renamed else name] = value
    return given


def _only_call(calls):
    for name in _SPIED:
        if len(calls[name]) == 1:
            return calls[name][0]
        if calls[name]:
            raise CaptureError(
                f"Metrics: the model's `test_step` calls `self.{name}` {len(calls[name])} times a batch, so a row "
                "would be scored more than once. Call it once a batch, or pass Metrics(validation_data=…)."
            )
    raise CaptureError(
        "Metrics: nothing can be captured from the model's `test_step`: it calls neither `self.compute_metrics` nor "
        "`self.compute_loss`. End it with `return self.compute_metrics(x, y, y_pred, sample_weight)`, or pass "
        "Metrics(validation_data=…)."
    )
