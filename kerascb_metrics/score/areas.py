"""Areas under ROC curves, and average precision: the panel's `auc`, and scikit-learn's names for them."""

from collections.abc import Iterator
from functools import partial

import numpy as np

from kerascb_metrics.interpret.kinds import RANKED, Kind
from kerascb_metrics.interpret.weights import for_sums
from kerascb_metrics.score.score import Needs, Score, Undefined, Value, rows_of
from kerascb_metrics.score.sklearn_scorers import decision_of, run_named_scorer
from kerascb_metrics.tally.exact import rankable
from kerascb_metrics.tally.ranking import auc_of_pairs, auc_of_rows, rank
from kerascb_metrics.tally.tally import Tally

# scikit-learn's names of the area under ROC curves, and how each averages.
_AREAS = {
    "roc_auc": "macro",
    "roc_auc_ovo": "macro",
    "roc_auc_ovo_weighted": "weighted",
    "roc_auc_ovr": "macro",
    "roc_auc_ovr_weighted": "weighted",
}


def area_scores() -> Iterator[Score]:
    """Yield the scores of scikit-learn's names that rank the rows."""
    for name in _AREAS:
        # No table has one class against another, and "roc_auc" is not defined for several classes.
        in_rows = "ovo" in name or name == "roc_auc"
        needs: dict[Kind, Needs] = {
            "binary": "ranking",
            "multiclass": "rows" if in_rows else "ranking",
            "multilabel": "ranking",
            "regression": "rows",
        }
        yield Score(
            name,
            partial(roc_auc, name=name),
            needs,
            ranks_classes=partial(_area_ranks_classes, name=name),
            needs_proba=name != "roc_auc",
        )
    yield Score(
        "average_precision",
        average_precision,
        {**dict.fromkeys(RANKED, "ranking"), "regression": "rows"},
        ranks_classes=_precision_ranks_classes,
        averages_precision=True,
        of_classes=average_precision_of_classes,
    )


def one_sided(tally: Tally) -> str:
    """Describe the classes that cannot be ranked."""
    empty = [name for name, mass in zip(tally.class_names, tally.true_mass, strict=True) if mass == 0]
    names = ", ".join((empty or tally.unranked)[:5])
    return f"no true label of class {names}" if empty else f"every row has the label {names}"


# Areas.


def binary_auc(tally: Tally) -> float:
    """ROC AUC of a binary task."""
    if tally.unranked:
        raise Undefined(one_sided(tally))
    return tally.rankings()[tally.pos_index].auc


def columns_auc(tally: Tally, average: str | None) -> Value:
    """ROC AUC one-vs-rest, or of labels, averaged as scikit-learn does; `Undefined` where a column is one-sided.

    Args:
        tally: of a multiclass or multilabel task.
        average: as in `sklearn.metrics.roc_auc_score`.
    """
    if average == "samples":
        return _auc_over_samples(tally)
    if average == "micro":
        return _auc_of_all(tally)
    values = np.full(len(tally.classes), np.nan)
    for index, ranking in tally.rankings().items():
        values[index] = ranking.auc
    return _average_of_classes(values, tally, average)


def ranked_classes_auc(tally: Tally, average: str | None) -> Value:
    """The panel's ROC AUC of several classes: "macro" and "weighted" average over the classes that can be ranked.

    A class cannot be ranked if none of the rows, or all of them, belong to it. scikit-learn's names stay nan then.

    Args:
        tally: of a multiclass or multilabel task.
        average: as in `sklearn.metrics.roc_auc_score`.

    Raises:
        Undefined: if no class can be ranked; for `average=None`, if one cannot, with one value per class.
    """
    ranked = np.flatnonzero(~tally.one_sided)
    if average not in ("macro", "weighted") or not len(ranked):
        return columns_auc(tally, average)
    rankings = tally.rankings()
    areas = np.array([rankings[index].auc for index in ranked.tolist()])
    weights = for_sums(tally.true_mass[ranked]) if average == "weighted" else None
    return float(np.average(areas, weights=weights))


