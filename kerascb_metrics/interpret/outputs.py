"""A model's outputs: each gets its own name, targets, weights, mask and losses, paired in this one place.

The rule is Keras's own (`CompileLoss` in `keras/src/trainers/compile_utils.py`): the flattened order of the structure
that the model returns, and names where there are names. tests/interpret/test_pairing.py compares the two.
"""

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from keras import tree

from kerascb_metrics.exceptions import DataError
from kerascb_metrics.interpret.losses import LossReading, read_losses

_ARRAYS = ("y_true", "y_pred", "sample_weight", "mask")

Path = tuple[Any, ...]


@dataclass(frozen=True, eq=False)
class Outputs:
    """The outputs of a model, in flattened order, with what the compiled loss says about each.

    Attributes:
        paths: where each output is in the structure: `()` for an output by itself.
        all_names: the name of each output, None for an unnamed output by itself.
        readings: the `LossReading` of each output.
        trained: whether each output has a loss.
        layer_names: the names that Keras gives to the outputs, or None.

    >>> outputs = Outputs.of({"b": 0, "a": 0}, loss={"a": "mse"})
    >>> outputs.names, outputs.loss_of("a").name, outputs.loss_of("b").name
    (('a', 'b'), 'mean_squared_error', 'none')
    """

    paths: tuple[Path, ...]
    all_names: tuple[str | None, ...]
    readings: tuple[LossReading, ...]
    trained: tuple[bool, ...]
    layer_names: tuple[str, ...] | None = None

    @classmethod
    def of(cls, structure: Any, loss: Any = None, layer_names: Sequence[str] | None = None) -> "Outputs":
        """Name the outputs and find their losses.

        Args:
            structure: what the model returns: an output, or lists, tuples and dicts of outputs, nested as they like.
            loss: the compiled loss.
            layer_names: the names that Keras gives to the outputs, in flattened order; None where it gives none.
        """
        paths = _paths(structure)
        known = tuple(layer_names) if layer_names and len(layer_names) == len(paths) else None
        readings, trained = _readings(loss, structure, known)
        return cls(paths, _names(paths, known), readings, trained, known)

    @property
    def names(self) -> tuple[str, ...]:
        """The names where there are several outputs; empty for one output."""
        return tuple(name for name in self.all_names if name is not None) if len(self.paths) > 1 else ()

    @property
    def keys(self) -> tuple[str | None, ...]:
        """What each output is known by in a `Plan`: its name; None for the only output."""
        return self.names or (None,)

    def loss_of(self, name: str | None) -> LossReading:
        """Return what the compiled loss says about an output (None: the only one)."""
        return self.readings[self.keys.index(name)]

    def axes_of(self, name: str | None, structure: Any) -> tuple[int | None, ...] | None:
        """Return the static shape of an output, from `ModelFacts.structure`; None where it is not known."""
        shapes = tree.flatten(structure)
        return shapes[self.keys.index(name)].axes if len(shapes) == len(self.paths) and structure is not None else None

    def refuse_axis(self, name: str | None, ndim: int) -> None:
        """Raise `DataError` where the loss of an output has classes on another axis than the last of `ndim`."""
        reading = self.loss_of(name)
        if reading.axis not in (-1, ndim - 1):
            of_output = "" if name is None else f"output {name!r}: "
            raise DataError(
                f"Metrics: {of_output}the loss {reading.name} has the classes on axis {reading.axis}, and scores are "
                "of classes on the last axis. Move them there, as with keras.layers.Permute and axis=-1."
            )

    def refuse_axes(self, structure: Any) -> None:
        """Do so for each output whose static shape is known, see `axes_of`."""
        for name in self.keys:
            axes = self.axes_of(name, structure)
            if axes is not None:
                self.refuse_axis(name, len(axes))

    def with_targets(self, y_true: Any) -> list[str | None]:
        """Return the outputs that a structure of targets has targets for; raise `DataError` if they do not fit."""
        found = self._by_output(y_true, "y_true")
        return [key for key, leaf in zip(self.keys, found, strict=True) if leaf is not None]

    def split(self, batches: Sequence[dict], only: str | None = None) -> dict[str | None, list[dict]]:
        """Return output name → its batches; for a model of one output, None → the batches.

        Outputs without targets are left out.

        Args:
            batches: dicts `y_true, y_pred, sample_weight, mask` of arrays, or of nested arrays by output.
            only: the name of one output, or None for all.
        """
        by_batch = [self._split(batch) for batch in batches]
        wanted = [key for key in self.keys if only in (None, key) or key is None]
        scored = [key for key in wanted if key is None or any(batch[key]["y_true"] is not None for batch in by_batch)]
        if not scored:
            raise DataError(
                f"Metrics: output {', '.join(map(repr, wanted))} has no targets to score against. Give targets by "
                f"output, as in a dict with the keys {', '.join(map(repr, self.names))}."
            )
        return {key: [batch[key] for batch in by_batch] for key in scored}

    def _split(self, batch: dict) -> dict[str | None, dict]:
        if _paths(batch["y_pred"]) != self.paths:
            raise DataError(
                f"Metrics: the model returned {_shown(batch['y_pred'])} for one validation batch, where it returned "
                f"the outputs {', '.join(map(str, self.all_names))} before. Let it return one structure."
            )
        columns = {name: self._by_output(batch[name], name) for name in _ARRAYS}
        return {key: {name: columns[name][i] for name in _ARRAYS} for i, key in enumerate(self.keys)}

    # How Keras pairs a structure of targets or weights with that of the outputs.

    def _by_output(self, values: Any, what: str) -> list:
        """One value per output, None where there is none."""
        leaves, paths = tree.flatten(values), _paths(values)
        if values is None:
            return [None] * len(self.paths)
        if paths == self.paths or (len(leaves) == len(self.paths) and (len(leaves) == 1 or _is_flat(values))):
            return leaves
        if what == "sample_weight" and len(leaves) == 1 and not isinstance(values, dict):
            return leaves * len(self.paths)  # Keras weighs the rows of every output alike
        # What is named goes by its name, also where Keras would go by the number of losses.
        by_output = self._by_key(values, paths, leaves) or self._by_loss(values, leaves)
        if by_output is None:
            names = ", ".join(map(str, self.names)) or "one output only"
            raise DataError(
                f"Metrics: {what} cannot be paired with the outputs ({names}): received {_shown(values)}. Give it as a "
                "dict by output name, or in the structure that the model returns."
            )
        return by_output

    def _by_key(self, values: Any, paths: tuple[Path, ...], leaves: list) -> list | None:
        """By key: of a dict of outputs, or of the names that Keras gives to a list of outputs."""
        if not isinstance(values, dict):
            return None
        own = self.paths
        listed = not any(path and isinstance(path[0], str) for path in own)
        if listed and self.layer_names is not None and _are_distinct(self.layer_names):
            own = tuple((name,) for name in self.layer_names)
        if not set(paths) <= set(own):
            return None
        by_path = dict(zip(paths, leaves, strict=True))
        return [by_path.get(path) for path in own]

    def _by_loss(self, values: Any, leaves: list) -> list | None:
        """In order to the outputs that have a loss, where only those have a value."""
        if isinstance(values, dict) and len(leaves) > 1:
            return None
        if len(leaves) != sum(self.trained):
            return None
        in_order = iter(leaves)
        return [next(in_order) if trained else None for trained in self.trained]


