"""What is checked when a fit begins: the list of callbacks, the model's outputs, and whether anything is scored."""

from collections.abc import Callable, Sequence
from typing import Any

from kerascb_metrics.collect.keras_internals import fit_list_holds, fit_validates
from kerascb_metrics.collect.model_facts import loss_and_output_names
from kerascb_metrics.collect.processes import separate_processes
from kerascb_metrics.interpret.outputs import Outputs
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


def check_outputs(plan: Plan, model: Any, given_data: Any) -> None:
    """Raise for everything that can be known to be wrong before the first batch.

    Args:
        plan: the `Plan`.
        model: the model that the fit trains.
        given_data: the `validation_data` of a `Metrics`; None if it scores fit's own pass.

    Raises:
        ValueError: as `Plan.check`.
        DataError: as `Plan.check`, and for an output with axes that cannot be scored.
    """
    outputs = known_outputs(model)
    if outputs is not None:
        plan.check(outputs, _with_targets(outputs, given_data))
        outputs.refuse_axes(loss_and_output_names(model).structure)


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