def left_out_of_auc(tally: Tally, average: str | None) -> str:
    """Say over how many classes the panel's ROC AUC averages, and which it leaves out; "" if it leaves out none."""
    left_out, count = tally.unranked, len(tally.classes)
    if average not in ("macro", "weighted") or len(left_out) in (0, count):
        return ""
    empty = [name for name, mass in zip(tally.class_names, tally.true_mass, strict=True) if mass == 0]
    full = [name for name in left_out if name not in set(empty)]
    causes = [(empty, "no row"), (full, "every row")]
    reasons = " and ".join(f"{rows} has {_quoted(names)}" for names, rows in causes if names)
    noun = "labels" if tally.kind == "multilabel" else "classes"
    return f"averages over {count - len(left_out)} of {count} {noun}: {reasons}"


def _quoted(names: list[str], limit: int = 10) -> str:
    return ", ".join(map(repr, names[:limit])) + (", …" if len(names) > limit else "")


def _auc_over_samples(tally: Tally) -> float:
    exact = rows_of(tally)
    labels = exact.y_true.sum(axis=1)
    if ((labels == 0) | (labels == exact.y_true.shape[1])).any():
        raise Undefined("a row has none of the labels, or all")
    weight = exact.sample_weight
    return auc_of_rows(exact.y_true, exact.y_score, None if weight is None else for_sums(weight))


def _auc_of_all(tally: Tally) -> float:
    """Every (row, column) a row of its own."""
    if not tally.true_mass.any():
        raise Undefined("no row has a label")
    if tally.kind == "multilabel" and not tally.label_tables[:, 0].any():
        raise Undefined("every row has every label")
    return tally.pooled().auc


def _average_of_classes(values: np.ndarray, tally: Tally, average: str | None) -> Value:
    """Average a ranking score over classes; `Undefined` where a class is one-sided.

    Args:
        values: one per class; nan where it is one-sided.
        tally: of a multiclass or multilabel task.
        average: "macro", "weighted" or None.
    """
    mass = tally.true_mass
    value: Value
    if average == "weighted" and mass.any():
        occurring = mass > 0  # a class without weight has none in the average
        value = np.average(values[occurring], weights=for_sums(mass[occurring]))
    else:
        value = values if average is None else values.mean()
    if tally.unranked and (average != "weighted" or np.isnan(value)):
        raise Undefined(one_sided(tally), value)
    return value


# scikit-learn's names.


def roc_auc(tally: Tally, name: str) -> Value:
    """Return the ROC AUC for a scikit-learn scorer name, from the rankings if possible."""
    if not _is_ranked(name, tally):
        value: Value = run_named_scorer(name, tally)
        return value
    if tally.kind == "binary":
        return binary_auc(tally)
    if tally.kind == "multiclass" and len(tally.classes) == 2:
        return _auc_of_two(name, tally)
    several = tally.kind == "multilabel" and len(tally.classes) > 1
    if several and name.endswith("weighted") and not tally.true_mass.any():
        raise Undefined(one_sided(tally), 0.0)  # as scikit-learn has it
    if tally.kind == "multilabel" or "ovo" not in name:
        return columns_auc(tally, _AREAS[name])
    if tally.unranked:
        raise Undefined(one_sided(tally))
    exact = rows_of(tally)
    return auc_of_pairs(exact.y_true, rankable(exact.y_score), weighted=name.endswith("weighted"))


def _is_ranked(name: str, tally: Tally) -> bool:
    """Tell whether rankings give the area of a name; where not, scikit-learn raises its own error."""
    if tally.kind == "regression":
        return False
    two_classes = tally.kind == "multiclass" and len(tally.classes) == 2
    if name == "roc_auc":  # of the raw outputs; not defined for more classes
        return tally.kind != "multiclass" or two_classes
    of_pairs = "ovo" in name and tally.kind == "multiclass" and not two_classes
    return tally.labeling.has_proba and not (of_pairs and tally.weighted)