# Names.


def _names(paths: tuple[Path, ...], layer_names: tuple[str, ...] | None) -> tuple[str | None, ...]:
    """One name per output: keys where there are keys, else the names that Keras gives, else output_1, output_2 and on.

    Nested keys are joined by "/", as in the names of Keras's own losses.
    """
    if paths == ((),):
        return (None if layer_names is None else layer_names[0],)
    for last in (layer_names, None):
        names = tuple(_name(path, None if last is None else last[i]) for i, path in enumerate(paths))
        if _are_distinct(names):
            return names
    # A key that looks like a position: tell all of them apart by their full path.
    return tuple("/".join(map(repr, path)) for path in paths)


def _name(path: Path, layer_name: str | None) -> str:
    *outer, last = path
    if isinstance(last, int):
        last = f"output_{last + 1}" if layer_name is None else layer_name
    return "/".join(map(str, (*outer, last)))


# Losses.


class _UnpairedError(Exception):
    """A compiled loss that does not fit the outputs; Keras would refuse it when it first computes it."""


def _readings(
    loss: Any, structure: Any, layer_names: tuple[str, ...] | None
) -> tuple[tuple[LossReading, ...], tuple[bool, ...]]:
    paths = _paths(structure)
    try:
        losses = _losses(loss, structure, layer_names)
    except _UnpairedError as error:
        unread = LossReading(problem=f"the compiled loss does not fit the outputs: {error}")
        return (unread,) * len(paths), (False,) * len(paths)
    return tuple(map(read_losses, losses)), tuple(map(bool, losses))


