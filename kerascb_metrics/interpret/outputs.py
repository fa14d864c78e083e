"""The outputs of a model, each paired with its name, targets, weights, mask and losses.

The rule is Keras's own (`CompileLoss` in `keras/src/trainers/compile_utils.py`): names if there are names, else the
flattened order of the structure that the model returns. tests/interpret/test_pairing.py compares the two.
"""

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from keras import tree

from kerascb_metrics.exceptions import DataError
from kerascb_metrics.interpret.join import Batch
from kerascb_metrics.interpret.losses import LossReading, read_losses

Path = tuple[Any, ...]
# A batch of all outputs: `y_true, y_pred, sample_weight, mask`, each an array, a structure of arrays, or None.
NestedBatch = Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Outputs:
    """The outputs of a model, in flattened order, with what the compiled loss tells about each.

    Attributes:
        paths: where each output is in the structure; `()` for a single output without one.
        all_names: the name of each output; None for a single output without a name.
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
            structure: what the model returns: an output, or lists, tuples and dicts of outputs, nested in any way.
            loss: the compiled loss.
            layer_names: the names that Keras gives to the outputs, in flattened order; None if it gives none.
        """
        paths = _paths(structure)
        known = tuple(layer_names) if layer_names and len(layer_names) == len(paths) else None
        readings, trained = _readings(loss, structure, known)
        return cls(paths, _names(paths, known), readings, trained, known)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of several outputs; empty if there is only one output."""
        return tuple(name for name in self.all_names if name is not None) if len(self.paths) > 1 else ()

    @property
    def keys(self) -> tuple[str | None, ...]:
        """The key of each output in a `Plan`: its name; None for a single output."""
        return self.names or (None,)

    def loss_of(self, name: str | None) -> LossReading:
        """Return what the compiled loss tells about an output (None: the single one)."""
        return self.readings[self.keys.index(name)]

    def axes_of(self, name: str | None, structure: Any) -> tuple[int | None, ...] | None:
        """Return the static shape of an output; None if it is not known.

        Args:
            name: the name of the output; None for a single output.
            structure: `ModelFacts.structure`.
        """
        shapes = tree.flatten(structure)
        if structure is None or len(shapes) != len(self.paths):
            return None
        axes: tuple[int | None, ...] = shapes[self.keys.index(name)].axes
        return axes

    def refuse_axis(self, name: str | None, ndim: int) -> None:
        """Raise `DataError` if the loss of an output has the classes on another axis than the last.

        Args:
            name: the name of the output; None for a single output.
            ndim: how many axes the output has.
        """
        reading = self.loss_of(name)
        if reading.axis not in (-1, ndim - 1):
            of_output = "" if name is None else f"output {name!r}: "
            raise DataError(
                f"Metrics: {of_output}the loss {reading.name} has the classes on axis {reading.axis}, but scores need "
                "them on the last axis. Move them there (keras.layers.Permute does) and pass axis=-1 to the loss."
            )

    def refuse_axes(self, structure: Any) -> None:
        """Call `refuse_axis` for each output whose static shape is known.

        Args:
            structure: `ModelFacts.structure`.
        """
        for name in self.keys:
            axes = self.axes_of(name, structure)
            if axes is not None:
                self.refuse_axis(name, len(axes))

    def with_targets(self, y_true: Any) -> list[str | None]:
        """Return the keys of the outputs that have targets.

        Args:
            y_true: the targets, in any structure that Keras accepts.

        Raises:
            DataError: if the targets cannot be paired with the outputs.
        """
        found = self._by_output(y_true, "y_true")
        return [key for key, leaf in zip(self.keys, found, strict=True) if leaf is not None]

    def split(self, batches: Sequence[NestedBatch], only: str | None = None) -> dict[str | None, list[Batch]]:
        """Return the batches of each output that has targets.

        Args:
            batches: batches of all outputs.
            only: the name of one output, or None for all.

        Returns:
            Key of an output → its batches. The key is its name; None for a single output.

        Raises:
            DataError: if no output has targets, or arrays cannot be paired with the outputs.
        """
        by_batch = [self._split(batch) for batch in batches]
        wanted = [key for key in self.keys if only in (None, key) or key is None]
        scored = [key for key in wanted if key is None or any(batch[key]["y_true"] is not None for batch in by_batch)]
        if not scored:
            raise DataError(
                f"Metrics: output {_listed(wanted)} has no targets to score against. Pass the targets as a dict with "
                f"the keys {_listed(self.names)}."
            )
        return {key: [batch[key] for batch in by_batch] for key in scored}

    def _split(self, batch: NestedBatch) -> dict[str | None, Batch]:
        if _paths(batch["y_pred"]) != self.paths:
            raise DataError(
                f"Metrics: the model returned {_shown(batch['y_pred'])} for one validation batch, but the outputs "
                f"{', '.join(map(str, self.all_names))} for the first one. Return the same structure for every batch."
            )
        y_true = self._by_output(batch["y_true"], "y_true")
        y_pred = self._by_output(batch["y_pred"], "y_pred")
        sample_weight = self._by_output(batch["sample_weight"], "sample_weight")
        mask = self._by_output(batch["mask"], "mask")
        arrays = zip(y_true, y_pred, sample_weight, mask, strict=True)
        parts = (Batch(y_true=y, y_pred=p, sample_weight=w, mask=m) for y, p, w, m in arrays)
        return dict(zip(self.keys, parts, strict=True))

    # How Keras pairs a structure of targets or weights with that of the outputs.

    def _by_output(self, values: Any, name: str) -> list[Any]:
        """Return one value per output; None for an output without one."""
        leaves: list[Any] = tree.flatten(values)
        paths = _paths(values)
        if values is None:
            return [None] * len(self.paths)
        if paths == self.paths or (len(leaves) == len(self.paths) and (len(leaves) == 1 or _is_flat(values))):
            return leaves
        if name == "sample_weight" and len(leaves) == 1 and not isinstance(values, dict):
            return leaves * len(self.paths)  # as Keras does: the same weights for every output
        # Names come first, even if Keras would go by the number of losses.
        by_output = self._by_key(values, paths, leaves) or self._by_loss(values, leaves)
        if by_output is None:
            names = ", ".join(self.names) or "a single output"
            raise DataError(
                f"Metrics: {name} cannot be paired with the outputs ({names}): received {_shown(values)}. Pass a dict "
                "by output name, or the structure that the model returns."
            )
        return by_output

    def _by_key(self, values: Any, paths: tuple[Path, ...], leaves: list[Any]) -> list[Any] | None:
        """Pair by key: a key of a dict of outputs, or a name that Keras gives to one in a list of outputs."""
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

    def _by_loss(self, values: Any, leaves: list[Any]) -> list[Any] | None:
        """Pair in order with the outputs that have a loss, if there are as many values as losses."""
        if isinstance(values, dict) and len(leaves) > 1:
            return None
        if len(leaves) != sum(self.trained):
            return None
        in_order = iter(leaves)
        return [next(in_order) if trained else None for trained in self.trained]


# Names.


def _names(paths: tuple[Path, ...], layer_names: tuple[str, ...] | None) -> tuple[str | None, ...]:
    """Return one name per output: its key, else the name that Keras gives, else output_1, output_2 and so on.

    Nested keys are joined by "/", as in the names of Keras's own losses.
    """
    if paths == ((),):
        return (None if layer_names is None else layer_names[0],)
    for last in (layer_names, None):
        names = tuple(_name(path, None if last is None else last[i]) for i, path in enumerate(paths))
        if _are_distinct(names):
            return names
    # A key looks like such a default name: use the full path of every output.
    return tuple("/".join(map(repr, path)) for path in paths)


def _name(path: Path, layer_name: str | None) -> str:
    *outer, last = path
    if isinstance(last, int):
        last = f"output_{last + 1}" if layer_name is None else layer_name
    return "/".join(map(str, (*outer, last)))


# Losses.


class _UnpairedError(Exception):
    """A compiled loss does not fit the outputs; Keras would raise when it first computes the loss."""


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


def _losses(loss: Any, structure: Any, layer_names: tuple[str, ...] | None) -> list[list[Any]]:
    """Return the losses of each output, in flattened order: none, one, or several that Keras adds up."""
    if isinstance(loss, dict) and layer_names and not isinstance(structure, Mapping):
        if set(loss) != set(layer_names):
            raise _UnpairedError(f"it has the keys {_listed(loss)}, the outputs are {_listed(layer_names)}")
        loss = [loss[name] for name in layer_names]
    given = [own for own in tree.flatten(loss) if own is not None]
    if not tree.is_nested(structure) and isinstance(loss, dict) and len(given) == 1:
        return [given]  # a custom step may pass only the output that is trained
    found: dict[Path, list[Any]] = {path: [] for path in _paths(structure)}
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


def _assigned_by_key(loss: dict[Any, Any], structure: Any, path: Path) -> Iterator[tuple[Path, Any]]:
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
    """Return the structure with 0 for each leaf.

    `flatten_with_path` of the arrays themselves would leave a reference cycle that keeps them alive until it is
    collected, and it mixes up the fields of a named tuple.
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
    """Return a structure as text, with the shape of each array.

    >>> import numpy as np
    >>> _shown({"a": np.zeros((2, 1)), "b": None})
    "{'a': (2, 1), 'b': None}"
    """
    return str(tree.map_structure(lambda leaf: getattr(leaf, "shape", leaf), values))
