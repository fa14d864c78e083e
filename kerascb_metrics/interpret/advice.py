"""Which task fits rows that another one does not fit: errors name it. Each advice is tried on the rows first."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from kerascb_metrics.exceptions import DataError, MisfitError
from kerascb_metrics.interpret.join import Rows
from kerascb_metrics.interpret.kinds import RANKED, Kind
from kerascb_metrics.interpret.labeled_rows import LabeledRows
from kerascb_metrics.interpret.losses import LossReading
from kerascb_metrics.interpret.positions import flatten
from kerascb_metrics.interpret.soft_targets import look_soft
from kerascb_metrics.interpret.task_arguments import is_finite_number
from kerascb_metrics.interpret.tasks import TASKS
from kerascb_metrics.interpret.validation import SLACK, range_of

# Values that mark padding or missing targets in many data sets. Another value is never advised to be ignored.
_MARKERS = (-1, -100, 255)
# More different targets than this are not grades.
_MOST_GRADES = 20


def read_rows(task: Any, rows: Rows, loss: LossReading) -> LabeledRows:
    """Return the rows as a task reads them; if it does not fit, the error names one that does.

    Args:
        task: a task object.
        rows: the rows of one pass.
        loss: what the compiled loss tells about the output.

    Raises:
        DataError: if the rows do not fit the task.

    >>> read_rows(TASKS["multiclass"](), Rows(np.array([0, 1]), np.array([[0.2], [0.7]])), LossReading())
    Traceback (most recent call last):
        ...
    kerascb_metrics.exceptions.DataError: Metrics: a multiclass task needs ... Pass task='binary'.
    """
    try:
        labeled: LabeledRows = task.read(rows, loss)
    except MisfitError as error:
        # Who has grades named the task: another one would fit, and score something else.
        tried = () if task.kind == "ordinal" else RANKED
        others = [kind for kind in tried if kind != task.kind and (kind != "binary" or rows.columns <= 2)]
        remedy = advice(rows, loss, [task.kind, *others], given=task) or error.otherwise
        if task.kind not in ("ordinal", "regression") and remedy == error.otherwise:
            remedy = " ".join(filter(None, [remedy, advice(rows, loss, ["regression"])]))
        raise DataError(f"{error} {remedy}") from None
    return labeled


def advice(rows: Rows, loss: LossReading, kinds: Sequence[Kind], *, most: int = 1, given: Any = None) -> str:
    """Return a sentence with the tasks that read the rows without an error; empty if there is none.

    Args:
        rows: the rows of one pass.
        loss: what the compiled loss tells about the output.
        kinds: the kinds of task to try, in this order.
        most: how many tasks to name.
        given: a task that does not fit, whose other arguments are kept.
    """
    found: dict[Kind, str] = {}
    renumbers = False
    if rows.mask is not None and not rows.mask.any():  # a trial that hides every row
        rows = replace(rows, mask=None)
    for kind in kinds:
        if len(found) == most:
            break
        for options in _options(kind, rows, loss, given):
            try:
                TASKS[kind](**options).read(rows, loss)
            except ValueError:
                continue
            found[kind] = _shown(kind, options)
            renumbers = renumbers or not options.keys().isdisjoint(("pos_label", "labels"))
            break
    if not found:
        return ""
    return f"Pass {' or '.join(found.values())}.{_trained_on(loss) if renumbers else ''}"


def _trained_on(loss: LossReading) -> str:
    """Return what the compiled loss makes of labels with other numbers: Keras trains on them without an error."""
    takes = {"binary": "0 and 1", "categorical": "class numbers from 0"}.get(loss.family or "")
    return f" If the model is trained on them, change them instead: {loss.name} takes {takes}." if takes else ""


def _options(kind: Kind, rows: Rows, loss: LossReading, given: Any) -> Iterator[dict[str, Any]]:
    """Yield the options to try, the simplest first."""
    kept = {} if given is None or given.kind != kind else _kept(given)
    targets, nan = _targets(rows)
    basis: dict[str, Any] = {**kept}
    if nan:
        basis["ignore_class"] = float("nan")
    if kind == "regression":
        yield basis
        return
    if kind == "ordinal":
        yield from ({**basis, **labels} for labels in _grades(targets, kept))
        return
    if look_soft(targets):
        basis["soft_targets"] = True
    scales = _scales(kind, rows, loss, kept)
    for special in ({}, *_special(kind, rows, targets)):
        for scale in scales:
            yield {**basis, **special, **scale}


def as_written(task: Any, **options: Any) -> str:
    """Return a task with other options, as the user writes it.

    >>> as_written(TASKS["multiclass"](labels=[3, 5]), ignore_class=-1)
    'task=Multiclass(labels=(3, 5), ignore_class=-1)'
    """
    return _shown(task.kind, {**_kept(task), **options})


def _kept(given: Any) -> dict[str, Any]:
    """Return the arguments that the user passed."""
    return {name: value for name, value in vars(given).items() if _is_given(value, getattr(type(given), name, None))}


def _is_given(value: Any, default: Any) -> bool:
    return isinstance(value, np.ndarray) or value != default


def _targets(rows: Rows) -> tuple[np.ndarray, bool]:
    """Return the targets that are not NaN, and whether there are others; masked positions do not count."""
    try:
        targets = flatten(rows.unweighted(), rows.columns).y_true
    except ValueError:
        targets = rows.y_true
    missing = np.isnan(targets) if targets.dtype.kind == "f" else np.zeros(targets.shape, bool)
    return targets[~missing], bool(missing.any())


def _scales(kind: Kind, rows: Rows, loss: LossReading, kept: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the options that say what the outputs are."""
    if rows.y_pred.dtype.kind != "f" and rows.y_pred.dtype.name != "bfloat16":
        return [{}]
    lowest, highest = range_of(rows.y_pred)
    if lowest >= 0 and highest <= 1 + SLACK:
        return [{"from_logits": False}] if loss.problem else [{}]
    threshold = kept.get("threshold")
    if kind == "multiclass":
        return [{"from_logits": True}]
    if is_finite_number(threshold):
        return [{"from_logits": False}]
    if loss.family == "regression":
        return [{"threshold": threshold or 0.5, "from_logits": False}]
    return [{"from_logits": True}] if not loss.from_logits and loss.family != "hinge" else [{}]


def _special(kind: Kind, rows: Rows, targets: np.ndarray) -> Iterator[dict[str, Any]]:
    """Yield the options for targets that are not numbered from 0."""
    values = np.unique(targets).tolist()
    for marker in _MARKERS:
        if marker in values:
            yield {"ignore_class": marker}
    if kind == "binary" and len(values) == 2:
        yield {"pos_label": values[1]}
    if kind == "multiclass" and len(values) == rows.columns:
        yield {"labels": values}


def _grades(targets: np.ndarray, kept: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the labels of grades to try: those that occur, or 0 … C−1 of several columns."""
    values = np.unique(targets)
    if len(values) > _MOST_GRADES:
        return
    given = np.asarray(kept.get("labels", values[:0]))
    yield {"labels": np.union1d(given, values).tolist()}
    yield {"labels": values.tolist()}
    yield {"labels": None}


def _shown(kind: Kind, options: dict[str, Any]) -> str:
    """Return a task as the user writes it."""
    shown = ", ".join(f"{name}={_value(value)}" for name, value in options.items() if value is not None)
    task = f"{TASKS[kind].__name__}({shown})" if shown else repr(kind)
    return f"task={task}"


def _value(value: Any) -> str:
    if isinstance(value, np.ndarray):
        value = value.tolist()
    return "float('nan')" if isinstance(value, float) and value != value else repr(value)