def _losses(loss: Any, structure: Any, layer_names: tuple[str, ...] | None) -> list[list]:
    """The losses of each output, in flattened order: none, one, or several that Keras adds up."""
    if isinstance(loss, dict) and layer_names and not isinstance(structure, Mapping):
        if set(loss) != set(layer_names):
            raise _UnpairedError(f"it has the keys {_listed(loss)}, the outputs are {_listed(layer_names)}")
        loss = [loss[name] for name in layer_names]
    given = [own for own in tree.flatten(loss) if own is not None]
    if not tree.is_nested(structure) and isinstance(loss, dict) and len(given) == 1:
        return [given]  # a step of the user's own may hand over the only trained output
    found: dict[Path, list] = {path: [] for path in _paths(structure)}
    for path, own in _assigned(loss, structure, ()):
        found[path].append(own)
    return list(found.values())


def _assigned(loss: Any, structure: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    """Yield (path of an output, loss) as `CompileLoss._build_nested` pairs them."""
    leaves = [(*path, *below) for below in _paths(structure)]
    if not tree.is_nested(loss):
        yield from ((leaf, loss) for leaf in leaves if loss is not None)
    elif isinstance(loss, dict):
        yield from _assigned_by_key(loss, structure, path)
    elif len(loss) == len(leaves) and not any(map(tree.is_nested, loss)):
        yield from ((leaf, own) for leaf, own in zip(leaves, loss, strict=True) if own is not None)
    elif not isinstance(structure, type(loss)):
        for own in loss:
            yield from _assigned(own, structure, path)
    else:
        yield from _assigned_by_key(dict(enumerate(loss)), dict(enumerate(structure)), path)


def _assigned_by_key(loss: dict, structure: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    if not isinstance(structure, Mapping):
        raise _UnpairedError(f"it has the keys {_listed(loss)}, the outputs have none")
    for key, own in loss.items():
        if own is None:
            continue
        if key not in structure:
            raise _UnpairedError(f"it has the key {key!r}, the outputs have the keys {_listed(structure)}")
        yield from _assigned(own, structure[key], (*path, key))


# Structures.


def _paths(structure: Any) -> tuple[Path, ...]:
    if not tree.is_nested(structure):
        return ((),)
    return tuple(path for path, _ in tree.flatten_with_path(_placeholders(structure)))


def _placeholders(structure: Any) -> Any:
    """The structure with 0 for each leaf.

    `flatten_with_path` leaves a circle that would hold the arrays until it is collected, and mixes up the fields of a
    named tuple.
    """
    if isinstance(structure, dict):
        items = [(key, _placeholders(item)) for key, item in structure.items()]
        return OrderedDict(items) if isinstance(structure, OrderedDict) else dict(items)
    return [_placeholders(item) for item in structure] if isinstance(structure, list | tuple) else 0


def _is_flat(values: Any) -> bool:
    return isinstance(values, list | tuple) and not any(map(tree.is_nested, values))


def _are_distinct(names: Sequence[Any]) -> bool:
    return len(set(names)) == len(names)


def _listed(names: Any) -> str:
    return ", ".join(map(repr, names))


def _shown(values: Any) -> str:
    """A structure in a message, with the shape of each array.

    >>> import numpy as np
    >>> _shown({"a": np.zeros((2, 1)), "b": None})
    "{'a': (2, 1), 'b': None}"
    """
    return str(tree.map_structure(lambda leaf: getattr(leaf, "shape", leaf), values))
