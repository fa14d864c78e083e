"""Cases for `torch_worker.py`: fits of several processes. Each takes a `Here`; `test_torch_processes.py` compares.

More are in `process_cases.py`.
"""

import itertools
import warnings

import keras
import numpy as np
import torch
from torch.utils.data import DataLoader, TensorDataset
from torch.utils.data.distributed import DistributedSampler

from kerascb_metrics import Binary, CaptureError, Metrics, Multiclass
from kerascb_metrics.collect import row_store
from kerascb_metrics.collect.backend import backend
from kerascb_metrics.collect.restore import replaced
from kerascb_metrics.pipeline import label_rules
from tests.support.launch import BATCH
from tests.support.models import Batches, echo_model
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

NAMES = ["f1", "kappa", "confusion", "auc", "average_precision"]


def refusal(attempt):
    """The message of the `CaptureError` that a call raises; None if it raises none."""
    try:
        attempt()
    except CaptureError as error:
        return str(error)
    return None


# The rows and scores of fit's own pass.


def joined_by_keras(here):
    """No distribution is set: Keras joins the processes all the same."""
    keras.distribution.set_distribution(None)
    return echoed(here, (X, Y), epochs=2)


def binary(here):
    return echoed(here, (X, Y), epochs=2)


def trained(here):
    """The weights and losses of a fit with Metrics and of one without."""
    found = []
    for callbacks in ([Metrics(verbose=False)], []):
        keras.utils.set_random_seed(0)
        model = small_net()
        run = fit(here, model, callbacks, (X, Y), epochs=3)
        found.append((model.get_weights(), run.history["val_loss"]))
    return {"with": found[0], "without": found[1]}


def monitored(here):
    """Callbacks that decide by a score of all rows: in which epoch each process stopped, and its learning rate."""
    metrics = Metrics(verbose=False)
    watching = metrics.monitor("f1")
    stops = keras.callbacks.EarlyStopping(patience=3, **watching)
    slows = keras.callbacks.ReduceLROnPlateau(patience=1, **watching)
    run = fit(here, small_net(), [metrics], (X, Y), epochs=20, callbacks=[stops, slows])
    return {**scored(metrics, run.history), "stopped": stops.stopped_epoch, "rates": run.history["learning_rate"]}


# Counts.


def counted(here, model, arrays, **options):
    """The scores from counts and from rows, of one fit."""
    exact = Metrics(NAMES, memory="exact", verbose=False, **options)
    bounded = Metrics({f"b_{name}": name for name in NAMES}, memory="bounded", verbose=False, **options)
    fit(here, model, [exact, bounded], arrays, epochs=2)
    values = {name.removeprefix("b_"): values for name, values in bounded.history.items()}
    bounds = {name.removeprefix("b_"): pairs for name, pairs in bounded.history.bounds.items()}
    return {"exact": dict(exact.history), "counted": values, "bounds": bounds}


def counts(here):
    """Weighted rows. All of the first process's are positive, so it learns the other label from another."""
    order = np.argsort(-Y, kind="stable")
    arrays = (X[order], np.where(Y == 1, 1, -1).astype("float32")[order], WEIGHTS)
    return counted(here, echo_model(loss="hinge"), arrays, task=Binary(from_logits=False))


def counts_of_classes(here):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return counted(here, echo_model(4, loss), (LOGITS, KINDS))


def labels_alone(here):
    """Scores for which labels suffice: how many batches were labelled on the device."""
    labelled, label = [], type(backend()).label
    metrics = Metrics(["f1", "confusion"], memory="bounded", verbose=False)
    noting = replaced(backend(), label=lambda outputs, rule: labelled.append(rule) or label(backend(), outputs, rule))
    with noting, replaced(label_rules, LEAST_BYTES=0):  # however few there are
        fit(here, echo_model(), [metrics], (X, Y), epochs=2)
    return {"scores": dict(metrics.history), "labelled": len(labelled)}


def drawn_at_random(here):
    """A user's score that differs between processes."""
    rng = np.random.default_rng(here.index)
    metrics = Metrics({"own": lambda y_true, y_pred: rng.uniform()}, verbose=False)
    run = fit(here, echo_model(), [metrics], (X, Y), epochs=3)
    return {"scores": dict(metrics.history), "logs": run.history["val_own"]}


def past_the_limit(here, names, rows):
    """A fit with memory="auto" that keeps no more than some rows."""
    metrics = Metrics(names, verbose=False)
    with warnings.catch_warnings(record=True) as warned, replaced(row_store, LIMIT=12 * rows):
        warnings.simplefilter("always")
        fit(here, echo_model(), [metrics], (X, Y), epochs=2)
    return {"scores": dict(metrics.history), "warned": [str(one.message) for one in warned]}


