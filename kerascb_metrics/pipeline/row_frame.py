"""The rows of a pass as a pandas frame: all, the hardest, or the mistakes that the model was surest of."""

import numbers
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from kerascb_metrics.insight.row_losses import answers, highest, losses, name_of_answers, wrongness
from kerascb_metrics.interpret.grouping import one_per_sample
from kerascb_metrics.interpret.thresholds import compared_in
from kerascb_metrics.tally.exact import ExactTally

# Numbers of the targets in their flattened order: of labels, or of columns of a regression, each row has several.
_Numbers = npt.NDArray[np.intp]


def all_rows(tally: ExactTally, groups: object, means: np.ndarray | None = None) -> Any:
    """Return all rows, see `Predictions.to_frame`.

    Args:
        tally: the rows, labelled as they were scored.
        groups: None, or the groups of the samples.
        means: None, or the mean probability of each target over epochs.
    """
    present = tally.labeled.present
    chosen = np.arange(tally.y_true.size) if present is None else np.flatnonzero(present)
    return _frame(tally, chosen, groups, means)


def hardest_rows(tally: ExactTally, n: int, groups: object, means: np.ndarray | None = None) -> Any:
    """Return the rows of the highest loss, see `Predictions.hardest`.

    Args:
        tally: the rows, labelled as they were scored.
        n: how many.
        groups: None, or the groups of the samples.
        means: None, or the mean probability of each target over epochs.
    """
    n = _checked_count(n)
    values = wrongness(tally.labeling, tally.y_true, tally.outputs, _cuts(tally)).ravel()
    counted = _counted(tally)
    if counted is None:
        return _frame(tally, highest(values, n), groups, means)
    chosen = np.flatnonzero(counted)
    return _frame(tally, chosen[highest(values[chosen], n)], groups, means)


def surest_mistakes(tally: ExactTally, n: int, groups: object, means: np.ndarray | None = None) -> Any:
    """Return the rows whose label is wrong, see `Predictions.confident_mistakes`.

    Args:
        tally: the rows, labelled as they were scored.
        n: how many.
        groups: None, or the groups of the samples.
        means: None, or the mean probability of each target over epochs.
    """
    n = _checked_count(n)
    if tally.kind == "regression":
        raise ValueError("a regression has no labels, and so no mistakes: `hardest` has the rows of the highest loss.")
    counted, wrong = _counted(tally), tally.y_true != tally.y_pred
    chosen = np.flatnonzero(wrong if counted is None else wrong & counted)
    name = "loss" if name_of_answers(tally.labeling) == "output" else "probability"
    values: np.ndarray = _columns(tally, chosen)[name]
    return _frame(tally, chosen[highest(values, n)], groups, means)


def _checked_count(n: object) -> int:
    if not isinstance(n, numbers.Integral) or isinstance(n, bool) or n < 1:
        raise ValueError(f"n must be a whole number of rows, 1 or more; received {n!r}.")
    return int(n)


def _counted(tally: ExactTally) -> npt.NDArray[np.bool_] | None:
    """Return which targets are present and have weight, in their shape; None: all."""
    present, weight = tally.labeled.present, tally.sample_weight
    if weight is None or weight.all():
        return present
    has_weight = np.broadcast_to(_beside(weight, tally.y_true), tally.y_true.shape) > 0
    return has_weight if present is None else has_weight & present


def _beside(weight: np.ndarray, y_true: np.ndarray) -> np.ndarray:
    return weight if weight.ndim == y_true.ndim else weight[:, None]


def _cuts(tally: ExactTally) -> np.ndarray | None:
    """Return above which output a margin is positive, in the shape of the targets; None: the outputs are no margins."""
    if tally.threshold is None or tally.scale != "margin":
        return None
    if tally.chosen is None:
        return np.broadcast_to(np.asarray(tally.threshold, compared_in(tally.outputs)), tally.y_true.shape)
    cuts: np.ndarray = tally.chosen.cuts[tally.folds]
    return cuts[:, 0] if tally.kind == "binary" else cuts


def _columns(tally: ExactTally, chosen: _Numbers) -> dict[str, np.ndarray]:
    """Return name → column, without what tells where the rows are."""
    labeling, where = tally.labeling, np.unravel_index(chosen, tally.y_true.shape)
    y_true, outputs, cuts = tally.y_true[where], tally.outputs[where], _cuts(tally)
    # Of classes only the labels that are shown: those of all rows take most of the time.
    y_pred = tally.labeling.apply(outputs) if tally.outputs.ndim > tally.y_true.ndim else tally.y_pred[where]
    found = {"target": _labels(tally, y_true)}
    if tally.kind != "regression":
        found["label"] = _labels(tally, y_pred)
    found[name_of_answers(labeling)] = answers(labeling, y_pred, outputs)
    found["loss"] = losses(labeling, y_true, outputs, None if cuts is None else cuts[where])
    weight = tally.sample_weight
    if weight is not None:
        found["weight"] = weight[where[: weight.ndim]]
    return found


def _labels(tally: ExactTally, indices: np.ndarray) -> np.ndarray:
    if tally.kind == "regression":
        return indices
    return indices.astype(np.int64) if tally.kind == "multilabel" else np.take(tally.classes, indices.astype(np.intp))


def _frame(tally: ExactTally, chosen: _Numbers, groups: object, means: np.ndarray | None) -> Any:
    pd = _pandas()
    where = np.unravel_index(chosen, tally.y_true.shape)
    kept = tally.labeled.kept
    rows = where[0] if kept is None else np.flatnonzero(kept)[where[0]]
    columns: dict[Any, np.ndarray] = {}
    samples: npt.NDArray[np.integer] = rows
    if tally.of_positions and tally.rows is not None:
        samples, position = tally.rows.places(rows, tally.positions)
        columns.update(sample=samples, position=position)
    if len(where) > 1:
        is_labels = tally.kind == "multilabel"
        columns |= {"class": np.asarray(tally.class_names)[where[1]]} if is_labels else {"column": where[1]}
    columns |= _columns(tally, chosen)
    if means is not None:
        columns["mean_probability"] = means[where]
    for name, values in _groups(groups, tally.samples).items():
        if name in columns:
            raise ValueError(f"groups has a column {name!r}, as the rows have. Give it another name.")
        columns[name] = values[samples]
    return pd.DataFrame(columns, index=pd.Index(rows, name="row", dtype="int64"))


def _groups(groups: Any, samples: int) -> dict[Any, np.ndarray]:
    """Return name → the group of each sample."""
    if groups is None:
        return {}
    if isinstance(groups, Mapping) or hasattr(groups, "columns"):  # a frame has its columns as keys
        names = getattr(groups, "columns", groups)
        return {name: one_per_sample(groups[name], samples, f"groups[{name!r}]") for name in names}
    name = getattr(groups, "name", None)
    return {"group" if name in (None, "") else name: one_per_sample(groups, samples)}


def _pandas() -> Any:
    try:
        import pandas as pd
    except ImportError as error:
        raise ImportError(
            'A frame of rows needs pandas, which cannot be imported: pip install "kerascb_metrics[pandas]", or '
            "pip install pandas."
        ) from error
    return pd
