"""How scores are written: the keys and floats of `logs`, and the entries of the history."""

import itertools

import numpy as np

from kerascb_metrics.score.panel import CELLS


def history_entries(values, class_names):
    """Return what the history keeps: every value, and a value a class under `<name>_<class>` too."""
    return {**values, **_per_class(values, class_names)}


def log_entries(values, class_names, kind, pos_index=1, matrices=("confusion",), all_cells=False):
    """Return what goes to `logs`, name → float.

    A matrix does not go as it is: Keras's TensorBoard dies of arrays, and the progress bar shows their mean.

    Args:
        values: name → float or array.
        class_names: the name of each class.
        kind: the kind of task.
        pos_index: the positive class of a binary task.
        matrices: the names that are confusion matrices.
        all_cells: whether the cells of matrices of any size are written, not of binary ones only.

    >>> log_entries({"f1": 0.5, "confusion": np.array([[3, 1], [0, 2]])}, ("0", "1"), "binary")
    {'f1': 0.5, 'tn': 3.0, 'fp': 1.0, 'fn': 0.0, 'tp': 2.0}
    """
    entries: dict[str, float] = {}
    for name, value in values.items():
        if name in matrices:
            own = _cells(name, value, class_names, kind, pos_index, all_cells)
        else:
            own = {name: value} if np.ndim(value) == 0 else _per_class({name: value}, class_names)
        double = sorted(entries.keys() & own.keys())
        if double:
            raise ValueError(f"Metrics: two scores would both write {', '.join(double)}. Give one another name.")
        entries.update(own)
    return entries


def _per_class(values, class_names):
    return {
        f"{name}_{of}": float(item)
        for name, value in values.items()
        if np.ndim(value) == 1
        # A function of the user's own may return as many values as it likes: they are numbered then.
        for of, item in zip(class_names if len(value) == len(class_names) else range(len(value)), value, strict=True)
    }


def _cells(name, matrix, class_names, kind, pos_index, all_cells):
    if np.ndim(matrix) == 0:
        return {}  # a matrix that could not be had
    own = "" if name == "confusion" else f"{name}_"
    if kind == "binary":
        seen_from_positive = matrix if pos_index == 1 else matrix[::-1, ::-1]
        return {f"{own}{cell}": float(count) for cell, count in zip(CELLS, seen_from_positive.ravel(), strict=True)}
    if not all_cells:
        return {}
    if kind == "multilabel":
        return {
            f"{own}{cell}_{label}": float(count)
            for label, table in zip(class_names, matrix, strict=True)
            for cell, count in zip(CELLS, table.ravel(), strict=True)
        }
    cells = {}
    for (row, true), (column, predicted) in itertools.product(enumerate(class_names), repeat=2):
        key = f"{name}_{true}_{predicted}"
        if key in cells:  # as "a_b" for "c" and "a" for "b_c"
            raise ValueError(f"Metrics: two cells of {name!r} would both be {key!r}. Give the classes other names.")
        cells[key] = float(matrix[row, column])
    return cells
