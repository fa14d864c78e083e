"""The cases of every_score: a name, and what runs it. The models return their input, and train nothing."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import product
from typing import Any

import keras
import numpy as np
from sklearn import metrics as sk

from kerascb_metrics import Binary, Metrics, Multiclass, Multilabel, Regression
from tests.every_score.numbers import Part, of_fit, of_scores
from tests.every_score.rows import (
    ALL,
    BACKEND,
    HALVES,
    LAYOUTS,
    MASKED,
    ONE_OF_EACH,
    PLAIN,
    REGRESSIONS,
    Rows,
    binary,
    classes_of,
    ignoring,
    labels_of,
    many,
    masked_steps,
    masked_tokens,
    one_column,
    own_loss,
    regression,
    rng_of,
    weights,
)

Run = Callable[[], list[Part]]
Named = Iterator[tuple[str, Run]]


# What runs a case.


def fitted(
    rows: Rows,
    *metrics: Metrics,
    fit: dict | None = None,
    compile_: dict | None = None,
    drawn: bool = False,
    evaluated: bool | None = None,
    **options: Any,
) -> list[Part]:
    """Fit a model of the rows, with `Metrics` of the options or those given; return all numbers.

    `drawn` cases have pictures, a report page and an evaluation too, which take longer than the fit.
    """
    metrics = metrics or (Metrics(verbose=False, **{**rows.options, **options}),)
    model = rows.model(**(compile_ or {}))
    parts = run_fit(model, rows.x[:16], rows.y[:16], metrics, {"validation_data": rows.data, **(fit or {})}, drawn)
    if drawn if evaluated is None else evaluated:
        parts.append(Part("evaluate", lambda: of_scores(metrics[0].evaluate(model, rows.data))))
    return parts


def run_fit(
    model: keras.Model, x: Any, y: Any, metrics: tuple, fit: dict, drawn: bool = False, outputs: tuple = (None,)
) -> list[Part]:
    """Fit once, with callbacks before and after `Metrics` that note their `logs`."""
    seen: dict[str, list] = {"before": [], "after": []}
    before, after = (
        keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs, own=own: own.append(dict(logs)))
        for own in seen.values()
    )
    options = {"epochs": 2, "batch_size": 16, "validation_batch_size": 48, "shuffle": False, "verbose": 0, **fit}
    if not isinstance(x, np.ndarray | dict | list | tuple):
        options.pop("batch_size")
    run = model.fit(x, y, callbacks=[before, *metrics, after], **options)
    parts = [of_fit(each, run, seen, outputs, drawn) for each in metrics]
    if len(metrics) == 1:
        return parts[0]
    return [Part(f"{place} {part.name}", part.numbers) for place, own in enumerate(parts) for part in own]


def weight_of(rows: Rows, kind: str | None) -> np.ndarray | None:
    """One weight a row, or a position."""
    if kind is None:
        return None
    if kind == "position":
        return weights(*rows.x.shape[:-1])
    axes = max(rows.x.ndim - 1, 1)  # of the loss, which is a number a position
    made = weights(len(rows), kind=kind).reshape(-1, *[1] * (axes - 1))
    return made[:, None] if kind == "(N,1)" else made


# The cases.


def of_layouts() -> Named:
    """Every layout, with and without weights, from rows and from counts."""
    for name, rows in ALL.items():
        ways = [(None, "auto"), ("row", "auto"), ("row", "bounded")]
        for weight, memory in ways[: 2 if name in REGRESSIONS else 3]:
            weighted = rows.with_(weight_of(rows, weight), memory=memory)
            drawn = name in PLAIN and memory == "auto" and weight is None
            yield f"{name}; weights {weight}, {memory}", partial(fitted, weighted, drawn=drawn)
    for name in [name for name, rows in (LAYOUTS | REGRESSIONS).items() if rows.x.ndim > 2]:
        for memory in ("auto", "bounded")[: 1 if name in REGRESSIONS else 2]:
            rows = ALL[name].with_(weight_of(ALL[name], "position"), memory=memory)
            yield f"{name}; weights position, {memory}", partial(fitted, rows)


def of_weights() -> Named:
    for name, kind in product(ONE_OF_EACH, ("zeros", "huge", "tiny", "tenths", "(N,1)")):
        for memory in ("exact", "bounded")[: 1 if name in REGRESSIONS else 2]:
            rows = ALL[name].with_(weight_of(ALL[name], kind), memory=memory)
            yield f"weights {kind}; {name}, {memory}", partial(fitted, rows)
    for name in ONE_OF_EACH:
        rows = ALL[name].with_(weight_of(ALL[name], "row"), use_sample_weight=False)
        yield f"weights not used; {name}", partial(fitted, rows)


def of_averages() -> Named:
    averages = {
        "binary (N,1)": ("binary", "micro", "macro", "weighted", None),
        "binary (N,2), ints, logits": ("micro", "weighted", None),
        "multiclass, ints": ("micro", "macro", "weighted", None),
        "multilabel": ("micro", "macro", "weighted", "samples", None),
        "multilabel of one": ("micro", "macro", None),
    }
    for name, of_task in averages.items():
        for average, weight in product(of_task, (None, "zeros")):
            rows = ALL[name].with_(weight_of(ALL[name], weight), average=average)
            yield f"average {average}; {name}, weights {weight}", partial(fitted, rows, drawn=average is None)
    for name, average in product(("binary (N,1)", "multiclass, ints", "multilabel"), ("weighted", None)):
        rows = ALL[name].with_(average=average, memory="bounded")
        yield f"average {average}, bounded; {name}", partial(fitted, rows)


SCORERS = tuple(name for name in sk.get_scorer_names() if name not in ("f1", "precision", "recall"))
CLASSIFIED = ("f1", "precision", "recall", "auc", "confusion", *SCORERS)


def of_scorers() -> Named:
    """Every name at once; those that a task has not are nan, and so are their numbers here."""
    for name in (*PLAIN, "multiclass (N,T,C)", "regression (N,)", "regression (N,3)"):
        rows = ALL[name]
        names = SCORERS if name in REGRESSIONS else CLASSIFIED
        for weight in (None, "zeros"):
            weighted = rows.with_(weight_of(rows, weight), scoring=list(names), error_score=np.nan)
            yield f"every name; {name}, weights {weight}", partial(fitted, weighted, fit={"epochs": 1}, evaluated=False)


def of_single_names() -> Named:
    """Each name by itself where no rows are kept: the value, or what kind of error it is."""
    for name in ONE_OF_EACH:
        yield f"single names, bounded; {name}", partial(single_names, ALL[name], "bounded")


def single_names(rows: Rows, memory: str) -> list[Part]:
    model = rows.model()
    options = {**rows.options, "memory": memory, "verbose": False}
    names = ("f1", "precision", "recall", "kappa", "auc", "confusion", "confusion_cells", *SCORERS)
    return [
        Part(name, lambda name=name: of_scores(Metrics(**{**options, "scoring": name}).evaluate(model, rows.data)))
        for name in names
    ]


def share_of_hits(y_true: np.ndarray, y_pred: np.ndarray) -> float:
    return float(np.mean(y_true == y_pred))


def weighted_share(y_true: np.ndarray, y_pred: np.ndarray, sample_weight: Any = None) -> np.ndarray:
    return np.array([np.average(y_true == y_pred, weights=sample_weight), len(y_true)])


def failing(y_true: np.ndarray, y_pred: np.ndarray) -> float:
    return 1 / 0


def of_functions() -> Named:
    functions = {
        "a function": share_of_hits,
        "a function that takes weights, of two numbers": weighted_share,
        "scorers": {"f2": sk.make_scorer(sk.fbeta_score, beta=2, average="macro"), "errors": sk.zero_one_loss},
        "less is better": sk.make_scorer(sk.hamming_loss, greater_is_better=False),
        "of probabilities": {"loss": sk.make_scorer(sk.log_loss, response_method="predict_proba")},
        "several": ["f1", share_of_hits, sk.jaccard_score, "confusion_cells", "average_precision"],
        "one that fails": {"fails": failing, "f1": "f1"},
    }
    for (kind, scoring), name in product(functions.items(), ("binary (N,1)", "multiclass, ints", "multilabel")):
        for weight in (None, "row"):
            rows = ALL[name].with_(weight_of(ALL[name], weight), scoring=scoring, error_score=-1.0)
            yield f"{kind}; {name}, weights {weight}", partial(fitted, rows)


def of_tasks() -> Named:
    x, y = one_column(90, 1)
    names = ["cat", "dog", "eel"]
    odd = replace(classes_of(90, loss=own_loss), y=np.array([7, -3, 100])[classes_of(90).y])
    tasks = {
        "threshold 0.3": binary(90, 1).with_(task=Binary(threshold=0.3)),
        "threshold 0.3 of logits": binary(90, 1, logits=True).with_(task=Binary(threshold=0.3)),
        "threshold of two columns": classes_of(90, classes=2).with_(task=Binary(threshold=0.7)),
        "threshold of margins": binary(90, 1, logits=True, loss="hinge").with_(task=Binary(threshold=0.5)),
        "pos_label 0": binary(90, 1).with_(task=Binary(pos_label=0)),
        "pos_label -1": replace(binary(90, 1), y=2 * y - 1, loss="mse").with_(task=Binary(pos_label=-1)),
        "pos_label 2": replace(binary(90, 1), y=y + 1, loss="mse").with_(task=Binary(pos_label=2)),
        "names of two": binary(90, 1).with_(task=Binary(class_names=["no", "yes"]), average=None),
        "logits said": binary(90, 1, logits=True, loss="mse").with_(task=Binary(from_logits=True)),
        "names": classes_of(90).with_(task=Multiclass(class_names=names), average=None),
        "labels": odd.with_(task=Multiclass(labels=[7, -3, 100])),
        "labels, a value a class": odd.with_(task=Multiclass(labels=[7, -3, 100], class_names=names), average=None),
        "logits of classes said": classes_of(90, logits=True).with_(task=Multiclass(from_logits=True)),
        "thresholds of labels": labels_of(90, 3).with_(task=Multilabel(threshold=[0.2, 0.5, 0.9]), average=None),
        "one threshold of logits": labels_of(90, 3, logits=True).with_(task=Multilabel(threshold=0.3)),
        "exactly at the threshold": replace(binary(90, 1), x=np.round(x * 4) / 4),
        "regression said": regression(90, 2).with_(task=Regression()),
    }
    for (name, rows), memory in product(tasks.items(), ("exact", "bounded")):
        if memory == "exact" or "regression" not in name:
            yield f"task: {name}, {memory}", partial(fitted, rows.with_(memory=memory), drawn=memory == "exact")
        if memory == "exact":
            yield f"task: {name}, {memory}, weighted", partial(fitted, rows.with_(weights(90), memory=memory))


def of_masks() -> Named:
    for (name, make), memory in product(MASKED.items(), ("auto", "bounded")):
        rows = make().with_(memory=memory)
        yield f"mask: {name}, {memory}", partial(fitted, rows)
        yield f"mask: {name}, {memory}, weights a position", partial(fitted, rows.with_(weights(*rows.y.shape[:2])))
    for average in (None, "weighted"):
        yield f"mask: average {average}", partial(fitted, masked_tokens(logits=True).with_(average=average))
    yield "mask: every name", partial(fitted, masked_steps().with_(scoring=list(CLASSIFIED), error_score=np.nan))


def of_ignored() -> Named:
    for ignored, logits in product((-1, 255, 0, 2, 3), (False, True)):
        for memory, weight in (("auto", None), ("auto", "zeros"), ("bounded", None)):
            rows = ignoring(ignored, 90, classes=4, logits=logits)
            rows = rows.with_(weight_of(rows, weight), memory=memory)
            yield f"ignored {ignored}, logits {logits}, {memory}, weights {weight}", partial(fitted, rows)
    for ignored, average in product((-1, 1), (None, "weighted", "micro")):
        rows = ignoring(ignored, 30, 4, classes=4).with_(average=average)
        yield f"ignored {ignored} of (N,T,C), average {average}", partial(fitted, rows, drawn=average is None)
    for ignored in (-1, 2):
        yield f"ignored {ignored} of two columns", partial(fitted, ignoring(ignored, 90, classes=2))
        rows = ignoring(ignored, 90, classes=4).with_(scoring=list(CLASSIFIED), error_score=np.nan)
        yield f"ignored {ignored}, every name", partial(fitted, rows)
    rows = masked_tokens()
    y = np.where(rng_of(7).random(rows.y.shape) < 0.2, -1, rows.y)
    loss = keras.losses.SparseCategoricalCrossentropy(ignore_class=-1)
    yield "ignored -1 and a mask", partial(fitted, replace(rows, y=y, loss=loss))


def of_dtypes() -> Named:
    for name, dtype in product(ONE_OF_EACH[:3], ("bool", "int8", "uint8", "int16", "int64", "float32", "float64")):
        if dtype != "bool" or name != "multiclass, ints":
            yield f"targets {dtype}; {name}", partial(fitted, replace(ALL[name], y=ALL[name].y.astype(dtype)))
    for dtype, name in product([*HALVES, "float64"], (*ONE_OF_EACH, "multiclass, ints, logits")):
        if dtype != "float64" or BACKEND != "jax":  # JAX makes float32 of it
            for memory in ("exact", "bounded")[: 1 if name in REGRESSIONS else 2]:
                rows = replace(ALL[name], dtype=dtype).with_(memory=memory)
                yield f"outputs {dtype}; {name}, {memory}", partial(fitted, rows)


def of_undefined() -> Named:
    """One class only, classes that are missing, outputs that are no numbers."""
    tasks = dict(zip(ONE_OF_EACH, ("binary", "multiclass", "multilabel", "regression"), strict=True))
    spoilt = {
        name: replace(ALL[name], x=_spoilt(ALL[name].x), loss=own_loss).with_(task=task) for name, task in tasks.items()
    }
    two, three, labels = ALL["binary (N,1)"], ALL["multiclass, ints"], ALL["multilabel"]
    rows_of = {
        "ones": replace(two, y=np.ones_like(two.y)),
        "zeros": replace(two, y=np.zeros_like(two.y)),
        "nothing predicted": replace(two, x=two.x / 4),
        "a class missing": replace(three, y=np.where(three.y == 2, 0, three.y)),
        "one class": replace(three, y=np.ones_like(three.y)),
        "a label without rows": replace(labels, y=labels.y * [0, 1, 1, 1]),
        "no labels": replace(labels, y=labels.y * 0),
        "a class of weight zero": three.with_((three.y != 1).astype("float32")),
        "all weights zero": two.with_(np.zeros(90, "float32")),
        **{f"nan outputs; {name}": rows for name, rows in spoilt.items()},
    }
    for (name, rows), memory in product(rows_of.items(), ("exact", "bounded")):
        if memory == "exact" or "regression" not in name:
            yield f"undefined: {name}, {memory}", partial(fitted, rows.with_(rows.weight, memory=memory))
    for name, zero_division in product(("nothing predicted", "a class missing"), (0.0, 1.0, np.nan)):
        rows = rows_of[name].with_(zero_division=zero_division, average=None)
        yield f"undefined: {name}, zero_division {zero_division}", partial(fitted, rows)
    for error_score in ("raise_first", "raise", np.nan, -1.0):
        for name in ("ones", "one class"):
            scoring = ["roc_auc_ovr" if name == "one class" else "roc_auc", "f1", "matthews_corrcoef", "neg_log_loss"]
            rows = rows_of[name].with_(error_score=error_score, scoring=scoring)
            yield f"error_score {error_score}; {name}", partial(fitted, rows)
        rows = two.with_(error_score=error_score, scoring={"fails": failing, "f1": "f1"})
        yield f"error_score {error_score}; a function that fails", partial(fitted, rows)


def _spoilt(x: np.ndarray) -> np.ndarray:
    x = x.copy()
    x[20] = np.nan
    return x


def of_sizes() -> Named:
    for kind, memory, ties in product(("binary", "multiclass", "multilabel"), ("exact", "bounded"), (False, True)):
        for weight in (None, "tenths"):
            rows = many(kind, ties=ties)
            rows = rows.with_(weight_of(rows, weight), memory=memory)
            options = {"fit": {"epochs": 1, "validation_batch_size": 4096}, "evaluated": False}
            yield f"many rows: {kind}, {memory}, ties {ties}, weights {weight}", partial(fitted, rows, **options)
    for logits, memory in product((False, True), ("exact", "bounded")):
        rows = classes_of(300, classes=50, logits=logits).with_(memory=memory)
        yield f"50 classes: logits {logits}, {memory}", partial(fitted, rows)
        yield f"50 classes: logits {logits}, {memory}, weights", partial(fitted, rows.with_(weights(300)))
    rows = classes_of(300, classes=50).with_(average=None)
    yield "50 classes: a value a class", partial(fitted, rows, fit={"epochs": 1})
    rows = classes_of(9000, classes=50, logits=True)
    yield "50 classes: 9000 rows", partial(fitted, rows, fit={"epochs": 1}, evaluated=False)
    for count in (1, 2, 3):
        yield f"rows: {count}", partial(fitted, binary(count, 1))


MAKERS = (
    of_layouts,
    of_weights,
    of_averages,
    of_scorers,
    of_single_names,
    of_functions,
    of_tasks,
    of_masks,
    of_ignored,
    of_dtypes,
    of_undefined,
    of_sizes,
)