def _area_ranks_classes(tally: Tally, name: str) -> bool:
    if not _is_ranked(name, tally):
        return False
    if tally.kind == "multiclass" and len(tally.classes) == 2:
        return name != "roc_auc" and not tally.unranked
    if tally.kind == "multiclass" and "ovo" in name:
        return False
    unweighted = not (name.endswith("weighted") and len(tally.classes) > 1 and not tally.true_mass.any())
    return tally.kind != "multilabel" or unweighted


def _auc_of_two(name: str, tally: Tally) -> float:
    """Two columns are a binary problem to scikit-learn: one area, of the greater label."""
    if tally.unranked:
        raise Undefined(one_sided(tally))
    index = int(np.argsort(tally.classes)[1])
    if name != "roc_auc":
        return tally.rankings()[index].auc
    exact = rows_of(tally)
    return rank(exact.is_of(index), rankable(decision_of(exact)), exact.sample_weight).auc


# Average precision.


def average_precision(tally: Tally) -> Value:
    """Average precision as scikit-learn has it: macro over columns; for a binary task that of `pos_label`."""
    if tally.kind == "regression":
        own: Value = run_named_scorer("average_precision", tally)
        return own
    if _is_of_two(tally):
        return _average_precision_of_two(tally)
    values, empty = _precision_of_columns(tally)
    one = tally.kind == "binary"
    value = values[tally.pos_index] if one else values.mean()
    if empty[tally.pos_index] if one else empty.any():
        raise Undefined(one_sided(tally), value)
    return float(value)


def average_precision_of_classes(tally: Tally) -> Value:
    """Average precision of each class against the others."""
    values, empty = _precision_of_columns(tally)
    if tally.kind == "binary":
        other = 1 - tally.pos_index
        values[other] = _precision_of_other(tally, other) if not tally.unranked else values[other]
    if empty.any():
        raise Undefined(one_sided(tally), values)
    return values


def _precision_of_columns(tally: Tally) -> tuple[np.ndarray, np.ndarray]:
    """Return the average precision of each class that has a ranking, and which classes are of no row.

    A class of all rows has 1, because nothing wrong is above any threshold. A class of no row has 0.
    """
    empty = tally.true_mass == 0
    values = np.where(empty, 0.0, 1.0)
    for index, ranking in tally.rankings(precision=True).items():
        values[index] = ranking.average_precision
    return values, empty


def _precision_of_other(tally: Tally, index: int) -> float:
    """Return the average precision of the class of a binary task that is not ranked: its rows, from the other end."""
    if not tally.has_rows:
        raise ValueError(
            "average_precision of both classes of a binary task needs the rows. Pass memory='exact', or leave it out."
        )
    exact = rows_of(tally)
    y_score = rankable(exact.y_score)
    ranking = rank(exact.is_of(index), y_score if index else -y_score, exact.sample_weight, precision=True)
    return _precision_of(ranking.average_precision)


def _is_of_two(tally: Tally) -> bool:
    return tally.kind == "multiclass" and len(tally.classes) == 2 and 1 in tally.classes.tolist()


def _precision_ranks_classes(tally: Tally) -> bool:
    if tally.kind == "regression":
        return False
    return not _is_of_two(tally) or not (tally.has_rows or tally.unranked or tally.scale == "margin")


def _average_precision_of_two(tally: Tally) -> float:
    """The average precision of class 1 of two columns, by their difference: scikit-learn takes 1 as positive."""
    index = tally.classes.tolist().index(1)
    if tally.true_mass[index] == 0:
        raise Undefined(one_sided(tally), 0.0)
    if tally.unranked:
        return 1.0
    if not tally.has_rows:
        if tally.scale == "margin":
            raise ValueError("average precision of two columns of margins needs the rows. Pass memory='exact'.")
        return _precision_of(tally.rankings(precision=True)[index].average_precision)
    exact = rows_of(tally)
    y_score = rankable(decision_of(exact))  # of the greater label
    y_score = -y_score if tally.classes[index] == tally.classes.min() else y_score
    ranking = rank(exact.is_of(index), y_score, exact.sample_weight, precision=True)
    return _precision_of(ranking.average_precision)


def _precision_of(value: float | None) -> float:
    assert value is not None  # asked for with precision=True
    return value
