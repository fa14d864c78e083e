"""More cases of every_score: where rows come from, how passes go, several outputs, random rows."""

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers, losses

from kerascb_metrics import Binary, Metrics, Multiclass, Multilabel
from tests.every_score.cases import ALL, ONE_OF_EACH, PLAIN, Named, fitted, run_fit, weight_of
from tests.every_score.numbers import Part, of_log_file, of_scores
from tests.every_score.rows import (
    BACKEND,
    BCE,
    SPARSE,
    Rows,
    binary,
    classes_of,
    compiled,
    masked_tokens,
    model_of,
    regression,
    rng_of,
    weights,
)

BATCH = 16


# Data of the callback's own, and of fit.


class Batched(keras.utils.PyDataset):
    """The rows in batches."""

    def __init__(self, rows: Rows) -> None:
        super().__init__()
        self.rows = rows

    def __len__(self) -> int:
        return -(-len(self.rows) // BATCH)

    def __getitem__(self, place: int) -> tuple:
        return tuple(array[BATCH * place : BATCH * (place + 1)] for array in self.rows.data)


class Listed(keras.utils.PyDataset):
    """Batches that differ in their shapes."""

    def __init__(self, batches: list) -> None:
        super().__init__()
        self.batches = batches

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, place: int) -> tuple:
        return self.batches[place]


def endless(rows: Rows) -> Iterator[tuple]:
    """The same batch for ever: Keras reads ahead on TensorFlow, so how far it got in the epoch before is chance."""
    while True:
        yield rows.data


def as_tensors(rows: Rows) -> tuple:
    return tuple(keras.ops.array(array) for array in rows.data)


def as_frames(rows: Rows) -> tuple:
    import pandas as pd

    return tuple(pd.DataFrame(array) if array.ndim > 1 else pd.Series(array) for array in rows.data)


def own_dataset(rows: Rows) -> Any:
    """tf.data, or a DataLoader; JAX has none."""
    if BACKEND == "tensorflow":
        import tensorflow as tf

        return tf.data.Dataset.from_tensor_slices(rows.data).shuffle(len(rows), seed=0).batch(BATCH)
    if BACKEND == "torch":
        import torch

        rows_ = torch.utils.data.TensorDataset(*map(torch.from_numpy, rows.data))
        return torch.utils.data.DataLoader(rows_, batch_size=BATCH)
    return Batched(rows)


SOURCES: dict[str, Callable[[Rows], dict]] = {
    "arrays": lambda rows: {"validation_data": rows.data},
    "batches of 7": lambda rows: {"validation_data": rows.data, "validation_batch_size": 7},
    "one batch": lambda rows: {"validation_data": rows.data, "validation_batch_size": 200},
    "some steps": lambda rows: {"validation_data": rows.data, "validation_batch_size": 8, "validation_steps": 3},
    "every second epoch": lambda rows: {"validation_data": rows.data, "validation_freq": 2},
    "epochs by number": lambda rows: {"validation_data": rows.data, "validation_freq": [1, 3]},
    "tensors": lambda rows: {"validation_data": as_tensors(rows)},
    "frames": lambda rows: {"validation_data": as_frames(rows)},
    "PyDataset": lambda rows: {"validation_data": Batched(rows)},
    "generator": lambda rows: {"validation_data": endless(rows), "validation_steps": 1},
    "generator, three steps": lambda rows: {"validation_data": endless(rows), "validation_steps": 3},
    "the backend's own": lambda rows: {"validation_data": own_dataset(rows)},
}


