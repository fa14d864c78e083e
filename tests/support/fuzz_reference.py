"""The scores of scikit-learn for the rows of a case, read by separate code: the reference of fuzz.py."""

import warnings
from dataclasses import dataclass

import numpy as np
from scipy.special import softmax
from sklearn import metrics as sk


@dataclass
class Plain:
    """Rows as scikit-learn takes them."""

    y_true: np.ndarray
    y_pred: np.ndarray
    y_score: np.ndarray
    weight: np.ndarray | None


def plainly(case, rows):
    """Return the rows as scikit-learn takes them."""
    y_pred = rows.y_pred.astype("float64")
    places = y_pred.shape[:-1]
    keep = np.ones(places, bool) if rows.mask is None else rows.mask
    weight = rows.sample_weight
    if weight is not None:
        weight = weight.astype("float64")
        weight = weight if weight.shape == places else weight.reshape(-1)
        weight = np.broadcast_to(weight.reshape(*weight.shape, *[1] * (len(places) - weight.ndim)), places)[keep]
    outputs, cut = y_pred[keep], 0.0 if case.logits else 0.5
    if case.kind == "regression":  # in their own precision
        outputs = rows.y_pred.astype("float32") if case.floats == "float16" else rows.y_pred
        return Plain(rows.y_true.reshape(outputs.shape), outputs, outputs, weight)
    if case.kind == "multilabel":
        y_true = rows.y_true[keep].astype(int)
        return Plain(y_true, (outputs > cut).astype(int), outputs, weight)
    hot = case.layout == "one-hot"
    y_true = (rows.y_true.argmax(-1) if hot else rows.y_true.reshape(places))[keep].astype(int)
    if case.kind == "multiclass":
        return Plain(y_true, outputs.argmax(1), softmax(outputs, axis=1) if case.logits else outputs, weight)
    score = outputs[:, 0] if case.columns == 1 else outputs[:, 1] - outputs[:, 0] if case.logits else outputs[:, 1]
    return Plain(y_true, (score > cut).astype(int), score, weight)


def expected(case, plain, name):
    """scikit-learn's value and whether it warned; None and True if it raises."""
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            value = _score(case, plain, name)
        except (ValueError, ZeroDivisionError):
            return None, True
    return value, bool(warned)


def _score(case, plain, name):
    pair, weight = (plain.y_true, plain.y_pred), {"sample_weight": plain.weight}
    average = case.average
    if average == "auto":
        average = "binary" if case.kind == "binary" else "macro"
    ratio = {"average": average, "zero_division": case.zero_division, **weight}
    labels = range(case.n_classes)
    if average is None and case.kind != "multilabel":
        ratio["labels"] = labels  # one value per class of the model, even for classes that do not occur
    if name in ("f1", "precision", "recall"):
        return getattr(sk, f"{name}_score")(*pair, **ratio)
    if name == "kappa":
        return sk.cohen_kappa_score(*pair, labels=labels, **weight)
    if name == "confusion":
        if case.kind == "multilabel":
            return sk.multilabel_confusion_matrix(*pair, **weight)
        return sk.confusion_matrix(*pair, labels=labels, **weight)
    if name == "auc":
        return _auc(case, plain, average)
    return _named(case, plain, name)


def _auc(case, plain, average):
    if case.kind == "binary":
        return sk.roc_auc_score(plain.y_true, plain.y_score, sample_weight=plain.weight)
    hot = plain.y_true if case.kind == "multilabel" else (plain.y_true[:, None] == range(case.n_classes)).astype(int)
    weight = np.ones(len(hot)) if plain.weight is None else plain.weight
    ranked = (weight @ hot > 0) & (weight @ (1 - hot) > 0)
    if average in ("macro", "weighted") and ranked.any():  # over the classes that can be ranked
        areas = [sk.roc_auc_score(hot[:, k], plain.y_score[:, k], sample_weight=weight) for k in np.flatnonzero(ranked)]
        return np.average(areas, weights=(weight @ hot)[ranked] if average == "weighted" else None)
    return sk.roc_auc_score(hot, plain.y_score, average=average, sample_weight=plain.weight)


def _named(case, plain, name):
    weight = {"sample_weight": plain.weight}
    if name == "neg_brier_score":
        p = 1 / (1 + np.exp(-plain.y_score)) if case.logits else plain.y_score
        return -sk.brier_score_loss(plain.y_true, p, **weight)
    if name == "average_precision":
        return sk.average_precision_score(plain.y_true, plain.y_score, **weight)
    base, _, average = name.partition("_")
    if base in ("jaccard", "f1", "precision") and name != "precision_score":
        function, options = (
            getattr(sk, f"{base}_score"),
            {"average": average or "binary", "zero_division": case.zero_division},
        )
        return function(plain.y_true, plain.y_pred, **options, **weight)
    sign = -1 if name.startswith("neg_") else 1
    function = {
        "r2": "r2_score",
        "explained_variance": "explained_variance_score",
        "matthews_corrcoef": "matthews_corrcoef",
        "neg_mean_squared_error": "mean_squared_error",
        "neg_mean_absolute_error": "mean_absolute_error",
    }.get(name, f"{name}_score")
    return sign * getattr(sk, function)(plain.y_true, plain.y_pred, **weight)
