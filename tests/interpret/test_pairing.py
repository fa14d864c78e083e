"""Outputs, targets, weights and losses are paired as Keras pairs them."""

import functools

import keras
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from keras import tree
from keras.src.trainers.compile_utils import CompileLoss  # the reference: what Keras itself pairs

from kerascb_metrics import DataError
from kerascb_metrics.interpret.outputs import Outputs
from tests.support.structures import Tag, losses, structures, tagged, values


class Recorded(keras.losses.Loss):
    """A loss that only records what it receives."""

    def __init__(self, name, seen):
        super().__init__(name=name)
        self.seen = seen

    def __call__(self, y_true, y_pred, sample_weight=None):
        self.seen.append((self.name, y_true, y_pred, sample_weight))
        return 0.0


def own_loss(name, seen):
    """A loss whose class has this name, because a `LossReading` is named after the class."""
    return type(name, (Recorded,), {})(name, seen)


def paired_by_keras(loss, seen, structure, y_true, weight, layer_names):
    """(loss, target, output, weight) as Keras's CompileLoss pairs them; None if it raises."""
    compiled = CompileLoss(loss, output_names=layer_names)
    try:
        compiled(y_true, structure, weight)
    except (KeyError, ValueError, TypeError, IndexError, AttributeError):
        return None
    return list(seen)


@st.composite
def problems(draw):
    structure = tagged(draw(structures()), "p")
    count = len(tree.flatten(structure))
    named = draw(st.booleans())
    layer_names = [f"layer_{place}" for place in draw(st.permutations(range(count)))] if named else None
    seen = []
    loss = draw(losses(structure, functools.partial(own_loss, seen=seen)))
    if named and not isinstance(structure, dict) and draw(st.booleans()):
        flat = tree.flatten(tree.map_structure(lambda leaf: own_loss(f"l{leaf.name}", seen), structure))
        loss = dict(zip(layer_names, flat, strict=True))
    y_true = draw(values(structure, loss, "t", layer_names))
    weight = draw(st.one_of(st.none(), st.just(Tag("w0")), values(structure, loss, "w", layer_names)))
    return structure, layer_names, loss, seen, y_true, weight


def paired_by_us(structure, layer_names, loss, y_true, weight):
    outputs = Outputs.of(structure, loss, layer_names)
    mask = tree.map_structure(lambda leaf: None, structure)
    batch = {"y_true": y_true, "y_pred": structure, "sample_weight": weight, "mask": mask}
    split = outputs.split([batch])
    found = []
    for key, reading in zip(outputs.keys, outputs.readings, strict=True):
        names = [] if reading.name == "none" else reading.name.split(" + ")
        for name in names:
            own = split.get(key, [{}])[0]
            found.append((name, own.get("y_true"), own.get("y_pred"), own.get("sample_weight")))
    return found


@pytest.mark.parametrize("examples", [150, pytest.param(600, marks=pytest.mark.slow)])
def test_outputs_are_paired_as_keras_pairs_them(examples):
    """At least every second example is a problem that Keras accepts; most of these have structures."""
    paired = []

    @given(problems())
    @settings(max_examples=examples)
    def same(problem):
        structure, layer_names, loss, seen, y_true, weight = problem
        theirs = paired_by_keras(loss, seen, structure, y_true, weight, layer_names)
        assume(theirs)
        # A loss of a whole structure belongs to none of its outputs.
        assume(all(isinstance(leaf, Tag | None) for _, *row in theirs for leaf in row))
        paired.append(structure)
        ours = paired_by_us(structure, layer_names, loss, y_true, weight)
        assert sorted(map(str, ours)) == sorted(map(str, theirs))

    same()
    assert len(paired) >= examples / 2
    assert sum(map(tree.is_nested, paired)) >= examples / 3


@pytest.mark.parametrize(
    ("structure", "layer_names", "names"),
    [
        (0, None, (None,)),
        (0, ["head"], ("head",)),
        ([0, 0], None, ("output_1", "output_2")),
        ([0, 0], ["head", "tail"], ("head", "tail")),
        ([0, 0], ["head", "head"], ("output_1", "output_2")),
        ({"b": 0, "a": 0}, ["head", "tail"], ("a", "b")),
        ({"b": [0, 0], "a": 0}, None, ("a", "b/output_1", "b/output_2")),
        ({"a": {"b": 0}, "a/b": 0}, None, ("'a'/'b'", "'a/b'")),
    ],
)
def test_every_output_has_a_name_of_its_own(structure, layer_names, names):
    outputs = Outputs.of(structure, layer_names=layer_names)
    assert outputs.all_names == names
    assert outputs.keys == (names if len(names) > 1 else (None,))


def test_which_outputs_have_targets():
    outputs = Outputs.of({"b": 0, "a": 0, "c": 0}, {"a": "mse", "b": None, "c": "mse"})
    assert outputs.with_targets({"a": 1, "c": 2}) == ["a", "c"]
    assert outputs.with_targets([1, 2]) == ["a", "c"]
    assert outputs.with_targets([1, 2, 3]) == ["a", "b", "c"]
    assert outputs.with_targets(None) == []


def test_nested_lists_of_losses():
    outputs = Outputs.of([[0, 0], 0], [["mse", "mae"], "bce"])
    assert [reading.name for reading in outputs.readings] == [
        "mean_squared_error",
        "mean_absolute_error",
        "binary_crossentropy",
    ]


@pytest.mark.parametrize(
    ("structure", "name", "begins"),
    [(0, None, "Metrics: the loss sparse"), ({"a": 0, "b": 0}, "a", "Metrics: output 'a'")],
)
def test_classes_on_another_axis_are_refused_by_the_name_of_the_output(structure, name, begins):
    loss = keras.losses.SparseCategoricalCrossentropy(axis=1)
    outputs = Outputs.of(structure, loss if name is None else {"a": loss})
    outputs.refuse_axis(name, 2)
    with pytest.raises(DataError, match=f"^{begins}.* has the classes on axis 1"):
        outputs.refuse_axis(name, 3)