def of_sources() -> Named:
    """Every source, of fit's own pass and given."""
    for source, name in ((source, name) for source in SOURCES for name in (*ONE_OF_EACH, "multiclass (N,T,C)")):
        rows = ALL[name]
        if source == "frames" and rows.x.ndim > 2:
            continue
        weighted = rows.with_(weight_of(rows, "row"))
        yield f"fit's: {source}; {name}", partial(from_fit, rows, SOURCES[source])
        if name in ("binary (N,1)", "multiclass, ints", "regression (N,3)"):
            yield f"given: {source}; {name}, weights", partial(from_given, weighted, SOURCES[source], prefix="test_")
    for source in ("arrays", "PyDataset", "generator"):
        yield f"given: {source}, bounded", partial(from_given, PLAIN["binary (N,1)"], SOURCES[source], memory="bounded")
    masked = masked_tokens()
    yield "given: a mask", partial(from_given, masked.with_(weights(30, 5)), SOURCES["batches of 7"])
    long = {"validation_data": Listed(_of_two_lengths())}
    of_lengths = replace(classes_of(32, 5), shape=(None, 3))
    for memory in ("auto", "bounded"):
        yield f"fit's: two lengths, {memory}", partial(from_fit, of_lengths, lambda rows: long, memory=memory)
        yield f"given: two lengths, {memory}", partial(from_given, of_lengths, lambda rows: long, memory=memory)


def _of_two_lengths() -> list[tuple]:
    return [classes_of(16, 5).data, classes_of(16, 3).data, classes_of(7, 5).data]


def from_fit(rows: Rows, source: Callable[[Rows], dict], **options: Any) -> list[Part]:
    return fitted(rows, fit={**source(rows), "epochs": 3}, evaluated=False, **options)


def from_given(rows: Rows, source: Callable[[Rows], dict], **options: Any) -> list[Part]:
    metrics = Metrics(verbose=False, **{**rows.options, **source(rows), **options})
    return run_fit(rows.model(), rows.x[:16], rows.y[:16], (metrics,), {"epochs": 3})


# How passes go.


def of_passes() -> Named:
    two, three = PLAIN["binary (N,1)"], PLAIN["multiclass, ints, logits"]
    fits: dict[str, dict] = {
        "batch size 1": {"validation_batch_size": 1},
        "batch size 13": {"validation_batch_size": 13},
        "steps": {"validation_batch_size": 8, "validation_steps": 4},
        "every second epoch": {"epochs": 4, "validation_freq": 2},
        "from epoch 3": {"epochs": 5, "initial_epoch": 3},
    }
    for (name, fit), rows in ((pair, rows) for pair in fits.items() for rows in (two, three)):
        yield f"pass: {name}, {rows.y.shape} {len(rows.x[0])}", partial(fitted, rows, fit=fit)
    for jit in ("auto", False, True):
        for name in (*ONE_OF_EACH, "multiclass (N,T,C), logits") if jit == "auto" else ("binary (N,1)",):
            if not (jit is True and BACKEND == "torch"):  # a minute for the smallest model
                options = {"jit_compile": False if BACKEND == "torch" else jit}
                yield f"pass: jit {jit}, {name}", partial(fitted, ALL[name], compile_=options)
    if BACKEND != "torch":  # Keras refuses it there
        for name in ONE_OF_EACH:
            options = {"steps_per_execution": 3}
            yield f"pass: steps_per_execution 3, {name}", partial(fitted, ALL[name], compile_=options)
    for name, weight in ((name, weight) for name in ONE_OF_EACH for weight in (None, "row")):
        yield f"pass: validation_split, {name}, weights {weight}", partial(split, ALL[name], weight)
    yield "pass: compiled metrics of our names", partial(fitted, two, compile_=_own_metrics())
    yield "pass: two Metrics, and given data", partial(several, two)
    yield "pass: a second fit", partial(fitted_twice, two)
    for name in (*ONE_OF_EACH, "multiclass, ints, logits"):
        for memory in ("auto", "bounded")[: 1 if "regression" in name else 2]:
            yield f"log file: {name}, {memory}", partial(resumed, ALL[name].with_(memory=memory))


def _own_metrics() -> dict:
    return {"run_eagerly": True, "metrics": [keras.metrics.AUC(name="auc"), keras.metrics.Precision(name="precision")]}


def split(rows: Rows, kind: str | None) -> list[Part]:
    metrics = Metrics(verbose=False, **rows.options)
    fit = {"validation_split": 0.4, "sample_weight": weight_of(rows, kind)}
    return run_fit(rows.model(), rows.x, rows.y, (metrics,), fit)


def several(rows: Rows) -> list[Part]:
    metrics = (
        Metrics(["f1", "auc"], verbose=False),
        Metrics(["accuracy", "average_precision"], memory="bounded", verbose=False),
        Metrics(validation_data=(rows.x[:40], rows.y[:40]), prefix="test_", verbose=False),
        Metrics(validation_data=(rows.x[40:], rows.y[40:]), prefix="late_", task=Binary(threshold=0.3), verbose=False),
    )
    return fitted(rows, *metrics, evaluated=False)


