"""What is known about a model's outputs before a batch has run."""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras
from keras import tree


@dataclass(frozen=True, eq=False)
class ModelFacts:
    """A model's compiled loss and outputs, as far as they are known without a batch. It holds no part of the model.

    Attributes:
        loss: the compiled loss, in the structure that was passed to `compile`; None if there is none.
        layer_names: the names that Keras gives to the outputs, in flattened order; None if it gives none (Sequential
            and subclassed models).
        structure: the structure of the outputs, each replaced by its static shape in a `Shape`; None if it is not
            known.
        masking_layer: the name of a layer that makes a mask of padding; None if there is none.
        is_fit_pass: whether the pass is fit's own, in which the loss gets the sample weights too.
    """

    loss: Any = None
    layer_names: tuple[str, ...] | None = None
    structure: Any = None
    masking_layer: str | None = None
    is_fit_pass: bool = False


@dataclass(frozen=True)
class Shape:
    """The static shape of an output. None is an axis of unknown length. A plain tuple would count as a structure."""

    axes: tuple[int | None, ...]


def loss_and_output_names(model: Any) -> ModelFacts:
    """Return the loss of a model and the names and shapes of its outputs, in new containers."""
    names = getattr(model, "output_names", None)
    return ModelFacts(
        _own_containers(getattr(model, "loss", None)),
        None if names is None else tuple(names),
        _structure_of(model),
        next(_masking_layers(model), None),
    )


def _masking_layers(layer: Any) -> Iterator[str]:
    for inner in getattr(layer, "layers", ()):
        if isinstance(inner, keras.layers.Masking) or getattr(inner, "mask_zero", False):
            yield inner.name
        else:
            yield from _masking_layers(inner)


def _structure_of(model: Any) -> Any:
    outputs = getattr(model, "output" if hasattr(model, "output_names") else "outputs", None)
    leaves = [leaf for leaf in tree.flatten(outputs) if isinstance(leaf, keras.KerasTensor)]
    if not leaves or len(leaves) < len(tree.flatten(outputs)):
        return None
    if isinstance(outputs, list | tuple) and len(outputs) == 1:
        outputs = outputs[0]  # a functional or Sequential model returns its only output by itself
    return _own_containers(tree.map_structure(lambda leaf: Shape(tuple(leaf.shape)), outputs))


def _own_containers(value: Any) -> Any:
    """Return a copy of nested containers: a model's own containers hold references to the model."""
    if isinstance(value, OrderedDict):  # `tree` flattens it in its own order, a dict in the order of its keys
        return OrderedDict((key, _own_containers(item)) for key, item in value.items())
    if isinstance(value, dict):
        return {key: _own_containers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_own_containers(item) for item in value]
    if isinstance(value, tuple) and type(value) is tuple:
        return tuple(_own_containers(item) for item in value)
    return value
