"""Code of a user who checks types: `mypy --strict` accepts it, and rejects each line that ignores an error.

tests/end_to_end/test_typing.py checks it; nothing here is run.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, assert_type

import keras
import numpy as np

from kerascb_metrics import (
    Binary,
    Metrics,
    Multiclass,
    Multilabel,
    Ordinal,
    Predictions,
    Regression,
    ScoreHistory,
    Scores,
    compare_histories,
    make_prediction_scorer,
)
from kerascb_metrics.batchwise import batchwise_f1
from kerascb_metrics.tensorboard import ConfusionImages


def balanced(y_true: np.ndarray, y_pred: np.ndarray) -> float:
    """A metric function."""
    return float((y_true == y_pred).mean())


def exact(predictions: Predictions) -> float:
    """A function of whole predictions."""
    return float(np.mean([(sample.y_pred == sample.y_true).all() for sample in predictions.samples()]))


def constructors(names: list[str], path: Path) -> list[Metrics]:
    """Return a `Metrics` for each kind of argument."""
    return [
        Metrics(),
        Metrics("f1", task="binary", average=None),
        Metrics(["f1", "auc"], per_class=True),
        Metrics(slices={"sex": np.array(["f", "m"]), "both": {"a": [1, 2], "b": [0, 1]}}, mean_probability=True),
        Metrics(["f1", "auc"], task=Binary(threshold=0.3)),
        Metrics({"f1": "f1", "balanced": balanced}, task=Binary(class_names=["a", "b"], pos_label=0)),
        Metrics(["f1", make_prediction_scorer(exact)]),
        Metrics({"exact": make_prediction_scorer(exact, greater_is_better=False)}),
        Metrics(task=Multiclass(labels=[1, 2, 5], class_names=names, from_logits=True)),
        Metrics(task=Multiclass(labels=np.array([1, 2, 5]), class_names=("a", "b", "c"))),
        Metrics(task=Multilabel(threshold=[0.5, 0.2], class_names=names)),
        Metrics(task={"a": Binary(threshold="f1"), "b": Multilabel(threshold="balanced_accuracy")}),
        Metrics("mae", task=Ordinal([1, 2, 5], class_names=names)),
        Metrics(task=Ordinal(labels=np.array([0.5, 1.0]), from_logits=False, ignore_class=-1, soft_targets=True)),
        Metrics(task="ordinal"),
        Metrics("r2", task=Regression(), output="price", error_score=0.0),
        Metrics({"kind": ["f1"], "price": "r2"}, task={"kind": Multiclass(), "price": Regression()}),
        Metrics(validation_data=(np.zeros((4, 1)), np.zeros(4)), validation_batch_size=2, prefix="test_"),
        Metrics(log_file=path / "scores.jsonl", memory="bounded", zero_division=float("nan"), verbose=False),
        Metrics(log_file="scores.jsonl", error_score="raise", validation_freq=[1, 3]),
    ]


def during_a_fit(model: keras.Model, metrics: Metrics, log_dir: Path) -> list[keras.callbacks.Callback]:
    """Return callbacks of a fit."""
    model.compile("adam", "binary_crossentropy", metrics=[batchwise_f1])
    images = ConfusionImages(metrics, log_dir, normalize="true")
    return [metrics, images, keras.callbacks.EarlyStopping(**metrics.monitor("f1"), patience=3)]


def after_a_fit(metrics: Metrics) -> float:
    """Read the results of a fit."""
    last: float = metrics.f1s[-1]
    (tn, fp), (fn, tp) = metrics.confusion[-1]
    rows = metrics.predictions
    if isinstance(rows, Predictions):
        assert_type(len(rows), int)
        last = float(rows.y_pred.mean())
        print(
            rows.labels,
            rows.to_frame({"site": np.arange(4)}),
            rows.hardest(5, groups=[1, 2]),
            rows.confident_mistakes(),
        )
    return float(last + tn + fp + fn + tp + sum(metrics.auc))


def history(metrics: Metrics) -> dict[str, Any]:
    """Ask the history."""
    run = metrics.history
    assert_type(run, ScoreHistory)
    epoch, value = run.best("f1")
    assert_type(epoch, int)
    assert_type(value, float)
    assert_type(run.best("own", mode="max")[0], int)
    for name, values in run.items():
        print(name, values[run.index_of(epoch)], run["f1"][run.index_of("best")])
    assert_type(run.epochs, list[int])
    assert_type(run.report(), str)
    assert_type(run.report(by="sex"), str)
    assert_type(run.by_group("sex", "f1")[-1].group_min, float)
    assert_type(run.at("last").temperature(), float)
    print(run.at("last").calibration().ece_if_calibrated, run.plot_groups("f1").ax_, run.plot_calibration().calibration)
    print(run.plot_prediction_error("best").residuals, run.at(0).plot_prediction_error("residual_vs_predicted").ax_)
    assert_type(run.report("best", output="kind"), str)
    report = run.report(epoch, output_dict=True)
    print(report["macro avg"]["f1-score"])
    low, high = run.bounds["auc"][0]
    print(run.tally("best").matrix().sum(), high - low)
    return report


def results(model: keras.Model, metrics: Metrics, path: Path) -> float:
    """Ask the scores of an epoch, a test set and arrays."""
    best = metrics.history.at("best")
    test = metrics.evaluate(model, np.zeros((4, 1)), np.zeros(4), batch_size=2)
    scores = metrics.score([0, 1], y_pred=np.zeros(2), sample_weight=[1.0, 2.0])
    assert_type(scores, Scores)
    assert_type(best.epoch, int | None)
    assert_type(test.report(), str)
    print(test.report(output="kind", output_dict=True)["accuracy"], scores.to_dict(), scores.predictions)
    assert_type(test.report(confidence_level=0.9), str)
    low, high = test.confidence_interval("f1", 0.9, groups=np.arange(3))
    assert_type(low + high, float)
    threshold, at_best, cross_fitted = test.best_threshold(cost={"fp": 1, "fn": 20}, at_least={"precision": 0.9})
    print(threshold, at_best, cross_fitted, test.compare(scores, "f1").pvalue)
    scores.plot_confusion(normalize="true")
    test.save(path / "test.json")
    value: float = Scores.load(path / "test.json")["f1"]
    return value


def plots(run: ScoreHistory, names: Sequence[str], ax: Any) -> None:
    """Draw every plot."""
    run.plot().figure_.savefig("scores.png")
    run.plot(names, losses=True, ax=ax)
    run.plot_confusion("best", normalize="true", output="kind")
    run.plot_roc([0, "best"], classes=names)
    run.plot_precision_recall(-1, classes="a", ax=ax)
    threshold, f1 = run.plot_threshold("best", class_name="a").best
    assert_type(threshold, float)
    assert_type(f1, float)


def runs(first: ScoreHistory, second: ScoreHistory, ax: Any) -> str:
    """Compare runs."""
    compared = compare_histories({"fold 1": first, "fold 2": second})
    compared.plot("f1", ax=ax).figure_.savefig("runs.png")
    return compared.table() + compared.table("f1")


def files(run: ScoreHistory, path: Path) -> ScoreHistory:
    """Write and read files."""
    run.save(path / "scores.json")
    run.save_report(path / "report.html", title="A run")
    run.save_report("report.html")
    print(run.to_frame().describe())
    return ScoreHistory.load(path / "scores.json")


def evaluate(model: keras.Model, x: np.ndarray, y: np.ndarray) -> float:
    """Score a test set."""
    scores = Metrics(["f1"]).evaluate(model, (x, y), batch_size=32)
    return float(scores["f1"])


def mistakes(run: ScoreHistory) -> None:
    """An unused "ignore" is an error, so each of these lines must be one that mypy rejects."""
    Metrics(memory="all")  # type: ignore[arg-type]
    make_prediction_scorer("f1")  # type: ignore[arg-type]
    Metrics(verbose="always")  # type: ignore[arg-type]
    Binary(threshold="high")  # type: ignore[arg-type]
    Binary(from_logits="yes")  # type: ignore[arg-type]
    Multiclass(class_names=3)  # type: ignore[arg-type]
    run.best("f1", mode="highest")  # type: ignore[arg-type]
    run.report("first")  # type: ignore[call-overload]
    run.plot_confusion(normalize="rows")  # type: ignore[arg-type]
    run.plot_roc("first")  # type: ignore[arg-type]
    run.report().keys()  # type: ignore[attr-defined]