def fitted_twice(rows: Rows) -> list[Part]:
    model, metrics = rows.model(), Metrics(verbose=False)
    run_fit(model, rows.x[:16], rows.y[:16], (metrics,), {"validation_data": rows.data, "epochs": 3})
    half = (rows.x[::2], rows.y[::2])
    return run_fit(model, rows.x[:16], rows.y[:16], (metrics,), {"validation_data": half})


def resumed(rows: Rows) -> list[Part]:
    """Two epochs, then two more from the file; the numbers in it after each."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "scores.jsonl")
        for begin, end in ((0, 2), (2, 4), (3, 5)):
            metrics = Metrics(verbose=False, log_file=path, **rows.options)
            fit = {"validation_data": rows.data, "initial_epoch": begin, "epochs": end}
            parts = run_fit(rows.model(), rows.x[:16], rows.y[:16], (metrics,), fit)
            lines = list(of_log_file(path))
            parts.append(Part("file", lambda lines=lines: lines))
            found += [Part(f"epochs {begin} to {end} {part.name}", part.numbers) for part in parts]
    return found


# Several outputs.

A, B, C = binary(60, 1), classes_of(60), regression(60, 1)
X = np.concatenate([A.x, B.x, C.x], axis=1)
Y = {"a": A.y[:, 0], "b": B.y, "c": C.y[:, 0]}
W = {name: weights(60, kind=kind) for name, kind in (("a", "plain"), ("b", "zeros"), ("c", "tenths"))}
LOSS = {"a": BCE, "b": SPARSE, "c": "mse"}
AB, R2 = ("a", "b"), {"c": ["r2", "neg_mean_absolute_error"]}


def three_outputs(form: Callable[[dict], Any], loss: Any) -> keras.Model:
    inputs = keras.Input((5,))
    cuts = {"a": inputs[:, :1], "b": inputs[:, 1:4], "c": inputs[:, 4:]}
    outputs = {name: layers.Identity(name=name)(cut) for name, cut in cuts.items()}
    return compiled(keras.Model(inputs, form(outputs)), loss)


def as_list(by_name: dict) -> list:
    return list(by_name.values())


def nested(by_name: dict) -> dict:
    return {"first": by_name["a"], "rest": {"b": by_name["b"], "c": by_name["c"]}}


def only(by_name: dict, names: tuple = AB) -> dict:
    return {name: by_name[name] for name in names}


def of_outputs() -> Named:
    panel = ["f1", "precision", "recall", "kappa", "auc", "confusion"]
    scoring = {"a": panel, "b": panel, **R2}
    some = {"a": ["f1", "average_precision"], "b": {"kept": "balanced_accuracy"}, "c": ["r2"]}
    tasks = {"a": Binary(threshold=0.3), "b": Multiclass(class_names=["cat", "dog", "eel"]), "c": "regression"}
    forms: dict[str, tuple] = {
        "dict, two of three": (dict, only(LOSS), only(Y), None, {}),
        "dict, weights": (dict, only(LOSS), only(Y), only(W), {}),
        "dict, all": (dict, LOSS, Y, None, {"scoring": scoring}),
        "dict, all, weights": (dict, LOSS, Y, W, {"scoring": scoring}),
        "dict, a value a class": (dict, only(LOSS), only(Y), None, {"average": None}),
        "dict, bounded": (dict, only(LOSS), only(Y), None, {"memory": "bounded"}),
        "dict, bounded, weights": (dict, only(LOSS), only(Y), only(W), {"memory": "bounded"}),
        "list": (as_list, [BCE, SPARSE, None], as_list(only(Y)), None, {}),
        "list, weights": (as_list, [BCE, SPARSE, None], as_list(only(Y)), as_list(only(W)), {}),
        "list, all": (as_list, as_list(LOSS), as_list(Y), None, {"scoring": scoring}),
        "tuple, all": (lambda by_name: tuple(by_name.values()), as_list(LOSS), as_list(Y), None, {"scoring": scoring}),
        "output a": (dict, only(LOSS), only(Y), None, {"output": "a"}),
        "output b": (dict, only(LOSS), only(Y), only(W), {"output": "b"}),
        "output c": (dict, LOSS, Y, W, {"output": "c", "scoring": "r2"}),
        "scores and tasks by output": (dict, LOSS, Y, W, {"scoring": some, "task": tasks}),
    }
    for name, (form, loss, y, w, options) in forms.items():
        yield f"outputs: {name}", partial(of_several, form, loss, y, w, options)
        data = (X, y) if w is None else (X, y, w)
        given = {**options, "validation_data": data, "validation_batch_size": 13}
        yield f"outputs: {name}, given", partial(of_several, form, loss, y, w, given)
    deep = {"scoring": {"first": panel, "rest/b": panel, "rest/c": "r2"}}
    yield "outputs: nested", partial(of_several, nested, nested(LOSS), nested(Y), None, deep)


def of_several(form: Callable, loss: Any, y: Any, w: Any, options: dict) -> list[Part]:
    model, metrics = three_outputs(form, loss), Metrics(verbose=False, **options)
    first = keras.tree.map_structure(lambda leaf: leaf[:16], y)
    data = (X, y) if w is None else (X, y, w)
    outputs = ("first", "rest/b") if form is nested else AB
    fit = {} if "validation_data" in options else {"validation_data": data}
    parts = run_fit(model, X[:16], first, (metrics,), fit, drawn=bool(fit) and w is None, outputs=outputs)
    return [*parts, Part("evaluate", lambda: of_scores(metrics.evaluate(model, data)))]


# Random rows, in random forms.


def of_random_rows() -> Named:
    for seed in range(60):
        yield f"random rows {seed}", partial(random_case, seed)


def random_case(seed: int) -> list[Part]:
    rng = rng_of(8, seed)
    kind = ("binary", "multiclass", "multilabel")[seed % 3]
    columns = int({"binary": rng.integers(1, 3), "multiclass": rng.integers(3, 7)}.get(kind, rng.integers(2, 6)))
    shape = (int(rng.integers(1, 60)), *[(), (3,), (2, 2)][rng.integers(3)])
    z = rng.integers(-4, 5, (*shape, columns)) / 2 if rng.random() < 0.5 else rng.normal(size=(*shape, columns))
    logits, one_sigmoid = bool(rng.random() < 0.5), kind == "multilabel" or columns == 1
    p = 1 / (1 + np.exp(-z)) if one_sigmoid else np.exp(z) / np.exp(z).sum(axis=-1, keepdims=True)
    classes = 2 if columns == 1 else columns
    y = rng.integers(0, 2, z.shape) if kind == "multilabel" else rng.integers(0, classes, shape)
    y = y[..., None] if columns == 1 else y
    y = y.astype(rng.choice(["int64", "int32", "uint8", "float32"]))
    weight = [None, rng.random(shape) + 0.1, rng.integers(0, 3, shape) / 4][rng.integers(3)]
    made = {"binary": Binary, "multiclass": Multiclass, "multilabel": Multilabel}[kind]
    averages = {"binary": ["auto", "micro", None], "multiclass": ["micro", "macro", "weighted", None]}
    options = {
        "task": made(from_logits=logits),
        "average": rng.choice(np.array(averages.get(kind, ["macro", "samples", None]), dtype=object)),
        "zero_division": float(rng.choice([0.0, 1.0, np.nan])),
        "memory": str(rng.choice(["exact", "bounded"])),
    }
    options["memory"] = "exact" if options["average"] == "samples" else options["memory"]
    rows = Rows((z if logits else p).astype("float32"), y, losses.MeanSquaredError(), options, weight)
    metrics = Metrics(validation_data=rows.data, validation_batch_size=16, verbose=False, **options)
    model = compiled(model_of(rows), _sum_of_outputs)
    return run_fit(model, rows.x[:16], rows.y[:16], (metrics,), {"epochs": 1})


def _sum_of_outputs(y_true: Any, y_pred: Any) -> Any:
    return keras.ops.sum(y_pred, axis=-1)


MAKERS = (of_sources, of_passes, of_outputs, of_random_rows)