def counts_past_the_limit(here):
    """More rows than memory="auto" keeps: in all processes together, in the first one alone, and in each."""
    return {rows: past_the_limit(here, ["f1", "confusion"], rows) for rows in (60, 40, 20)}


def rows_past_the_limit(here):
    """The same, with a score that needs the rows."""
    return {rows: past_the_limit(here, ["f1", "confusion", "neg_log_loss"], rows) for rows in (60, 40, 20)}


def thresholds(here):
    """Chosen thresholds, from rows and from counts."""
    task = Binary(threshold="f1")
    exact, bounded = (Metrics(["f1"], task=task, memory=memory, verbose=False) for memory in ("exact", "bounded"))
    fit(here, echo_model(), [exact], (X, Y))
    fit(here, echo_model(), [bounded], (X, Y))
    return {"exact": dict(exact.history), "bounded": dict(bounded.history), "labels": exact.predictions.labels}


def compared(here):
    """What needs rows or labels of all processes after the fit."""
    metrics = Metrics(verbose=False, mean_probability=True)
    fit(here, small_net(), [metrics], (X, Y), epochs=3)
    last = metrics.history.at("last")
    return {
        **scored(metrics),
        "interval": tuple(last.confidence_interval("f1")),
        "compared": repr(metrics.history.compare("last", 0, "f1")),
        "groups": repr(last.by_group(np.arange(len(Y)) % 2, "f1")),
    }


def slices(here):
    metrics = Metrics(slices={"half": np.arange(len(own(here, (Y,))[0])) % 2}, verbose=False)
    try:
        fit(here, echo_model(), [metrics], (X, Y))
    except ValueError as error:
        return {"error": str(error)}
    return {"error": None}


# Other data.


def given(here):
    data = own(here, (X, Y, WEIGHTS))
    metrics = Metrics(validation_data=data, validation_batch_size=BATCH, prefix="test_", verbose=False)
    model = echo_model(counted=True)  # with state, which must be restored
    run = fit(here, model, [metrics], (X, Y), epochs=2, validation_data=None)
    return {**scored(metrics, run.history), "evaluated": dict(metrics.evaluate(model, data, batch_size=5))}


def given_to_one(here):
    """Only the last process has rows, in several batches, from rows and from counts."""
    rows = slice(None) if here.index == here.processes - 1 else slice(0)
    data = X[rows], Y[rows]
    exact, bounded = Metrics(verbose=False), Metrics(["f1", "confusion"], memory="bounded", verbose=False)
    model = echo_model()
    return {"exact": dict(exact.evaluate(model, data)), "bounded": dict(bounded.evaluate(model, data))}


def batches_without_rows(here):
    """The last batch of the last process has no row."""
    x, y = own(here, (X, Y))
    ends = [0, 10, 20, len(x)] if here.index < here.processes - 1 else [0, 10, len(x), len(x)]
    batches = [(x[start:stop], y[start:stop]) for start, stop in itertools.pairwise(ends)]
    metrics = Metrics(verbose=False)
    fit(here, echo_model(), [metrics], (X, Y), validation_data=Batches(batches))
    return scored(metrics)


def data_loader(here):
    loader = DataLoader(TensorDataset(*map(torch.as_tensor, own(here, (X, Y)))), batch_size=BATCH)
    metrics = Metrics(verbose=False)
    fit(here, echo_model(), [metrics], (X, Y), validation_data=loader)
    return scored(metrics)


def sharded_by_keras(here):
    """A PyDataset that Keras shares out, one batch after the other."""
    keras.distribution.set_distribution(keras.distribution.DataParallel(auto_shard_dataset=True))
    size = 4 if here.processes == 2 else 5  # as many batches for each process
    rows = Batches([(X[start : start + size], Y[start : start + size]) for start in range(0, 60, size)][: 6 * 2])
    metrics = Metrics(verbose=False)
    echo_model().fit(rows, validation_data=rows, verbose=0, callbacks=[metrics])
    return {**scored(metrics), "size": size}


def sampled_twice(here):
    """A DistributedSampler repeats rows where the processes cannot have as many each."""
    rows = TensorDataset(torch.as_tensor(X[:79]), torch.as_tensor(Y[:79]))
    sampler = DistributedSampler(rows, shuffle=False)
    loader = DataLoader(rows, batch_size=4, sampler=sampler)
    metrics = Metrics(verbose=False)
    return {"error": refusal(lambda: fit(here, echo_model(), [metrics], (X, Y), validation_data=loader))}


