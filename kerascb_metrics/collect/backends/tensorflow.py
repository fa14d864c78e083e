"""TensorFlow."""

from collections.abc import Callable
from typing import Any, TypeVar

import tensorflow as tf
from keras import tree

from kerascb_metrics.collect.backend import Array, Backend, Captured, TappedFunction, Tensor
from kerascb_metrics.collect.backends.tensorflow_labels import labeller
from kerascb_metrics.collect.keras_internals import first_validation_batch
from kerascb_metrics.collect.label_rule import LabelRule
from kerascb_metrics.collect.step_spy import StepSpy
from kerascb_metrics.exceptions import CaptureError

Function = TypeVar("Function", bound=Callable[..., Any])


class TensorFlowBackend(Backend):
    """TensorFlow: steps are traced, and the replicas of a strategy share the rows of a batch."""

    def build(self, model: Any) -> TappedFunction:
        """Build `tapped(iterator) -> (logs, parts)`.

        Keras's own `_make_function` cannot be used: it averages over replicas, rows included, and with
        `steps_per_execution > 1` it returns the outputs of the last step only. This one is built for one step and
        called as often as Keras would have looped.
        """
        spy = StepSpy(model)
        next_step = _next_step(model, spy)

        def tapped(iterator: Any) -> tuple[Any, list[Captured]]:
            parts: list[Captured] = []
            for step in range(model.steps_per_execution):
                try:
                    with spy.spying():
                        logs, captured = next_step(iterator)
                except tf.errors.OutOfRangeError:
                    if step == 0:
                        raise  # Keras's evaluate ends the epoch on it
                    break
                parts += captured
            return logs, parts

        return tapped

    def call_outside_step(self, function: Callable[[Any], Any], x: Any) -> Any:
        """Call a function outside the context of a replica, where Keras's `predict` cannot be called."""
        context = tf.distribute.get_replica_context()
        return function(x) if context is None else context.merge_call(lambda strategy: function(x))

    def refuse_unsupported(self, model: Any, *, given: bool = False) -> None:
        """Raise `CaptureError` for what Keras itself cannot do under a strategy.

        Under MirroredStrategy `predict` can do everything that `fit` and `evaluate` cannot.
        """
        strategy = model.distribute_strategy
        if isinstance(strategy, tf.distribute.ParameterServerStrategy):
            raise CaptureError(
                "Metrics: Keras 3 can neither train nor predict under ParameterServerStrategy "
                "(keras-team/keras#18624). Use MirroredStrategy, or no strategy."
            )
        mirrored = isinstance(strategy, tf.distribute.MirroredStrategy | tf.distribute.MultiWorkerMirroredStrategy)
        if mirrored and strategy.num_replicas_in_sync > 1 and not given:
            _refuse_several_workers(strategy)
            _refuse_compile_options(model, strategy)
            _refuse_uneven_start(model, strategy)

    def label(self, outputs: Tensor, rule: LabelRule) -> tuple[Tensor, Tensor]:
        """Return the labels of a tensor of outputs, and whether they are enough."""
        labels, are_enough = labeller(rule)(outputs)
        return labels, are_enough

    def variable_to_numpy(self, variable: Any) -> Array:
        """Return the values of a variable. It is read first: NumPy 2 cannot convert a variable on several devices."""
        value = variable.value
        return self.to_numpy(value.read_value() if hasattr(value, "read_value") else value)


