"""The panel: f1, precision, recall, kappa, auc and confusion of one pass, as scikit-learn has them, from the counts.

A label score depends on the pairs (true, predicted) only through their counts. So N rows become a handful of cells, and
scikit-learn's formulas give for them the bits that its functions return with `sample_weight=counts`.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import numpy as np

from kerascb_metrics.interpret.kinds import CLASSIFICATION, RANKED, Kind
from kerascb_metrics.score.areas import binary_auc, columns_auc, left_out_of_auc, one_sided, ranked_classes_auc
from kerascb_metrics.score.kappa import kappa_of
from kerascb_metrics.score.precision_recall_f1 import is_single_label, precision_recall_f1
from kerascb_metrics.score.score import Needs, Options, Score, Undefined, Value
from kerascb_metrics.tally.tally import Tally

PANEL = ("f1", "precision", "recall", "kappa", "auc", "confusion")
CONFUSION_CELLS = "confusion_cells"
# The cells of a binary confusion matrix, by name, and whether greater is better.
CELLS = {"tn": True, "fp": False, "fn": False, "tp": True}

_SCORES_OF_COLUMNS: tuple[Kind, ...] = ("multiclass", "multilabel")


def panel_scores(options: Options) -> Iterator[Score]:
    """Yield the scores of the panel, and the confusion matrix with all its cells in `logs`."""
    per_class = CLASSIFICATION if options.average is None else ()
    needs = _needs(CLASSIFICATION, "counts", options)
    each = replace(options, average=None)
    for name, compute in (("f1", f1), ("precision", precision), ("recall", recall)):
        of_classes = partial(compute, options=each)
        yield Score(name, partial(compute, options=options), needs, per_class=per_class, of_classes=of_classes)
    yield Score("kappa", kappa, {kind: needs[kind] for kind in ("binary", "multiclass", "ordinal")})
    yield Score(
        "auc",
        partial(auc, options=options),
        _needs(RANKED, "ranking", options),
        per_class=_SCORES_OF_COLUMNS if options.average is None else (),
        ranks_classes=partial(_ranks_classes, options=options),
        leaves_out=partial(_left_out, options=options),
        of_classes=auc_of_classes,
    )
    counts: dict[Kind, Needs] = dict.fromkeys(CLASSIFICATION, "counts")
    yield Score("confusion", confusion, counts, greater_is_better=None, matrix="binary")
    yield Score(CONFUSION_CELLS, confusion, counts, greater_is_better=None, matrix="all")


def _needs(kinds: tuple[Kind, ...], needs: Needs, options: Options) -> dict[Kind, Needs]:
    """What an averaged score needs; the average over samples takes the rows one by one."""
    return dict.fromkeys(kinds, "rows" if options.average == "samples" else needs)


def f1(tally: Tally, options: Options) -> Value:
    """F1, as `sklearn.metrics.f1_score`."""
    undefined = (tally.true_mass <= 0) & (tally.predicted_mass <= 0)
    return _ratio(tally, options, 2, undefined, "neither true nor predicted")


def precision(tally: Tally, options: Options) -> Value:
    """Precision, as `sklearn.metrics.precision_score`."""
    return _ratio(tally, options, 0, tally.predicted_mass <= 0, "not predicted for any row")


def recall(tally: Tally, options: Options) -> Value:
    """Recall, as `sklearn.metrics.recall_score`."""
    return _ratio(tally, options, 1, tally.true_mass <= 0, "not the true label of any row")


def kappa(tally: Tally) -> float:
    """Cohen's kappa, as `sklearn.metrics.cohen_kappa_score`."""
    return kappa_of(tally.matrix, tally.occurring)


def auc(tally: Tally, options: Options) -> Value:
    """Area under the ROC curve, as `sklearn.metrics.roc_auc_score`; one-vs-rest for several classes.

    "macro" and "weighted" average over the classes that can be ranked.
    """
    if tally.kind == "multiclass" and tally.scale == "margin":
        raise Undefined("one-vs-rest AUC is not defined for margins, which classes cannot be compared by")
    average = options.average_for(tally.kind)
    return binary_auc(tally) if tally.kind == "binary" else ranked_classes_auc(tally, average)


def auc_of_classes(tally: Tally) -> Value:
    """Area under the ROC curve of each class against the others; those of two classes are the same."""
    nothing = np.full(len(tally.classes), np.nan)
    if tally.kind == "binary":
        if tally.unranked:
            raise Undefined(one_sided(tally), nothing)
        return np.full(len(tally.classes), binary_auc(tally))
    if tally.kind == "multiclass" and tally.scale == "margin":
        raise Undefined("one-vs-rest AUC is not defined for margins, which classes cannot be compared by", nothing)
    return columns_auc(tally, None)


def _left_out(tally: Tally, options: Options) -> str:
    return "" if tally.kind == "binary" else left_out_of_auc(tally, options.average_for(tally.kind))


def _ranks_classes(tally: Tally, options: Options) -> bool:
    if tally.kind == "binary":
        return True
    comparable = tally.kind == "multilabel" or tally.scale != "margin"
    return comparable and options.average_for(tally.kind) not in ("micro", "samples")


def confusion(tally: Tally) -> np.ndarray:
    """The confusion matrix, C × C, rows true, columns predicted; multilabel L × 2 × 2."""
    return (tally.label_tables if tally.kind == "multilabel" else tally.matrix).copy()  # the user may change it


def _ratio(tally: Tally, options: Options, index: int, undefined: np.ndarray, cause: str) -> Value:
    average = options.average_for(tally.kind)
    # The average over one label is its own value; scikit-learn would average over those with and without it.
    single = is_single_label(tally) and average != "samples"
    value: Value = precision_recall_f1(
        tally,
        average="binary" if single else average,
        zero_division=options.zero_division,
        classes=(1,) if single else _classes(tally, average),
    )[index]
    value = np.array([value]) if single and average is None else value
    if undefined.any() and average not in ("samples", "micro"):
        gone = undefined & _in_average(tally, average)
        names = [name for name, is_gone in zip(tally.class_names, gone, strict=True) if is_gone]
        if names:
            raise Undefined(f"class {', '.join(names[:5])}{', …' if len(names) > 5 else ''} is {cause}", value)
    return np.array(value) if np.ndim(value) else value


def _classes(tally: Tally, average: str | None) -> tuple[int, ...] | None:
    """The indices of the classes that count; None: those that occur."""
    if average == "binary":
        return (tally.pos_index,)
    return tuple(range(len(tally.classes))) if average is None and tally.kind != "multilabel" else None


def _in_average(tally: Tally, average: str | None) -> np.ndarray:
    """Which classes count in the average: scikit-learn leaves out those that occur nowhere."""
    counted = np.zeros(len(tally.classes), bool)
    counted[list(_classes(tally, average) or tally.occurring)] = True
    return counted
