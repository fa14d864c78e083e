"""What a test step handed to its metrics and losses: which of these calls holds the rows to score.

Nothing is guessed: if a step is ambiguous, the error names another way.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
from keras import tree

from kerascb_metrics.collect.shadow import way_out
from kerascb_metrics.exceptions import CaptureError

# The places where a step passes targets, outputs and weights.
METRICS = "self.compute_metrics"
DEPRECATED = "self.compiled_metrics.update_state"
COMPILED = "update_state of the compiled metrics"
LOSS = "self.compute_loss"
OTHER_METRICS = "update_state of the model's other metrics"
# Not such a place: what is noted there are the model's outputs.
CALL = "self.call"

# The targets, outputs and sample weights of one call.
Call = tuple[Any, Any, Any]

_GIVEN = way_out(can_predict=True)


def call_to_score(calls: Mapping[str, Sequence[Any]], batch: Call | None, *, can_predict: bool) -> Call:
    """Return the targets, outputs and weights to score.

    `compute_metrics` counts if it is called, as Keras's own step does. Else the compiled metrics and `compute_loss`
    count; where they differ, the one that got the batch's own targets and the model's very outputs. Another metric
    counts only if it got these: anything else may be a part of them, or labels instead of scores.

    Args:
        calls: the calls at each place.
        batch: the targets and weights of the batch, and the outputs of the model, see `batch_of`.
        can_predict: whether the model has a `call`, which given data needs.

    Raises:
        CaptureError: if it is not known what to score.
    """
    for place in (METRICS, DEPRECATED, COMPILED, LOSS):
        if len(calls[place]) > 1:
            raise CaptureError(
                f"Metrics: the model's `test_step` calls `{place}` {len(calls[place])} times per batch, so a row would "
                f"be scored more than once. Call it once per batch. {_GIVEN}"
            )
        if place == METRICS and calls[place]:
            whole: Call = calls[place][0]
            return whole
    found = [calls[place][0] for place in (DEPRECATED, COMPILED, LOSS) if calls[place]]
    if not found:
        found = [] if batch is None else [call for call in calls[OTHER_METRICS] if _same_rows(call, batch)]
        if not found or batch is None:
            raise _nothing_found(can_predict)
        _refuse_other_weights(found, batch[2])
    return (*_rows(found, batch), _weights(found, batch))


def batch_of(data: Any, outputs: Sequence[Any], as_first_seen: Callable[[Any], Any]) -> Call | None:
    """Return a batch's targets and weights with the outputs that the model made in the step.

    Args:
        data: what the step got.
        outputs: the results of the calls of the model.
        as_first_seen: called on the sample weights.

    Returns:
        None if the model was not called once, or the batch is of another kind.
    """
    try:
        _, y_true, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
    except ValueError:
        return None
    return (y_true, outputs[0], as_first_seen(sample_weight)) if len(outputs) == 1 else None


def _refuse_other_weights(found: Sequence[Call], of_batch: Any) -> None:
    weights = [call[2] for call in found if call[2] is not None]
    if bool(weights) != (of_batch is not None) or not all(_same(each, of_batch) for each in weights):
        raise _ambiguous("hands no metric the sample weights of the batch, or hands it others")


def _rows(found: Sequence[Call], batch: Call | None) -> tuple[Any, Any]:
    first = found[0]
    if not all(_same_rows(call, first) for call in found):
        own = [call for call in found if batch is not None and _same_rows(call, batch)]
        if not own:
            raise _ambiguous("hands other targets or outputs to its metrics than to its loss")
        first = own[0]
    return first[0], first[1]


def _weights(found: Sequence[Call], batch: Call | None) -> Any:
    weights = [call[2] for call in found if call[2] is not None]
    if not weights:
        return None
    if not all(_same(each, weights[0]) for each in weights):
        weights = [each for each in weights if batch is not None and _same(each, batch[2])]
        if not weights:
            raise _ambiguous("hands several different sample weights to its metrics and loss")
    return weights[0]


def _same_rows(call: Call, other: Call) -> bool:
    return _same(call[0], other[0]) and _same(call[1], other[1])


def _same(given: Any, other: Any) -> bool:
    """Return whether two structures have the very same leaves, and not only equal ones."""
    leaves, others = tree.flatten(given), tree.flatten(other)
    return len(leaves) == len(others) > 0 and all(a is b for a, b in zip(leaves, others, strict=True))


def _ambiguous(what: str) -> CaptureError:
    return CaptureError(f"Metrics: the model's `test_step` {what}, so it is not known what to score. {_GIVEN}")


def _nothing_found(can_predict: bool) -> CaptureError:
    return CaptureError(
        "Metrics: nothing can be captured from the model's `test_step`: it passes the targets and outputs of a batch "
        "neither to `self.compute_metrics` or `self.compute_loss` nor, unchanged, to a metric of the model. "
        f"{way_out(can_predict=can_predict)}"
    )