def _next_step(model: Any, spy: StepSpy) -> Callable[[Any], tuple[Any, list[Captured]]]:
    """Return a function that runs the step on the next batch of an iterator, compiled unless the model is eager."""
    strategy = model.distribute_strategy

    @_not_converted
    def replica_step(data: Any) -> tuple[Any, Captured]:
        return spy.step(model.test_step, data)

    @_not_converted
    def one_step(data: Any) -> tuple[Any, list[Captured]]:
        logs, captured = strategy.run(replica_step, args=(data,))
        return tree.map_structure(lambda value: _mean(strategy, value), logs), _by_replica(strategy, captured)

    if not model.run_eagerly:
        one_step = tf.function(one_step, reduce_retracing=True, jit_compile=model.jit_compile)

    @_not_converted
    def next_step(iterator: Any) -> tuple[Any, list[Captured]]:
        return one_step(tree.map_structure(_none_if_optional, iterator.get_next()))

    # In a graph, whatever does not depend on the data (seeds, counters) still runs when no data is left. With several
    # steps per execution that can happen at the last step, so there the data is fetched outside the graph.
    if not model.run_eagerly and model.steps_per_execution == 1:
        next_step = tf.function(next_step, reduce_retracing=True)
    return next_step


def _refuse_several_workers(strategy: Any) -> None:
    if len(strategy.extended.worker_devices) < strategy.num_replicas_in_sync:
        raise CaptureError(
            "Metrics: Keras 3 can neither train nor evaluate under MultiWorkerMirroredStrategy with several workers "
            "(keras-team/keras#20585), and each worker would see its own rows only. Use MirroredStrategy, or write "
            "your own training loop and call metrics.evaluate(model, data) on every worker."
        )


def _refuse_compile_options(model: Any, strategy: Any) -> None:
    replicas = strategy.num_replicas_in_sync
    if model.jit_compile:
        raise CaptureError(
            f"Metrics: with jit_compile=True Keras cannot train under {_name(strategy)} of {replicas} replicas: XLA "
            'reaches the variables of one device only. Leave jit_compile out of compile(), or pass jit_compile="auto".'
        )
    if model.steps_per_execution > 1 and not model.run_eagerly:
        raise CaptureError(
            f"Metrics: with steps_per_execution={model.steps_per_execution} Keras cannot train under {_name(strategy)} "
            f"of {replicas} replicas (keras-team/keras#19246). Pass compile(steps_per_execution=1)."
        )


def _refuse_uneven_start(model: Any, strategy: Any) -> None:
    """Raise if the first batch is uneven: Keras builds the model from the mean of the replicas' parts of it."""
    replicas, rows = strategy.num_replicas_in_sync, first_validation_batch(model)
    if rows is not None and rows % replicas:
        raise CaptureError(
            f"Metrics: under {_name(strategy)} of {replicas} replicas Keras cannot begin a validation with a batch of "
            f"{rows} rows, because they cannot share it evenly (later batches may be uneven). Pass fit() a "
            f"validation_batch_size that is a multiple of {replicas}, and not more than the validation rows."
        )


def _name(strategy: Any) -> str:
    mirrored = isinstance(strategy, tf.distribute.MirroredStrategy)
    return "MirroredStrategy" if mirrored else "MultiWorkerMirroredStrategy"


def _not_converted(function: Function) -> Function:
    """Keep AutoGraph from rewriting a function."""
    kept: Function = tf.autograph.experimental.do_not_convert(function)
    return kept


def _none_if_optional(leaf: Any) -> Any:
    """Return None for an empty Optional: Keras puts one in place of None, which tf.data cannot hold."""
    return None if isinstance(leaf, tf.experimental.Optional) else leaf


def _mean(strategy: Any, value: Any) -> Any:
    replicas = strategy.experimental_local_results(value)
    return value if len(replicas) == 1 else tf.reduce_mean(tf.stack(replicas), axis=0)


def _by_replica(strategy: Any, captured: Captured) -> list[Captured]:
    """Return one part per replica; together they are in row order."""
    count = max(len(strategy.experimental_local_results(leaf)) for leaf in tree.flatten(captured))

    def of_replica(index: int) -> Callable[[Any], Any]:
        return lambda leaf: None if leaf is None else strategy.experimental_local_results(leaf)[index]

    return [tree.map_structure(of_replica(index), captured) for index in range(count)]


BACKEND: Backend = TensorFlowBackend()
