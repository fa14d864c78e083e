"""Cases for `jax_worker.py`: fits whose batches are shared by several devices, and maybe by several processes.

Each takes a `Here` and returns what its test compares: `test_jax_distribution.py`, `test_jax_processes.py`. More are
in `process_cases.py`.
"""

from dataclasses import replace

import keras
import numpy as np

from kerascb_metrics import Binary, CaptureError, DataError, Metrics, Multiclass
from kerascb_metrics.collect.batches import Batches
from kerascb_metrics.collect.processes import joined_over_processes, local_rows, sum_over_processes
from kerascb_metrics.pipeline.pass_reader import Reader
from kerascb_metrics.tensorboard import ConfusionImages
from tests.support.launch import BATCH
from tests.support.models import echo_model
from tests.support.process_cases import (
    KINDS,
    LOGITS,
    MASKED,
    WEIGHTS,
    X,
    Y,
    echoed,
    fit,
    masked_model,
    own,
    scored,
    small_net,
)

# The rows and scores of fit's own pass.


def binary(here):
    return echoed(here, (X, Y))


def several_steps(here):
    model = echo_model()
    model.compile(keras.optimizers.SGD(0.0), "binary_crossentropy", steps_per_execution=2)
    metrics = Metrics(verbose=False)
    fit(here, model, [metrics], (X, Y))
    return scored(metrics)


def eagerly(here):
    model = echo_model(run_eagerly=True)
    metrics = Metrics(verbose=False)
    fit(here, model, [metrics], (X, Y))
    return scored(metrics)


def _counted(here, model, arrays, **options):
    """The scores from counts and from rows, of one fit; and how many rows this process has counted."""
    names = ["f1", "kappa", "confusion", "auc", "average_precision"]
    exact = Metrics(names, memory="exact", verbose=False, **options)
    bounded = Metrics({f"b_{name}": name for name in names}, memory="bounded", verbose=False, **options)
    counted_rows, consume = [], Reader.consume

    def counting(reader, batches):
        counted_rows.extend(len(keras.tree.flatten(batch["y_true"])[0]) for batch in batches)
        consume(reader, batches)

    Reader.consume = counting
    try:
        fit(here, model, [exact, bounded], arrays)
    finally:
        Reader.consume = consume
    counted = {name.removeprefix("b_"): values for name, values in bounded.history.items()}
    bounds = {name.removeprefix("b_"): pairs for name, pairs in bounded.history.bounds.items()}
    return {"exact": dict(exact.history), "counted": counted, "bounds": bounds, "own": sum(counted_rows)}


def counts(here):
    """Weighted rows. All of the first process's are positive, so it learns the other label from the second."""
    order = np.argsort(-Y, kind="stable")
    arrays = (X[order], np.where(Y == 1, 1, -1).astype("float32")[order], WEIGHTS)
    return _counted(here, echo_model(loss="hinge"), arrays, task=Binary(from_logits=False))


def counts_of_classes(here):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return _counted(here, echo_model(4, loss), (LOGITS, KINDS))


def counts_of_copies(here):
    """Kernels cut across the processes: both have all rows, and one of them counts the rows."""
    _model_parallel(("model", "batch"), "batch")
    return _counted(replace(here, index=0, processes=1), _wide_net(), (LOGITS, KINDS))


def counts_that_fail(here):
    """A target that is not a class, only in the second process's rows; then a fit without such a target."""
    model = echo_model(4, lambda y_true, y_pred: keras.ops.mean(y_pred, axis=-1))
    kinds = KINDS.copy()
    kinds[70] = 9
    task = Multiclass(from_logits=True)
    metrics, message = Metrics(task=task, memory="bounded", verbose=False), None
    try:
        fit(here, model, [metrics], (LOGITS, kinds))
    except (DataError, CaptureError) as error:
        message = f"{type(error).__name__}: {error}"
    return {"error": message, "after": binary(here)}


def trained(here):
    """The weights after a fit with Metrics and after one without."""
    found = []
    for callbacks in ([Metrics(verbose=False)], []):
        keras.utils.set_random_seed(0)
        model = small_net()
        fit(here, model, callbacks, (X, Y), epochs=3)
        found.append([np.asarray(weight.value) for weight in model.weights])
    return {"with": found[0], "without": found[1]}


# Models that are shared too.


def _model_parallel(axis_names, batch_axis):
    devices = keras.distribution.list_devices()
    mesh = keras.distribution.DeviceMesh((2, 2), axis_names, devices)
    layout_map = keras.distribution.LayoutMap(mesh)
    layout_map[".*kernel"] = (None, "model")
    layout_map[".*bias"] = ("model",)
    layout_map[".*moving.*"] = ("model",)
    keras.distribution.set_distribution(
        keras.distribution.ModelParallel(layout_map=layout_map, batch_dim_name=batch_axis, auto_shard_dataset=False)
    )


