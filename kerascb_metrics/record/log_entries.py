"""How scores are recorded: as floats in `logs`, and as entries of the history."""

import itertools
from collections.abc import Container, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from kerascb_metrics.record.values import Value, is_number
from kerascb_metrics.score.panel import CELLS


def history_entries(
    values: Mapping[str, Value], class_names: Sequence[str], by_class: Mapping[str, Value] | None = None
) -> dict[str, Value]:
    """Return what the history keeps: each value and, where there is one per class, each as `<name>_<class>` too.

    Args:
        values: name → float or array.
        class_names: the name of each class.
        by_class: name → one value per class, for scores whose own value is an average.
    """
    return {**values, **per_class_entries(values, class_names), **per_class_entries(by_class or {}, class_names)}


def log_entries(
    values: Mapping[str, Value],
    class_names: Sequence[str],
    kind: str,
    pos_index: int = 1,
    matrices: Container[str] = ("confusion",),
    all_cells: bool = False,
    by_class: Mapping[str, Value] | None = None,
) -> dict[str, float]:
    """Return what goes to `logs`, name → float, without prefix.

    A matrix is written as its cells: Keras's TensorBoard fails on arrays, and the progress bar shows their mean.

    Args:
        values: name → float or array.
        class_names: the name of each class.
        kind: the kind of task.
        pos_index: the positive class of a binary task.
        matrices: the names that are confusion matrices.
        all_cells: whether to write the cells of every matrix, not of binary ones only.
        by_class: as in `history_entries`.

    Raises:
        ValueError: if two entries would have the same name.

    >>> log_entries({"f1": 0.5, "confusion": np.array([[3, 1], [0, 2]])}, ("0", "1"), "binary")
    {'f1': 0.5, 'tn': 3.0, 'fp': 1.0, 'fn': 0.0, 'tp': 2.0}
    """
    entries: dict[str, float] = {}
    for name, value in values.items():
        if name in matrices:
            added = _cells(name, value, class_names, kind, pos_index, all_cells)
        else:
            added = {name: value} if is_number(value) else per_class_entries({name: value}, class_names)
        if by_class and name in by_class:
            added = {**added, **per_class_entries({name: by_class[name]}, class_names)}
        double = sorted(entries.keys() & added.keys())
        if double:
            raise ValueError(f"Metrics: two scores would both write {', '.join(double)}. Give them different names.")
        entries.update(added)
    return entries


def per_class_entries(values: Mapping[str, Value], class_names: Sequence[str]) -> dict[str, float]:
    """Return `<name>_<class>` → float, for the values that are one per class."""
    vectors = {
        name: np.asarray(value)
        for name, value in values.items()
        if not isinstance(value, float) and np.ndim(value) == 1
    }
    return {
        f"{name}_{of}": float(item)
        for name, vector in vectors.items()
        # A user's function may return any number of values. They are numbered if there is not one per class.
        for of, item in zip(class_names if len(vector) == len(class_names) else range(len(vector)), vector, strict=True)
    }


def _cells(
    name: str, matrix: Value, class_names: Sequence[str], kind: str, pos_index: int, all_cells: bool
) -> dict[str, float]:
    if not isinstance(matrix, np.ndarray) or not matrix.ndim:
        return {}  # the matrix is undefined
    if kind == "binary":
        return _binary_cells("" if name == "confusion" else f"{name}_", matrix, pos_index)
    if not all_cells:
        return {}
    if kind == "multilabel":
        return _cells_of_labels("" if name == "confusion" else f"{name}_", matrix, class_names)
    return _cells_of_classes(name, matrix, class_names)


def _binary_cells(prefix: str, matrix: npt.NDArray[Any], pos_index: int) -> dict[str, float]:
    seen_from_positive = matrix if pos_index == 1 else matrix[::-1, ::-1]
    return {f"{prefix}{cell}": float(count) for cell, count in zip(CELLS, seen_from_positive.ravel(), strict=True)}


def _cells_of_labels(prefix: str, tables: npt.NDArray[Any], labels: Sequence[str]) -> dict[str, float]:
    return {
        f"{prefix}{cell}_{label}": float(count)
        for label, table in zip(labels, tables, strict=True)
        for cell, count in zip(CELLS, table.ravel(), strict=True)
    }


def _cells_of_classes(name: str, matrix: npt.NDArray[Any], class_names: Sequence[str]) -> dict[str, float]:
    cells: dict[str, float] = {}
    for (row, true), (column, predicted) in itertools.product(enumerate(class_names), repeat=2):
        key = f"{name}_{true}_{predicted}"
        if key in cells:  # such as "a_b" for "c" and "a" for "b_c"
            raise ValueError(f"Metrics: two cells of {name!r} would both be {key!r}. Give the classes different names.")
        cells[key] = float(matrix[row, column])
    return cells
