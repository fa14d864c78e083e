"""Random structures of outputs, losses, targets and weights, for hypothesis."""

from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st
from keras import tree

KEYS = ("a", "b", "c_1", "x")


@dataclass(frozen=True)
class Tag:
    """Stands for an array; its name shows which arrays were paired."""

    name: str
    shape: tuple = (4,)


def _containers(child):
    return st.one_of(
        st.lists(child, min_size=1, max_size=3),
        st.lists(child, min_size=1, max_size=3).map(tuple),
        st.dictionaries(st.sampled_from(KEYS), child, min_size=1, max_size=3),
    )


def structures(flat=False):
    """Structures of outputs: a single one, lists, tuples and dicts, flat or nested."""
    leaf = st.just(0)
    return (
        st.one_of(leaf, _containers(leaf)) if flat else st.one_of(leaf, _containers(st.one_of(leaf, _containers(leaf))))
    )


def tagged(structure, prefix):
    """The structure with a `Tag` for each leaf, numbered in flattened order."""
    count = iter(range(100))
    return tree.map_structure(lambda leaf: Tag(f"{prefix}{next(count)}"), structure)


@st.composite
def losses(draw, structure, own_loss):
    """Losses as Keras takes them: one, one per output, some None, some left out, or several for one output."""
    n = len(tree.flatten(structure))
    kind = draw(st.sampled_from(["one", "same", "flat", "some", "several"]))
    count = iter(range(100))

    def loss_or_none(leaf=None):
        return None if draw(st.booleans()) and kind in ("some", "flat") else own_loss(f"l{next(count)}")

    if kind == "one":
        return own_loss("l0")
    if kind == "several":
        return [own_loss("l0"), own_loss("l1"), own_loss("l2")]
    if kind == "flat":
        return [loss_or_none() for _ in range(n)]
    found = tree.map_structure(loss_or_none, structure)
    if kind == "some" and isinstance(found, dict):
        found = {key: value for key, value in found.items() if draw(st.booleans())} or found
    return found


@st.composite
def values(draw, structure, losses_, prefix, layer_names=None) -> Any:
    """Targets or weights: as the outputs, flat, by layer name, only for outputs with a loss, or one array."""
    leaves = tagged([0] * len(tree.flatten(structure)), prefix)
    kind = draw(st.sampled_from(["same", "flat", "other", "by name", "with loss", "one", "none left"]))
    if kind == "same":
        return tree.pack_sequence_as(structure, leaves)
    if kind == "flat":
        return draw(st.sampled_from([list, tuple]))(leaves)
    if kind == "other":  # lists for tuples, tuples for lists
        return _swapped(tree.pack_sequence_as(structure, leaves))
    if kind == "by name" and layer_names:
        return dict(zip(layer_names, leaves, strict=True))
    if kind == "with loss" and isinstance(losses_, list | tuple | dict):
        count = sum(loss is not None for loss in tree.flatten(losses_))
        if isinstance(losses_, dict) and isinstance(structure, dict) and draw(st.booleans()):
            packed = tree.pack_sequence_as(structure, leaves)
            return {key: packed[key] for key, loss in losses_.items() if loss is not None and key in packed}
        return leaves[:count]
    if kind == "one":
        return leaves[0]
    return tree.pack_sequence_as(structure, leaves)


def _swapped(value):
    if isinstance(value, dict):
        return {key: _swapped(item) for key, item in value.items()}
    if isinstance(value, list):
        return tuple(_swapped(item) for item in value)
    return [_swapped(item) for item in value] if isinstance(value, tuple) else value
