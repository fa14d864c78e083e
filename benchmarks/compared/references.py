"""What the package is compared with: one sort, scikit-learn's calls, torchmetrics."""

import importlib.util

import numpy as np
from sklearn import metrics


def sort_scores(rows):
    """Return a function that sorts the scores of a single column; half precision is sorted as float32."""
    scores = rows.scores.astype(np.float32) if rows.scores.dtype == np.float16 else rows.scores
    return lambda: np.sort(scores)


def sort_columns(rows):
    """Return a function that sorts every column; each is contiguous."""
    columns = np.ascontiguousarray(rows.y_pred.T)
    return lambda: np.sort(columns, axis=1)


def label_calls(rows, **options):
    """Return a function that calls scikit-learn on labels: F1, precision, recall, kappa, confusion matrix."""

    def run():
        given = rows.labels, rows.predicted
        weight = {"sample_weight": rows.sample_weight}
        metrics.f1_score(*given, **options, **weight)
        metrics.precision_score(*given, **options, **weight)
        metrics.recall_score(*given, **options, **weight)
        if rows.labels.ndim == 1:
            metrics.cohen_kappa_score(*given, **weight)
            metrics.confusion_matrix(*given, **weight)
        else:  # kappa is not defined for several labels
            metrics.multilabel_confusion_matrix(*given, **weight)

    return run


def auc_call(rows, **options):
    """Return a function that calls `roc_auc_score`."""
    return lambda: metrics.roc_auc_score(rows.labels, rows.scores, sample_weight=rows.sample_weight, **options)


def has_torchmetrics():
    """Return whether torchmetrics is installed."""
    return importlib.util.find_spec("torchmetrics") is not None


def torchmetrics_collection(rows, task, **options):
    """Return a function that updates, computes and resets a torchmetrics collection of the same scores, AUC exact."""
    import torch
    from torchmetrics import AUROC, CohenKappa, ConfusionMatrix, F1Score, MetricCollection, Precision, Recall

    kinds = [F1Score, Precision, Recall, *([] if task == "multilabel" else [CohenKappa]), ConfusionMatrix]
    macro = {} if task == "binary" else {"average": "macro"}
    members = {kind.__name__: kind(task=task, **options, **_accepted(kind, macro)) for kind in kinds}
    collection = MetricCollection({**members, "AUROC": AUROC(task=task, thresholds=None, **options, **macro)})
    scores, labels = torch.from_numpy(np.ascontiguousarray(rows.scores)), torch.from_numpy(rows.labels)

    def run():
        collection.update(scores, labels)
        collection.compute()
        collection.reset()

    return run


def _accepted(kind, options):
    """Return the options that a kind of metric accepts: matrix and kappa have no average."""
    return {} if kind.__name__ in ("ConfusionMatrix", "CohenKappa") else options
