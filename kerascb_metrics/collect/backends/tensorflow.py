"""The tapped test function on TensorFlow."""

import keras
import tensorflow as tf
from keras import tree

from kerascb_metrics.collect.keras_internals import first_validation_batch
from kerascb_metrics.collect.step_spy import Tap
from kerascb_metrics.exceptions import CaptureError


def build(model):
    """Build the twin of Keras's test function: `twin(iterator) -> (logs, parts)`.

    Keras's own `_make_function` would not do: it reduces over replicas by averaging, rows included, and with
    `steps_per_execution > 1` it returns the last step's outputs only. Ours is built for one step and called as
    often as Keras would have looped.
    """
    tap = Tap(model)
    strategy = model.distribute_strategy

    @tf.autograph.experimental.do_not_convert
    def replica_step(data):
        return tap.step(model.test_step, data)

    @tf.autograph.experimental.do_not_convert
    def one_step(data):
        logs, captured = strategy.run(replica_step, args=(data,))
        return tree.map_structure(lambda value: _mean(strategy, value), logs), _by_replica(strategy, captured)

    if not model.run_eagerly:
        one_step = tf.function(one_step, reduce_retracing=True, jit_compile=model.jit_compile)

    @tf.autograph.experimental.do_not_convert
    def next_step(iterator):
        return one_step(tree.map_structure(_none_if_optional, iterator.get_next()))

    # Inside a graph, what does not depend on the data still runs when there is none left: seeds, counters. Of several
    # steps an execution the last may be such a one, so there the data are fetched first.
    if not model.run_eagerly and model.steps_per_execution == 1:
        next_step = tf.function(next_step, reduce_retracing=True)

    def twin(iterator):
        parts = []
        for step in range(model.steps_per_execution):
            try:
                with tap.listening():
                    logs, captured = next_step(iterator)
            except tf.errors.OutOfRangeError:
                if step == 0:
                    raise  # Keras's evaluate ends the epoch on it
                break
            parts += captured
        return logs, parts

    return twin


def to_numpy(tensor):
    """An array of a tensor's values; it may share its memory."""
    return keras.ops.convert_to_numpy(tensor)


def is_host_memory(tensor):
    """Tell whether a tensor is in the host's memory: no tensor is taken for it."""
    return False


def start_copy(tensor):
    """Do nothing: TensorFlow copies from a device when it is asked for the values."""


def refuse_unsupported(model, given=False):
    """Raise `CaptureError` for what Keras itself cannot do; `given`: with data of the callback's own.

    Under MirroredStrategy `predict` can do all that `fit` and `evaluate` cannot.
    """
    strategy = model.distribute_strategy
    if isinstance(strategy, tf.distribute.ParameterServerStrategy):
        raise CaptureError(
            "Metrics: Keras 3 can neither train nor predict under ParameterServerStrategy (keras-team/keras#18624). "
            "Use MirroredStrategy, or no strategy."
        )
    mirrored = isinstance(strategy, tf.distribute.MirroredStrategy | tf.distribute.MultiWorkerMirroredStrategy)
    if mirrored and strategy.num_replicas_in_sync > 1 and not given:
        _refuse_several_workers(strategy)
        _refuse_compiled_otherwise(model, strategy)
        _refuse_uneven_start(model, strategy)


def _refuse_several_workers(strategy):
    if len(strategy.extended.worker_devices) < strategy.num_replicas_in_sync:
        raise CaptureError(
            "Metrics: Keras 3 can neither train nor evaluate under MultiWorkerMirroredStrategy with several workers "
            "(keras-team/keras#20585), and each worker would see rows of its own only. Use MirroredStrategy, or train "
            "in a loop of your own and call metrics.evaluate(model, data) on every worker."
        )


def _refuse_compiled_otherwise(model, strategy):
    replicas = strategy.num_replicas_in_sync
    if model.jit_compile:
        raise CaptureError(
            f"Metrics: with jit_compile=True Keras cannot train under {_name(strategy)} of {replicas} replicas: XLA "
            'reaches the variables of one device only. Leave it out of compile(), or pass jit_compile="auto".'
        )
    if model.steps_per_execution > 1 and not model.run_eagerly:
        raise CaptureError(
            f"Metrics: with steps_per_execution={model.steps_per_execution} Keras cannot train under {_name(strategy)} "
            f"of {replicas} replicas (keras-team/keras#19246). Pass compile(steps_per_execution=1)."
        )


def _refuse_uneven_start(model, strategy):
    """Keras builds the model from the mean of what the replicas have of the first batch, so in it they need as many."""
    replicas, rows = strategy.num_replicas_in_sync, first_validation_batch(model)
    if rows is not None and rows % replicas:
        raise CaptureError(
            f"Metrics: under {_name(strategy)} of {replicas} replicas Keras cannot begin a validation with a batch of "
            f"{rows}, which they cannot share evenly (later ones they need not). Pass fit() a validation_batch_size "
            f"that is a multiple of {replicas}, and no more than the validation rows."
        )


def _name(strategy):
    mirrored = isinstance(strategy, tf.distribute.MirroredStrategy)
    return "MirroredStrategy" if mirrored else "MultiWorkerMirroredStrategy"


def _none_if_optional(leaf):
    """tf.data cannot hold None; Keras puts an empty Optional in its place."""
    return None if isinstance(leaf, tf.experimental.Optional) else leaf


def _mean(strategy, value):
    replicas = strategy.experimental_local_results(value)
    return value if len(replicas) == 1 else tf.reduce_mean(tf.stack(replicas), axis=0)


def _by_replica(strategy, captured):
    """One part a replica; one after the other they are in row order."""
    count = max(len(strategy.experimental_local_results(leaf)) for leaf in tree.flatten(captured))

    def of_replica(index):
        return lambda leaf: None if leaf is None else strategy.experimental_local_results(leaf)[index]

    return [tree.map_structure(of_replica(index), captured) for index in range(count)]