def same_rows(here):
    model, metrics = echo_model(), Metrics(verbose=False)
    return {
        "fit": refusal(lambda: fit(here, model, [metrics], (X, Y), validation_data=(X, Y))),
        "evaluate": refusal(lambda: metrics.evaluate(model, (X, Y))),
        "after": binary(here),
    }


def other_numbers_of_batches(here):
    rows = slice(40 if here.index == 0 else 8)
    metrics = Metrics(verbose=False)
    return {
        "error": refusal(lambda: fit(here, echo_model(), [metrics], (X, Y), validation_data=(X[rows], Y[rows]))),
        "after": binary(here),
    }


# The model cut, too.


def model_parallel_of(shape, *, cut_kernels=True):
    mesh = keras.distribution.DeviceMesh(shape, ("batch", "model"), keras.distribution.list_devices())
    layout_map = keras.distribution.LayoutMap(mesh)
    if cut_kernels:
        layout_map[".*kernel"] = (None, "model")
        layout_map[".*bias"] = ("model",)
    keras.distribution.set_distribution(
        keras.distribution.ModelParallel(layout_map=layout_map, batch_dim_name="batch", auto_shard_dataset=False)
    )


def wide_net():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8), keras.layers.Dense(4)])
    model.compile(keras.optimizers.SGD(0.1), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


def cut(here, feeds):
    """Rows and counts of a fit of a model that is cut; `feeds` is the part of the rows that this process feeds."""
    task = Multiclass(from_logits=True)
    exact = Metrics(["f1", "auc", "confusion"], task=task, verbose=False)
    bounded = Metrics({"counted": "confusion"}, memory="bounded", verbose=False)
    model = wide_net()
    data = tuple(array[feeds] for array in (LOGITS, KINDS))
    options = {"batch_size": BATCH, "shuffle": False, "verbose": 0, "validation_data": data, "epochs": 2}
    model.fit(*data, callbacks=[exact, bounded], **options)
    evaluated = Metrics(["confusion"], verbose=False).evaluate(model, data, batch_size=BATCH)
    with warnings.catch_warnings(), replaced(row_store, LIMIT=100):
        warnings.filterwarnings("ignore", message=".*only counts were kept")
        exceeding = Metrics(["confusion"], task=task, verbose=False).evaluate(model, data, batch_size=BATCH)
    return {
        **scored(exact),
        "counted": bounded.history["counted"],
        "exceeding": exceeding["confusion"],
        "evaluated": evaluated["confusion"],
        "kernel": tuple(map(str, model.layers[-1].kernel.value.placements)),
    }


def model_parallel(here):
    """The kernels are cut between the processes, which all feed every row."""
    model_parallel_of((1, here.processes))
    return cut(here, slice(None))


def rows_parallel(here):
    """The rows are cut, by ModelParallel; the last process has fewer."""
    model_parallel_of((here.processes, 1))
    return cut(here, slice(here.index, 79, here.processes))


def model_and_rows_parallel(here):
    """Four processes: two halves of the rows, each fed by two processes with a half of each kernel."""
    model_parallel_of((2, 2))
    return cut(here, slice(here.index // 2, 79, 2))


def masked_and_cut(here):
    """Masks and targets per position as DTensors."""
    model_parallel_of((here.processes, 1), cut_kernels=False)
    metrics = Metrics(verbose=False)
    fit(here, masked_model(), [metrics], MASKED)
    return scored(metrics)


def weighted_and_cut(here):
    model_parallel_of((here.processes, 1), cut_kernels=False)
    return echoed(here, (X, Y, WEIGHTS))


# Files and printing.


def files(here):
    """A log file and a report, one name for all; then a fit that resumes the log file."""
    log_file, report_file = here.folder / "scores.jsonl", here.folder / "report.html"
    metrics, model = Metrics(log_file=log_file, report_file=report_file, verbose=True), small_net()
    fit(here, model, [metrics], (X, Y), epochs=2)
    first = scored(metrics)
    torch.distributed.barrier()
    resumed = Metrics(log_file=log_file, verbose=True)
    fit(here, model, [resumed], (X, Y), epochs=4, initial_epoch=2)
    return {"first": first, "resumed": scored(resumed)}


def file_of_the_first(here):
    """Only the first process has a log file, in a fit and in one that resumes it."""
    log_file = here.folder / "first.jsonl" if here.index == 0 else None
    model, found = small_net(), []
    for begins, ends in ((0, 2), (2, 4)):
        metrics = Metrics(["f1", "auc"], log_file=log_file, verbose=False)
        fit(here, model, [metrics], (X, Y), epochs=ends, initial_epoch=begins)
        found.append({"epochs": metrics.history.epochs, **metrics.history})
    return found