def _wide_net():
    model = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(4), keras.layers.BatchNormalization(), keras.layers.Dense(4)]
    )
    model.compile(keras.optimizers.SGD(0.1), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


def _with_the_model_shared(here):
    metrics, given = Metrics(verbose=False), None
    model = _wide_net()
    fit(here, model, [metrics], (LOGITS, KINDS), epochs=2)
    data = own(here, (LOGITS, KINDS))
    given = Metrics(verbose=False).evaluate(model, data, batch_size=BATCH)
    spec = str(model.layers[-1].kernel.value.sharding.spec)
    return {**scored(metrics), "given": given, "kernel": spec}


def model_parallel(here):
    """The batch cut across the processes, the kernels within them."""
    _model_parallel(("batch", "model"), "batch")
    return _with_the_model_shared(here)


def model_parallel_across(here):
    """The kernels cut across the processes: each feeds every row."""
    _model_parallel(("model", "batch"), "batch")
    return _with_the_model_shared(replace(here, index=0, processes=1))


# Given data.


def given(here):
    data = own(here, (X, Y, WEIGHTS))
    metrics = Metrics(validation_data=data, validation_batch_size=BATCH, prefix="test_", verbose=False)
    model = echo_model(counted=True)  # with state, which must be restored
    run = fit(here, model, [metrics], (X, Y), epochs=2, validation_data=None)
    evaluated = metrics.evaluate(model, data, batch_size=BATCH)
    try:
        by_keras = model.predict(data[0], batch_size=BATCH, verbose=0)
    except RuntimeError as error:  # because other processes hold parts of the arrays
        by_keras = str(error)
    return {**scored(metrics, run.history), "evaluated": evaluated, "by_keras": by_keras}


# Data that Keras cannot take.


def uneven(here):
    """The errors for batches that cannot be cut evenly, and those of Keras without Metrics."""
    x, y = X[:BATCH], Y[:BATCH]
    model, errors = echo_model(), []
    cases = [(13, {}), (40, {"validation_batch_size": 6}), (41, {"validation_batch_size": 7}), (3, {})]
    for rows, options in cases:
        held_out = (X[:rows], Y[:rows])
        for callbacks in ([Metrics(verbose=False)], []):
            try:
                model.fit(x, y, validation_data=held_out, verbose=0, callbacks=callbacks, batch_size=BATCH, **options)
            except (CaptureError, ValueError) as error:
                errors.append((type(error).__name__, str(error)))
    try:
        Metrics(verbose=False).evaluate(model, (X[:13], Y[:13]))
    except CaptureError as error:
        errors.append(("CaptureError", str(error)))
    whole = Metrics(verbose=False)  # two batches of 8: the uneven rest is never reached
    steps = {"validation_steps": 2, "validation_batch_size": 8}
    model.fit(x, y, validation_data=(X[:19], Y[:19]), verbose=0, callbacks=[whole], batch_size=BATCH, **steps)
    return {"errors": errors, "rows": len(whole.predictions.y_true)}


def unlike(here):
    """The errors if process 1 has two rows less."""
    model, errors = echo_model(), []
    data = (X[: 24 - 2 * here.index], Y[: 24 - 2 * here.index])
    metrics = Metrics(verbose=False)
    for attempt in (
        lambda: fit(here, model, [metrics], (X, Y), validation_data=data),
        lambda: metrics.evaluate(model, data, batch_size=BATCH),
    ):
        try:
            attempt()
        except CaptureError as error:
            errors.append(str(error))
    return {"errors": errors, "after": binary(here)}


# Files.


def files(here):
    """A log file and images, each process with its own names; then a fit in which both resume the first's file."""
    log_file, pictures = here.folder / f"scores.{here.index}.jsonl", here.folder / f"pictures.{here.index}"
    metrics, model = Metrics(log_file=log_file, verbose=False), small_net()
    fit(here, model, [metrics], (X, Y), epochs=2, callbacks=[ConfusionImages(metrics, pictures)])
    shared = here.folder / "scores.0.jsonl"
    first, before = scored(metrics), shared.read_bytes()
    resumed = Metrics(log_file=shared, verbose=False)
    fit(here, model, [resumed], (X, Y), epochs=4, initial_epoch=2)
    return {"first": first, "resumed": scored(resumed), "file": before, "after": shared.read_bytes()}


# Sums and parts.


def sums(here):
    """Numbers that need more than 32 bits, an empty array, and a scalar."""
    counts = np.array([[2**53 + 1 + here.index, -(2**62) * here.index], [3, 4]])
    floats = np.array([0.1 * (here.index + 1), 1e300])
    vectors = [np.arange(here.index + 1) + 2**60, np.full(here.index + 1, 0.1)]
    return {
        "sums": sum_over_processes([counts, floats, np.zeros((0, 2)), np.array(7)]),
        "joined": joined_over_processes(vectors),
    }


def _parts_of(here, model, arrays):
    """The rows on this process, of each batch that fit's own pass captures."""
    held, add = [], Batches.add

    def adding(batches, parts):
        held.extend(local_rows(part) for part in parts)
        add(batches, parts)

    Batches.add = adding
    try:
        fit(here, model, [Metrics(verbose=False)], arrays)
    finally:
        Batches.add = add
    return held


def parts(here):
    return {"binary": _parts_of(here, echo_model(), (X, Y, WEIGHTS)), "masked": _parts_of(here, masked_model(), MASKED)}


def parts_of_other_shardings(here):
    """Leaves with different shardings, or cut along other axes; and copies, whole in every process."""
    mesh = keras.distribution.distribution().device_mesh

    def sharded(array, *axes):
        return keras.distribution.distribute_tensor(array, keras.distribution.TensorLayout(axes, mesh))

    rows, copied = sharded(KINDS, "batch"), sharded(KINDS, None)
    return {
        "nested": local_rows({"y_true": {"a": rows}, "y_pred": [sharded(LOGITS, "batch", None)], "mask": None}),
        "different": local_rows({"y_true": rows, "y_pred": copied}),
        "columns": local_rows({"y_true": rows, "y_pred": sharded(LOGITS, None, "batch")}),
        "on the host": local_rows({"y_true": rows, "y_pred": LOGITS}),
        "copies": local_rows({"y_true": copied, "y_pred": sharded(LOGITS, None, None), "mask": None}),
    }
