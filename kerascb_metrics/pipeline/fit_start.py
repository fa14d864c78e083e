"""What is checked when a fit begins: the list of callbacks, the model's outputs, and whether anything is scored."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import tree

from kerascb_metrics.collect.keras_internals import (
    fit_list_holds,
    fit_validates,
    fit_validation_data,
    fit_validation_targets,
    get_keras_mask,
)
from kerascb_metrics.collect.model_facts import loss_and_output_names
from kerascb_metrics.collect.processes import is_multi_process, separate_processes
from kerascb_metrics.interpret.outputs import Outputs
from kerascb_metrics.interpret.slices import Slicing
from kerascb_metrics.options import Options
from kerascb_metrics.pipeline.before_training import Targets, check_shapes, check_targets
from kerascb_metrics.pipeline.slice_scores import refuse_other_length
from kerascb_metrics.pipeline.trial import Trial
from kerascb_metrics.score.plan import Plan


def refuse_listed_twice(callback: Any, callbacks: Sequence[Any]) -> None:
    """Raise `ValueError` if the same `Metrics` is twice in the list of callbacks."""
    if sum(other is callback for other in callbacks) > 1:
        raise ValueError(
            "Metrics: the same Metrics is in callbacks=[…] twice. List it once; for other scores or other data add "
            "another Metrics()."
        )


def known_outputs(model: Any) -> Outputs | None:
    """Return the `Outputs` of a model if they are known without a batch; None if they are not."""
    facts = loss_and_output_names(model)
    return None if facts.structure is None else Outputs.of(facts.structure, facts.loss, facts.layer_names)


def check_outputs(plan: Plan, model: Any, options: Options) -> None:
    """Raise for everything that can be known to be wrong before the first batch.

    Args:
        plan: the `Plan`.
        model: the model that the fit trains.
        options: the `Options`.

    Raises:
        ValueError: as `Plan.check`.
        DataError: as `Plan.check`, for an output with axes that cannot be scored, for a task that does not fit the loss
            or the shape of its output, and for targets in arrays that do not fit the task.
    """
    outputs = known_outputs(model)
    if outputs is None:
        return
    structure = loss_and_output_names(model).structure
    plan.check(outputs, _with_targets(outputs, None if options.uses_fit_validation else options.validation_data))
    outputs.refuse_axes(structure)
    if _computes_as_keras(model, "test_step" if options.uses_fit_validation else "predict_step"):
        trial = Trial(plan, outputs, structure, options.use_sample_weight, options.uses_fit_validation)
        targets = None if is_multi_process() else _targets(model, options)
        if targets is None:
            check_shapes(trial)
        else:
            check_targets(trial, targets, masked=_may_mask(model))


def check_slices(slices: Sequence[Slicing], model: Any, options: Options) -> None:
    """Raise for slices of data whose order is not known, or that are not one value per sample.

    Args:
        slices: the slices.
        model: the model that the fit trains.
        options: the `Options`.

    Raises:
        ValueError: for several processes, or validation data other than arrays.
        DataError: for slices of another length than the validation data.
    """
    if slices and is_multi_process():
        raise ValueError(
            "Metrics: slices= do not work with several processes. After training history.by_group(…) gives the scores "
            "of groups of all samples."
        )
    data = fit_validation_data(model) if options.uses_fit_validation else options.validation_data
    if not slices or data is None:
        return
    if not isinstance(data, tuple | list):
        raise ValueError(
            "Metrics: slices= need validation data in arrays, whose order is fixed; received "
            f"{type(data).__name__}. Pass (x, y), or no slices: after training history.by_group(…) gives the scores "
            "of groups."
        )
    targets = _targets(model, options)
    if targets is not None:
        for slicing in slices:
            refuse_other_length(slicing, targets.samples)


def _computes_as_keras(model: Any, step: str) -> bool:
    """Return whether outputs are those of the model's graph, and targets those of the data: no method is overridden."""
    own = getattr(type(model), step) is getattr(keras.Model, step) and step not in vars(model)
    return own and type(model).call.__module__.partition(".")[0] == "keras"


def _may_mask(model: Any) -> bool:
    """Return whether an output may have a mask."""
    return any(get_keras_mask(output) is not None for output in tree.flatten(model.outputs))


def _targets(model: Any, options: Options) -> Targets | None:
    """Return the targets of the validation data if they are arrays; None if they are not."""
    if options.uses_fit_validation:
        found = fit_validation_targets(model)
        return None if found is None else Targets.of(*found)
    data, steps, size = options.validation_data, options.validation_steps, options.validation_batch_size
    if not isinstance(data, tuple | list):
        return None
    _, y_true, sample_weight = keras.utils.unpack_x_y_sample_weight(tuple(data))
    return Targets.of(y_true, sample_weight, steps * size if steps and size else None)


def _with_targets(outputs: Outputs, given_data: Any) -> list[str | None] | None:
    """Return the outputs that given data have targets for; None for fit's own. A dataset is not read to find out."""
    if given_data is None or not outputs.names:
        return None
    return outputs.with_targets(given_data[1]) if isinstance(given_data, tuple | list) else []


def warn_if_idle(callback: Any, model: Any, warn: Callable[[object, str], None]) -> None:
    """Warn if fit's own validation pass will not be scored.

    Args:
        callback: the `Metrics`.
        model: the model that the fit trains.
        warn: called with (topic, sentence).
    """
    if not fit_validates(model):
        warn("idle", "fit() has no validation data, so nothing is scored. Pass validation_data=… to fit().")
    elif not fit_list_holds(callback, model):
        warn("idle", "Metrics is inside another callback, so nothing is scored. Add it directly to fit(callbacks=[…]).")


def warn_if_unrelated(model: Any, fitted: Any, warn: Callable[[object, str], None]) -> None:
    """Warn if the model that predicts shares no weights with the fitted one, so that no epoch would change its scores.

    Args:
        model: the model that predicts.
        fitted: the model that the fit trains.
        warn: called with (topic, sentence).
    """
    own, trained = (
        ({id(variable) for variable in each.variables} if each.built else set()) for each in (model, fitted)
    )
    if own and trained and own.isdisjoint(trained):
        warn(
            "model",
            f"model={model.name} shares no weights with the model that fit() trains, so its scores change only if "
            "something else trains it. A copy of a callback, as KerasTuner makes it, keeps the model of the original.",
        )


def warn_if_not_gathered(warn: Callable[[object, str], None]) -> None:
    """Warn if processes of torch.distributed each score the rows that they have.

    Args:
        warn: called with (topic, sentence).
    """
    if (count := separate_processes()) > 1:
        warn(
            "processes",
            f"torch.distributed has {count} processes. Each of them scores only its own validation "
            "rows. To score the whole set, give every process all rows.",
        )
